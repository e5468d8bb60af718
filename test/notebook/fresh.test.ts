import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CodeCell, Notebook } from "../../src/notebook/format.ts";
import { parseNotebook } from "../../src/notebook/format.ts";
import { freshnessKey, isFresh, markFresh, surroundings } from "../../src/notebook/fresh.ts";
import { runNotebook } from "../../src/notebook/run.ts";
import { formatNotebook } from "../../src/notebook/write.ts";
import { code, fakeSession, notebook, prose } from "./builders.ts";
import { newProject } from "./project.ts";

let project: Awaited<ReturnType<typeof newProject>>;
beforeEach(async () => {
  project = await newProject();
});
afterEach(() => project.remove());

const around = () => surroundings(project.root);

async function ran(): Promise<Notebook> {
  const nb = await runNotebook(notebook(prose("# T"), code("a"), code("b")), fakeSession().session);
  return parseNotebook(formatNotebook(markFresh(nb, await around())), "x");
}

const withCell = (nb: Notebook, index: number, change: object): Notebook => ({
  ...nb,
  cells: nb.cells.map((cell, i) => (i === index ? ({ ...cell, ...change } as CodeCell) : cell)),
});

test("a notebook that was run is fresh, also after it was written and read", async () => {
  expect(isFresh(await ran(), await around())).toBe(true);
});

test("a notebook that was never run is not", async () => {
  expect(isFresh(notebook(code("a")), await around())).toBe(false);
});

describe("a notebook stays fresh if", () => {
  test("its prose is edited, moved or added", async () => {
    const nb = await ran();
    const [, a, b] = nb.cells;
    const edited = { ...nb, cells: [a!, prose("other"), b!, prose("more")] };
    expect(isFresh(edited, await around())).toBe(true);
  });

  test("a cell gets a tag", async () => {
    expect(isFresh(withCell(await ran(), 1, { metadata: { tags: ["x"] } }), await around())).toBe(true);
  });

  test("a source outside the simulator changes", async () => {
    const nb = await ran();
    await project.write("src/jupyter/wire.ts", "export const a = 1;\n");
    expect(isFresh(nb, await around())).toBe(true);
  });

  test("an editor leaves a hidden or unfinished file beside the sources", async () => {
    const nb = await ran();
    await project.write("src/mmu/.tlb.ts.swp", "x");
    await project.write("src/mmu/tlb.ts.12.tmp", "x");
    expect(isFresh(nb, await around())).toBe(true);
  });
});

describe("a notebook is stale if", () => {
  test("the code of a cell changes, even by a space", async () => {
    expect(isFresh(withCell(await ran(), 1, { source: "a " }), await around())).toBe(false);
  });

  test("code cells change places", async () => {
    const nb = await ran();
    const [t, a, b] = nb.cells;
    expect(isFresh({ ...nb, cells: [t!, b!, a!] }, await around())).toBe(false);
  });

  test("a source of the simulator changes", async () => {
    const nb = await ran();
    await project.write("src/mmu/tlb.ts", "export const ways = 4;\n");
    expect(isFresh(nb, await around())).toBe(false);
  });

  test("a source of the simulator gets another name", async () => {
    const nb = await ran();
    await project.write("src/mmu/extra.ts", "");
    expect(isFresh(nb, await around())).toBe(false);
  });

  test("a recording of a real kernel is added", async () => {
    const nb = await ran();
    await project.write("test/golden/oracle/x86-64-6.18-more.jsonl.gz", "x");
    expect(isFresh(nb, await around())).toBe(false);
  });

  test("a data file changes", async () => {
    const nb = await ran();
    await project.write("notebooks/data/a.json", '{"a":1}');
    expect(isFresh(nb, await around())).toBe(false);
  });

  test.each(["package.json", "node_modules/typescript/package.json", "node_modules/@observablehq/plot/package.json"])(
    "the version in %s changes",
    async (f) => {
      const nb = await ran();
      await project.write(f, '{"version":"9.9.9"}');
      expect(isFresh(nb, await around())).toBe(false);
    },
  );

  test("its outputs were changed or cleared after the run", async () => {
    const nb = await ran();
    expect(isFresh(withCell(nb, 1, { outputs: [] }), await around())).toBe(false);
    expect(isFresh(withCell(nb, 1, { execution_count: null }), await around())).toBe(false);
  });
});

test("cells that are split in another way have another key", async () => {
  const surround = await around();
  expect(freshnessKey(notebook(code("a\nb")), surround)).not.toBe(
    freshnessKey(notebook(code("a"), code("b")), surround),
  );
});
