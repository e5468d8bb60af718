/**
 * How far a run of entries goes that can be treated as one: consecutive frames of one folio with equal attributes.
 *
 * Source: folio_pte_batch_flags of mm/internal.h, vm_normal_page of mm/memory.c, Linux 6.18.
 */
import { A } from "../arch/entry.ts";
import { pteBatch } from "../pgtable/ptep.ts";
import type { Mm } from "./mm.ts";

/**
 * `folio_pte_batch`: entries from `slot` that continue the folio of the first, at most `max`. Accessed never matters. The
 * contiguous bit does, for pte_same compares whole words: a run ends where folded blocks begin, and what is then set as a single
 * entry can complete a block. `respect` names attributes that must agree besides the rest (write, dirty), which do not matter
 * by default.
 */
export function folioPteBatch(mm: Mm, slot: number, max: number, respect: number): number {
  const { pt } = mm;
  const { frames } = mm.kernel;
  const pfn = pt.pfn(slot);
  const order = frames.order(pfn);
  if (order === 0 || max === 1 || !mm.kernel.batching) return 1;
  const left = Math.min(max, (1 << order) - (pfn & ((1 << order) - 1)));
  const ignored = (~respect & (A.write | A.dirty | A.softDirty)) | A.young;
  return pteBatch(pt, slot, left, ~ignored);
}
