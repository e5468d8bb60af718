/**
 * The examples of the page on showing values run, one after another, as a reader would run them.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type ChildSession, startSession } from "../../src/jupyter/session/child-session.ts";
import { plain, runCell } from "./cells.ts";

const PAGE = `${PROJECT_ROOT}/site/content/docs/jupyter-display.md`;

let session: ChildSession;

beforeAll(() => {
  session = startSession(PROJECT_ROOT);
});
afterAll(() => session.close());

test("every example runs, and those that show something say it in text too", async () => {
  const examples = [...readFileSync(PAGE, "utf8").matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!);
  expect(examples.length).toBeGreaterThan(5);
  for (const code of examples) {
    const { status, trace, outputs } = await runCell(session, code);
    expect(status, `${code}\n${plain(trace)}`).toBe("ok");
    for (const output of outputs)
      if (output.output_type === "execute_result") expect(output.data, code).toHaveProperty(["text/plain"]);
  }
});
