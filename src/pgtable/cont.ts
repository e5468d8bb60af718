/**
 * Contiguous blocks at any level, as hugetlb and contpte make them: aligned entries of one table that hardware may hold as
 * one, and whose accessed and dirty may be noted on any entry of the block.
 *
 * Source: pte_valid_cont and huge_ptep_get of arch/arm64, napot helpers of arch/riscv/mm/hugetlbpage.c, Linux 6.18.
 */
import { A } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";

/** Entries in a contiguous block of a level (`CONT_PTES`, `CONT_PMDS`); 1 where the format has no such blocks. */
export function contSlots(pt: PageTable, level: number): number {
  return 1 << pt.format.contLg2[level]!;
}

/**
 * Whether a leaf with these attributes is one of a block. A PROT_NONE entry may carry the bit, but hardware does not look at
 * it, and its neighbours may have been changed without a look at it either.
 */
export function isContiguous(pt: PageTable, attrs: number, level: number): boolean {
  return (attrs & (A.cont | A.protnone)) === A.cont && pt.format.contLg2[level]! > 0;
}

/** Accessed and dirty of the whole block around a slot; every entry of it is read. */
export function gatherBlock(pt: PageTable, slot: number, level: number): number {
  const n = contSlots(pt, level);
  const first = slot & ~(n - 1);
  let seen = 0;
  for (let i = first; i < first + n; i++) seen |= pt.attrs(i, level);
  pt.tally[E.slotsRead]! += n;
  return seen & (A.young | A.dirty);
}
