/**
 * What Linux's headers say of page tables: a function for each of five levels. A format with fewer folds the others: their
 * "table" has one entry, which is the entry above itself. The nests of loops that are written with it are in `folded.ts`.
 *
 *   levels   pgd_     p4d_     pud_     pmd_     pte_        the functions of a level read
 *   5        PGD      P4D      PUD      PMD      PTE
 *   4        -        PGD      PUD      PMD      PTE         - : nothing. Never none, never bad, always present,
 *   3        -        -        PGD      PMD      PTE             so that the level below decides, with the same
 *   2        -        -        -        PGD      PTE             pointer in its hand
 *
 * Hence the oddities: with 4 levels the entries of the PGD are asked with `p4d_none`, and a leaf of 4M in the PGD of a tree
 * of 2 levels is a `pmd_leaf`. Which levels fold is a number here, as on riscv and s390, and not a header.
 * Not modelled: tables that cannot be had, kmap of PTE tables, the log in which Linux complains of a bad entry.
 * Source: include/linux/pgtable.h, include/asm-generic/pgtable-nop4d.h, -nopud.h and -nopmd.h, __pte_offset_map_lock of
 * mm/pgtable-generic.c, Linux 6.18.
 */
import { Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { populate } from "../pgtable/alloc.ts";
import type { PageTable } from "../pgtable/pagetable.ts";

type Pointer<T extends string> = number & { readonly pointsTo: T };
type Value<T extends string> = Kind & { readonly of: T };

/** `pgd_t *`: the slot of an entry of the top table. */
export type Pgdp = Pointer<"pgd">;
/** `p4d_t *`: the slot of a P4D, or of the PGD that it is folded into. */
export type P4dp = Pointer<"p4d">;
/** `pud_t *`: the slot of a PUD, or of what it is folded into. */
export type Pudp = Pointer<"pud">;
/** `pmd_t *`: the slot of a PMD, or of what it is folded into. */
export type Pmdp = Pointer<"pmd">;
/** `pte_t *`: the slot of a PTE. */
export type Ptep = Pointer<"pte">;

/** `pgd_t`: what the entry says. Its words stay in the table, since a value of two words would be an object. */
export type Pgd = Value<"pgd">;
/** `p4d_t`: what the entry says. */
export type P4d = Value<"p4d">;
/** `pud_t`: what the entry says. */
export type Pud = Value<"pud">;
/** `pmd_t`: what the entry says. */
export type Pmd = Value<"pmd">;

/** Level of a PTE. */
export const PTE = 0;
/** Level of a PMD. */
export const PMD = 1;
/** Level of a PUD, where a format has one. */
export const PUD = 2;
/** Level of a P4D, where a format has one. */
export const P4D = 3;
/** Level of a PGD where no name is folded; elsewhere the top table has a lower one. */
export const PGD = 4;

// Which levels are folded, and what it is to read an entry that does not exist.

/** `__PAGETABLE_P4D_FOLDED`: fewer than 5 levels. */
export const p4dFolded = (pt: PageTable): boolean => pt.levels < 5;
/** `__PAGETABLE_PUD_FOLDED`: fewer than 4 levels. */
export const pudFolded = (pt: PageTable): boolean => pt.levels < 4;
/** `__PAGETABLE_PMD_FOLDED`: 2 levels. */
export const pmdFolded = (pt: PageTable): boolean => pt.levels < 3;

/** The one entry of a folded table: a table is below it, whatever the word says that both share. */
const FOLDED = Kind.table;

function read(pt: PageTable, slot: number, level: number): Kind {
  pt.tally[E.slotsRead]!++;
  return pt.kind(slot, level);
}

/** `pgdp_get`: reads an entry of the PGD; costs nothing where P4Ds are folded into it. */
export const pgdpGet = (pt: PageTable, pgdp: Pgdp) => (p4dFolded(pt) ? FOLDED : read(pt, pgdp, PGD)) as Pgd;
/** `p4dp_get`: reads an entry of level 3; costs nothing where PUDs are folded into it. */
export const p4dpGet = (pt: PageTable, p4dp: P4dp) => (pudFolded(pt) ? FOLDED : read(pt, p4dp, P4D)) as P4d;
/** `pudp_get`: reads an entry of level 2; costs nothing where PMDs are folded into it. */
export const pudpGet = (pt: PageTable, pudp: Pudp) => (pmdFolded(pt) ? FOLDED : read(pt, pudp, PUD)) as Pud;
/** `pmdp_get`: reads an entry of level 1, which every format has. */
export const pmdpGet = (pt: PageTable, pmdp: Pmdp) => read(pt, pmdp, PMD) as Pmd;

/** `pgd_none`: the entry is empty. */
export const pgdNone = (pgd: Pgd): boolean => pgd === Kind.none;
/** `p4d_none`: the entry is empty. */
export const p4dNone = (p4d: P4d): boolean => p4d === Kind.none;
/** `pud_none`: the entry is empty. */
export const pudNone = (pud: Pud): boolean => pud === Kind.none;
/** `pmd_none`: the entry is empty. */
export const pmdNone = (pmd: Pmd): boolean => pmd === Kind.none;

/** `pgd_bad`: the entry is no pointer to a table. Asked of what is not none. */
export const pgdBad = (pgd: Pgd): boolean => pgd !== Kind.table;
/** `p4d_bad`: the entry is no pointer to a table. */
export const p4dBad = (p4d: P4d): boolean => p4d !== Kind.table;
/** `pud_bad`: the entry is no pointer to a table; a leaf is bad too. */
export const pudBad = (pud: Pud): boolean => pud !== Kind.table;
/** `pmd_bad`: the entry is no pointer to a table; a leaf is bad too. */
export const pmdBad = (pmd: Pmd): boolean => pmd !== Kind.table;

/** `pgd_present`: a table is below, or memory. */
export const pgdPresent = (pgd: Pgd): boolean => pgd === Kind.table || pgd === Kind.leaf;
/** `p4d_present`: a table is below, or memory. */
export const p4dPresent = (p4d: P4d): boolean => p4d === Kind.table || p4d === Kind.leaf;
/** `pud_present`: a table is below, or memory. */
export const pudPresent = (pud: Pud): boolean => pud === Kind.table || pud === Kind.leaf;
/** `pmd_present`: a table is below, or memory. */
export const pmdPresent = (pmd: Pmd): boolean => pmd === Kind.table || pmd === Kind.leaf;

/** `pud_leaf`: the entry maps memory. Linux has no larger ones, so there is none of P4Ds. */
export const pudLeaf = (pud: Pud): boolean => pud === Kind.leaf;
/** `pmd_leaf`: the entry maps memory. */
export const pmdLeaf = (pmd: Pmd): boolean => pmd === Kind.leaf;
/** As `pmd_is_huge`, for PUDs: a leaf, or a non-present entry that stands for one. */
export const pudIsHuge = (pud: Pud): boolean => pud === Kind.leaf || pud === Kind.softleaf;
/** `pmd_is_huge`: a leaf, or a non-present entry that stands for one. */
export const pmdIsHuge = (pmd: Pmd): boolean => pmd === Kind.leaf || pmd === Kind.softleaf;

// From one level to the next. The entry has been read and is a table: its word is not counted as read again.

/** `pgd_offset`: the top table's entry for a page. */
export function pgdOffset(pt: PageTable, vpn: number): Pgdp {
  return pt.slot(pt.root, vpn, pt.levels - 1) as Pgdp;
}

/** `p4d_offset`: the P4D for a page, or the PGD itself where P4Ds are folded. */
export function p4dOffset(pt: PageTable, pgdp: Pgdp, vpn: number): P4dp {
  return (p4dFolded(pt) ? pgdp : pt.slot(pt.child(pgdp, PGD), vpn, P4D)) as P4dp;
}

/** `pud_offset`: the PUD for a page, or the entry above itself where PUDs are folded. */
export function pudOffset(pt: PageTable, p4dp: P4dp, vpn: number): Pudp {
  return (pudFolded(pt) ? p4dp : pt.slot(pt.child(p4dp, P4D), vpn, PUD)) as Pudp;
}

/** `pmd_offset`: the PMD for a page, or the entry above itself where PMDs are folded. */
export function pmdOffset(pt: PageTable, pudp: Pudp, vpn: number): Pmdp {
  return (pmdFolded(pt) ? pudp : pt.slot(pt.child(pudp, PUD), vpn, PMD)) as Pmdp;
}

/** `pte_offset_map` and `pte_offset_map_rw_nolock`: the PTE for a page, or -1 if the PMD is no table any more. */
export function pteOffsetMap(pt: PageTable, pmdp: Pmdp, vpn: number): Ptep {
  return (pmdBad(pmdpGet(pt, pmdp)) ? -1 : pt.slot(pt.child(pmdp, PMD), vpn, PTE)) as Ptep;
}

/** `pte_offset_map_lock`: with the table's lock, under which the PMD is read once more; -1 without it if the table is gone. */
export function pteOffsetMapLock(pt: PageTable, pmdp: Pmdp, vpn: number): Ptep {
  const ptep = pteOffsetMap(pt, pmdp, vpn);
  if (ptep < 0) return ptep;
  const table = pt.tableOf(ptep);
  pt.locks.take(table, PTE);
  if (!pmdBad(pmdpGet(pt, pmdp)) && pt.child(pmdp, PMD) === table) return ptep;
  pt.locks.drop(table, PTE);
  return -1 as Ptep;
}

/** `pte_unmap_unlock`: drops the lock of the table that a PTE is in. */
export function pteUnmapUnlock(pt: PageTable, ptep: Ptep): void {
  pt.locks.drop(pt.tableOf(ptep), PTE);
}

// Where the part of a range under one entry ends. Page numbers never wrap to 0 at the end, as Linux's addresses do.

function addrEnd(pt: PageTable, level: number, addr: number, end: number): number {
  const size = pt.span[level]!;
  return Math.min((Math.floor(addr / size) + 1) * size, end);
}

/** `pgd_addr_end`: the next page at which another PGD begins, at most `end`. */
export const pgdAddrEnd = (pt: PageTable, addr: number, end: number) => addrEnd(pt, pt.levels - 1, addr, end);
/** `p4d_addr_end`: the next page at which another P4D begins; where they are folded one covers all of the PGD. */
export const p4dAddrEnd = (pt: PageTable, addr: number, end: number) =>
  p4dFolded(pt) ? end : addrEnd(pt, P4D, addr, end);
/** `pud_addr_end`: the next page at which another PUD begins; where they are folded one covers all of the entry above. */
export const pudAddrEnd = (pt: PageTable, addr: number, end: number) =>
  pudFolded(pt) ? end : addrEnd(pt, PUD, addr, end);
/** `pmd_addr_end`: the next page at which another PMD begins; where they are folded one covers all of the entry above. */
export const pmdAddrEnd = (pt: PageTable, addr: number, end: number) =>
  pmdFolded(pt) ? end : addrEnd(pt, PMD, addr, end);

// The same steps down, with tables made. An entry that is in the way gives -1, where Linux's callers look before.

/** `p4d_alloc`: the P4D for a page, in a new table if the PGD was empty. */
export function p4dAlloc(pt: PageTable, pgdp: Pgdp, vpn: number): P4dp {
  const pgd = pgdpGet(pt, pgdp);
  if (pgdNone(pgd)) populate(pt, pgdp, PGD);
  else if (pgdBad(pgd)) return -1 as P4dp;
  return p4dOffset(pt, pgdp, vpn);
}

/** `pud_alloc`: the PUD for a page, in a new table if the P4D was empty. */
export function pudAlloc(pt: PageTable, p4dp: P4dp, vpn: number): Pudp {
  const p4d = p4dpGet(pt, p4dp);
  if (p4dNone(p4d)) populate(pt, p4dp, P4D);
  else if (p4dBad(p4d)) return -1 as Pudp;
  return pudOffset(pt, p4dp, vpn);
}

/** `pmd_alloc`: the PMD for a page, in a new table if the PUD was empty. */
export function pmdAlloc(pt: PageTable, pudp: Pudp, vpn: number): Pmdp {
  const pud = pudpGet(pt, pudp);
  if (pudNone(pud)) populate(pt, pudp, PUD);
  else if (pudBad(pud)) return -1 as Pmdp;
  return pmdOffset(pt, pudp, vpn);
}

/** `pte_alloc`: whether there is a PTE table below the PMD, a new one if it was empty. */
export function pteAlloc(pt: PageTable, pmdp: Pmdp): boolean {
  const pmd = pmdpGet(pt, pmdp);
  if (pmdNone(pmd)) populate(pt, pmdp, PMD);
  return pmdNone(pmd) || !pmdBad(pmd);
}

/** `pte_alloc_map_lock`: the PTE for a page with its table's lock, or -1. */
export function pteAllocMapLock(pt: PageTable, pmdp: Pmdp, vpn: number): Ptep {
  return pteAlloc(pt, pmdp) ? pteOffsetMapLock(pt, pmdp, vpn) : (-1 as Ptep);
}

// Skipping. Linux complains of a bad entry in its log, then empties it: the next walk meets a hole.

function noneOrClearBad(pt: PageTable, slot: number, level: number, kind: Kind): boolean {
  if (kind !== Kind.none && kind !== Kind.table) pt.clear(slot, 1, level);
  return kind !== Kind.table;
}

/** `pgd_none_or_clear_bad`: whether there is nothing to go into; never so where P4Ds are folded. */
export const pgdNoneOrClearBad = (pt: PageTable, pgdp: Pgdp) => noneOrClearBad(pt, pgdp, PGD, pgdpGet(pt, pgdp));
/** `p4d_none_or_clear_bad`: whether there is nothing to go into; never so where PUDs are folded. */
export const p4dNoneOrClearBad = (pt: PageTable, p4dp: P4dp) => noneOrClearBad(pt, p4dp, P4D, p4dpGet(pt, p4dp));
/** `pud_none_or_clear_bad`: whether there is nothing to go into; never so where PMDs are folded. A leaf is lost. */
export const pudNoneOrClearBad = (pt: PageTable, pudp: Pudp) => noneOrClearBad(pt, pudp, PUD, pudpGet(pt, pudp));
/** `pmd_none_or_clear_bad`: whether there is no PTE table. A leaf is lost. */
export const pmdNoneOrClearBad = (pt: PageTable, pmdp: Pmdp) => noneOrClearBad(pt, pmdp, PMD, pmdpGet(pt, pmdp));
