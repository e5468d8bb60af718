/**
 * The generic pagewalk: callbacks for every level, called in ascending order and parents first, with actions by which they
 * steer the walk. This file is the walk itself, level by level; the ways into it are in `pagewalk-entry.ts`.
 *
 *   level   4 PGD   3 P4D   2 PUD   1 PMD   0 PTE        depth of a hole = 4 - level
 *
 * There are always five levels. A format with fewer has the upper ones folded into its top table: they answer "not empty, not
 * bad, no leaf" without a look at memory, their callbacks are called all the same, and the lowest of them decides.
 *
 * Where this differs: callbacks are closures, so `mm_walk.private` has no counterpart; addresses are page numbers; a table is
 * always there to be mapped, unless a callback took it away. riscv and s390 fold at run time and would report the depth of a
 * folded level as it is; here the depth is that of the level in memory on every format.
 * Source: mm/pagewalk.c and include/linux/pagewalk.h, Linux 7.0; the split rule of v2 from the posting of 2024-10-20.
 */
import { Kind } from "../arch/entry.ts";
import { levelsOf, spanLg2 } from "../arch/format.ts";
import { broken } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import { populate } from "../pgtable/alloc.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { ptepAttrs } from "../pgtable/ptep.ts";
import type { Fill } from "./design.ts";
import { storeFill } from "./fill.ts";

const PMD = 1;
const PUD = 2;
const PGD = 4;

/** Who holds the mmap lock, or a VMA's own lock: nobody, readers, or one writer. */
export type WalkLockState = "none" | "read" | "write";

/** The address space as a walk needs it (mm_struct). */
export interface WalkMm {
  readonly pt: PageTable;
  readonly mmapLock: WalkLockState;
  /** The kernel's own page tables (init_mm), which have no VMAs. */
  readonly isInitMm: boolean;
  /** `find_vma`: the first VMA that ends after the page. */
  findVma(vpn: number): WalkVma | undefined;
  /** `split_huge_pmd`, `split_huge_pud`: puts a table, or nothing, in the place of an entry that is no table. */
  splitHuge(vma: WalkVma, slot: number, level: number): void;
  /** The small or the huge zero page, which is no folio to anybody (`is_zero_pfn`, `is_huge_zero_pmd`). */
  isZeroPage(pfn: number): boolean;
}

/** One VMA as a walk needs it (vm_area_struct): pages `[start, end)`. */
export interface WalkVma {
  /** `vm_mm`; null for a VMA that was taken out of its address space. */
  readonly mm: WalkMm | null;
  readonly start: number;
  readonly end: number;
  readonly pgoff: number;
  /** VM_PFNMAP: nothing behind the entries that the kernel keeps books about. */
  readonly pfnmap: boolean;
  /** Log two of the base pages in one huge page of a hugetlb VMA; -1 for any other VMA. */
  readonly hugetlbLg2: number;
  /** The per-VMA lock. A walk with WRLOCK takes it; it falls with the mmap lock. */
  lock: WalkLockState;
  /** hugetlb_vma_lock_read is held. */
  hugetlbLocked: boolean;
}

/** What pud_entry and pmd_entry may ask for: descend and split if need be, leave the entry alone, do the entry again. */
export type WalkAction = "SUBTREE" | "CONTINUE" | "AGAIN";

/** Which locks the walk expects or takes (enum page_walk_lock). */
export type WalkLock = "RDLOCK" | "WRLOCK" | "WRLOCK_VERIFY" | "VMA_RDLOCK_VERIFY";

/**
 * When a walk that installs and has no pte_entry splits a huge entry: `v2` always, although every entry that comes of it is
 * populated; `landed` never.
 */
export type InstallSplit = "v2" | "landed";

/** The state of one walk (struct mm_walk), handed to every callback. */
export interface MmWalk {
  readonly ops: MmWalkOps;
  mm: WalkMm;
  pt: PageTable;
  /** Null outside VMAs and in a walk without VMAs. */
  vma: WalkVma | null;
  /** The top table, or -1 for that of `pt` (`mm_walk.pgd`). */
  readonly pgd: number;
  /** Walks whatever is there and takes no lock. */
  readonly noVma: boolean;
  readonly installSplit: InstallSplit;
  action: WalkAction;
}

