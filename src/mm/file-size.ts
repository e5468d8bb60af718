/**
 * A file that shrinks or gets a hole: what is taken out of it is taken out of everybody's tables first. Guards stay where they
 * are, for they belong to the VMA; private copies go when the file shrinks below them, and stay over a hole.
 *
 * Not modelled: large folios that are cut (their pages within the hole are zeroed, the folio stays whole), pages that have been
 * swapped out. Source: truncate_setsize and truncate_pagecache of mm/truncate.c, shmem_fallocate of mm/shmem.c, unmap_mapping_range
 * of mm/memory.c, madvise_remove of mm/madvise.c, Linux 6.18.
 */
import type { Errno } from "./errno.ts";
import { type CacheFile, fileIndex } from "./file.ts";
import type { Mm } from "./mm.ts";
import { Vm, type Vma } from "./vma.ts";
import { zapRange } from "./zap.ts";

/** `ftruncate`: the file ends at a page from now on; accesses behind it are SIGBUS. */
export function truncate(file: CacheFile, pages: number): void {
  const old = file.pages;
  file.pages = pages;
  if (pages >= old) return;
  unmapMappingRange(file, pages, old, true);
  dropPages(file, pages, old);
}

/** `fallocate` with FALLOC_FL_PUNCH_HOLE of the file's pages `[start, end)`: they read as zeros from now on. */
export function punchHole(file: CacheFile, start: number, end: number): void {
  unmapMappingRange(file, start, end, false);
  dropPages(file, start, end);
}

/** `MADV_REMOVE`: a hole in the file behind a VMA, which must be one that may write to it. */
export function madviseRemove(_mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & Vm.locked || vma.file === null) return "EINVAL";
  if (!(vma.flags & Vm.shared)) return "EACCES";
  punchHole(vma.file, fileIndex(vma, start), fileIndex(vma, end));
  return null;
}

/** `unmap_mapping_range` of the file's pages `[start, end)`, wherever they are shown. */
function unmapMappingRange(file: CacheFile, start: number, end: number, evenCows: boolean): void {
  for (const [vma, mm] of file.vmas) {
    const shift = vma.start - vma.pgoff;
    const [from, to] = [Math.max(vma.start, start + shift), Math.min(vma.end, end + shift)];
    if (from < to) zapRange(mm, vma, from, to, { dropMarkers: false, reclaimTables: false, keepCows: !evenCows });
  }
}

/** Takes the pages out of the cache; of a folio that reaches further only what lies in the range is zeroed. */
function dropPages(file: CacheFile, start: number, end: number): void {
  const { frames, contents } = file.kernel;
  for (let at = file.next(start, end); at !== undefined; at = file.next(at.index + 1, end)) {
    const { index, pfn } = at;
    const [head, pages] = [frames.head(pfn), 2 ** frames.order(pfn)];
    const first = index - (pfn - head);
    if (first >= start && first + pages <= end) file.drop(index);
    else contents?.clear(pfn, 1);
  }
}
