/**
 * Counting who maps what: every entry that starts or stops mapping a folio goes through here, and an anonymous folio that
 * nothing maps any more goes back to the allocator. One of a file stays where its file keeps it.
 *
 * Source: folio_add_anon_rmap_ptes, folio_add_file_rmap_ptes, folio_remove_rmap_ptes and kin of mm/rmap.c, Linux 6.18.
 */
import { pmdOrder } from "../arch/format.ts";
import { invariant } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import type { PfnRun } from "../machine/frame-runs.ts";
import { FrameFlag } from "../machine/frames.ts";
import { deferredSplitFolio } from "./deferred.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import type { Vma } from "./vma.ts";

/** A new anonymous folio that this process alone owns, or -1 when memory is short. Its contents are zero. */
export function newAnonFolio(kernel: Kernel, order: number): number {
  invariant(order !== 1, "anonymous folios of order 1 are not made");
  const pfn = kernel.frames.alloc(order);
  if (pfn < 0) return pfn;
  kernel.tally[E.foliosAllocated]!++;
  kernel.frames.setFlag(pfn, 1 << order, FrameFlag.exclusive, true);
  return pfn;
}

/** `nr` entries of level 0 now map `nr` frames of one folio. */
export function mapPages(mm: Mm, pfn: number, nr: number): void {
  const { frames, tally } = mm.kernel;
  frames.addMapcount(pfn, nr, 1);
  addOwner(mm, frames.head(pfn), nr);
  tally[E.foliosTouched]!++;
  tally[E.pagesTouched]! += nr;
  countResident(mm, pfn, nr);
}

/** `nr` entries of level 0 of a VMA now map `nr` frames of one folio of a file (`folio_add_file_rmap_ptes`). */
export function mapFilePages(mm: Mm, vma: Vma, pfn: number, nr: number): void {
  mapPages(mm, pfn, nr);
  mlockMapped(mm, vma, pfn, nr);
}

/** `nr` frames of a folio have just been mapped into a VMA: if that is all of it, a locked VMA locks it. */
export function mlockMapped({ kernel }: Mm, vma: Vma, pfn: number, nr: number): void {
  const pages = 1 << kernel.frames.order(pfn);
  if (nr === pages && (nr === 1 || kernel.profile.rmapLocksLarge)) kernel.lru.mlockVma(vma, kernel.frames.head(pfn));
}

/** `nr` entries of level 0 of a VMA stop mapping `nr` frames of one folio (`folio_remove_rmap_ptes`). */
export function unmapPages(mm: Mm, vma: Vma, pfn: number, nr: number): void {
  const { frames, tally, lru } = mm.kernel;
  const gone = frames.addMapcount(pfn, nr, -1);
  subOwner(mm, frames.head(pfn), nr);
  tally[E.foliosTouched]!++;
  tally[E.pagesTouched]! += nr;
  countResident(mm, pfn, -nr);
  lru.munlockVma(vma, frames.head(pfn));
  afterUnmap(mm.kernel, frames.head(pfn), gone > 0);
}

/** Whether the page belongs to a file, and not to those that map it (`folio_test_anon` denied). */
export function isFilePage(kernel: Kernel, pfn: number): boolean {
  return kernel.frames.hasFlag(kernel.frames.head(pfn), FrameFlag.file);
}

/** `mm_counter`: resident pages by their kind. */
function countResident(mm: Mm, pfn: number, nr: number): void {
  if (isFilePage(mm.kernel, pfn)) mm.filePages += nr;
  else mm.anonPages += nr;
}

/** `nr` entries of a child map what the parent's map. From now on nobody owns the pages alone. */
export function dupPages(child: Mm, pfn: number, nr: number): void {
  child.kernel.frames.setFlag(pfn, nr, FrameFlag.exclusive, false);
  mapPages(child, pfn, nr);
}

/**
 * {@link dupPages} of `n` single pages, each by an entry of its own, as far as they are such. Returns how many.
 */
export function dupSingles(child: Mm, run: PfnRun, n: number): number {
  const { frames, tally } = child.kernel;
  const done = frames.runs.dup(run, n);
  child.anonPages += done;
  tally[E.foliosTouched]! += done;
  tally[E.pagesTouched]! += done;
  return done;
}

/**
 * {@link unmapPages} of `n` single pages in a VMA that is not locked, as far as they are such. Returns how many; of the run
 * nothing is left.
 */
export function unmapSingles(mm: Mm, run: PfnRun, n: number): number {
  const { kernel } = mm;
  const { frames, tally, swap, pins } = kernel;
  const done = frames.runs.unmap(run, n);
  mm.anonPages -= done;
  tally[E.foliosTouched]! += done;
  tally[E.pagesTouched]! += done;
  const gone = frames.runs.unmapped;
  if (!swap.cachesAny && pins.size === 0) kernel.freeSingles(run, gone);
  else for (let i = 0; i < gone; i++) unmappedFolio(kernel, run.pfn(i));
  return done;
}

