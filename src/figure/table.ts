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
  const body = el(
    "tbody",
    {},
    figure.rows.map((row) => bodyRow(figure, row)),
  );
  const caption = el("caption", {}, [`${figure.title} (${figure.better})`]);
  return print(el("table", { class: "ptlab-table" }, [caption, head, body]));
}

function headCell(column: Column): Element {
  return el("th", { scope: "col", title: column.definition }, [axisLabel(column)]);
}

function bodyRow(figure: FigureData, row: Row): Element {
  const cells = figure.columns.map((column, i) => {
    const attributes = { class: isNumeric(figure, column) ? "number" : undefined, scope: i === 0 ? "row" : undefined };
    return el(i === 0 ? "th" : "td", attributes, [cellFormat(figure, column)(row[column.key]!)]);
  });
  return el("tr", {}, cells);
}
