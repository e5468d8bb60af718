/**
 * Slow twins of the TLB and the walk cache: sets as lists of objects, addresses as plain numbers, no tricks.
 */
import { type Format, levelsOf, spanLg2 } from "../../src/arch/format.ts";
import type { Extent } from "../../src/mmu/extent.ts";
import { type TlbArraySpec, TlbFlag, type TlbSpec, Translation } from "../../src/mmu/tlb.ts";
import type { WalkCacheSpec } from "../../src/mmu/walk-cache.ts";
import { type TwinSet, twinSets } from "./twin-sets.ts";

/** A translation of one page: its frame, the sizes of entry and slot as log two, what it allows. */
export interface TwinLeaf {
  readonly pfn: number;
  readonly lg2: number;
  readonly spanLg2: number;
  readonly writable: boolean;
  readonly storable: boolean;
  readonly exec: boolean;
  readonly global: boolean;
}

interface TwinEntry extends Omit<TwinLeaf, "pfn"> {
  /** The address divided by the entry's size. */
  readonly tag: number;
  readonly firstPfn: number;
  readonly asid: number;
  storable: boolean;
}

/** The same for the structure under test. */
export function translationOf({ pfn, lg2, spanLg2, writable, storable, exec, global }: TwinLeaf): Translation {
  const bits = (writable ? TlbFlag.writable : 0) + (storable ? TlbFlag.storable : 0) + (exec ? TlbFlag.exec : 0);
  return Object.assign(new Translation(), { pfn, lg2, spanLg2, flags: bits + (global ? TlbFlag.global : 0) });
}

const tagOf = (vpn: number, lg2: number) => Math.floor(vpn / 2 ** lg2);

/** Whether an extent reaches something of `2^lg2` pages that begins at a multiple of that. */
function isReached(e: Extent, vpn: number, lg2: number, owner: number | "global"): boolean {
  const first = tagOf(vpn, lg2) * 2 ** lg2;
  const overlaps = first < e.end && first + 2 ** lg2 > e.start;
  return overlaps && (owner === "global" ? e.global : e.asid === null || e.asid === owner);
}

class TwinArray {
  readonly spec: TlbArraySpec;
  readonly sizes: readonly number[];
  readonly #sets: TwinSet<TwinEntry>[];

  constructor(spec: TlbArraySpec) {
    this.spec = spec;
    this.sizes = [...new Set(spec.coalesce === undefined ? spec.holds : [...spec.holds, spec.coalesce])];
    this.#sets = twinSets(spec);
  }

  look(vpn: number, lg2: number, asid: number): TwinEntry | undefined {
    return this.#setOf(vpn, lg2).use((e) => e.lg2 === lg2 && covers(e, vpn, asid));
  }

  fill(vpn: number, lg2: number, { pfn, ...leaf }: TwinLeaf, asid: number): void {
    this.#setOf(vpn, lg2).insert({ ...leaf, lg2, tag: tagOf(vpn, lg2), firstPfn: pfn - (vpn % 2 ** lg2), asid });
  }

  makeStorable(vpn: number, asid: number): void {
    for (const e of this.#sets.flatMap((set) => set.all())) if (covers(e, vpn, asid)) e.storable = true;
  }

  drop(extent: Extent): void {
    const gone = (e: TwinEntry) =>
      isReached(
        extent,
        e.tag * 2 ** e.lg2,
        Math.max(e.lg2, extent.wholeLeaves ? e.spanLg2 : 0),
        e.global ? "global" : e.asid,
      );
    for (const set of this.#sets) set.drop(gone);
  }

  #setOf(vpn: number, lg2: number): TwinSet<TwinEntry> {
    return this.#sets[tagOf(vpn, lg2) % this.spec.sets]!;
  }
}

function covers(e: TwinEntry, vpn: number, asid: number): boolean {
  return tagOf(vpn, e.lg2) === e.tag && (e.global || e.asid === asid);
}

/** Twin of `Tlb`. */
export class TwinTlb {
  asid = 0;
  /** What was found at the last hit. */
  hit: TwinLeaf | undefined;
  readonly #levels: TwinArray[][];

