/**
 * The words at an axis: the column's label, then how its numbers came about.
 */
import { UserError } from "../base/errors.ts";
import type { Column, FigureData } from "./figure.ts";

/** `TLB entries (counted)`, `Time (modelled, ns)`; a parameter shows its unit alone: `Memory (MiB)`. */
export function axisLabel(column: Pick<Column, "label" | "basis" | "unit">): string {
  const kind = [column.basis, column.unit].filter((part) => part !== undefined).join(", ");
  return kind === "" ? column.label : `${column.label} (${kind})`;
}

/** The column of a figure by its key; a {@link UserError} names the keys there are. */
export function columnOf(figure: FigureData, key: string): Column {
  const column = figure.columns.find((c) => c.key === key);
  if (column === undefined) {
    const keys = figure.columns.map((c) => c.key).join(", ");
    throw new UserError(`figure '${figure.title}': no column '${key}'; columns are ${keys}`);
  }
  return column;
}

/** The label of an axis that shows several columns, which must agree in basis and unit. */
export function sharedAxisLabel(figure: FigureData, keys: readonly string[], label?: string): string {
  const columns = keys.map((key) => columnOf(figure, key));
  const [first, ...rest] = columns;
  if (first === undefined) throw new UserError(`figure '${figure.title}': an axis shows at least one column`);
  if (rest.some((c) => c.basis !== first.basis || c.unit !== first.unit))
    throw new UserError(
      `figure '${figure.title}': columns ${keys.join(", ")} differ in basis or unit and cannot share an axis`,
    );
  if (label === undefined && rest.length > 0)
    throw new UserError(`figure '${figure.title}': an axis of several columns needs a label`);
  return axisLabel({ ...first, label: label ?? first.label });
}
