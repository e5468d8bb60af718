/**
 * The operations in the idiom of the generic pagewalk: each is a table of callbacks, and the walk is somebody else's. Also here:
 * guard regions, for which installPte was made.
 *
 * What the idiom lacks: it has no way to one slot (an entry's callback is not called for an empty entry, so a slot is found from
 * the entry above), and nothing is called after a table's last entry. A pmdEntry that goes through the PTEs itself has the moment
 * after it to itself; above that there is none.
 * Source: guard_install_walk_ops and guard_remove_walk_ops of mm/madvise.c, mincore_walk_ops of mm/mincore.c, pagemap_ops of
 * fs/proc/task_mmu.c, Linux 7.0.
 */
import { Kind, Marker } from "../arch/entry.ts";
import { isGuard } from "../arch/format.ts";
import { broken } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import { splitLeaf } from "../pgtable/huge.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { PteReader } from "../pgtable/pte-reader.ts";
import { clearPtes, pteBatchHint, ptepAttrs } from "../pgtable/ptep.ts";
import { alikeRun } from "../pgtable/runs.ts";
import type { Visitor } from "../pgtable/visit.ts";
import type { Design, Fill, Installed, Installer, PageCounts, Pagemap } from "./design.ts";
import {
  type EntryCallback,
  type MmWalk,
  type MmWalkOps,
  pxdpGet,
  WALK_ENTRY_NAMES,
  type WalkMm,
  type WalkVma,
  walkPteOffsetMapLock,
  walkPteUnmapUnlock,
} from "./pagewalk.ts";
import { walkPageRange, walkPageRangeMm } from "./pagewalk-entry.ts";
import {
  addPages,
  isResident,
  type MutableCounts,
  newCounts,
  newPagemap,
  newResident,
  putLeaves,
  putPresent,
  putSoftleaf,
} from "./read.ts";

const PMD = 1;
const PUD = 2;

/** Bare page tables as an address space: one VMA over the whole tree, mmap lock held for writing, leaves split by one level. */
export function wholeMm(pt: PageTable): WalkMm {
  const mm: WalkMm = {
    pt,
    mmapLock: "write",
    isInitMm: false,
    findVma: (vpn) => (vpn < vma.end ? vma : undefined),
    splitHuge: (_vma, slot, level) => splitLeaf(pt, slot, level),
    isZeroPage: () => false,
  };
  const end = pt.span[pt.levels]!;
  const vma: WalkVma = {
    mm,
    start: 0,
    end,
    pgoff: 0,
    pfnmap: false,
    hugetlbLg2: -1,
    lock: "none",
    hugetlbLocked: false,
  };
  return mm;
}

/** The slot of a level for one page: a walk over that page, which the callback of the level above stops. */
function findByWalk(pt: PageTable, vpn: number, level: number, install: Partial<MmWalkOps> = {}): number {
  if (level === pt.levels - 1) return pt.slot(pt.root, vpn, level);
  const into = { slot: -1 };
  walkPageRangeMm(wholeMm(pt), vpn, vpn + 1, { walkLock: "RDLOCK", ...install, ...stopAbove(pt, level, into) });
  return into.slot;
}

/**
 * The same with installPte, so that the walk makes the tables. Nothing is installed: the walk is stopped before it gets there.
 * The kernel's way would be the nest of pud_alloc, pmd_alloc and pte_alloc, which is the folded design and no pagewalk.
 */
function findOrMakeByWalk(pt: PageTable, vpn: number, level: number): number {
  return findByWalk(pt, vpn, level, { installPte: () => broken(`the walk to page ${vpn} was not stopped`) });
}

/** Stops at the entry above a level and notes the slot below it; stops at a huge PUD, which the walk would split. */
function stopAbove(pt: PageTable, level: number, into: { slot: number }): Partial<MmWalkOps> {
  const above = level + 1;
  const stop: EntryCallback = (slot, addr) => {
    if (pxdpGet(pt, slot, above) === Kind.table) into.slot = pt.slot(pt.child(slot, above), addr, level);
    return 1;
  };
  const pudEntry: EntryCallback = (slot) => (pxdpGet(pt, slot, PUD) === Kind.table ? 0 : 1);
  return { ...(above < PUD && { pudEntry }), [WALK_ENTRY_NAMES[above]!]: stop };
}

