/**
 * Notebooks in real Jupyter, run by nbclient: what it stores, how it hears of errors, timeouts and a dead kernel. Needs
 * Debian's python3-nbclient; skipped without it unless PTLAB_REQUIRE_ALL is set.
 */
import { copyFile, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../src/cli/run.ts";
import { kernelMetadata } from "../../src/jupyter/install/kernelspec.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { startSession } from "../../src/jupyter/session/child-session.ts";
import { type Notebook, parseNotebook } from "../../src/notebook/format.ts";
import { FIGURE, SIZES } from "./figure-cells.ts";
import { type JupyterPlace, missingPackages, newJupyterPlace } from "./jupyter-place.ts";

const missing = missingPackages({ nbclient: "python3-nbclient", nbformat: "python3-nbformat" });

/**
 * Runs the notebook in place with the options given as JSON; prints the error that nbclient throws, if any. Only a cell that
 * would go on for ever has little time: on a busy machine another may need more.
 */
const RUN = `
import json, sys, nbclient, nbformat
path, options = sys.argv[1], json.loads(sys.argv[2])
nb = nbformat.read(path, as_version=4)
client = nbclient.NotebookClient(nb, **{
    "kernel_name": "ptlab", "record_timing": False, **options},
    timeout_func=lambda cell: 1 if cell.source.endswith("// for ever") else 120)
try:
    client.execute()
except Exception as error:
    print(type(error).__name__, error)
nbformat.write(nb, path)
`;

const CELLS = [
  `${SIZES}
sizes`,
  FIGURE,
  `console.log("before");

const wrong: string = sizes.length;`,
  `function fail(): never {
  throw new RangeError("third line down");
}
fail();`,
  `sizes.length`,
];

describe.skipIf(missing !== "")(`in nbclient${missing && ` (skipped: ${missing})`}`, () => {
  let place: JupyterPlace;
  beforeAll(async () => {
    place = await newJupyterPlace();
  });
  afterAll(() => place.close());

  async function run(name: string, sources: readonly string[], options: object) {
    const file = await place.notebook(name, sources);
    const { out } = await place.python(["-c", RUN, file, JSON.stringify(options)]);
    expect(await place.processes()).toEqual([]);
    return { said: out.trim(), outputs: outputsOf(parseNotebook(await readFile(file, "utf8"), file)) };
  }

  const outputsOf = (nb: Notebook) => nb.cells.map((cell) => (cell.cell_type === "code" ? cell.outputs : []));

  describe("where errors are allowed", () => {
    let outputs: ReturnType<typeof outputsOf>;
    beforeAll(async () => {
      ({ outputs } = await run("errors.ipynb", CELLS, { allow_errors: true }));
    });

    test("rows are shown as a table, the figure as a picture with its data", () => {
      expect(outputs[0]).toMatchObject([
        {
          output_type: "execute_result",
          execution_count: 1,
          data: { "text/html": expect.stringContaining("2097152") },
        },
      ]);
      expect(outputs[1]?.[0]).toMatchObject({
        output_type: "execute_result",
        data: {
          "image/svg+xml": expect.stringMatching(/^<svg[\s\S]*Page sizes[\s\S]*<\/svg>\s*$/),
          "text/plain": expect.stringContaining("Page sizes"),
        },
      });
    });

    test("a type error stops its cell before it prints, with the right line", () => {
      expect(outputs[2]).toMatchObject([
        { output_type: "error", ename: "TypeCheckError", evalue: expect.stringMatching(/^line 3, column 7: .*TS2322/) },
      ]);
    });

    test("an error names the right lines, and the next cell goes on", () => {
      const output = outputs[3]?.[0];
      expect(output).toMatchObject({ output_type: "error", ename: "RangeError", evalue: "third line down" });
      expect(output?.output_type === "error" && output.traceback.slice(-2)).toEqual([
        "    at fail (In[4]:2:9)",
        "    at In[4]:4:1",
      ]);
      expect(outputs[4]).toMatchObject([{ output_type: "execute_result", data: { "text/plain": "2" } }]);
    });
  });

  test("an error stops the run, and nbclient tells its name, its words and its line", async () => {
    const { said, outputs } = await run("stop.ipynb", ["1 + 1", CELLS[3]!, "2 + 2"], {});
    expect(said).toMatch(/^CellExecutionError /);
    expect(said).toContain("RangeError: third line down");
    expect(said).toContain("at fail (In[2]:2:9)");
    expect(outputs.map((all) => all.length)).toEqual([1, 1, 0]);
  });

  test.each([
    ["a busy loop", "while (true) {} // for ever"],
    ["an await", "await new Promise(() => {}) // for ever"],
  ])("%s is interrupted when its time is over, and what was defined before is kept", async (_, cell) => {
    const options = { interrupt_on_timeout: true, allow_errors: true };
    const { said, outputs } = await run("late.ipynb", ["const kept = 7;", cell, "kept"], options);
    expect(said).toBe("");
    expect(outputs[1]).toMatchObject([{ output_type: "error", ename: expect.stringMatching(/Interrupt/) }]);
    expect(outputs[2]).toMatchObject([{ data: { "text/plain": "7" } }]);
  });

  test("a loop that may not be interrupted ends in a timeout, and its process with it", async () => {
    const { said } = await run("timeout.ipynb", ["while (true) {} // for ever"], {});
    expect(said).toMatch(/^CellTimeoutError /);
  });

  test("a kernel that is killed is reported as dead, and its session ends too", async () => {
    const { said } = await run("dead.ipynb", [`process.kill(process.ppid, "SIGKILL"); while (true) {}`], {});
    expect(said).toMatch(/^DeadKernelError /);
  });

  test("ptlab run and Jupyter write the same bytes but for the mark of freshness", async () => {
    const cells = [CELLS[0]!, `console.log("10 %\\r20 %\\u2028end"); console.error("late")`, ""];
    const ours = await place.notebook("ours.ipynb", cells);
    const theirs = join(place.folder, "theirs.ipynb");
    const metadata = { kernelspec: kernelMetadata().kernelspec };
    await copyFile(await place.notebook("theirs.ipynb", cells, metadata), theirs);
    await place.python(["-c", RUN, theirs, "{}"]);
    const status = await runCommand(
      { files: [ours] },
      {
        ...{ root: PROJECT_ROOT, cwd: dirname(ours), terminal: false, createSession: startSession },
        ...{ out: () => {}, err: () => {}, kernelMetadata: kernelMetadata() },
      },
    );
    expect(status).toBe(0);
    const mark = /,\n {2}"ptlab": \{[^}]*\}/;
    expect((await readFile(ours, "utf8")).replace(mark, "")).toBe(await readFile(theirs, "utf8"));
  });
});
