/**
 * What the x86 formats share: the low twelve bits of an entry, and the layout of the frame number and of swap entries in
 * entries of 8 bytes. The formats' own files show the pictures.
 *
 * Not modelled: protection keys, PAT and cache attributes, encryption bits, the accessed and dirty bits that an erratum leaves in
 * empty entries (_PAGE_KNL_ERRATUM_MASK).
 * Source: Intel SDM volume 3A chapter 4; arch/x86/include/asm/pgtable_types.h, pgtable-invert.h of Linux 6.18.
 */
import { A } from "./entry.ts";

// Local names, because inner loops come through here: a constant of the module is folded, one of an object is loaded.
const P = 1 << 0;
const RW = 1 << 1;
const US = 1 << 2;
const ACCESSED = 1 << 5;
const DIRTY = 1 << 6;
const PSE = 1 << 7;
/** The global bit; without P, Linux's PROT_NONE. */
const PROTNONE = 1 << 8;
const SPECIAL = 1 << 9;

/** Bits of the low word, as `_PAGE_*` names them; `pse` makes a leaf above level 0, `protnone` is the global bit without present. */
export const X86 = { p: P, rw: RW, pse: PSE, protnone: PROTNONE } as const;

/** `_PAGE_TABLE`: present, writable, user, accessed, dirty. */
export const X86_TABLE = P | RW | US | ACCESSED | DIRTY;

const FRAME_LO = 0xfffff000 | 0;
/** 52 bits of address in an 8-byte entry. */
const FRAME_HI = 0x000fffff;
const FRAME_LO_SPAN = 2 ** 20;

/** NX, in the high word. */
export const NX = 1 << 31;

/** The bits of the low word that every x86 leaf has alike; the frame number comes on top. */
export function leafBits(attrs: number, level: number): number {
  let lo = attrs & A.protnone ? PROTNONE : P | US;
  if (attrs & A.write) lo |= RW | (attrs & A.dirty ? DIRTY : 0);
  if (attrs & A.young) lo |= ACCESSED;
  if (attrs & A.special) lo |= SPECIAL;
  if (attrs & A.global) lo |= PROTNONE;
  return level > 0 ? lo | PSE : lo;
}

/** The attributes that the low word of every x86 leaf says alike. */
export function attrsOfBits(lo: number): number {
  let a = 0;
  if (lo & RW) a |= A.write;
  if (lo & DIRTY) a |= A.dirty;
  if (lo & ACCESSED) a |= A.young;
  if (!(lo & P)) a |= A.protnone;
  else if (lo & PROTNONE) a |= A.global;
  if (lo & SPECIAL) a |= A.special;
  return a;
}

/** Without P the frame number of a leaf is stored inverted, against speculation (`__pte_needs_invert`). */
function invert(lo: number): number {
  return lo & P ? 0 : -1;
}

/** Where the low word of an 8-byte leaf has its frame number: the larger the page, the fewer bits (`pmd_pfn_mask`, `pud_pfn_mask`). */
function leafFrameLo(level: number): number {
  return FRAME_LO << (9 * level);
}

/** Adds the frame number to the flags of an 8-byte leaf's low word. */
export function frameLo(pfn: number, flags: number, level: number): number {
  return flags | (((pfn << 12) ^ invert(flags)) & leafFrameLo(level));
}

/** The frame number's part of an 8-byte leaf's high word. */
export function frameHi(pfn: number, attrs: number): number {
  return (Math.floor(pfn / FRAME_LO_SPAN) ^ (attrs & A.protnone ? -1 : 0)) & FRAME_HI;
}

/** The high word of an 8-byte entry that points to a table. */
export function tableHi(pfn: number): number {
  return Math.floor(pfn / FRAME_LO_SPAN) & FRAME_HI;
}

/** Frame number of an 8-byte leaf. */
export function framePfn(lo: number, hi: number, level: number): number {
  const flip = invert(lo);
  return (((lo ^ flip) & leafFrameLo(level)) >>> 12) + ((hi ^ flip) & FRAME_HI) * FRAME_LO_SPAN;
}

/** Frame number of the table that an 8-byte entry points to. */
export function tablePfn(lo: number, hi: number): number {
  return (lo >>> 12) + (hi & FRAME_HI) * FRAME_LO_SPAN;
}

/**
 * The bits that make an entry without P a leaf (`pmd_present`). At level 1 the page-size bit is one of them, so that a leaf
 * that is being split stays one while hardware is kept out of it (`pmd_mkinvalid`).
 */
export function presentWithoutP(level: number): number {
  return level === 1 ? PROTNONE | PSE : PROTNONE;
}

/** The low bits of every x86 leaf by name; without present, bit 8 says something else. */
export const leafBitNames = (protnone: boolean): string =>
  `9 spe special; 8 ${protnone ? "PN PROT_NONE" : "G global"}; 7 PSE leaf above level 0; 6 D dirty; 5 A accessed; ` +
  "4 PCD cache disabled; 3 PWT write-through; 2 US user; 1 RW writable; 0 P present";

/** What the low bits of an entry that points to a table say, by name. */
export const TABLE_BIT_NAMES = "7 PSE 0 for a table; 6 D dirty; 5 A accessed; 2 US user; 1 RW writable; 0 P present";

/** The frame number of an 8-byte leaf by name. */
export const frameBitNames = (level: number, protnone: boolean): string =>
  `51-${12 + 9 * level} frame frame number${protnone ? ", each bit inverted" : ""}`;

/** Type and offset of an 8-byte swap entry by name. */
export const SWAP_BIT_NAMES = "63-59 type swap type; 58-9 offset swap offset, each bit inverted";

/** Offset bits 9-31 lie in the low word, 32-58 in the high one. */
const OFFSET_HI = 0x07ffffff;
const OFFSET_LO_SPAN = 2 ** 23;

/** Swap entries of 8 bytes: type in 59-63, offset inverted in 9-58; bits 0, 7 and 8 zero. */
export const swap8 = {
  swapType: (_lo: number, hi: number) => hi >>> 27,
  swapOffset: (lo: number, hi: number) => (~lo >>> 9) + (~hi & OFFSET_HI) * OFFSET_LO_SPAN,
  swapLo: (_type: number, offset: number) => ~offset << 9,
  swapHi: (type: number, offset: number) => (type << 27) | (~Math.floor(offset / OFFSET_LO_SPAN) & OFFSET_HI),
} as const;
