/**
 * What the proof of concept of 2018 converted, and what it would have converted next: `sync_global_pgds` as one function for
 * any number of levels, fork's copy as one recursive function, filling, visiting and reading in the same form.
 *
 * Every loop here is over the entries of one table, from a pointer into it; a table below is the same loop again.
 * Source: as for `ptp.ts`. The copy's room and its batches are from copy_pte_range of mm/memory.c, Linux 6.18.
 */
import { broken } from "../base/errors.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import type { Visitor } from "../pgtable/visit.ts";
import type { Copier, CopyResult, Design, Installed, Installer, PageCounts, Pagemap } from "./design.ts";
import { storeFill } from "./fill.ts";
import {
  getPtv,
  getPtvWord,
  type Ptp,
  type Ptv,
  ptpInit,
  ptpLock,
  ptpNext,
  ptpSet,
  ptpUnlock,
  ptpWalk,
  ptpWalkAlloc,
  ptvAddrEnd,
  ptvAttrs,
  ptvBad,
  ptvBottom,
  ptvLeaf,
  ptvNone,
  ptvPfn,
  ptvSize,
  ptvSwap,
} from "./ptp.ts";
import { addPages, isResident, newCounts, newPagemap, newResident, putPresent, putSoftleaf } from "./read.ts";

/** Points to the entry of the top table for a page. */
function ptpTop(pt: PageTable, vpn: number): Ptp {
  const ptp = ptpInit(pt);
  ptpWalk(pt, ptp, getPtv(pt, ptp), vpn);
  return ptp;
}

function find(pt: PageTable, vpn: number, level: number): number {
  const ptp = ptpInit(pt);
  while (ptp.level > level) {
    const ptv = getPtv(pt, ptp);
    if (ptvBad(ptv)) return -1;
    ptpWalk(pt, ptp, ptv, vpn);
  }
  return ptp.slot;
}

function findOrMake(pt: PageTable, vpn: number, level: number): number {
  const ptp = ptpInit(pt);
  while (ptp.level > level) if (!ptpWalkAlloc(pt, ptp, vpn)) return -1;
  return ptp.slot;
}

/**
 * `sync_global_pgds`: entries of the top table that the kernel's own tree has and others lack are given to them, whatever the
 * number of levels. An entry that both have must agree. The list of trees has a lock of its own, which is not modelled.
 */
export function syncGlobalPgds(init: PageTable, others: readonly PageTable[], start: number, end: number): void {
  const ref = ptpTop(init, start);
  for (let vpn = start; vpn < end; ptpNext(ref)) {
    const ptv = getPtv(init, ref);
    if (!ptvNone(ptv)) for (const pt of others) syncEntry(pt, ptv, vpn);
    vpn = ptvAddrEnd(init, ptv, vpn, end);
  }
}

function syncEntry(pt: PageTable, ref: Ptv, vpn: number): void {
  const ptp = ptpTop(pt, vpn);
  ptpLock(pt, ptp);
  const ptv = getPtv(pt, ptp);
  if (ptvNone(ptv)) ptpSet(pt, ptp, ref);
  ptpUnlock(pt, ptp);
  // Where they point is compared, not the words: hardware may have noted an access in one of them.
  if (ptvNone(ptv) || ptvPfn(pt, ptv) === ptvPfn(pt, ref)) return;
  broken(`the top entry for page ${vpn} differs from the kernel's\n${pt.describe(vpn)}`);
}

/** Visits the entries of one table from `first` on, and the tables below. */
function visitPtRange(pt: PageTable, first: Ptp, start: number, end: number, v: Visitor): void {
  const ptp = { ...first };
  for (let vpn = start; vpn < end; ptpNext(ptp)) {
    let ptv = getPtv(pt, ptp);
    const next = ptvAddrEnd(pt, ptv, vpn, end);
    if (ptvLeaf(ptv) || ptvSwap(ptv)) {
      v.huge?.(ptp.slot, ptp.level, vpn, next);
      ptv = getPtv(pt, ptp);
    }
    if (!ptvBad(ptv)) visitBelow(pt, ptp, ptv, vpn, next, v);
    vpn = next;
  }
}

