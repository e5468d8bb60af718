/**
 * The ways into the generic pagewalk: over the VMAs of a range, over one VMA, over tables without VMAs, over all VMAs that
 * map a file, and to the one entry of an address. What may install is for memory management alone; the others refuse it.
 *
 * Where this differs: init_mm is passed in, since nothing is global; the VMA locks of WRLOCK are noted and never waited for.
 * Source: mm/pagewalk.c, Linux 7.0 (`_unsafe` and `_debug` names); walk_page_range_novma, Linux 6.12.
 */
import { A, Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { ptepAttrs } from "../pgtable/ptep.ts";
import {
  callHole,
  type InstallSplit,
  type MmWalk,
  type MmWalkOps,
  pxdpGet,
  type WalkLock,
  type WalkLockState,
  type WalkMm,
  type WalkVma,
  walkHugetlbRange,
  walkPgdRange,
  walkPteOffsetMapLock,
} from "./pagewalk.ts";

/** What an entry point refuses, returned as `-EINVAL`; other numbers below 0 come from callbacks. */
export const EINVAL = 22;

/** A walk was started without the lock that its ops promise (`mmap_assert_locked` and kin: a kernel splats). */
export class WalkLockNotHeld extends Error {
  override readonly name = "WalkLockNotHeld";
  readonly lock: "mmap" | "vma" | "i_mmap";
  readonly needed: "read" | "write";

  constructor(lock: "mmap" | "vma" | "i_mmap", needed: "read" | "write", held: WalkLockState) {
    super(`the ${lock} lock must be held for ${needed} at least, it is held for ${held}`);
    this.lock = lock;
    this.needed = needed;
  }
}

function assertLocked(lock: "mmap" | "vma", state: WalkLockState): void {
  if (state === "none") throw new WalkLockNotHeld(lock, "read", state);
}

function assertWriteLocked(lock: "mmap" | "vma", state: WalkLockState): void {
  if (state !== "write") throw new WalkLockNotHeld(lock, "write", state);
}

function processMmWalkLock(mm: WalkMm, lock: WalkLock): void {
  if (lock === "RDLOCK") assertLocked("mmap", mm.mmapLock);
  else if (lock !== "VMA_RDLOCK_VERIFY") assertWriteLocked("mmap", mm.mmapLock);
}

function processVmaWalkLock(vma: WalkVma, lock: WalkLock): void {
  if (lock === "WRLOCK") vma.lock = "write";
  else if (lock === "WRLOCK_VERIFY") assertWriteLocked("vma", vma.lock);
  else if (lock === "VMA_RDLOCK_VERIFY") assertLocked("vma", vma.lock);
}

/** What an experiment may choose about a walk. */
export interface WalkOptions {
  /** Default landed. */
  readonly installSplit?: InstallSplit;
}

function newWalk(mm: WalkMm, ops: MmWalkOps, parts: Partial<MmWalk>): MmWalk {
  return { ops, mm, pt: mm.pt, vma: null, pgd: -1, noVma: false, installSplit: "landed", action: "SUBTREE", ...parts };
}

/** `check_ops_safe`: installing is subject to too many rules to be offered to everybody. */
function opsAreSafe(ops: MmWalkOps): boolean {
  return ops.installPte === undefined;
}

/** `walk_page_range`: all VMAs and gaps of the range. -EINVAL for an empty range, no address space, or ops that install. */
export function walkPageRange(mm: WalkMm | null, start: number, end: number, ops: MmWalkOps): number {
  return opsAreSafe(ops) ? walkPageRangeMm(mm, start, end, ops) : -EINVAL;
}

/** `walk_page_range_mm`, later `walk_page_range_mm_unsafe`: the same for memory management, which may install. */
export function walkPageRangeMm(
  mm: WalkMm | null,
  start: number,
  end: number,
  ops: MmWalkOps,
  options: WalkOptions = {},
): number {
  if (start >= end || mm === null) return -EINVAL;
  processMmWalkLock(mm, ops.walkLock);
  const walk = newWalk(mm, ops, options);
  let vma = mm.findVma(start);
  for (let at = start, next = start; at < end; at = next) {
    const here = vma !== undefined && vma.start <= at ? vma : null;
    walk.vma = here;
    next = Math.min(end, here?.end ?? vma?.start ?? end);
    // Looked up before the callbacks run, which may change the VMAs behind.
    if (here !== null) vma = mm.findVma(here.end);
    const err = here === null ? callHole(walk, at, next, -1) : walkVmaPart(walk, here, at, next);
    if (err !== 0) return err;
  }
  return 0;
}

/** One VMA's part of a range. A test above 0 skips it, and the walk goes on. */
function walkVmaPart(walk: MmWalk, vma: WalkVma, start: number, end: number): number {
  processVmaWalkLock(vma, walk.ops.walkLock);
  const test = walkPageTest(walk, vma, start, end);
  if (test !== 0) return Math.min(test, 0);
  return walkOneVma(walk, vma, start, end);
}

/** `walk_page_test`: by default a VMA of VM_PFNMAP is skipped, after it was reported as one hole. */
function walkPageTest(walk: MmWalk, vma: WalkVma, start: number, end: number): number {
  if (walk.ops.testWalk !== undefined) {
    walk.pt.tally[E.indirectCalls]!++;
    return walk.ops.testWalk(start, end, walk);
  }
  return vma.pfnmap ? callHole(walk, start, end, -1) || 1 : 0;
}

/** `__walk_page_range`: postVma is called whether or not the walk failed, but not if preVma did. */
function walkOneVma(walk: MmWalk, vma: WalkVma, start: number, end: number): number {
  const { ops, pt } = walk;
  const hugetlb = vma.hugetlbLg2 >= 0;
  if (hugetlb && ops.installPte !== undefined) return -EINVAL;
  if (ops.preVma !== undefined) {
    pt.tally[E.indirectCalls]!++;
    const err = ops.preVma(start, end, walk);
    if (err !== 0) return err;
  }
  const err = hugetlb ? walkHugetlbVma(walk, vma, start, end) : walkPgdRange(walk, start, end);
  if (ops.postVma !== undefined) {
    pt.tally[E.indirectCalls]!++;
    ops.postVma(walk);
  }
  return err;
}

function walkHugetlbVma(walk: MmWalk, vma: WalkVma, start: number, end: number): number {
  return walk.ops.hugetlbEntry === undefined ? 0 : walkHugetlbRange(walk, vma, start, end);
}

/** `walk_page_range_vma`: part of one VMA, without testWalk. -EINVAL also for a range that leaves the VMA. */
export function walkPageRangeVma(vma: WalkVma, start: number, end: number, ops: MmWalkOps): number {
  return opsAreSafe(ops) ? walkPageRangeVmaUnsafe(vma, start, end, ops) : -EINVAL;
}

/** `walk_page_range_vma_unsafe`: the same for memory management, which may install. */
export function walkPageRangeVmaUnsafe(
  vma: WalkVma,
  start: number,
  end: number,
  ops: MmWalkOps,
  options: WalkOptions = {},
): number {
  if (start >= end || vma.mm === null) return -EINVAL;
  if (start < vma.start || end > vma.end) return -EINVAL;
  processMmWalkLock(vma.mm, ops.walkLock);
  processVmaWalkLock(vma, ops.walkLock);
  return walkOneVma(newWalk(vma.mm, ops, { ...options, vma }), vma, start, end);
}

/** `walk_page_vma`: the whole of one VMA, without testWalk. */
export function walkPageVma(vma: WalkVma, ops: MmWalkOps): number {
  return walkPageRangeVma(vma, vma.start, vma.end, ops);
}

/**
 * `walk_page_range_debug`, before 6.17 `walk_page_range_novma`: whatever the tables hold, VMAs or not. Locks no PTE table, so
 * the mmap lock is held for writing; init_mm goes the way of the kernel's tables. `pgd` is another top table, if not -1.
 */
export function walkPageRangeDebug(mm: WalkMm | null, start: number, end: number, ops: MmWalkOps, pgd = -1): number {
  if (mm?.isInitMm) return walkKernelPageTableRange(mm, start, end, ops, pgd);
  if (start >= end || mm === null || !opsAreSafe(ops)) return -EINVAL;
  assertWriteLocked("mmap", mm.mmapLock);
  return walkPgdRange(newWalk(mm, ops, { pgd, noVma: true }), start, end);
}

/** `walk_page_range_novma`, the older name of {@link walkPageRangeDebug}. */
export const walkPageRangeNovma = walkPageRangeDebug;

/** `walk_kernel_page_table_range`: the kernel's tables, with init_mm's mmap lock held. */
export function walkKernelPageTableRange(initMm: WalkMm, start: number, end: number, ops: MmWalkOps, pgd = -1): number {
  assertLocked("mmap", initMm.mmapLock);
  return walkKernelPageTableRangeLockless(initMm, start, end, ops, pgd);
}

/** `walk_kernel_page_table_range_lockless`: the same for a caller to whom the range belongs alone. */
export function walkKernelPageTableRangeLockless(
  initMm: WalkMm,
  start: number,
  end: number,
  ops: MmWalkOps,
  pgd = -1,
): number {
  if (start >= end || !opsAreSafe(ops)) return -EINVAL;
  return walkPgdRange(newWalk(initMm, ops, { pgd, noVma: true }), start, end);
}

/** Who maps a file (address_space): its VMAs in order of `pgoff`, and whether i_mmap_rwsem is held. */
export interface WalkMapping {
  readonly vmas: readonly WalkVma[];
  readonly iMmapLock: WalkLockState;
}

/**
 * `walk_page_mapping`: every VMA that maps pages `[firstIndex, firstIndex + nr)` of a file, clipped to them. No mmap lock is
 * asked for. A test above 0 ends the whole walk here, with 0.
 */
export function walkPageMapping(mapping: WalkMapping, firstIndex: number, nr: number, ops: MmWalkOps): number {
  if (!opsAreSafe(ops)) return -EINVAL;
  if (mapping.iMmapLock === "none") throw new WalkLockNotHeld("i_mmap", "read", "none");
  for (const vma of mapping.vmas) {
    const first = Math.max(firstIndex, vma.pgoff);
    const last = Math.min(firstIndex + nr, vma.pgoff + vma.end - vma.start);
    if (first >= last || vma.mm === null) continue;
    const walk = newWalk(vma.mm, ops, { vma });
    const by = vma.start - vma.pgoff;
    const test = walkPageTest(walk, vma, vma.start, vma.end);
    if (test !== 0) return Math.min(test, 0);
    const err = walkOneVma(walk, vma, first + by, last + by);
    if (err !== 0) return err;
  }
  return 0;
}

/** The one entry that maps a page, with the lock of its table held until {@link folioWalkEnd} (struct folio_walk). */
export interface FolioWalk {
  readonly vma: WalkVma;
  readonly slot: number;
  readonly level: number;
  /** First frame of the folio. */
  readonly folio: number;
  /** Frame of the page itself; -1 for a zero page, which has no page to work with. */
  readonly page: number;
}

/**
 * `folio_walk_start`: the folio that one page is mapped to, at whatever level. Null, with no lock held, if there is none; special
 * entries and, unless asked for, the zero pages are none.
 */
export function folioWalkStart(vma: WalkVma, addr: number, zeroPage = false): FolioWalk | null {
  if (vma.mm === null) return null;
  assertLocked("mmap", vma.mm.mmapLock);
  if (addr < vma.start || addr >= vma.end) return null;
  const wanted = { vma, mm: vma.mm, addr, zeroPage };
  const { pt } = vma.mm;
  let slot = pt.slot(pt.root, addr, pt.levels - 1);
  for (let level = pt.levels - 1; level > 0; level--) {
    const kind = pxdpGet(pt, slot, level);
    if (kind === Kind.none) return null;
    if (kind !== Kind.table) return lockedHuge(wanted, slot, level);
    if (level > 1) slot = pt.slot(pt.child(slot, level), addr, level - 1);
  }
  return lockedPte(wanted, slot);
}

/** `folio_walk_end`: drops the lock. The folio may be gone from here on. */
export function folioWalkEnd(fw: FolioWalk): void {
  const { pt } = fw.vma.mm!;
  pt.locks.drop(pt.tableOf(fw.slot), fw.level);
}

interface Wanted {
  readonly vma: WalkVma;
  readonly mm: WalkMm;
  readonly addr: number;
  readonly zeroPage: boolean;
}

/** The entry was seen without the lock, so it is looked at again. */
function lockedHuge(wanted: Wanted, slot: number, level: number): FolioWalk | null {
  const { pt } = wanted.mm;
  pt.locks.take(pt.tableOf(slot), level);
  const leaf = pxdpGet(pt, slot, level) === Kind.leaf;
  return keepOrDrop(wanted, slot, level, leaf ? pt.attrs(slot, level) : null);
}

function lockedPte(wanted: Wanted, pmd: number): FolioWalk | null {
  const { pt } = wanted.mm;
  const pte = walkPteOffsetMapLock(pt, pmd, wanted.addr);
  if (pte < 0) return null;
  const attrs = ptepAttrs(pt, pte);
  return keepOrDrop(wanted, pte, 0, pt.kind(pte, 0) === Kind.leaf ? attrs : null);
}

/** The lock stays with what is found, and only with that. `attrs` are those of a leaf, null for anything else. */
function keepOrDrop(wanted: Wanted, slot: number, level: number, attrs: number | null): FolioWalk | null {
  const { pt } = wanted.mm;
  const fw = attrs === null ? null : normalFolio(wanted, slot, level, attrs);
  if (fw === null) pt.locks.drop(pt.tableOf(slot), level);
  return fw;
}

/** `vm_normal_page` and its kin, with the zero pages where they are wanted. */
function normalFolio(
  { vma, mm, addr, zeroPage }: Wanted,
  slot: number,
  level: number,
  attrs: number,
): FolioWalk | null {
  const { pt } = mm;
  const pfn = pt.pfn(slot, level);
  if (mm.isZeroPage(pfn)) return zeroPage ? { vma, slot, level, folio: pfn, page: -1 } : null;
  if (attrs & A.special) return null;
  return { vma, slot, level, folio: pt.frames.head(pfn), page: pfn + (addr % pt.span[level]!) };
}
