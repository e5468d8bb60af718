/**
 * What the reading walks report about one entry, written once: the designs differ in how they reach entries, never in what an
 * entry means. The layout of words is that of /proc/PID/pagemap.
 *
 *   63 present   62 swap   58 guard   57 uffd-wp   55 soft-dirty   0-54 frame number of a present page
 *
 * Not modelled: 61 (file or shared) and 56 (exclusive), which are the folio's business and not the entry's; of a page that is not
 * present, the type and the offset of its swap entry, which stand in 0-54.
 * Source: pte_to_pagemap_entry of fs/proc/task_mmu.c, Documentation/admin-guide/mm/pagemap.rst, Linux 6.18.
 */
import { A, Kind, Marker } from "../arch/entry.ts";
import { isGuard, SWP_PTE_MARKER } from "../arch/format.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import type { PageCounts, Pagemap } from "./design.ts";

const PRESENT = 1 << 31;
const SWAP = 1 << 30;
const GUARD = 1 << 26;
const UFFD_WP = 1 << 25;
const SOFT_DIRTY = 1 << 23;
const PFN_LO_SPAN = 2 ** 32;

/** An empty answer for so many pages. */
export function newPagemap(pages: number): Pagemap {
  return { lo: new Int32Array(pages), hi: new Int32Array(pages) };
}

/** Writes the words of `nr` pages from place `at` that a present entry maps to consecutive frames. */
export function putPresent(map: Pagemap, at: number, nr: number, pfn: number, attrs: number): void {
  const soft = attrs & A.softDirty ? SOFT_DIRTY : 0;
  const flags = PRESENT | soft | (attrs & A.uffdWp ? UFFD_WP : 0);
  for (let i = 0; i < nr; i++) {
    map.lo[at + i] = (pfn + i) | 0;
    map.hi[at + i] = flags | Math.floor((pfn + i) / PFN_LO_SPAN);
  }
}

/** Writes the words of `nr` pages that leaves of one table map which say the same, each of its own frame. */
export function putLeaves(map: Pagemap, at: number, nr: number, pt: PageTable, slot: number, attrs: number): void {
  for (let i = 0; i < nr; i++) putPresent(map, at + i, 1, pt.pfn(slot + i), attrs);
}

/** What reading a non-present entry needs of a page table; nothing here writes. */
export type SoftleafWords = Pick<PageTable, "format" | "lo" | "hi">;

/** Writes the words of `nr` pages that hold the same kind of non-present entry as this slot. */
export function putSoftleaf(map: Pagemap, at: number, nr: number, pt: SoftleafWords, slot: number): void {
  map.hi.fill(softleafFlags(pt, slot), at, at + nr);
}

function softleafFlags(pt: SoftleafWords, slot: number): number {
  const { format } = pt;
  const [lo, hi] = [pt.lo(slot), pt.hi(slot)];
  if (format.swapType(lo, hi) !== SWP_PTE_MARKER) return SWAP;
  const uffdWp = format.swapOffset(lo, hi) & Marker.uffdWp ? UFFD_WP : 0;
  // A marker is a swap entry to pagemap, whatever it marks.
  return SWAP | uffdWp | (isGuard(format, lo, hi) ? GUARD : 0);
}

/** Counts that a walk adds to; made by {@link newCounts}. */
export type MutableCounts = { -readonly [K in keyof PageCounts]: PageCounts[K] };

/** Counts of zero. */
export function newCounts(): MutableCounts {
  return { present: 0, young: 0, dirty: 0 };
}

/** Adds `nr` pages behind present entries of these attributes. */
export function addPages(counts: MutableCounts, nr: number, attrs: number): void {
  counts.present += nr;
  if (attrs & A.young) counts.young += nr;
  if (attrs & A.dirty) counts.dirty += nr;
}

/** A byte for each page, all 0: the caller's, or new ones. */
export function newResident(pages: number, vec?: Uint8Array): Uint8Array {
  return vec?.fill(0, 0, pages) ?? new Uint8Array(pages);
}

/** Whether a page behind an entry of this kind is in memory, as mincore says it of anonymous memory. */
export function isResident(kind: Kind): boolean {
  return kind === Kind.leaf;
}