/** Visits by pmdEntry, which goes through the PTEs itself, as madvise_cold_or_pageout_pte_range does. */
function visitByWalk(pt: PageTable, start: number, end: number, visitor: Visitor): void {
  const entry =
    (level: number): EntryCallback =>
    (slot, addr, next, walk) =>
      visitEntry(walk, visitor, level, slot, addr, next);
  const ops: MmWalkOps = { walkLock: "WRLOCK", pudEntry: entry(PUD), pmdEntry: entry(PMD) };
  const tables = visitor.table && { p4dEntry: entry(PUD + 1), pgdEntry: entry(PUD + 2) };
  walkPageRange(wholeMm(pt), start, end, { ...ops, ...tables });
}

/** One entry above level 0. What is still huge after the visitor saw it is left alone. */
function visitEntry(walk: MmWalk, visitor: Visitor, level: number, slot: number, addr: number, next: number): number {
  const { pt } = walk;
  if (level >= pt.levels) return 0;
  let kind = pxdpGet(pt, slot, level);
  if (kind !== Kind.table) {
    visitor.huge?.(slot, level, addr, next);
    kind = pxdpGet(pt, slot, level);
  }
  if (kind !== Kind.table) {
    walk.action = "CONTINUE";
    return 0;
  }
  visitor.table?.(level - 1, addr);
  return level === PMD ? visitPtes(walk, visitor, slot, addr, next) : 0;
}

/** The run of one PTE table. Afterwards the table may go: the walk does not look at it again. */
function visitPtes(walk: MmWalk, visitor: Visitor, pmd: number, addr: number, next: number): number {
  const { pt } = walk;
  const pte = walkPteOffsetMapLock(pt, pmd, addr);
  if (pte < 0) {
    walk.action = "AGAIN";
    return 0;
  }
  try {
    visitor.ptes?.(pte, addr, next - addr);
  } finally {
    walkPteUnmapUnlock(pt, pte);
  }
  visitor.leaveTable?.(pmd, addr, next);
  return 0;
}

/** Fills by installPte: a call for every page, and every page stored for itself. */
function installByWalk(pt: PageTable, start: number, end: number, installer: Installer): Installed {
  const done = { pages: 0, stopped: -1 };
  walkPageRangeMm(wholeMm(pt), start, end, installOps(installer, start, done));
  return done;
}

function installOps(installer: Installer, start: number, done: { pages: number; stopped: number }): MmWalkOps {
  const keep = (slot: number, level: number, addr: number): number => {
    if (installer.keep(slot, level)) return 0;
    done.stopped = addr;
    return 1;
  };
  const huge =
    (level: number): EntryCallback =>
    (slot, addr, _next, walk) => {
      if (pxdpGet(walk.pt, slot, level) === Kind.table) return 0;
      walk.action = "CONTINUE";
      return keep(slot, level, addr);
    };
  return {
    walkLock: "RDLOCK",
    pudEntry: huge(PUD),
    pmdEntry: huge(PMD),
    pteEntry: (slot, addr) => keep(slot, 0, addr),
    installPte: (addr, _next, copy) => {
      copy.pte = fillFor(installer.fill, addr - start);
      done.pages++;
      return 0;
    },
  };
}

function fillFor(fill: Fill, at: number): Fill {
  return fill.kind === "leaf" ? { ...fill, pfn: fill.pfn + at } : fill;
}

/** `pmd_trans_huge_lock`: takes the lock of a huge entry, which is looked at again under it. False, without it, for others. */
function pxdTransHugeLock(pt: PageTable, slot: number, level: number): boolean {
  if (pxdpGet(pt, slot, level) === Kind.table) return false;
  pt.locks.take(pt.tableOf(slot), level);
  const kind = pxdpGet(pt, slot, level);
  const huge = kind === Kind.leaf || kind === Kind.softleaf;
  if (!huge) pt.locks.drop(pt.tableOf(slot), level);
  return huge;
}

/** An entry callback that uses a huge entry under its lock and keeps the walk from splitting it. Others are descended into. */
function hugeEntry(
  level: number,
  use: (walk: MmWalk, slot: number, addr: number, next: number) => void,
): EntryCallback {
  return (slot, addr, next, walk) => {
    const { pt } = walk;
    if (!pxdTransHugeLock(pt, slot, level)) return 0;
    use(walk, slot, addr, next);
    pt.locks.drop(pt.tableOf(slot), level);
    walk.action = "CONTINUE";
    return 0;
  };
}

/** Counts by pteEntry: an indirect call for every page, present or not. */
function countPagesByWalk(pt: PageTable, start: number, end: number): PageCounts {
  const counts = newCounts();
  const reader = new PteReader(pt);
  walkPageRange(wholeMm(pt), start, end, countOps(reader, counts));
  countRead(reader, counts);
  reader.end();
  return counts;
}

