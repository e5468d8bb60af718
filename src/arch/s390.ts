/**
 * s390 page tables: 3 levels when a process starts (42-bit addresses), 4 or 5 once it asks for more; 4K pages, 1M and 2G
 * leaves. An empty entry is not zero: it has the invalid bit.
 *
 * Not modelled: the change from 3 to 4 and 5 levels in a running process, storage keys, page status entries of guests, swap
 * entries above level 0. Tables of 2048 entries take 4 pages of memory and those of 256 half a page; here each is one.
 * Source: z/Architecture Principles of Operation, "Dynamic Address Translation"; arch/s390/include/asm/pgtable.h, Linux 6.18.
 *
 *   Bits counted from the right, as everywhere else here (the manual counts from the left).
 *
 *    63                          12 11 10  9   8   7   6   5 4  3   2   1   0
 *   +------------------------------+--+---+---+---+---+---+-+-+---+---+---+---+
 *   | frame number                 |  |INV|RO |NX |uns|spe|W|R|dir|acc|sdy|pre|   page table entry (level 0)
 *   +------------------------------+--+---+---+---+---+---+-+-+---+---+---+---+
 *
 *    63                 20 15 14 13  12  11 10  9   8   7 6  5   4  3-2  1   0
 *   +---------------------+--+--+---+---+--+---+---+---+---+---+---+---+---+---+
 *   | frame number        |W |R |dir|acc|  |LRG|RO |NX |   |INV|com|TT |sdy|pre|   leaf of level 1 or 2
 *   +---------------------+--+--+---+---+--+---+---+---+---+---+---+---+---+---+
 *   | origin of a table                 |      |RO |NX |   |INV|   |TT |TL     |   table entry of levels 1 to 4
 *   +-----------------------------------+------+---+---+---+---+---+---+-------+
 *   The frame number begins at bit 20 in a leaf of level 1, and at bit 31 in one of level 2.
 *
 *    63                          12 11 10  9   8   7   6       2   1   0
 *   +------------------------------+--+---+---+---+---+---------+---+---+
 *   | offset                       |ex| 1 | 1 |   |   | type    |sdy| 0 |   swap entry (level 0); ex: anon-exclusive
 *   +------------------------------+--+---+---+---+---+---------+---+---+
 *   Hardware reads INV, RO, NX, LRG, TT and TL only. W R dir acc sdy pre are Linux's: write, read, dirty, accessed, soft-dirty,
 *   present. What is not accessed, or has no R (PROT_NONE), is invalid to hardware although it is present; what is not both
 *   W and dirty is read-only to it. So faults set accessed and dirty.
 *   TT: table type, 0 for a segment table (level 1), 1 to 3 for region tables (levels 2 to 4). TL: length, 3 is all of it.
 */
import { bitFields } from "./bit-fields.ts";
import { A, Kind } from "./entry.ts";
import type { Format } from "./format.ts";

/** Bits that a leaf has for each attribute; their places differ between level 0 and the levels above. */
interface LeafBits {
  readonly invalid: number;
  readonly dirty: number;
  readonly young: number;
  readonly read: number;
  readonly write: number;
  readonly special: number;
}

const PRESENT = 1 << 0;
const SOFT_DIRTY = 1 << 1;
const NX = 1 << 8;
const RO = 1 << 9;
const LARGE = 1 << 10;
/** `_PAGE_LARGE` of a PTE, which swap entries borrow (`_PAGE_SWP_EXCLUSIVE`). */
const SWP_EXCLUSIVE = 1 << 11;
const INVALID = 1 << 10;
const INVALID_ABOVE = 1 << 5;
/** Table length: all of it. */
const LENGTH = 3;

const PTE: LeafBits = {
  invalid: INVALID,
  dirty: 1 << 3,
  young: 1 << 2,
  read: 1 << 4,
  write: 1 << 5,
  special: 1 << 6,
};
/** There is no bit for special above level 0. */
const HUGE: LeafBits = {
  invalid: INVALID_ABOVE,
  dirty: 1 << 13,
  young: 1 << 12,
  read: 1 << 14,
  write: 1 << 15,
  special: 0,
};

