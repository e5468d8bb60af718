/**
 * One walk drawn as text: the address cut into indexes, then each slot that is read, its raw word, and what that says.
 */
import { A, attrText } from "../arch/entry.ts";
import { decode, type Format, levelsOf, spanLg2, vaBits } from "../arch/format.ts";
import { formatSize, hex } from "../base/size.ts";
import { type Tree, walkSlots } from "./translate.ts";

/** The walk of one virtual page, a line for each level read: level, slot, address bits that chose it, word, meaning. */
export function describeWalk(tree: Tree, vpn: number): string {
  const { format: f } = tree;
  const address = BigInt(vpn) << BigInt(f.pageLg2);
  const lines = walkSlots(tree, vpn).map((slot, depth) => describeSlot(tree, vpn, slot, levelsOf(f) - 1 - depth));
  return [`${f.name}: address ${hex(address)}, page ${hex(vpn)}`, ...lines].join("\n");
}

function describeSlot(tree: Tree, vpn: number, slot: number, level: number): string {
  const { format: f, tables } = tree;
  const lo = tables.lo[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
  const hi = tables.hi[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
  const shift = f.pageLg2 + spanLg2(f, level);
  const bits = `${shift + f.indexLg2[level]! - 1}-${shift}`.padStart(5);
  const index = slot & (2 ** tables.slotsLg2 - 1);
  const word = ((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16).padStart(16, "0");
  const name = `${level} ${f.levelNames[level]}[${index}]`.padEnd(10);
  return `  ${name}  ${bits}  ${word}  ${meaning(f, lo, hi, level, vpn)}`;
}

function meaning(f: Format, lo: number, hi: number, level: number, vpn: number): string {
  const entry = decode(f, lo, hi, level);
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