/**
 * Where install_pte puts the new entry: a `pte_t` on the walker's stack. It is no slot, and no function for slots takes it; in C
 * both are `pte_t *`, so an arch helper that looks at the entry's neighbours can be handed it and reads the stack.
 */
export class StackPte {
  /** What the walker is to store. A frame number is that of this very page. */
  pte: Fill | null = null;
}

/** A callback for one entry: its slot, and the pages `[addr, next)` that are walked under it. 0 goes on, all else stops. */
export type EntryCallback = (slot: number, addr: number, next: number, walk: MmWalk) => number;

/** The callbacks (struct mm_walk_ops). All may be left out. Below 0 is an error, above 0 a stop; both are handed to the caller. */
export interface MmWalkOps {
  readonly walkLock: WalkLock;
  /** Each entry that is not empty; of a folded level, each. The actions count for pudEntry and pmdEntry alone. */
  readonly pgdEntry?: EntryCallback | undefined;
  readonly p4dEntry?: EntryCallback | undefined;
  readonly pudEntry?: EntryCallback | undefined;
  /** Must cope with a huge entry: it is asked before anything is split. */
  readonly pmdEntry?: EntryCallback | undefined;
  /** Each slot of a PTE table, empty or not; only those not empty when there is an installPte. */
  readonly pteEntry?: EntryCallback | undefined;
  /** An empty entry above the PTE table, at that depth; -1 for what lies outside VMAs or in one that is not walked. */
  readonly pteHole?: ((addr: number, next: number, depth: number, walk: MmWalk) => number) | undefined;
  /** Each huge page of a hugetlb VMA; `lg2` is its size in pages (in place of hmask), `slot` its first entry. */
  readonly hugetlbEntry?: ((slot: number, lg2: number, addr: number, next: number, walk: MmWalk) => number) | undefined;
  /** Before a VMA: 0 walks it, above 0 skips it, below 0 ends the walk. */
  readonly testWalk?: ((addr: number, next: number, walk: MmWalk) => number) | undefined;
  readonly preVma?: ((start: number, end: number, walk: MmWalk) => number) | undefined;
  /** After a VMA, also if the walk of it failed, whatever the kernel's header says. */
  readonly postVma?: ((walk: MmWalk) => void) | undefined;
  /** Fills the copy for an empty slot; the walker stores it. Missing tables are made on the way. */
  readonly installPte?: ((addr: number, next: number, copy: StackPte, walk: MmWalk) => number) | undefined;
}

/**
 * A walk that installs and has no pteEntry met an entry. The kernel calls a null pointer there; its one user has both callbacks.
 */
export class InstallOverEntry extends Error {
  override readonly name = "InstallOverEntry";
  readonly slot: number;
  readonly page: number;

  constructor(slot: number, page: number) {
    super(`installPte without pteEntry met an entry: page ${page}, slot ${slot}`);
    this.slot = slot;
    this.page = page;
  }
}

/** The entry callbacks by level, the PTE first. */
export const WALK_ENTRY_NAMES = ["pteEntry", "pmdEntry", "pudEntry", "p4dEntry", "pgdEntry"] as const;

/** One call through a pointer of mm_walk_ops; those left out are not called and cost nothing. */
function callEntry(walk: MmWalk, level: number, slot: number, addr: number, next: number): number {
  const name = WALK_ENTRY_NAMES[level]!;
  if (walk.ops[name] === undefined) return 0;
  walk.pt.tally[E.indirectCalls]!++;
  return walk.ops[name](slot, addr, next, walk);
}

/** Reports a hole; `depth` is 0 for the PGD to 3 for the PMD, -1 where no level applies. */
export function callHole(walk: MmWalk, addr: number, next: number, depth: number): number {
  if (walk.ops.pteHole === undefined) return 0;
  walk.pt.tally[E.indirectCalls]!++;
  return walk.ops.pteHole(addr, next, depth, walk);
}

