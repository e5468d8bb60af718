/**
 * A notebook as a page: prose, highlighted code and outputs in reading order, with a title, headings for the table of
 * contents, and the files that the page offers for download.
 */
import type { LiveFigure } from "../../figure/live.ts";
import { figuresOf, type NumberedFigure } from "../figures.ts";
import { type CodeCell, hasCode, type MimeBundle, type Notebook, type TextCell } from "../format.ts";
import { numbered } from "../slug.ts";
import { describe, splitTitle } from "../title.ts";
import { formatNotebook } from "../write.ts";
import { cellBar, pageBar } from "./cell-bar.ts";
import type { PageFile } from "./exports.ts";
import { figureFiles, figureSummary, renderFigure } from "./figure.ts";
import { attributes, escapeHtml } from "./html.ts";
import { type OutputContext, outputElement, outputHtml } from "./output.ts";
import { sanitizeHtml, TAKEN } from "./sanitize.ts";

/** A heading of a page. */
export interface Heading {
  readonly depth: number;
  readonly slug: string;
  readonly text: string;
}

/** Rendered Markdown and the headings in it. */
export interface Markdown {
  readonly html: string;
  readonly headings: readonly Heading[];
}

/** What a site makes of prose that is sanitised already: references, explanations, equations. */
export interface Prose {
  /** The next piece of the page, in reading order. */
  piece(html: string): string;
  /** What comes after the last piece, and its headings. */
  end(): Markdown;
}

/** What rendering needs from the site. */
export interface RenderEffects {
  /** Address of the page, with a slash at its end; its files are below it. */
  readonly address: string;
  /** Address of the page that shows the figure of that number alone. */
  embed(number: number): string;
  /** Markdown as HTML; fenced code comes back highlighted. Its output is sanitised here, except for code cells. */
  markdown(text: string): Promise<Markdown>;
  /** Completes the prose of the page; without it, the page shows what Markdown gives. */
  readonly prose?: Prose;
  /** What redraws a live figure of that name. */
  live(id: string): LiveFigure | undefined;
}

/** A notebook as a page. */
export interface Page {
  readonly title: string;
  /** First sentences of the prose, for search engines and previews. */
  readonly description: string;
  readonly html: string;
  readonly headings: readonly Heading[];
  readonly files: readonly PageFile[];
}

/** Code cells with more lines than this are folded. */
const FOLD_LINES = 24;

/** Renders a notebook; `name` is its file name without extension. */
export async function renderPage(name: string, nb: Notebook, effects: RenderEffects): Promise<Page> {
  const { title, rest } = splitTitle(name, nb);
  const state = newState(nb, effects);
  const parts: string[] = [];
  for (const cell of rest.cells)
    parts.push(cell.cell_type === "code" ? await codeHtml(state, cell) : await textHtml(state, cell));
  const end = effects.prose?.end() ?? { html: "", headings: [] };
  const download = `<p class="ptlab-download not-content"><a href="${escapeHtml(effects.address + notebookFile(name))}" download>Download notebook</a> to run and change it in Jupyter. ${pageBar()}</p>`;
  return {
    title,
    description: describe(rest),
    html: [...state.assets, download, ...parts, end.html].filter((part) => part !== "").join("\n"),
    headings: [...state.headings, ...end.headings],
    files: pageFiles(name, nb),
  };
}

const notebookFile = (name: string): string => `${name}.ipynb`;

/** The files that a notebook's page offers: the notebook, and each figure as SVG, CSV and text. */
export function pageFiles(name: string, nb: Notebook): readonly PageFile[] {
  const file = { name: notebookFile(name), mime: "application/x-ipynb+json", text: formatNotebook(nb) };
  const figures = figuresOf(nb).map(({ number, stored, bundle }) =>
    figureFiles(`figure-${number}`, stored.data, bundle),
  );
  return [file, ...figures.flat()];
}

/** The first figure of a notebook without controls and numbers, or undefined if it has none. */
export function firstPicture(nb: Notebook) {
  const first = figuresOf(nb)[0];
  return first && figureSummary(first.stored, first.bundle);
}

