/**
 * x86 page tables with 2 levels of 4-byte entries (no PAE): 32-bit addresses, 4K pages and 4M leaves. The high word of every
 * entry is zero.
 * Not modelled: what `x86-bits.ts` names, and PSE-36, which puts more address bits into 4M leaves; Linux does not use it.
 * Source: Intel SDM volume 3A section 4.3; arch/x86/include/asm/pgtable-2level.h and pgtable_types.h of Linux 6.18.
 *
 *    31                         12 11 10  9   8   7  6 5  4   3   2   1   0
 *   +-----------------------------+--+--+---+---+---+-+-+---+---+---+---+---+
 *   | frame number                |  |SD|spe|G  |PSE|D|A|PCD|PWT|US |RW |P  |
 *   +-----------------------------+--+--+---+---+---+-+-+---+---+---+---+---+
 *   | frame number of a table     |  |  |   |   | 0 |1|1|   |   | 1 | 1 | 1 |  table entry
 *   +-----------------------------+--+--+---+---+---+-+-+---+---+---+---+---+
 *   | offset (9-31)                         | 0 |exc| |   type (1-5)    | 0 |  swap entry
 *   +---------------------------------------+---+---+-+-----------------+---+
 *   A leaf of level 1 has PSE, and its frame number begins at bit 22.
 *   SD: "saved dirty", the dirty state of an entry that is not writable; it has the bit of uffd-wp, which 32-bit lacks.
 *   G without P: PROT_NONE; the frame number is not inverted here. There is no NX: whatever is mapped can be executed.
 *   Levels: 0 page table, 1 page directory, which is Linux's PGD; its PMD is folded into that.
 *   A swap entry is the same word as its swp_entry_t. exc: anon-exclusive.
 */
import { bitFields } from "./bit-fields.ts";
import { A, flagText, Kind } from "./entry.ts";
import type { Format } from "./format.ts";
import { attrsOfBits, leafBitNames, leafBits, presentWithoutP, TABLE_BIT_NAMES, X86, X86_TABLE } from "./x86-bits.ts";

const { p: P, pse: PSE } = X86;
const SAVED_DIRTY = 1 << 10;

function leafLo(pfn: number, attrs: number, level: number): number {
  const lo = leafBits(attrs, level);
  const saved = attrs & A.dirty && !(attrs & A.write) ? SAVED_DIRTY : 0;
  return lo | saved | (pfn << 12);
}

function attrs(lo: number): number {
  return attrsOfBits(lo) | A.exec | (lo & SAVED_DIRTY ? A.dirty : 0);
}

function kind(lo: number, _hi: number, level: number): Kind {
  if (lo & P) return level > 0 && !(lo & PSE) ? Kind.table : Kind.leaf;
  if (lo & presentWithoutP(level)) return Kind.leaf;
  return lo === 0 ? Kind.none : Kind.softleaf;
}

function pfn(lo: number): number {
  return lo >>> 12;
}

/** By level, for leaves that are present and for PROT_NONE. */
const LEAF_FIELDS = [12, 22].map((low) =>
  [false, true].map((protnone) =>
    bitFields(`31-${low} frame frame number; 10 SD saved dirty; ${leafBitNames(protnone)}`),
  ),
);
const TABLE_FIELDS = bitFields(`31-12 frame frame number of a table; ${TABLE_BIT_NAMES}`);
const SWAP_FIELDS = bitFields("31-9 offset swap offset; 7 exc anon-exclusive; 5-1 type swap type; 0 P present");

function fields(lo: number, hi: number, level: number) {
  const is = kind(lo, hi, level);
  if (is === Kind.leaf) return LEAF_FIELDS[level]![lo & P ? 0 : 1]!;
  return is === Kind.none ? [] : is === Kind.table ? TABLE_FIELDS : SWAP_FIELDS;
}

/** x86-32 without PAE. Linux splits the addresses 3 to 1 between user space and itself. */
export const x86_32: Format = {
  name: "x86-32",
  machine: "i686",
  entryBytes: 4,
  paBits: 32,
  pageLg2: 12,
  pfnPteShift: 12,
  indexLg2: [10, 10],
  maxLeafLevel: 1,
  contLg2: [0, 0],
  contpte: false,
  napot: false,
  noExec: false,
  levelNames: ["PTE", "PGD"],
  accountedLevel: 0,
  hugeModifyDropsDirty: true,
  movesTables: true,
  accessDirty: "hardware",
  roots: [{ name: "CR3", first: 0, last: 2 ** 20 - 1 }],
  userVaBits: 32,
  windowVaBits: 32,
  userKeptFree: 2 ** 18,
  empty: [0, 0],
  kind,
  pfn,
  attrs,
  leafLo,
  leafHi: () => 0,
  tablePfn: pfn,
  tableLo: (pfn) => X86_TABLE | (pfn << 12),
  tableHi: () => 0,
  swapType: (lo) => (lo >>> 1) & 31,
  swapOffset: (lo) => lo >>> 9,
  swapLo: (type, offset) => (type << 1) | (offset << 9),
  swapHi: () => 0,
  swapOffsetBits: 23,
  swapSoftDirtyLo: 0,
  swapExclusiveLo: PSE,
  swapUffdWpLo: 0,
  rawFlags: (lo) => flagText(attrs(lo)),
  fields,
};
