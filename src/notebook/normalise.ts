/**
 * The one form in which outputs are compared, whoever compares them: two runs of the same code give the same text, and
 * whatever else differs is a difference. Left out is what says when, where or by which build something ran; what was
 * computed stays to its last digit.
 */
import { isObject } from "../base/shape.ts";
import { LINE, wrap } from "../figure/ascii.ts";
import { FIGURE_MIME } from "../figure/figure.ts";
import { isGeometry, roundGeometry } from "../figure/geometry.ts";
import { canonicalJson } from "../figure/stamp.ts";
import { escapeText, unescapeText } from "../figure/xml.ts";
import { isJsonMime, type Json, type JsonObject, type MimeBundle, type NbOutput } from "./format.ts";

/** What an output says, a text for each of its forms, under a name that a report can show. */
export type Parts = Readonly<Record<string, string>>;

/** The comparable forms of an output; `code` is that of its cell, which tells whether it printed times. */
export function outputParts(output: NbOutput, code: string): Parts {
  switch (output.output_type) {
    case "stream":
      return { [output.name]: normaliseStream(output.text, code) };
    case "error":
      // The traceback names files and lines of the kernel, which are not what failed.
      return { error: withoutCount(`${output.ename}: ${output.evalue}`) };
    default:
      return bundleParts(output.data);
  }
}

/** A control that is held in a running front end, under an id of that moment. */
const WIDGET_MIME = "application/vnd.jupyter.widget-view+json";

function bundleParts(bundle: MimeBundle): Parts {
  const figure = bundle[FIGURE_MIME];
  if (isObject(figure)) return figureParts(bundle, figure);
  const shown = Object.entries(bundle).filter(([mime]) => mime !== WIDGET_MIME);
  return Object.fromEntries(shown.map(([mime, value]) => [mime, normaliseForm(mime, value)]));
}

/** Data to the last digit; of the stamp what was run, not by which build. What a front end adds is made of these. */
function figureParts(bundle: MimeBundle, { stamp, narrow, ...data }: JsonObject): Parts {
  const forms: [name: string, mime: string, value: Json | undefined][] = [
    ["picture", "image/svg+xml", bundle["image/svg+xml"]],
    ["phone picture", "image/svg+xml", narrow],
    ["text table", "text/plain", bundle["text/plain"]],
  ];
  const given = forms.flatMap(([name, mime, value]) =>
    value === undefined ? [] : [[name, normaliseForm(mime, value)]],
  );
  return { ...Object.fromEntries(given), data: printJson({ ...data, stamp: comparableStamp(stamp) }) };
}

function normaliseForm(mime: string, value: Json): string {
  if (isJsonMime(mime) || typeof value !== "string") return printJson(value);
  if (mime === "image/svg+xml") return normaliseSvg(value);
  if (mime === "text/html") return normaliseHtml(value);
  return normaliseText(value);
}

/** JSON with a line for each value, its keys in order. */
const printJson = (value: Json): string => JSON.stringify(JSON.parse(canonicalJson(value)), null, 1);

/**
 * A stamp without the build; without the digest of the data, which are compared themselves, so that what the picture rounds
 * away leaves it the same; and without the code of the cells, because a word more in a comment moves nothing.
 */
function comparableStamp(stamp: Json | undefined): Json {
  if (!isObject(stamp)) return stamp ?? null;
  const { version: _version, source: _source, data: _data, cells: _cells, ...rest } = stamp;
  return rest;
}

/**
 * A picture with a line for each element: ids in the order of their first use, places rounded as figures round them, and
 * no build in the recipe. Texts, colours and all else are kept as they are.
 */
export const normaliseSvg = (svg: string): string => numberIds(comparableSvg(svg));

function comparableSvg(svg: string): string {
  const rounded = svg.replace(TAG, (tag) =>
    tag.replace(/([\w:-]+)="([^"]*)"/g, (whole, name, value) =>
      isGeometry(name) ? `${name}="${roundGeometry(value)}"` : whole,
    ),
  );
  const stamped = rounded.replace(
    /(<metadata>)(.*?)(<\/metadata>)/s,
    (_, open, text, close) => open + metadata(text) + close,
  );
  // Inside `text`, white space between elements shows.
  return stamped.replace(/>\s*<(?!\/?tspan|\/text)/g, ">\n<");
}

/** A recipe without its build, or whatever else stands there as it is. */
function metadata(escaped: string): string {
  try {
    return escapeText(canonicalJson(comparableStamp(JSON.parse(unescapeText(escaped)) as Json)));
  } catch {
    return escaped;
  }
}

const TAG = /<[a-z][^<>]*>/gi;

/** What chance has made: it stands in texts too. */
const UUID = /\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/g;

/** Ids of elements that are made of a digest, of chance, or of how many a process has made before. */
const IDS = new RegExp(`ptlab-[0-9a-f]{16}\\b|plot-(?:clip|pattern)-\\d+\\b|${UUID.source}`, "g");

/** Only in tags: in a text, the same letters are what code has computed. */
function numberIds(markup: string): string {
  const rename = renamer();
  return markup.replace(TAG, (tag) => tag.replace(IDS, (id) => rename(id)));
}

/** Names ids by the order of their first use. */
function renamer(): (id: string) => string {
  const names = new Map<string, string>();
  return (id) => {
    const [kind = "id-"] = /^(?:ptlab-|plot-(?:clip|pattern)-)/.exec(id) ?? [];
    if (!names.has(id)) names.set(id, `${kind}${names.size + 1}`);
    return names.get(id)!;
  };
}

/** HTML: text, except for the pictures in it. */
function normaliseHtml(html: string): string {
  return normaliseText(numberIds(html.replace(/<svg\b.*?<\/svg>/gs, comparableSvg)));
}

/** Text, such as the text table of a figure: the stamp without its build, broken into lines as if there never was one. */
export function normaliseText(text: string): string {
  const rename = renamer();
  return text
    .replace(UUID, (id) => rename(id))
    .replace(/\bptlab \d[^\s;]* \([0-9a-f]{8,16}\)/g, "ptlab")
    .replace(/^ptlab;[^\n]*(?:\n {2}[^\n]*)*/gm, (stamp) => wrap(stamp.replaceAll("\n  ", " "), LINE, "  ").join("\n"));
}

/** What `console.time` prints: a line of another make may look the same, so it counts only where a cell calls that. */
const CLOCK = /^([^\n]*?: )(?:\d+(?:\.\d+)?ms|\d+\.\d{3}s|[\d:]+\.\d{3} \([hms:.]+\))(?= |$)/gm;
const TIMES = /\bconsole\s*\.\s*time/;

/** What code printed: also without the clock, the count of cells that ran before, and the process in Node's warnings. */
function normaliseStream(text: string, code: string): string {
  const printed = withoutCount(normaliseText(text)).replace(/^\(node:\d+\) /gm, "(node) ");
  return TIMES.test(code) ? printed.replace(CLOCK, "$1(time)") : printed;
}

/** A place in the code of a cell without the number of the cell, which counts those that a person ran before. */
const withoutCount = (text: string): string => text.replace(/\bIn\[\d+\](?=:\d)/g, "In[ ]");
