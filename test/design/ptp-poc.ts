/**
 * The proof of concept of 2018 in its own logic, with what is wrong in it left wrong: for tests that show each defect at work.
 * The design that ptlab offers is `src/design/ptp.ts`; nothing but a test may use this file.
 *
 * It does what the posted C does, on the words of simulated tables, with the bits of x86-64 as the posted code has them.
 * Places that the text marks as to be done end in {@link PocBug}. Not here: highmem, paravirtual hooks, memory control groups.
 * Source: Kirill A. Shutemov, "Proof-of-concept: better(?) page-table manipulation API", linux-mm, 2018-04-24.
 */
import type { PageTable } from "../../src/pgtable/pagetable.ts";

/** `BUG()` of the posted code. */
export class PocBug extends Error {}

/** The copy went round more often than a test is ready to wait for. */
export class PocSpins extends Error {}

const PRESENT = 1 << 0;
const USER = 1 << 2;
const PSE = 1 << 7;
/** P, RW, US, A, D. */
const PAGE_TABLE = 0x67;
/** The same for the kernel alone. */
const KERNPG_TABLE = 0x63;
const FLAGS_LO = 0xfff;
const FLAGS_HI = 0xfff00000 | 0;
const FRAME_HI = 0x000fffff;

const SPLIT_LOCK_LEVELS = 2;
const ACCOUNT_LEVELS = 3;
const ENOMEM = 12;

/** `ptp_t`. */
export interface PocPtp {
  slot: number;
  lvl: number;
}

/** `ptv_t`. */
export interface PocPtv {
  lo: number;
  hi: number;
  lvl: number;
}

/** What the posted code needs of an address space, and what a test wants to see of it. */
export interface PocMm {
  readonly pt: PageTable;
  /** Bytes that `mm_accout_pt` has added. */
  pgtablesBytes: number;
  /** Pages that `alloc_page` still gives. */
  pagesLeft: number;
  /** Table pages that were allocated and not freed. */
  readonly pages: Set<number>;
  /** Those of them that have a lock object of their own. */
  readonly ptlocks: Set<number>;
}

/** An address space of the posted code around an empty tree. */
export function pocMm(pt: PageTable, pagesLeft = Infinity): PocMm {
  return { pt, pgtablesBytes: 0, pagesLeft, pages: new Set(), ptlocks: new Set() };
}

/** `PT_TOP_LEVEL`: 5 or 4. */
function topLevel(mm: PocMm): number {
  return mm.pt.levels;
}

/** `get_ptv`: two plain reads where the machine's word is half an entry. */
export function getPocPtv(mm: PocMm, ptp: PocPtp): PocPtv {
  return { lo: mm.pt.lo(ptp.slot), hi: mm.pt.hi(ptp.slot), lvl: ptp.lvl };
}

/** `ptv_none`. */
export function pocNone(ptv: PocPtv): boolean {
  return ptv.lo === 0 && ptv.hi === 0;
}

/** `ptv_present`. */
export function pocPresent(ptv: PocPtv): boolean {
  return (ptv.lo & PRESENT) !== 0;
}

/** `ptv_bad`. */
export function pocBad(ptv: PocPtv): boolean {
  if (ptv.lvl === 0) return false;
  return (ptv.lo & FLAGS_LO & ~USER) !== KERNPG_TABLE || (ptv.hi & FLAGS_HI) !== 0;
}

/** `ptv_swap`. */
export function pocSwap(ptv: PocPtv): boolean {
  return !pocNone(ptv) && !pocPresent(ptv);
}

/** `ptv_leaf`, without device memory. */
export function pocLeaf(ptv: PocPtv): boolean {
  if (pocNone(ptv)) return false;
  return ptv.lvl === 0 || (ptv.lo & PSE) !== 0 || pocSwap(ptv);
}

/** `ptv_pfn`. */
export function pocPfn(ptv: PocPtv): number {
  if (pocLeaf(ptv)) throw new PocBug("ptv_pfn of a leaf");
  return (ptv.lo >>> 12) + (ptv.hi & FRAME_HI) * 2 ** 20;
}

/** `ptv_addr_end`, in pages. */
function addrEnd(mm: PocMm, ptv: PocPtv, addr: number, end: number): number {
  const size = mm.pt.span[ptv.lvl]!;
  return Math.min((Math.floor(addr / size) + 1) * size, end);
}

/** `ptp_init`: the address of the top table serves as that of the entry which points to it. */
export function pocInit(mm: PocMm): PocPtp {
  return { slot: mm.pt.slot(mm.pt.root, 0, topLevel(mm) - 1), lvl: topLevel(mm) };
}

/** `ptp_convert`: name of the old type whose pointer is set. */
export function pocConvert(mm: PocMm, ptp: PocPtp): "pgd" | "p4d" | "pud" | "pmd" | "pte" | "none" {
  const l5 = topLevel(mm) === 5;
  if (ptp.lvl === 3) return l5 ? "pgd" : "p4d";
  return (["pte", "pmd", "pud", "none", "pgd"] as const)[ptp.lvl] ?? "none";
}

/** `ptp_none_or_clear_bad`. */
function noneOrClearBad(mm: PocMm, ptp: PocPtp): boolean {
  const ptv = getPocPtv(mm, ptp);
  if (pocNone(ptv)) return true;
  if (!pocBad(ptv)) return false;
  mm.pt.write(ptp.slot, 0, 0);
  return true;
}

