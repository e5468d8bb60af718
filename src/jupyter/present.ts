/**
 * A value as a notebook shows it. A value that can present itself does; a table of plain rows becomes an HTML table; any
 * other value is printed as Node prints it.
 */
import { inspect } from "node:util";
import { DISPLAY, type Host } from "../figure/figure.ts";
import type { Json, MimeBundle } from "../notebook/format.ts";

/** Rows of a table beyond which only the number of further rows is shown. */
const MAX_ROWS = 200;

/** The mime bundle of a value; `host` is asked for only by values that draw. */
export async function present(value: unknown, host: () => Promise<Host>): Promise<MimeBundle> {
  const hook = (value as { [DISPLAY]?: unknown } | null | undefined)?.[DISPLAY];
  if (typeof hook === "function") return plainBundle(await hook.call(value, await host()));
  const element = elementBundle(value);
  if (element !== undefined) return element;
  const text = { "text/plain": inspect(value) };
  return isRows(value) ? { "text/html": htmlTable(value), ...text } : text;
}

/** A bundle as it is stored and sent: bytes in base64, everything else as JSON has it. */
export function plainBundle(bundle: Readonly<Record<string, unknown>>): MimeBundle {
  return Object.fromEntries(
    Object.entries(bundle).flatMap(([mime, content]) => {
      if (content === undefined) return [];
      const bytes = content instanceof Uint8Array ? Buffer.from(content).toString("base64") : undefined;
      return [[mime, bytes ?? (JSON.parse(JSON.stringify(content)) as Json)]];
    }),
  );
}

/** An element of a document, such as a plot that was drawn in the cell itself. */
function elementBundle(value: unknown): MimeBundle | undefined {
  const element = value as { nodeType?: unknown; outerHTML?: unknown; tagName?: unknown } | null | undefined;
  if (element?.nodeType !== 1 || typeof element.outerHTML !== "string") return undefined;
  const mime = String(element.tagName).toLowerCase() === "svg" ? "image/svg+xml" : "text/html";
  return { [mime]: element.outerHTML, "text/plain": `<${String(element.tagName).toLowerCase()}>` };
}

type PlainRow = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>;

function isRows(value: unknown): value is readonly PlainRow[] {
  return Array.isArray(value) && value.length > 0 && value.every(isRow);
}

function isRow(value: unknown): value is PlainRow {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  const fields = Object.values(value);
  return fields.length > 0 && fields.every((f) => f === null || (typeof f !== "object" && typeof f !== "function"));
}

function htmlTable(rows: readonly PlainRow[]): string {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const head = keys.map((key) => `<th>${escaped(key)}</th>`).join("");
  const body = rows.slice(0, MAX_ROWS).map((row) => `<tr>${keys.map((key) => htmlCell(row[key])).join("")}</tr>`);
  const rest = rows.length - MAX_ROWS;
  const note = rest > 0 ? `\n<caption>${rest} further rows are not shown</caption>` : "";
  return `<table>${note}\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join("\n")}\n</tbody>\n</table>`;
}

function htmlCell(value: PlainRow[string]): string {
  const text = value === undefined || value === null ? "" : escaped(String(value));
  const isNumber = typeof value === "number" || typeof value === "bigint";
  return isNumber ? `<td style="text-align:right">${text}</td>` : `<td>${text}</td>`;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => ESCAPES[c]!);
