/**
 * Runs of entries that map single pages, each a folio of its own: frames of any number, and nothing that is done to one entry
 * touches another. What the calls of `ptep.ts` do to one entry at a time is done here to many, with the same counts.
 *
 * Such an entry is never part of a contiguous block, so that arm64's layer has nothing to unfold; and none that is stored can
 * complete one, but the layer looks, wherever one ends (`contpte_try_fold`).
 */
import { A } from "../arch/entry.ts";
import type { Leaves } from "../arch/pte-words.ts";
import { E } from "../base/tally.ts";
import { contPtes } from "./contpte.ts";
import type { PageTable } from "./pagetable.ts";

/**
 * How many entries from a slot on, at most `max`, are leaves that differ in their frames alone and are of no block, with what
 * they say and their frames. That they map single pages the caller finds out. Counts nothing.
 */
export function leavesAt(pt: PageTable, slot: number, max: number, found: Leaves): number {
  const { tables } = pt;
  const chunk = slot >>> tables.chunkLg2;
  return pt.words.leaves(tables.lo[chunk]!, tables.hi[chunk]!, slot & tables.chunkMask, max, found);
}

/** `set_ptes` of one page after the other, in empty entries: the first `nr` of a run of another place, with other attributes. */
export function setSinglePtes(
  from: PageTable,
  slot: number,
  pt: PageTable,
  to: number,
  run: Leaves,
  nr: number,
  attrs: number,
): void {
  copy(from, slot, to, run, 0, nr, attrs);
  pt.tally[E.slotsWritten]! += nr;
  if (pt.contpte) countFoldLooks(pt, to, run, 0, nr, attrs);
}

/** `wrprotect_ptes` of one page after the other. */
export function wrprotectSinglePtes(pt: PageTable, slot: number, run: Leaves, nr: number): void {
  change(pt, slot, run, 0, nr, run.attrs & ~A.write);
  pt.tally[E.slotsRead]! += nr;
}

/** `modify_prot_start_ptes` and `modify_prot_commit_ptes` of one page after the other, `nr` of a run from `from` on. */
export function modifyProtSinglePtes(
  pt: PageTable,
  slot: number,
  run: Leaves,
  from: number,
  nr: number,
  attrs: number,
): void {
  change(pt, slot, run, from, nr, attrs);
  pt.tally[E.slotsRead]! += nr;
  pt.tally[E.slotsWritten]! += nr;
  if (pt.contpte) countFoldLooks(pt, slot, run, from, nr, attrs);
}

/** `clear_young_dirty_ptes` of one page after the other. */
export function clearYoungDirtySinglePtes(pt: PageTable, slot: number, run: Leaves, nr: number, clear: number): void {
  change(pt, slot, run, 0, nr, run.attrs & ~(clear & (A.young | A.dirty)));
  pt.tally[E.slotsRead]! += nr;
}

/** `get_and_clear_ptes` and `set_ptes` of one page after the other: they go to empty entries, with new attributes. */
export function moveSinglePtes(pt: PageTable, slot: number, to: number, run: Leaves, nr: number, attrs: number): void {
  setSinglePtes(pt, slot, pt, to, run, nr, attrs);
  pt.tally[E.slotsRead]! += nr;
  pt.clear(slot, nr);
}

/** Those of a run from one on get other attributes. */
function change(pt: PageTable, slot: number, run: Leaves, from: number, nr: number, attrs: number): void {
  copy(pt, slot, slot, run, from, nr, attrs);
  pt.tally[E.slotsWritten]! += nr;
  pt.tally[E.slotsChanged]! += nr;
}

/** Stores those of a run from one on, which was found at a slot, at another slot or at the same. */
function copy(pt: PageTable, slot: number, to: number, run: Leaves, from: number, nr: number, attrs: number): void {
  const { words, tables } = pt;
  const { lo, hi, chunkLg2, chunkMask } = tables;
  const toLo = lo[to >>> chunkLg2]!;
  const toHi = hi[to >>> chunkLg2]!;
  const toAt = (to & chunkMask) + from;
  if (run.inRow) return words.storeRamp(toLo, toHi, toAt, run.first + from, nr, attrs);
  const chunk = slot >>> chunkLg2;
  words.copyLeaves(lo[chunk]!, hi[chunk]!, (slot & chunkMask) + from, toLo, toHi, toAt, nr, attrs);
}

/** The looks of `contpte_try_fold` at the folio of a block's last entry, which is never large enough. */
function countFoldLooks(pt: PageTable, slot: number, run: Leaves, from: number, nr: number, attrs: number): void {
  if (attrs & (A.protnone | A.special)) return;
  const last = contPtes(pt) - 1;
  for (let i = from + last - ((slot + from) & last); i < from + nr; i += last + 1)
    if ((run.pfn(i) & last) === last) pt.tally[E.foliosTouched]!++;
}