function countRead({ kind, attrs, nr }: PteReader, counts: MutableCounts): void {
  if (isResident(kind)) addPages(counts, nr, attrs);
}

function countOps(reader: PteReader, counts: MutableCounts): MmWalkOps {
  const huge = (level: number) =>
    hugeEntry(level, ({ pt }, slot, addr, next) => {
      if (isResident(pt.kind(slot, level))) addPages(counts, next - addr, pt.attrs(slot, level));
    });
  return {
    walkLock: "RDLOCK",
    pudEntry: huge(PUD),
    pmdEntry: huge(PMD),
    pteEntry: (slot) => {
      if (reader.repeats(slot)) return 0;
      countRead(reader, counts);
      reader.begin(slot);
      return 0;
    },
  };
}

/** The words of /proc/PID/pagemap. */
function pagemapByWalk(pt: PageTable, start: number, end: number): Pagemap {
  const map = newPagemap(end - start);
  walkPageRange(wholeMm(pt), start, end, pagemapOps(map, start));
  return map;
}

/**
 * `pagemap_ops`. The kernel's has no pudEntry, so that its walk splits a huge PUD on the way to pmdEntry, for a reader; this one
 * leaves it whole.
 */
export function pagemapOps(map: Pagemap, start: number): MmWalkOps {
  const huge = (level: number) =>
    hugeEntry(level, ({ pt }, slot, addr, next) => {
      const pfn = pt.pfn(slot, level) + (addr % pt.span[level]!);
      const kind = pt.kind(slot, level);
      if (kind === Kind.leaf) putPresent(map, addr - start, next - addr, pfn, pt.attrs(slot, level));
      else if (kind === Kind.softleaf) putSoftleaf(map, addr - start, next - addr, pt, slot);
    });
  const ptes = pteRange((pt, slot, addr, max) => {
    const n = alikeRun(pt, slot, max);
    const attrs = ptepAttrs(pt, slot);
    pt.tally[E.slotsRead]! += n - 1;
    const kind = pt.kind(slot, 0);
    if (kind === Kind.leaf) putLeaves(map, addr - start, n, pt, slot, attrs);
    else if (kind === Kind.softleaf) putSoftleaf(map, addr - start, n, pt, slot);
    return n;
  });
  const pteHole = (addr: number, next: number) => {
    map.hi.fill(0, addr - start, next - start);
    return 0;
  };
  return { walkLock: "RDLOCK", pudEntry: huge(PUD), pmdEntry: hugeOrPtes(huge(PMD), ptes), pteHole };
}

/** A byte for each page: whether it is in memory. */
function mincoreByWalk(pt: PageTable, start: number, end: number, vec?: Uint8Array): Uint8Array {
  const resident = newResident(end - start, vec);
  walkPageRange(wholeMm(pt), start, end, mincoreOps(resident, start));
  return resident;
}

/** `mincore_walk_ops`, with a pudEntry for the reason given at {@link pagemapOps}. */
export function mincoreOps(resident: Uint8Array, start: number): MmWalkOps {
  const huge = (level: number) =>
    hugeEntry(level, ({ pt }, slot, addr, next) => {
      resident.fill(isResident(pt.kind(slot, level)) ? 1 : 0, addr - start, next - start);
    });
  const ptes = pteRange((pt, slot, addr, max) => {
    const n = alikeRun(pt, slot, max);
    ptepAttrs(pt, slot);
    pt.tally[E.slotsRead]! += n - 1;
    const present = isResident(pt.kind(slot, 0));
    const step = present ? Math.min(Math.max(n, pteBatchHint(pt, slot)), max) : n;
    resident.fill(present ? 1 : 0, addr - start, addr - start + step);
    return step;
  });
  const pteHole = (addr: number, next: number) => {
    resident.fill(0, addr - start, next - start);
    return 0;
  };
  return { walkLock: "RDLOCK", pudEntry: huge(PUD), pmdEntry: hugeOrPtes(huge(PMD), ptes), pteHole };
}

/** A pmdEntry of two parts, as they usually are. */
function hugeOrPtes(huge: EntryCallback, ptes: EntryCallback): EntryCallback {
  return (slot, addr, next, walk) => {
    const err = huge(slot, addr, next, walk);
    return err !== 0 || walk.action === "CONTINUE" ? err : ptes(slot, addr, next, walk);
  };
}

/**
 * The part of a pmdEntry that goes through the PTEs under their lock. `use` returns how many entries it dealt with: the loop is the
 * callback's own, so that it may take together what says the same.
 */
