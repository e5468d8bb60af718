/**
 * mremap to a given place: entries move, pages do not. Whole tables are re-hung where both places allow it, one entry of the
 * level above for 512 below; everything else is moved entry by entry.
 *
 * Not modelled: growing and shrinking in place, mappings of old length 0.
 * Source: mm/mremap.c (remap_move, mremap_to, move_page_tables, move_ptes, try_realign_addr), copy_vma of mm/vma.c, Linux 6.18.
 */
import { A, Kind, Marker } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { setLeaf } from "../pgtable/huge.ts";
import { SPLIT_LOCK_LEVEL } from "../pgtable/locks.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { clearPtes, copySoftleaf, getAndClearPtes, pteBatchHint, setPtes } from "../pgtable/ptep.ts";
import { leavesAt, moveSinglePtes } from "../pgtable/singles.ts";
import { changeSwapPte, isSwapPte, markerOf, swapPteAt } from "../pgtable/softleaf.ts";
import { folioPteBatch } from "./batch.ts";
import type { Errno } from "./errno.ts";
import { splitHuge } from "./huge.ts";
import type { Mm } from "./mm.ts";
import { doMunmap, taskPages } from "./mmap.ts";
import { populate } from "./populate.ts";
import { VM_UFFD, Vm, type Vma } from "./vma.ts";

/** A move, in pages: `[start, start + oldPages)` goes to `to`, where it has `newPages`. */
export interface RemapSpec {
  readonly start: number;
  readonly oldPages: number;
  readonly newPages: number;
  readonly to: number;
  /** MREMAP_DONTUNMAP: the old VMA stays, empty. */
  readonly dontunmap?: boolean;
}

/** `mremap` with MREMAP_MAYMOVE | MREMAP_FIXED. */
export function mremap(mm: Mm, spec: RemapSpec): Errno | null {
  mm.kernel.tally[E.systemCalls]!++;
  const err = checkParams(mm, spec);
  if (err !== null) return err;
  if (mm.kernel.profile.remapsSeveral && spec.oldPages === spec.newPages) return moveSeveral(mm, spec);
  const vma = mm.vmas.at(spec.start);
  return vma === undefined ? "EFAULT" : remapOne(mm, vma, spec);
}

function checkParams(mm: Mm, { start, oldPages, newPages, to, dontunmap }: RemapSpec): Errno | null {
  if (newPages <= 0 || newPages > taskPages(mm) || to > taskPages(mm) - newPages) return "EINVAL";
  if (dontunmap && oldPages !== newPages) return "EINVAL";
  return start < to + newPages && to < start + oldPages ? "EINVAL" : null;
}

/** `remap_move`: all VMAs in the range, gaps kept; nothing may be missing at its start. */
function moveSeveral(mm: Mm, spec: RemapSpec): Errno | null {
  const end = spec.start + spec.oldPages;
  let seen = false;
  for (let at = spec.start; at < end; ) {
    const vma = mm.vmas.find(at);
    if (vma === undefined || vma.start >= end) break;
    if (!seen && vma.start > spec.start) return "EFAULT";
    const from = Math.max(at, vma.start);
    const pages = Math.min(end, vma.end) - from;
    const piece = { ...spec, start: from, oldPages: pages, newPages: pages, to: spec.to + (from - spec.start) };
    const err = remapOne(mm, vma, piece);
    if (err !== null) return err;
    seen = true;
    at = from + pages;
  }
  return seen ? null : "EFAULT";
}

/** `mremap_to`: room is made at the new place, what shrinks away is unmapped, and the rest, which must be of one VMA, moves. */
function remapOne(mm: Mm, vma: Vma, spec: RemapSpec): Errno | null {
  const { remapChecksFirst } = mm.kernel.profile;
  const early = remapChecksFirst ? checkVma(mm, vma, spec) : null;
  if (early !== null) return early;
  doMunmap(mm, spec.to, spec.to + spec.newPages);
  if (spec.newPages < spec.oldPages) doMunmap(mm, spec.start + spec.newPages, spec.start + spec.oldPages);
  const old = mm.vmas.at(spec.start)!;
  const late = remapChecksFirst ? null : checkVma(mm, old, spec);
  if (late !== null) return late;
  const populates = old.flags & Vm.locked;
  moveVma(mm, old, { ...spec, oldPages: Math.min(spec.oldPages, spec.newPages) });
  if (populates) populate(mm, spec.to + spec.oldPages, spec.to + spec.newPages);
  return null;
}

