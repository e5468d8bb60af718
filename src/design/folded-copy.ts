/**
 * Two operations on two trees at once, as Linux's nests do them: fork's copy, five functions of which four differ in a letter,
 * and the kernel's top entries handed to every process, two functions because folding moves the level that must be asked.
 *
 * Not modelled: tables that cannot be had, secondary MMUs, the sequence count around a copy, poisoned pages, `pgd_lock`.
 * Source: copy_page_range and kin of mm/memory.c, sync_global_pgds of arch/x86/mm/init_64.c, Linux 6.18.
 */
import { Kind } from "../arch/entry.ts";
import { invariant, UserError } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import type { Copier, CopyResult } from "./design.ts";
import {
  P4D,
  type P4dp,
  PGD,
  type Pgdp,
  PMD,
  type Pmdp,
  PTE,
  type Ptep,
  PUD,
  type Pudp,
  p4dAddrEnd,
  p4dAlloc,
  p4dFolded,
  p4dNone,
  p4dNoneOrClearBad,
  p4dOffset,
  p4dpGet,
  pgdAddrEnd,
  pgdNone,
  pgdNoneOrClearBad,
  pgdOffset,
  pgdpGet,
  pmdAddrEnd,
  pmdAlloc,
  pmdIsHuge,
  pmdNoneOrClearBad,
  pmdOffset,
  pmdpGet,
  pteAllocMapLock,
  pteOffsetMap,
  pteUnmapUnlock,
  pudAddrEnd,
  pudAlloc,
  pudFolded,
  pudIsHuge,
  pudNoneOrClearBad,
  pudOffset,
  pudpGet,
} from "./folded-levels.ts";

/** Work done under two locks after which one looks whether somebody waits: four present entries. */
const PROGRESS_LIMIT = 32;

/** What a copy hands down from level to level. */
interface Copy {
  readonly src: PageTable;
  readonly dst: PageTable;
  readonly copier: Copier;
  lockBreaks: number;
  wantsRoom: boolean;
}

/**
 * `copy_page_range`. Where the functions below return 0 or -ENOMEM in Linux they return the page that they came to: their
 * `end`, or where memory ran out. What was copied by then stays, for the caller takes the child down.
 */
export function copyPageRange(src: PageTable, dst: PageTable, start: number, end: number, copier: Copier): CopyResult {
  const c: Copy = { src, dst, copier, lockBreaks: 0, wantsRoom: false };
  let srcPgd = pgdOffset(src, start);
  let dstPgd = pgdOffset(dst, start);
  for (let addr = start, next = start; addr < end; dstPgd++, srcPgd++, addr = next) {
    next = pgdAddrEnd(src, addr, end);
    if (pgdNoneOrClearBad(src, srcPgd)) continue;
    const reached = copyP4dRange(c, dstPgd, srcPgd, addr, next);
    if (reached < next) return { ok: false, reached, lockBreaks: c.lockBreaks };
  }
  return { ok: true, reached: end, lockBreaks: c.lockBreaks };
}

function copyP4dRange(c: Copy, dstPgd: Pgdp, srcPgd: Pgdp, addr: number, end: number): number {
  let dstP4d = p4dAlloc(c.dst, dstPgd, addr);
  if (dstP4d < 0) return addr;
  let srcP4d = p4dOffset(c.src, srcPgd, addr);
  for (let next = addr; addr < end; dstP4d++, srcP4d++, addr = next) {
    next = p4dAddrEnd(c.src, addr, end);
    if (p4dNoneOrClearBad(c.src, srcP4d)) continue;
    const reached = copyPudRange(c, dstP4d, srcP4d, addr, next);
    if (reached < next) return reached;
  }
  return end;
}

function copyPudRange(c: Copy, dstP4d: P4dp, srcP4d: P4dp, addr: number, end: number): number {
  let dstPud = pudAlloc(c.dst, dstP4d, addr);
  if (dstPud < 0) return addr;
  let srcPud = pudOffset(c.src, srcP4d, addr);
  for (let next = addr; addr < end; dstPud++, srcPud++, addr = next) {
    next = pudAddrEnd(c.src, addr, end);
    // Linux asserts that a huge entry is whole here; whether a part of one will do is left to the copier.
    if (pudIsHuge(pudpGet(c.src, srcPud)) && c.copier.huge(srcPud, PUD, addr, next)) continue;
    if (pudNoneOrClearBad(c.src, srcPud)) continue;
    const reached = copyPmdRange(c, dstPud, srcPud, addr, next);
    if (reached < next) return reached;
  }
  return end;
}

function copyPmdRange(c: Copy, dstPud: Pudp, srcPud: Pudp, addr: number, end: number): number {
  let dstPmd = pmdAlloc(c.dst, dstPud, addr);
  if (dstPmd < 0) return addr;
  let srcPmd = pmdOffset(c.src, srcPud, addr);
  for (let next = addr; addr < end; dstPmd++, srcPmd++, addr = next) {
    next = pmdAddrEnd(c.src, addr, end);
    if (pmdIsHuge(pmdpGet(c.src, srcPmd)) && c.copier.huge(srcPmd, PMD, addr, next)) continue;
    if (pmdNoneOrClearBad(c.src, srcPmd)) continue;
    const reached = copyPteRange(c, dstPmd, srcPmd, addr, next);
    if (reached < next) return reached;
  }
  return end;
}

