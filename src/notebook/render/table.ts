/**
 * A figure's data as a page shows it: the table, and below it what every column means, for those who have no mouse to
 * hold over a heading. Also used by the page itself, when a live figure is drawn again.
 */
import type { FigureData } from "../../figure/figure.ts";
import { toHtmlTable } from "../../figure/table.ts";
import { escapeHtml } from "./html.ts";

/** Table and meanings, escaped. */
export function dataHtml(data: FigureData): string {
  const terms = data.columns.map(
    ({ label, definition }) => `<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(definition)}</dd>`,
  );
  return `${toHtmlTable(data)}<dl class="ptlab-terms">${terms.join("")}</dl>`;
}