/** `real_depth`: a hole in a folded level is one in the table that all folded levels share, the PGD. */
function realDepth(pt: PageTable, level: number): number {
  return level >= pt.levels - 1 ? 0 : PGD - level;
}

/** Kind of an entry as one look at it gives it (`pmdp_get` and kin). A folded level points to a table and costs no look. */
export function pxdpGet(pt: PageTable, slot: number, level: number): Kind {
  if (level >= pt.levels) return Kind.table;
  pt.tally[E.slotsRead]!++;
  return pt.kind(slot, level);
}

/** `pmd_offset` and kin: the slot below an entry that points to a table. Below a folded level that is the entry itself. */
function pxdOffset(pt: PageTable, slot: number, level: number, addr: number): number {
  return level >= pt.levels ? slot : pt.slot(pt.child(slot, level), addr, level - 1);
}

/** `pmd_addr_end` and kin: where the entry's pages end, or the range if that is sooner. */
function addrEnd(pt: PageTable, level: number, addr: number, end: number): number {
  const span = pt.span[Math.min(level, pt.levels - 1)]!;
  return Math.min(end, (Math.floor(addr / span) + 1) * span);
}

/** Whether any callback would be called below the level. */
function handlesBelow(ops: MmWalkOps, level: number): boolean {
  for (let l = 0; l < level; l++) if (ops[WALK_ENTRY_NAMES[l]!] !== undefined) return true;
  return false;
}

/** Walks a range from the top table (`walk_pgd_range`). Nothing that was done is undone when a callback stops it. */
export function walkPgdRange(walk: MmWalk, start: number, end: number): number {
  const { pt, pgd } = walk;
  return walkEntries(walk, PGD, pt.slot(pgd < 0 ? pt.root : pgd, start, pt.levels - 1), start, end);
}

/** `walk_pgd_range`, `walk_p4d_range`, `walk_pud_range` and `walk_pmd_range`: the loop over the entries of one table. */
function walkEntries(walk: MmWalk, level: number, first: number, start: number, end: number): number {
  const walkEntry = level > PUD ? walkUpperEntry : walkLowerEntry;
  for (let addr = start, slot = first, next = start; addr < end; addr = next, slot++) {
    next = addrEnd(walk.pt, level, addr, end);
    const err = walkEntry(walk, level, slot, addr, next);
    if (err !== 0) return err;
  }
  return 0;
}

/** One PGD or P4D entry: it is never huge, and the actions do not count. */
function walkUpperEntry(walk: MmWalk, level: number, slot: number, addr: number, next: number): number {
  const { pt, ops } = walk;
  const installs = ops.installPte !== undefined;
  if (pxdNoneOrClearBad(pt, slot, level)) {
    if (!installs) return callHole(walk, addr, next, realDepth(pt, level));
    populate(pt, slot, level);
  }
  const err = callEntry(walk, level, slot, addr, next);
  if (err !== 0 || !(installs || handlesBelow(ops, level))) return err;
  return walkEntries(walk, level - 1, pxdOffset(pt, slot, level, addr), addr, next);
}

/** `pgd_none_or_clear_bad`: what is neither empty nor a table is cleared, and then is empty. */
function pxdNoneOrClearBad(pt: PageTable, slot: number, level: number): boolean {
  const kind = pxdpGet(pt, slot, level);
  if (kind !== Kind.none && kind !== Kind.table) pt.clear(slot, 1, level);
  return kind !== Kind.table;
}

/**
 * One PUD or PMD entry, as often as AGAIN asks for it. An AGAIN that ends in a hole is not set back, as in the source: if no
 * entry comes behind it, the PUD above finds it and walks its PMDs once more.
 */
