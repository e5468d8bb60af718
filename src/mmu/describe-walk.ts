/**
 * One walk drawn as text: the address cut into indexes, then each slot that is read, its raw word, and what that says.
 */
import { A, attrText, type Entry } from "../arch/entry.ts";
import { decode, type Format, levelsOf, spanLg2, vaBits } from "../arch/format.ts";
import { formatSize, hex } from "../base/size.ts";
import { type Tree, walkSlots } from "./translate.ts";

/** One slot that a walk reads. */
export interface WalkStep {
  readonly level: number;
  /** Linux's name of the level. */
  readonly name: string;
  readonly index: number;
  /** The address bits that chose the slot, such as `47-39`. */
  readonly bits: string;
  /** The raw entry, 16 hexadecimal digits. */
  readonly word: string;
  readonly kind: Entry["kind"];
  /** What the entry says, in words. */
  readonly meaning: string;
  /** The slots that map one contiguous block together with this one, itself included. */
  readonly block: { readonly first: number; readonly slots: number };
}

/** The walk of one virtual page, a line for each level read: level, slot, address bits that chose it, word, meaning. */
export function describeWalk(tree: Tree, vpn: number): string {
  const lines = walkSteps(tree, vpn).map(({ level, name, index, bits, word, meaning }) => {
    const slot = `${level} ${name}[${index}]`.padEnd(10);
    return `  ${slot}  ${bits.padStart(5)}  ${word}  ${meaning}`;
  });
  return [`${tree.format.name}: address ${walkAddress(tree, vpn)}, page ${hex(vpn)}`, ...lines].join("\n");
}

/** The address at which a page begins, in hexadecimal. */
export const walkAddress = ({ format }: Tree, vpn: number): string => hex(BigInt(vpn) << BigInt(format.pageLg2));

/** The slots that the walk of one virtual page reads, from the root down. */
export function walkSteps(tree: Tree, vpn: number): WalkStep[] {
  return walkSlots(tree, vpn).map((slot, depth) => step(tree, vpn, slot, levelsOf(tree.format) - 1 - depth));
}

function step(tree: Tree, vpn: number, slot: number, level: number): WalkStep {
  const { format: f, tables } = tree;
  const lo = tables.lo[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
  const hi = tables.hi[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
  const shift = f.pageLg2 + spanLg2(f, level);
  const index = slot & (2 ** tables.slotsLg2 - 1);
  const entry = decode(f, lo, hi, level);
  const slots = entry.kind === "leaf" && entry.attrs & A.cont ? 2 ** f.contLg2[level]! : 1;
  return {
    ...{ level, name: f.levelNames[level]!, index, bits: `${shift + f.indexLg2[level]! - 1}-${shift}` },
    word: ((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16).padStart(16, "0"),
    ...{ kind: entry.kind, meaning: meaning(f, entry, level, vpn) },
    block: { first: index - (index % slots), slots },
  };
}

function meaning(f: Format, entry: Entry, level: number, vpn: number): string {
  if (entry.kind === "table") return `table in frame ${hex(entry.pfn)}`;
  if (entry.kind !== "leaf") return entry.kind;
  const lg2 = spanLg2(f, level);
  const pfn = entry.pfn + (vpn & (2 ** lg2 - 1));
  const size = formatSize(2 ** (f.pageLg2 + lg2));
  const block = formatSize(2 ** (f.pageLg2 + lg2 + f.contLg2[level]!));
  const what = entry.attrs & A.cont ? `${size} of ${block}` : `${size} leaf`;
  return `${what}, frame ${hex(pfn)}, ${attrText(entry.attrs)}`;
}

/** The virtual address as a picture of its fields, high bits first: `47-39 PGD | ... | 11-0 offset`. */
export function describeAddress(f: Format): string {
  const fields = f.levelNames.map((name, level) => {
    const low = f.pageLg2 + spanLg2(f, level);
    return `${low + f.indexLg2[level]! - 1}-${low} ${name}`;
  });
  fields.reverse().push(`${f.pageLg2 - 1}-0 offset`);
  // Five levels with spaces around the bars would not fit a line of 72.
  return `${vaBits(f)} bits: ${fields.join(fields.length > 5 ? "|" : " | ")}`;
}
