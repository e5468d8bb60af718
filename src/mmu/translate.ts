/**
 * What hardware does with an address: walk the tables from the root, check the permission, note accessed and dirty.
 * The answer never depends on a TLB or a walk cache; those only say what the walk costs.
 *
 * Not modelled: privilege levels, execute-only mappings, nested translation.
 * Source: Intel SDM volume 3A sections 4.5 and 4.8; Arm ARM (DDI 0487) sections D8.2 and D8.5.
 */

import { A, Kind } from "../arch/entry.ts";
import { type AccessDirty, type Format, spanLg2 } from "../arch/format.ts";
import type { Tables } from "../machine/tables.ts";
import { highOf, indexAt, lowOf } from "./vpn.ts";
import { WALKED } from "./walked.ts";

/** A tree of tables as hardware sees it: the root register, the format, memory. */
export interface Tree {
  readonly format: Format;
  readonly tables: Tables;
  /** The top table. */
  readonly root: number;
}

/** Why hardware refused. */
export type FaultCause = "translation" | "permission" | "access flag";

/** The outcome of one walk. `slot` is the last slot read; `level` its level; `reads` the table reads it took. */
export interface Walk {
  readonly fault: FaultCause | null;
  readonly slot: number;
  readonly level: number;
  readonly reads: number;
  /** Frame of the page itself, also under a larger leaf. -1 on a fault. */
  readonly pfn: number;
}

/** More levels than any format has. */
const MAX_LEVELS = 8;

/** Room for the outcome of one walk after the other, so that a walk in a loop allocates nothing. */
export class WalkRoom implements Walk {
  fault: FaultCause | null = null;
  slot = -1;
  level = -1;
  reads = 0;
  pfn = -1;
  /** Attributes (`A.*`) of the leaf as it was found; 0 where there is none. */
  attrs = 0;
  /** The slots that were read, from the root down; only the first `reads` belong to this walk. */
  readonly slots = new Int32Array(MAX_LEVELS);
  /** Log two of the base pages under one entry, by level, of the format walked last: a loop walks one format. */
  readonly spans = new Int32Array(MAX_LEVELS);
  /** Mask of an index into a table, by level, of the same format. */
  readonly masks = new Int32Array(MAX_LEVELS);
  #format: Format | null = null;

  /** Makes spans and masks those of a format. */
  fit(format: Format): void {
    if (this.#format === format) return;
    this.#format = format;
    for (const [level, lg2] of format.indexLg2.entries()) {
      this.spans[level] = spanLg2(format, level);
      this.masks[level] = (1 << lg2) - 1;
    }
  }
}

/** Holds nothing between two calls; made once because making one takes longer than a walk. */
const scratch = new WalkRoom();

/** The slots that a walk reads, from the root down: what a drawing of the walk needs. */
export function walkSlots(tree: Tree, vpn: number): number[] {
  const room = new WalkRoom();
  const low = lowOf(vpn);
  descend(room, tree, low, highOf(vpn, low));
  return Array.from(room.slots.subarray(0, room.reads));
}

/** Translates one access (a load, a store if `write`, a fetch of instructions if `fetch`), and writes accessed and dirty where the hardware does that itself. */
export function translate(tree: Tree, vpn: number, write: boolean, ad: AccessDirty, fetch = false): Walk {
  const low = lowOf(vpn);
  translateInto(scratch, tree, low, highOf(vpn, low), write, ad, fetch);
  return new Translation(scratch, tree, vpn);
}

/** An outcome that also tells what was walked, so that a notebook can draw it. */
class Translation implements Walk {
  readonly fault: FaultCause | null;
  readonly slot: number;
  readonly level: number;
  readonly reads: number;
  readonly pfn: number;
  readonly #tree: Tree;
  readonly #vpn: number;

  constructor({ fault, slot, level, reads, pfn }: Walk, tree: Tree, vpn: number) {
    this.fault = fault;
    this.slot = slot;
    this.level = level;
    this.reads = reads;
    this.pfn = pfn;
    this.#tree = tree;
    this.#vpn = vpn;
  }

  [WALKED](): { readonly tree: Tree; readonly vpn: number } {
    return { tree: this.#tree, vpn: this.#vpn };
  }
}

/** {@link translate} for loops: the page in two halves (see `vpn.ts`), and the outcome replaces what the room held. */
export function translateInto(
  room: WalkRoom,
  tree: Tree,
  low: number,
  high: number,
  write: boolean,
  ad: AccessDirty,
  fetch = false,
): void {
  const { format: f, tables } = tree;
  descend(room, tree, low, high);
  const { slot, level } = room;
  const lo = tables.lo[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
  const hi = tables.hi[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
  const isLeaf = f.kind(lo, hi, level) === Kind.leaf;
  room.attrs = isLeaf ? f.attrs(lo, hi, level) : 0;
  room.fault = isLeaf ? refusal(room.attrs, write, fetch, ad) : "translation";
  room.pfn = -1;
  if (room.fault !== null) return;
  const base = f.pfn(lo, hi, level);
  const noted = room.attrs | A.young | (write ? A.dirty : 0);
  if (noted !== room.attrs) store(tables, slot, f.leafLo(base, noted, level), f.leafHi(base, noted, level));
  // The entries of a napot block all name its first frame, so the address chooses among the frames of the block.
  const lg2 = room.spans[level]! + (f.napot && room.attrs & A.cont ? f.contLg2[level]! : 0);
  room.pfn = base + (low & ((1 << lg2) - 1));
}

/** Follows table entries from the root to the first entry that is none; only `slots`, `slot`, `level` and `reads` are this walk's. */
export function descend(room: WalkRoom, { format: f, tables, root }: Tree, low: number, high: number): void {
  room.fit(f);
  const { lo: los, hi: his, chunkLg2, chunkMask, slotsLg2 } = tables;
  const { spans, masks, slots } = room;
  let table = root;
  let reads = 0;
  for (let level = f.indexLg2.length - 1; ; level--) {
    const slot = (table << slotsLg2) | (indexAt(low, high, spans[level]!) & masks[level]!);
    slots[reads++] = slot;
    const chunk = slot >>> chunkLg2;
    const lo = los[chunk]![slot & chunkMask]!;
    const hi = his[chunk]![slot & chunkMask]!;
    if (f.kind(lo, hi, level) === Kind.table) {
      table = tables.tableOf(f.tablePfn(lo, hi, level));
      continue;
    }
    room.slot = slot;
    room.level = level;
    room.reads = reads;
    return;
  }
}

/** Why hardware refuses an access by a program to a leaf with these attributes; null where it does not. */
export function refusal(attrs: number, write: boolean, fetch: boolean, ad: AccessDirty): FaultCause | null {
  if (attrs & A.protnone) return "translation";
  if (ad === "fault" && !(attrs & A.young)) return "access flag";
  if (attrs & A.noUser || (write && !(attrs & A.write))) return "permission";
  // A leaf of a format that cannot forbid execution reads back with `A.exec`.
  if (fetch && !(attrs & A.exec)) return "permission";
  return write && ad === "fault" && !(attrs & A.dirty) ? "permission" : null;
}

function store(tables: Tables, slot: number, lo: number, hi: number): void {
  tables.lo[slot >>> tables.chunkLg2]![slot & tables.chunkMask] = lo;
  tables.hi[slot >>> tables.chunkLg2]![slot & tables.chunkMask] = hi;
}