/** What the cells of one page share: its numbered figures and its heading ids. */
interface PageState {
  readonly effects: RenderEffects;
  readonly headings: Heading[];
  /** Links to the highlighter's style and script. */
  readonly assets: Set<string>;
  readonly slugs: Set<string>;
  /** Code cells so far. */
  cells: number;
  /** Those that are still to come. */
  readonly figures: NumberedFigure[];
}

const newState = (nb: Notebook, effects: RenderEffects): PageState => ({
  effects,
  cells: 0,
  headings: [],
  assets: new Set(),
  slugs: new Set(),
  figures: [...figuresOf(nb)],
});

async function textHtml(state: PageState, cell: TextCell): Promise<string> {
  if (cell.cell_type === "raw") return "";
  const { html, headings } = await state.effects.markdown(withAttachments(cell));
  const texts = new Map(headings.map((h) => [h.slug, h.text]));
  const clean = sanitizeHtml(html, (depth, id) => {
    // The notes of all cells are one list at the end, which has a heading of its own.
    if (id === "footnote-label") return id;
    // Two cells may have headings alike; they are numbered as Markdown numbers those of one text.
    const slug = numbered(state.slugs, TAKEN.test(id) ? `text-${id}` : id, 1);
    state.headings.push({ depth, slug, text: texts.get(id) ?? id });
    return slug;
  });
  return state.effects.prose?.piece(clean) ?? clean;
}

const isEmpty = (cell: CodeCell): boolean => cell.source.trim() === "" && cell.outputs.length === 0;

async function codeHtml(state: PageState, cell: CodeCell): Promise<string> {
  if (isEmpty(cell)) return "";
  const highlighted = await state.effects.markdown(fenced(cell.source));
  const { rest, found } = splitAssets(highlighted.html);
  for (const asset of found) state.assets.add(asset);
  const context = outputContext(state);
  const shown: string[] = [];
  for (const output of cell.outputs) {
    const html = await outputHtml(output, context);
    if (html !== "") shown.push(outputElement(output, html));
  }
  const number = hasCode(cell) ? ++state.cells : undefined;
  const bar = number === undefined ? "" : cellBar(number);
  const code = `<div class="ptlab-code">${folded(cell, rest)}</div>`;
  // The attribute tells a cell of this notebook from whatever its outputs and prose hold: they cannot carry it.
  return `<div${attributes({ class: "ptlab-cell", "data-code-cell": number })}>${code}${bar}<div class="ptlab-outputs">${shown.join("")}</div></div>`;
}

function outputContext(state: PageState): OutputContext {
  const { effects } = state;
  return {
    figure(bundle: MimeBundle) {
      if (state.figures[0]?.bundle !== bundle) return "";
      const { number, label, stored } = state.figures.shift()!;
      const live = stored.data.live && effects.live(stored.data.live.id);
      const place = { number, label, address: effects.address, embed: effects.embed(number), live };
      return renderFigure(stored, bundle, place).html;
    },
    markdown: async (text) => (await effects.markdown(text)).html,
  };
}

/** A fence longer than any in the code, so that the code cannot end it. */
function fenced(code: string): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = "`".repeat(longest + 1);
  return `${fence}ts\n${code}\n${fence}\n`;
}

/** The highlighter repeats the links to its style and script in every piece; a page needs them once. */
function splitAssets(html: string): { rest: string; found: readonly string[] } {
  const asset = /<link rel="stylesheet" href="[^"]*"\s*\/?>|<script type="module" src="[^"]*"><\/script>/g;
  return { rest: html.replace(asset, ""), found: html.match(asset) ?? [] };
}

function folded(cell: CodeCell, html: string): string {
  const hidden = (cell.metadata.jupyter as { source_hidden?: unknown } | undefined)?.source_hidden === true;
  const lines = cell.source.split("\n").length;
  if (!hidden && lines <= FOLD_LINES) return html;
  return `<details class="ptlab-fold"><summary>Code, ${lines} lines</summary>${html}</details>`;
}

function withAttachments(cell: TextCell): string {
  return cell.source.replace(/\(attachment:([^)\s]+)/g, (whole, name: string) => {
    const [mime, data] = Object.entries(cell.attachments[name] ?? {})[0] ?? [];
    return typeof data === "string" ? `(data:${mime};base64,${data.replace(/\s+/g, "")}` : whole;
  });
}
