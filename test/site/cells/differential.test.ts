/**
 * Random programs of cells give in a page what they give in the kernel.
 */
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileWith } from "../../../site/cells/code/compile.ts";
import { openSession } from "../../../site/cells/session.ts";
import { PROJECT_ROOT } from "../../../src/jupyter/paths.ts";
import { type ChildSession, startSession } from "../../../src/jupyter/session/child-session.ts";
import type { Session } from "../../../src/notebook/session.ts";
import { runCell } from "../../jupyter/cells.ts";
import { program } from "./programs.ts";

let kernel: ChildSession;
let page: Session;

beforeAll(() => {
  kernel = startSession(`${PROJECT_ROOT}/notebooks`);
  page = openSession({
    load: (specifier) => import(/* @vite-ignore */ specifier),
    compiler: async () => compileWith(ts),
    host: () => Promise.reject(new Error("no program draws")),
    meta: {},
  });
});

afterAll(() => Promise.all([kernel.close(), page.close()]));

async function told(session: Session, code: string) {
  const { status, value, stdout, ename } = await runCell(session, code);
  return { status, value, stdout, ename };
}

test.each(Array.from({ length: 150 }, (_, i) => i + 1))("the program of seed %i", async (seed) => {
  const cells = program(seed);
  for (const [i, code] of cells.entries())
    expect(await told(page, code), `cell ${i} of seed ${seed}:\n${cells.slice(0, i + 1).join("\n---\n")}`).toEqual(
      await told(kernel, code),
    );
});
