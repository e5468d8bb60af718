/**
 * Leaves above level 0, and the mapping split that replaces one by a table of smaller entries.
 *
 * Why a deposited table: a split may happen where nothing can be allocated, so the table is set aside when the huge entry
 * is made. Source: __split_huge_pmd_locked and pgtable_trans_huge_deposit of mm/huge_memory.c, Linux 6.18.
 */

import { A } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";
import { setPtes } from "./ptep.ts";

/** Stores a leaf of a level above 0; `attrs` is a set of `A` bits. */
export function setLeaf(pt: PageTable, slot: number, level: number, pfn: number, attrs: number): void {
  pt.write(slot, pt.format.leafLo(pfn, attrs, level), pt.format.leafHi(pfn, attrs, level));
  pt.tally[E.slotsWritten]!++;
}

/** Rewrites the attributes of a leaf of a level above 0. */
export function changeLeaf(pt: PageTable, slot: number, level: number, set: number, clear: number): void {
  setLeaf(pt, slot, level, pt.pfn(slot, level), (pt.attrs(slot, level) & ~clear) | set);
}

/**
 * Mapping split of a level-1 leaf: the deposited table is filled with entries that map the same frames, then linked.
 * Attributes are copied to every entry; the folio is untouched.
 */
export function splitLeaf(pt: PageTable, slot: number, fill = fillFromFolio): void {
  const [pfn, attrs] = [pt.pfn(slot, 1), pt.attrs(slot, 1)];
  const table = pt.withdraw();
  pt.clear(slot, 1, 1);
  pt.tally[E.flushRanges]!++;
  pt.tally[E.flushPages]! += pt.span[1]!;
  fill(pt, table << pt.tables.slotsLg2, pfn, attrs);
  pt.link(slot, table, 1);
  pt.tally[E.mappingSplits]!++;
}

function fillFromFolio(pt: PageTable, slot: number, pfn: number, attrs: number): void {
  setPtes(pt, slot, pfn, attrs, pt.span[1]!);
}

/** Every entry maps the one small zero page: how the huge zero page is split. */
export function fillWithFrame(frame: number): typeof fillFromFolio {
  return (pt, slot, _pfn, attrs) => {
    for (let i = 0; i < pt.span[1]!; i++) setPtes(pt, slot + i, frame, attrs | A.special | A.young, 1);
  };
}
