/**
 * How far a run of entries goes that can be treated as one: consecutive frames of one folio with equal attributes.
 *
 * Source: folio_pte_batch_flags of mm/internal.h, vm_normal_page of mm/memory.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { Mm } from "./mm.ts";

/**
 * Entries from `slot` that continue the folio of the first, at most `max`. Accessed never matters, nor does the contiguous
 * bit; `respect` names attributes that must agree besides the rest (write, dirty), which do not matter by default.
 */
export function folioPteBatch(mm: Mm, slot: number, max: number, respect: number): number {
  const { pt, frames } = { pt: mm.pt, frames: mm.kernel.frames };
  const pfn = pt.pfn(slot);
  const head = frames.head(pfn);
  const left = Math.min(max, head + 2 ** frames.order(pfn) - pfn);
  const ignore = ~respect & (A.write | A.dirty | A.softDirty);
  const mask = ~(ignore | A.young | A.cont);
  const attrs = pt.attrs(slot) & mask;
  let n = 1;
  while (n < left && continues(mm, slot + n, pfn + n, attrs, mask)) n++;
  mm.kernel.tally[E.slotsRead]! += n;
  return n;
}

function continues(mm: Mm, slot: number, pfn: number, attrs: number, mask: number): boolean {
  const { pt } = mm;
  return pt.kind(slot, 0) === Kind.leaf && pt.pfn(slot) === pfn && (pt.attrs(slot) & mask) === attrs;
}
