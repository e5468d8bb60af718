/**
 * riscv page tables for 64 bits: Sv39, Sv48 and Sv57 with 3, 4 and 5 levels; 4K pages, 2M and 1G leaves, Svnapot's 64K.
 * Not modelled: execute-only pages, memory types (PBMT), soft-dirty and uffd-wp bits, leaves of 512G and more, which the
 * architecture allows and Linux does not make.
 * Source: RISC-V privileged architecture, chapters "Sv39" and "Svnapot"; arch/riscv/include/asm/pgtable.h, pgtable-64.h and
 * pgtable-bits.h of Linux 6.18.
 *
 *    63 62-61 60-54    53                              10 9   8   7 6 5 4 3 2 1 0
 *   +--+-----+--------+----------------------------------+---+---+-+-+-+-+-+-+-+-+
 *   |N |PBMT |reserved| frame number                     |   |spe|D|A|G|U|X|W|R|V|
 *   +--+-----+--------+----------------------------------+---+---+-+-+-+-+-+-+-+-+
 *   |  |     |        | frame number of a table          |   |   |0|0|0|0|0|0|0|1|  table entry
 *   +--+-----+--------+------------------------------+---+---+---+-+-+-+-+-+-+-+-+
 *   | offset (12-63)                                 | type(7-11)|e|0| |0|0|0|0|0|  swap entry
 *   +------------------------------------------------+-----------+-+-+-+-+-+-+-+-+
 *   A leaf's frame number begins at bit 19 at level 1 and at bit 28 at level 2.
 *   V with any of R, W and X is a leaf at every level; V alone is a table.
 *   G without V: PROT_NONE (_PAGE_PROT_NONE).
 *   N: one of 16 equal entries that map an aligned 64K; the low 4 bits of the frame number are 1000 and say the size.
 *   e: anon-exclusive.
 */
import { bitFields } from "./bit-fields.ts";
import { A, flagText, Kind } from "./entry.ts";
import type { Format } from "./format.ts";

const V = 1 << 0;
const R = 1 << 1;
const W = 1 << 2;
const X = 1 << 3;
const USER = 1 << 4;
/** The global bit; without V, Linux's PROT_NONE. */
const PROT_NONE = 1 << 5;
const ACCESSED = 1 << 6;
const DIRTY = 1 << 7;
const SPECIAL = 1 << 8;
/** In the high word: bit 63. */
const N = 1 << 31;

const FRAME_HI = 0x003fffff;
const FRAME_LO_SPAN = 2 ** 22;
/** Svnapot: the low bits of the frame number, and what they are for 64K. */
const NAPOT_MASK = 15;
const NAPOT_64K = 8;

/** Svnapot is defined at level 0 alone. */
function isNapot(attrs: number, level: number): boolean {
  return level === 0 && (attrs & A.cont) !== 0;
}

function leafLo(pfn: number, attrs: number, level: number): number {
  // R is set without V too: PAGE_NONE has it, and so a PROT_NONE entry above level 0 is told from a swapped one.
  let lo = R | (attrs & A.protnone ? PROT_NONE : V | USER);
  if (attrs & A.write) lo |= W;
  if (attrs & A.exec) lo |= X;
  if (attrs & A.young) lo |= ACCESSED;
  if (attrs & A.dirty) lo |= DIRTY;
  if (attrs & A.special) lo |= SPECIAL;
  if (attrs & A.global) lo |= PROT_NONE;
  return lo | ((isNapot(attrs, level) ? (pfn & ~NAPOT_MASK) | NAPOT_64K : pfn) << 10);
}

function leafHi(pfn: number, attrs: number, level: number): number {
  return (Math.floor(pfn / FRAME_LO_SPAN) & FRAME_HI) | (isNapot(attrs, level) ? N : 0);
}

function attrs(lo: number, hi: number): number {
  let a = 0;
  if (lo & W) a |= A.write;
  if (lo & DIRTY) a |= A.dirty;
  if (lo & ACCESSED) a |= A.young;
  if (lo & X) a |= A.exec;
  if (!(lo & V)) a |= A.protnone;
  else if (lo & PROT_NONE) a |= A.global;
  if (lo & SPECIAL) a |= A.special;
  if (hi & N) a |= A.cont;
  return a;
}

function framePfn(lo: number, hi: number): number {
  return (lo >>> 10) + (hi & FRAME_HI) * FRAME_LO_SPAN;
}

function pfn(lo: number, hi: number): number {
  const frame = framePfn(lo, hi);
  return hi & N ? frame - (frame & NAPOT_MASK) : frame;
}

