/**
 * What the others do with callbacks or nests, done with runs: every operation is one loop over {@link PtRangeWalk}.
 * See `pt-range-walk.ts` for the walk and for its source.
 */
import { A, Kind } from "../arch/entry.ts";
import { invariant } from "../base/errors.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import type { Visitor } from "../pgtable/visit.ts";
import type { Copier, CopyResult, Design, Installed, Installer, PageCounts, Pagemap } from "./design.ts";
import { storeFill } from "./fill.ts";
import { type PtRangeWalk, PtRun, ptRangeWalkStart } from "./pt-range-walk.ts";
import { addPages, newCounts, newPagemap, newResident, putPresent, putSoftleaf } from "./read.ts";

/**
 * The slot of a level for a page, or -1. A table is handed out before it is gone into and before its lock is taken, so the
 * walk is simply dropped at the table that is looked for.
 */
export function ptRangeFind(pt: PageTable, vpn: number, level: number, build = false): number {
  if (level === pt.levels - 1) return pt.slot(pt.root, vpn, level);
  const walk = ptRangeWalkStart(pt, vpn, vpn + 1, { tables: true, build, hugeLocks: false });
  while (walk.next() && walk.kind === PtRun.table)
    if (walk.level === level) return pt.slot(pt.child(walk.slot, level + 1), vpn, level);
  return -1;
}

/** Hands the tables of the range and what lies above them to a visitor, PTE tables unread. */
export function ptRangeVisit(pt: PageTable, start: number, end: number, visitor: Visitor): void {
  const walk = ptRangeWalkStart(pt, start, end, { tables: true, slots: true, accessDirty: false, hugeLocks: false });
  try {
    while (walk.next())
      switch (walk.kind) {
        case PtRun.table:
          visitor.table?.(walk.level, walk.start);
          break;
        case PtRun.slots:
          visitor.ptes?.(walk.slot, walk.start, walk.nr);
          break;
        case PtRun.left:
          visitor.leaveTable?.(walk.slot, walk.start, walk.start + walk.nr);
          break;
        case PtRun.none:
          break;
        default:
          visitHuge(walk, visitor);
      }
  } finally {
    walk.end();
  }
}

/** Every entry of the run, which may be a contiguous block. One that became a table is walked again, now by its entries. */
function visitHuge(walk: PtRangeWalk, visitor: Visitor): void {
  const { pt, level } = walk;
  const [span, end] = [pt.span[level]!, walk.start + walk.nr];
  for (let vpn = walk.start, slot = walk.slot; vpn < end; slot++) {
    const next = Math.min(end, (Math.floor(vpn / span) + 1) * span);
    visitor.huge?.(slot, level, vpn, next);
    if (pt.kind(slot, level) === Kind.table) return walk.seek(vpn);
    vpn = next;
  }
}

/** Fills the holes of the range, one store for each run of one PTE table; missing tables are made on the way. */
export function ptRangeInstall(pt: PageTable, start: number, end: number, installer: Installer): Installed {
  const walk = ptRangeWalkStart(pt, start, end, { folios: "never", accessDirty: false, build: true, hugeLocks: false });
  let pages = 0;
  try {
    while (walk.next()) {
      if (walk.kind === PtRun.none) {
        storeFill(pt, walk.slot, walk.nr, installer.fill, walk.start - start);
        pages += walk.nr;
        continue;
      }
      const stopped = firstNotKept(walk, installer);
      if (stopped >= 0) return { pages, stopped };
    }
    return { pages, stopped: -1 };
  } finally {
    walk.end();
  }
}

/** The page of the run's first entry that the installer does not want to keep, or -1. */
function firstNotKept(walk: PtRangeWalk, installer: Installer): number {
  const span = walk.pt.span[walk.level]!;
  const end = walk.start + walk.nr;
  for (let vpn = walk.start, slot = walk.slot; vpn < end; slot++) {
    if (!installer.keep(slot, walk.level)) return vpn;
    vpn = (Math.floor(vpn / span) + 1) * span;
  }
  return -1;
}

/** Counts a run at a time: accessed and dirty must agree within it, nothing else matters. */
export function ptRangeCountPages(pt: PageTable, start: number, end: number): PageCounts {
  const counts = newCounts();
  const walk = ptRangeWalkStart(pt, start, end, { folios: "never", respect: A.young | A.dirty });
  while (walk.next()) if (walk.kind === PtRun.pages || walk.kind === PtRun.huge) addPages(counts, walk.nr, walk.attrs);
  return counts;
}

/** Soft-dirty must agree within a run, because it is reported; accessed and dirty are not, so blocks are read once. */
export function ptRangePagemap(pt: PageTable, start: number, end: number): Pagemap {
  const map = newPagemap(end - start);
  const walk = ptRangeWalkStart(pt, start, end, { folios: "never", respect: A.softDirty, accessDirty: false });
  while (walk.next())
    switch (walk.kind) {
      case PtRun.pages:
      case PtRun.huge:
        putPresent(map, walk.start - start, walk.nr, walk.pfn, walk.attrs);
        break;
      case PtRun.marker:
      case PtRun.swap:
        putSoftleaf(map, walk.start - start, walk.nr, pt, walk.slot);
    }
  return map;
}

