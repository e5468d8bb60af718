import { writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RunEffects } from "../../src/cli/notebooks.ts";
import { runCommand } from "../../src/cli/run.ts";
import { formatNotebook } from "../../src/notebook/write.ts";
import { type Answers, code, notebook, prose } from "./builders.ts";
import { newProject, runEffects } from "./project.ts";

let project: Awaited<ReturnType<typeof newProject>>;
beforeEach(async () => {
  project = await newProject();
  await project.write("notebooks/010-a.ipynb", formatNotebook(notebook(prose("# A"), code("a"))));
  await project.write("notebooks/020-b.ipynb", formatNotebook(notebook(prose("# B"), code("b"), code("c"))));
});
afterEach(() => project.remove());

const read = (name: string) => readFile(join(project.root, "notebooks", name), "utf8");

const effects = (change: Partial<RunEffects> = {}, answers: Answers = {}) => runEffects(project.root, answers, change);

describe("ptlab run", () => {
  test("runs every notebook in a session of its own and closes each", async () => {
    const { given, said, sessions } = effects();
    expect(await runCommand({ files: [] }, given)).toBe(0);
    expect(said.out).toBe("notebooks/010-a.ipynb: 1 cell run\nnotebooks/020-b.ipynb: 2 cells run\n");
    expect(sessions.map((s) => [s.executed, s.closed()])).toEqual([
      [["a"], 1],
      [["b", "c"], 1],
    ]);
    expect(await read("010-a.ipynb")).toContain('"a\\n"');
  });

  test("runs nothing the second time, and gives the same bytes when forced", async () => {
    await runCommand({ files: [] }, effects().given);
    const first = await read("020-b.ipynb");
    const second = effects();
    expect(await runCommand({ files: [] }, second.given)).toBe(0);
    expect(second.sessions).toEqual([]);
    expect(second.said.out).toContain("020-b.ipynb: fresh");
    const forced = effects();
    await runCommand({ files: [], force: true }, forced.given);
    expect(forced.sessions.length).toBe(2);
    expect(await read("020-b.ipynb")).toBe(first);
  });

  test("runs only the notebook whose code has changed", async () => {
    await runCommand({ files: [] }, effects().given);
    const changed = (await read("010-a.ipynb")).replace('"a"', '"a + 1"');
    await project.write("notebooks/010-a.ipynb", changed);
    const { given, sessions } = effects();
    await runCommand({ files: [] }, given);
    expect(sessions.map((s) => s.executed)).toEqual([["a + 1"]]);
  });

  test("names notebook, cell, line and message of a failure, ends with 1, and still runs the others", async () => {
    const before = await read("010-a.ipynb");
    const failure = {
      status: "error",
      ename: "RangeError",
      evalue: "too far\nmore",
      traceback: ["at In[1]:2:5"],
    } as const;
    const { given, said, sessions } = effects({}, { a: () => failure });
    expect(await runCommand({ files: [] }, given)).toBe(1);
    expect(said.err).toBe("notebooks/010-a.ipynb: cell 2, line 2: RangeError: too far\n");
    expect(await read("010-a.ipynb")).toBe(before);
    expect(sessions.map((s) => s.closed())).toEqual([1, 1]);
    expect(said.out).toBe("notebooks/020-b.ipynb: 2 cells run\n");
  });

  test("when interrupted leaves the notebook as it was, closes the session, and starts no other", async () => {
    const before = await read("010-a.ipynb");
    const abort = new AbortController();
    const { given, said, sessions } = effects(
      { signal: abort.signal },
      {
        a: () => {
          abort.abort();
          return { status: "aborted" };
        },
      },
    );
    expect(await runCommand({ files: [] }, given)).toBe(130);
    expect(said.err).toContain("010-a.ipynb: interrupted");
    expect(sessions.map((s) => s.closed())).toEqual([1]);
    expect(await read("010-a.ipynb")).toBe(before);
  });

  test("stores nothing of a run during which a source was saved, and takes the next notebook with the new one", async () => {
    const before = await read("010-a.ipynb");
    const save = () => writeFileSync(join(project.root, "src/mmu/tlb.ts"), "export const changed = 1;\n");
    const { given, said } = effects(
      {},
      {
        a: () => {
          save();
          return { status: "ok" };
        },
      },
    );
    expect(await runCommand({ files: [] }, given)).toBe(1);
    expect(said.err).toContain("010-a.ipynb: the sources or the data changed while it ran");
    expect(await read("010-a.ipynb")).toBe(before);
    const again = effects();
    expect(await runCommand({ files: [] }, again.given)).toBe(0);
    expect(again.said.out).toBe("notebooks/010-a.ipynb: 1 cell run\nnotebooks/020-b.ipynb: fresh\n");
  });

  test("leaves no temporary files", async () => {
    await runCommand({ files: [] }, effects().given);
    expect((await readdir(join(project.root, "notebooks"))).sort()).toEqual(["010-a.ipynb", "020-b.ipynb", "data"]);
  });

  test("refuses a missing or broken file before it runs anything", async () => {
    const { given, sessions } = effects();
    await expect(runCommand({ files: ["notebooks/010-a.ipynb", "no.ipynb"] }, given)).rejects.toThrow(
      "no.ipynb: there is no such notebook",
    );
    await project.write("bad.ipynb", '{"nbformat": 4,\n "cells": [');
    await expect(runCommand({ files: ["bad.ipynb"] }, given)).rejects.toThrow("bad.ipynb: line 2: this is not JSON");
    expect(sessions).toEqual([]);
  });

  test("shows its progress on a terminal and clears it away", async () => {
    const { given, said } = effects({ terminal: true });
    await runCommand({ files: ["notebooks/020-b.ipynb"] }, given);
    expect(said.err).toContain("020-b [");
    expect(said.err).toContain(" 50 %");
    expect(said.err.endsWith("\r\x1b[K")).toBe(true);
  });
});
