/**
 * arm64 stage-1 page tables: granules of 4K, 16K and 64K with every address size that Linux offers for each.
 * Not modelled: memory types, protection overlays, the kernel's own mappings, 52-bit physical addresses with fewer virtual.
 * Source: Arm ARM (DDI 0487) section D8.3; arch/arm64/include/asm/pgtable-hwdef.h, pgtable-prot.h, pgtable.h of Linux 6.18.
 *
 *    63 62-59 58 57 56   55 54  53  52   51  50 49                 12 11 10 9-8 7  6  5  4-2  1    0
 *   +--+-----+--+--+---+---+---+---+----+---+--+---------------------+--+--+---+--+--+--+----+----+-----+
 *   |  |     |uf|  |spe|dir|UXN|PXN|cont|DBM|GP| output address      |nG|AF|SH |RO|U |NS|attr|type|valid|  leaf
 *   +--+-----+--+--+---+---+---+---+----+---+--+---------------------+--+--+---+--+--+--+----+----+-----+
 *   |  |PXNT |                                 | address of a table  |  |AF|                 | 1  |  1  |  table entry
 *   +--+-----+---------------------------------+---------------------+--+--+-----------------+----+-----+
 *   |  0  | offset (12-61)                                           | 0| type (6-10)|0|uf|ex| 0  |  0  |  swap entry
 *   +-----+----------------------------------------------------------+--+------------+-+--+--+----+-----+
 *   type: 1 at level 0 is a page; above, 1 is a table and 0 a block. DBM is Linux's "write"; RO set means that hardware
 *   refuses or traps a write. Dirty: the software bit 55, or write and not RO.
 *   nG without valid: present but invalid, PROT_NONE (PTE_PRESENT_INVALID).
 *   The output address starts at bit 14 with 16K pages and at bit 16 with 64K pages. 52-bit physical addresses:
 *     4K and 16K (LPA2)   address bits 50-51 are in bits 8-9, in place of SH
 *     64K (LPA)           address bits 48-51 are in bits 12-15
 *   Levels: 0 is the architecture's level 3, 1 its level 2, 2 its level 1, 3 its level 0, 4 its level -1.
 *   A swap entry is the same for all granules; uf: uffd-wp, ex: anon-exclusive. PXNT: PXNTable, bit 59 of its four.
 */
import { bitFields } from "./bit-fields.ts";
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

/** Address bits 32-49 are in the high word. */
const FRAME_HI = 0x0003ffff;

function leafFlagsLo(attrs: number, level: number): number {
  // Without valid, nG says PROT_NONE, and there is no other way to say it.
  let lo = attrs & A.protnone ? NG : VALID | (attrs & A.noUser ? 0 : USER) | (attrs & A.global ? 0 : NG);
  if (level === 0) lo |= TYPE;
  if (!(attrs & A.write) || !(attrs & A.dirty)) lo |= RDONLY;
  return attrs & A.young ? lo | AF : lo;
}

