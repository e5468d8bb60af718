/**
 * What hardware does with an address: walk the tables from the root, check the permission, note accessed and dirty.
 * The answer never depends on a TLB or a walk cache; those only say what the walk costs.
 *
 * Not modelled: privilege levels, execute-only mappings, nested translation.
 * Source: Intel SDM volume 3A sections 4.5 and 4.8; Arm ARM (DDI 0487) sections D8.2 and D8.5.
 */

import { A, Kind } from "../arch/entry.ts";
import { type Format, spanLg2 } from "../arch/format.ts";
import type { Tables } from "../machine/tables.ts";
import { highOf, indexAt, lowOf } from "./vpn.ts";

/** A tree of tables as hardware sees it: the root register, the format, memory. */
export interface Tree {
  readonly format: Format;
  readonly tables: Tables;
  /** The top table. */
  readonly root: number;
}

/** Who sets accessed and dirty: the hardware in passing, or a fault handler (arm64 before FEAT_HAFDBS, riscv Svade). */
export type AccessDirty = "hardware" | "fault";

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
}

/** The slots that a walk reads, from the root down: what a drawing of the walk needs. */
export function walkSlots(tree: Tree, vpn: number): number[] {
  const room = new WalkRoom();
  descend(tree, vpn, room);
  return Array.from(room.slots.subarray(0, room.reads));
}

/** Translates one access, and writes accessed and dirty where the hardware does that itself. */
export function translate(tree: Tree, vpn: number, write: boolean, ad: AccessDirty): Walk {
  const room = new WalkRoom();
  translateInto(room, tree, vpn, write, ad);
  const { fault, slot, level, reads, pfn } = room;
  return { fault, slot, level, reads, pfn };
}

/** {@link translate} for loops: the outcome replaces what the room held. */
export function translateInto(room: WalkRoom, tree: Tree, vpn: number, write: boolean, ad: AccessDirty): void {
  const { format: f, tables } = tree;
  descend(tree, vpn, room);
  const { slot, level } = room;
  const chunk = slot >>> tables.chunkLg2;
  const at = slot & tables.chunkMask;
  const lo = tables.lo[chunk]![at]!;
  const hi = tables.hi[chunk]![at]!;
  const isLeaf = f.kind(lo, hi, level) === Kind.leaf;
  room.attrs = isLeaf ? f.attrs(lo, hi) : 0;
  room.fault = isLeaf ? check(room.attrs, write, ad) : "translation";
  room.pfn = -1;
  if (room.fault !== null) return;
  const base = f.pfn(lo, hi);
  const noted = room.attrs | A.young | (write ? A.dirty : 0);
  if (noted !== room.attrs) store(tables, slot, f.leafLo(base, noted, level), f.leafHi(base, noted, level));
  room.pfn = base + (vpn & ((1 << spanLg2(f, level)) - 1));
}

/** Follows table entries from the root to the first entry that is none. */
function descend({ format: f, tables, root }: Tree, vpn: number, room: WalkRoom): void {
  const low = lowOf(vpn);
  const high = highOf(vpn, low);
  let level = f.indexLg2.length;
  let shift = spanLg2(f, level);
  let table = root;
  for (let reads = 0; ; ) {
    const lg2 = f.indexLg2[--level]!;
    shift -= lg2;
    const slot = (table << tables.slotsLg2) | (indexAt(low, high, shift) & ((1 << lg2) - 1));
    room.slots[reads++] = slot;
    const lo = tables.lo[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
    const hi = tables.hi[slot >>> tables.chunkLg2]![slot & tables.chunkMask]!;
    if (f.kind(lo, hi, level) !== Kind.table) {
      room.slot = slot;
      room.level = level;
      room.reads = reads;
      return;
    }
    table = tables.tableOf(f.tablePfn(lo, hi));
  }
}

function check(attrs: number, write: boolean, ad: AccessDirty): FaultCause | null {
  if (attrs & A.protnone) return "translation";
  if (ad === "fault" && !(attrs & A.young)) return "access flag";
  if (write && !(attrs & A.write)) return "permission";
  return write && ad === "fault" && !(attrs & A.dirty) ? "permission" : null;
}

function store(tables: Tables, slot: number, lo: number, hi: number): void {
  tables.lo[slot >>> tables.chunkLg2]![slot & tables.chunkMask] = lo;
  tables.hi[slot >>> tables.chunkLg2]![slot & tables.chunkMask] = hi;
}
