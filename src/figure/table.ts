/**
 * A figure's rows as an HTML table: the keyboard path to the data, every column with its meaning.
 */
import { axisLabel } from "./axis.ts";
import { cellFormat, isNumeric } from "./cells.ts";
import type { Column, FigureData, Row } from "./figure.ts";
import { type Element, el, print } from "./xml.ts";

/** A complete `<table class="ptlab-table">`, escaped. Cells of numbers have the class `number`. */
export function toHtmlTable(figure: FigureData): string {
  const head = el("thead", {}, [el("tr", {}, figure.columns.map(headCell))]);
  const cells = figure.columns.map((column, i) => bodyCell(figure, column, i === 0));
  const rows = figure.rows.map((row) =>
    el(
      "tr",
      {},
      cells.map((cell) => cell(row)),
    ),
  );
  const caption = el("caption", {}, [`${figure.title} (${figure.better})`]);
  return print(el("table", { class: "ptlab-table" }, [caption, head, el("tbody", {}, rows)]));
}

function headCell(column: Column): Element {
  return el("th", { scope: "col", title: column.definition }, [axisLabel(column)]);
}

/** A function from a row to its cell in a column: what all rows have in common is looked for once. */
function bodyCell(figure: FigureData, column: Column, isFirst: boolean): (row: Row) => Element {
  const attributes = { class: isNumeric(figure, column) ? "number" : undefined, scope: isFirst ? "row" : undefined };
  const format = cellFormat(figure, column);
  return (row) => el(isFirst ? "th" : "td", attributes, [format(row[column.key]!)]);
}
