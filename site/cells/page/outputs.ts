/**
 * Outputs of a cell that was run again, put into the page by the very function that made the stored ones.
 */
import { liveFigures } from "../../../src/figure/live/index.ts";
import { storedFigure } from "../../../src/notebook/figures.ts";
import type { NbOutput } from "../../../src/notebook/format.ts";
import type { PageFile } from "../../../src/notebook/render/exports.ts";
import { type Placement, renderFigure } from "../../../src/notebook/render/figure.ts";
import { outputDigest, outputElement, outputHtml } from "../../../src/notebook/render/output.ts";

/** The stored outputs of a cell as the page came with them. */
export interface StoredOutputs {
  readonly elements: readonly StoredOutput[];
  /** The largest number of a figure on the page. */
  readonly lastFigure: number;
}

interface StoredOutput {
  readonly digest: string;
  readonly html: string;
  /** What leads to the figure in it. */
  readonly figure: Anchors | undefined;
}

/** A figure's number on the page and its anchor by what it shows. What takes its place takes these too: links lead there. */
type Anchors = Pick<Placement, "number" | "label">;

/** What the page has stored in an element of outputs. */
export function storedOutputs(element: Element): StoredOutputs {
  const outputs = [...element.querySelectorAll<HTMLElement>(":scope > .ptlab-output")];
  return {
    elements: outputs.map((output) => {
      return { digest: output.dataset.digest!, html: output.outerHTML, figure: anchorsIn(output)[0] };
    }),
    lastFigure: Math.max(0, ...numbersIn(element.ownerDocument)),
  };
}

/** Shows outputs; what says the same as a stored one looks as that does. True if all is as it is stored. */
export async function showOutputs(
  element: HTMLElement,
  outputs: readonly NbOutput[],
  stored: StoredOutputs,
): Promise<boolean> {
  const digests = outputs.map(outputDigest);
  const wanted = digests.join();
  const isStored = wanted === stored.elements.map(({ digest }) => digest).join();
  if (element.dataset.shown === wanted) return isStored;
  element.dataset.shown = wanted;
  const same = storedOnes(digests, stored);
  const anchors = freeAnchors(element, same, stored);
  const files: PageFile[] = [];
  const parts: string[] = [];
  for (const [i, output] of outputs.entries())
    parts.push(same[i]?.html ?? (await rendered(output, () => anchors.next().value, files)));
  // Unless a later call had other outputs to show.
  if (element.dataset.shown !== wanted) return isStored;
  replaceOutputs(element, parts.join(""));
  offer(element, files);
  return isStored;
}

/** Puts HTML in the place of outputs, and frees the files that were offered with them. */
export function replaceOutputs(element: HTMLElement, html: string): void {
  for (const link of element.querySelectorAll<HTMLAnchorElement>('a[href^="blob:"]')) URL.revokeObjectURL(link.href);
  element.innerHTML = html;
}

/** The stored output that says the same as each of these; an id may be on a page once, and so may each stored output. */
function storedOnes(digests: readonly string[], { elements }: StoredOutputs): readonly (StoredOutput | undefined)[] {
  const left = new Set(elements);
  return digests.map((digest) => {
    const same = [...left].find((element) => element.digest === digest);
    if (same !== undefined) left.delete(same);
    return same;
  });
}

/** Anchors for new figures: first those of stored figures that are not shown, then numbers that no figure of the page has. */
function* freeAnchors(
  element: Element,
  shown: readonly (StoredOutput | undefined)[],
  { elements, lastFigure }: StoredOutputs,
): Generator<Anchors, never> {
  for (const output of elements) if (output.figure !== undefined && !shown.includes(output)) yield output.figure;
  const own = numbersIn(element);
  const others = numbersIn(document).filter((number) => !own.includes(number));
  for (let number = Math.max(lastFigure, ...others) + 1; ; number++) yield { number };
}

const anchorsIn = (root: ParentNode): Anchors[] =>
  [...root.querySelectorAll('figure[id^="figure-"]')].map((figure) => ({
    number: Number(figure.id.replace("figure-", "")),
    label: figure.querySelector(':scope > span[id^="fig-"]')?.id,
  }));

const numbersIn = (root: ParentNode): number[] => anchorsIn(root).map(({ number }) => number);

async function rendered(output: NbOutput, nextAnchors: () => Anchors, files: PageFile[]): Promise<string> {
  const html = await outputHtml(output, {
    figure(bundle) {
      const figure = storedFigure(bundle);
      if (figure === undefined) return "";
      const anchors = nextAnchors();
      const embed = `${location.pathname}#figure-${anchors.number}`;
      const live = liveFigures.find(({ id }) => id === figure.data.live?.id);
      const made = renderFigure(figure, bundle, { ...anchors, address: location.pathname, embed, live });
      files.push(...made.files);
      return made.html;
    },
    // What highlights code is not part of a page: such an output is shown in its plain form.
    markdown: async () => "",
  });
  return html === "" ? "" : outputElement(output, html);
}

/** The files of a figure that the site does not have. */
function offer(element: HTMLElement, files: readonly PageFile[]): void {
  for (const { name, mime, text } of files)
    for (const link of element.querySelectorAll<HTMLAnchorElement>(`a[download="${name}"]`))
      link.href = URL.createObjectURL(new Blob([text], { type: mime }));
}