const FRAME_SPAN = 2 ** 20;

/** Table type of an entry of a level: 0 in segment tables. */
function tableType(level: number): number {
  return (level - 1) << 2;
}

function leafLo(pfn: number, attrs: number, level: number): number {
  const bits = level === 0 ? PTE : HUGE;
  let lo = PRESENT | (level === 0 ? 0 : LARGE | tableType(level));
  if (attrs & A.write) lo |= bits.write;
  if (attrs & A.dirty) lo |= bits.dirty;
  if (attrs & A.young) lo |= bits.young;
  if (attrs & A.special) lo |= bits.special;
  if (attrs & A.softDirty) lo |= SOFT_DIRTY;
  if (!(attrs & A.protnone)) lo |= bits.read;
  return lo | hardwareBits(attrs, bits) | (pfn << 12);
}

/** What hardware is told: less than Linux allows, wherever it would have to note an access or a write. */
function hardwareBits(attrs: number, bits: LeafBits): number {
  const none = (attrs & A.protnone) !== 0;
  const invalid = none || !(attrs & A.young) ? bits.invalid : 0;
  const readOnly = none || (attrs & (A.write | A.dirty)) !== (A.write | A.dirty) ? RO : 0;
  // PAGE_NONE has no no-execute bit: nothing can be executed there anyway.
  return invalid | readOnly | (none || attrs & A.exec ? 0 : NX);
}

function leafHi(pfn: number): number {
  return Math.floor(pfn / FRAME_SPAN) | 0;
}

function attrs(lo: number, _hi: number, level: number): number {
  const bits = level === 0 ? PTE : HUGE;
  let a = 0;
  if (lo & bits.write) a |= A.write;
  if (lo & bits.dirty) a |= A.dirty;
  if (lo & bits.young) a |= A.young;
  if (lo & bits.special) a |= A.special;
  if (lo & SOFT_DIRTY) a |= A.softDirty;
  if (!(lo & bits.read)) a |= A.protnone;
  if (!(lo & NX)) a |= A.exec;
  return a;
}

/** Bits 12-15 and 16-19 of a large entry hold software bits and the access key, so that its frame starts at bit 20. */
const SEGMENT_FRAME = 0xfff00000 | 0;
const REGION3_FRAME = 0x80000000 | 0;
const FRAME_LO: readonly number[] = [0xfffff000 | 0, SEGMENT_FRAME, REGION3_FRAME];

function pfn(lo: number, hi: number, level: number): number {
  return ((lo & FRAME_LO[level]!) >>> 12) + (hi >>> 0) * FRAME_SPAN;
}

function tablePfn(lo: number, hi: number): number {
  return (lo >>> 12) + (hi >>> 0) * FRAME_SPAN;
}

function tableLo(pfn: number, level: number): number {
  return (pfn << 12) | (level === 1 ? PRESENT : tableType(level) | LENGTH);
}

function emptyLo(level: number): number {
  return level === 0 ? INVALID : INVALID_ABOVE | tableType(level);
}

/** Level of the region-third table, the highest whose entries have Linux's present bit and can be leaves. */
const REGION3 = 2;

function kind(lo: number, hi: number, level: number): Kind {
  if (level > REGION3) {
    if (!(lo & INVALID_ABOVE)) return Kind.table;
  } else if (lo & PRESENT) return level > 0 && !(lo & LARGE) ? Kind.table : Kind.leaf;
  return lo === emptyLo(level) && hi === 0 ? Kind.none : Kind.softleaf;
}

function rawFlags(lo: number, _hi: number, level: number): string {
  const a = attrs(lo, 0, level);
  return `${a & A.write ? "w" : ""}${lo & RO ? "o" : ""}${a & A.dirty ? "d" : ""}${a & A.young ? "a" : ""}${
    a & A.exec ? "x" : ""
  }${a & A.special ? "s" : ""}${a & A.protnone ? "n" : ""}`;
}

const LARGE_BITS =
  "15 W writable; 14 R readable; 13 dir dirty; 12 acc accessed; 10 LRG leaf; 9 RO read-only; 8 NX no execute; 5 INV invalid; " +
  "4 com common segment; 3-2 TT table type; 1 sdy soft-dirty; 0 pre present";
