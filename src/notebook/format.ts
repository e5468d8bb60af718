/**
 * Notebook files, nbformat 4: their shape in memory, and reading one that may be truncated, foreign or hostile.
 * Reading checks everything that later code relies on, so that nobody else has to. Source: the nbformat 4.5 schema.
 */
import { UserError } from "../base/errors.ts";
import { isObject } from "../base/shape.ts";

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
/** A JSON object, such as the metadata of a cell. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Text by mime type; types that end in `json` hold a JSON value instead. */
export type MimeBundle = Readonly<Record<string, Json>>;

/** One stored output of a code cell. */
export type NbOutput =
  | { readonly output_type: "stream"; readonly name: "stdout" | "stderr"; readonly text: string }
  | { readonly output_type: "display_data"; readonly data: MimeBundle; readonly metadata: JsonObject }
  | {
      readonly output_type: "execute_result";
      readonly data: MimeBundle;
      readonly metadata: JsonObject;
      readonly execution_count: number | null;
    }
  | {
      readonly output_type: "error";
      readonly ename: string;
      readonly evalue: string;
      readonly traceback: readonly string[];
    };

interface CellBase {
  readonly id: string;
  readonly source: string;
  readonly metadata: JsonObject;
}

/** Code, with what it put out when it last ran. */
export interface CodeCell extends CellBase {
  readonly cell_type: "code";
  readonly execution_count: number | null;
  readonly outputs: readonly NbOutput[];
}

/** Prose. `attachments` are pictures that the text names as `attachment:NAME`. */
export interface TextCell extends CellBase {
  readonly cell_type: "markdown" | "raw";
  readonly attachments: Readonly<Record<string, MimeBundle>>;
}

/** A cell of either kind. */
export type NbCell = CodeCell | TextCell;

/** True of a cell that has something to run. A page numbers these. */
export const hasCode = (cell: NbCell): cell is CodeCell => cell.cell_type === "code" && cell.source.trim() !== "";

/** What all cells have put out, in reading order. */
export const outputsOf = ({ cells }: Notebook): readonly NbOutput[] =>
  cells.flatMap((cell) => (cell.cell_type === "code" ? cell.outputs : []));

/** A checked notebook: text joined, every cell with an id of its own. */
export interface Notebook {
  readonly metadata: JsonObject;
  readonly cells: readonly NbCell[];
}

/** Largest file that is read, in bytes; a page of plots is a hundredth of it. */
export const MAX_NOTEBOOK_BYTES = 64 * 2 ** 20;
const MAX_CELLS = 10_000;
const MAX_OUTPUTS = 10_000;
const MAX_DEPTH = 100;

/** True for a mime type whose value is JSON rather than text. */
export const isJsonMime = (mime: string): boolean => mime === "application/json" || mime.endsWith("+json");

/**
 * The notebook in a file's text. `file` is the name that errors carry.
 * Throws {@link UserError} with the file and the place in it.
 */
export function parseNotebook(text: string, file: string): Notebook {
  const fail: Fail = (place, what) => {
    throw new UserError(`${file}: ${place}: ${what}`);
  };
  if (text.length > MAX_NOTEBOOK_BYTES) fail("whole file", `larger than ${MAX_NOTEBOOK_BYTES} bytes`);
  const root = object(parseJson(text, fail), "top level", fail);
  if (root.nbformat !== 4) fail("nbformat", `${short(root.nbformat)} is given, 4 is allowed`);
  const cells = list(root.cells, "cells", MAX_CELLS, fail);
  const seen = new Set<string>();
  return {
    metadata: plain(root.metadata ?? {}, "metadata", fail),
    cells: cells.map((cell, i) => readCell(cell, i, seen, fail)),
  };
}

type Fail = (place: string, what: string) => never;

function parseJson(text: string, fail: Fail): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = (error as Error).message;
    const at = /position (\d+)/.exec(message);
    const offset = at ? Number(at[1]) : text.length;
    const line = text.slice(0, offset).split("\n").length;
    return fail(`line ${line}`, at ? "this is not JSON" : "this is not JSON: it ends too early");
  }
}

function readCell(value: unknown, index: number, seen: Set<string>, fail: Fail): NbCell {
  const place = `cell ${index + 1}`;
  const cell = object(value, place, fail);
  const base = {
    id: cellId(cell.id, index, seen),
    source: joined(cell.source, `${place}, source`, fail),
    metadata: plain(cell.metadata ?? {}, `${place}, metadata`, fail),
  };
  if (cell.cell_type === "markdown" || cell.cell_type === "raw")
    return { cell_type: cell.cell_type, ...base, attachments: attachments(cell.attachments ?? {}, place, fail) };
  if (cell.cell_type !== "code")
    fail(place, `cell_type ${short(cell.cell_type)} is given; code, markdown and raw are allowed`);
  const outputs = list(cell.outputs, `${place}, outputs`, MAX_OUTPUTS, fail);
  return {
    cell_type: "code",
    ...base,
    execution_count: count(cell.execution_count),
    outputs: outputs.map((o, n) => readOutput(o, `${place}, output ${n + 1}`, fail)),
  };
}

