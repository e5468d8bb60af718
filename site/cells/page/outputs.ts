/**
 * Outputs of a cell that was run again, put into the page by the very function that made the stored ones.
 */
import { FIGURE_MIME } from "../../../src/figure/figure.ts";
import { liveFigure } from "../../../src/figure/live/index.ts";
import type { LiveFigure } from "../../../src/figure/live.ts";
import { storedFigure } from "../../../src/notebook/figures.ts";
import type { NbOutput } from "../../../src/notebook/format.ts";
import type { PageFile } from "../../../src/notebook/render/exports.ts";
import { renderFigure } from "../../../src/notebook/render/figure.ts";
import { outputDigest, outputElement, outputHtml } from "../../../src/notebook/render/output.ts";

/** The stored outputs of a cell as the page came with them. */
export interface StoredOutputs {
  readonly elements: readonly { readonly digest: string; readonly html: string }[];
  /** Numbers of the figures among them. */
  readonly figures: readonly number[];
}

/** What the page has stored in an element of outputs. */
export function storedOutputs(element: Element): StoredOutputs {
  const outputs = [...element.querySelectorAll<HTMLElement>(":scope > .ptlab-output")];
  const figures = [...element.querySelectorAll("figure.ptlab-figure")];
  return {
    elements: outputs.map((output) => ({ digest: output.dataset.digest!, html: output.outerHTML })),
    figures: figures.map(({ id }) => Number(id.replace("figure-", ""))),
  };
}

/** Shows outputs; what says the same as a stored one looks as that does. True if all is as it is stored. */
export async function showOutputs(
  element: HTMLElement,
  outputs: readonly NbOutput[],
  stored: StoredOutputs,
): Promise<boolean> {
  const files: PageFile[] = [];
  const parts: string[] = [];
  let figures = 0;
  for (const output of outputs) {
    const number = stored.figures[figures] ?? document.querySelectorAll("figure.ptlab-figure").length + 1;
    if ("data" in output && output.data[FIGURE_MIME] !== undefined) figures++;
    const html = known(output, stored) ?? (await rendered(output, number, files));
    if (html !== "") parts.push(html);
  }
  const digests = outputs.map(outputDigest);
  if (element.dataset.shown !== digests.join()) element.innerHTML = parts.join("");
  element.dataset.shown = digests.join();
  offer(element, files);
  return digests.join() === stored.elements.map(({ digest }) => digest).join();
}

function known(output: NbOutput, stored: StoredOutputs): string | undefined {
  const digest = outputDigest(output);
  return stored.elements.find((element) => element.digest === digest)?.html;
}

async function rendered(output: NbOutput, number: number, files: PageFile[]): Promise<string> {
  const html = await outputHtml(output, {
    figure(bundle) {
      const figure = storedFigure(bundle);
      if (figure === undefined) return "";
      const embed = `${location.pathname}#figure-${number}`;
      const live = figure.data.live && knownLive(figure.data.live.id);
      const made = renderFigure(figure, bundle, { number, address: location.pathname, embed, live });
      files.push(...made.files);
      return made.html;
    },
    // What highlights code is not part of a page: such an output is shown in its plain form.
    markdown: async () => "",
  });
  return html === "" ? "" : outputElement(output, html);
}

function knownLive(id: string): LiveFigure | undefined {
  try {
    return liveFigure(id);
  } catch {
    return undefined;
  }
}

/** The files of a figure that the site does not have. */
function offer(element: HTMLElement, files: readonly PageFile[]): void {
  for (const { name, mime, text } of files)
    for (const link of element.querySelectorAll<HTMLAnchorElement>(`a[download="${name}"]`))
      link.href = URL.createObjectURL(new Blob([text], { type: mime }));
}