const LEAF_FIELDS = [
  bitFields(
    "63-12 frame frame number; 10 INV invalid; 9 RO read-only; 8 NX no execute; 7 uns unused; 6 spe special; 5 W writable; " +
      "4 R readable; 3 dir dirty; 2 acc accessed; 1 sdy soft-dirty; 0 pre present",
  ),
  bitFields(`63-20 frame frame number; ${LARGE_BITS}`),
  bitFields(`63-31 frame frame number; ${LARGE_BITS}`),
];
const TABLE = "63-12 frame frame number of a table; 9 RO read-only; 8 NX no execute; 5 INV invalid; 3-2 TT table type";
const SEGMENT_FIELDS = bitFields(`${TABLE}; 0 pre present`);
const REGION_FIELDS = bitFields(`${TABLE}; 1-0 TL table length`);
const EMPTY_FIELDS = [bitFields("10 INV invalid"), bitFields("5 INV invalid; 3-2 TT table type")] as const;
const SWAP_FIELDS = bitFields(
  "63-12 offset swap offset; 11 ex anon-exclusive; 10 INV invalid; 9 RO read-only; 6-2 type swap type; 1 sdy soft-dirty; 0 pre present",
);

function fields(lo: number, hi: number, level: number) {
  const is = kind(lo, hi, level);
  if (is === Kind.none) return EMPTY_FIELDS[level === 0 ? 0 : 1];
  if (is === Kind.leaf) return LEAF_FIELDS[level]!;
  if (is === Kind.softleaf) return SWAP_FIELDS;
  return level === 1 ? SEGMENT_FIELDS : REGION_FIELDS;
}

/** Linux's names of the levels: P4D and PUD are there with 5 and 4 levels only. */
const LEVEL_NAMES = [["PTE", "PMD"], ["PUD"], ["P4D"]];

function s390(name: string, levels: number, userKeptFree: number): Format {
  const indexLg2 = Array.from({ length: levels }, (_, level) => (level === 0 ? 8 : 11));
  const vaBits = 12 + indexLg2.reduce((sum, lg2) => sum + lg2, 0);
  const last = 2 ** (vaBits - 12) - 1;
  return {
    name,
    machine: "s390x",
    entryBytes: 8,
    paBits: 64,
    pageLg2: 12,
    pfnPteShift: 12,
    indexLg2,
    maxLeafLevel: 2,
    contLg2: indexLg2.map(() => 0),
    contpte: false,
    napot: false,
    noExec: true,
    levelNames: [...LEVEL_NAMES.slice(0, levels - 2).flat(), "PGD"],
    accountedLevel: Math.min(2, levels - 2),
    hugeModifyDropsDirty: false,
    movesTables: false,
    accessDirty: "fault",
    roots: [
      { name: "user ASCE", first: 0, last },
      { name: "kernel ASCE", first: 0, last },
    ],
    userVaBits: vaBits,
    windowVaBits: 42,
    userKeptFree,
    empty: indexLg2.map((_, level) => emptyLo(level)),
    kind,
    pfn,
    attrs,
    leafLo,
    leafHi,
    tablePfn,
    tableLo,
    tableHi: leafHi,
    swapType: (lo) => (lo >>> 2) & 31,
    swapOffset: tablePfn,
    swapLo: (type, offset) => INVALID | RO | (type << 2) | (offset << 12),
    swapHi: (_type, offset) => leafHi(offset),
    swapOffsetBits: 52,
    swapSoftDirtyLo: SOFT_DIRTY,
    swapExclusiveLo: SWP_EXCLUSIVE,
    swapUffdWpLo: 0,
    rawFlags,
    fields,
  };
}

/** s390 with 3, 4 and 5 levels. Only the last page of all 64 bits is kept free (`TASK_SIZE` is -PAGE_SIZE). */
export const s390Formats: readonly Format[] = [s390("s390", 3, 0), s390("s390-53", 4, 0), s390("s390-64", 5, 1)];
