/**
 * The private primitives of `ptep.ts` and `contpte.ts`: store and change runs of leaves just as told, with no look at
 * contiguous blocks. Nothing outside this folder may use them, or a block could be left half folded.
 *
 * Source: the double-underscore helpers (`__set_ptes` and kin) of arch/arm64/include/asm/pgtable.h, Linux 6.18.
 */

import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";

/** Stores a run of leaves as they are given. */
export function writePtes(pt: PageTable, slot: number, pfn: number, attrs: number, nr: number): void {
  for (let i = 0; i < nr; i++)
    pt.write(slot + i, pt.format.leafLo(pfn + i, attrs, 0), pt.format.leafHi(pfn + i, attrs, 0));
  pt.tally[E.slotsWritten]! += nr;
}

/** Rewrites the attributes of a run in place. */
export function changeAttrs(pt: PageTable, slot: number, nr: number, set: number, clear: number): void {
  for (let i = slot; i < slot + nr; i++) {
    const attrs = (pt.attrs(i) & ~clear) | set;
    const pfn = pt.pfn(i);
    pt.write(i, pt.format.leafLo(pfn, attrs, 0), pt.format.leafHi(pfn, attrs, 0));
  }
  pt.tally[E.slotsRead]! += nr;
  pt.tally[E.slotsWritten]! += nr;
}
