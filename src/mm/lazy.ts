/**
 * MADV_COLD and MADV_FREE: pages that may be taken first, and MADV_PAGEOUT: pages to be taken now. All act on whole folios, so a
 * folio that the range holds only in part is cut up: a folio split.
 *
 * Not modelled: reclaim that is not asked for. Source: madvise_cold_or_pageout_pte_range, madvise_free_pte_range
 * of mm/madvise.c, madvise_free_huge_pmd of mm/huge_memory.c, Linux 6.18.
 */
import { A, Kind, Marker } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { MAPPED_ONCE } from "../machine/frame-runs.ts";
import { FrameFlag } from "../machine/frames.ts";
import { changeLeaf } from "../pgtable/huge.ts";
import { clearYoungDirtyPtes, pteClear } from "../pgtable/ptep.ts";
import { clearYoungDirtySinglePtes, leavesAt } from "../pgtable/singles.ts";
import { isSwapPte, markerOf } from "../pgtable/softleaf.ts";
import { folioPteBatch } from "./batch.ts";
import type { Errno } from "./errno.ts";
import { splitFolio } from "./folio-split.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import { type Isolated, isolate, reclaimPages } from "./reclaim.ts";
import { maybeMappedShared } from "./rmap.ts";
import { swapOut, zapSwap } from "./swap-io.ts";
import { Vm, type Vma } from "./vma.ts";

/** What happens to the folios of a range: attributes to clear in their entries, and whether they are to be taken at once. */
interface Aging {
  readonly clear: number;
  readonly pageout: boolean;
}

const COLD: Aging = { clear: A.young, pageout: false };
const FREE: Aging = { clear: A.young | A.dirty, pageout: false };
/** The accessed flag is left alone, for reclaim does not look at it. */
const PAGEOUT: Aging = { clear: 0, pageout: true };

/** `MADV_COLD`: clears accessed. */
export function madviseCold(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & Vm.locked) return "EINVAL";
  return ageRange(mm, vma, start, end, COLD);
}

/** `MADV_FREE`: clears accessed and dirty; a page that stays clean may be dropped at any time. */
export function madviseFree(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & (Vm.locked | Vm.shared)) return "EINVAL";
  return ageRange(mm, vma, start, end, FREE);
}

/** `MADV_PAGEOUT`: reclaims what nobody else maps. Where there is swap, that goes its own way. */
export function madvisePageout(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & Vm.locked) return "EINVAL";
  if (mm.kernel.swap.total > 0) {
    swapOut(mm, start, end);
    return null;
  }
  return ageRange(mm, vma, start, end, PAGEOUT);
}

function ageRange(mm: Mm, vma: Vma, start: number, end: number, how: Aging): null {
  mm.kernel.lru.drain();
  new AgeWalk(mm, vma, how).walk(start, end);
  return null;
}

/** `madvise_cold_or_pageout_pte_range` and `madvise_free_pte_range`. */
class AgeWalk {
  readonly #mm: Mm;
  readonly #vma: Vma;
  readonly #how: Aging;
  /** Folios to reclaim when the table that is being gone through is done. */
  readonly #list: Isolated[] = [];
  /** Where the last huge entry ended that was dealt with whole: reclaim may have left a table in its place. */
  #done = 0;

  constructor(mm: Mm, vma: Vma, how: Aging) {
    this.#mm = mm;
    this.#vma = vma;
    this.#how = how;
  }

