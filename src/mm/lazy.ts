/**
 * MADV_COLD and MADV_FREE: pages that may be taken first. Both act on whole folios, so a folio that the range holds only in
 * part is cut up: a folio split.
 *
 * Not modelled: reclaim itself, so nothing is ever taken. Source: madvise_cold_or_pageout_pte_range, madvise_free_pte_range
 * of mm/madvise.c, madvise_free_huge_pmd of mm/huge_memory.c, Linux 6.18.
 */
import { A, Kind, Marker } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { changeLeaf } from "../pgtable/huge.ts";
import { clearYoungDirtyPtes, pteClear } from "../pgtable/ptep.ts";
import { isSwapPte, markerOf } from "../pgtable/softleaf.ts";
import { folioPteBatch } from "./batch.ts";
import type { Errno } from "./errno.ts";
import { splitFolio } from "./folio-split.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import { maybeMappedShared } from "./rmap.ts";
import { zapSwap } from "./swap-io.ts";
import { Vm, type Vma } from "./vma.ts";

/** `MADV_COLD`: clears accessed. */
export function madviseCold(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & Vm.locked) return "EINVAL";
  mm.kernel.lru.drain();
  return lazyRange(mm, start, end, A.young);
}

/** `MADV_FREE`: clears accessed and dirty; a page that stays clean may be dropped at any time. */
export function madviseFree(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & (Vm.locked | Vm.shared)) return "EINVAL";
  mm.kernel.lru.drain();
  return lazyRange(mm, start, end, A.young | A.dirty);
}

function lazyRange(mm: Mm, start: number, end: number, clear: number): null {
  mm.design.visit(mm.pt, start, end, {
    huge: (slot, level, from, to) => lazyHuge(mm, slot, from, to - from === mm.pt.span[level]!, clear),
    ptes: (slot, from, nr) => lazyPtes(mm, slot, from, nr, clear),
  });
  return null;
}

function lazyHuge(mm: Mm, slot: number, vpn: number, whole: boolean, clear: number): void {
  const { pt, kernel } = mm;
  const pfn = pt.pfn(slot, 1);
  if (kernel.isHugeZero(pfn) || maybeMappedShared(kernel, pfn)) return;
  if (!whole) return splitFolio(mm, pfn, vpn);
  changeLeaf(pt, slot, 1, 0, clear);
  if (clear & A.dirty) markLazyFree(kernel, pfn);
}

function lazyPtes(mm: Mm, slot: number, vpn: number, nr: number, clear: number): void {
  const { pt } = mm;
  for (let i = 0; i < nr; ) {
    pt.tally[E.slotsRead]!++;
    const leaf = pt.kind(slot + i, 0) === Kind.leaf && !(pt.attrs(slot + i) & A.special);
    i += leaf ? lazyLeaf(mm, slot + i, vpn + i, nr - i, clear) : lazySoftleaf(mm, slot + i, nr - i, clear);
  }
}

/** FREE of what lies in swap gives the slots back, and takes poison off; COLD passes both by. Returns the entries done with. */
function lazySoftleaf(mm: Mm, slot: number, max: number, clear: number): number {
  if (!(clear & A.dirty)) return 1;
  if (isSwapPte(mm.pt, slot)) return zapSwap(mm, slot, max);
  if (markerOf(mm.pt, slot) & Marker.poisoned) pteClear(mm.pt, slot);
  return 1;
}

/** One folio's run. Returns how many entries are done with: none after a folio split, which is then gone through page by page. */
function lazyLeaf(mm: Mm, slot: number, vpn: number, max: number, clear: number): number {
  const { pt, kernel } = mm;
  const { frames } = kernel;
  const head = frames.head(pt.pfn(slot));
  const pages = 2 ** frames.order(head);
  kernel.tally[E.foliosTouched]!++;
  const n = folioPteBatch(mm, slot, max, 0);
  if (n < pages) {
    if (maybeMappedShared(kernel, head)) return n;
    // A folio is split without the lock, since it takes those of all that map it; so the entry is looked at again.
    pt.locks.without(pt.tableOf(slot), 0, () => splitFolio(mm, head, vpn));
    return 0;
  }
  // COLD leaves alone what anybody else maps. FREE must clean the folio too, and may do that only to one of its own.
  const frees = (clear & A.dirty) !== 0;
  const sole = !frees || frames.hasFlag(head, FrameFlag.dirty);
  if (sole && frames.totalMapcount(head) !== pages) return n;
  clearYoungDirtyPtes(pt, slot, n, clear);
  if (frees) markLazyFree(kernel, head);
  return n;
}

/** `folio_mark_lazyfree`, of a folio that is clean from now on. */
function markLazyFree({ frames }: Kernel, head: number): void {
  frames.setFlag(head, 1, FrameFlag.dirty, false);
  frames.setFlag(head, 1, FrameFlag.lazyFree, true);
}
