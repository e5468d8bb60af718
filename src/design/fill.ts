/**
 * What an installing walk stores, written once: one entry at a time, as a callback's stack copy asks for, or a run.
 *
 * Source: walk_pte_range_inner of mm/pagewalk.c (set_pte_at, update_mmu_cache), set_ptes of include/linux/pgtable.h, Linux 7.0.
 */
import { SWP_PTE_MARKER } from "../arch/format.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { setPtes, setSoftleaf } from "../pgtable/ptep.ts";
import type { Fill } from "./design.ts";

/** Stores the fill into `nr` empty slots for pages from `at` places after the range's first page. */
export function storeFill(pt: PageTable, slot: number, nr: number, fill: Fill, at: number): void {
  if (fill.kind === "marker") setSoftleaf(pt, slot, nr, SWP_PTE_MARKER, fill.marker);
  else setPtes(pt, slot, fill.pfn + at, fill.attrs, nr);
  // One hook for the run: no flush is needed, since what was empty is in no TLB.
  pt.tally[E.mmuCacheUpdates]!++;
}

/** {@link storeFill} of one slot after the other, as a loop over entries does it; markers all the same as a run. */
export function storeEach(pt: PageTable, slot: number, nr: number, fill: Fill, at: number): void {
  if (fill.kind === "leaf") for (let i = 0; i < nr; i++) storeFill(pt, slot + i, 1, fill, at + i);
  else {
    storeFill(pt, slot, nr, fill, at);
    pt.tally[E.mmuCacheUpdates]! += nr - 1;
  }
}
