/**
 * The proof of concept of 2018: a pointer to an entry that knows the entry's level, and a value of an entry that knows it too,
 * so that one function serves every level and a leaf may be at any. The root is an entry like others: CR3 taken for a table of
 * one entry, a level above the top table. This file has the primitives, `ptp-ops.ts` the operations in their terms.
 *
 * Names are those of the posted code. Addresses are virtual pages, so `__pt_shift` and `__pt_index` are `span` and `index` of
 * the page table. The defects of the text are left out; a comment stands where each would be.
 * Not modelled: kernel page-table isolation, paravirtual hooks, highmem, a table that cannot be allocated.
 * Source: Kirill A. Shutemov, "Proof-of-concept: better(?) page-table manipulation API", linux-mm, 2018-04-24.
 */
import { Kind } from "../arch/entry.ts";
import { invariant } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import { gather, isFolded } from "../pgtable/contpte.ts";
import type { PageTable } from "../pgtable/pagetable.ts";

/** Pointer to an entry of any level (`ptp_t`). It moves in place; C passes it by value where a copy is meant. */
export interface Ptp {
  slot: number;
  level: number;
}

/** Value of an entry of any level (`ptv_t`). `kind` is what its bits say, decoded once when it is read. */
export interface Ptv {
  readonly lo: number;
  readonly hi: number;
  readonly level: number;
  readonly kind: Kind;
}

/** Where the root's entry is: in a register. With no slot there is none that somebody could set. */
const CR3 = -1;

/** `ptp_init`: points to the root, which counts as an entry one level above the top table. */
export function ptpInit(pt: PageTable): Ptp {
  return { slot: CR3, level: pt.levels };
}

/**
 * `get_ptv`: the value of an entry. As `ptep_get` of arm64 has it, accessed and dirty of an entry of a contiguous block are
 * those of any entry.
 */
export function getPtv(pt: PageTable, ptp: Ptp): Ptv {
  const ptv = getPtvWord(pt, ptp);
  return pt.contpte && ptvBottom(ptv) ? withBlock(pt, ptp.slot, ptv) : ptv;
}

/**
 * The value that the word of an entry itself says, for who hands the entry on to be read anew. The posted code reads plainly,
 * so that a value can be torn. This is a single read where an entry is one word of the machine; elsewhere the low half is read
 * again until it stands still, as in `pmdp_get_lockless` of PAE.
 */
export function getPtvWord(pt: PageTable, ptp: Ptp): Ptv {
  const { slot, level } = ptp;
  // The posted code reads the first word of the top table here, as if that were the root's entry.
  if (slot === CR3) return { lo: 0, hi: 0, level, kind: Kind.table };
  pt.tally[E.slotsRead]!++;
  let lo = pt.lo(slot);
  let hi = pt.hi(slot);
  while (lo !== pt.lo(slot)) {
    lo = pt.lo(slot);
    hi = pt.hi(slot);
  }
  return { lo, hi, level, kind: pt.format.kind(lo, hi, level) };
}

function withBlock(pt: PageTable, slot: number, ptv: Ptv): Ptv {
  const attrs = ptvAttrs(pt, ptv);
  if (!isFolded(ptv.kind, attrs)) return ptv;
  const all = attrs | gather(pt, slot);
  const pfn = ptvPfn(pt, ptv);
  return { ...ptv, lo: pt.format.leafLo(pfn, all, 0), hi: pt.format.leafHi(pfn, all, 0) };
}

/** `ptv_bottom`: of level 0, below which there is nothing. */
export function ptvBottom(ptv: Ptv): boolean {
  return ptv.level === 0;
}

/** `ptv_size`: pages under the entry. */
export function ptvSize(pt: PageTable, entry: Ptv | Ptp): number {
  return pt.span[entry.level]!;
}

/** `ptv_addr_end`: where the entry after this one begins, or the end of the range if that is nearer. It asks for the level only. */
export function ptvAddrEnd(pt: PageTable, entry: Ptv | Ptp, vpn: number, end: number): number {
  const size = ptvSize(pt, entry);
  return Math.min(end, (Math.floor(vpn / size) + 1) * size);
}

/** `ptv_none`: an empty entry. The posted one compares with zero, which an empty entry of s390 is not. */
export function ptvNone(ptv: Ptv): boolean {
  return ptv.kind === Kind.none;
}

/** `ptv_present`: the entry points to a table or to memory. */
export function ptvPresent(ptv: Ptv): boolean {
  return ptv.kind === Kind.table || ptv.kind === Kind.leaf;
}

/** `ptv_leaf`: the entry maps memory, at whatever level. The posted one also says so of swap entries and markers. */
export function ptvLeaf(ptv: Ptv): boolean {
  return ptv.kind === Kind.leaf;
}