function walkLowerEntry(walk: MmWalk, level: number, slot: number, addr: number, next: number): number {
  const { pt, ops } = walk;
  for (;;) {
    if (pxdpGet(pt, slot, level) === Kind.none) {
      if (ops.installPte === undefined) return callHole(walk, addr, next, realDepth(pt, level));
      populate(pt, slot, level);
    }
    const err = askEntry(walk, level, slot, addr, next);
    if (err !== 0) return err;
    if (isAgain(walk)) continue;
    if (walk.action === "CONTINUE" || !goesBelow(walk, level, slot)) return 0;
    const below = level === PUD ? walkPmdTable(walk, slot, addr, next) : walkPteRange(walk, slot, addr, next);
    if (below !== 0 || !isAgain(walk)) return below;
  }
}

function isAgain(walk: MmWalk): boolean {
  return walk.action === "AGAIN";
}

/** Each entry starts with SUBTREE, whatever the one before asked for. */
function askEntry(walk: MmWalk, level: number, slot: number, addr: number, next: number): number {
  walk.action = "SUBTREE";
  return callEntry(walk, level, slot, addr, next);
}

/** Whether there is anything to do below an entry; if so, a huge one is split, or skipped in a walk without VMAs. */
function goesBelow(walk: MmWalk, level: number, slot: number): boolean {
  const { pt, ops, vma } = walk;
  if (!handlesBelow(ops, level)) {
    if (ops.installPte === undefined) return false;
    // Only installing: a present huge page leaves no empty slot, so splitting it would be for nothing.
    if (walk.installSplit === "landed" && pxdpGet(pt, slot, level) === Kind.leaf) return false;
  }
  const kind = pxdpGet(pt, slot, level);
  if (vma === null) return kind === Kind.table;
  if (kind === Kind.leaf || kind === Kind.softleaf) splitHuge(walk, vma, level, slot);
  return true;
}

function splitHuge(walk: MmWalk, vma: WalkVma, level: number, slot: number): void {
  walk.mm.splitHuge(vma, slot, level);
  const kind = walk.pt.kind(slot, level);
  // The walk would come back to it for ever.
  if (kind === Kind.leaf || kind === Kind.softleaf) broken(`slot ${slot} of level ${level} is huge after its split`);
}

/** The head of `walk_pmd_range`: a PUD entry that turned into something else is done again (split, then refaulted). */
function walkPmdTable(walk: MmWalk, pud: number, addr: number, end: number): number {
  const { pt } = walk;
  if (pxdpGet(pt, pud, PUD) !== Kind.table) {
    walk.action = "AGAIN";
    return 0;
  }
  return walkEntries(walk, PMD, pxdOffset(pt, pud, PUD, addr), addr, end);
}

/** `walk_pte_range`: one lock for the whole run of callbacks; none in a walk without VMAs. */
function walkPteRange(walk: MmWalk, pmd: number, addr: number, end: number): number {
  const { pt } = walk;
  const pte = walk.noVma ? pteOffsetMap(pt, pmd, addr) : walkPteOffsetMapLock(pt, pmd, addr);
  if (pte < 0) {
    walk.action = "AGAIN";
    return 0;
  }
  try {
    return walkPteRangeInner(walk, pte, addr, end);
  } finally {
    if (!walk.noVma) walkPteUnmapUnlock(pt, pte);
  }
}

/** `walk_pte_range_inner`: one call for each slot. */
function walkPteRangeInner(walk: MmWalk, first: number, start: number, end: number): number {
  const { pt, ops } = walk;
  if (ops.installPte === undefined) return enterAll(walk, first, start, end);
  const copy = new StackPte();
  for (let addr = start, pte = first; addr < end; addr++, pte++) {
    const err = isPteNone(pt, pte) ? installOne(walk, pte, addr, copy) : enterOne(walk, pte, addr);
    if (err !== 0) return err;
  }
  return 0;
}

