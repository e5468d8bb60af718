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

/** The slots that a walk reads, from the root down: what a drawing of the walk and a cost model need. */
export function walkSlots(tree: Tree, vpn: number): number[] {
  const { format: f, tables } = tree;
  const slots: number[] = [];
  let table = tree.root;
  for (let level = f.indexLg2.length - 1; level >= 0; level--) {
    const slot = (table << tables.slotsLg2) | indexOf(f, vpn, level);
    slots.push(slot);
    const [lo, hi] = words(tables, slot);
    if (f.kind(lo, hi, level) !== Kind.table) break;
    table = tables.tableOf(f.tablePfn(lo, hi));
  }
  return slots;
}

/** Translates one access, and writes accessed and dirty where the hardware does that itself. */
export function translate(tree: Tree, vpn: number, write: boolean, ad: AccessDirty): Walk {
  const { format: f, tables } = tree;
  const slots = walkSlots(tree, vpn);
  const slot = slots[slots.length - 1]!;
  const level = f.indexLg2.length - slots.length;
  const [lo, hi] = words(tables, slot);
  const refused = (fault: FaultCause): Walk => ({ fault, slot, level, reads: slots.length, pfn: -1 });
  if (f.kind(lo, hi, level) !== Kind.leaf) return refused("translation");
  const attrs = f.attrs(lo, hi);
  const fault = check(attrs, write, ad);
  if (fault !== null) return refused(fault);
  const base = f.pfn(lo, hi);
  const noted = attrs | A.young | (write ? A.dirty : 0);
  if (noted !== attrs) store(tables, slot, f.leafLo(base, noted, level), f.leafHi(base, noted, level));
  return { fault: null, slot, level, reads: slots.length, pfn: base + (vpn & ((1 << spanLg2(f, level)) - 1)) };
}

function check(attrs: number, write: boolean, ad: AccessDirty): FaultCause | null {
  if (attrs & A.protnone) return "translation";
  if (ad === "fault" && !(attrs & A.young)) return "access flag";
  if (write && !(attrs & A.write)) return "permission";
  return write && ad === "fault" && !(attrs & A.dirty) ? "permission" : null;
}

function words(tables: Tables, slot: number): [number, number] {
  const [chunk, at] = [slot >>> tables.chunkLg2, slot & tables.chunkMask];
  return [tables.lo[chunk]![at]!, tables.hi[chunk]![at]!];
}

function store(tables: Tables, slot: number, lo: number, hi: number): void {
  const [chunk, at] = [slot >>> tables.chunkLg2, slot & tables.chunkMask];
  tables.lo[chunk]![at] = lo;
  tables.hi[chunk]![at] = hi;
}

function indexOf(f: Format, vpn: number, level: number): number {
  return Math.floor(vpn / 2 ** spanLg2(f, level)) % (1 << f.indexLg2[level]!);
}
