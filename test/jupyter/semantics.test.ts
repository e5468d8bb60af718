/**
 * The stories of `semantics.ts`, told to the kernel's session.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type ChildSession, startSession } from "../../src/jupyter/session/child-session.ts";
import { runCell } from "./cells.ts";
import { type Expected, IN_NODE, RUNNING, SHARING, type Story, TYPES } from "./semantics.ts";

describe.each([
  ["sharing", SHARING],
  ["types", TYPES],
  ["running", RUNNING],
  ["in Node", IN_NODE],
])("%s", (_, stories) => {
  let session: ChildSession;
  beforeAll(() => {
    session = startSession(`${PROJECT_ROOT}/notebooks`);
  });
  afterAll(() => session.close());

  test.each(stories.map((story) => [story.name, story] as const))("%s", async (_name, { cells }: Story) => {
    for (const [code, expected] of cells) expect(await gives(code, expected), code).toEqual(told(expected));
  });

  async function gives(code: string, expected: Expected = {}) {
    const ran = await runCell(session, code);
    const isAsked = (part: string) => ran.evalue?.includes(part);
    const error = ran.status === "ok" ? undefined : [ran.ename, isAsked(expected.error?.[1] ?? "") ? true : ran.evalue];
    return {
      error,
      ...(expected.value === undefined ? {} : { value: ran.value ?? null }),
      ...(expected.stdout === undefined ? {} : { stdout: ran.stdout }),
    };
  }

  const told = ({ error, ...rest }: Expected = {}) => ({ error: error && [error[0], true], ...rest });
});