  walk(start: number, end: number): void {
    const mm = this.#mm;
    mm.design.visit(mm.pt, start, end, {
      huge: (slot, level, from, to) => this.#huge(slot, from, to, to - from === mm.pt.span[level]!),
      ptes: (slot, from, nr) => {
        if (from >= this.#done) this.#ptes(slot, from, nr);
      },
      leaveTable: () => reclaimPages(mm, this.#list),
    });
  }

  #huge(slot: number, from: number, to: number, whole: boolean): void {
    const { pt, kernel } = this.#mm;
    const { clear, pageout } = this.#how;
    const pfn = pt.pfn(slot, 1);
    if (kernel.isHugeZero(pfn) || maybeMappedShared(kernel, pfn)) return;
    if (!whole) return splitFolio(this.#mm, pfn, from);
    changeLeaf(pt, slot, 1, 0, clear);
    if (clear & A.dirty) markLazyFree(kernel, pfn);
    if (!pageout) return;
    this.#done = to;
    isolate(this.#mm, this.#vma, from, pfn, this.#list);
    reclaimPages(this.#mm, this.#list);
  }

  #ptes(slot: number, vpn: number, nr: number): void {
    const { pt } = this.#mm;
    for (let i = 0; i < nr; ) {
      pt.tally[E.slotsRead]!++;
      const leaf = pt.kind(slot + i, 0) === Kind.leaf && !(pt.attrs(slot + i) & A.special);
      i += leaf ? this.#leaf(slot + i, vpn + i, nr - i) : this.#softleaf(slot + i, nr - i);
    }
  }

  /** FREE of what lies in swap gives the slots back, and takes poison off; the others pass both by. Returns the entries done with. */
  #softleaf(slot: number, max: number): number {
    if (!(this.#how.clear & A.dirty)) return 1;
    const { pt } = this.#mm;
    if (isSwapPte(pt, slot)) return zapSwap(this.#mm, slot, max);
    if (markerOf(pt, slot) & Marker.poisoned) pteClear(pt, slot);
    return 1;
  }

  /**
   * Single pages that COLD finds mapped by nobody else, or FREE finds clean, each as {@link #leaf} has it; the first one's read is
   * counted. Returns how many; 0 where others come first.
   */
  #singles(slot: number, max: number): number {
    const { pt, kernel } = this.#mm;
    const { frames, leaves, tally } = kernel;
    const { clear } = this.#how;
    const frees = (clear & A.dirty) !== 0;
    const found = leavesAt(pt, slot, max, leaves);
    const { mask, flags } = frees ? { mask: FrameFlag.dirty, flags: 0 } : MAPPED_ONCE;
    const n = frames.runs.singles(leaves, 0, found, mask, flags);
    if (n === 0) return 0;
    tally[E.slotsRead]! += n - 1;
    tally[E.foliosTouched]! += n;
    clearYoungDirtySinglePtes(pt, slot, leaves, n, clear);
    if (!frees) return n;
    tally[E.lruMoves]! += n;
    for (let i = 0; i < n; i++) frames.setFlag(leaves.pfn(i), 1, FrameFlag.lazyFree, true);
    return n;
  }

  /** One folio's run. Returns how many entries are done with: none after a folio split, which is then gone through page by page. */
  #leaf(slot: number, vpn: number, max: number): number {
    const { pt, kernel } = this.#mm;
    const { frames } = kernel;
    const head = frames.head(pt.pfn(slot));
    const pages = 1 << frames.order(head);
    const singles = pages === 1 && !this.#how.pageout ? this.#singles(slot, max) : 0;
    if (singles > 0) return singles;
    kernel.tally[E.foliosTouched]!++;
    const n = folioPteBatch(this.#mm, slot, max, 0);
    if (n < pages) {
      if (maybeMappedShared(kernel, head)) return n;
      // A folio is split without the lock, since it takes those of all that map it; so the entry is looked at again.
      pt.locks.without(pt.tableOf(slot), 0, () => splitFolio(this.#mm, head, vpn));
      return 0;
    }
    // COLD and PAGEOUT leave alone what anybody else maps. FREE must clean the folio too, and may do that only to one of its own.
    const { clear, pageout } = this.#how;
    const frees = (clear & A.dirty) !== 0;
    const sole = !frees || frames.hasFlag(head, FrameFlag.dirty);
    if (sole && frames.totalMapcount(head) !== pages) return n;
    if (clear) clearYoungDirtyPtes(pt, slot, n, clear);
    if (frees) markLazyFree(kernel, head);
    if (pageout) isolate(this.#mm, this.#vma, vpn, head, this.#list);
    return n;
  }
}

/** `folio_mark_lazyfree`, of a folio that is clean from now on. */
function markLazyFree({ frames, tally }: Kernel, head: number): void {
  tally[E.lruMoves]!++;
  frames.setFlag(head, 1, FrameFlag.dirty, false);
  frames.setFlag(head, 1, FrameFlag.lazyFree, true);
}
