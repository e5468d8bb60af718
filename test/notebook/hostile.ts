/**
 * The page of a notebook in which everything is an attack, for the tests that parse it and for those that open it. Its prose
 * reaches the page as it is: no Markdown stands before the sanitiser.
 */
import { fileURLToPath } from "node:url";
import { display } from "../../src/figure/display.ts";
import { readNotebook } from "../../src/notebook/file.ts";
import { type CodeCell, type MimeBundle, type NbOutput, type Notebook, outputsOf } from "../../src/notebook/format.ts";
import { type Page, type RenderEffects, renderPage } from "../../src/notebook/render/page.ts";
import { groupedBars, powers, testHost } from "../figure/samples.ts";

const effects: RenderEffects = {
  address: "/notebooks/hostile/",
  embed: (number) => `/embed/hostile/figure-${number}/`,
  live: () => powers,
  markdown: async (text) =>
    text.startsWith("```") ? { html: "<pre><code></code></pre>", headings: [] } : { html: text, headings: [] },
};

/** The notebook as it lies on the disk. */
export const hostileNotebook = (): Promise<Notebook> =>
  readNotebook(fileURLToPath(new URL("fixtures/hostile.ipynb", import.meta.url)));

/** Its page, with a figure for each picture in it besides, whose picture that is. */
export async function hostilePage(): Promise<Page> {
  const nb = await hostileNotebook();
  return renderPage("hostile", { ...nb, cells: [...nb.cells, figures(nb)] }, effects);
}

function figures(nb: Notebook): CodeCell {
  const pictures = outputsOf(nb).flatMap((output) => ("data" in output ? (output.data["image/svg+xml"] ?? []) : []));
  const drawn = display({ ...groupedBars(), live: { id: "powers", params: { base: 3 }, inputs: {} } }, testHost());
  const outputs = pictures.map((picture): NbOutput => {
    const bundle: MimeBundle = JSON.parse(JSON.stringify({ ...drawn, "image/svg+xml": picture }));
    return { output_type: "display_data", data: bundle, metadata: {} };
  });
  return { cell_type: "code", id: "figures", source: "1;", metadata: {}, execution_count: null, outputs };
}