/** `check_prep_vma`, or `vma_to_resize` before 6.17. What shrinks away may lie in other VMAs, or in none. */
function checkVma(mm: Mm, vma: Vma, { start, oldPages, newPages }: RemapSpec): Errno | null {
  // Old length 0 asks for a second mapping of the same pages, which private memory cannot give.
  if (oldPages === 0 && !(vma.flags & Vm.shared)) return "EINVAL";
  if (start + Math.min(oldPages, newPages) > vma.end) return "EFAULT";
  const accounts = newPages > oldPages && vma.flags & Vm.account;
  return accounts && !mm.kernel.canCommit(newPages - oldPages) ? "ENOMEM" : null;
}

/** `move_vma`: a copy of the VMA at the new place, the tables moved, the old place unmapped. */
function moveVma(mm: Mm, vma: Vma, spec: RemapSpec): void {
  const end = spec.start + spec.oldPages;
  const copy = mm.vmas.insertCopy(vma, spec.start, spec.to, spec.to + spec.newPages);
  // The copy may have grown over the neighbour that the old VMA was; the old VMA is what now holds the old start.
  const old = mm.vmas.at(spec.start)!;
  movePageTables(mm, old, copy, spec);
  if (dropsUffd(copy)) Object.assign(copy, { uffd: null, flags: copy.flags & ~VM_UFFD });
  if (!spec.dontunmap) return void doMunmap(mm, spec.start, end);
  unlockOld(mm, old, spec.start, end);
  if (old !== copy && old.start === spec.start && old.end === end) {
    old.anonVma = 0;
    old.forked = false;
  }
}

/** The place that MREMAP_DONTUNMAP leaves empty is no longer locked, nor, in some kernels, is the rest of its VMA. */
function unlockOld(mm: Mm, old: Vma, start: number, end: number): void {
  if (!(old.flags & Vm.locked)) return;
  if (mm.kernel.profile.dontunmapUnlocksAll) old.flags &= ~Vm.locked;
  else mm.vmas.cutOut(start, end, old.flags & ~Vm.locked);
}

/** `vma_has_uffd_without_event_remap`: a monitor that does not want to hear of moves loses the VMA, and its protection goes. */
function dropsUffd(vma: Vma): boolean {
  return vma.uffd !== null && !vma.uffd.features.eventRemap;
}

/** The addresses of a move in progress. */
interface Cursor {
  readonly vma: Vma;
  old: number;
  to: number;
  readonly end: number;
  /** Entries lose the protection of a userfaultfd on the way, so whole tables cannot move. */
  readonly dropsUffd: boolean;
}

/** `move_page_tables`. */
function movePageTables(mm: Mm, old: Vma, copy: Vma, spec: RemapSpec): void {
  const end = spec.start + spec.oldPages;
  const at: Cursor = { vma: old, old: spec.start, to: spec.to, end, dropsUffd: dropsUffd(old) };
  realign(mm, at, old, copy);
  while (at.old < at.end) {
    const n = moveExtent(mm, at);
    at.old += n;
    at.to += n;
  }
}

/** Each step of a move flushes the old place before it lets go of its locks, or another CPU could write there to a page that is gone. */
function flushMoved({ tally }: PageTable, pages: number): void {
  tally[E.flushRanges]!++;
  tally[E.flushPages]! += pages;
}

/**
 * `try_realign_addr`: a move that starts inside a PMD is widened down to its start, if old and new lie alike in theirs and
 * nothing else is mapped below them there; then the whole table can be re-hung.
 */
