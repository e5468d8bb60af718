/**
 * An array of rows, or a map of them, as a table: in HTML and as aligned text, from one layout. A column is of numbers, right
 * aligned with their points below each other, or of anything else.
 */
import { countOf } from "../../base/words.ts";
import { el, print } from "../../figure/xml.ts";
import type { MimeBundle } from "../../notebook/format.ts";
import { bigintText, inspected } from "./values.ts";

/** Rows of a table beyond which only the number of further rows is shown. */
const MAX_ROWS = 200;
/** Characters of a cell in the text table; the HTML table breaks lines. */
const MAX_CELL = 48;
/** Digits of a number that are worth a place in a table. */
const PRECISION = 6;

type Row = Readonly<Record<string, unknown>>;

interface Column {
  readonly key: string;
  readonly isNumeric: boolean;
  readonly cells: readonly string[];
}

interface Table {
  readonly columns: readonly Column[];
  readonly length: number;
  /** How many rows there are beyond those shown, in words, or nothing. */
  readonly rest: string;
}

/** The table of a value that is one, in both forms; undefined for any other value. */
export function tableBundle(value: unknown): MimeBundle | undefined {
  const rows = rowsOf(value);
  if (rows === undefined) return undefined;
  const table = layOut(rows);
  return { "text/html": htmlTable(table), "text/plain": textTable(table) };
}

function rowsOf(value: unknown): readonly Row[] | undefined {
  if (Array.isArray(value)) return value.length > 0 && value.every(isRow) ? value : undefined;
  if (!(value instanceof Map) || value.size === 0) return undefined;
  const entries = [...value];
  if (!entries.every(([, row]) => isRow(row))) return undefined;
  // A column of the rows' own may be named so too.
  const name = entries.some(([, row]) => "key" in row) ? "(key)" : "key";
  return entries.map(([key, row]) => ({ [name]: key, ...row }));
}

function isRow(value: unknown): value is Row {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.keys(value).length > 0;
}

/** The columns of all rows, also of those that are not shown, in the order in which they first appear. */
function layOut(rows: readonly Row[]): Table {
  const keys = new Set(rows.flatMap((row) => Object.keys(row)));
  const shown = rows.slice(0, MAX_ROWS);
  const more = rows.length - shown.length;
  const columns = [...keys].map((key) => column(key, shown));
  return { columns, length: shown.length, rest: more === 0 ? "" : countOf(more, "further row") };
}

function column(key: string, rows: readonly Row[]): Column {
  const values = rows.map((row) => row[key]);
  const isNumeric = values.some(isNumber) && values.every((value) => isNumber(value) || isNothing(value));
  const digits = Math.max(0, ...values.map(digitsOf));
  return { key, isNumeric, cells: values.map((value) => cellText(value, digits)) };
}

/** Also for text as `toFixed` makes it. */
const isNumber = (value: unknown): boolean =>
  typeof value === "number" || typeof value === "bigint" || (typeof value === "string" && PLAIN.test(value));
/** A number without an exponent. */
const PLAIN = /^-?\d+(\.\d+)?$/;
const isNothing = (value: unknown): boolean => value === undefined || value === null;

/** Digits after the point that a number needs, where it is written without an exponent. */
function digitsOf(value: unknown): number {
  if (typeof value !== "number" || Number.isInteger(value)) return 0;
  return /\.(\d+)$/.exec(rounded(value))?.[1]?.length ?? 0;
}

/** Sums of fractions have digits that mean nothing, such as those of 0.1 + 0.2. */
const rounded = (value: number): string => String(Number(value.toPrecision(PRECISION)));

function cellText(value: unknown, digits: number): string {
  if (isNothing(value)) return "";
  if (typeof value === "bigint") return bigintText(value);
  if (typeof value === "string") return value;
  if (typeof value !== "number") return inspected(value, { breakLength: Number.POSITIVE_INFINITY });
  const plain = Number.isInteger(value) ? String(value) : rounded(value);
  return PLAIN.test(plain) ? Number(value).toFixed(digits) : plain;
}

function htmlTable({ columns, length, rest }: Table): string {
  const align = ({ isNumeric }: Column) => ({ style: `text-align:${isNumeric ? "right" : "left"}` });
  const head = columns.map((c) => el("th", { scope: "col", ...align(c) }, [c.key]));
  const body = Array.from({ length }, (_, i) =>
    el(
      "tr",
      {},
      columns.map((c) => el("td", align(c), [c.cells[i]!])),
    ),
  );
  const note = el("td", { colspan: columns.length, style: "text-align:left" }, [`${rest}`]);
  const foot = rest === "" ? [] : [el("tfoot", {}, [el("tr", {}, [note])])];
  return print(el("table", {}, [el("thead", {}, [el("tr", {}, head)]), el("tbody", {}, body), ...foot]));
}

function textTable({ columns, length, rest }: Table): string {
  const texts = columns.map(({ key, isNumeric, cells }) => {
    const lines = [key, ...cells].map(oneLine);
    const width = Math.max(...lines.map((line) => line.length));
    const padded = lines.map((line) => (isNumeric ? line.padStart(width) : line.padEnd(width)));
    return [padded[0]!, "-".repeat(width), ...padded.slice(1)];
  });
  const lines = Array.from({ length: length + 2 }, (_, i) =>
    texts
      .map((text) => text[i]!)
      .join("  ")
      .trimEnd(),
  );
  return [...lines, ...(rest === "" ? [] : [`... ${rest}`])].join("\n");
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > MAX_CELL ? `${line.slice(0, MAX_CELL - 3)}...` : line;
}
