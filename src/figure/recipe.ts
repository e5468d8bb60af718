/**
 * The recipe inside a picture: its stamp, and all that is needed to make it again and to see whether it came out the same.
 * The revision in it is the digest of the simulator's sources, and not a commit: a commit changes with every word of a page,
 * and pictures must not. Digests are good against accident, not against attack.
 */
import { digest } from "../base/digest.ts";
import { UserError } from "../base/errors.ts";
import { isListOf, isObject, isText } from "../base/shape.ts";
import { formatSize, KiB } from "../base/size.ts";
import type { FigureData, Host, LiveOrigin } from "./figure.ts";
import { canonicalJson, type Stamp, stampOf } from "./stamp.ts";
import { unescapeText } from "./xml.ts";

/** What the `<metadata>` of a picture holds. */
export interface Recipe extends Stamp {
  /** Width of the picture in CSS pixels. */
  readonly width: number;
  /** Digest of the figure's columns and rows. */
  readonly data: string;
  /** The live figure that makes it, by parameters and inputs. */
  readonly live?: LiveOrigin;
  /** Else the code of the notebook's cells up to the one that drew it, unless that is too long to keep. */
  readonly cells?: readonly string[];
}

/** Longest code of cells that a picture carries, in characters: a notebook's has a tenth of that. */
const MAX_CELLS = 64 * KiB;
/** Longest recipe that is read, in characters. */
const MAX_RECIPE = 256 * KiB;

/** Deepest nesting of a parameter. */
const MAX_DEPTH = 16;

/** The recipe of a figure that is drawn at a width. */
export function recipeOf(figure: FigureData, { build, cells }: Pick<Host, "build" | "cells">, width: number): Recipe {
  const { columns, rows, live } = figure;
  const data = digest(canonicalJson({ columns, rows }));
  const kept = live === undefined && cells !== undefined && cells.join("").length <= MAX_CELLS ? { cells } : {};
  return { ...stampOf(figure, build), width, data, ...(live === undefined ? kept : { live }) };
}

/**
 * The recipe in the text of an SVG. Throws {@link UserError}, in one line, if there is none that could have been written here.
 * The text is not parsed as XML: nothing in it is loaded, and no entity is expanded but those that `escapeText` writes.
 */
export function readRecipe(svg: string): Recipe {
  const json = unescapeText(metadata(svg));
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new UserError("its metadata are not those of ptlab");
  }
  return checked(value);
}

function metadata(svg: string): string {
  const start = svg.indexOf(OPEN);
  if (start < 0 || !/<svg[\s>]/.test(svg.slice(0, start))) throw new UserError("this is no picture drawn by ptlab");
  const end = svg.indexOf("<", start + OPEN.length);
  if (end < 0 || !svg.startsWith("</metadata>", end))
    throw new UserError("its metadata are cut off or not those of ptlab");
  const text = svg.slice(start + OPEN.length, end);
  if (text.length > MAX_RECIPE) throw new UserError(`its metadata are larger than ${formatSize(MAX_RECIPE)}`);
  return text;
}

const OPEN = "<metadata>";

/** What each part of a recipe may be; written down because a file may hold anything. */
const PARTS: Readonly<Record<keyof Recipe, (value: unknown) => boolean>> = {
  tool: (value) => value === "ptlab",
  version: (value) => isText(value) && /^[\w.+-]{1,40}$/.test(value),
  source: isDigest,
  designs: (value) => isListOf(value, isText),
  workload: isText,
  params: (value) => isObject(value) && isShallow(value, MAX_DEPTH),
  spec: isDigest,
  seed: (value) => value === null || Number.isFinite(value),
  input: (value) => value === null || isDigest(value),
  width: (value) => Number.isInteger(value) && (value as number) >= WIDTHS.least && (value as number) <= WIDTHS.most,
  data: isDigest,
  live: (value) => value === undefined || isLiveOrigin(value),
  cells: (value) => value === undefined || isListOf(value, isText),
};

/** Widths in CSS pixels at which a figure can be asked for. */
export const WIDTHS = { least: 200, most: 4000 } as const;

function checked(value: unknown): Recipe {
  if (!isObject(value) || !PARTS.tool(value.tool)) throw new UserError("its metadata are not those of ptlab");
  if (value.width === undefined && value.data === undefined)
    throw new UserError("it was drawn before pictures held their recipe, by ptlab older than this one");
  for (const [name, isGood] of Object.entries(PARTS))
    if (!isGood(value[name])) throw new UserError(`its recipe has a bad or missing '${name}'`);
  return value as unknown as Recipe;
}

function isLiveOrigin(value: unknown): boolean {
  if (!isObject(value) || !isText(value.id) || !isObject(value.params) || !isObject(value.inputs)) return false;
  const simple = (param: unknown) => ["string", "number", "boolean"].includes(typeof param);
  return Object.values(value.params).every(simple) && Object.values(value.inputs).every(isDigest);
}

/** What nests deeper would exhaust the stack of whoever goes through it. */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((part) => isShallow(part, depth - 1));
}

function isDigest(value: unknown): boolean {
  return isText(value) && /^[0-9a-f]{16}$/.test(value);
}
