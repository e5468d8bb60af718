/**
 * Slow twins of the walk, of caches, and of a walker of one stage or two: bigint addresses, lists of objects, no tricks.
 */
import { A, Kind } from "../../src/arch/entry.ts";
import type { AccessDirty } from "../../src/arch/format.ts";
import { decode, type Format, levelsOf, spanLg2 } from "../../src/arch/format.ts";
import { AccessKind } from "../../src/mmu/access-words.ts";
import type { CacheSpec, CachesSpec } from "../../src/mmu/caches.ts";
import type { HostCounts } from "../../src/mmu/counts.ts";
import type { NestedSpec } from "../../src/mmu/nested-walker.ts";
import type { MmuSpec } from "../../src/mmu/simulate.ts";
import type { Tree } from "../../src/mmu/translate.ts";
import type { WalkCacheSpec } from "../../src/mmu/walk-cache.ts";
import { type TwinSet, twinSets } from "./twin-sets.ts";
import { type TwinLeaf, TwinTlb, TwinWalkCache } from "./twin-tlb.ts";

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

/** Whether the aligned `2^lg2` slots around one are leaves of one run of memory, and say the same of it. */
export function isTwinRun({ format: f, tables }: Tree, slot: number, lg2: number): boolean {
  const first = slot - (slot % 2 ** lg2);
  const leaves = Array.from({ length: 2 ** lg2 }, (_, i) => {
    const at = (first + i) % 2 ** tables.chunkLg2;
    const chunk = Math.floor((first + i) / 2 ** tables.chunkLg2);
    return decode(f, tables.lo[chunk]![at]!, tables.hi[chunk]![at]!, 0);
  });
  const [head] = leaves;
  if (head?.kind !== "leaf" || head.pfn % 2 ** lg2 !== 0 || (head.attrs & A.cont) !== 0) return false;
  if ((head.attrs & A.write) !== 0 && (head.attrs & A.dirty) === 0) return false;
  return leaves.every((e, i) => e.kind === "leaf" && e.pfn === head.pfn + i && e.attrs === head.attrs);
}

/** Hardware notes in the slot it read, in no other of the block. */
function note({ format: f, tables }: Tree, { slots, level, attrs }: TwinWalk, bits: number): void {
  const slot = slots.at(-1)!;
  const [lo, hi] = [tables.lo, tables.hi].map((half) => half[Math.floor(slot / 2 ** tables.chunkLg2)]!);
  const at = slot % 2 ** tables.chunkLg2;
  const pfn = f.pfn(lo![at]!, hi![at]!, level);
  lo![at] = f.leafLo(pfn, attrs | bits, level);
  hi![at] = f.leafHi(pfn, attrs | bits, level);
}

/** Twin of `Caches`. */
export class TwinCaches {
  readonly spec: CachesSpec;
  readonly #caches: { spec: CacheSpec; sets: TwinSet<{ line: number }>[] }[];

  constructor(spec: CachesSpec) {
    this.spec = spec;
    this.#caches = spec.levels.map((cache) => ({ spec: cache, sets: twinSets(cache) }));
  }

  /** A byte is read. Returns the cache that had it; their number is memory. */
  read(address: number, byWalker: boolean): number {
    const from = byWalker ? (this.spec.walkerFrom ?? 0) : 0;
    const had = this.#caches.findIndex(({ spec, sets }, i) => {
      if (i < from) return false;
      const line = Math.floor(address / (spec.line ?? 64));
      const set = sets[line % spec.sets]!;
      if (set.use((held) => held.line === line)) return true;
      set.insert({ line });
      return false;
    });
    return had < 0 ? this.#caches.length : had;
  }
}

/** Where a guest's page lies in the host's memory, -1 for nowhere; `row` says what it is wanted for. */
type Reach = (gfn: number, kind: AccessKind, row: number) => number;

/** Twin of a walker of one stage, or of the first of two. */
export class TwinWalker {
  tree: Tree;
  readonly cache: TwinWalkCache;
  readonly reads: number[];
  readonly cacheReads: number[][];
  readonly #lines: Set<number>[];
  readonly #ad: AccessDirty;
  readonly #runs: readonly number[];
  readonly #caches: TwinCaches | null;

  constructor(
    tree: Tree,
    walkCache: WalkCacheSpec,
    ad: AccessDirty,
    runs: readonly number[],
    caches: TwinCaches | null,
  ) {
    this.tree = tree;
    this.cache = new TwinWalkCache(tree.format, walkCache);
    this.#ad = ad;
    this.#runs = runs;
    this.#caches = caches;
    this.reads = Array.from({ length: levelsOf(tree.format) }, () => 0);
    this.#lines = this.reads.map(() => new Set());
    this.cacheReads = this.reads.map(() => Array.from({ length: (caches?.spec.levels.length ?? 0) + 1 }, () => 0));
  }

  lines(): number[] {
    return this.#lines.map((set) => set.size);
  }