function realign(mm: Mm, at: Cursor, old: Vma, copy: Vma): void {
  const inside = at.old % mm.pt.span[1]!;
  if (inside === 0 || inside !== at.to % mm.pt.span[1]! || at.end - at.old < mm.pt.span[1]! - inside) return;
  const free = (vma: Vma, vpn: number) => vma.start === vpn && mm.vmas.overlapping(vpn - inside, vpn).length === 0;
  if (!free(old, at.old) || !free(copy, at.to)) return;
  at.old -= inside;
  at.to -= inside;
}

/** Pages to the next boundary of a level, at the old or the new place, whichever comes first (`get_extent`). */
function extent(mm: Mm, at: Cursor, level: number): number {
  const span = mm.pt.span[level]!;
  return Math.min(span - (at.old % span), span - (at.to % span), at.end - at.old);
}

/** Moves what lies under one entry, of level 2 if that can be, else of level 1. Returns the pages it was. */
function moveExtent(mm: Mm, at: Cursor): number {
  const { pt } = mm;
  // With the PMD folded into the PGD there is nothing above it to move (move_normal_pud wants more than 2 levels).
  if (pt.levels === 2) return movePmd(mm, at);
  const big = extent(mm, at, 2);
  const pud = mm.design.find(pt, at.old, 2);
  if (pud < 0 || pt.kind(pud, 2) === Kind.none) return big;
  const newPud = mm.design.findOrMake(pt, at.to, 2);
  if (big === pt.span[2] && !at.dropsUffd && moveTable(mm, pud, newPud, 2)) return big;
  return pt.kind(pud, 2) === Kind.table ? movePmd(mm, at) : extent(mm, at, 1);
}

/** Moves what lies under one entry of level 1. Returns the pages it was. */
function movePmd(mm: Mm, at: Cursor): number {
  const { pt } = mm;
  const n = extent(mm, at, 1);
  const pmd = mm.design.find(pt, at.old, 1);
  if (pt.kind(pmd, 1) !== Kind.none) moveBelow(mm, at, pmd, n);
  return n;
}

function moveBelow(mm: Mm, at: Cursor, pmd: number, n: number): void {
  const { pt } = mm;
  const newPmd = mm.design.findOrMake(pt, at.to, 1);
  const whole = n === pt.span[1];
  if (pt.kind(pmd, 1) === Kind.leaf) {
    if (whole && moveHuge(mm, pmd, newPmd, at.dropsUffd ? A.uffdWp : 0)) return;
    splitHuge(mm, at.vma, pmd);
  } else if (whole && !at.dropsUffd && moveTable(mm, pmd, newPmd, 1)) return;
  if (pt.kind(pmd, 1) !== Kind.table) return;
  const [from, to] = [mm.design.find(pt, at.old, 0), mm.design.findOrMake(pt, at.to, 0)];
  pt.locks.with(pt.tableOf(from), 0, () =>
    withOther(pt, from, to, 0, () => movePtes(mm, from, to, n, at.dropsUffd ? A.uffdWp : 0)),
  );
}

/** `move_normal_pud` and `move_normal_pmd`: only into an empty entry, and only where the architecture lets tables move. */
function moveTable(mm: Mm, slot: number, to: number, level: number): boolean {
  const { pt } = mm;
  if (!pt.format.movesTables || pt.kind(slot, level) !== Kind.table || pt.kind(to, level) !== Kind.none) return false;
  pt.locks.with(pt.tableOf(slot), level, () =>
    withOther(pt, slot, to, level, () => {
      const table = pt.child(slot, level);
      pt.clear(slot, 1, level);
      pt.link(to, table, level);
      flushMoved(pt, pt.span[level]!);
    }),
  );
  return true;
}

