import { describe, expect, test } from "vitest";
import type { OutputEvent } from "../../src/notebook/outputs.ts";
import { CellFailure, RunInterrupted, runNotebook } from "../../src/notebook/run.ts";
import { formatNotebook } from "../../src/notebook/write.ts";
import { code, fakeSession, notebook, prose, shows, stream } from "./builders.ts";

describe("a run", () => {
  test("executes the code cells in order and leaves prose and empty cells alone", async () => {
    const { session, executed } = fakeSession();
    const nb = await runNotebook(notebook(prose("# T"), code("a"), code("  \n"), code("b")), session);
    expect(executed).toEqual(["a", "b"]);
    expect(nb.cells.map((c) => (c.cell_type === "code" ? c.execution_count : "text"))).toEqual(["text", 1, null, 2]);
  });

  test("replaces the outputs that were there, and does not touch the notebook it was given", async () => {
    const old = code("a", { outputs: [{ output_type: "stream", name: "stdout", text: "old" }], execution_count: 9 });
    const given = notebook(old);
    const before = formatNotebook(given);
    const ran = await runNotebook(given, fakeSession().session);
    expect(ran.cells[0]).toMatchObject({ execution_count: 1, outputs: [{ text: "a\n" }] });
    expect(formatNotebook(given)).toBe(before);
  });

  test("gives the same bytes twice, whatever counts the session hands out", async () => {
    const result = (n: number) => ({
      r: (emit: (event: OutputEvent) => void) => {
        emit(stream("x"));
        emit({
          type: "output",
          output: { output_type: "execute_result", data: { "text/plain": "1" }, metadata: {}, execution_count: n },
        });
        return undefined;
      },
    });
    const nb = notebook(code("r"));
    const first = await runNotebook(nb, fakeSession(result(5)).session);
    const second = await runNotebook(first, fakeSession(result(77)).session);
    expect(formatNotebook(second)).toBe(formatNotebook(first));
  });

  test("puts what a later cell updates into the cell that showed it", async () => {
    const { session } = fakeSession({
      show: (emit) => void emit(shows("0 %", "bar")),
      update: (emit) => void emit({ type: "update", displayId: "bar", data: { "text/plain": "100 %" }, metadata: {} }),
    });
    const nb = await runNotebook(notebook(code("show"), code("update")), session);
    expect(nb.cells).toMatchObject([{ outputs: [{ data: { "text/plain": "100 %" } }] }, { outputs: [] }]);
  });

  test("tells how far it has come before each cell", async () => {
    const told: number[][] = [];
    const progress = (cell: number, cells: number) => void told.push([cell, cells]);
    await runNotebook(notebook(prose("p"), code("a"), code("b")), fakeSession().session, { progress });
    expect(told).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });
});

describe("a cell that fails", () => {
  const failing = (traceback: string[]) =>
    fakeSession({ bad: () => ({ status: "error", ename: "TypeError", evalue: "x is not a function", traceback }) });

  test("stops the run and is named by its place in the notebook, prose counted", async () => {
    const { session, executed } = failing(["TypeError: x is not a function", "    at In[2]:3:7"]);
    const run = runNotebook(notebook(prose("p"), code("a"), code("bad"), code("c")), session);
    await expect(run).rejects.toMatchObject({ cell: 3, line: 3, message: "TypeError: x is not a function" });
    await expect(run).rejects.toBeInstanceOf(CellFailure);
    expect(executed).toEqual(["a", "bad"]);
  });

  test("has no line if the error comes from another cell's code", async () => {
    const { session } = failing(["    at In[1]:8:2"]);
    const run = runNotebook(notebook(code("a"), code("bad")), session);
    await expect(run).rejects.toMatchObject({ cell: 2, line: undefined });
  });
});

test("an interrupted run executes no further cell", async () => {
  const abort = new AbortController();
  const { session, executed } = fakeSession({ a: () => void abort.abort() });
  const run = runNotebook(notebook(code("a"), code("b")), session, { signal: abort.signal });
  await expect(run).rejects.toBeInstanceOf(RunInterrupted);
  expect(executed).toEqual(["a"]);
});
