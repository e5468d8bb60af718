/**
 * The one way to write a notebook: the same notebook always gives the same bytes, in the layout that Jupyter itself
 * writes (sorted keys, indent 1, text as lists of lines), so that saving from Jupyter makes small diffs.
 */
import {
  isJsonMime,
  type Json,
  type JsonObject,
  type MimeBundle,
  type NbCell,
  type NbOutput,
  type Notebook,
} from "./format.ts";

/** What editors leave in a cell's metadata about a moment or a window. */
const VOLATILE_CELL = ["collapsed", "scrolled", "execution", "ExecuteTime"];
const VOLATILE_NOTEBOOK = ["signature", "widgets", "toc", "varInspector"];

/** The file's text: nbformat 4.5, ends with a newline. */
export function formatNotebook(nb: Notebook): string {
  const file = {
    cells: nb.cells.map(cellJson),
    metadata: without(nb.metadata, VOLATILE_NOTEBOOK),
    nbformat: 4,
    nbformat_minor: 5,
  };
  return `${JSON.stringify(sorted(file), null, 1)}\n`;
}

function cellJson(cell: NbCell): JsonObject {
  const common = {
    cell_type: cell.cell_type,
    id: cell.id,
    metadata: without(cell.metadata, VOLATILE_CELL),
    source: lines(cell.source),
  };
  if (cell.cell_type === "code")
    return { ...common, execution_count: cell.execution_count, outputs: cell.outputs.map(outputJson) };
  if (Object.keys(cell.attachments).length === 0) return common;
  const stored = Object.entries(cell.attachments).map(([name, bundle]) => [name, bundleJson(bundle)]);
  return { ...common, attachments: Object.fromEntries(stored) };
}

/** One output as it is stored. */
export function outputJson(output: NbOutput): JsonObject {
  switch (output.output_type) {
    case "stream":
      return { output_type: "stream", name: output.name, text: lines(output.text) };
    case "display_data":
      return { output_type: "display_data", data: bundleJson(output.data), metadata: output.metadata };
    case "execute_result":
      return {
        output_type: "execute_result",
        data: bundleJson(output.data),
        metadata: output.metadata,
        execution_count: output.execution_count,
      };
    case "error":
      return {
        output_type: "error",
        ename: output.ename,
        evalue: output.evalue,
        traceback: [...output.traceback],
      };
  }
}

function bundleJson(bundle: MimeBundle): JsonObject {
  const stored = Object.entries(bundle).map(([mime, value]) => [
    mime,
    isJsonMime(mime) || typeof value !== "string" ? value : lines(value),
  ]);
  return Object.fromEntries(stored);
}

/** Where Python's `splitlines` ends a line, by which Jupyter cuts text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: three of them end a line there
const LINE_END = /(?<=\r\n|[\n\v\f\x1c-\x1e\x85\u2028\u2029]|\r(?!\n))/;

const lines = (text: string): string[] => (text === "" ? [] : text.split(LINE_END));

function without(value: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
}

function sorted(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).map(([key, v]) => [key, sorted(v)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