/** Sections under both tables' locks, the child's first, until all is copied; between them others may run and room is made. */
function copyPteRange(c: Copy, dstPmd: Pmdp, srcPmd: Pmdp, addr: number, end: number): number {
  while (addr < end) {
    const dstPte = pteAllocMapLock(c.dst, dstPmd, addr);
    if (dstPte < 0) return addr;
    try {
      addr += copyPtes(c, dstPte, pteOffsetMap(c.src, srcPmd, addr), end - addr);
    } finally {
      pteUnmapUnlock(c.dst, dstPte);
    }
    if (c.wantsRoom && !c.copier.room()) return addr;
    c.wantsRoom = false;
  }
  return end;
}

/** One section, with the child's lock held. Returns how many entries it came past. */
function copyPtes(c: Copy, dstPte: Ptep, srcPte: Ptep, max: number): number {
  // A table that is gone was emptied before: there is nothing to copy, which is no error.
  if (srcPte < 0) return max;
  c.src.locks.take(c.src.tableOf(srcPte), PTE);
  try {
    let progress = 0;
    for (let i = 0, nr = 1; i < max; i += nr, nr = 1) {
      if (progress >= PROGRESS_LIMIT) {
        progress = 0;
        if (mustBreak(c)) return i;
      }
      // `ptep_get`. What else it reads of a contiguous block is for the copier to count, to whom the value matters.
      c.src.tally[E.slotsRead]!++;
      if (c.src.kind(srcPte + i, PTE) === Kind.none) {
        progress++;
        continue;
      }
      nr = c.copier.entry(srcPte + i, dstPte + i, max - i);
      c.wantsRoom = nr === 0;
      if (c.wantsRoom) return i;
      progress += 8 * nr;
    }
    return max;
  } finally {
    pteUnmapUnlock(c.src, srcPte);
  }
}

/** `need_resched`, or `spin_needbreak` of one of the two locks. */
function mustBreak(c: Copy): boolean {
  const must = c.copier.mustBreak();
  if (must) c.lockBreaks++;
  return must;
}

/**
 * `sync_global_pgds`: gives every tree of the list the top entries of the kernel's own tree for a range of its pages. Trees
 * then share the tables below. With fewer than 4 levels both functions would ask an entry that is folded: a UserError.
 */
export function syncGlobalPgds(init: PageTable, pgdList: readonly PageTable[], start: number, end: number): void {
  if (!p4dFolded(init)) syncGlobalPgdsL5(init, pgdList, start, end);
  else if (!pudFolded(init)) syncGlobalPgdsL4(init, pgdList, start, end);
  else throw new UserError(`syncGlobalPgds is for 4 or 5 levels; ${init.format.name} has ${init.levels}`);
}

/** `sync_global_pgds_l5`: what the PGD's entries hold are P4D tables. */
export function syncGlobalPgdsL5(init: PageTable, pgdList: readonly PageTable[], start: number, end: number): void {
  for (let addr = start; addr < end; addr = pgdAddrEnd(init, addr, end)) {
    const pgdRef = pgdOffset(init, addr);
    if (pgdNone(pgdpGet(init, pgdRef))) continue;
    for (const mm of pgdList) {
      const pgdp = pgdOffset(mm, addr);
      mm.locks.take(mm.root, PGD);
      const pgd = pgdpGet(mm, pgdp);
      if (pgdNone(pgd)) setEntry(mm, pgdp, init, pgdRef);
      mm.locks.drop(mm.root, PGD);
      invariant(
        mm.child(pgdp, PGD) === init.child(pgdRef, PGD),
        `another PGD entry for page ${addr} than the kernel's`,
      );
    }
  }
}

/** `sync_global_pgds_l4`: P4Ds are folded, `pgd_none` is never true, and the top entries are asked as P4Ds. */
export function syncGlobalPgdsL4(init: PageTable, pgdList: readonly PageTable[], start: number, end: number): void {
  invariant(p4dFolded(init) && !pudFolded(init), "where P4Ds are not folded the top entries are no P4Ds");
  for (let addr = start; addr < end; addr = pgdAddrEnd(init, addr, end)) {
    const p4dRef = p4dOffset(init, pgdOffset(init, addr), addr);
    if (p4dNone(p4dpGet(init, p4dRef))) continue;
    for (const mm of pgdList) {
      const p4dp = p4dOffset(mm, pgdOffset(mm, addr), addr);
      mm.locks.take(mm.root, P4D);
      const p4d = p4dpGet(mm, p4dp);
      if (p4dNone(p4d)) setEntry(mm, p4dp, init, p4dRef);
      mm.locks.drop(mm.root, P4D);
      invariant(
        mm.child(p4dp, P4D) === init.child(p4dRef, P4D),
        `another P4D entry for page ${addr} than the kernel's`,
      );
    }
  }
}

/** `set_pgd` and `set_p4d` with the value of another tree's entry. */
function setEntry(mm: PageTable, slot: number, init: PageTable, ref: number): void {
  mm.write(slot, init.lo(ref), init.hi(ref));
  mm.tally[E.slotsWritten]!++;
}
