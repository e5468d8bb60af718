/**
 * Pages on their way to swap and back: what MADV_PAGEOUT and reclaim do to one address space's pages, the fault on a swap
 * entry, and reading ahead.
 *
 * Source: madvise_cold_or_pageout_pte_range of mm/madvise.c, shrink_folio_list of mm/vmscan.c, try_to_unmap_one of mm/rmap.c,
 * do_swap_page, alloc_swap_folio, can_swapin_thp of mm/memory.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { pmdOrder } from "../arch/format.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { getAndClearPtes, setPtes } from "../pgtable/ptep.ts";
import { isSwapPte, type SwapPte, setSwapPte, swapPteAt, swapPteBatch } from "../pgtable/softleaf.ts";
import { protAttrs } from "./attrs.ts";
import { folioPteBatch } from "./batch.ts";
import { splitFolio } from "./folio-split.ts";
import { splitHuge } from "./huge.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import { isFilePage, mapPages, maybeMappedShared, mlockMapped, newAnonFolio, unmapPages } from "./rmap.ts";
import { suitableOrders } from "./thp.ts";
import { isArmed, Vm, type Vma } from "./vma.ts";

/** The type of the one swap device. */
const TYPE = 0;

/**
 * Sends the pages of `[start, end)` to swap, as MADV_PAGEOUT does when nobody else holds them: folios that another address
 * space may map stay, folios that the range holds in part are cut up, clean pages of MADV_FREE are dropped, and so is what
 * swap has no room for left where it is.
 */
export function swapOut(mm: Mm, start: number, end: number): void {
  if (mm.kernel.swap.total === 0) return;
  for (const vma of mm.vmas.overlapping(start, end))
    mm.design.visit(mm.pt, Math.max(start, vma.start), Math.min(end, vma.end), {
      huge: (slot, level, from, to) => outHuge(mm, vma, slot, from, to - from === mm.pt.span[level]!),
      ptes: (slot, from, nr) => outPtes(mm, vma, slot, from, nr),
    });
  mm.kernel.tally[E.flushRanges]!++;
}

/** A huge page is swapped as one folio, but by small entries: its mapping is split first (TTU_SPLIT_HUGE_PMD). */
function outHuge(mm: Mm, vma: Vma, slot: number, vpn: number, whole: boolean): void {
  const pfn = mm.pt.pfn(slot, 1);
  if (mm.kernel.isHugeZero(pfn) || !isFree(mm, pfn)) return;
  if (whole) splitHuge(mm, vma, slot);
  else splitFolio(mm, pfn, vpn);
}

function outPtes(mm: Mm, vma: Vma, slot: number, vpn: number, nr: number): void {
  const { pt } = mm;
  for (let i = 0; i < nr; ) {
    pt.tally[E.slotsRead]!++;
    const leaf = pt.kind(slot + i, 0) === Kind.leaf && !(pt.attrs(slot + i) & A.special);
    i += leaf ? outLeaf(mm, vma, slot + i, vpn + i, nr - i) : 1;
  }
}

/** Nothing but this address space's entries holds the folio. */
function isFree(mm: Mm, pfn: number): boolean {
  const { kernel } = mm;
  return !isFilePage(kernel, pfn) && !maybeMappedShared(kernel, pfn) && !kernel.pinned(kernel.frames.head(pfn));
}

/** One folio's run. Returns how many entries are done with: none after a folio split, which is then gone through page by page. */
function outLeaf(mm: Mm, vma: Vma, slot: number, vpn: number, max: number): number {
  const { pt, kernel } = mm;
  const { frames, swap } = kernel;
  const head = frames.head(pt.pfn(slot));
  const pages = 2 ** frames.order(head);
  kernel.tally[E.foliosTouched]!++;
  const n = folioPteBatch(mm, slot, max, 0);
  if (!isFree(mm, head)) return n;
  const offset = n < pages ? -1 : swap.alloc(pages);
  if (offset < 0 && pages === 1) return n;
  if (offset < 0) {
    pt.locks.without(pt.tableOf(slot), 0, () => splitFolio(mm, head, vpn));
    return 0;
  }
  for (let i = 0; i < n; i++) unmapToSwap(mm, vma, slot + i, offset + i);
  return n;
}

/** `try_to_unmap_one` for one entry: a swap entry with what the page's own said, or nothing for a clean page of MADV_FREE. */
function unmapToSwap(mm: Mm, vma: Vma, slot: number, offset: number): void {
  const { pt, kernel } = mm;
  const { frames, swap } = kernel;
  const { pfn, attrs } = getAndClearPtes(pt, slot, 1);
  const head = frames.head(pfn);
  const lazy =
    frames.hasFlag(head, FrameFlag.lazyFree) && !((attrs & A.dirty) | Number(frames.hasFlag(head, FrameFlag.dirty)));
  if (!lazy) {
    const exclusive = frames.hasFlag(pfn, FrameFlag.exclusive);
    swap.write(offset, pfn, 1);
    setSwapPte(pt, slot, { type: TYPE, offset, exclusive, attrs: attrs & (A.softDirty | A.uffdWp) });
    mm.swapEnts++;
  }
  unmapPages(mm, vma, pfn, 1);
}

/**
 * `do_swap_page`: maps the page of a swap entry. If it is certain to be this address space's alone it is writable at once;
 * if not, a write has to look into it next.
 */
