import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SIMULATOR_FOLDERS } from "../../src/notebook/digest.ts";
import type { CodeCell, Notebook } from "../../src/notebook/format.ts";
import { parseNotebook } from "../../src/notebook/format.ts";
import { freshnessKey, isFresh, markFresh, RUNNER, RUNTIME_PACKAGES, surroundings } from "../../src/notebook/fresh.ts";
import { importsOf, packageVersions } from "../../src/notebook/imports.ts";
import { runNotebook } from "../../src/notebook/run.ts";
import { formatNotebook } from "../../src/notebook/write.ts";
import { code, fakeSession, notebook, prose } from "./builders.ts";
import { newProject } from "./project.ts";

let project: Awaited<ReturnType<typeof newProject>>;
beforeEach(async () => {
  project = await newProject();
});
afterEach(() => project.remove());

const keyOf = async (nb: Notebook) =>
  freshnessKey(nb, join(project.root, "notebooks"), await surroundings(project.root));
const fresh = async (nb: Notebook) => isFresh(nb, join(project.root, "notebooks"), await surroundings(project.root));

/** A notebook of the project that has just been run, as its file would give it. */
async function ran(...sources: string[]): Promise<Notebook> {
  const cells = (sources.length > 0 ? sources : ["a", "b"]).map((source) => code(source));
  const nb = await runNotebook(notebook(prose("# T"), ...cells), fakeSession().session);
  return parseNotebook(formatNotebook(markFresh(nb, await keyOf(nb))), "x");
}

const withCell = (nb: Notebook, index: number, change: object): Notebook => ({
  ...nb,
  cells: nb.cells.map((cell, i) => (i === index ? ({ ...cell, ...change } as CodeCell) : cell)),
});

test("a notebook that was run is fresh, also after it was written and read", async () => {
  expect(await fresh(await ran())).toBe(true);
});

test("a notebook that was never run is not", async () => {
  expect(await fresh(notebook(code("a")))).toBe(false);
});

describe("a notebook stays fresh if", () => {
  test("its prose is edited, moved or added", async () => {
    const nb = await ran();
    const [, a, b] = nb.cells;
    const edited = { ...nb, cells: [a!, prose("other"), b!, prose("more")] };
    expect(await fresh(edited)).toBe(true);
  });

  test("a cell gets a tag", async () => {
    expect(await fresh(withCell(await ran(), 1, { metadata: { tags: ["x"] } }))).toBe(true);
  });

  test("its metadata change, or the order of keys in its file", async () => {
    const nb = await ran();
    const file = JSON.parse(formatNotebook({ ...nb, metadata: { ...nb.metadata, authors: ["x"] } }));
    const reversed = JSON.stringify(Object.fromEntries(Object.entries(file).reverse()));
    expect(await fresh(parseNotebook(reversed, "x"))).toBe(true);
  });

  test("a source changes that takes no part in a run without a front end", async () => {
    const nb = await ran();
    await project.write("src/jupyter/wire/kernel.ts", "export const a = 1;\n");
    await project.write("src/cli/run.ts", "export const a = 1;\n");
    expect(await fresh(nb)).toBe(true);
  });

  test("an editor leaves a hidden or unfinished file beside the sources", async () => {
    const nb = await ran();
    await project.write("src/mmu/.tlb.ts.swp", "x");
    await project.write("src/mmu/tlb.ts.12.tmp", "x");
    expect(await fresh(nb)).toBe(true);
  });
});

