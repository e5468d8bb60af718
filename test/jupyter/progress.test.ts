/**
 * Progress bars of cells: seen while a cell computes, and at the end the same whatever the time was.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { type ChildSession, startSession } from "../../src/jupyter/session/child-session.ts";
import type { OutputEvent } from "../../src/notebook/outputs.ts";
import { runCell } from "./cells.ts";

let session: ChildSession;

beforeAll(async () => {
  session = startSession(PROJECT_ROOT);
  await runCell(session, `import { progress, progressBar } from "ptlab/jupyter";`);
});
afterAll(() => session.close());

/** What is stored of the bars of a cell. */
async function stored(code: string): Promise<unknown[]> {
  const { outputs } = await runCell(session, code);
  return outputs.flatMap((o) => (o.output_type === "display_data" ? [o.data["text/plain"]] : []));
}

const textOf = (event: OutputEvent): string => (event.type === "update" ? String(event.data["text/plain"]) : "");

const BUSY = "const spin = (ms: number) => { for (const end = Date.now() + ms; Date.now() < end; ); };";

test.each([
  ["numbers below a total", "for (const i of progress(3, 'runs')) seen.push(i);", "[ 0, 1, 2 ]", "runs: 3 of 3"],
  ["the items of an array", "for (const i of progress(['a', 'b'])) seen.push(i);", "[ 'a', 'b' ]", "2 of 2"],
  ["a set", "for (const i of progress(new Set([7]), 's')) seen.push(i);", "[ 7 ]", "s: 1 of 1"],
  ["what has no size", "for (const i of progress([1, 2].values(), 'v')) seen.push(i);", "[ 1, 2 ]", "v: 2"],
  ["nothing", "for (const i of progress([], 'none')) seen.push(i);", "[]", "none: 0 of 0"],
  [
    "what comes in time",
    "for await (const i of progress((async function* () { yield 1; })(), 'late')) seen.push(i);",
    "[ 1 ]",
    "late: 1",
  ],
])("a loop over %s gives all of it and leaves how many there were", async (_, loop, seen, left) => {
  const code = `const seen: unknown[] = []; ${loop} seen`;
  expect(await stored(code)).toEqual([left]);
  expect((await runCell(session, code)).value).toBe(seen);
});

test("what a front end shows that cannot replace it is true also at the end", async () => {
  const first: unknown[] = [];
  const onEvent = (event: OutputEvent) => {
    if (event.type === "output" && event.output.output_type === "display_data")
      first.push(event.output.data["text/plain"]);
  };
  await runCell(session, "for (const i of progress(3, 'runs')) i; for (const i of progress([1].values(), 'more')) i;", {
    onEvent,
  });
  expect(first).toEqual(["[                    ] runs: 3 to come", "[...] more"]);
});

test("a loop may have more turns than an array has room for", async () => {
  expect(await stored("for (const i of progress(5e9, 'many')) if (i === 2) break;")).toEqual(["many: 2 of 5000000000"]);
});

test.each(["-1", "1.5", "NaN", "Infinity", "2 ** 53"])("a loop over %s is refused where it is asked for", async (n) => {
  const { ename, evalue, outputs } = await runCell(session, `progress(${n})`);
  expect([ename, evalue]).toEqual([
    "UserError",
    expect.stringMatching(/is no number of turns: a whole number from 0 is$/),
  ]);
  expect(outputs).toMatchObject([{ output_type: "error" }]);
});

test("a loop that is left early says where", async () => {
  expect(await stored("for (const i of progress(10, 'left')) if (i === 4) break;")).toEqual(["left: 4 of 10"]);
  expect(await stored("for (const i of progress(10, 'thrown')) if (i === 2) throw new Error('x');")).toEqual([
    "thrown: 2 of 10",
  ]);
});

test("a bar moves while the cell computes without a pause", async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const onEvent = (event: OutputEvent) => {
    if (event.type !== "update") return;
    seen.push(textOf(event));
    stop.abort();
  };
  const { status } = await runCell(
    session,
    `${BUSY} for (const i of progress(1000, "busy")) spin(5); while (true) {}`,
    { signal: stop.signal, onEvent },
  );
  expect(status).toBe("aborted");
  expect(seen[0]).toMatch(/^\[#* *\] busy: \d+ of 1000, \d+ (s|min) left$/);
  expect(seen.at(-1)).toMatch(/^busy: \d+ of 1000, interrupted$/);
});

test("an interrupted loop over a bar does not go on in the background", async () => {
  const stop = new AbortController();
  const code = `import { stat } from "node:fs/promises";
    let reached = 0;
    for (const i of progress(1e9)) { await stat("."); reached = i; }`;
  await runCell(session, code, { signal: stop.signal, onEvent: (event) => event.type === "update" && stop.abort() });
  const reached = async () => (await runCell(session, `await stat("."); await stat("."); reached`)).value;
  expect(await reached()).toBe(await reached());
});

test("a bar is moved by what the library tells, and is full when the cell has ended well", async () => {
  expect(await stored(`const bar = progressBar("parts"); for (let i = 0; i < 4; i++) bar(i, 4);`)).toEqual([
    "parts: 4 of 4",
  ]);
  expect(await stored(`const failing = progressBar("parts"); failing(1, 4); throw new Error("x");`)).toEqual([
    "parts: 1 of 4",
  ]);
});

test("an experiment of the library takes a bar", async () => {
  const code = `import { liveFigure } from "ptlab";
    await liveFigure("fork-copy").make({}, {}, { progress: progressBar("orders") });`;
  const [left] = await stored(code);
  expect(left).toMatch(/^orders: (\d+) of \1$/);
});

test("a stored bar is the same bytes twice, in a browser and in text", async () => {
  const once = async () => {
    const { outputs } = await runCell(session, `for (const i of progress(5, "<b>")) i;`);
    return JSON.stringify(outputs);
  };
  const first = await once();
  expect(first).toBe(await once());
  expect(JSON.parse(first)[0].data).toEqual({
    "text/html": "<span>&lt;b&gt;: 5 of 5</span>",
    "text/plain": "<b>: 5 of 5",
  });
});
