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

/** Stores a leaf of a level above 0 under the lock of its table; `attrs` is a set of `A` bits. */
export function setLeaf(pt: PageTable, slot: number, level: number, pfn: number, attrs: number): void {
  pt.locks.take(pt.tableOf(slot), level);
  writeLeaf(pt, slot, level, pfn, attrs);
  pt.locks.drop(pt.tableOf(slot), level);
}

function writeLeaf(pt: PageTable, slot: number, level: number, pfn: number, attrs: number): void {
  pt.write(slot, pt.format.leafLo(pfn, attrs, level), pt.format.leafHi(pfn, attrs, level));
  pt.tally[E.slotsWritten]!++;
}

/** Rewrites the attributes of a leaf of a level above 0. */
export function changeLeaf(pt: PageTable, slot: number, level: number, set: number, clear: number): void {
  setLeaf(pt, slot, level, pt.pfn(slot, level), (pt.attrs(slot, level) & ~clear) | set);
}

/** Maps with one leaf of a level above 0 in an empty entry. One of level 1 sets the table for its split aside. */
export function mapLeaf(pt: PageTable, slot: number, level: number, pfn: number, attrs: number): void {
  if (level === 1) pt.deposit();
  setLeaf(pt, slot, level, pfn, attrs);
}

/** Takes a leaf of a level above 0 out, with the table that was set aside for its split; the caller flushes. */
export function clearLeaf(pt: PageTable, slot: number, level: number): void {
  clearFileLeaf(pt, slot, level);
  if (level === 1) pt.dropTable(pt.withdraw(), 0);
}

/**
 * Takes out a leaf that maps a file's page: no table was set aside for it (arch_needs_pgtable_deposit), because it is not
 * split but found in the file again.
 */
export function clearFileLeaf(pt: PageTable, slot: number, level: number): void {
  pt.locks.take(pt.tableOf(slot), level);
  pt.clear(slot, 1, level);
  pt.locks.drop(pt.tableOf(slot), level);
}

/**
 * Mapping split of a leaf. At level 1 the deposited table is filled with entries that map the same frames, then linked; above,
 * a new table of leaves one level below takes its place. Attributes are copied to every entry; the folio is untouched.
 */
export function splitLeaf(pt: PageTable, slot: number, level = 1, fill = fillFromFolio): void {
  pt.locks.take(pt.tableOf(slot), level);
  const [pfn, attrs] = [pt.pfn(slot, level), pt.attrs(slot, level)];
  const table = level === 1 ? pt.withdraw() : pt.makeTable(level - 1);
  pt.clear(slot, 1, level);
  pt.tally[E.flushRanges]!++;
  pt.tally[E.flushPages]! += pt.span[level]!;
  if (level === 1) fill(pt, table << pt.tables.slotsLg2, pfn, attrs);
  else fillWithLeaves(pt, table, level - 1, pfn, attrs);
  pt.link(slot, table, level);
  pt.locks.drop(pt.tableOf(slot), level);
  pt.tally[E.mappingSplits]!++;
}

function fillWithLeaves(pt: PageTable, table: number, level: number, pfn: number, attrs: number): void {
  const first = table << pt.tables.slotsLg2;
  for (let i = 0; i < 1 << pt.format.indexLg2[level]!; i++) {
    if (level === 1) pt.deposit();
    writeLeaf(pt, first + i, level, pfn + i * pt.span[level]!, attrs);
  }
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