function visitBelow(pt: PageTable, ptp: Ptp, ptv: Ptv, start: number, end: number, v: Visitor): void {
  v.table?.(ptp.level - 1, start);
  const below = { ...ptp };
  ptpWalk(pt, below, ptv, start);
  if (below.level > 0) return visitPtRange(pt, below, start, end, v);
  ptpLock(pt, below);
  try {
    v.ptes?.(below.slot, start, end - start);
  } finally {
    ptpUnlock(pt, below);
  }
  v.leaveTable?.(ptp.slot, start, end);
}

/** An installing walk under way; `first` is the page that the fill begins with. */
interface Installing {
  readonly pt: PageTable;
  readonly installer: Installer;
  readonly first: number;
  pages: number;
}

/** Fills below the entries of one table from `first` on. Returns the page of the entry that ended it, or -1. */
function installPtRange(w: Installing, first: Ptp, start: number, end: number): number {
  const ptp = { ...first };
  for (let vpn = start; vpn < end; ptpNext(ptp)) {
    const next = ptvAddrEnd(w.pt, ptp, vpn, end);
    const stopped = installBelow(w, ptp, vpn, next);
    if (stopped >= 0) return stopped;
    vpn = next;
  }
  return -1;
}

function installBelow(w: Installing, ptp: Ptp, start: number, end: number): number {
  const below = { ...ptp };
  if (!ptpWalkAlloc(w.pt, below, start)) return w.installer.keep(ptp.slot, ptp.level) ? -1 : start;
  if (below.level > 0) return installPtRange(w, below, start, end);
  ptpLock(w.pt, below);
  try {
    return installPtes(w, below, start, end);
  } finally {
    ptpUnlock(w.pt, below);
  }
}

/** One entry at a time, as in 2018: `set_ptes` came five years later. */
function installPtes(w: Installing, first: Ptp, start: number, end: number): number {
  const ptp = { ...first };
  for (let vpn = start; vpn < end; vpn++, ptpNext(ptp)) {
    if (ptvNone(getPtv(w.pt, ptp))) {
      storeFill(w.pt, ptp.slot, 1, w.installer.fill, vpn - w.first);
      w.pages++;
    } else if (!w.installer.keep(ptp.slot, 0)) return vpn;
  }
  return -1;
}

function install(pt: PageTable, start: number, end: number, installer: Installer): Installed {
  const w: Installing = { pt, installer, first: start, pages: 0 };
  const stopped = installPtRange(w, ptpTop(pt, start), start, end);
  return { pages: w.pages, stopped };
}

/** What a reading walk does with an entry that maps memory or is not present, for the pages `[start, end)` under it. */
type ReadEntry = (ptp: Ptp, ptv: Ptv, start: number, end: number) => void;

/** Reads the entries of one table from `first` on, and the tables below. A leaf is a leaf at every level. */
function readPtRange(pt: PageTable, first: Ptp, start: number, end: number, read: ReadEntry): void {
  const ptp = { ...first };
  for (let vpn = start; vpn < end; ptpNext(ptp)) {
    let ptv = getPtv(pt, ptp);
    const next = ptvAddrEnd(pt, ptv, vpn, end);
    if (ptvLeaf(ptv) || ptvSwap(ptv)) {
      if (ptvBottom(ptv)) read(ptp, ptv, vpn, next);
      else ptv = readHuge(pt, ptp, vpn, next, read);
    }
    if (!ptvBottom(ptv) && !ptvBad(ptv)) readBelow(pt, ptp, ptv, vpn, next, read);
    vpn = next;
  }
}