export function doSwapPage(mm: Mm, vma: Vma, vpn: number, slot: number, write: boolean): void {
  const { kernel, pt } = mm;
  const { swap } = kernel;
  const pte = swapPteAt(pt, slot);
  // A page that nobody else can ask for comes back without a stay in the swap cache, and may be a large folio again.
  if (swap.cached(pte.offset) < 0 && swap.count(pte.offset) === 1) {
    const [pfn, order] = allocSwapFolio(mm, vma, vpn, slot, pte);
    const back = vpn % 2 ** order;
    for (let i = 0; i < 2 ** order; i++) swap.read(pte.offset - back + i, pfn + i);
    return mapSwapped(mm, vma, slot - back, pfn, order, write);
  }
  mapSwapped(mm, vma, slot, readAhead(kernel, pte.offset), 0, write);
}

/** `read_swap_cache_async`: the frame of a slot's page, which from now on is in the swap cache. */
function readAhead(kernel: Kernel, offset: number): number {
  const cached = kernel.swap.cached(offset);
  if (cached >= 0) return cached;
  const pfn = newSwapFolio(kernel, 0);
  if (pfn < 0) kernel.outOfMemory();
  kernel.swap.read(offset, pfn);
  kernel.swap.cache(offset, pfn);
  return pfn;
}

/** `alloc_swap_folio`: of the largest order that the knobs allow whose block is one run of slots, aligned like the addresses. */
function allocSwapFolio(mm: Mm, vma: Vma, vpn: number, slot: number, pte: SwapPte): [pfn: number, order: number] {
  const { kernel } = mm;
  const below = (1 << pmdOrder(kernel.format)) - 1;
  const mask = isArmed(vma) ? 0 : suitableOrders(vma, vpn, kernel.thp.allowed(vma.flags) & below);
  for (let order = 31 - Math.clz32(mask); order > 0; order--) {
    const n = 2 ** order;
    const alike = mask & (1 << order) && vpn % n === pte.offset % n;
    const pfn = alike && runOf(mm, slot - (vpn % n), n, pte.offset - (vpn % n)) ? newSwapFolio(kernel, order) : -1;
    if (pfn >= 0) return [pfn, order];
  }
  const pfn = newSwapFolio(kernel, 0);
  return pfn < 0 ? kernel.outOfMemory() : [pfn, 0];
}

/** A new folio for pages from swap. Whose it is its entries will tell. */
function newSwapFolio(kernel: Kernel, order: number): number {
  const pfn = newAnonFolio(kernel, order);
  if (pfn >= 0) kernel.frames.setFlag(pfn, 2 ** order, FrameFlag.exclusive, false);
  return pfn;
}

/** `can_swapin_thp`: `n` entries name `n` slots in a row, none of which is cached or named by another. */
function runOf(mm: Mm, slot: number, n: number, offset: number): boolean {
  const { pt, kernel } = mm;
  if (!isSwapPte(pt, slot) || swapPteAt(pt, slot).offset !== offset || swapPteBatch(pt, slot, n) < n) return false;
  for (let i = 0; i < n; i++)
    if (kernel.swap.cached(offset + i) >= 0 || kernel.swap.count(offset + i) !== 1) return false;
  return true;
}

/** The part of `do_swap_page` from `swap_free_nr` on, for the entries of one folio. */
function mapSwapped(mm: Mm, vma: Vma, slot: number, pfn: number, order: number, write: boolean): void {
  const { kernel, pt } = mm;
  const { swap, frames } = kernel;
  const n = 2 ** order;
  const first = swapPteAt(pt, slot);
  const unmapped = !frames.mapped(frames.head(pfn));
  // The entry's reference is given back before it is clear whether the cache can let go of the page (folio_free_swap).
  mapPages(mm, pfn, n);
  mlockMapped(mm, vma, pfn, n);
  pt.clear(slot, n);
  swap.free(first.offset, n);
  mm.swapEnts -= n;
  const sole = write && unmapped && !swap.caches(pfn);
  const exclusive = first.exclusive || sole;
  if (exclusive) frames.setFlag(pfn, n, FrameFlag.exclusive, true);
  const attrs = protAttrs(vma.flags) | A.young | (first.attrs & A.uffdWp);
  const writable = exclusive && (vma.flags & Vm.write) !== 0 && !(first.attrs & A.uffdWp);
  setPtes(pt, slot, pfn, attrs | (writable ? A.write | (write ? A.dirty : 0) : 0), n);
}

/** `MADV_WILLNEED` of anonymous memory: pages in swap are read into the swap cache, and mapped by nobody (`swapin_walk_pmd_entry`). */
export function swapWillneed(mm: Mm, start: number, end: number): void {
  const { pt, kernel } = mm;
  mm.design.visit(pt, start, end, {
    ptes: (slot, _vpn, nr) => {
      for (let i = slot; i < slot + nr; i++) if (isSwapPte(pt, i)) readAhead(kernel, swapPteAt(pt, i).offset);
    },
  });
}

/** Takes swap entries out, a run at a time, and gives their slots back (`zap_nonpresent_ptes`). Returns how many entries that was. */
export function zapSwap(mm: Mm, slot: number, max: number): number {
  const { pt, kernel } = mm;
  const { offset } = swapPteAt(pt, slot);
  const n = swapPteBatch(pt, slot, max);
  pt.clear(slot, n);
  mm.swapEnts -= n;
  kernel.swap.free(offset, n);
  return n;
}