describe("a notebook is stale if", () => {
  test("the code of a cell changes, even by a space", async () => {
    expect(await fresh(withCell(await ran(), 1, { source: "a " }))).toBe(false);
  });

  test("code cells change places", async () => {
    const nb = await ran();
    const [t, a, b] = nb.cells;
    expect(await fresh({ ...nb, cells: [t!, b!, a!] })).toBe(false);
  });

  test("a source of the simulator changes", async () => {
    const nb = await ran();
    await project.write("src/mmu/tlb.ts", "export const ways = 4;\n");
    expect(await fresh(nb)).toBe(false);
  });

  test("a source of the simulator gets another name", async () => {
    const nb = await ran();
    await project.write("src/mmu/extra.ts", "");
    expect(await fresh(nb)).toBe(false);
  });

  test("a recording of a real kernel is added", async () => {
    const nb = await ran();
    await project.write("test/golden/oracle/x86-64-6.18-more.jsonl.gz", "x");
    expect(await fresh(nb)).toBe(false);
  });

  test("a data file changes", async () => {
    const nb = await ran();
    await project.write("notebooks/data/a.json", '{"a":1}');
    expect(await fresh(nb)).toBe(false);
  });

  test.each(["package.json", "node_modules/typescript/package.json", "node_modules/@observablehq/plot/package.json"])(
    "the version in %s changes",
    async (f) => {
      const nb = await ran();
      await project.write(f, '{"version":"9.9.9"}');
      expect(await fresh(nb)).toBe(false);
    },
  );

  test.each([
    "src/jupyter/show/rows.ts",
    "src/jupyter/cells/source.ts",
    "src/notebook/outputs.ts",
    "src/index.ts",
    "src/notebook/render/table.ts",
  ])("%s changes, which stands between cell and output", async (file) => {
    const nb = await ran();
    await project.write(file, "export const a = 1;\n");
    expect(await fresh(nb)).toBe(false);
  });

  test("a package changes that draws for another package", async () => {
    await project.write(
      "node_modules/@observablehq/plot/package.json",
      '{"version":"4.5.6","dependencies":{"d3":"*"}}',
    );
    await project.write("node_modules/d3/package.json", '{"version":"1.0.0"}');
    const nb = await ran();
    await project.write("node_modules/d3/package.json", '{"version":"1.0.1"}');
    expect(await fresh(nb)).toBe(false);
  });

  test("its outputs were changed or cleared after the run", async () => {
    const nb = await ran();
    expect(await fresh(withCell(nb, 1, { outputs: [] }))).toBe(false);
    expect(await fresh(withCell(nb, 1, { execution_count: null }))).toBe(false);
  });
});

test("cells that are split in another way have another key", async () => {
  expect(await keyOf(notebook(code("a\nb")))).not.toBe(await keyOf(notebook(code("a"), code("b"))));
});