  /** The leaf found, null for a fault. With `reach`, tables lie in a guest's memory. `onRead` hears of each read. */
  walk(vpn: number, kind: AccessKind, reach?: Reach, onRead?: (level: number) => void): TwinLeaf | null {
    const { format } = this.tree;
    const walk = twinWalk(this.tree, vpn, this.#ad, kind);
    for (let level = this.cache.walk(vpn, walk.level); level >= walk.level; level--) {
      const slot = walk.slots[levelsOf(format) - 1 - level]!;
      const table = this.tree.tables.pfnOf(Math.floor(slot / 2 ** this.tree.tables.slotsLg2));
      // Tables of several pages (s390) lie one behind the other, and not a page apart as their numbers are.
      const own = this.tree.tables.basePfn + (slot * format.entryBytes) / 2 ** format.pageLg2;
      const frame = reach === undefined ? Math.floor(own) : reach(table, AccessKind.load, level);
      if (frame < 0) return null;
      onRead?.(level);
      this.#count(slot, level, frame);
    }
    if (walk.pfn < 0) return null;
    note(this.tree, walk, A.young | (kind === AccessKind.store ? A.dirty : 0));
    return this.#leafOf(walk, kind);
  }

  #count(slot: number, level: number, frame: number): void {
    const { format } = this.tree;
    this.reads[level]!++;
    this.#lines[level]!.add(Math.floor(slot / (64 / format.entryBytes)));
    if (this.#caches === null) return;
    const address = frame * 2 ** format.pageLg2 + ((slot * format.entryBytes) % 2 ** format.pageLg2);
    this.cacheReads[level]![this.#caches.read(address, true)]!++;
  }

  #leafOf({ pfn, attrs, lg2, level, slots }: TwinWalk, kind: AccessKind): TwinLeaf {
    const writable = (attrs & A.write) !== 0;
    const dirty = (attrs & A.dirty) !== 0 || kind === AccessKind.store;
    const flags = { writable, storable: writable && dirty, exec: (attrs & A.exec) !== 0 };
    const run = Math.max(0, ...this.#runs.filter((k) => level === 0 && isTwinRun(this.tree, slots.at(-1)!, k)));
    const size = { lg2: Math.max(lg2, run), spanLg2: spanLg2(this.tree.format, level) };
    return { pfn, ...size, ...flags, global: (attrs & A.global) !== 0 };
  }
}

/** Twin of a walker of two stages. */
export class TwinTwoStages {
  readonly guest: TwinWalker;
  readonly host: TwinWalker;
  readonly tlb: TwinTlb;
  readonly #matrix: number[][];
  readonly #tlbHits: number[];
  readonly #hasCaches: boolean;

  constructor(guest: TwinWalker, host: Tree, nested: NestedSpec, caches: TwinCaches | null) {
    this.guest = guest;
    this.host = new TwinWalker(host, nested.walkCache, nested.accessDirty, [], caches);
    this.tlb = new TwinTlb(nested.tlb);
    this.#tlbHits = nested.tlb.map(() => 0);
    this.#matrix = [...guest.reads, 0].map(() => this.host.reads.map(() => 0));
    this.#hasCaches = caches !== null;
  }

  walk(vpn: number, kind: AccessKind): TwinLeaf | null {
    const frame: Reach = (gfn, k, row) => this.#reach(gfn, k, row)?.pfn ?? -1;
    const first = this.guest.walk(vpn, kind, frame);
    const second = first && this.#reach(first.pfn, kind, this.guest.reads.length);
    if (first === null || second === null) return null;
    const both = (key: "writable" | "storable" | "exec") => first[key] && second[key];
    return {
      pfn: second.pfn,
      lg2: Math.min(first.lg2, second.lg2),
      spanLg2: Math.min(first.spanLg2, second.spanLg2),
      ...{ writable: both("writable"), storable: both("storable"), exec: both("exec") },
      global: first.global,
    };
  }

  counts(): HostCounts {
    const { cacheReads } = this.host;
    return { reads: this.#matrix, tlbHits: this.#tlbHits, ...(this.#hasCaches && { cacheReads }) };
  }

  #reach(gfn: number, kind: AccessKind, row: number): TwinLeaf | null {
    const hit = this.tlb.look(gfn, false);
    const held = hit < this.#tlbHits.length ? this.tlb.hit! : null;
    if (held !== null) {
      this.#tlbHits[hit]!++;
      if (kind === AccessKind.fetch) return held.exec ? held : null;
      if (kind === AccessKind.load || (held.writable && held.storable)) return held;
    }
    const leaf = this.host.walk(gfn, kind, undefined, (level) => void this.#matrix[row]![level]!++);
    if (leaf === null) return null;
    if (held === null) this.tlb.fill(gfn, leaf, false);
    else this.tlb.makeStorable(gfn);
    return leaf;
  }
}

/** Lengths of runs that some array holds, as log two. */
export function runsOf(spec: MmuSpec): number[] {
  return spec.tlb.flat().flatMap((array) => array.coalesce ?? []);
}
