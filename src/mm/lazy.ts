/**
 * MADV_COLD and MADV_FREE: pages that may be taken first. Both act on whole folios, so a folio that the range holds only in
 * part is cut up: a folio split.
 *
 * Not modelled: reclaim itself, so nothing is ever taken. Source: madvise_cold_or_pageout_pte_range, madvise_free_pte_range
 * of mm/madvise.c, madvise_free_huge_pmd of mm/huge_memory.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { changeLeaf } from "../pgtable/huge.ts";
import { clearYoungDirtyPtes } from "../pgtable/ptep.ts";
import { visit } from "../pgtable/visit.ts";
import { folioPteBatch } from "./batch.ts";
import type { Errno } from "./errno.ts";
import { splitFolio } from "./folio-split.ts";
import type { Mm } from "./mm.ts";
import { Vm, type Vma } from "./vma.ts";

/** What to clear in entries, and which folios to leave alone. */
interface Lazy {
  readonly clear: number;
  /** COLD leaves every folio alone that anybody else maps; FREE does so for huge mappings and for folios it would cut. */
  readonly sharedToo: boolean;
}

/** `MADV_COLD`: clears accessed. */
export function madviseCold(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & Vm.locked) return "EINVAL";
  return lazyRange(mm, start, end, { clear: A.young, sharedToo: false });
}

/** `MADV_FREE`: clears accessed and dirty; a page that stays clean may be dropped at any time. */
export function madviseFree(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & (Vm.locked | Vm.shared)) return "EINVAL";
  return lazyRange(mm, start, end, { clear: A.young | A.dirty, sharedToo: true });
}

function lazyRange(mm: Mm, start: number, end: number, lazy: Lazy): null {
  visit(mm.pt, start, end, {
    huge: (slot, level, from, to) => lazyHuge(mm, slot, from, to - from === mm.pt.span[level]!, lazy),
    ptes: (slot, from, nr) => lazyPtes(mm, slot, from, nr, lazy),
  });
  return null;
}

function lazyHuge(mm: Mm, slot: number, vpn: number, whole: boolean, lazy: Lazy): void {
  const { pt, kernel } = mm;
  const pfn = pt.pfn(slot);
  if (kernel.isHugeZero(pfn) || kernel.sharedFolios.has(pfn)) return;
  if (!whole) return splitFolio(mm, pfn, vpn);
  changeLeaf(pt, slot, 1, 0, lazy.clear);
  if (lazy.sharedToo) kernel.frames.setFlag(pfn, 1, FrameFlag.lazyFree, true);
}

function lazyPtes(mm: Mm, slot: number, vpn: number, nr: number, lazy: Lazy): void {
  const { pt } = mm;
  for (let i = 0; i < nr; ) {
    pt.tally[E.slotsRead]!++;
    const leaf = pt.kind(slot + i, 0) === Kind.leaf && !(pt.attrs(slot + i) & A.special);
    i += leaf ? lazyLeaf(mm, slot + i, vpn + i, nr - i, lazy) : 1;
  }
}

/** One folio's run. Returns how many entries are done with: none after a folio split, which is then gone through page by page. */
function lazyLeaf(mm: Mm, slot: number, vpn: number, max: number, lazy: Lazy): number {
  const { pt, kernel } = mm;
  const { frames } = kernel;
  const head = frames.head(pt.pfn(slot));
  const pages = 2 ** frames.order(head);
  const n = folioPteBatch(mm, slot, max, 0);
  if (n < pages) {
    if (kernel.sharedFolios.has(head)) return n;
    splitFolio(mm, head, vpn);
    return 0;
  }
  if (!lazy.sharedToo && frames.totalMapcount(head) !== pages) return n;
  clearYoungDirtyPtes(pt, slot, n, lazy.clear);
  if (lazy.sharedToo) frames.setFlag(head, 1, FrameFlag.lazyFree, true);
  return n;
}