describe("what the cells import", () => {
  const helper = (text: string) => project.write("notebooks/lib/helper.ts", text);

  test.each([
    'import { a } from "./lib/helper.ts";',
    'import { a } from "./lib/helper";',
    'import { a } from "./lib/helper.js";',
    'import "./lib/helper.ts";',
    'import type { a } from "./lib/helper.ts";',
    'export { a } from "./lib/helper.ts";',
    'const { a } = await import("./lib/helper.ts");',
    'const { a } = require("./lib/helper.ts");',
    "const { a } = await import(`./lib/helper.ts`);",
    'const name = "helper"; await import("./lib/" + name + ".ts");',
    'const path = "./lib/helper.ts"; await import(path);',
    'let a: import("./lib/helper.ts").A;',
  ])("a changed file makes a notebook stale that says %s", async (source) => {
    await helper("export const a = 1;\n");
    const nb = await ran(source);
    expect(await fresh(nb)).toBe(true);
    await helper("export const a = 2;\n");
    expect(await fresh(nb)).toBe(false);
  });

  test("a file makes it stale that is imported by a file that is imported, also in a circle", async () => {
    await helper('export * from "./deep.ts";\n');
    await project.write("notebooks/lib/deep.ts", 'import "./helper.ts";\nimport x from "../../other/far.json";\n');
    await project.write("other/far.json", "1");
    const nb = await ran('import "./lib/helper.ts";');
    expect(await fresh(nb)).toBe(true);
    await project.write("other/far.json", "2");
    expect(await fresh(nb)).toBe(false);
  });

  test("a file that no cell imports, or that only prose names, does not", async () => {
    await helper("export const a = 1;\n");
    const nb = await ran("a", '"./lib/helper.ts"');
    await helper("export const a = 2;\n");
    expect(await fresh(nb)).toBe(true);
  });

  test("of a computed name the folder counts that is written down", async () => {
    await helper("export const a = 1;\n");
    const nb = await ran('const name = "helper"; await import("./lib/" + name);');
    await project.write("notebooks/elsewhere.ts", "export const a = 1;\n");
    expect(await fresh(nb)).toBe(true);
    await project.write("notebooks/lib/more.ts", "export const a = 1;\n");
    expect(await fresh(nb)).toBe(false);
  });

  test("a file that was missing makes it stale when it comes", async () => {
    const nb = await ran('await import("./lib/helper.ts").catch(() => 0);');
    await helper("export const a = 1;\n");
    expect(await fresh(nb)).toBe(false);
  });

  test("of a package the version counts, wherever below the folders above it is found", async () => {
    await project.write("node_modules/pack/package.json", '{"version":"1.0.0"}');
    const nb = await ran('import { x } from "pack/deep.js";');
    await project.write("node_modules/pack/deep.js", "export const x = 2;");
    expect(await fresh(nb)).toBe(true);
    await project.write("node_modules/pack/package.json", '{"version":"1.0.1"}');
    expect(await fresh(nb)).toBe(false);
  });

  test("of a package that is a link to a folder the files count", async () => {
    await project.write("mine/package.json", '{"version":"1.0.0"}');
    await project.write("mine/index.ts", "export const x = 1;");
    await symlink(join(project.root, "mine"), join(project.root, "node_modules/mine"));
    const nb = await ran('import { x } from "mine";');
    expect(await fresh(nb)).toBe(true);
    await project.write("mine/index.ts", "export const x = 2;");
    expect(await fresh(nb)).toBe(false);
  });

  test("a data file beside a notebook elsewhere makes it stale", async () => {
    const elsewhere = join(project.root, "mine");
    const around = await surroundings(project.root);
    const before = await freshnessKey(notebook(code("a")), elsewhere, around);
    await project.write("mine/data/a.csv", "1");
    expect(await freshnessKey(notebook(code("a")), elsewhere, around)).not.toBe(before);
  });

  test("two copies of a project have the same key", async () => {
    const copy = await newProject();
    const keys = [project, copy].map(async ({ root, write }) => {
      await write("notebooks/lib/helper.ts", "export const a = 1;\n");
      const nb = notebook(code('import "./lib/helper.ts";'));
      return freshnessKey(nb, join(root, "notebooks"), await surroundings(root));
    });
    const [a, b] = await Promise.all(keys);
    await copy.remove();
    expect(a).toBe(b);
  });
});

describe("the lists of the key", () => {
  const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

  test("name every source that can take part in a run of cells, and every package that it imports", async () => {
    const entries = [
      "src/jupyter/session/child-session.ts",
      "src/jupyter/session/child-start.ts",
      "src/jupyter/display.ts",
      "src/index.ts",
      "src/notebook/run.ts",
    ];
    const imports = await importsOf([entries.map((file) => `import "./${file}";`).join("")], root, root);
    const listed = [...SIMULATOR_FOLDERS.map((folder) => `src/${folder}/`), ...RUNNER];
    const sources = Object.keys(imports.files).filter((file) => file.startsWith("src/"));
    expect(sources.length).toBeGreaterThan(200);
    expect(sources.filter((file) => !listed.some((start) => file.startsWith(start)))).toEqual([]);
    expect(RUNNER.filter((listed) => !sources.some((file) => file.startsWith(listed)))).toEqual([]);
    // A cell that shows by tslab imports tslab itself, so only the key of its notebook has the version.
    expect(imports.packages).toEqual(await packageVersions([...RUNTIME_PACKAGES, "tslab"], root));
  });
});
