/**
 * One output of a cell as HTML: its richest form that a page can show, sanitised. Scripts are not among the forms.
 */
import { digest } from "../../base/digest.ts";
import { FIGURE_MIME } from "../../figure/figure.ts";
import type { MimeBundle, NbOutput } from "../format.ts";
import { outputParts } from "../normalise.ts";
import { escapeHtml, withoutAnsi } from "./html.ts";
import { sanitizeHtml, sanitizeSvg } from "./sanitize.ts";

/** What rendering an output needs from the page that it is on. */
export interface OutputContext {
  /** A numbered figure. Gives an empty string if the bundle's data is not a figure. */
  figure(bundle: MimeBundle): string;
  /** Markdown as HTML, not yet sanitised. */
  markdown(text: string): Promise<string>;
}

type Renderer = (text: string, context: OutputContext, bundle: MimeBundle) => string | Promise<string>;

const picture =
  (mime: string): Renderer =>
  (data) => {
    const base64 = data.replace(/\s+/g, "");
    if (!/^[A-Za-z0-9+/]+=*$/.test(base64)) return "";
    return `<img alt="" src="data:${mime};base64,${base64}">`;
  };

/** From the richest to the plainest; the first that gives anything is shown. */
const RENDERERS: readonly (readonly [string, Renderer])[] = [
  [FIGURE_MIME, (_, context, bundle) => context.figure(bundle)],
  ["text/html", (html) => scrollable(sanitizeHtml(html))],
  ["text/markdown", async (text, context) => sanitizeHtml(await context.markdown(text))],
  ["image/svg+xml", (svg) => wrapped("ptlab-picture", sanitizeSvg(svg))],
  ["image/png", picture("image/png")],
  ["image/jpeg", picture("image/jpeg")],
  ["image/gif", picture("image/gif")],
  ["text/latex", (text) => preformatted("ptlab-text", text)],
  ["text/plain", (text) => preformatted("ptlab-text", text)],
  [
    "application/json",
    (_, __, bundle) => preformatted("ptlab-text", JSON.stringify(bundle["application/json"], null, 2)),
  ],
];

/** An output in its place on a page, with a digest of what it says, by which an equal one is known. */
export const outputElement = (output: NbOutput, html: string): string =>
  `<div class="ptlab-output" data-digest="${outputDigest(output)}">${html}</div>`;

/** Equal for outputs that say the same to whoever reads them; a measured time is part of that. */
export const outputDigest = (output: NbOutput): string => digest(JSON.stringify(outputParts(output, "")));

/** The output as HTML, or an empty string if it has no form that a page can show. */
export async function outputHtml(output: NbOutput, context: OutputContext): Promise<string> {
  if (output.output_type === "stream") return preformatted(`ptlab-text ptlab-${output.name}`, output.text);
  if (output.output_type === "error") return preformatted("ptlab-text ptlab-error", errorText(output));
  for (const [mime, render] of RENDERERS) {
    const value = output.data[mime];
    if (value === undefined) continue;
    const html = await render(typeof value === "string" ? value : "", context, output.data);
    if (html !== "") return html;
  }
  return "";
}

const errorText = (error: NbOutput & { output_type: "error" }): string =>
  error.traceback.length > 0 ? error.traceback.join("\n") : `${error.ename}: ${error.evalue}`;

function preformatted(className: string, text: string): string {
  const shown = withoutAnsi(text).trimEnd();
  return shown === "" ? "" : `<pre class="${className}" tabindex="0">${escapeHtml(shown)}</pre>`;
}

const wrapped = (className: string, html: string): string =>
  html === "" ? "" : `<div class="${className}">${html}</div>`;

/**
 * Wide tables scroll within themselves, not with the page, and by keyboard too. Columns of a table that is still on its way move
 * with each row; the end of what scrolls tells the style sheet that it is there as a whole, and until then it is not shown.
 */
const scrollable = (html: string): string =>
  html === ""
    ? ""
    : `<div class="ptlab-scroll" tabindex="0" role="group" aria-label="Output">${html}<span hidden></span></div>`;
