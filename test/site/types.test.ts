/**
 * The type check that pages have must be the kernel's: the same problems at the same places for the same cells, with the
 * disk on one side and the type environment of the built site on the other.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { answersFrom, answersOf } from "../../site/types/answers.ts";
import type { Archive } from "../../site/types/archive.ts";
import { declarations } from "../../site/types/declarations.ts";
import { typeEnvironment } from "../../site/types/environment.ts";
import type { Questions } from "../../site/types/messages.ts";
import { createChecker } from "../../src/jupyter/cells/checker.ts";
import { onDisk } from "../../src/jupyter/cells/on-disk.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { listNotebooks, readNotebook } from "../../src/notebook/file.ts";
import { RUNNING, SHARING, type Story, TYPES } from "../jupyter/semantics.ts";

const FOLDER = `${PROJECT_ROOT}/notebooks`;
const notebooks = await listNotebooks(FOLDER);
const kernel = answersOf(createChecker(onDisk(FOLDER)));
let environment: Archive;
let page: Questions;

beforeAll(() => {
  environment = typeEnvironment(declarations().texts);
  page = answersFrom(environment);
});

/** The problems of cells one after another, each cell without any seen by the next ones. */
function problemsOf(cells: readonly string[], asks: Questions) {
  asks.forget();
  return cells.map((code) => {
    const problems = asks.check(code);
    if (problems.length === 0) asks.commit(code);
    return problems;
  });
}

describe.each([...SHARING, ...TYPES, ...RUNNING] satisfies Story[])("$name", ({ cells }) => {
  test("has the kernel's problems in a page", () => {
    const codes = cells.map(([code]) => code);
    expect(problemsOf(codes, page)).toEqual(problemsOf(codes, kernel));
  });
});

describe.each(TYPES)("$name", ({ cells }) => {
  test("has a type error in just those cells where the story tells one", () => {
    const found = problemsOf(
      cells.map(([code]) => code),
      page,
    );
    for (const [i, [code, expected]] of cells.entries()) {
      const messages = found[i]!.map(({ message }) => message).join("\n");
      if (expected?.error?.[0] === "TypeCheckError") expect(messages).toContain(expected.error[1]);
      else expect(messages, code).toBe("");
    }
  });
});

test.each(notebooks)("%s has no problem in a page", async (name) => {
  const { cells } = await readNotebook(`${FOLDER}/${name}`);
  const codes = cells.filter((cell) => cell.cell_type === "code").map(({ source }) => source);
  expect(problemsOf(codes, page).flat()).toEqual([]);
  expect(problemsOf(codes, kernel).flat()).toEqual([]);
});

test.each(['import { figure } from "ptlab";\nfigure({ ', "[1].", "Math.m", "con"])(
  "%j is completed as in the kernel",
  (code) => {
    expect(page.complete(code, code.length)).toEqual(kernel.complete(code, code.length));
  },
);

test("a name of the simulator is told with its type and its documentation", () => {
  const code = 'import { parseSize } from "ptlab";\nparseSize("4K")';
  expect(page.inspect(code, code.length - 6)).toMatch(
    /^\(alias\) parseSize\(text: string\): number\n[\s\S]*\n\nA byte count/,
  );
});

test("the type environment holds no path of the machine that made it", () => {
  expect(JSON.stringify(environment)).not.toContain(PROJECT_ROOT);
});
