/**
 * What a notebook says of itself: its title and its first words.
 */
import type { Notebook } from "./format.ts";

/** The title is the first heading of level one, and then not shown again in the text. */
export function splitTitle(name: string, nb: Notebook): { title: string; rest: Notebook } {
  const heading = /^#[ \t]+(.+?)[ \t#]*$/m;
  const index = nb.cells.findIndex((cell) => cell.cell_type === "markdown" && heading.test(cell.source));
  const title = heading.exec(nb.cells[index]?.source ?? "")?.[1];
  if (title === undefined) return { title: name, rest: nb };
  const cells = nb.cells.map((cell, i) => (i === index ? { ...cell, source: cell.source.replace(heading, "") } : cell));
  return { title: plainText(title), rest: { ...nb, cells } };
}

/** The first sentences of the prose, for search engines and previews. */
export function describe(nb: Notebook): string {
  const prose = nb.cells.find((cell) => cell.cell_type === "markdown" && cell.source.trim() !== "");
  const paragraph = prose?.source.trim().split(/\n\s*\n/)[0] ?? "";
  const text = plainText(paragraph.replace(/\s+/g, " "));
  return text.length <= 200 ? text : `${text.slice(0, 197).replace(/\s+\S*$/, "")}…`;
}

/** Markdown without its marks, near enough for a title or a preview; an underscore within a word is part of a name. */
const plainText = (text: string): string =>
  text
    .replace(/\[\^[^\]]+\]/g, "")
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[*`]|(?<!\w)_|_(?!\w)/g, "");