/** Above level 0 no lock is held yet: the entry is read again under it, for it may have been split (`pmd_trans_huge_lock`). */
function readHuge(pt: PageTable, ptp: Ptp, start: number, end: number, read: ReadEntry): Ptv {
  ptpLock(pt, ptp);
  const ptv = getPtv(pt, ptp);
  if (ptvLeaf(ptv) || ptvSwap(ptv)) read(ptp, ptv, start, end);
  ptpUnlock(pt, ptp);
  return ptv;
}

function readBelow(pt: PageTable, ptp: Ptp, ptv: Ptv, start: number, end: number, read: ReadEntry): void {
  const below = { ...ptp };
  ptpWalk(pt, below, ptv, start);
  if (below.level === 0) ptpLock(pt, below);
  readPtRange(pt, below, start, end, read);
  if (below.level === 0) ptpUnlock(pt, below);
}

function countPages(pt: PageTable, start: number, end: number): PageCounts {
  const counts = newCounts();
  readPtRange(pt, ptpTop(pt, start), start, end, (_ptp, ptv, from, to) => {
    if (ptvLeaf(ptv)) addPages(counts, to - from, ptvAttrs(pt, ptv));
  });
  return counts;
}

function pagemap(pt: PageTable, start: number, end: number): Pagemap {
  const map = newPagemap(end - start);
  readPtRange(pt, ptpTop(pt, start), start, end, (ptp, ptv, from, to) => {
    // The value alone would not do for the frame: entries of a Svnapot block are all the same word.
    const pfn = pt.pfn(ptp.slot, ptp.level) + (from % ptvSize(pt, ptv));
    if (ptvLeaf(ptv)) putPresent(map, from - start, to - from, pfn, ptvAttrs(pt, ptv));
    else putSoftleaf(map, from - start, to - from, pt, ptp.slot);
  });
  return map;
}

function mincore(pt: PageTable, start: number, end: number, vec?: Uint8Array): Uint8Array {
  const resident = newResident(end - start, vec);
  readPtRange(pt, ptpTop(pt, start), start, end, (_ptp, ptv, from, to) => {
    if (isResident(ptv.kind)) resident.fill(1, from - start, to - start);
  });
  return resident;
}

/** Progress after which a copy asks whether others wait; what a leaf and what an empty entry add to it. */
const BREAK_AFTER = 32;
const LEAF_PROGRESS = 8;
const EMPTY_PROGRESS = 1;

/** A copy under way: from where to where, who copies the entries, and how often the locks were dropped for others. */
export interface PtCopy {
  readonly from: PageTable;
  readonly to: PageTable;
  readonly copier: Copier;
  lockBreaks: number;
}

/** The copy of one table. `vpn` is the next page to copy, to which both pointers point. */
interface TableCopy {
  readonly src: Ptp;
  readonly dst: Ptp;
  vpn: number;
  readonly end: number;
  progress: number;
}

/** Why the loop over a table's entries ended: all are copied, others wait, a swap count wants room, or a table below failed. */
type Ended = "done" | "break" | "room" | "failed";

/**
 * `copy_pt_range`: copies the entries of one table, and those of the tables below, from two pointers of the same level on.
 * Returns the first page that was not copied: `end`, unless there was no room. The posted one forgets that something failed
 * below, and tries the same page again for ever.
 */
export function copyPtRange(c: PtCopy, dst: Ptp, src: Ptp, start: number, end: number): number {
  const t: TableCopy = { src: { ...src }, dst: { ...dst }, vpn: start, end, progress: 0 };
  for (;;) {
    const ended = src.level === 0 ? copyLocked(c, t) : copyEntries(c, t);
    if (ended === "done" || ended === "failed") return t.vpn;
    // No lock is held here: this is where others get their turn (`cond_resched`), and where memory may be allocated.
    if (ended === "break") c.lockBreaks++;
    else if (!c.copier.room()) return t.vpn;
    t.progress = 0;
  }
}