/** Cells older than nbformat 4.5 have no id, and a copied cell has one that is taken: both get one by their place. */
function cellId(given: unknown, index: number, seen: Set<string>): string {
  let id = typeof given === "string" && /^[\w-]{1,64}$/.test(given) ? given : `cell-${index + 1}`;
  for (let n = 2; seen.has(id); n++) id = `cell-${index + 1}-${n}`;
  seen.add(id);
  return id;
}

/** One output object as a file or the wire gives it, checked. `place` is what an error says about where it is. */
export function readOutput(value: unknown, place: string, fail: Fail): NbOutput {
  const out = object(value, place, fail);
  switch (out.output_type) {
    case "stream":
      return { output_type: "stream", name: streamName(out.name), text: joined(out.text, place, fail) };
    case "display_data":
      return { output_type: "display_data", ...shown(out, place, fail) };
    case "execute_result":
      return {
        output_type: "execute_result",
        ...shown(out, place, fail),
        execution_count: count(out.execution_count),
      };
    case "error":
      return {
        output_type: "error",
        ename: text(out.ename ?? "", `${place}, ename`, fail),
        evalue: text(out.evalue ?? "", `${place}, evalue`, fail),
        traceback: list(out.traceback ?? [], `${place}, traceback`, MAX_OUTPUTS, fail).map((l) =>
          text(l, `${place}, traceback`, fail),
        ),
      };
    default:
      return fail(
        place,
        `output_type ${short(out.output_type)} is given; stream, display_data, execute_result and error are allowed`,
      );
  }
}

function shown(out: Record<string, unknown>, place: string, fail: Fail) {
  return {
    data: mimeBundle(out.data, `${place}, data`, fail),
    metadata: plain(out.metadata ?? {}, `${place}, metadata`, fail),
  };
}

function mimeBundle(value: unknown, place: string, fail: Fail): MimeBundle {
  const entries = Object.entries(object(value, place, fail)).map(([mime, v]) => [
    mime,
    isJsonMime(mime) ? json(v, `${place}, ${mime}`, fail) : joined(v, `${place}, ${mime}`, fail),
  ]);
  return Object.fromEntries(entries);
}

function attachments(value: unknown, place: string, fail: Fail): Readonly<Record<string, MimeBundle>> {
  const where = `${place}, attachments`;
  const entries = Object.entries(object(value, where, fail));
  return Object.fromEntries(entries.map(([name, v]) => [name, mimeBundle(v, where, fail)]));
}

const streamName = (value: unknown): "stdout" | "stderr" => (value === "stderr" ? "stderr" : "stdout");

const count = (value: unknown): number | null => (Number.isSafeInteger(value) ? (value as number) : null);

function object(value: unknown, place: string, fail: Fail): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : fail(place, `an object is needed, ${short(value)} is given`);
}

function list(value: unknown, place: string, most: number, fail: Fail): readonly unknown[] {
  if (!Array.isArray(value)) return fail(place, `a list is needed, ${short(value)} is given`);
  if (value.length > most) fail(place, `at most ${most} items are allowed, ${value.length} are given`);
  return value;
}

function text(value: unknown, place: string, fail: Fail): string {
  return typeof value === "string" ? value : fail(place, `text is needed, ${short(value)} is given`);
}

/** Text that nbformat may store as one string or as a list of lines. */
function joined(value: unknown, place: string, fail: Fail): string {
  return Array.isArray(value) ? value.map((line) => text(line, place, fail)).join("") : text(value, place, fail);
}

function plain(value: unknown, place: string, fail: Fail): JsonObject {
  return json(object(value, place, fail), place, fail) as JsonObject;
}

/** Bounds the depth, because what is written back is written by a recursive function. */
function json(value: unknown, place: string, fail: Fail, depth = 0): Json {
  if (depth > MAX_DEPTH) fail(place, `nested deeper than ${MAX_DEPTH}`);
  if (typeof value === "object" && value !== null)
    for (const inner of Object.values(value)) json(inner, place, fail, depth + 1);
  return value as Json;
}

function short(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const shownAs = JSON.stringify(value);
  return shownAs.length > 40 ? `${shownAs.slice(0, 40)}…` : shownAs;
}
