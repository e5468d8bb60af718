/**
 * The private primitives of `ptep.ts` and `contpte.ts`: store and change runs of leaves just as told, with no look at
 * contiguous blocks. Nothing outside this folder may use them, or a block could be left half folded.
 *
 * Source: the double-underscore helpers (`__set_ptes` and kin) of arch/arm64/include/asm/pgtable.h, Linux 6.18.
 */

import { A } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";
import { anyAttrs } from "./runs.ts";

/** Stores a run of leaves as they are given. */
export function writePtes(pt: PageTable, slot: number, pfn: number, attrs: number, nr: number): void {
  const { tables } = pt;
  const chunk = slot >>> tables.chunkLg2;
  pt.words.storeRamp(tables.lo[chunk]!, tables.hi[chunk]!, slot & tables.chunkMask, pfn, nr, attrs);
  pt.tally[E.slotsWritten]! += nr;
}

/** Rewrites the attributes of a run in place. */
export function changeAttrs(pt: PageTable, slot: number, nr: number, set: number, clear: number): void {
  const { tables } = pt;
  const chunk = slot >>> tables.chunkLg2;
  pt.words.change(tables.lo[chunk]!, tables.hi[chunk]!, slot & tables.chunkMask, nr, set, clear);
  pt.tally[E.slotsRead]! += nr;
  pt.tally[E.slotsWritten]! += nr;
  pt.tally[E.slotsChanged]! += nr;
}

/**
 * Clears accessed of a run in place, and tells whether any entry had it: `__ptep_test_and_clear_young`, entry by entry.
 */
export function testAndClearYoung(pt: PageTable, slot: number, nr: number): boolean {
  const young = anyAttrs(pt, slot, nr) & A.young;
  changeAttrs(pt, slot, nr, 0, A.young);
  return young !== 0;
}

/**
 * Rewrites the attributes of one entry as a loop around a compare-and-exchange: what hardware noted between the load and the
 * store makes the exchange fail, and the loop begins again with it. `raced` is what happens in that moment, the first time round.
 */
export function changeAttrsAtomic(pt: PageTable, slot: number, set: number, clear: number, raced?: () => void): void {
  for (let first = true; ; first = false) {
    const [lo, hi] = [pt.lo(slot), pt.hi(slot)];
    const [pfn, attrs] = [pt.pfn(slot), (pt.attrs(slot) & ~clear) | set];
    pt.tally[E.slotsRead]!++;
    if (first) raced?.();
    if (pt.lo(slot) !== lo || pt.hi(slot) !== hi) continue;
    pt.write(slot, pt.format.leafLo(pfn, attrs, 0), pt.format.leafHi(pfn, attrs, 0));
    pt.tally[E.slotsWritten]!++;
    pt.tally[E.slotsChanged]!++;
    return;
  }
}