/** Without installPte nobody but the callback looks at the slots. Its calls are counted together, also where one of them throws. */
function enterAll(walk: MmWalk, first: number, start: number, end: number): number {
  const { pteEntry } = walk.ops;
  if (pteEntry === undefined) return enterOne(walk, first, start);
  let called = 0;
  try {
    for (let pte = first; called < end - start; pte++) {
      const addr = start + called++;
      const err = pteEntry(pte, addr, addr + 1, walk);
      if (err !== 0) return err;
    }
    return 0;
  } finally {
    walk.pt.tally[E.indirectCalls]! += called;
  }
}

/** `pte_none(ptep_get(pte))`. */
function isPteNone(pt: PageTable, pte: number): boolean {
  ptepAttrs(pt, pte);
  return pt.kind(pte, 0) === Kind.none;
}

/** The callback fills a copy, the walker stores it: one entry at a time, never a run. */
function installOne(walk: MmWalk, pte: number, addr: number, copy: StackPte): number {
  const { pt, ops } = walk;
  copy.pte = null;
  pt.tally[E.indirectCalls]!++;
  const err = ops.installPte!(addr, addr + 1, copy, walk);
  if (err !== 0) return err;
  if (copy.pte === null) broken(`installPte said nothing of page ${addr}: the stack's old contents would be stored`);
  storeFill(pt, pte, 1, copy.pte, 0);
  return 0;
}

function enterOne(walk: MmWalk, pte: number, addr: number): number {
  const { pt, ops } = walk;
  if (ops.pteEntry === undefined) throw new InstallOverEntry(pte, addr);
  pt.tally[E.indirectCalls]!++;
  return ops.pteEntry(pte, addr, addr + 1, walk);
}

/** `pte_offset_map`: the slot of a page in the PTE table below a PMD entry, or -1 if there is no table. */
function pteOffsetMap(pt: PageTable, pmd: number, addr: number): number {
  return pxdpGet(pt, pmd, PMD) === Kind.table ? pxdOffset(pt, pmd, PMD, addr) : -1;
}

/** `pte_offset_map_lock`: the same with the table's lock held, and the entry looked at again under it. */
export function walkPteOffsetMapLock(pt: PageTable, pmd: number, addr: number): number {
  const pte = pteOffsetMap(pt, pmd, addr);
  if (pte < 0) return -1;
  pt.locks.take(pt.tableOf(pte), 0);
  // No other thread is there to free the table in between, so what `pmd_same` finds is known.
  pt.tally[E.slotsRead]!++;
  return pte;
}

/** `pte_unmap_unlock`: drops the lock of the table that the slot is part of. */
export function walkPteUnmapUnlock(pt: PageTable, pte: number): void {
  pt.locks.drop(pt.tableOf(pte), 0);
}

/** `walk_hugetlb_range`: huge pages as what they are, whatever entries they are made of; none is split. */
export function walkHugetlbRange(walk: MmWalk, vma: WalkVma, start: number, end: number): number {
  vma.hugetlbLocked = true;
  try {
    for (let addr = start, next = start; addr < end; addr = next) {
      next = Math.min(end, addr - (addr % 2 ** vma.hugetlbLg2) + 2 ** vma.hugetlbLg2);
      const err = walkHugetlbPage(walk, vma.hugetlbLg2, addr, next);
      if (err !== 0) return err;
    }
    return 0;
  } finally {
    vma.hugetlbLocked = false;
  }
}

/** Without a table for it a huge page is a hole; an empty entry in a table is an entry (`huge_pte_offset`). */
function walkHugetlbPage(walk: MmWalk, lg2: number, addr: number, next: number): number {
  const { pt, ops } = walk;
  const slot = pt.find(addr - (addr % 2 ** lg2), hugetlbLevel(pt, lg2));
  if (slot < 0) return callHole(walk, addr, next, -1);
  pt.tally[E.indirectCalls]!++;
  return ops.hugetlbEntry!(slot, lg2, addr, next, walk);
}

/** Level of the entries that make up a huge page: above its own size are none, and a block of contiguous ones is below. */
function hugetlbLevel(pt: PageTable, lg2: number): number {
  let level = levelsOf(pt.format) - 1;
  while (spanLg2(pt.format, level) > lg2) level--;
  return level;
}
