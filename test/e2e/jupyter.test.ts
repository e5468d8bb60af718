/**
 * A notebook in real Jupyter: the kernelspec is installed into an environment of its own, and nbclient runs a notebook
 * with it. Needs Debian's python3-nbclient; skipped without it unless PTLAB_REQUIRE_ALL is set.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installCommand, processEffects } from "../../src/jupyter/kernelspec.ts";
import { type Notebook, parseNotebook } from "../../src/notebook/format.ts";

/** The system's Python by its full path: another one, first on PATH, may lack the packages. */
const PYTHON = "/usr/bin/python3";

const NBCLIENT = spawnSync(PYTHON, ["-c", "import nbclient, nbformat"], { encoding: "utf8" });
const missing = NBCLIENT.status === 0 ? "" : `nbclient cannot be imported by ${PYTHON} (package python3-nbclient)`;
if (missing !== "" && process.env.PTLAB_REQUIRE_ALL) throw new Error(`${missing}, and PTLAB_REQUIRE_ALL is set`);

const RUN = `
import sys, nbclient, nbformat
nb = nbformat.read(sys.argv[1], as_version=4)
client = nbclient.NotebookClient(nb, kernel_name="ptlab", timeout=120, allow_errors=True,
                                 resources={"metadata": {"path": sys.argv[2]}})
client.execute()
print(nbformat.writes(nb))
`;

const CELLS = [
  `import { figure, parseSize } from "ptlab";
const sizes = ["4K", "2M"].map((size) => ({ size, bytes: parseSize(size) }));
sizes`,
  `figure({
  title: "Page sizes",
  caption: "Bytes of two pages.",
  alt: "The 2M page is 512 times the 4K page.",
  better: "more is better",
  columns: [
    { key: "size", label: "size", definition: "the name of the size" },
    { key: "bytes", label: "bytes", definition: "bytes of one page", basis: "counted", unit: "B" },
  ],
  rows: sizes,
  origin: { designs: ["pages"], workload: "none", params: {}, seed: null, input: null },
  plot: (plot, frame) => ({ x: frame.axis("size"), y: frame.axis("bytes"), marks: [plot.barY(sizes, { x: "size", y: "bytes" })] }),
})`,
  `console.log("before");

const wrong: string = sizes.length;`,
  `function fail(): never {
  throw new RangeError("third line down");
}
fail();`,
  `sizes.length`,
];

describe.skipIf(missing !== "")(`in real Jupyter${missing && ` (skipped: ${missing})`}`, () => {
  let folder: string;
  let ran: Notebook;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ptlab-jupyter-"));
    await installCommand({ prefix: folder }, { ...processEffects(), print: () => {} });
    ran = await runInJupyter(CELLS);
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function runInJupyter(sources: readonly string[]): Promise<Notebook> {
    const file = join(folder, "cells.ipynb");
    const cells = sources.map((source, i) => ({
      ...{ cell_type: "code", id: `cell-${i}`, source, metadata: {}, outputs: [], execution_count: null },
    }));
    await writeFile(file, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
    const env = { ...process.env, JUPYTER_PATH: join(folder, "share", "jupyter") };
    const python = spawn(PYTHON, ["-c", RUN, file, folder], { env, stdio: ["ignore", "pipe", "inherit"] });
    const [out] = await Promise.all([text(python.stdout), once(python, "exit")]);
    return parseNotebook(out, "the notebook that nbclient ran");
  }

  const outputs = (cell: number) => {
    const found = ran.cells[cell];
    return found?.cell_type === "code" ? found.outputs : [];
  };

  test("rows are shown as a table, the figure as a picture with its data", () => {
    expect(outputs(0)).toMatchObject([
      { output_type: "execute_result", execution_count: 1, data: { "text/html": expect.stringContaining("2097152") } },
    ]);
    const [output] = outputs(1);
    expect(output).toMatchObject({
      output_type: "execute_result",
      data: {
        "image/svg+xml": expect.stringMatching(/^<svg[\s\S]*Page sizes[\s\S]*<\/svg>\s*$/),
        "text/plain": expect.stringContaining("Page sizes"),
      },
    });
  });

  test("a type error stops its cell before it prints, with the right line", () => {
    expect(outputs(2)).toMatchObject([
      { output_type: "error", ename: "TypeCheckError", evalue: expect.stringMatching(/^line 3, column 7: .*TS2322/) },
    ]);
  });

  test("an error names the right lines, and the next cell goes on", () => {
    const [output] = outputs(3);
    expect(output).toMatchObject({ output_type: "error", ename: "RangeError", evalue: "third line down" });
    expect(output?.output_type === "error" && output.traceback.slice(-2)).toEqual([
      "    at fail (In[4]:2:9)",
      "    at In[4]:4:1",
    ]);
    expect(outputs(4)).toMatchObject([{ output_type: "execute_result", data: { "text/plain": "2" } }]);
  });
});
