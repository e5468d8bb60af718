/**
 * Cells that were written for tslab: its display module shows through this kernel, and is typed.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type ChildSession, startSession } from "../../src/jupyter/session/child-session.ts";
import type { OutputEvent } from "../../src/notebook/outputs.ts";
import { runCell } from "./cells.ts";

let session: ChildSession;

beforeAll(() => {
  session = startSession(`${PROJECT_ROOT}/notebooks`);
});
afterAll(() => session.close());

test("what tslab's display shows is display_data of the cell that shows it", async () => {
  const code = `import * as tslab from "tslab";\ntslab.display.html("<b>4K</b>");\ntslab.display.raw("text/csv", "size\\n4096");`;
  const { outputs } = await runCell(session, code);
  expect(outputs).toMatchObject([
    { output_type: "display_data", data: { "text/html": "<b>4K</b>" } },
    { output_type: "display_data", data: { "text/csv": "size\n4096" } },
  ]);
});

test("a display of tslab's is updated in its place", async () => {
  const events: OutputEvent[] = [];
  const code = `const shown = tslab.newDisplay();\nshown.text("one");\nshown.text("two");`;
  const { status } = await runCell(session, code, { onEvent: (event) => void events.push(event) });
  expect(status).toBe("ok");
  const [first, second] = events;
  expect(first).toMatchObject({ type: "output", output: { data: { "text/plain": "one" } } });
  expect(second).toMatchObject({ type: "update", data: { "text/plain": "two" } });
  expect(first?.type === "output" && second?.type === "update" && first.displayId === second.displayId).toBe(true);
});

test("a call that tslab's types do not allow stops the cell", async () => {
  const { evalue } = await runCell(session, "tslab.display.html(4096);");
  expect(evalue).toMatch(/line 1, column 20: .*TS2345/);
});
