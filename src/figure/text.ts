/**
 * A figure as a text table for plain mail: at most 72 columns of ASCII, first line what better means, every label defined
 * below, last the stamp. Columns that do not fit side by side continue in a further block.
 */
import { ascii, LINE, wrap } from "./ascii.ts";
import { axisLabel, columnOf } from "./axis.ts";
import { cellFormat, fixed, isNumeric } from "./cells.ts";
import type { Build, Cell, Column, FigureData, Row } from "./figure.ts";
import { stampLine } from "./stamp.ts";

/**
 * Widest cell of text: the first of these with which the table is one block, else the last. Longer ones are cut, marked,
 * and written out in the legend, as are words of a header beyond `HEAD`.
 */
const CELLS = [48, 36, 24] as const;
const HEAD = 14;
/** Widest group of label columns repeated in every block: leaves room for the widest number, which has 32 digits. */
const KEYS = 36;
const BETWEEN = "  ";

/** The table as lines ending with a line feed, the last one being the end of the stamp. */
export function toText(figure: FigureData, build: Build): string {
  const { groups, cuts } = CELLS.map((cell) => layout(figure, cell)).find(isOneBlock) ?? layout(figure, CELLS.at(-1)!);
  const lines = [
    ...wrap(`Better: ${ascii(figure.better)}`, LINE, "  "),
    ...wrap(ascii(figure.title), LINE, "  "),
    ...groups.flatMap((block) => ["", ...blockLines(block, figure.rows.length)]),
    "",
    ...definitions(figure).flatMap((line) => wrap(line, LINE, "  ")),
    ...cuts.lines().flatMap((line) => wrap(line, LINE, "  ")),
    "",
    ...wrap(ascii(stampLine(figure, build)), LINE, "  "),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

/** A column ready to print: lines of the header, and one cell for each row. */
interface TextColumn {
  readonly head: readonly string[];
  readonly cells: readonly string[];
  readonly right: boolean;
  readonly width: number;
  /** Whether it says which row this is, and so is repeated in every block. */
  readonly isKey: boolean;
}

/** The texts that were too long for their place, each under the mark that stands in for its end. */
class Cuts {
  readonly #marks = new Map<string, string>();

  shorten(text: string, width: number): string {
    if (text.length <= width) return text;
    if (!this.#marks.has(text)) this.#marks.set(text, `[${this.#marks.size + 1}]`);
    const mark = this.#marks.get(text)!;
    return `${text.slice(0, width - mark.length - 2)}..${mark}`;
  }

  lines(): string[] {
    return [...this.#marks].map(([text, mark]) => `${mark} ${text}`);
  }
}

interface Layout {
  readonly groups: readonly TextColumn[][];
  readonly cuts: Cuts;
}

function layout(figure: FigureData, cellWidth: number): Layout {
  const cuts = new Cuts();
  return { groups: blocks(figure.columns.flatMap((column) => textColumns(figure, column, cuts, cellWidth))), cuts };
}

function isOneBlock({ groups }: Layout): boolean {
  return groups.length === 1 && lineWidth(groups[0]!) <= LINE;
}

function textColumns(figure: FigureData, column: Column, cuts: Cuts, cellWidth: number): TextColumn[] {
  const format = cellFormat(figure, column);
  const cell = (value: Cell) => {
    const text = ascii(format(value));
    return typeof value === "string" ? cuts.shorten(text, cellWidth) : text;
  };
  const cells = figure.rows.map((row) => cell(row[column.key]!));
  const own = textColumn(header(column, cuts), cells, isNumeric(figure, column), column.basis === undefined);
  return column.key === figure.compare ? [own, changeColumn(figure, column)] : [own];
}

function textColumn(head: readonly string[], cells: readonly string[], right: boolean, isKey: boolean): TextColumn {
  return { head, cells, right, isKey, width: Math.max(...[...head, ...cells].map((text) => text.length)) };
}

function header(column: Column, cuts: Cuts): string[] {
  const label = column.unit === undefined ? column.label : `${column.label} (${column.unit})`;
  const words = ascii(label).split(" ");
  return wrap(words.map((word) => cuts.shorten(word, HEAD)).join(" "), HEAD);
}

function changeColumn(figure: FigureData, { key }: Column): TextColumn {
  const cells = figure.rows.map((row) => change(row[key]!, baseline(figure, row)[key]!));
  return textColumn(["vs first"], cells, true, false);
}

function baseline(figure: FigureData, row: Row): Row {
  const within = figure.compareWithin;
  return figure.rows.find((r) => within === undefined || r[within] === row[within])!;
}

function change(value: unknown, base: unknown): string {
  if (typeof value !== "number" || typeof base !== "number") return "-";
  const percent = value === base ? 0 : ((value - base) / Math.abs(base)) * 100;
  if (!Number.isFinite(percent)) return "n/a";
  const text = fixed(percent, 1);
  return `${percent > 0 && text !== "0.0" ? "+" : ""}${text} %`;
}

/** Columns in groups that fit a line, each group beginning with the columns that say which row this is. */
function blocks(columns: readonly TextColumn[]): TextColumn[][] {
  const keys = keyColumns(columns);
  const [first, ...rest] = columns.slice(keys.length);
  if (first === undefined) return [keys];
  const groups = [[...keys, first]];
  for (const column of rest) {
    const group = groups.at(-1)!;
    if (lineWidth([...group, column]) <= LINE) group.push(column);
    else groups.push([...keys, column]);
  }
  return groups;
}

function keyColumns(columns: readonly TextColumn[]): TextColumn[] {
  let count = 1;
  while (columns[count]?.isKey && lineWidth(columns.slice(0, count + 1)) <= KEYS) count++;
  return columns.slice(0, count);
}

function lineWidth(columns: readonly TextColumn[]): number {
  return columns.reduce((sum, c) => sum + c.width, 0) + BETWEEN.length * (columns.length - 1);
}

function blockLines(columns: readonly TextColumn[], rows: number): string[] {
  const headHeight = Math.max(...columns.map((c) => c.head.length));
  const head = Array.from({ length: headHeight }, (_, i) =>
    joined(columns, (c) => c.head[i - headHeight + c.head.length] ?? ""),
  );
  const rule = columns.map((c) => "-".repeat(c.width)).join(BETWEEN);
  const body = Array.from({ length: rows }, (_, i) => joined(columns, (c) => c.cells[i]!));
  return [...head, rule, ...body];
}

function joined(columns: readonly TextColumn[], text: (column: TextColumn) => string): string {
  return columns.map((c) => (c.right ? text(c).padStart(c.width) : text(c).padEnd(c.width))).join(BETWEEN);
}

function definitions(figure: FigureData): string[] {
  const lines = figure.columns.map((c) => ascii(`${axisLabel(c)}: ${c.definition}`));
  if (figure.compare === undefined) return lines;
  const label = columnOf(figure, figure.compare).label;
  const within =
    figure.compareWithin === undefined ? "" : ` with the same "${columnOf(figure, figure.compareWithin).label}"`;
  return [...lines, ascii(`vs first: change of "${label}" against the first row${within}; n/a where that is 0.`)];
}