/** `ptv_huge`: a leaf above level 0. */
export function ptvHuge(ptv: Ptv): boolean {
  return ptvLeaf(ptv) && !ptvBottom(ptv);
}

/** `ptv_swap`: neither empty nor present, so a swap entry or a marker. */
export function ptvSwap(ptv: Ptv): boolean {
  return ptv.kind === Kind.softleaf;
}

/** `ptv_bad`: above level 0 and no table, so there is no way down. */
export function ptvBad(ptv: Ptv): boolean {
  return !ptvBottom(ptv) && ptv.kind !== Kind.table;
}

/** `ptv_pfn`: frame of the table or of the memory. Svnapot's entries name the first frame of their block, wherever they are. */
export function ptvPfn(pt: PageTable, ptv: Ptv): number {
  const { lo, hi, level } = ptv;
  return ptvLeaf(ptv) ? pt.format.pfn(lo, hi, level) : pt.format.tablePfn(lo, hi, level);
}

/** Attributes of a leaf (`pte_young` and kin). */
export function ptvAttrs(pt: PageTable, ptv: Ptv): number {
  return pt.format.attrs(ptv.lo, ptv.hi, ptv.level);
}

/** `ptp_convert`: name of the type that the kernel has for entries of this level: "pte" to "pgd". The posted one mixes up level 3. */
export function ptpConvert(pt: PageTable, ptp: Ptp): string {
  return ptp.slot === CR3 ? "none" : pt.format.levelNames[ptp.level]!.toLowerCase();
}

/** `ptp_next`: the entry after this one in its table, or `nr` after it. */
export function ptpNext(ptp: Ptp, nr = 1): void {
  ptp.slot += nr;
}

/** `ptp_prev`: the entry before this one in its table. */
export function ptpPrev(ptp: Ptp): void {
  ptp.slot--;
}

/**
 * `ptp_walk`: one level down, to the entry for a page in the table that the value points to. The posted one takes no value
 * but reads the entry a second time, which may by then be another than the one that was checked.
 */
export function ptpWalk(pt: PageTable, ptp: Ptp, ptv: Ptv, vpn: number): void {
  const table = ptp.slot === CR3 ? pt.root : pt.tables.tableOf(ptvPfn(pt, ptv));
  ptp.level--;
  ptp.slot = pt.slot(table, vpn, ptp.level);
}

/** `ptp_lock`: the lock that guards the entry: its table's own at levels 0 and 1, above them that of the address space. */
export function ptpLock(pt: PageTable, ptp: Ptp): void {
  pt.locks.take(pt.tableOf(ptp.slot), ptp.level);
}

/** `ptp_unlock_unmap`: drops that lock. */
export function ptpUnlock(pt: PageTable, ptp: Ptp): void {
  pt.locks.drop(pt.tableOf(ptp.slot), ptp.level);
}

/** `ptp_set`: stores a value of the same level; the lock is held. */
export function ptpSet(pt: PageTable, ptp: Ptp, ptv: Ptv): void {
  invariant(
    ptp.level === ptv.level && ptp.slot !== CR3,
    `a value of level ${ptv.level} is stored at level ${ptp.level}`,
  );
  pt.write(ptp.slot, ptv.lo, ptv.hi);
  pt.tally[E.slotsWritten]!++;
}

/** `ptp_populate`: makes the entry point to a table; the lock is held. */
export function ptpPopulate(pt: PageTable, ptp: Ptp, table: number): void {
  pt.link(ptp.slot, table, ptp.level);
}

/**
 * `ptp_alloc`: gives an empty entry a table. It is allocated without the lock, so another thread may be faster: the loser gives
 * the whole table back, of which the posted code frees the lock alone. `raced`, for experiments, is what the other does.
 *
 * The posted code accounts entries up to level 3, so tables up to level 2. `makeTable` counts by level to the same end.
 */
export function ptpAlloc(pt: PageTable, ptp: Ptp, raced?: () => void): void {
  const table = pt.makeTable(ptp.level - 1);
  raced?.();
  ptpLock(pt, ptp);
  const won = ptvNone(getPtv(pt, ptp));
  if (won) ptpPopulate(pt, ptp, table);
  ptpUnlock(pt, ptp);
  if (!won) pt.dropTable(table, ptp.level - 1);
}

/**
 * `ptp_walk_alloc`: one level down, making the table if the entry has none. False, with the pointer where it was, if a leaf or
 * a non-present entry is in the way; the posted one does not look, and returns true for want of memory.
 */
export function ptpWalkAlloc(pt: PageTable, ptp: Ptp, vpn: number, raced?: () => void): boolean {
  let ptv = getPtv(pt, ptp);
  if (ptvNone(ptv)) {
    ptpAlloc(pt, ptp, raced);
    ptv = getPtv(pt, ptp);
  }
  if (ptvBad(ptv)) return false;
  ptpWalk(pt, ptp, ptv, vpn);
  return true;
}
