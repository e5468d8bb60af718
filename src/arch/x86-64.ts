/**
 * x86-64 page tables with 4 levels: 48-bit addresses, 4K pages, 2M and 1G leaves.
 * Not modelled: protection keys, PAT and cache attributes, global entries, encryption bits, 5 levels.
 * Source: Intel SDM volume 3A section 4.5; arch/x86/include/asm/pgtable_types.h and pgtable_64.h of Linux 6.18.
 *
 *    63 62-59 58        52 51                           12 11 10  9   8   7  6 5  4   3   2   1   0
 *   +--+-----+--+---------+-------------------------------+--+--+---+---+---+-+-+---+---+---+---+---+
 *   |NX|pkey |SD|  soft   | frame number                  |so|uf|spe|G  |PSE|D|A|PCD|PWT|US |RW |P  |
 *   +--+-----+--+---------+-------------------------------+--+--+---+---+---+-+-+---+---+---+---+---+
 *   SD: "saved dirty", where Linux keeps the dirty state of an entry that is not writable (_PAGE_SAVED_DIRTY).
 *   G without P: PROT_NONE (_PAGE_PROTNONE); then the frame number is stored inverted (L1TF, pgtable-invert.h).
 *   Levels: 0 page table, 1 page directory, 2 page-directory-pointer table, 3 PML4.
 *   Swap entry: type in 59-63, offset inverted in 9-58, soft-dirty in 1; bits 0, 7 and 8 zero (pgtable_64.h).
 */
import { A, Kind } from "./entry.ts";
import type { Format } from "./format.ts";

const P = 1 << 0;
const RW = 1 << 1;
const US = 1 << 2;
const ACCESSED = 1 << 5;
const DIRTY = 1 << 6;
const PSE = 1 << 7;
const PROTNONE = 1 << 8;
const SPECIAL = 1 << 9;
const UFFD_WP = 1 << 10;
const SOFT_DIRTY = 1 << 11;
/** In the high word: bits 58 and 63. */
const SAVED_DIRTY = 1 << 26;
const NX = 1 << 31;

const PFN_LO = 0xfffff000 | 0;
const PFN_HI = 0x000fffff;
const PFN_LO_SPAN = 2 ** 20;

/** `_KERNPG_TABLE`/`_PAGE_TABLE`: present, writable, user, accessed, dirty. */
const TABLE = P | RW | US | ACCESSED | DIRTY;

/** PROT_NONE is the one leaf whose frame number is stored inverted. */
function invert(lo: number): number {
  return lo & P ? 0 : -1;
}

function leafLo(pfn: number, attrs: number, level: number): number {
  const none = attrs & A.protnone;
  let lo = none ? PROTNONE : P | US;
  if (attrs & A.write) lo |= RW | (attrs & A.dirty ? DIRTY : 0);
  if (attrs & A.young) lo |= ACCESSED;
  if (attrs & A.special) lo |= SPECIAL;
  if (attrs & A.uffdWp) lo |= UFFD_WP;
  if (attrs & A.softDirty) lo |= SOFT_DIRTY;
  if (level > 0) lo |= PSE;
  return lo | (((pfn << 12) ^ invert(lo)) & PFN_LO);
}

function leafHi(pfn: number, attrs: number): number {
  const none = attrs & A.protnone;
  let hi = attrs & A.exec || none ? 0 : NX;
  if (attrs & A.dirty && !(attrs & A.write)) hi |= SAVED_DIRTY;
  return hi | ((Math.floor(pfn / PFN_LO_SPAN) ^ (none ? -1 : 0)) & PFN_HI);
}

function attrs(lo: number, hi: number): number {
  let a = 0;
  if (lo & RW) a |= A.write;
  if (lo & DIRTY || hi & SAVED_DIRTY) a |= A.dirty;
  if (lo & ACCESSED) a |= A.young;
  if (!(hi & NX)) a |= A.exec;
  if (!(lo & P)) a |= A.protnone;
  if (lo & SPECIAL) a |= A.special;
  if (lo & SOFT_DIRTY) a |= A.softDirty;
  if (lo & UFFD_WP) a |= A.uffdWp;
  return a;
}

function pfn(lo: number, hi: number): number {
  const flip = invert(lo);
  return (((lo ^ flip) & PFN_LO) >>> 12) + ((hi ^ flip) & PFN_HI) * PFN_LO_SPAN;
}

function kind(lo: number, hi: number, level: number): Kind {
  if (lo & P) return level > 0 && !(lo & PSE) ? Kind.table : Kind.leaf;
  if (lo & PROTNONE) return Kind.leaf;
  return lo === 0 && hi === 0 ? Kind.none : Kind.softleaf;
}

/** Offset bits 9-31 lie in the low word, 32-58 in the high one. */
const OFFSET_HI = 0x07ffffff;
const OFFSET_LO_SPAN = 2 ** 23;

function rawFlags(lo: number, hi: number): string {
  const dirty = lo & DIRTY || hi & SAVED_DIRTY;
  return `${lo & RW ? "w" : ""}${dirty ? "d" : ""}${lo & ACCESSED ? "a" : ""}${hi & NX ? "" : "x"}${
    lo & SPECIAL ? "s" : ""
  }${lo & P ? "" : "n"}`;
}

/** x86-64 with 4 levels. */
export const x86_64: Format = {
  name: "x86-64",
  machine: "x86_64",
  entryBytes: 8,
  paBits: 52,
  pageLg2: 12,
  indexLg2: [9, 9, 9, 9],
  maxLeafLevel: 2,
  contLg2: [0, 0, 0, 0],
  contpte: false,
  napot: false,
  levelNames: ["PTE", "PMD", "PUD", "PGD"],
  accountedLevel: 2,
  hugeModifyDropsDirty: true,
  roots: [
    { name: "CR3", first: 0, last: 2 ** 35 - 1 },
    { name: "CR3", first: 2 ** 52 - 2 ** 35, last: 2 ** 52 - 1 },
  ],
  userVaBits: 47,
  userKeptFree: 1,
  empty: [0, 0, 0, 0],
  kind,
  pfn,
  attrs,
  leafLo,
  leafHi,
  tablePfn: pfn,
  tableLo: (pfn) => TABLE | (pfn << 12),
  tableHi: (pfn) => Math.floor(pfn / PFN_LO_SPAN) & PFN_HI,
  swapType: (_lo, hi) => hi >>> 27,
  swapOffset: (lo, hi) => (~lo >>> 9) + (~hi & OFFSET_HI) * OFFSET_LO_SPAN,
  swapLo: (_type, offset) => ~offset << 9,
  swapHi: (type, offset) => (type << 27) | (~Math.floor(offset / OFFSET_LO_SPAN) & OFFSET_HI),
  swapSoftDirtyLo: RW,
  rawFlags,
};
