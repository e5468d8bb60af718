/**
 * x86-64 page tables with 4 levels (48-bit addresses) and with 5 (57 bits, LA57): 4K pages, 2M and 1G leaves.
 * Not modelled: what `x86-bits.ts` names, and the second copy of the top table that page-table isolation keeps.
 * Source: Intel SDM volume 3A section 4.5; arch/x86/include/asm/pgtable_types.h and pgtable_64.h of Linux 6.18.
 *
 *    63 62-59 58        52 51                           12 11 10  9   8   7  6 5  4   3   2   1   0
 *   +--+-----+--+---------+-------------------------------+--+--+---+---+---+-+-+---+---+---+---+---+
 *   |NX|pkey |SD|  soft   | frame number                  |so|uf|spe|G  |PSE|D|A|PCD|PWT|US |RW |P  |
 *   +--+-----+--+---------+-------------------------------+--+--+---+---+---+-+-+---+---+---+---+---+
 *   |  |                  | frame number of a table       |         |   | 0 |1|1|   |   |1  |1  |1  |  table entry
 *   +--+------------------+-------------------------------+---------+---+---+-+-+---+---+---+---+---+
 *   | type   | offset, each bit inverted (9-58)                     | 0 | 0 | | |   |exc|uf |so |0  |  swap entry
 *   +--------+------------------------------------------------------+---+---+-+-+---+---+---+---+---+
 *   A leaf has PSE above level 0; its frame number begins at bit 21 at level 1 and at bit 30 at level 2.
 *   SD: "saved dirty", where Linux keeps the dirty state of an entry that is not writable (_PAGE_SAVED_DIRTY).
 *   G without P: PROT_NONE (_PAGE_PROTNONE); then the frame number is stored inverted (L1TF, pgtable-invert.h).
 *   Levels: 0 page table, 1 page directory, 2 page-directory-pointer table, 3 PML4, 4 PML5.
 *   so, uf, exc: soft-dirty, uffd-wp, anon-exclusive; spe: special. A swap entry (pgtable_64.h) has its type in 59-63.
 */
import { bitFields } from "./bit-fields.ts";
import { A, flagText, Kind } from "./entry.ts";
import type { Format } from "./format.ts";
import {
  attrsOfBits,
  frameBitNames,
  frameHi,
  frameLo,
  framePfn,
  leafBitNames,
  leafBits,
  NX,
  presentWithoutP,
  SWAP_BIT_NAMES,
  swap8,
  TABLE_BIT_NAMES,
  tableHi,
  tablePfn,
  X86,
  X86_TABLE,
} from "./x86-bits.ts";

const { p: P, pse: PSE } = X86;
const UFFD_WP = 1 << 10;
const SOFT_DIRTY = 1 << 11;
/** In the high word: bit 58. */
const SAVED_DIRTY = 1 << 26;
/** 1G pages. */
const MAX_LEAF = 2;

function leafLo(pfn: number, attrs: number, level: number): number {
  let lo = leafBits(attrs, level);
  if (attrs & A.uffdWp) lo |= UFFD_WP;
  if (attrs & A.softDirty) lo |= SOFT_DIRTY;
  return frameLo(pfn, lo, level);
}

function leafHi(pfn: number, attrs: number): number {
  let hi = attrs & (A.exec | A.protnone) ? 0 : NX;
  if (attrs & A.dirty && !(attrs & A.write)) hi |= SAVED_DIRTY;
  return hi | frameHi(pfn, attrs);
}

function attrs(lo: number, hi: number): number {
  let a = attrsOfBits(lo);
  if (hi & SAVED_DIRTY) a |= A.dirty;
  if (!(hi & NX)) a |= A.exec;
  if (lo & SOFT_DIRTY) a |= A.softDirty;
  if (lo & UFFD_WP) a |= A.uffdWp;
  return a;
}

function kind(lo: number, hi: number, level: number): Kind {
  // At PML4 and above the page-size bit is reserved, so it says nothing about size.
  if (lo & P) return level > 0 && (!(lo & PSE) || level > MAX_LEAF) ? Kind.table : Kind.leaf;
  if (lo & presentWithoutP(level)) return Kind.leaf;
  return lo === 0 && hi === 0 ? Kind.none : Kind.softleaf;
}

/** By level, for leaves that are present and for PROT_NONE. */
const LEAF_FIELDS = [0, 1, 2].map((level) =>
  [false, true].map((protnone) =>
    bitFields(
      `63 NX no execute; 62-59 pkey protection key; 58 SD saved dirty; ${frameBitNames(level, protnone)}; 11 so soft-dirty; 10 uf uffd-wp; ${leafBitNames(protnone)}`,
    ),
  ),
);
const TABLE_FIELDS = bitFields(`51-12 frame frame number of a table; ${TABLE_BIT_NAMES}`);
const SWAP_FIELDS = bitFields(`${SWAP_BIT_NAMES}; 3 exc anon-exclusive; 2 uf uffd-wp; 1 so soft-dirty; 0 P present`);

function fields(lo: number, hi: number, level: number) {
  const is = kind(lo, hi, level);
  if (is === Kind.leaf) return LEAF_FIELDS[level]![lo & P ? 0 : 1]!;
  return is === Kind.none ? [] : is === Kind.table ? TABLE_FIELDS : SWAP_FIELDS;
}

/** x86-64 with 4 levels. */
export const x86_64: Format = {
  name: "x86-64",
  machine: "x86_64",
  entryBytes: 8,
  paBits: 52,
  pageLg2: 12,
  pfnPteShift: 12,
  indexLg2: [9, 9, 9, 9],
  maxLeafLevel: MAX_LEAF,
  contLg2: [0, 0, 0, 0],
  contpte: false,
  napot: false,
  noExec: true,
  levelNames: ["PTE", "PMD", "PUD", "PGD"],
  accountedLevel: 2,
  hugeModifyDropsDirty: true,
  movesTables: true,
  accessDirty: "hardware",
  roots: [
    { name: "CR3", first: 0, last: 2 ** 35 - 1 },
    { name: "CR3", first: 2 ** 52 - 2 ** 35, last: 2 ** 52 - 1 },
  ],
  userVaBits: 47,
  windowVaBits: 47,
  userKeptFree: 1,
  empty: [0, 0, 0, 0],
  kind,
  pfn: framePfn,
  attrs,
  leafLo,
  leafHi,
  tablePfn,
  tableLo: (pfn) => X86_TABLE | (pfn << 12),
  tableHi,
  ...swap8,
  swapOffsetBits: 50,
  swapSoftDirtyLo: X86.rw,
  swapExclusiveLo: 1 << 3,
  swapUffdWpLo: 1 << 2,
  rawFlags: (lo, hi) => flagText(attrs(lo, hi)),
  fields,
};

/** x86-64 with 5 levels (LA57). User space gets 56 bits, but Linux hands out addresses above 47 only where asked to. */
export const x86_64_la57: Format = {
  ...x86_64,
  name: "x86-64-la57",
  indexLg2: [9, 9, 9, 9, 9],
  contLg2: [0, 0, 0, 0, 0],
  levelNames: ["PTE", "PMD", "PUD", "P4D", "PGD"],
  roots: [
    { name: "CR3", first: 0, last: 2 ** 44 - 1 },
    { name: "CR3", first: 2 ** 52 - 2 ** 44, last: 2 ** 52 - 1 },
  ],
  userVaBits: 56,
  empty: [0, 0, 0, 0, 0],
};
