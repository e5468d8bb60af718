/**
 * One walk drawn as text: the address cut into indexes, then each slot that is read, its raw word, and what that says.
 */
import { type BitField, wholeWord } from "../arch/bit-fields.ts";
import { A, attrText, type Entry, Marker } from "../arch/entry.ts";
import { decode, type Format, levelsOf, spanLg2, vaBits } from "../arch/format.ts";
import { formatSize, hex } from "../base/size.ts";
import { type Tree, walkSlots } from "./translate.ts";
import { highOf, indexAt, lowOf } from "./vpn.ts";

/** One slot that a walk reads. */
export interface WalkStep {
  readonly level: number;
  /** Linux's name of the level. */
  readonly name: string;
  readonly index: number;
  /** The address bits that chose the slot, such as `47-39`. */
  readonly bits: string;
  /** The raw entry, and the same in 16 hexadecimal digits. */
  readonly raw: bigint;
  readonly word: string;
  readonly entry: Entry;
  /** What the bits of the raw entry are called. */
  readonly fields: readonly BitField[];
  /** What the entry says, in words. */
  readonly meaning: string;
  /** The slots that map one contiguous block together with this one, itself included. */
  readonly block: { readonly first: number; readonly slots: number };
}

/** One entry as a letter, for a table of several slots: see {@link slotsAround}. */
export const SLOT_LETTERS = {
  ...{ t: "table", p: "page or larger leaf", C: "one of a contiguous block", n: "PROT_NONE" },
  ...{ s: "swap", g: "guard", m: "marker", ".": "none" },
} as const;

/** The walk of one virtual page, a line for each level read: level, slot, address bits that chose it, word, meaning. */
export function describeWalk(tree: Tree, vpn: number): string {
  const lines = walkSteps(tree, vpn).map(({ level, name, index, bits, word, meaning }) => {
    const slot = `${level} ${name}[${index}]`.padEnd(10);
    return `  ${slot}  ${bits.padStart(5)}  ${word}  ${meaning}`;
  });
  const { name, pageLg2 } = tree.format;
  return [`${name}: address ${hex(BigInt(vpn) << BigInt(pageLg2))}, page ${hex(vpn)}`, ...lines].join("\n");
}

/** The slots that the walk of one virtual page reads, from the root down. */
export function walkSteps(tree: Tree, vpn: number): WalkStep[] {
  return walkSlots(tree, vpn).map((slot, depth) => {
    const { lo, hi } = wordAt(tree, slot);
    return walkStep(tree.format, vpn, levelsOf(tree.format) - 1 - depth, lo, hi);
  });
}

/** The slots in the aligned eight around each one that the walk reads, as {@link SLOT_LETTERS}; the 64 bytes of a line of 8-byte entries. */
export function slotsAround(tree: Tree, vpn: number): string[] {
  return walkSlots(tree, vpn).map((slot, depth) => {
    const level = levelsOf(tree.format) - 1 - depth;
    const n = Math.min(AROUND, 2 ** tree.format.indexLg2[level]!);
    return Array.from({ length: n }, (_, i) => letterOf(tree, slot - (slot % n) + i, level)).join("");
  });
}

/** Slots that {@link slotsAround} tells of, at most. */
const AROUND = 8;

function letterOf(tree: Tree, slot: number, level: number): keyof typeof SLOT_LETTERS {
  const { lo, hi } = wordAt(tree, slot);
  const entry = decode(tree.format, lo, hi, level);
  if (entry.kind === "leaf") return entry.attrs & A.protnone ? "n" : entry.attrs & A.cont ? "C" : "p";
  if (entry.kind === "marker") return entry.marker & Marker.guard ? "g" : "m";
  return entry.kind === "table" ? "t" : entry.kind === "swap" ? "s" : ".";
}

function wordAt({ tables }: Tree, slot: number): { readonly lo: number; readonly hi: number } {
  const [chunk, at] = [slot >>> tables.chunkLg2, slot & tables.chunkMask];
  return { lo: tables.lo[chunk]![at]!, hi: tables.hi[chunk]![at]! };
}

/** The step of a page's walk at one level, from the word that it reads there. */
export function walkStep(f: Format, vpn: number, level: number, lo: number, hi: number): WalkStep {
  const shift = f.pageLg2 + spanLg2(f, level);
  const low = lowOf(vpn);
  const index = indexAt(low, highOf(vpn, low), spanLg2(f, level)) & (2 ** f.indexLg2[level]! - 1);
  const entry = decode(f, lo, hi, level);
  const raw = wholeWord(lo, hi);
  const slots = entry.kind === "leaf" && entry.attrs & A.cont ? 2 ** f.contLg2[level]! : 1;
  return {
    ...{ level, name: f.levelNames[level]!, index, bits: `${shift + f.indexLg2[level]! - 1}-${shift}` },
    ...{ raw, word: raw.toString(16).padStart(16, "0"), entry, fields: f.fields(lo, hi, level) },
    meaning: meaning(f, entry, level, vpn),
    block: { first: index - (index % slots), slots },
  };
}

/** The frame of a page under a leaf. The entries of a napot block all name its first frame. */
export function frameUnder(f: Format, { pfn, attrs }: Entry & { kind: "leaf" }, level: number, vpn: number): number {
  return pfn + (vpn % 2 ** (spanLg2(f, level) + (f.napot && attrs & A.cont ? f.contLg2[level]! : 0)));
}

function meaning(f: Format, entry: Entry, level: number, vpn: number): string {
  if (entry.kind === "table") return `table in frame ${hex(entry.pfn)}`;
  if (entry.kind === "swap") return `swap, type ${entry.type}, offset ${hex(entry.offset)}`;
  if (entry.kind === "marker") return entry.marker & Marker.guard ? "guard marker" : "marker";
  if (entry.kind !== "leaf") return entry.kind;
  const lg2 = spanLg2(f, level);
  const pfn = frameUnder(f, entry, level, vpn);
  const size = formatSize(2 ** (f.pageLg2 + lg2));
  const block = formatSize(2 ** (f.pageLg2 + lg2 + f.contLg2[level]!));
  const what = entry.attrs & A.cont ? `${size} of ${block}` : `${size} leaf`;
  return `${what}, frame ${hex(pfn)}, ${attrText(entry.attrs)}`;
}

/** The bits of an address that choose a slot at each level, the top one first; then those of the place in the page, level -1. */
export function addressFields(f: Format) {
  const levels = f.levelNames.map((name, level) => {
    const low = f.pageLg2 + spanLg2(f, level);
    return { name, level, low, high: low + f.indexLg2[level]! - 1 };
  });
  return [...levels.reverse(), { name: "offset", level: -1, low: 0, high: f.pageLg2 - 1 }];
}

/** The virtual address as a picture of its fields, high bits first: `47-39 PGD | ... | 11-0 offset`. */
export function describeAddress(f: Format): string {
  const fields = addressFields(f).map(({ name, high, low }) => `${high}-${low} ${name}`);
  // Five levels with spaces around the bars would not fit a line of 72.
  return `${vaBits(f)} bits: ${fields.join(fields.length > 5 ? "|" : " | ")}`;
}
