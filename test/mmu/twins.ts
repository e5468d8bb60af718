/**
 * Slow twins of the TLB, the walk cache, the walk and the whole core: lists in order of use, bigint addresses, no tricks.
 */
import { A, Kind } from "../../src/arch/entry.ts";
import type { AccessDirty } from "../../src/arch/format.ts";
import { type Format, levelsOf, spanLg2 } from "../../src/arch/format.ts";
import { AccessKind } from "../../src/mmu/access-words.ts";
import type { MmuCounts, MmuSpec, OnFault } from "../../src/mmu/simulate.ts";
import { type TlbArraySpec, TlbFlag, type TlbSpec } from "../../src/mmu/tlb.ts";
import type { Tree } from "../../src/mmu/translate.ts";
import type { WalkCacheSpec } from "../../src/mmu/walk-cache.ts";

interface TwinEntry {
  readonly lg2: number;
  readonly tag: number;
  readonly pfn: number;
  flags: TwinFlags;
}

/** What an entry allows. */
export interface TwinFlags {
  readonly writable: boolean;
  readonly storable: boolean;
  readonly exec: boolean;
}

/** The same as the bits of `TlbFlag`. */
export function flagBits({ writable, storable, exec }: TwinFlags): number {
  return (writable ? TlbFlag.writable : 0) + (storable ? TlbFlag.storable : 0) + (exec ? TlbFlag.exec : 0);
}

const tagOf = (vpn: number, lg2: number) => Math.floor(vpn / 2 ** lg2);

class TwinArray {
  readonly spec: TlbArraySpec;
  /** Latest used first. */
  readonly #sets: TwinEntry[][];

  constructor(spec: TlbArraySpec) {
    this.spec = spec;
    this.#sets = Array.from({ length: spec.sets }, () => []);
  }

  look(vpn: number, lg2: number): TwinEntry | undefined {
    const set = this.#setOf(vpn, lg2);
    const at = set.findIndex((e) => e.lg2 === lg2 && e.tag === tagOf(vpn, lg2));
    if (at < 0) return undefined;
    const [entry] = set.splice(at, 1);
    set.unshift(entry!);
    return entry;
  }

  fill(vpn: number, lg2: number, pfn: number, flags: TwinFlags): void {
    const set = this.#setOf(vpn, lg2);
    set.unshift({ lg2, tag: tagOf(vpn, lg2), pfn: pfn - (vpn % 2 ** lg2), flags });
    if (set.length > this.spec.ways) set.pop();
  }

  makeStorable(vpn: number): void {
    for (const e of this.#sets.flat()) if (tagOf(vpn, e.lg2) === e.tag) e.flags = { ...e.flags, storable: true };
  }

  flush(start: number, end: number): void {
    for (const [i, set] of this.#sets.entries())
      this.#sets[i] = set.filter((e) => (e.tag + 1) * 2 ** e.lg2 <= start || e.tag * 2 ** e.lg2 >= end);
  }

  #setOf(vpn: number, lg2: number): TwinEntry[] {
    return this.#sets[tagOf(vpn, lg2) % this.spec.sets]!;
  }
}

/** Twin of `Tlb`. */
export class TwinTlb {
  pfn = -1;
  flags: TwinFlags = { writable: false, storable: false, exec: false };
  readonly #levels: TwinArray[][];

  constructor(spec: TlbSpec) {
    this.#levels = spec.map((arrays) => arrays.map((array) => new TwinArray(array)));
  }

  look(vpn: number, fetch: boolean): number {
    const levels = this.#levels.map((arrays) => sideOf(arrays, fetch));
    for (const [l, arrays] of levels.entries()) {
      const hit = this.#lookIn(arrays, vpn);
      if (hit === undefined) continue;
      this.pfn = hit.pfn + (vpn % 2 ** hit.lg2);
      this.flags = hit.flags;
      for (const before of levels.slice(0, l).reverse()) fillLevel(before, vpn, hit.lg2, this.pfn, hit.flags);
      return l;
    }
    return levels.length;
  }

