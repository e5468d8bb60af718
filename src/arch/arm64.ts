/**
 * arm64 stage-1 page tables with 4K pages and 48-bit addresses: 2M and 1G blocks, the contiguous bit at levels 0 and 1.
 * Not modelled: 52-bit addresses, memory types, protection overlays, the kernel's own mappings.
 * Source: Arm ARM (DDI 0487) section D8.3; arch/arm64/include/asm/pgtable-hwdef.h, pgtable-prot.h, pgtable.h of Linux 6.18.
 *
 *    63 62-60 58 57 56   55 54  53  52   51  50 49                 12 11 10 9-8 7  6  5  4-2  1    0
 *   +--+-----+--+--+---+---+---+---+----+---+--+---------------------+--+--+---+--+--+--+----+----+-----+
 *   |  |     |uf|  |spe|dir|UXN|PXN|cont|DBM|GP| output address      |nG|AF|SH |RO|U |NS|attr|type|valid|
 *   +--+-----+--+--+---+---+---+---+----+---+--+---------------------+--+--+---+--+--+--+----+----+-----+
 *   type: 1 at level 0 is a page; above, 1 is a table and 0 a block. DBM is Linux's "write"; RO set means that hardware
 *   refuses or traps a write. Dirty: the software bit 55, or write and not RO.
 *   nG without valid: present but invalid, PROT_NONE (PTE_PRESENT_INVALID).
 *   Levels: 0 is the architecture's level 3, 1 its level 2, 2 its level 1, 3 its level 0.
 *   Swap entry: type in 6-10, offset in 12-61, bit 11 zero.
 */
import { A, Kind } from "./entry.ts";
import type { Format } from "./format.ts";

const VALID = 1 << 0;
const TYPE = 1 << 1;
const USER = 1 << 6;
const RDONLY = 1 << 7;
const SHARED = 3 << 8;
const AF = 1 << 10;
const NG = 1 << 11;
/** In the high word: bits 51 to 59. */
const DBM = 1 << 19;
const CONT = 1 << 20;
const PXN = 1 << 21;
const UXN = 1 << 22;
const SW_DIRTY = 1 << 23;
const SPECIAL = 1 << 24;
const UFFD_WP = 1 << 26;
const TABLE_PXN = 1 << 27;

const PFN_HI = 0x0003ffff;
const PFN_LO_SPAN = 2 ** 20;

function leafLo(pfn: number, attrs: number, level: number): number {
  const none = attrs & A.protnone;
  let lo = SHARED | NG | (none ? 0 : VALID | USER);
  if (level === 0) lo |= TYPE;
  if (!(attrs & A.write) || !(attrs & A.dirty)) lo |= RDONLY;
  if (attrs & A.young) lo |= AF;
  return lo | (pfn << 12);
}

function leafHi(pfn: number, attrs: number): number {
  let hi = PXN;
  if (attrs & A.write) hi |= DBM;
  if (attrs & A.cont) hi |= CONT;
  if (!(attrs & A.exec)) hi |= UXN;
  if (attrs & A.dirty) hi |= SW_DIRTY;
  if (attrs & A.special) hi |= SPECIAL;
  if (attrs & A.uffdWp) hi |= UFFD_WP;
  return hi | (Math.floor(pfn / PFN_LO_SPAN) & PFN_HI);
}

function isDirty(lo: number, hi: number): boolean {
  return (hi & SW_DIRTY) !== 0 || ((hi & DBM) !== 0 && (lo & RDONLY) === 0);
}

function attrs(lo: number, hi: number): number {
  let a = 0;
  if (hi & DBM) a |= A.write;
  if (isDirty(lo, hi)) a |= A.dirty;
  if (lo & AF) a |= A.young;
  if (!(hi & UXN)) a |= A.exec;
  if (!(lo & VALID)) a |= A.protnone;
  if (hi & SPECIAL) a |= A.special;
  if (hi & CONT) a |= A.cont;
  if (hi & UFFD_WP) a |= A.uffdWp;
  return a;
}

function kind(lo: number, hi: number, level: number): Kind {
  if (lo & VALID) return level > 0 && lo & TYPE ? Kind.table : Kind.leaf;
  if (lo & NG) return Kind.leaf;
  return lo === 0 && hi === 0 ? Kind.none : Kind.softleaf;
}

function pfn(lo: number, hi: number): number {
  return (lo >>> 12) + (hi & PFN_HI) * PFN_LO_SPAN;
}

/** Offset bits 12-31 lie in the low word, 32-61 in the high one. */
const OFFSET_HI = 0x3fffffff;
const OFFSET_LO_SPAN = 2 ** 20;

function rawFlags(lo: number, hi: number): string {
  return `${hi & DBM ? "w" : ""}${lo & RDONLY ? "o" : ""}${isDirty(lo, hi) ? "d" : ""}${lo & AF ? "a" : ""}${
    hi & UXN ? "" : "x"
  }${hi & SPECIAL ? "s" : ""}${lo & VALID ? "" : "n"}`;
}

/** arm64 with the 4K granule and 48-bit addresses. */
export const arm64_4k: Format = {
  name: "arm64-4k",
  machine: "aarch64",
  entryBytes: 8,
  paBits: 48,
  pageLg2: 12,
  indexLg2: [9, 9, 9, 9],
  maxLeafLevel: 2,
  contLg2: [4, 4, 0, 0],
  contpte: true,
  napot: false,
  levelNames: ["PTE", "PMD", "PUD", "PGD"],
  accountedLevel: 2,
  hugeModifyDropsDirty: false,
  roots: [
    { name: "TTBR0_EL1", first: 0, last: 2 ** 36 - 1 },
    { name: "TTBR1_EL1", first: 2 ** 52 - 2 ** 36, last: 2 ** 52 - 1 },
  ],
  userVaBits: 48,
  userKeptFree: 0,
  empty: [0, 0, 0, 0],
  kind,
  pfn,
  attrs,
  leafLo,
  leafHi,
  tablePfn: pfn,
  tableLo: (pfn) => VALID | TYPE | AF | (pfn << 12),
  tableHi: (pfn) => TABLE_PXN | (Math.floor(pfn / PFN_LO_SPAN) & PFN_HI),
  swapType: (lo) => (lo >>> 6) & 31,
  swapOffset: (lo, hi) => (lo >>> 12) + (hi & OFFSET_HI) * OFFSET_LO_SPAN,
  swapLo: (type, offset) => (type << 6) | (offset << 12),
  swapHi: (_type, offset) => Math.floor(offset / OFFSET_LO_SPAN) & OFFSET_HI,
  swapSoftDirtyLo: 0,
  rawFlags,
};
