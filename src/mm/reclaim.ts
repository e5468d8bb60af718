/**
 * Reclaim of folios that a program names (MADV_PAGEOUT), on a machine without swap: nothing can be written out, so what is
 * anonymous and in use stays, but small; what MADV_FREE gave up goes if it is still clean; pages of shared memory are unmapped, and go
 * if nobody ever wrote to them.
 *
 * Not modelled: swap, writeback, reclaim for want of memory.
 * Source: reclaim_folio_list, shrink_folio_list of mm/vmscan.c, try_to_unmap_one and folio_unmap_pte_batch of mm/rmap.c,
 * unmap_huge_pmd_locked of mm/huge_memory.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { getAndClearPtes, setPtes } from "../pgtable/ptep.ts";
import { folioPteBatch } from "./batch.ts";
import { fileIndex } from "./file.ts";
import { tryToUnmap } from "./file-rmap.ts";
import { splitFolio } from "./folio-split.ts";
import { splitHuge, zapHuge } from "./huge.ts";
import type { Mm } from "./mm.ts";
import { isFilePage, unmapPages } from "./rmap.ts";
import type { Vma } from "./vma.ts";

/** A folio taken off the LRU, and the first page at which the VMA maps it. No other address space does. */
export interface Isolated {
  readonly vma: Vma;
  readonly vpn: number;
  readonly head: number;
}

/** `folio_isolate_lru`, and back again for what reclaim must pass over. */
export function isolate(mm: Mm, vma: Vma, vpn: number, head: number, list: Isolated[]): void {
  const { frames, lru } = mm.kernel;
  if (lru.isOff(head)) return;
  if (frames.hasFlag(head, FrameFlag.unevictable)) lru.putBack(head);
  else list.push({ vma, vpn, head });
}

/** `reclaim_pages`: empties the list. */
export function reclaimPages(mm: Mm, list: Isolated[]): void {
  for (const folio of list.splice(0)) if (!mm.kernel.frames.hasFlag(folio.head, FrameFlag.mlocked)) shrink(mm, folio);
}

function shrink(mm: Mm, folio: Isolated): void {
  const { frames } = mm.kernel;
  if (isFilePage(mm.kernel, folio.head)) return shrinkFile(mm, folio);
  if (frames.hasFlag(folio.head, FrameFlag.lazyFree)) return shrinkLazy(mm, folio);
  // No swap has room for a large folio (folio_alloc_swap), so its pages are tried one by one, and have none either.
  if (frames.order(folio.head) > 0) splitFolio(mm, folio.head, folio.vpn);
}

/** Unmaps a folio of a file; a dirty one cannot be written anywhere and stays in the cache. */
function shrinkFile(mm: Mm, { vma, vpn, head }: Isolated): void {
  const { frames } = mm.kernel;
  const file = vma.file!;
  const index = fileIndex(vma, vpn);
  tryToUnmap(file, index, 2 ** frames.order(head));
  if (!frames.hasFlag(head, FrameFlag.dirty)) file.drop(index);
}

/** A folio that MADV_FREE gave up. If it was written to since, it is one like any other again (`folio_set_swapbacked`). */
function shrinkLazy(mm: Mm, folio: Isolated): void {
  const { pt, kernel } = mm;
  const pmd = mm.design.find(pt, folio.vpn, 1);
  if (pt.kind(pmd, 1) === Kind.leaf && !unmapHugeLazy(mm, folio, pmd)) return;
  if (pt.kind(pmd, 1) !== Kind.table) return;
  const slot = mm.design.find(pt, folio.vpn, 0);
  pt.locks.with(pt.tableOf(slot), 0, () => unmapLazyPtes(mm, folio, slot, 2 ** kernel.frames.order(folio.head)));
  kernel.tally[E.flushRanges]!++;
}

/** `unmap_huge_pmd_locked`; true if the caller goes on, with what is now mapped by small entries if it still is. */
function unmapHugeLazy(mm: Mm, { vma, head }: Isolated, slot: number): boolean {
  const { pt, kernel } = mm;
  const how = kernel.profile.lazyHuge(kernel.format);
  const dirty = (pt.attrs(slot, 1) & A.dirty) !== 0 || kernel.frames.hasFlag(head, FrameFlag.dirty);
  if (!dirty && how !== "split") {
    zapHuge(mm, vma, slot);
    return false;
  }
  if (how === "whole") {
    keep(mm, head);
    return false;
  }
  splitHuge(mm, vma, slot);
  return true;
}

/** `try_to_unmap_one`, run by run. The first that is dirty is put back and ends it; what went before is gone. */
function unmapLazyPtes(mm: Mm, { vma, head }: Isolated, slot: number, nr: number): void {
  const { pt, kernel } = mm;
  for (let i = 0; i < nr; ) {
    const n = runToUnmap(mm, slot + i, nr - i);
    const old = getAndClearPtes(pt, slot + i, n);
    if (old.attrs & A.dirty || kernel.frames.hasFlag(head, FrameFlag.dirty)) {
      setPtes(pt, slot + i, old.pfn, old.attrs, n);
      return keep(mm, head);
    }
    unmapPages(mm, vma, old.pfn, n);
    i += n;
  }
}

/**
 * `folio_unmap_pte_batch`. At first it did not look at write permission, so that a run which is put back took that of its first
 * entry ("mm/rmap: fix incorrect pte restoration for lazyfree folios").
 */
function runToUnmap(mm: Mm, slot: number, max: number): number {
  const { profile, format } = mm.kernel;
  if (!profile.unmapBatches) return 1;
  return folioPteBatch(mm, slot, max, profile.unmapRespectsWrite(format) ? A.write | A.softDirty : 0);
}

function keep(mm: Mm, head: number): void {
  mm.kernel.frames.setFlag(head, 1, FrameFlag.dirty, true);
  mm.kernel.frames.setFlag(head, 1, FrameFlag.lazyFree, false);
}
