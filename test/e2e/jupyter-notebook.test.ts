/**
 * The kernel in the classic Notebook, as a person meets it in a browser. Needs Debian's jupyter-notebook and chromium;
 * skipped without them unless PTLAB_REQUIRE_ALL is set. JupyterLab is not in Debian, only its server's half.
 */
import { spawnSync } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kernelMetadata } from "../../src/jupyter/install/kernelspec.ts";
import { PROJECT_ROOT } from "../../src/jupyter/paths.ts";
import { parseNotebook } from "../../src/notebook/format.ts";
import { formatNotebook } from "../../src/notebook/write.ts";
import { type ClassicPage, missingForNotebook, type NotebookServer, startServer } from "./classic-notebook.ts";
import { type JupyterPlace, newJupyterPlace } from "./jupyter-place.ts";

const missing = missingForNotebook();

const textOf = async (found: Locator): Promise<string> => ((await found.textContent()) ?? "").trim();

/** A story with pictures and tables that runs in a few seconds. */
const STORY = "015-op-script.ipynb";

const CELLS = [
  `interface Size { readonly name: string; readonly bytes: number }
const sizes: readonly Size[] = [{ name: "4K", bytes: 4096 }]; // a comment`,
  "",
  "",
  "",
];

const METADATA = { kernelspec: kernelMetadata().kernelspec };