function kind(lo: number, hi: number, level: number): Kind {
  if (lo & V && lo & (R | W | X)) return Kind.leaf;
  // A table entry at level 0 is a reserved encoding: every walk ends there with a fault.
  if (lo & V) return level > 0 ? Kind.table : Kind.softleaf;
  if (lo & PROT_NONE) return Kind.leaf;
  // R, W and X stay when a huge leaf is made invalid for its split, and Linux goes on to hold it present (pmd_mkinvalid).
  if (level > 0 && lo & (R | W | X)) return Kind.leaf;
  return lo === 0 && hi === 0 ? Kind.none : Kind.softleaf;
}

/** Offset bits 12-31 lie in the low word, 32-63 in the high one. */
const OFFSET_LO_SPAN = 2 ** 20;

const FLAGS = "7 D dirty; 6 A accessed; 5 G global; 4 U user; 3 X executable; 2 W writable; 1 R readable; 0 V valid";
const LEAF = "63 N one of a contiguous block; 62-61 PBMT memory type; 53-10 frame frame number; 8 spe special";
const LEAF_FIELDS = bitFields(`${LEAF}; ${FLAGS}`);
const PROT_NONE_FIELDS = bitFields(`${LEAF}; ${FLAGS.replace("G global", "PN PROT_NONE")}`);
const TABLE_FIELDS = bitFields(`53-10 frame frame number of a table; ${FLAGS}`);
const SWAP_FIELDS = bitFields("63-12 offset swap offset; 11-7 type swap type; 6 e anon-exclusive; 0 V valid");

function fields(lo: number, hi: number, level: number) {
  const is = kind(lo, hi, level);
  if (is === Kind.leaf) return lo & V ? LEAF_FIELDS : PROT_NONE_FIELDS;
  return is === Kind.none ? [] : is === Kind.table ? TABLE_FIELDS : SWAP_FIELDS;
}

/** The names of the levels: P4D and PUD are there with 5 and 4 levels only. */
const LEVEL_NAMES = [["PTE", "PMD"], ["PUD"], ["P4D"]];

function riscv(name: string, levels: number): Format {
  const half = 2 ** (9 * levels - 1);
  const byLevel = (n: (level: number) => number) => Array.from({ length: levels }, (_, level) => n(level));
  return {
    name,
    machine: "riscv64",
    entryBytes: 8,
    paBits: 56,
    pageLg2: 12,
    pfnPteShift: 10,
    indexLg2: byLevel(() => 9),
    maxLeafLevel: 2,
    contLg2: byLevel((level) => (level === 0 ? 4 : 0)),
    contpte: false,
    napot: true,
    noExec: true,
    levelNames: [...LEVEL_NAMES.slice(0, levels - 2).flat(), "PGD"],
    accountedLevel: Math.min(2, levels - 2),
    hugeModifyDropsDirty: false,
    movesTables: true,
    accessDirty: "fault",
    roots: [
      { name: "satp", first: 0, last: half - 1 },
      { name: "satp", first: 2 ** 52 - half, last: 2 ** 52 - 1 },
    ],
    userVaBits: 11 + 9 * levels,
    windowVaBits: Math.min(47, 11 + 9 * levels),
    userKeptFree: 0,
    empty: byLevel(() => 0),
    kind,
    pfn,
    attrs,
    leafLo,
    leafHi,
    tablePfn: framePfn,
    tableLo: (pfn) => V | (pfn << 10),
    tableHi: (pfn) => Math.floor(pfn / FRAME_LO_SPAN) & FRAME_HI,
    swapType: (lo) => (lo >>> 7) & 31,
    swapOffset: (lo, hi) => (lo >>> 12) + (hi >>> 0) * OFFSET_LO_SPAN,
    swapLo: (type, offset) => (type << 7) | (offset << 12),
    swapHi: (_type, offset) => Math.floor(offset / OFFSET_LO_SPAN) | 0,
    swapOffsetBits: 52,
    swapSoftDirtyLo: 0,
    swapExclusiveLo: ACCESSED,
    swapUffdWpLo: 0,
    rawFlags: (lo, hi) => flagText(attrs(lo, hi)),
    fields,
  };
}

/** riscv with 3, 4 and 5 levels. Linux takes the lower half of the addresses for user space. */
export const riscvFormats: readonly Format[] = [riscv("riscv-sv39", 3), riscv("riscv-sv48", 4), riscv("riscv-sv57", 5)];
