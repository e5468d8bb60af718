/**
 * x86 page tables with PAE: 3 levels of 8-byte entries for 32-bit addresses, 4K pages and 2M leaves.
 * Not modelled: what `x86-bits.ts` names, and the PMD tables that Linux makes together with the process; here they come with
 * the first page below them.
 * Source: Intel SDM volume 3A section 4.4; arch/x86/include/asm/pgtable-3level.h and pgtable_types.h of Linux 6.18.
 *
 *    63 62        52 51                               12 11 10  9   8   7  6 5  4   3   2   1   0
 *   +--+------------+-----------------------------------+--+--+---+---+---+-+-+---+---+---+---+---+
 *   |NX|            | frame number                      |  |SD|spe|G  |PSE|D|A|PCD|PWT|US |RW |P  |  levels 0 and 1
 *   +--+------------+-----------------------------------+--+--+---+---+---+-+-+---+---+---+---+---+
 *   |  reserved     | frame number of a table           |  |  |   |  reserved |PCD|PWT| rsvd  |P  |  level 2 (PDPTE)
 *   +---------------+-----------------------------------+--+--+---+-----------+---+---+-------+---+
 *   | type (59-63) | offset, each bit inverted (9-58)            | 0 |exc| | |   |   |   |   | 0 |  swap entry (level 0)
 *   +--------------+---------------------------------------------+---+---+-+-+---+---+---+---+---+
 *   A leaf of level 1 has PSE, and its frame number begins at bit 21; a table entry there has P RW US A D and no PSE.
 *   SD: "saved dirty", the dirty state of an entry that is not writable; it has the bit of uffd-wp, which 32-bit lacks.
 *   G without P: PROT_NONE; then the frame number is stored inverted (L1TF, pgtable-invert.h).
 *   The four entries of level 2 are held in the CPU from the moment CR3 is loaded: four roots of 1 GiB each.
 *   Only 27 bits of a swap entry's offset are used, because Linux carries type and offset in one 32-bit swp_entry_t. exc:
 *   anon-exclusive.
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
const SAVED_DIRTY = 1 << 10;
/** Level of the entries that the CPU holds. */
const PDPTE = 2;

function leafLo(pfn: number, attrs: number, level: number): number {
  const saved = attrs & A.dirty && !(attrs & A.write) ? SAVED_DIRTY : 0;
  return frameLo(pfn, leafBits(attrs, level) | saved, level);
}

function leafHi(pfn: number, attrs: number): number {
  return (attrs & (A.exec | A.protnone) ? 0 : NX) | frameHi(pfn, attrs);
}

function attrs(lo: number, hi: number): number {
  return attrsOfBits(lo) | (lo & SAVED_DIRTY ? A.dirty : 0) | (hi & NX ? 0 : A.exec);
}

function kind(lo: number, hi: number, level: number): Kind {
  // Bit 7 of a PDPTE is reserved, so it says nothing about size; nor is there a PROT_NONE at that level.
  if (level === PDPTE) return lo & P ? Kind.table : lo === 0 && hi === 0 ? Kind.none : Kind.softleaf;
  if (lo & P) return level > 0 && !(lo & PSE) ? Kind.table : Kind.leaf;
  if (lo & presentWithoutP(level)) return Kind.leaf;
  return lo === 0 && hi === 0 ? Kind.none : Kind.softleaf;
}

/** By level, for leaves that are present and for PROT_NONE. */
const LEAF_FIELDS = [0, 1].map((level) =>
  [false, true].map((protnone) =>
    bitFields(`63 NX no execute; ${frameBitNames(level, protnone)}; 10 SD saved dirty; ${leafBitNames(protnone)}`),
  ),
);
const TABLE_FIELDS = bitFields(`51-12 frame frame number of a table; ${TABLE_BIT_NAMES}`);
const PDPTE_FIELDS = bitFields(
  "51-12 frame frame number of a table; 4 PCD cache disabled; 3 PWT write-through; 0 P present",
);
const SWAP_FIELDS = bitFields(`${SWAP_BIT_NAMES}; 7 exc anon-exclusive; 0 P present`);

function fields(lo: number, hi: number, level: number) {
  const is = kind(lo, hi, level);
  if (is === Kind.leaf) return LEAF_FIELDS[level]![lo & P ? 0 : 1]!;
  if (is === Kind.table) return level === PDPTE ? PDPTE_FIELDS : TABLE_FIELDS;
  return is === Kind.none ? [] : SWAP_FIELDS;
}

/** Offset bits that a 32-bit swp_entry_t leaves beside 5 bits of type. */
const SWAP_OFFSET_BITS = 27;

/** x86-32 with PAE. Linux splits the addresses 3 to 1 between user space and itself. */
export const x86_pae: Format = {
  name: "x86-pae",
  machine: "i686",
  entryBytes: 8,
  paBits: 52,
  pageLg2: 12,
  pfnPteShift: 12,
  indexLg2: [9, 9, 2],
  maxLeafLevel: 1,
  contLg2: [0, 0, 0],
  contpte: false,
  napot: false,
  noExec: true,
  levelNames: ["PTE", "PMD", "PGD"],
  accountedLevel: 1,
  hugeModifyDropsDirty: true,
  movesTables: true,
  accessDirty: "hardware",
  roots: [0, 1, 2, 3].map((i) => ({ name: `PDPTE${i}`, first: i * 2 ** 18, last: (i + 1) * 2 ** 18 - 1 })),
  userVaBits: 32,
  windowVaBits: 32,
  userKeptFree: 2 ** 18,
  empty: [0, 0, 0],
  kind,
  pfn: framePfn,
  attrs,
  leafLo,
  leafHi,
  tablePfn,
  tableLo: (pfn, level) => (level === PDPTE ? X86.p : X86_TABLE) | (pfn << 12),
  tableHi,
  ...swap8,
  swapOffsetBits: SWAP_OFFSET_BITS,
  swapSoftDirtyLo: 0,
  swapExclusiveLo: X86.pse,
  swapUffdWpLo: 0,
  rawFlags: (lo, hi) => flagText(attrs(lo, hi)),
  fields,
};
