/**
 * A figure's rows as CSV by RFC 4180: header of keys, CRLF, full precision, no comments.
 * Null is an empty field; an empty text is a quoted empty field, so that the two can be told apart.
 */
import type { Cell, FigureData } from "./figure.ts";

/** The rows as CSV text, with the columns' keys as header. The stamp is not inside: `stampOf` gives it. */
export function toCsv(figure: FigureData): string {
  const keys = figure.columns.map((c) => c.key);
  const lines = [keys.join(","), ...figure.rows.map((row) => keys.map((key) => field(row[key]!)).join(","))];
  return lines.map((line) => `${line}\r\n`).join("");
}

function field(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell !== "string") return String(cell);
  return cell === "" || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
