/**
 * The stories that the kernel is tested with, told to the runner of cells in a page. Without a type checker, what a story says
 * of type errors is left out, and how much that is is said.
 */

import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileWith } from "../../../site/cells/code/compile.ts";
import { openSession } from "../../../site/cells/session.ts";
import type { Session } from "../../../src/notebook/session.ts";
import { runCell } from "../../jupyter/cells.ts";
import { type Expected, IN_NODE, RUNNING, SHARING, type Story, TYPES } from "../../jupyter/semantics.ts";

/** What only a kernel in Node gives. */
const OF_NODE = ["modules of Node, of packages and of CommonJS are imported in all forms"];

const needsTypes = (expected: Expected | undefined): boolean => expected?.error?.[0] === "TypeCheckError";

const groups = [
  ["sharing", SHARING],
  ["types", TYPES],
  ["running", RUNNING],
  ["names of the realm", IN_NODE.filter(({ name }) => !OF_NODE.includes(name))],
] as const;

const cells = groups.flatMap(([, stories]) => stories.flatMap((story) => story.cells));
const unchecked = cells.filter(([, expected]) => needsTypes(expected)).length;

describe(`cells of a page (${unchecked} of ${cells.length} cells left out: they hold errors of type)`, () => {
  describe.each(groups)("%s", (_, stories) => {
    let session: Session;
    beforeAll(() => {
      session = openSession({
        load: (specifier) => import(/* @vite-ignore */ specifier),
        compiler: async () => compileWith(ts),
        host: () => Promise.reject(new Error("no story draws")),
        meta: {},
      });
    });
    afterAll(() => session.close());

    test.each(stories.map((story) => [story.name, story] as const))("%s", async (_name, story: Story) => {
      for (const [code, expected] of story.cells)
        if (!needsTypes(expected)) expect(await gives(code, expected), code).toEqual(told(expected));
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