  constructor(spec: TlbSpec) {
    this.#levels = spec.map((arrays) => arrays.map((array) => new TwinArray(array)));
  }

  look(vpn: number, fetch: boolean): number {
    const levels = this.#levels.map((arrays) => sideOf(arrays, fetch));
    for (const [l, arrays] of levels.entries()) {
      const entry = this.#lookIn(arrays, vpn);
      if (entry === undefined) continue;
      this.hit = { ...entry, pfn: entry.firstPfn + (vpn % 2 ** entry.lg2) };
      for (const before of levels.slice(0, l).reverse()) this.#fillLevel(before, vpn, this.hit);
      return l;
    }
    return levels.length;
  }

  fill(vpn: number, leaf: TwinLeaf, fetch: boolean): void {
    for (const arrays of this.#levels) this.#fillLevel(sideOf(arrays, fetch), vpn, leaf);
  }

  makeStorable(vpn: number): void {
    for (const array of this.#levels.flatMap((arrays) => sideOf(arrays, false))) array.makeStorable(vpn, this.asid);
  }

  drop(extent: Extent): void {
    for (const array of this.#levels.flat()) array.drop(extent);
  }

  #lookIn(arrays: TwinArray[], vpn: number): TwinEntry | undefined {
    const sizes = [...new Set(arrays.flatMap((a) => a.sizes))].sort((a, b) => a - b);
    for (const lg2 of sizes)
      for (const array of arrays) {
        const hit = array.sizes.includes(lg2) ? array.look(vpn, lg2, this.asid) : undefined;
        if (hit !== undefined) return hit;
      }
    return undefined;
  }

  #fillLevel(arrays: TwinArray[], vpn: number, leaf: TwinLeaf): void {
    const fits = arrays.flatMap((array) => array.sizes.filter((s) => s <= leaf.lg2).map((lg2) => ({ array, lg2 })));
    const best = Math.max(...fits.map((f) => f.lg2));
    fits.findLast((f) => f.lg2 === best)?.array.fill(vpn, best, leaf, this.asid);
  }
}

function sideOf(arrays: TwinArray[], fetch: boolean): TwinArray[] {
  return arrays.filter(({ spec }) => spec.for !== (fetch ? "data" : "fetch"));
}

interface TwinTableEntry {
  readonly level: number;
  readonly tag: number;
  readonly asid: number;
}

/** Twin of `WalkCache`. */
export class TwinWalkCache {
  asid = 0;
  readonly #format: Format;
  /** By level; two levels may have one array. */
  readonly #arrays: (TwinSet<TwinTableEntry>[] | null)[];

  constructor(format: Format, spec: WalkCacheSpec) {
    this.#format = format;
    this.#arrays = [];
    for (const shape of spec)
      this.#arrays.push(
        shape === null ? null : "sharedWith" in shape ? this.#arrays[shape.sharedWith]! : twinSets(shape),
      );
  }

  walk(vpn: number, endLevel: number): number {
    const hits: number[] = [];
    for (let level = levelsOf(this.#format) - 1; level > endLevel; level--)
      if (this.#arrays[level] && this.#touch(vpn, level)) hits.push(level);
    return Math.min(levelsOf(this.#format), ...hits) - 1;
  }

  drop(extent: Extent): void {
    for (const [level, sets] of this.#arrays.entries()) {
      const lg2 = spanLg2(this.#format, Math.min(level, levelsOf(this.#format)));
      const gone = (e: TwinTableEntry) => e.level === level && isReached(extent, e.tag * 2 ** lg2, lg2, e.asid);
      for (const set of sets ?? []) set.drop(gone);
    }
  }

  #touch(vpn: number, level: number): boolean {
    const sets = this.#arrays[level]!;
    const tag = tagOf(vpn, spanLg2(this.#format, level));
    const set = sets[tag % sets.length]!;
    const hit = set.use((e) => e.level === level && e.tag === tag && e.asid === this.asid) !== undefined;
    if (!hit) set.insert({ level, tag, asid: this.asid });
    return hit;
  }
}
