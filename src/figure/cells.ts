/**
 * Cells as people read them, alike in the text table and in the page's data table.
 */
import type { Cell, Column, FigureData } from "./figure.ts";

/** A function from the cells of a column to text: numbers with the column's digits, yes and no, `-` for null. */
export function cellFormat(figure: FigureData, column: Column): (cell: Cell) => string {
  const digits = column.digits ?? defaultDigits(figure, column);
  return (cell) => {
    if (cell === null) return "-";
    if (typeof cell === "boolean") return cell ? "yes" : "no";
    return typeof cell === "number" ? fixed(cell, digits) : cell;
  };
}

/** A number with so many digits after the point, and never a negative zero. */
export function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return /^-[0.]+$/.test(text) ? text.slice(1) : text;
}

/** Whether a column is aligned to the right. */
export function isNumeric(figure: FigureData, column: Column): boolean {
  return figure.rows.some((row) => typeof row[column.key] === "number");
}

function defaultDigits(figure: FigureData, column: Column): number {
  const whole = figure.rows.every((row) => typeof row[column.key] !== "number" || Number.isInteger(row[column.key]));
  return whole ? 0 : 2;
}