/** One entry above level 0 of a child maps what the parent's maps. */
export function dupHuge(child: Mm, head: number): void {
  child.kernel.frames.setFlag(head, 1, FrameFlag.exclusive, false);
  mapHuge(child, head);
}

/** An address space has `nr` entries more that map a folio; the sum has been raised. */
function addOwner(mm: Mm, head: number, nr: number): void {
  const { frames, mmIds } = mm.kernel;
  if (frames.order(head) > 0) mmIds.add(head, mm.id, nr, frames.totalMapcount(head));
}

/** An address space has `nr` entries fewer that map a folio; the sum has been lowered. */
function subOwner(mm: Mm, head: number, nr: number): void {
  const { frames, mmIds } = mm.kernel;
  if (frames.order(head) > 0) mmIds.sub(head, mm.id, nr, frames.totalMapcount(head));
}

/**
 * `folio_maybe_mapped_shared`: whether more than one address space may map the folio. Of a large one the kernel does not
 * always know. Kernels before 6.15 guess (`folio_likely_mapped_shared`), by the sum and the count of the first page.
 */
export function maybeMappedShared(kernel: Kernel, pfn: number): boolean {
  const { frames, mmIds, profile } = kernel;
  const [head, order] = [frames.head(pfn), frames.order(pfn)];
  const total = frames.totalMapcount(head);
  if (order === 0 || total <= 1) return total > 1;
  if (profile.tracksOwners) return mmIds.shared(head);
  if (frames.entireMapcount(head) > 0 || total > 2 ** order) return true;
  return frames.mapcount(head) > 1;
}

/** One entry above level 0 now maps the whole folio. */
export function mapHuge(mm: Mm, head: number): void {
  mm.kernel.frames.addEntireMapcount(head, 1);
  addOwner(mm, head, 1);
  mm.kernel.tally[E.foliosTouched]!++;
  countResident(mm, head, 2 ** pmdOrder(mm.kernel.format));
}

/** One entry above level 0 of a VMA now maps the whole folio of a file (`folio_add_file_rmap_pmd`). */
export function mapFileHuge(mm: Mm, vma: Vma, head: number): void {
  mapHuge(mm, head);
  mlockMapped(mm, vma, head, 2 ** pmdOrder(mm.kernel.format));
}

/** One entry above level 0 of a VMA stops mapping the folio (`folio_remove_rmap_pmd`). */
export function unmapHuge(mm: Mm, vma: Vma, head: number): void {
  const { frames, tally, format, lru } = mm.kernel;
  frames.addEntireMapcount(head, -1);
  subOwner(mm, head, 1);
  tally[E.foliosTouched]!++;
  countResident(mm, head, -(2 ** pmdOrder(format)));
  lru.munlockVma(vma, head);
  afterUnmap(mm.kernel, head, frames.entireMapcount(head) === 0);
}

/**
 * The same pages mapped by entries of level 0 instead of one above; nothing is freed and no page is counted anew. With
 * `freeze` the entries of level 0 are on their way out, so the folio is no more locked by the VMA than the huge entry made it.
 */
export function splitMapcount(mm: Mm, vma: Vma, head: number, freeze: boolean): void {
  const { kernel } = mm;
  const n = 2 ** pmdOrder(kernel.format);
  // The small entries are counted before the huge one no longer is: an owner without a slot may find one on the way.
  kernel.frames.addMapcount(head, n, 1);
  kernel.tally[E.pagesTouched]! += n;
  addOwner(mm, head, n);
  if (!freeze) mlockMapped(mm, vma, head, n);
  kernel.frames.addEntireMapcount(head, -1);
  subOwner(mm, head, 1);
  kernel.lru.munlockVma(vma, head);
  // Exclusivity is kept at the head while one entry maps all, and for each page from now on (PageAnonExclusive).
  kernel.frames.setFlag(head, n, FrameFlag.exclusive, kernel.frames.hasFlag(head, FrameFlag.exclusive));
}

/** Frees an anonymous folio that nobody maps any more, unless the swap cache or a pin holds it. */
export function unmappedFolio(kernel: Kernel, head: number): void {
  if (kernel.frames.mapped(head) || kernel.swap.caches(head) || kernel.pins.has(head)) return;
  kernel.freeFolio(head);
}

/** Frees an anonymous folio that nobody maps, and queues one of which only parts are still mapped (`deferred_split_folio`). */
function afterUnmap(kernel: Kernel, head: number, lostPages: boolean): void {
  const { frames } = kernel;
  if (frames.hasFlag(head, FrameFlag.file)) return;
  if (!frames.mapped(head)) return unmappedFolio(kernel, head);
  if (lostPages && frames.order(head) > 0) deferredSplitFolio(kernel, head);
}
