/**
 * How an address-space map speaks of its cells, from the rows of its figure: shared by what makes the rows and what draws them.
 */
import { countOf } from "../base/words.ts";
import { MAP_KINDS } from "../study/map/space.ts";
import type { Row } from "./figure.ts";

/** `512 pages: 480 in contpte blocks, 32 not mapped`, the larger numbers first. */
export function pagesInWords(pages: readonly number[]): string {
  const kinds = MAP_KINDS.map((kind, i) => ({ words: kind.pages, n: pages[i]! })).filter(({ n }) => n > 0);
  const parts = kinds.sort((a, b) => b.n - a.n).map(({ n, words }) => `${n} ${words}`);
  const all = pages.reduce((a, b) => a + b);
  return `${countOf(all, "page")}: ${parts.join(", ")}`;
}

/** Key of the column that counts a kind. */
export const kindKey = (name: string): string => name.toLowerCase().replaceAll(" ", "_");

/** The name of a cell in words, by its row: a VMA, a range, or a page. */
export function cellName(row: Row, i: number, of: number): string {
  if (row.holds !== undefined) return pageName(row, i, of);
  const pages = MAP_KINDS.map(({ name }) => Number(row[kindKey(name)] ?? 0));
  const name = row.gap === undefined ? row.what : "VMA";
  const vma = row.gap === undefined ? "" : `, ${row.what}, ${row.size}`;
  return `${name} ${i + 1} of ${of}${vma}, ${pagesInWords(pages)}`;
}

function pageName({ slot, holds, folio, frame, word, says }: Row, i: number, of: number): string {
  const memory = folio === "" ? "" : `, folio ${String(folio).replace(":", " page")}, frame ${frame}`;
  const entry = word === undefined ? "" : `; ${word}: ${says}`;
  return `Page ${i + 1} of ${of}, slot ${slot}: ${holds}${memory}${entry}`;
}
