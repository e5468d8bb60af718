/**
 * Linux's own way: nests of five loops, one function for each level, for every operation anew. Formats with fewer levels go
 * through the same five; what folding does to them is in `folded-levels.ts`.
 *
 * The loops are `for` where Linux has `do`, so that an empty range is none and `continue` steps on.
 * Source: mm/memory.c (copy_page_range, apply_to_page_range, unmap_page_range, __handle_mm_fault), Linux 6.18.
 */
import { Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { ptepAttrs } from "../pgtable/ptep.ts";
import { alikeRun, emptyRun } from "../pgtable/runs.ts";
import type { Visitor } from "../pgtable/visit.ts";
import type { Design, Installed, Installer, PageCounts, Pagemap } from "./design.ts";
import { storeEach } from "./fill.ts";
import { copyPageRange } from "./folded-copy.ts";
import {
  P4D,
  type P4dp,
  PGD,
  type Pgdp,
  PMD,
  type Pmdp,
  PTE,
  PUD,
  type Pudp,
  p4dAddrEnd,
  p4dAlloc,
  p4dBad,
  p4dNone,
  p4dNoneOrClearBad,
  p4dOffset,
  p4dpGet,
  pgdAddrEnd,
  pgdBad,
  pgdNone,
  pgdNoneOrClearBad,
  pgdOffset,
  pgdpGet,
  pmdAddrEnd,
  pmdAlloc,
  pmdBad,
  pmdIsHuge,
  pmdNone,
  pmdOffset,
  pmdpGet,
  pteAlloc,
  pteAllocMapLock,
  pteOffsetMap,
  pteOffsetMapLock,
  pteUnmapUnlock,
  pudAddrEnd,
  pudAlloc,
  pudBad,
  pudIsHuge,
  pudNone,
  pudOffset,
  pudpGet,
} from "./folded-levels.ts";
import {
  addPages,
  isResident,
  newCounts,
  newPagemap,
  newResident,
  putLeaves,
  putPresent,
  putSoftleaf,
} from "./read.ts";

/** As `follow_pfnmap_start`: a step down for each level, those that are folded too. */
function find(pt: PageTable, vpn: number, level: number): number {
  const pgdp = pgdOffset(pt, vpn);
  if (level >= PGD) return pgdp;
  const pgd = pgdpGet(pt, pgdp);
  if (pgdNone(pgd) || pgdBad(pgd)) return -1;
  const p4dp = p4dOffset(pt, pgdp, vpn);
  if (level === P4D) return p4dp;
  const p4d = p4dpGet(pt, p4dp);
  if (p4dNone(p4d) || p4dBad(p4d)) return -1;
  const pudp = pudOffset(pt, p4dp, vpn);
  if (level === PUD) return pudp;
  const pud = pudpGet(pt, pudp);
  if (pudNone(pud) || pudBad(pud)) return -1;
  const pmdp = pmdOffset(pt, pudp, vpn);
  return level === PMD ? pmdp : pteOffsetMap(pt, pmdp, vpn);
}

/** As a fault goes down (`__handle_mm_fault`), making what is missing. */
function findOrMake(pt: PageTable, vpn: number, level: number): number {
  const pgdp = pgdOffset(pt, vpn);
  if (level >= PGD) return pgdp;
  const p4dp = p4dAlloc(pt, pgdp, vpn);
  if (level === P4D || p4dp < 0) return p4dp;
  const pudp = pudAlloc(pt, p4dp, vpn);
  if (level === PUD || pudp < 0) return pudp;
  const pmdp = pmdAlloc(pt, pudp, vpn);
  if (level === PMD || pmdp < 0) return pmdp;
  return pteAlloc(pt, pmdp) ? pteOffsetMap(pt, pmdp, vpn) : -1;
}

/** A visitor that only reads sees a huge entry under its lock, and leaves it what it is. */
interface Walk extends Visitor {
  readonly readsOnly?: boolean;
}

/** Tells the visitor of a table that exists; a folded one is the entry above, in a table that it knows. */
function enterTable(pt: PageTable, v: Walk, level: number, addr: number): void {
  if (level < pt.levels - 1) v.table?.(level, addr);
}

/** Readers look at a huge entry again under its lock (`pmd_trans_huge_lock`); what else is done takes the locks it needs. */
function visitHuge(pt: PageTable, v: Walk, slot: number, level: number, addr: number, end: number): void {
  if (!v.readsOnly) return v.huge?.(slot, level, addr, end);
  const table = pt.tableOf(slot);
  pt.locks.take(table, level);
  pt.tally[E.slotsRead]!++;
  v.huge?.(slot, level, addr, end);
  pt.locks.drop(table, level);
}

/** The nest that every other one repeats, here with a visitor in the place of what each does; as `unmap_page_range`. */
function visitPageRange(pt: PageTable, addr: number, end: number, v: Walk): void {
  let pgdp = pgdOffset(pt, addr);
  for (let next = addr; addr < end; pgdp++, addr = next) {
    next = pgdAddrEnd(pt, addr, end);
    if (pgdNoneOrClearBad(pt, pgdp)) continue;
    visitP4dRange(pt, pgdp, addr, next, v);
  }
}

function visitP4dRange(pt: PageTable, pgdp: Pgdp, addr: number, end: number, v: Walk): void {
  enterTable(pt, v, P4D, addr);
  let p4dp = p4dOffset(pt, pgdp, addr);
  for (let next = addr; addr < end; p4dp++, addr = next) {
    next = p4dAddrEnd(pt, addr, end);
    if (p4dNoneOrClearBad(pt, p4dp)) continue;
    visitPudRange(pt, p4dp, addr, next, v);
  }
}

function visitPudRange(pt: PageTable, p4dp: P4dp, addr: number, end: number, v: Walk): void {
  enterTable(pt, v, PUD, addr);
  let pudp = pudOffset(pt, p4dp, addr);
  for (let next = addr; addr < end; pudp++, addr = next) {
    next = pudAddrEnd(pt, addr, end);
    let pud = pudpGet(pt, pudp);
    if (pudIsHuge(pud)) {
      visitHuge(pt, v, pudp, PUD, addr, next);
      if (v.readsOnly) continue;
      pud = pudpGet(pt, pudp);
    }
    if (pudNone(pud) || pudBad(pud)) continue;
    visitPmdRange(pt, pudp, addr, next, v);
  }
}

function visitPmdRange(pt: PageTable, pudp: Pudp, addr: number, end: number, v: Walk): void {
  enterTable(pt, v, PMD, addr);
  let pmdp = pmdOffset(pt, pudp, addr);
  for (let next = addr; addr < end; pmdp++, addr = next) {
    next = pmdAddrEnd(pt, addr, end);
    let pmd = pmdpGet(pt, pmdp);
    if (pmdIsHuge(pmd)) {
      visitHuge(pt, v, pmdp, PMD, addr, next);
      if (v.readsOnly) continue;
      pmd = pmdpGet(pt, pmdp);
    }
    if (pmdNone(pmd) || pmdBad(pmd)) continue;
    visitPteRange(pt, pmdp, addr, next, v);
  }
}

function visitPteRange(pt: PageTable, pmdp: Pmdp, addr: number, end: number, v: Walk): void {
  enterTable(pt, v, PTE, addr);
  const ptep = pteOffsetMapLock(pt, pmdp, addr);
  if (ptep < 0) return;
  try {
    v.ptes?.(ptep, addr, end - addr);
  } finally {
    pteUnmapUnlock(pt, ptep);
  }
  v.leaveTable?.(pmdp, addr, end);
}

/** What an installing nest carries from level to level. */
interface Install extends Installer {
  readonly pt: PageTable;
  readonly start: number;
  pages: number;
  stopped: number;
}

/** As `apply_to_page_range` with creation: tables on the way down, then one entry after the other; empty ones are found as a run. */
function installPageRange(pt: PageTable, start: number, end: number, installer: Installer): Installed {
  const w = { pt, start, pages: 0, stopped: -1, fill: installer.fill, keep: installer.keep.bind(installer) };
  let pgdp = pgdOffset(pt, start);
  for (let addr = start, next = start; addr < end && w.stopped < 0; pgdp++, addr = next) {
    next = pgdAddrEnd(pt, addr, end);
    installP4dRange(w, pgdp, addr, next);
  }
  return { pages: w.pages, stopped: w.stopped };
}

function installP4dRange(w: Install, pgdp: Pgdp, addr: number, end: number): void {
  let p4dp = p4dAlloc(w.pt, pgdp, addr);
  for (let next = addr; addr < end && w.stopped < 0; p4dp++, addr = next) {
    next = p4dAddrEnd(w.pt, addr, end);
    installPudRange(w, p4dp, addr, next);
  }
}

function installPudRange(w: Install, p4dp: P4dp, addr: number, end: number): void {
  let pudp = pudAlloc(w.pt, p4dp, addr);
  for (let next = addr; addr < end && w.stopped < 0; pudp++, addr = next) {
    next = pudAddrEnd(w.pt, addr, end);
    if (!pudIsHuge(pudpGet(w.pt, pudp))) installPmdRange(w, pudp, addr, next);
    else if (!w.keep(pudp, PUD)) w.stopped = addr;
  }
}

function installPmdRange(w: Install, pudp: Pudp, addr: number, end: number): void {
  let pmdp = pmdAlloc(w.pt, pudp, addr);
  for (let next = addr; addr < end && w.stopped < 0; pmdp++, addr = next) {
    next = pmdAddrEnd(w.pt, addr, end);
    if (!pmdIsHuge(pmdpGet(w.pt, pmdp))) installPteRange(w, pmdp, addr, next);
    else if (!w.keep(pmdp, PMD)) w.stopped = addr;
  }
}

function installPteRange(w: Install, pmdp: Pmdp, addr: number, end: number): void {
  const { pt } = w;
  const tables = pt.tablesAt[PTE]!;
  const first = pteAllocMapLock(pt, pmdp, addr);
  const isNew = pt.tablesAt[PTE]! > tables;
  try {
    for (let ptep: number = first; addr < end && w.stopped < 0; ) {
      const n = isNew ? end - addr : emptyRun(pt, ptep, end - addr);
      pt.tally[E.slotsRead]! += n;
      if (n > 0) storeEach(pt, ptep, n, w.fill, addr - w.start);
      w.pages += n;
      addr += n;
      ptep += n;
      if (addr === end) break;
      ptepAttrs(pt, ptep);
      if (!w.keep(ptep, PTE)) w.stopped = addr;
      ptep++;
      addr++;
    }
  } finally {
    pteUnmapUnlock(pt, first);
  }
}

/** What a reader is told of a run of entries that say the same, with the attributes of a leaf as `ptep_get` reports them. */
type UseRun = (slot: number, addr: number, nr: number, kind: Kind, attrs: number) => void;

/** The loop of a reader over the entries of a table: a `ptep_get` for each, in runs where they are no contiguous block. */
function readPtes(pt: PageTable, slot: number, addr: number, nr: number, use: UseRun): void {
  for (let i = 0; i < nr; ) {
    const n = alikeRun(pt, slot + i, nr - i);
    const attrs = ptepAttrs(pt, slot + i);
    pt.tally[E.slotsRead]! += n - 1;
    use(slot + i, addr + i, n, pt.kind(slot + i, PTE), attrs);
    i += n;
  }
}

function countPages(pt: PageTable, start: number, end: number): PageCounts {
  const counts = newCounts();
  visitPageRange(pt, start, end, {
    readsOnly: true,
    huge: (slot, level, from, to) => {
      if (pt.kind(slot, level) === Kind.leaf) addPages(counts, to - from, pt.attrs(slot, level));
    },
    ptes: (slot, from, nr) =>
      readPtes(pt, slot, from, nr, (_slot, _addr, n, kind, attrs) => {
        if (kind === Kind.leaf) addPages(counts, n, attrs);
      }),
  });
  return counts;
}

function pagemap(pt: PageTable, start: number, end: number): Pagemap {
  const map = newPagemap(end - start);
  visitPageRange(pt, start, end, {
    readsOnly: true,
    huge: (slot, level, from, to) => {
      const pfn = pt.pfn(slot, level) + (from % pt.span[level]!);
      if (pt.kind(slot, level) === Kind.softleaf) putSoftleaf(map, from - start, to - from, pt, slot);
      else putPresent(map, from - start, to - from, pfn, pt.attrs(slot, level));
    },
    ptes: (slot, from, nr) =>
      readPtes(pt, slot, from, nr, (at, addr, n, kind, attrs) => {
        if (kind === Kind.leaf) putLeaves(map, addr - start, n, pt, at, attrs);
        else if (kind === Kind.softleaf) putSoftleaf(map, addr - start, n, pt, at);
      }),
  });
  return map;
}

function mincore(pt: PageTable, start: number, end: number, vec?: Uint8Array): Uint8Array {
  const resident = newResident(end - start, vec);
  visitPageRange(pt, start, end, {
    readsOnly: true,
    huge: (slot, level, from, to) =>
      void resident.fill(isResident(pt.kind(slot, level)) ? 1 : 0, from - start, to - start),
    ptes: (slot, from, nr) =>
      readPtes(pt, slot, from, nr, (_slot, addr, n, kind) => {
        if (isResident(kind)) resident.fill(1, addr - start, addr - start + n);
      }),
  });
  return resident;
}

/** The nests of Linux today. */
export const folded: Design = {
  name: "folded",
  idea: "a function for each of five levels, and levels that a format lacks folded into the one above",
  source: "mm/memory.c and include/asm-generic/pgtable-nop?d.h, Linux 6.18",
  find,
  findOrMake,
  visit: visitPageRange,
  install: installPageRange,
  countPages,
  pagemap,
  mincore,
  copyRange: copyPageRange,
};