/** Level 0: both tables are locked before their entries are read. The posted one keeps the locks when a leaf fails. */
function copyLocked(c: PtCopy, t: TableCopy): Ended {
  const [dst, src] = [{ ...t.dst }, { ...t.src }];
  ptpLock(c.to, dst);
  ptpLock(c.from, src);
  try {
    return copyEntries(c, t);
  } finally {
    ptpUnlock(c.from, src);
    ptpUnlock(c.to, dst);
  }
}

/** The loop over a table's entries. Only where locks are held does it ask for others: nobody waits for anything elsewhere. */
function copyEntries(c: PtCopy, t: TableCopy): Ended {
  while (t.vpn < t.end) {
    if (t.src.level === 0 && t.progress >= BREAK_AFTER) {
      t.progress = 0;
      if (c.copier.mustBreak()) return "break";
    }
    const ptv = getPtvWord(c.from, t.src);
    if (ptvNone(ptv)) {
      advance(c, t, 1, EMPTY_PROGRESS);
      continue;
    }
    const copied = copyPtLeaf(c, t, ptv);
    if (copied > 0) advance(c, t, copied, copied * LEAF_PROGRESS);
    else if (ptvBottom(ptv)) return "room";
    else if (!copyBelow(c, t, ptv)) return "failed";
  }
  return "done";
}

/** `copy_pt_leaf`: the entries it copied, or 0: for want of room at level 0, because the copy goes on below above it. */
function copyPtLeaf(c: PtCopy, t: TableCopy, ptv: Ptv): number {
  if (ptvBottom(ptv)) return c.copier.entry(t.src.slot, t.dst.slot, t.end - t.vpn);
  if (!ptvLeaf(ptv) && !ptvSwap(ptv)) return 0;
  return c.copier.huge(t.src.slot, t.src.level, t.vpn, ptvAddrEnd(c.from, ptv, t.vpn, t.end)) ? 1 : 0;
}

/** The table below is the same once more. A leaf that was split for it is read again. False: not all of it was copied. */
function copyBelow(c: PtCopy, t: TableCopy, seen: Ptv): boolean {
  const ptv = ptvBad(seen) ? getPtv(c.from, t.src) : seen;
  const next = ptvAddrEnd(c.from, ptv, t.vpn, t.end);
  const reached = ptvBad(ptv) ? next : copyTable(c, t, ptv, next);
  if (reached === next) advance(c, t, 1, 0);
  else t.vpn = reached;
  return reached === next;
}

function copyTable(c: PtCopy, t: TableCopy, ptv: Ptv, next: number): number {
  const [dst, src] = [{ ...t.dst }, { ...t.src }];
  if (!ptpWalkAlloc(c.to, dst, t.vpn)) broken(`something is mapped at page ${t.vpn} of the copy`);
  ptpWalk(c.from, src, ptv, t.vpn);
  return copyPtRange(c, dst, src, t.vpn, next);
}

function advance(c: PtCopy, t: TableCopy, entries: number, progress: number): void {
  const size = ptvSize(c.from, t.src);
  t.vpn = Math.min(t.end, (Math.floor(t.vpn / size) + entries) * size);
  t.progress += progress;
  ptpNext(t.src, entries);
  ptpNext(t.dst, entries);
}

function copyRange(from: PageTable, to: PageTable, start: number, end: number, copier: Copier): CopyResult {
  const c: PtCopy = { from, to, copier, lockBreaks: 0 };
  const reached = copyPtRange(c, ptpTop(to, start), ptpTop(from, start), start, end);
  return { ok: reached === end, reached, lockBreaks: c.lockBreaks };
}

/** The proof of concept of 2018 as a design. */
export const ptp: Design = {
  name: "ptp",
  idea: "an entry pointer with its level and an entry value with its level: one function for all levels",
  source: "Shutemov, proof of concept on linux-mm, 2018-04-24",
  find,
  findOrMake,
  visit: (pt, start, end, visitor) => visitPtRange(pt, ptpTop(pt, start), start, end, visitor),
  install,
  countPages,
  pagemap,
  mincore,
  copyRange,
};
