/**
 * Controls in the classic Notebook, moved by a person: the official widgets of @jupyter-widgets in a real page, against the real
 * kernel. PTLAB_WIDGETS names `dist/embed-amd.js` of the npm package @jupyter-widgets/html-manager, as `.ci/run` gets it; skipped
 * without it, or without Debian's jupyter-notebook and chromium, unless PTLAB_REQUIRE_ALL is set.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kernelMetadata } from "../../src/jupyter/install/kernelspec.ts";
import { WIDGET_MIME } from "../../src/jupyter/widgets/widgets.ts";
import { parseNotebook } from "../../src/notebook/format.ts";
import { type ClassicPage, missingForNotebook, type NotebookServer, startServer } from "./classic-notebook.ts";
import { addWidgets } from "./classic-widgets.ts";
import { type JupyterPlace, newJupyterPlace } from "./jupyter-place.ts";

const EMBED = process.env.PTLAB_WIDGETS ?? "";
const missing = missingForNotebook({ [EMBED]: "PTLAB_WIDGETS names no file" });

/** Debian's widgets of 2017, where they are installed, would lay their styles over these. */
async function withoutOldWidgets({ folder }: JupyterPlace): Promise<void> {
  const settings = join(folder, "config", "nbconfig");
  await mkdir(settings, { recursive: true });
  const off = { load_extensions: { "jupyter-js-widgets/extension": false } };
  await writeFile(join(settings, "notebook.json"), JSON.stringify(off));
}

const CELLS = [
  `import { liveFigure } from "ptlab";
await liveFigure("walk-cost").make({}, {});`,
  `import { controls, slider } from "ptlab/jupyter";
let drawn = 0;
controls({ order: slider({ min: 0, max: 50 }) }, ({ order }) => [{ order, drawn: ++drawn }]);`,
];

describe.skipIf(missing !== "")(`controls in the classic Notebook${missing && ` (skipped: ${missing})`}`, () => {
  let place: JupyterPlace;
  let server: NotebookServer;
  let nb: ClassicPage;

  beforeAll(async () => {
    place = await newJupyterPlace();
    await place.notebook("controls.ipynb", CELLS, { kernelspec: kernelMetadata().kernelspec });
    await withoutOldWidgets(place);
    server = await startServer(place);
    nb = await server.open("controls.ipynb");
    await addWidgets(nb.page, EMBED);
  });
  afterAll(async () => {
    await server?.stop();
    await place?.close();
  });

  const title = () => nb.output(0).locator("figcaption strong");
  const cells = () => nb.output(1).locator(".widget-html td");

  test("a figure has the controls of its page, is drawn again when one is moved, and goes back by Reset", async () => {
    await nb.run(0);
    await nb.output(0).locator("svg.ptlab-plot").waitFor();
    expect(await title().textContent()).toContain("128M");
    await nb.look("controls");
    await nb.output(0).locator("select").first().selectOption("16M");
    await title().filter({ hasText: "16M" }).waitFor();
    await nb.look("controls-moved");
    await nb.output(0).locator("button", { hasText: "Reset" }).click();
    await title().filter({ hasText: "128M" }).waitFor();
    expect(await nb.output(0).locator("select").first().inputValue()).toContain("128M");
  });

  test("a slider moved by the keyboard and dragged with the mouse shows the value where it stops", async () => {
    await nb.run(1);
    const handle = nb.output(1).locator(".noUi-handle");
    await handle.press("ArrowRight");
    await cells().first().filter({ hasText: /^1$/ }).waitFor();
    const from = (await handle.boundingBox())!;
    const y = from.y + from.height / 2;
    await nb.page.mouse.move(from.x + from.width / 2, y);
    await nb.page.mouse.down();
    await nb.page.mouse.move(from.x + 1000, y, { steps: 60 });
    await nb.page.mouse.up();
    await cells().first().filter({ hasText: /^50$/ }).waitFor();
    expect(await nb.output(1).locator(".widget-readout").textContent()).toBe("50");
  });

  test("the saved notebook holds what its cells gave, for those who have no widgets", async () => {
    await nb.save();
    const { cells } = parseNotebook(await readFile(join(place.folder, "controls.ipynb"), "utf8"), "controls.ipynb");
    const [figure, table] = cells.flatMap((cell) => (cell.cell_type === "code" ? cell.outputs : []));
    for (const output of [figure, table])
      expect(output).toMatchObject({ output_type: "execute_result", data: { [WIDGET_MIME]: expect.anything() } });
    expect(figure).toMatchObject({ data: { "text/plain": expect.stringContaining("random over 128M") } });
    expect(table).toMatchObject({ data: { "text/plain": "order  drawn\n-----  -----\n    0      1" } });
  });

  test("a page that is loaded again finds its controls, as they were and in use", async () => {
    await nb.page.reload();
    await nb.page.waitForFunction("window.Jupyter?.notebook?.kernel?.info_reply?.status === 'ok'");
    await addWidgets(nb.page, EMBED);
    await cells().first().filter({ hasText: /^50$/ }).waitFor();
    await nb.output(1).locator(".noUi-handle").press("ArrowLeft");
    await cells().first().filter({ hasText: /^49$/ }).waitFor();
  });
});