function pteRange(use: (pt: PageTable, slot: number, addr: number, max: number) => number): EntryCallback {
  return (pmd, addr, next, walk) => {
    const { pt } = walk;
    const pte = walkPteOffsetMapLock(pt, pmd, addr);
    if (pte < 0) {
      walk.action = "AGAIN";
      return 0;
    }
    for (let i = 0; i < next - addr; ) i += use(pt, pte + i, addr + i, next - addr - i);
    walkPteUnmapUnlock(pt, pte);
    return 0;
  };
}

/** `MAX_MADVISE_GUARD_RETRIES`. */
const MAX_GUARD_RETRIES = 3;
/** What `restart_syscall()` returns: the call starts anew, and no program sees it. */
export const ERESTARTNOINTR = 513;

/** What installing guards took: 0 or `-ERESTARTNOINTR`, and how often it walked and zapped. */
export interface GuardInstalled {
  readonly err: number;
  readonly attempts: number;
  readonly zaps: number;
}

/**
 * `madvise_guard_install`: markers into every empty slot; whatever stands in the way is zapped, the whole range and not just that,
 * and the walk starts again. `zap` must leave guards alone.
 */
export function guardInstallWalk(vma: WalkVma, start: number, end: number, zap: () => void): GuardInstalled {
  for (let attempts = 1; attempts <= MAX_GUARD_RETRIES; attempts++) {
    const done = { pages: 0 };
    const err = walkPageRangeMm(vma.mm, start, end, guardInstallOps(done));
    if (err === 0 && done.pages !== end - start) broken(`${done.pages} of ${end - start} pages are guards`);
    if (err <= 0) return { err, attempts, zaps: attempts - 1 };
    zap();
  }
  return { err: -ERESTARTNOINTR, attempts: MAX_GUARD_RETRIES, zaps: MAX_GUARD_RETRIES };
}

const GUARD: Fill = { kind: "marker", marker: Marker.guard };

/** `guard_install_walk_ops`: anything huge, and any entry that is no guard, stops the walk with 1. */
export function guardInstallOps(done: { pages: number }): MmWalkOps {
  return {
    walkLock: "RDLOCK",
    pudEntry: (slot, _addr, _next, { pt }) => (pxdpGet(pt, slot, PUD) === Kind.leaf ? 1 : 0),
    pmdEntry: (slot, _addr, _next, { pt }) => (pxdpGet(pt, slot, PMD) === Kind.leaf ? 1 : 0),
    pteEntry: (slot, _addr, _next, { pt }) => {
      if (!isGuardPteMarker(pt, slot)) return 1;
      done.pages++;
      return 0;
    },
    installPte: (_addr, _next, copy) => {
      copy.pte = GUARD;
      done.pages++;
      return 0;
    },
  };
}

/** `madvise_guard_remove`: takes guards out and leaves everything else as it is, tables too. */
export function guardRemoveWalk(vma: WalkVma, start: number, end: number): number {
  return walkPageRange(vma.mm, start, end, guardRemoveOps());
}

/** `guard_remove_walk_ops`: no guard is in a huge entry, so that is passed over and not split. */
function guardRemoveOps(): MmWalkOps {
  const passHuge =
    (level: number): EntryCallback =>
    (slot, _addr, _next, walk) => {
      if (pxdpGet(walk.pt, slot, level) === Kind.leaf) walk.action = "CONTINUE";
      return 0;
    };
  return {
    walkLock: "RDLOCK",
    pudEntry: passHuge(PUD),
    pmdEntry: passHuge(PMD),
    pteEntry: (slot, _addr, _next, { pt }) => {
      if (!isGuardPteMarker(pt, slot)) return 0;
      clearPtes(pt, slot, 1);
      pt.tally[E.mmuCacheUpdates]!++;
      return 0;
    },
  };
}

function isGuardPteMarker(pt: PageTable, slot: number): boolean {
  ptepAttrs(pt, slot);
  return pt.kind(slot, 0) === Kind.softleaf && isGuard(pt.format, pt.lo(slot), pt.hi(slot));
}

/** See the head of this file. */
export const pagewalk: Design = {
  name: "pagewalk",
  idea: "callbacks for every level, called by one walk that anybody may use",
  source: "mm/pagewalk.c, Linux 7.0; installPte since 6.13",
  find: (pt, vpn, level) => findByWalk(pt, vpn, level),
  findOrMake: findOrMakeByWalk,
  visit: visitByWalk,
  install: installByWalk,
  countPages: countPagesByWalk,
  pagemap: pagemapByWalk,
  mincore: mincoreByWalk,
};