/** Only whether a page is there is asked, so every attribute that may differ does. */
export function ptRangeMincore(pt: PageTable, start: number, end: number, vec?: Uint8Array): Uint8Array {
  const resident = newResident(end - start, vec);
  const walk = ptRangeWalkStart(pt, start, end, { folios: "never", accessDirty: false });
  while (walk.next())
    if (walk.kind === PtRun.pages || walk.kind === PtRun.huge)
      resident.fill(1, walk.start - start, walk.start - start + walk.nr);
  return resident;
}

/** Progress at which a copy looks whether somebody waits, and what an entry that is not empty adds to it. */
const LOOK_AT = 32;
const COPIED = 8;

/** A copy under way: what it goes by, the table of the child that it fills, and how long it has held the locks. */
class Copying {
  readonly to: PageTable;
  readonly copier: Copier;
  readonly walk: PtRangeWalk;
  /** The child's PTE table that is locked, or -1. */
  table = -1;
  progress = 0;
  lockBreaks = 0;

  constructor(walk: PtRangeWalk, to: PageTable, copier: Copier) {
    this.walk = walk;
    this.to = to;
    this.copier = copier;
  }
}

/**
 * Fork's copy. The child's PTE table is made and locked when the parent's is about to be gone into, so the parent's lock is the
 * inner one, as in copy_pte_range. Holes are skipped as runs; how far entries are copied at once is the copier's to say, so
 * that the walk hands out the first one and is told where to go on.
 */
export function ptRangeCopy(from: PageTable, to: PageTable, start: number, end: number, copier: Copier): CopyResult {
  const walk = ptRangeWalkStart(from, start, end, { tables: true, most: 1, accessDirty: false, hugeLocks: false });
  const copying = new Copying(walk, to, copier);
  try {
    while (walk.next())
      if (!copyRun(copying)) return { ok: false, reached: walk.start, lockBreaks: copying.lockBreaks };
    return { ok: true, reached: end, lockBreaks: copying.lockBreaks };
  } finally {
    walk.end();
    leaveChild(copying);
  }
}

/** False: no memory. */
function copyRun(copying: Copying): boolean {
  const { walk } = copying;
  switch (walk.kind) {
    case PtRun.table:
      if (walk.level === 0) enterChild(copying);
      // As Linux does, the child gets a table for every one of the parent's, also where nothing is below.
      else ptRangeFind(copying.to, walk.start, walk.level, true);
      return true;
    case PtRun.left:
      leaveChild(copying);
      return true;
    case PtRun.none:
      if (walk.level === 0) letOthers(copying, walk.nr, walk.start + walk.nr);
      return true;
    default:
      if (walk.level === 0) return copyEntries(copying);
      copyHuge(copying);
      return true;
  }
}

function enterChild(copying: Copying): void {
  const { walk, to } = copying;
  const slot = ptRangeFind(to, walk.start, 0, true);
  invariant(slot >= 0, `the child has something mapped around page ${walk.start} already`);
  copying.table = to.tableOf(slot);
  copying.progress = 0;
  to.locks.take(copying.table, 0);
}

function leaveChild(copying: Copying): void {
  if (copying.table >= 0) copying.to.locks.drop(copying.table, 0);
  copying.table = -1;
}

function copyEntries(copying: Copying): boolean {
  const { walk, to, copier } = copying;
  const n = copier.entry(walk.slot, to.slot(copying.table, walk.start, 0), walk.room());
  if (n > 0) {
    walk.seek(walk.start + n);
    letOthers(copying, n * COPIED, walk.start + n);
    return true;
  }
  walk.pause(walk.start);
  leaveChild(copying);
  return copier.room();
}

/** Both locks go if somebody waits for them, and the copy goes on from that page. At the table's end they go anyway. */
function letOthers(copying: Copying, done: number, next: number): void {
  copying.progress += done;
  if (copying.progress < LOOK_AT || next === copying.walk.start + copying.walk.room()) return;
  copying.progress = 0;
  if (!copying.copier.mustBreak()) return;
  copying.lockBreaks++;
  copying.walk.pause(next);
  leaveChild(copying);
}

/** Every entry of the run, which may be a contiguous block; one that was split is walked again, now by its entries. */
function copyHuge(copying: Copying): void {
  const { walk, copier } = copying;
  visitHuge(walk, { huge: (slot, level, from, to) => void copier.huge(slot, level, from, to) });
}

/** The walk that hands out runs. */
export const ptRangeWalk: Design = {
  name: "ptRangeWalk",
  idea: "a walk that hands out runs: a folio, a hole or a hugetlb page at a time, with no call back",
  source: "Oscar Salvador, RFC of 2026-04-12 and v3 of 2026-05-25, after a suggestion by David Hildenbrand",
  find: ptRangeFind,
  findOrMake: (pt, vpn, level) => ptRangeFind(pt, vpn, level, true),
  visit: ptRangeVisit,
  install: ptRangeInstall,
  countPages: ptRangeCountPages,
  pagemap: ptRangePagemap,
  mincore: ptRangeMincore,
  copyRange: ptRangeCopy,
};