/** No contiguous bit at levels 2 and above: the architecture has such blocks with 4K pages, Linux makes none. */
function leafFlagsHi(attrs: number, level: number): number {
  let hi = PXN;
  if (attrs & A.write) hi |= DBM;
  if (attrs & A.cont && level < 2) hi |= CONT;
  if (!(attrs & A.exec)) hi |= UXN;
  if (attrs & A.dirty) hi |= SW_DIRTY;
  if (attrs & A.special) hi |= SPECIAL;
  if (attrs & A.uffdWp) hi |= UFFD_WP;
  return hi;
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
  else if (!(lo & USER)) a |= A.noUser;
  if (lo & VALID && !(lo & NG)) a |= A.global;
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

/** Offset bits 12-31 lie in the low word, 32-61 in the high one. */
const OFFSET_HI = 0x3fffffff;
const OFFSET_LO_SPAN = 2 ** 20;

function rawFlags(lo: number, hi: number): string {
  return `${hi & DBM ? "w" : ""}${lo & RDONLY ? "o" : ""}${isDirty(lo, hi) ? "d" : ""}${lo & AF ? "a" : ""}${
    hi & UXN ? "" : "x"
  }${hi & SPECIAL ? "s" : ""}${lo & VALID ? "" : "n"}`;
}

const SHARED_NAME = "9-8 SH shareability";

/** Where a frame number lies in an entry. */
interface FrameBits {
  /** What the low word has for a frame number, with what else an output address of this kind demands there. */
  lo(pfn: number): number;
  hi(pfn: number): number;
  pfn(lo: number, hi: number): number;
  /** Flags of every leaf's low word that depend on where addresses lie. */
  readonly leaf: number;
  /** The frame number by name, and bits 8 and 9, which some formats use for it as well. */
  readonly names: readonly [frame: string, bits8and9: string];
}

/** Address bits up to 49 in place; SH says inner shareable. */
function plainFrames(pageLg2: number): FrameBits {
  const span = 2 ** (32 - pageLg2);
  return {
    lo: (pfn) => pfn << pageLg2,
    hi: (pfn) => Math.floor(pfn / span) & FRAME_HI,
    pfn: (lo, hi) => (lo >>> pageLg2) + (hi & FRAME_HI) * span,
    leaf: SHARED,
    names: [`49-${pageLg2} frame frame number`, SHARED_NAME],
  };
}

/** The same for 4K with its numbers written out, since a shift by a variable makes a walk of hardware a fifth slower. */
const plain4k: FrameBits = {
  lo: (pfn) => pfn << 12,
  hi: (pfn) => Math.floor(pfn / 2 ** 20) & FRAME_HI,
  pfn: (lo, hi) => (lo >>> 12) + (hi & FRAME_HI) * 2 ** 20,
  leaf: SHARED,
  names: ["49-12 frame frame number", SHARED_NAME],
};

/** LPA2: address bits 50 and 51 take the place of SH, which TCR_EL1 holds for all. */
function lpa2Frames(pageLg2: number): FrameBits {
  const span = 2 ** (32 - pageLg2);
  const top = 2 ** (50 - pageLg2);
  return {
    lo: (pfn) => (pfn << pageLg2) | (Math.floor(pfn / top) << 8),
    hi: (pfn) => Math.floor(pfn / span) & FRAME_HI,
    pfn: (lo, hi) => (lo >>> pageLg2) + (hi & FRAME_HI) * span + ((lo >>> 8) & 3) * top,
    leaf: 0,
    names: [`49-${pageLg2} frame frame number, low part`, "9-8 top frame number, bits 50 and 51 of the address"],
  };
}

/** LPA with 64K pages: address bits 48 to 51 lie below the others, where a smaller page would have more of them. */
function lpaFrames(): FrameBits {
  const hiMask = 0xffff;
  return {
    lo: (pfn) => (pfn << 16) | (Math.floor(pfn / 2 ** 32) << 12),
    hi: (pfn) => Math.floor(pfn / 2 ** 16) & hiMask,
    pfn: (lo, hi) => (lo >>> 16) + (hi & hiMask) * 2 ** 16 + ((lo >>> 12) & 15) * 2 ** 32,
    leaf: SHARED,
    names: ["47-16 frame frame number, low part; 15-12 top frame number, bits 48 to 51 of the address", SHARED_NAME],
  };
}

const SWAP_FIELDS = bitFields(
  "61-12 offset swap offset; 10-6 type swap type; 3 uf uffd-wp; 2 ex anon-exclusive; 0 V valid",
);

function fieldsOf([frame, bits8and9]: FrameBits["names"]): Format["fields"] {
  const named = (over: string, under: string) =>
    bitFields(`${over}; ${frame}; 11 nG not global; 10 AF accessed; ${bits8and9}; ${under}`);
  const leaf = named(
    "58 uf uffd-wp; 56 spe special; 55 dir dirty, of software; 54 UXN no execute for user; 53 PXN no execute for kernel; " +
      "52 C one of a contiguous block; 51 DBM writable; 50 GP guarded page",
    "7 RO read-only; 6 U user; 5 NS non-secure; 4-2 attr memory type; 1 T page at level 0; 0 V valid",
  );
  const table = named("59 PXNT no execute for kernel below", "1 T table; 0 V valid");
  return (lo, hi, level) => {
    const is = kind(lo, hi, level);
    if (is === Kind.leaf) return leaf;
    return is === Kind.none ? [] : is === Kind.table ? table : SWAP_FIELDS;
  };
}

/** Contiguous entries by granule, as log two, for levels 0 and 1 (CONFIG_ARM64_CONT_PTE_SHIFT, CONT_PMD_SHIFT). */
const CONT_LG2: Readonly<Record<number, readonly number[]>> = { 12: [4, 4], 14: [7, 5], 16: [5, 5] };

/** Linux's names of the levels by their number: those between are folded away. */
const LEVEL_NAMES: Readonly<Record<number, readonly string[]>> = {
  2: ["PTE", "PGD"],
  3: ["PTE", "PMD", "PGD"],
  4: ["PTE", "PMD", "PUD", "PGD"],
  5: ["PTE", "PMD", "PUD", "P4D", "PGD"],
};

/** Index bits by level: all of a table for each level but the top one, which has what is left of the address. */
function indexLg2(pageLg2: number, vaBits: number): number[] {
  const index: number[] = [];
  for (let left = vaBits - pageLg2; left > 0; left -= pageLg2 - 3) index.push(Math.min(left, pageLg2 - 3));
  return index;
}

function frameBits(pageLg2: number, vaBits: number): FrameBits {
  if (vaBits < 52) return pageLg2 === 12 ? plain4k : plainFrames(pageLg2);
  return pageLg2 === 16 ? lpaFrames() : lpa2Frames(pageLg2);
}

/** An arm64 format from log two of its granule and its bits of virtual address. */
function arm64(name: string, pageLg2: number, vaBits: number): Format {
  const index = indexLg2(pageLg2, vaBits);
  // Taken apart, because what inner loops call should be a constant and not a property.
  const { lo: frameLo, hi: frameHi, pfn: framePfn, leaf: leafBits, names } = frameBits(pageLg2, vaBits);
  const byLevel = (f: (level: number) => number) => index.map((_, level) => f(level));
  // 1G blocks with 16K and 64K pages do not exist, and Linux has no use for larger ones (pud_sect_supported).
  const maxLeafLevel = pageLg2 === 12 ? 2 : 1;
  const half = 2 ** (vaBits - pageLg2);
  return {
    name,
    machine: "aarch64",
    entryBytes: 8,
    paBits: vaBits === 52 ? 52 : 48,
    pageLg2,
    pfnPteShift: pageLg2,
    indexLg2: index,
    maxLeafLevel,
    contLg2: byLevel((level) => CONT_LG2[pageLg2]![level] ?? 0),
    contpte: true,
    napot: false,
    noExec: true,
    levelNames: LEVEL_NAMES[index.length]!,
    accountedLevel: Math.min(2, index.length - 2),
    hugeModifyDropsDirty: false,
    movesTables: true,
    // Optional in the architecture. The core that runs of 4K kernels were recorded on (Cortex-A72) lacks it; cores with 16K pages or
    // LPA2, which came later, have it (FEAT_HAFDBS), and runs of those kernels were recorded so.
    accessDirty: pageLg2 === 14 || (vaBits === 52 && pageLg2 === 12) ? "hardware" : "fault",
    roots: [
      { name: "TTBR0_EL1", first: 0, last: half - 1 },
      { name: "TTBR1_EL1", first: 2 ** (64 - pageLg2) - half, last: 2 ** (64 - pageLg2) - 1 },
    ],
    userVaBits: vaBits,
    windowVaBits: Math.min(48, vaBits),
    userKeptFree: 0,
    empty: byLevel(() => 0),
    kind,
    pfn: framePfn,
    attrs,
    leafLo: (pfn, attrs, level) => leafFlagsLo(attrs, level) | leafBits | frameLo(pfn),
    leafHi: (pfn, attrs, level) => leafFlagsHi(attrs, level) | frameHi(pfn),
    tablePfn: framePfn,
    tableLo: (pfn) => VALID | TYPE | AF | frameLo(pfn),
    tableHi: (pfn) => TABLE_PXN | frameHi(pfn),
    swapType: (lo) => (lo >>> 6) & 31,
    swapOffset: (lo, hi) => (lo >>> 12) + (hi & OFFSET_HI) * OFFSET_LO_SPAN,
    swapLo: (type, offset) => (type << 6) | (offset << 12),
    swapHi: (_type, offset) => Math.floor(offset / OFFSET_LO_SPAN) & OFFSET_HI,
    swapOffsetBits: 50,
    swapSoftDirtyLo: 0,
    swapExclusiveLo: 1 << 2,
    swapUffdWpLo: 1 << 3,
    rawFlags,
    fields: fieldsOf(names),
  };
}

/** arm64 with the 4K granule and 48-bit addresses. */
export const arm64_4k: Format = arm64("arm64-4k", 12, 48);

/** arm64 in all its shapes: granule by granule, the usual 48 bits first. */
export const arm64Formats: readonly Format[] = [
  arm64_4k,
  arm64("arm64-4k-39", 12, 39),
  arm64("arm64-4k-52", 12, 52),
  arm64("arm64-16k", 14, 48),
  arm64("arm64-16k-36", 14, 36),
  arm64("arm64-16k-47", 14, 47),
  arm64("arm64-16k-52", 14, 52),
  arm64("arm64-64k", 16, 48),
  arm64("arm64-64k-42", 16, 42),
  arm64("arm64-64k-52", 16, 52),
];
