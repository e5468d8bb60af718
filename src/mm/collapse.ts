/**
 * MADV_COLLAPSE: whatever small pages lie in a PMD-sized block are copied into one huge page, and the holes filled with zeros.
 *
 * Not modelled: pages that are locked or pinned for a moment (EAGAIN), khugepaged and its limits.
 * Source: madvise_collapse, hpage_collapse_scan_pmd, collapse_huge_page of mm/khugepaged.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { pmdOrder } from "../arch/format.ts";
import { E } from "../base/tally.ts";
import { setLeaf } from "../pgtable/huge.ts";
import { clearPtes } from "../pgtable/ptep.ts";
import { anonAttrs } from "./attrs.ts";
import { collapseFileBlock } from "./collapse-file.ts";
import type { Errno } from "./errno.ts";
import type { Mm } from "./mm.ts";
import { mapHuge, newAnonFolio, unmapPages } from "./rmap.ts";
import { shmemOrders } from "./shmem.ts";
import { alignDown, suitableOrders } from "./thp.ts";
import { Vm, type Vma } from "./vma.ts";

/** How one block came out: huge now, not possible here but the next may be tried, or the end of the call. */
type Outcome = "huge" | "skipped" | Errno;

/** `MADV_COLLAPSE` of the part `[start, end)` of one area: every whole block in it, or EINVAL for those that cannot be. */
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
  // A guard is found only when the block is being swapped in, and that ends the call.
  for (let i = 0; i < pt.span[1]!; i++) if (pt.kind(first + i, 0) === Kind.softleaf) return "EINVAL";
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

/** Copies every page that is there and unmaps it; the zero page and holes are zeros in the new folio. */
function moveContents(mm: Mm, vma: Vma, first: number, folio: number): void {
  const { pt, kernel } = mm;
  for (let i = 0; i < pt.span[1]!; i++) {
    pt.tally[E.slotsRead]!++;
    if (pt.kind(first + i, 0) === Kind.none) continue;
    const [pfn, special] = [pt.pfn(first + i), pt.attrs(first + i) & A.special];
    clearPtes(pt, first + i, 1);
    if (special) continue;
    kernel.copyPage(pfn, folio + i);
    // The old folio was off the LRU meanwhile (`folio_isolate_lru`), and comes back to it without its count.
    kernel.lru.putBack(kernel.frames.head(pfn));
    unmapPages(mm, vma, pfn, 1);
  }
}
