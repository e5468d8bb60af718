/**
 * Tables as the engine wants them: a word of 64 bits for each slot, decoded once by the format's own functions. The picture of the
 * bits is in `assembly/walk.ts`.
 */
import { A, Kind } from "../../arch/entry.ts";
import { spanLg2 } from "../../arch/format.ts";
import type { Tree } from "../translate.ts";

const TABLE = 1;
const LEAF = 2;
const WRITABLE = 1 << 2;
const DIRTY = 1 << 3;
const YOUNG = 1 << 4;
const EXEC = 1 << 5;
const REFUSED = 1 << 6;
const CONT = 1 << 7;
const PAYLOAD = 12;
const PAYLOAD_LO_SPAN = 2 ** (32 - PAYLOAD);

/** Writes the words of all slots of a table, two elements each, from `words[to]` on. */
export function decodeTable(tree: Tree, table: number, level: number, words: Int32Array, to: number): void {
  const { format: f, tables } = tree;
  const slot = table << tables.slotsLg2;
  const lo = tables.lo[slot >>> tables.chunkLg2]!;
  const hi = tables.hi[slot >>> tables.chunkLg2]!;
  const first = slot & tables.chunkMask;
  const empty = f.empty[level]!;
  const n = 1 << f.indexLg2[level]!;
  for (let i = 0; i < n; i++)
    if (lo[first + i] === empty && hi[first + i] === 0) {
      words[to + 2 * i] = 0;
      words[to + 2 * i + 1] = 0;
    } else decodeWord(tree, level, i, lo[first + i]!, hi[first + i]!, words, to + 2 * i);
}

/** Writes the word of one slot. */
export function decodeSlot(
  tree: Tree,
  table: number,
  index: number,
  level: number,
  words: Int32Array,
  to: number,
): void {
  const { tables } = tree;
  const slot = (table << tables.slotsLg2) | index;
  const lo = tables.lo[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
  const hi = tables.hi[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
  decodeWord(tree, level, index, lo, hi, words, to);
}

function decodeWord(
  tree: Tree,
  level: number,
  index: number,
  lo: number,
  hi: number,
  words: Int32Array,
  to: number,
): void {
  const f = tree.format;
  let bits = 0;
  let payload = 0;
  switch (f.kind(lo, hi, level)) {
    case Kind.table:
      bits = TABLE;
      payload = tree.tables.tableOf(f.tablePfn(lo, hi, level));
      break;
    case Kind.leaf: {
      const attrs = f.attrs(lo, hi, level);
      bits = leafBits(attrs);
      payload = f.pfn(lo, hi, level);
      // The entries of a napot block all name its first frame; here each has its own.
      if (f.napot && attrs & A.cont) payload += (index & (2 ** f.contLg2[level]! - 1)) * 2 ** spanLg2(f, level);
    }
  }
  words[to] = bits | (payload << PAYLOAD);
  words[to + 1] = Math.floor(payload / PAYLOAD_LO_SPAN);
}

function leafBits(attrs: number): number {
  let bits = LEAF;
  if (attrs & A.write) bits |= WRITABLE;
  if (attrs & A.dirty) bits |= DIRTY;
  if (attrs & A.young) bits |= YOUNG;
  if (attrs & A.exec) bits |= EXEC;
  if (attrs & (A.protnone | A.noUser)) bits |= REFUSED;
  if (attrs & A.cont) bits |= CONT;
  return bits;
}

/** Makes a leaf accessed, and dirty if asked for, in the table itself. */
export function noteLeaf({ format: f, tables }: Tree, slot: number, level: number, dirty: boolean): void {
  const lo = tables.lo[slot >>> tables.chunkLg2]!;
  const hi = tables.hi[slot >>> tables.chunkLg2]!;
  const i = slot & tables.chunkMask;
  const pfn = f.pfn(lo[i]!, hi[i]!, level);
  const attrs = f.attrs(lo[i]!, hi[i]!, level) | A.young | (dirty ? A.dirty : 0);
  lo[i] = f.leafLo(pfn, attrs, level);
  hi[i] = f.leafHi(pfn, attrs, level);
}