/** `ptp_walk` with `ptp_page_vaddr`: the entry is read here, whatever its reader knew of it before. */
export function pocWalk(mm: PocMm, ptp: PocPtp, addr: number): void {
  const { pt } = mm;
  const word = getPocPtv(mm, ptp);
  const pfn = (word.lo >>> 12) + (word.hi & FRAME_HI) * 2 ** 20;
  const table = ptp.lvl === topLevel(mm) ? pt.tableOf(ptp.slot) : pt.tables.tableOf(pfn);
  ptp.lvl--;
  ptp.slot = pt.slot(table, addr, ptp.lvl);
}

/** `ptp_lock`; returns what drops it. */
function lock(mm: PocMm, ptp: PocPtp): () => void {
  const [table, lvl] = [mm.pt.tableOf(ptp.slot), ptp.lvl];
  mm.pt.locks.take(table, lvl);
  return () => mm.pt.locks.drop(table, lvl);
}

/** `ptp_alloc_one`: a zeroed page, with a lock object if it is to be a table of level 0 or 1; its address without any flags. */
function allocOne(mm: PocMm, ptp: PocPtp): PocPtv {
  if (mm.pagesLeft-- <= 0) return { lo: 0, hi: 0, lvl: 0 };
  if (ptp.lvl === 0) throw new PocBug("a table below level 0");
  const table = mm.pt.tables.alloc(0, 0);
  mm.pages.add(table);
  if (ptp.lvl <= SPLIT_LOCK_LEVELS) mm.ptlocks.add(table);
  const pfn = mm.pt.tables.pfnOf(table);
  return { lo: pfn << 12, hi: Math.floor(pfn / 2 ** 20), lvl: ptp.lvl };
}

/** `ptp_free`. */
export function pocFree(mm: PocMm, ptv: PocPtv): void {
  if (ptv.lvl < SPLIT_LOCK_LEVELS) mm.ptlocks.delete(mm.pt.tables.tableOf(pocPfn(ptv)));
}

/** `ptp_alloc`: true for want of memory. `raced` is what another thread does before the lock is held. */
export function pocAlloc(mm: PocMm, ptp: PocPtp, raced?: () => void): boolean {
  const made = allocOne(mm, ptp);
  if (pocNone(made)) return true;
  raced?.();
  const unlock = lock(mm, ptp);
  if (pocNone(getPocPtv(mm, ptp))) {
    if (made.lvl <= ACCOUNT_LEVELS) mm.pgtablesBytes += 2 ** mm.pt.format.pageLg2;
    mm.pt.write(ptp.slot, made.lo | PAGE_TABLE, made.hi);
    unlock();
  } else {
    unlock();
    pocFree(mm, made);
  }
  return false;
}

/** `ptp_walk_alloc`: true for want of memory. */
export function pocWalkAlloc(mm: PocMm, ptp: PocPtp, addr: number, raced?: () => void): boolean {
  if (pocNone(getPocPtv(mm, ptp)) && pocAlloc(mm, ptp, raced)) return true;
  pocWalk(mm, ptp, addr);
  return false;
}

/** What copying needs from outside: how a leaf is copied, and the room for a swap count. */
export interface PocCopy {
  readonly dst: PocMm;
  readonly src: PocMm;
  /** `copy_pt_leaf`: true if it failed for whatever reason; `entry` is a swap entry that wants room. */
  leaf(dst: PocPtp, src: PocPtp, addr: number): { failed: boolean; entry: number };
  /** `add_swap_count_continuation`: below 0 if there is no memory. */
  continuation?(): number;
  /** How often a table may be begun again before {@link PocSpins}. */
  patience: number;
}

/** `copy_pt_range`: 0, or -ENOMEM. */
export function pocCopyPtRange(c: PocCopy, dstAt: PocPtp, srcAt: PocPtp, start: number, end: number): number {
  const [dst, src] = [{ ...dstAt }, { ...srcAt }];
  let [addr, progress] = [start, 0];
  if (pocWalkAlloc(c.dst, dst, addr)) return -ENOMEM;
  pocWalk(c.src, src, addr);
  const bottom = src.lvl === 0;
  for (;;) {
    let entry = 0;
    const unlocks = bottom ? [lock(c.dst, dst), lock(c.src, src)] : [];
    for (; addr !== end; dst.slot++, src.slot++) {
      const ptv = getPocPtv(c.src, src);
      const next = addrEnd(c.src, ptv, addr, end);
      // Nobody else wants the processor or the locks in these tests.
      if (bottom && progress >= 32) progress = 0;
      if (pocLeaf(ptv)) {
        const copied = c.leaf(dst, src, addr);
        if (copied.failed) return -ENOMEM;
        entry = copied.entry;
        if (entry !== 0) break;
        progress += 8;
      } else if (noneOrClearBad(c.src, src)) progress++;
      else if (pocCopyPtRange(c, dst, src, addr, next) !== 0) break;
      addr = next;
    }
    for (const unlock of unlocks.reverse()) unlock();
    if (entry !== 0 && (c.continuation?.() ?? 0) < 0) return -ENOMEM;
    if (addr === end) return 0;
    if (c.patience-- <= 0) throw new PocSpins(`the copy begins again at page ${addr}, level ${src.lvl}`);
  }
}
