/**
 * The stories that the kernel is tested with, told to the runner of cells in a page, which checks types with the kernel's own
 * check.
 */

import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileWith } from "../../../site/cells/code/compile.ts";
import { openSession, type Place } from "../../../site/cells/session.ts";
import { answersOf } from "../../../site/types/answers.ts";
import { createChecker } from "../../../src/jupyter/cells/checker.ts";
import { onDisk } from "../../../src/jupyter/cells/on-disk.ts";
import { PROJECT_ROOT } from "../../../src/jupyter/paths.ts";
import type { Session } from "../../../src/notebook/session.ts";
import { runCell } from "../../jupyter/cells.ts";
import { type Expected, IN_NODE, RUNNING, SHARING, type Story, TYPES } from "../../jupyter/semantics.ts";

/** What only a kernel in Node gives. */
const OF_NODE = ["modules of Node, of packages and of CommonJS are imported in all forms"];

const groups = [
  ["sharing", SHARING],
  ["types", TYPES],
  ["running", RUNNING],
  ["names of the realm", IN_NODE.filter(({ name }) => !OF_NODE.includes(name))],
] as const;

/** The kernel's check, as a page has it. */
function checker(): Place["checker"] {
  const kernels = answersOf(createChecker(onDisk(`${PROJECT_ROOT}/notebooks`)));
  return { check: async (code) => kernels.check(code), commit: async (code) => kernels.commit(code) };
}

describe("cells of a page", () => {
  describe.each(groups)("%s", (_, stories) => {
    let session: Session;
    beforeAll(() => {
      session = openSession({
        load: (specifier) => import(/* @vite-ignore */ specifier),
        compiler: async () => compileWith(ts),
        host: () => Promise.reject(new Error("no story draws")),
        meta: {},
        checker: checker(),
      });
    });
    afterAll(() => session.close());

    test.each(stories.map((story) => [story.name, story] as const))("%s", async (_name, story: Story) => {
      for (const [code, expected] of story.cells) expect(await gives(code, expected), code).toEqual(told(expected));
    });

    async function gives(code: string, expected: Expected = {}) {
      const ran = await runCell(session, code);
      const isAsked = (part: string) => ran.evalue?.includes(part);
      const error =
        ran.status === "ok" ? undefined : [ran.ename, isAsked(expected.error?.[1] ?? "") ? true : ran.evalue];
      return {
        error,
        ...(expected.value === undefined ? {} : { value: ran.value ?? null }),
        ...(expected.stdout === undefined ? {} : { stdout: ran.stdout }),
      };
    }

    const told = ({ error, ...rest }: Expected = {}) => ({ error: error && [error[0], true], ...rest });
  });
});
