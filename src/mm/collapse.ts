/**
 * MADV_COLLAPSE: whatever small pages lie in a PMD-sized block are copied into one huge page, and the holes filled with zeros.
 *
 * Not modelled: pages that are locked or pinned for a moment (EAGAIN), khugepaged and its limits.
 * Source: madvise_collapse, hpage_collapse_scan_pmd, collapse_huge_page of mm/khugepaged.c, Linux 6.18.
 */
import { A, Kind, Marker } from "../arch/entry.ts";
import { pmdOrder } from "../arch/format.ts";
import { E } from "../base/tally.ts";
import { setLeaf } from "../pgtable/huge.ts";
import { clearPtes } from "../pgtable/ptep.ts";
import { isSwapPte, markerOf, swapPteAt } from "../pgtable/softleaf.ts";
import { anonAttrs } from "./attrs.ts";
import { collapseFileBlock } from "./collapse-file.ts";
import type { Errno } from "./errno.ts";
import type { Mm } from "./mm.ts";
import { mapHuge, newAnonFolio, unmapPages } from "./rmap.ts";
import { shmemOrders } from "./shmem.ts";
import { doSwapPage } from "./swap-io.ts";
import { alignDown, suitableOrders } from "./thp.ts";
import { isArmed, Vm, type Vma } from "./vma.ts";

/** How one block came out: huge now, not possible here but the next may be tried, or the end of the call. */
type Outcome = "huge" | "skipped" | Errno;

/** `MADV_COLLAPSE` of the part `[start, end)` of one VMA: every whole block in it, or EINVAL for those that cannot be. */
export function madviseCollapse(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  const order = pmdOrder(mm.kernel.format);
  if (!mayCollapse(mm, vma, order)) return "EINVAL";
  mm.kernel.lru.drain();
  const [first, last] = [alignDown(start + 2 ** order - 1, order), alignDown(end, order)];
  if (last < first) return mm.kernel.profile.collapsesNothing ? null : "EINVAL";
  let huge = 0;
  for (let vpn = first; vpn < last; vpn += 2 ** order) {
    const outcome = vma.file === null ? collapseBlock(mm, vma, vpn) : collapseFileBlock(mm, vma, vpn);
    if (outcome === "huge") huge++;
    else if (outcome !== "skipped") return outcome;
  }
  return huge === (last - first) / 2 ** order ? null : "EINVAL";
}

/** `thp_vma_allowable_order`, forced: the knobs do not matter, but there must be a page, room for a block, and no veto. */
function mayCollapse(mm: Mm, vma: Vma, order: number): boolean {
  if (vma.flags & Vm.nohugepage) return false;
  if (vma.file === null ? vma.anonVma === 0 : !(shmemOrders(vma.file, vma, vma.pgoff, true) & (1 << order)))
    return false;
  return suitableOrders(vma, vma.end - 2 ** order, 1 << order) !== 0 && mm.pt.span[1] === 2 ** order;
}

function collapseBlock(mm: Mm, vma: Vma, vpn: number): Outcome {
  const { pt } = mm;
  const pmd = mm.design.find(pt, vpn, 1);
  // No table above is skipped (SCAN_PMD_NULL), an empty entry in one ends the call (SCAN_PMD_NONE): so the kernel.
  if (pmd < 0) return "skipped";
  if (pt.kind(pmd, 1) === Kind.none) return "EINVAL";
  if (pt.kind(pmd, 1) === Kind.leaf) return "huge";
  const first = mm.design.find(pt, vpn, 0);
  const refused = scan(mm, vma, first) ?? wantWritable(mm, first) ?? swapIn(mm, vma, vpn, first);
  if (refused !== null) return refused;
  const folio = newAnonFolio(mm.kernel, pmdOrder(mm.kernel.format));
  if (folio < 0) return "ENOMEM";
  pt.locks.with(pt.tableOf(first), 0, () => moveContents(mm, vma, first, folio));
  pt.depositChild(pmd);
  setLeaf(pt, pmd, 1, folio, anonAttrs(vma.flags) | A.dirty);
  mapHuge(mm, folio);
  mm.kernel.lru.addNew(vma, folio);
  mm.kernel.tally[E.flushRanges]!++;
  mm.kernel.tally[E.flushPages]! += pt.span[1]!;
  return "huge";
}

/**
 * What stands in the way: holes, which a userfaultfd's monitor wants to hear of, and what it protects. The first in the order of
 * addresses counts, since each ends the scan (SCAN_EXCEED_NONE_PTE, SCAN_PTE_UFFD_WP).
 */
function scan({ pt }: Mm, vma: Vma, first: number): Errno | null {
  for (let i = first; i < first + pt.span[1]!; i++) {
    const kind = pt.kind(i, 0);
    const zero = kind === Kind.leaf && pt.attrs(i) & A.special;
    if (isArmed(vma) && (kind === Kind.none || zero)) return "EBUSY";
    const attrs = kind === Kind.leaf ? pt.attrs(i) : isSwapPte(pt, i) ? swapPteAt(pt, i).attrs : 0;
    if (attrs & A.uffdWp || markerOf(pt, i) & Marker.uffdWp) return "EINVAL";
  }
  return null;
}

/** `__collapse_huge_page_swapin`: pages come back from swap one by one. A guard is found only now, and ends the call. */
function swapIn(mm: Mm, vma: Vma, vpn: number, first: number): Errno | null {
  const { pt } = mm;
  for (let i = 0; i < pt.span[1]!; i++) {
    if (pt.kind(first + i, 0) !== Kind.softleaf) continue;
    if (!isSwapPte(pt, first + i)) return "EINVAL";
    pt.locks.with(pt.tableOf(first), 0, () => doSwapPage(mm, vma, vpn + i, first + i, false));
  }
  return null;
}

/** Before 6.18 or so, a block without any entry that could be written to at once was not worth it (SCAN_PAGE_RO). */
function wantWritable({ pt, kernel }: Mm, first: number): "skipped" | null {
  if (!kernel.profile.collapseWantsWritable) return null;
  for (let i = first; i < first + pt.span[1]!; i++)
    if (pt.kind(i, 0) === Kind.leaf && pt.attrs(i) & A.write) return null;
  return "skipped";
}

/** Copies every page that is there and unmaps it; the zero page and holes are zeros in the new folio. */
function moveContents(mm: Mm, vma: Vma, first: number, folio: number): void {
  const { pt, kernel } = mm;
  for (let i = 0; i < pt.span[1]!; i++) {
    pt.tally[E.slotsRead]!++;
    if (pt.kind(first + i, 0) === Kind.none) {
      kernel.tally[E.pagesZeroed]!++;
      continue;
    }
    const [pfn, special] = [pt.pfn(first + i), pt.attrs(first + i) & A.special];
    clearPtes(pt, first + i, 1);
    if (special) {
      kernel.tally[E.pagesZeroed]!++;
      continue;
    }
    kernel.copyPage(pfn, folio + i);
    // The old folio was off the LRU meanwhile (`folio_isolate_lru`), and comes back to it without its count.
    kernel.lru.putBack(kernel.frames.head(pfn));
    unmapPages(mm, vma, pfn, 1);
  }
}
