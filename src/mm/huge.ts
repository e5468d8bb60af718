/**
 * PMD-mapped transparent huge pages: made by a fault, zapped whole, split into PTEs where something cuts them.
 *
 * Those of files are made in `fault-file.ts`; a split only takes them out. Not modelled: PUD-sized ones, migration entries.
 * Source: do_huge_pmd_anonymous_page, do_huge_pmd_wp_page, zap_huge_pmd, vma_adjust_trans_huge of mm/huge_memory.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { pmdOrder } from "../arch/format.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { changeLeaf, clearFileLeaf, clearLeaf, fillWithFrame, mapLeaf, setLeaf, splitLeaf } from "../pgtable/huge.ts";
import { anonAttrs, protAttrs } from "./attrs.ts";
import type { Mm } from "./mm.ts";
import { isFilePage, mapHuge, newAnonFolio, splitMapcount, unmapHuge } from "./rmap.ts";
import { alignDown, suitableOrders } from "./thp.ts";
import { prepareAnonVma, type Vma } from "./vma.ts";

/** The folio size of a level-1 leaf as a bit of an order mask. */
function pmdBit(mm: Mm): number {
  return 1 << pmdOrder(mm.kernel.format);
}

/** Whether a fault where the level-1 entry is empty is to be served with a huge page, as knobs and VMA have it. */
export function wantsHuge(mm: Mm, vma: Vma, vpn: number): boolean {
  return suitableOrders(vma, vpn, mm.kernel.thp.allowed(vma.flags) & pmdBit(mm)) !== 0;
}

/**
 * Such a fault: maps a new huge page, or the huge zero page for a read.
 * False means that the caller goes on with small pages.
 */
export function faultHuge(mm: Mm, vma: Vma, slot: number, write: boolean): boolean {
  const { kernel, pt } = mm;
  prepareAnonVma(mm.kernel, mm.vmas, vma);
  if (!write && kernel.thp.useZeroPage) {
    if (kernel.hugeZeroPfn < 0) return false;
    const special = kernel.profile.hugeZeroSpecial ? A.special : 0;
    mapLeaf(pt, slot, 1, kernel.hugeZeroPfn, protAttrs(vma.flags) | A.young | special);
    return true;
  }
  const pfn = newAnonFolio(kernel, pmdOrder(kernel.format));
  if (pfn < 0) return false;
  kernel.tally[E.pagesZeroed]! += pt.span[1]!;
  mapLeaf(pt, slot, 1, pfn, anonAttrs(vma.flags));
  mapHuge(mm, pfn);
  kernel.lru.addNew(vma, pfn);
  return true;
}

/** A fault on a level-1 leaf. False means that it was split and the caller goes on with small pages. */
export function faultOnHuge(mm: Mm, vma: Vma, slot: number, write: boolean): boolean {
  const { kernel, pt } = mm;
  const attrs = pt.attrs(slot, 1);
  if (!write || attrs & A.write) {
    changeLeaf(pt, slot, 1, A.young | (write ? A.dirty : 0), 0);
    return true;
  }
  const pfn = pt.pfn(slot, 1);
  if (kernel.isHugeZero(pfn)) return replaceHugeZero(mm, vma, slot);
  // A folio with this one entry and no other reference is ours again, whatever fork left in its flag.
  const sole = kernel.frames.totalMapcount(pfn) === 1;
  if (!sole && !kernel.frames.hasFlag(pfn, FrameFlag.exclusive)) {
    splitHuge(mm, vma, slot);
    return false;
  }
  kernel.frames.setFlag(pfn, 1, FrameFlag.exclusive, true);
  changeLeaf(pt, slot, 1, A.write | A.dirty | A.young, 0);
  return true;
}

/** `do_huge_zero_wp_pmd`: a write to the huge zero page gets a huge page of its own, or its mapping is split. */
function replaceHugeZero(mm: Mm, vma: Vma, slot: number): boolean {
  const { kernel } = mm;
  const pfn = kernel.profile.replacesHugeZero ? newAnonFolio(kernel, pmdOrder(kernel.format)) : -1;
  if (pfn < 0) {
    splitHuge(mm, vma, slot);
    return false;
  }
  kernel.tally[E.pagesZeroed]! += mm.pt.span[1]!;
  setLeaf(mm.pt, slot, 1, pfn, anonAttrs(vma.flags));
  mapHuge(mm, pfn);
  kernel.lru.addNew(vma, pfn);
  return true;
}

/** Removes a level-1 leaf whole, with its deposited table (`zap_huge_pmd`). */
export function zapHuge(mm: Mm, vma: Vma, slot: number): void {
  const pfn = mm.pt.pfn(slot, 1);
  if (isFilePage(mm.kernel, pfn)) return zapFileHuge(mm, vma, slot, pfn);
  clearLeaf(mm.pt, slot, 1);
  if (!mm.kernel.isHugeZero(pfn)) unmapHuge(mm, vma, pfn);
}

/** Takes out a level-1 leaf that maps a file's folio; the folio keeps what the entry knew (`folio_mark_dirty`). */
function zapFileHuge(mm: Mm, vma: Vma, slot: number, head: number): void {
  if (mm.pt.attrs(slot, 1) & A.dirty) mm.kernel.frames.setFlag(head, 1, FrameFlag.dirty, true);
  clearFileLeaf(mm.pt, slot, 1);
  unmapHuge(mm, vma, head);
}

/**
 * Mapping split of a level-1 leaf (`__split_huge_pmd_locked`): from now on 512 small entries (4K pages) map the same folio. What
 * maps a file's folio is taken out and leaves the entry empty: faults will find the pages. With `freeze` the small entries are
 * about to be taken out for a folio split.
 */
export function splitHuge(mm: Mm, vma: Vma, slot: number, freeze = false): void {
  const { kernel, pt } = mm;
  const pfn = pt.pfn(slot, 1);
  if (isFilePage(kernel, pfn)) {
    pt.tally[E.flushRanges]!++;
    pt.tally[E.flushPages]! += pt.span[1]!;
    return zapFileHuge(mm, vma, slot, pfn);
  }
  if (kernel.isHugeZero(pfn)) return splitLeaf(pt, slot, 1, fillWithFrame(kernel.zeroPfn));
  splitLeaf(pt, slot);
  splitMapcount(mm, vma, pfn, freeze);
  kernel.tally[E.foliosTouched]!++;
}

/** `split_huge_pmd_if_needed`: a VMA is about to be cut at a page inside what may be mapped huge. */
export function splitHugeAt(mm: Mm, vma: Vma, vpn: number): void {
  const order = pmdOrder(mm.kernel.format);
  const start = alignDown(vpn, order);
  if (start === vpn || start < vma.start || start + 2 ** order > vma.end) return;
  const slot = mm.design.find(mm.pt, vpn, 1);
  if (slot >= 0 && mm.pt.kind(slot, 1) === Kind.leaf) splitHuge(mm, vma, slot);
}