describe.skipIf(missing !== "")(`in the classic Notebook${missing && ` (skipped: ${missing})`}`, () => {
  let place: JupyterPlace;
  let server: NotebookServer;
  let nb: ClassicPage;

  beforeAll(async () => {
    place = await newJupyterPlace();
    await place.notebook("cells.ipynb", CELLS, METADATA);
    server = await startServer(place);
    nb = await server.open("cells.ipynb");
  });
  afterAll(async () => {
    await server?.stop();
    await place.close();
  });

  /** What a cell shows when it has been run. */
  async function result(index: number, source: string): Promise<string> {
    await nb.write(index, source);
    await nb.run(index);
    return textOf(nb.output(index));
  }

  test("a story of the project runs from top to bottom, its pictures and tables are shown, and saving changes no metadata", async () => {
    await copyFile(join(PROJECT_ROOT, "notebooks", STORY), join(place.folder, STORY));
    const read = async () => parseNotebook(await readFile(join(place.folder, STORY), "utf8"), STORY);
    const before = await read();
    const story = await server.open(STORY);
    await story.restart("#restart_clear_output a");
    await story.runAll();
    await story.look("story");
    expect(await story.page.locator(".output_error").count()).toBe(0);
    const count = (part: string) => story.page.locator(`#notebook-container .output ${part}`).count();
    const pictures = before.cells.flatMap((cell) => (cell.cell_type === "code" ? cell.outputs : [])).filter(isPicture);
    expect(await count("svg")).toBe(pictures.length);
    await story.save();
    const after = await read();
    expect(after.metadata).toEqual({ ...before.metadata, ...kernelMetadata() });
    expect(after.cells.map((cell) => [cell.id, cell.source, cell.metadata])).toEqual(
      before.cells.map((cell) => [cell.id, cell.source, cell.metadata]),
    );
    await story.page.close();
  });

  const isPicture = (output: object) => "image/svg+xml" in ((output as { data?: object }).data ?? {});

  test("a notebook that was only opened and saved keeps its bytes", async () => {
    const file = join(place.folder, "kept.ipynb");
    const text = await readFile(await place.notebook("kept.ipynb", ["1 + 1"], kernelMetadata()), "utf8");
    const kept = formatNotebook(parseNotebook(text, file));
    await place.write("kept.ipynb", kept);
    const opened = await server.open("kept.ipynb");
    await opened.save();
    expect(await readFile(file, "utf8")).toBe(kept);
    await opened.page.close();
  });

  test("TypeScript is highlighted: types, keywords, strings and comments have colours of their own", async () => {
    const tokens = (kind: string) => nb.cell(0).locator(`.cm-${kind}`).allTextContents();
    expect(await tokens("keyword")).toEqual(["interface", "readonly", "readonly", "const", "readonly"]);
    expect(await tokens("comment")).toEqual(["// a comment"]);
    expect(await tokens("string")).toEqual(['"4K"']);
    expect(await tokens("error")).toEqual([]);
  });

  test("a result has its number, rows are a table", async () => {
    await nb.run(0);
    expect(await result(1, "sizes[0]!.bytes + 1n.toString().length")).toContain("4097");
    expect(await textOf(nb.cell(1).locator(".output_prompt"))).toMatch(/^Out\s*\[\d+\]:$/);
    await result(1, "sizes");
    expect(await nb.output(1).locator("th, td").allTextContents()).toEqual(["name", "bytes", "4K", "4096"]);
    await nb.look("table");
  });

  test("an error is shown with its name in colour, its words and its line", async () => {
    const shown = await result(1, "const list: number[] = [];\nlist.at(7)!.toFixed();");
    expect(shown).toMatch(/TypeError.*undefined[\s\S]*at In\[\d+\]:2:12/);
    expect(await textOf(nb.output(1).locator(".ansi-red-fg").first())).toContain("TypeError");
    await nb.look("error");
  });

  test.each([
    ["a busy loop", "while (true) {}"],
    ["an await", "await new Promise(() => {})"],
  ])("the stop button interrupts %s, and variables are kept", async (_, source) => {
    await nb.write(1, source);
    await nb.start(1);
    await nb.page.waitForSelector(".kernel_busy_icon");
    await nb.page.click("button[data-jupyter-action='jupyter-notebook:interrupt-kernel']");
    await nb.idle();
    expect(await textOf(nb.output(1))).toMatch(/Interrupt/);
    expect(await result(2, "sizes.length")).toContain("1");
  });

  test("Tab offers the members of a value, and Enter puts the chosen one into the cell", async () => {
    await nb.write(1, "");
    await nb.select(1);
    await nb.page.keyboard.type("sizes.find");
    await nb.page.keyboard.press("Tab");
    const offered = nb.page.locator(".completions option");
    await offered.first().waitFor();
    await nb.look("completion");
    expect(await offered.allTextContents()).toEqual(["find", "findIndex", "findLast", "findLastIndex"]);
    await nb.page.keyboard.press("ArrowDown");
    await nb.page.keyboard.press("Enter");
    expect(await nb.source(1)).toBe("sizes.findIndex");
  });

  test("Shift-Tab shows what a name is, with its type", async () => {
    await nb.write(1, "");
    await nb.select(1);
    await nb.page.keyboard.type("sizes");
    await nb.page.keyboard.press("Shift+Tab");
    const tooltip = nb.page.locator("#tooltip");
    await tooltip.waitFor();
    await nb.look("tooltip");
    expect(await textOf(tooltip)).toContain("const sizes: readonly Size[]");
    await nb.page.keyboard.press("Escape");
  });

  test("a cell that asks gets a box to type in, and for a secret one that hides it", async () => {
    await nb.write(
      1,
      'import { input, password } from "ptlab/jupyter";\n[await input("Who? "), await password("Secret? ")]',
    );
    await nb.start(1);
    const box = nb.cell(1).locator("input.raw_input");
    await nb.cell(1).locator(".raw_input_prompt", { hasText: "Who?" }).waitFor();
    expect(await box.getAttribute("type")).toBe("text");
    await nb.look("question");
    await box.fill("Ada");
    await box.press("Enter");
    await nb.cell(1).locator(".raw_input_container", { hasText: "Secret?" }).last().waitFor();
    await expect.poll(() => box.getAttribute("type")).toBe("password");
    await box.fill("1815");
    await box.press("Enter");
    await nb.idle();
    const shown = await textOf(nb.output(1));
    expect(shown).toContain("[ 'Ada', '1815' ]");
    expect(shown.split("1815")).toHaveLength(2);
  });

  test("a progress bar moves while a cell computes, and leaves a line; what is cleared is gone", async () => {
    await nb.write(
      1,
      `import { existsSync } from "node:fs";
import { clearOutput, progress } from "ptlab/jupyter";
console.log("first");
await clearOutput();
for (const n of progress(2000, "orders")) for (const end = Date.now() + 50; Date.now() < end && !existsSync("seen"); );`,
    );
    await nb.start(1);
    const bar = nb.output(1).locator("progress");
    await bar.waitFor();
    const values = [Number(await bar.getAttribute("value"))];
    await expect.poll(async () => Number(await bar.getAttribute("value"))).toBeGreaterThan(values[0]!);
    await place.write("seen", "");
    await nb.idle();
    expect(await textOf(nb.output(1))).toBe("orders: 2000 of 2000");
  });

  test("a restart forgets the variables, counts from 1 again, and leaves the kernel usable", async () => {
    await nb.restart("button[data-jupyter-action='jupyter-notebook:confirm-restart-kernel']");
    expect(await result(1, "sizes")).toMatch(/Cannot find name 'sizes'/);
    expect(await result(1, "6 * 7")).toContain("42");
    await nb.look("restarted");
  });

  test("a kernel that dies is started again, and the page says so", async () => {
    await nb.write(1, 'process.kill(process.ppid, "SIGKILL");');
    await nb.start(1);
    const dialog = nb.page.locator(".modal-dialog", { hasText: "The kernel appears to have died" });
    await dialog.waitFor();
    await nb.look("died");
    await dialog.locator(".btn-primary").click();
    await dialog.waitFor({ state: "detached" });
    await nb.page.waitForFunction("Jupyter.notebook.kernel.is_connected()");
    expect(await result(1, "2 ** 5")).toContain("32");
  });

  test("closing a notebook from its menu ends its kernel", async () => {
    const other = await server.open(await place.notebook("closed.ipynb", ["process.pid"], METADATA));
    await other.run(0);
    const pid = Number(await textOf(other.output(0).locator(".output_text")));
    other.page.on("dialog", (dialog) => dialog.accept());
    await other.page.click("#filelink");
    await other.page.click("#close_and_halt");
    await expect.poll(() => place.processes().then((all) => all.filter((p) => p.startsWith(`${pid} `)))).toEqual([]);
  });

  test("the doctor finds nothing wrong in this place", () => {
    const cli = join(PROJECT_ROOT, "src", "cli.ts");
    const { status, stdout } = spawnSync(process.execPath, [cli, "jupyter", "doctor"], {
      env: { ...place.env, PATH: `/usr/bin:${process.env.PATH}` },
      encoding: "utf8",
    });
    expect(stdout).toMatch(/^ok {5}kernel: ptlab .*; 1 \+ 1 is 2/m);
    expect([status, stdout.split("\n").filter((line) => line.startsWith("wrong"))]).toEqual([0, []]);
  });
});