/** `move_huge_pmd`; the deposited table goes with it, for the reserve is the address space's. */
function moveHuge(mm: Mm, slot: number, to: number, clear: number): boolean {
  const { pt } = mm;
  if (pt.kind(to, 1) !== Kind.none) return false;
  const [pfn, attrs] = [pt.pfn(slot, 1), pt.attrs(slot, 1) & ~clear];
  pt.clear(slot, 1, 1);
  setLeaf(pt, to, 1, pfn, attrs);
  flushMoved(pt, pt.span[1]!);
  return true;
}

/** The lock of the new place's table, nested in that of the old one, unless they are one table. */
function withOther(pt: PageTable, from: number, to: number, level: number, act: () => void): void {
  if (pt.tableOf(from) === pt.tableOf(to) || level > SPLIT_LOCK_LEVEL) act();
  else pt.locks.with(pt.tableOf(to), level, act);
}

/** `move_ptes`; `clear` is what entries lose on the way. */
function movePtes(mm: Mm, from: number, to: number, n: number, clear: number): void {
  const { pt } = mm;
  let present = false;
  for (let i = 0; i < n; ) {
    pt.tally[E.slotsRead]!++;
    switch (pt.kind(from + i, 0)) {
      case Kind.none:
        i++;
        break;
      case Kind.leaf:
        i += moveLeaves(mm, from + i, to + i, n - i, clear);
        present = true;
        break;
      default:
        moveSoftleaf(mm, from + i, to + i, clear);
        i++;
    }
  }
  if (present) flushMoved(pt, n);
}

function moveLeaves(mm: Mm, from: number, to: number, max: number, clear: number): number {
  const { pt } = mm;
  const singles = mm.kernel.remapLooksUpFolios ? 0 : moveSingles(mm, from, to, max, clear);
  if (singles > 0) return singles;
  const n = runToMove(mm, from, max);
  const pte = getAndClearPtes(pt, from, n);
  setPtes(pt, to, pte.pfn, pte.attrs & ~clear, n);
  return n;
}

/**
 * Entries that say the same and are moved one by one, for no contiguous bit promises a run; the first one's read is counted. Where
 * the contiguous bit is used they must map single pages, of which no block can be made. Returns how many; 0 where others come first.
 */
function moveSingles(mm: Mm, from: number, to: number, max: number, clear: number): number {
  const { pt } = mm;
  const { leaves, frames, tally } = mm.kernel;
  if (pt.contpte && frames.order(pt.pfn(from)) > 0) return 0;
  const found = leavesAt(pt, from, max, leaves);
  const n = pt.contpte ? frames.runs.singles(leaves, 0, found, 0, 0) : found;
  if (n === 0) return 0;
  tally[E.slotsRead]! += n - 1;
  moveSinglePtes(pt, from, to, leaves, n, leaves.attrs & ~clear);
  return n;
}

/**
 * `mremap_folio_pte_batch`: a run only where the contiguous bit promises one. To find the folio is to touch its descriptor,
 * which is cold more often than not; doing that for each page cost more than the runs saved (first candidates of 6.17).
 */
function runToMove(mm: Mm, slot: number, max: number): number {
  const { pt, kernel } = mm;
  if (!kernel.profile.remapBatches || !kernel.batching || max === 1) return 1;
  if (!kernel.remapLooksUpFolios && pteBatchHint(pt, slot) === 1) return 1;
  if (pt.attrs(slot) & A.special) return 1;
  kernel.tally[E.foliosTouched]!++;
  return folioPteBatch(mm, slot, max, A.write);
}

function moveSoftleaf(mm: Mm, from: number, to: number, clear: number): void {
  const { pt, kernel } = mm;
  if (clear && markerOf(pt, from) & Marker.uffdWp) return clearPtes(pt, from, 1);
  if (clear && isSwapPte(pt, from)) changeSwapPte(pt, from, { attrs: swapPteAt(pt, from).attrs & ~clear });
  // Whatever moves is soft-dirty at its new place (`move_soft_dirty_pte`).
  copySoftleaf(pt, from, pt, to, kernel.softDirty ? pt.format.swapSoftDirtyLo : 0);
  clearPtes(pt, from, 1);
}