  fill(vpn: number, lg2: number, pfn: number, flags: TwinFlags, fetch: boolean): void {
    for (const arrays of this.#levels) fillLevel(sideOf(arrays, fetch), vpn, lg2, pfn, flags);
  }

  makeStorable(vpn: number): void {
    for (const array of this.#levels.flatMap((arrays) => sideOf(arrays, false))) array.makeStorable(vpn);
  }

  flush(start: number, end: number): void {
    for (const array of this.#levels.flat()) array.flush(start, end);
  }

  #lookIn(arrays: TwinArray[], vpn: number): TwinEntry | undefined {
    const sizes = [...new Set(arrays.flatMap((a) => a.spec.holds))].sort((a, b) => a - b);
    for (const lg2 of sizes)
      for (const array of arrays) {
        const hit = array.spec.holds.includes(lg2) ? array.look(vpn, lg2) : undefined;
        if (hit !== undefined) return hit;
      }
    return undefined;
  }
}

function sideOf(arrays: TwinArray[], fetch: boolean): TwinArray[] {
  return arrays.filter(({ spec }) => spec.for !== (fetch ? "data" : "fetch"));
}

function fillLevel(arrays: TwinArray[], vpn: number, leafLg2: number, pfn: number, flags: TwinFlags): void {
  const fits = arrays.flatMap((array) => array.spec.holds.filter((s) => s <= leafLg2).map((lg2) => ({ array, lg2 })));
  const best = Math.max(...fits.map((f) => f.lg2));
  fits.findLast((f) => f.lg2 === best)?.array.fill(vpn, best, pfn, flags);
}

/** Twin of `WalkCache`. */
export class TwinWalkCache {
  readonly #format: Format;
  readonly #spec: WalkCacheSpec;
  /** By level and set, latest used first. */
  readonly #held = new Map<string, number[]>();

  constructor(format: Format, spec: WalkCacheSpec) {
    this.#format = format;
    this.#spec = spec;
  }

  walk(vpn: number, endLevel: number): number {
    const hits: number[] = [];
    for (let level = levelsOf(this.#format) - 1; level > endLevel; level--)
      if (this.#spec[level] && this.#touch(vpn, level)) hits.push(level);
    return Math.min(levelsOf(this.#format), ...hits) - 1;
  }

  flush(): void {
    this.#held.clear();
  }

  flushRange(start: number, end: number): void {
    for (const [key, tags] of this.#held) {
      const span = 2 ** spanLg2(this.#format, Number.parseInt(key, 10));
      this.#held.set(
        key,
        tags.filter((tag) => (tag + 1) * span <= start || tag * span >= end),
      );
    }
  }

  #touch(vpn: number, level: number): boolean {
    const { sets, ways } = this.#spec[level]!;
    const tag = tagOf(vpn, spanLg2(this.#format, level));
    const key = `${level}/${tag % sets}`;
    const old = this.#held.get(key) ?? [];
    this.#held.set(key, [tag, ...old.filter((t) => t !== tag)].slice(0, ways));
    return old.includes(tag);
  }
}

/** What a twin walk ends in. */
export interface TwinWalk {
  /** -1 for a fault. */
  readonly pfn: number;
  /** Slots read, from the root down. */
  readonly slots: readonly number[];
  /** Level of the last slot read. */
  readonly level: number;
  /** Attributes of the leaf as it is before the access; 0 where there is none. */
  readonly attrs: number;
  /** Log two of the base pages that the leaf says it covers, contiguous block included. */
  readonly lg2: number;
}

/** Twin of `translate`, without its side effects. */
export function twinWalk({ format: f, tables, root }: Tree, vpn: number, ad: AccessDirty, kind: AccessKind): TwinWalk {
  const slots: number[] = [];
  let table = root;
  for (let level = levelsOf(f) - 1; ; level--) {
    const shift = BigInt(spanLg2(f, level));
    const index = Number((BigInt(vpn) >> shift) & ((1n << BigInt(f.indexLg2[level]!)) - 1n));
    const slot = table * 2 ** tables.slotsLg2 + index;
    slots.push(slot);
    const lo = tables.lo[Math.floor(slot / 2 ** tables.chunkLg2)]![slot % 2 ** tables.chunkLg2]!;
    const hi = tables.hi[Math.floor(slot / 2 ** tables.chunkLg2)]![slot % 2 ** tables.chunkLg2]!;
    const entry = f.kind(lo, hi, level);
    if (entry === Kind.table) {
      table = tables.tableOf(f.tablePfn(lo, hi, level));
      continue;
    }
    const attrs = entry === Kind.leaf ? f.attrs(lo, hi, level) : 0;
    const cont = attrs & A.cont ? f.contLg2[level]! : 0;
    const refused = entry !== Kind.leaf || refuses(attrs, ad, kind);
    const pfn = refused ? -1 : f.pfn(lo, hi, level) + inLeaf(f, vpn, Number(shift), cont);
    return { pfn, slots, level, attrs, lg2: Number(shift) + cont };
  }
}

/** Every entry of a napot block names the block's first frame, any other leaf its own. */
function inLeaf(f: Format, vpn: number, shift: number, cont: number): number {
  return Number(BigInt(vpn) & ((1n << BigInt(shift + (f.napot ? cont : 0))) - 1n));
}

function refuses(attrs: number, ad: AccessDirty, kind: AccessKind): boolean {
  const has = (bits: number) => (attrs & bits) === bits;
  if (has(A.protnone) || has(A.noUser) || (ad === "fault" && !has(A.young))) return true;
  if (kind === AccessKind.fetch) return !has(A.exec);
  return kind === AccessKind.store && (!has(A.write) || (ad === "fault" && !has(A.dirty)));
}

/** Twin of `Mmu`: one access at a time, its walks note accessed and dirty in the tables. */
export class TwinCore {
  readonly #tree: Tree;
  readonly #spec: MmuSpec;
  readonly #onFault: OnFault | undefined;
  readonly #tlb: TwinTlb;
  readonly #cache: TwinWalkCache;
  readonly #lines: Set<number>[];
  #counts: { -readonly [K in keyof MmuCounts]: MmuCounts[K] extends number ? number : number[] };

  constructor(tree: Tree, spec: MmuSpec, onFault?: OnFault) {
    this.#tree = tree;
    this.#spec = spec;
    this.#onFault = onFault;
    this.#tlb = new TwinTlb(spec.tlb);
    this.#cache = new TwinWalkCache(tree.format, spec.walkCache);
    const zeros = () => Array.from({ length: levelsOf(tree.format) }, () => 0);
    this.#lines = zeros().map(() => new Set());
    const tlbHits = spec.tlb.map(() => 0);
    this.#counts = { accesses: 0, tlbHits, walks: 0, dirtyWalks: 0, faults: 0, reads: zeros(), lines: [] };
  }

  counts(): MmuCounts {
    return { ...this.#counts, lines: this.#lines.map((set) => set.size) };
  }

  /** The frame reached, -1 for a fault. */
  access(vpn: number, kind: AccessKind): number {
    this.#counts.accesses++;
    for (;;) {
      const pfn = this.#once(vpn, kind);
      if (pfn >= 0 || !this.#onFault?.(vpn, kind)) return pfn;
      this.#tlb.flush(vpn, vpn + 1);
      this.#cache.flushRange(vpn, vpn + 1);
    }
  }

  flush(start: number, end: number): void {
    this.#tlb.flush(start, end);
    this.#cache.flush();
  }

  #once(vpn: number, kind: AccessKind): number {
    const pfn = this.#translate(vpn, kind);
    if (pfn < 0) this.#counts.faults++;
    return pfn;
  }

  #translate(vpn: number, kind: AccessKind): number {
    const hit = this.#tlb.look(vpn, kind === AccessKind.fetch);
    if (hit < this.#spec.tlb.length) {
      this.#counts.tlbHits[hit]!++;
      return this.#hit(vpn, kind);
    }
    this.#counts.walks++;
    const { pfn, attrs, lg2 } = this.#walk(vpn, kind);
    const writable = (attrs & A.write) !== 0;
    const dirty = (attrs & A.dirty) !== 0 || kind === AccessKind.store;
    const flags = { writable, storable: writable && dirty, exec: (attrs & A.exec) !== 0 };
    if (pfn >= 0) this.#tlb.fill(vpn, lg2, pfn, flags, kind === AccessKind.fetch);
    return pfn;
  }

  #hit(vpn: number, kind: AccessKind): number {
    const { pfn, flags } = this.#tlb;
    if (kind === AccessKind.load || (kind === AccessKind.fetch && flags.exec)) return pfn;
    if (kind === AccessKind.fetch || !flags.writable) return -1;
    if (flags.storable) return pfn;
    if (this.#spec.accessDirty === "fault") return -1;
    this.#counts.dirtyWalks++;
    this.#walk(vpn, kind);
    this.#tlb.makeStorable(vpn);
    return pfn;
  }

  #walk(vpn: number, kind: AccessKind): TwinWalk {
    const { format } = this.#tree;
    const walk = twinWalk(this.#tree, vpn, this.#spec.accessDirty, kind);
    for (let level = this.#cache.walk(vpn, walk.level); level >= walk.level; level--) {
      this.#counts.reads[level]!++;
      const slot = walk.slots[levelsOf(format) - 1 - level]!;
      this.#lines[level]!.add(Math.floor(slot / (64 / format.entryBytes)));
    }
    if (walk.pfn >= 0) this.#note(walk, A.young | (kind === AccessKind.store ? A.dirty : 0));
    return walk;
  }

  /** Hardware notes in the slot it read, in no other of the block. */
  #note({ slots, level, attrs }: TwinWalk, bits: number): void {
    const { format: f, tables } = this.#tree;
    const slot = slots.at(-1)!;
    const [lo, hi] = [tables.lo, tables.hi].map((half) => half[Math.floor(slot / 2 ** tables.chunkLg2)]!);
    const at = slot % 2 ** tables.chunkLg2;
    const pfn = f.pfn(lo![at]!, hi![at]!, level);
    lo![at] = f.leafLo(pfn, attrs | bits, level);
    hi![at] = f.leafHi(pfn, attrs | bits, level);
  }
}
