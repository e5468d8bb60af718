/**
 * Taking pages out of an address space: the common part of DONTNEED and munmap.
 *
 * Not modelled: batches of freed pages and the moment at which the TLB is flushed (mmu_gather); one flush is counted for
 * the whole call. Source: zap_pte_range, zap_pmd_range of mm/memory.c, mm/pt_reclaim.c, Linux 6.18.
 */
import { A, Kind, Marker } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { freePteTableIfEmpty } from "../pgtable/free.ts";
import { clearPtes } from "../pgtable/ptep.ts";
import { anyAttrs } from "../pgtable/runs.ts";
import { leavesAt } from "../pgtable/singles.ts";
import { isSwapPte, markerOf } from "../pgtable/softleaf.ts";
import { folioPteBatch } from "./batch.ts";
import { splitHuge, zapHuge } from "./huge.ts";
import type { Mm } from "./mm.ts";
import { isFilePage, unmapPages, unmapSingles } from "./rmap.ts";
import { zapSwap } from "./swap-io.ts";
import { Vm, type Vma } from "./vma.ts";

/** How thorough a zap is. */
export interface ZapDetails {
  /** Markers go too (munmap); otherwise guards stay. */
  readonly dropMarkers: boolean;
  /** A PTE table that the zap covers whole is freed when it ends up empty (CONFIG_PT_RECLAIM). */
  readonly reclaimTables: boolean;
  /** Pages of private copies stay, with what was poisoned among them (`even_cows` of unmap_mapping_range denied). */
  readonly keepCows?: boolean;
}

/** Zaps the pages `[start, end)` of one VMA. */
export function zapRange(mm: Mm, vma: Vma, start: number, end: number, details: ZapDetails): void {
  const { pt, kernel } = mm;
  if (kernel.profile.zapDrainsLru) kernel.lru.drain();
  const before = mm.anonPages + mm.filePages;
  mm.design.visit(pt, start, end, {
    huge: (slot, level, from, to) => {
      if (to - from === pt.span[level]!) zapHuge(mm, vma, slot);
      else splitHuge(mm, vma, slot);
    },
    ptes: (slot, _vpn, nr) => zapPtes(mm, vma, slot, nr, details),
    leaveTable: (slot, from, to) => {
      if (details.reclaimTables && to - from === pt.span[1]!) freePteTableIfEmpty(pt, slot);
    },
  });
  if (mm.anonPages + mm.filePages === before) return;
  if (kernel.profile.zapDrainsLru) kernel.lru.drain();
  kernel.tally[E.flushRanges]!++;
  kernel.tally[E.flushPages]! += end - start;
}

/** Frames of one folio that are still counted as mapped: another CPU may write to them until the TLB is flushed. */
type Delayed = [pfn: number, nr: number];

function zapPtes(mm: Mm, vma: Vma, slot: number, nr: number, details: ZapDetails): void {
  const { pt } = mm;
  const delayed: Delayed[] = [];
  for (let i = slot; i < slot + nr; ) {
    mm.kernel.tally[E.slotsRead]!++;
    const kind = pt.kind(i, 0);
    const keep = details.keepCows && kind === Kind.leaf && !isFilePage(mm.kernel, pt.pfn(i));
    if (kind === Kind.leaf) i += keep ? 1 : zapLeaves(mm, vma, i, slot + nr - i, delayed);
    else if (kind === Kind.softleaf) i += zapSoftleaf(mm, i, slot + nr - i, details);
    else i++;
  }
  // `tlb_flush_rmaps`. The order shows in which pages are locked for a while longer.
  for (const [pfn, n] of delayed) unmapPages(mm, vma, pfn, n);
}

/**
 * Single anonymous pages whose entries say the same, in a VMA that is not locked; the first entry's read is counted. Returns how
 * many entries it was; 0 where others come first.
 */
function zapSingles(mm: Mm, vma: Vma, slot: number, max: number): number {
  if (vma.flags & Vm.locked) return 0;
  const { pt } = mm;
  const { leaves, tally } = mm.kernel;
  const found = leavesAt(pt, slot, max, leaves);
  if (found === 0 || leaves.attrs & A.special) return 0;
  const n = unmapSingles(mm, leaves, found);
  if (n === 0) return 0;
  tally[E.slotsRead]! += n - 1;
  clearPtes(pt, slot, n);
  return n;
}

/**
 * `zap_nonpresent_ptes`: a run of swap entries, or one marker. Of markers that are not dropped guards stay, and poison where
 * even the pages of copies are to go; the write protection of a userfaultfd has no meaning on an empty anonymous page.
 */
function zapSoftleaf(mm: Mm, slot: number, max: number, { dropMarkers, keepCows }: ZapDetails): number {
  const { pt } = mm;
  if (keepCows) return 1;
  if (isSwapPte(pt, slot)) return zapSwap(mm, slot, max);
  if (dropMarkers || !(markerOf(pt, slot) & Marker.guard)) clearPtes(pt, slot, 1);
  return 1;
}

/** One batch of a folio, or one zero page. Returns how many entries it was. */
function zapLeaves(mm: Mm, vma: Vma, slot: number, max: number, delayed: Delayed[]): number {
  const { pt } = mm;
  const pfn = pt.pfn(slot);
  const singles = mm.kernel.frames.order(pfn) === 0 ? zapSingles(mm, vma, slot, max) : 0;
  if (singles > 0) return singles;
  if (pt.attrs(slot) & A.special) {
    clearPtes(pt, slot, 1);
    return 1;
  }
  const n = folioPteBatch(mm, slot, max, 0);
  const dirtied = keepDirty(mm, slot, n, pfn);
  clearPtes(pt, slot, n);
  if (dirtied) delayed.push([pfn, n]);
  else unmapPages(mm, vma, pfn, n);
  return n;
}

/** A file's folio stays, so it must know what its entries did (`folio_mark_dirty`). True if they wrote. */
export function keepDirty(mm: Mm, slot: number, n: number, pfn: number): boolean {
  const { frames } = mm.kernel;
  if (!isFilePage(mm.kernel, pfn)) return false;
  const dirty = (anyAttrs(mm.pt, slot, n) & A.dirty) !== 0;
  if (dirty) frames.setFlag(frames.head(pfn), 1, FrameFlag.dirty, true);
  return dirty;
}
