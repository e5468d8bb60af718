/**
 * Slow twins of the TLB, the walk cache, the walk and the whole core: lists in order of use, bigint addresses, no tricks.
 */
import { A, Kind } from "../../src/arch/entry.ts";
import type { AccessDirty } from "../../src/arch/format.ts";
import { type Format, levelsOf, spanLg2 } from "../../src/arch/format.ts";
import type { MmuCounts, MmuSpec } from "../../src/mmu/simulate.ts";
import type { TlbArraySpec, TlbSpec } from "../../src/mmu/tlb.ts";
import type { Tree } from "../../src/mmu/translate.ts";
import type { WalkCacheSpec } from "../../src/mmu/walk-cache.ts";

interface TwinEntry {
  readonly lg2: number;
  readonly tag: number;
  readonly pfn: number;
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

  fill(vpn: number, lg2: number, pfn: number): void {
    const set = this.#setOf(vpn, lg2);
    set.unshift({ lg2, tag: tagOf(vpn, lg2), pfn: pfn - (vpn % 2 ** lg2) });
    if (set.length > this.spec.ways) set.pop();
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
  readonly #levels: TwinArray[][];

  constructor(spec: TlbSpec) {
    this.#levels = spec.map((arrays) => arrays.map((array) => new TwinArray(array)));
  }

  look(vpn: number): number {
    for (const [l, arrays] of this.#levels.entries()) {
      const hit = this.#lookIn(arrays, vpn);
      if (hit === undefined) continue;
      this.pfn = hit.pfn + (vpn % 2 ** hit.lg2);
      for (const before of this.#levels.slice(0, l).reverse()) fillLevel(before, vpn, hit.lg2, this.pfn);
      return l;
    }
    return this.#levels.length;
  }

  fill(vpn: number, lg2: number, pfn: number): void {
    for (const arrays of this.#levels) fillLevel(arrays, vpn, lg2, pfn);
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

function fillLevel(arrays: TwinArray[], vpn: number, leafLg2: number, pfn: number): void {
  const fits = arrays.flatMap((array) => array.spec.holds.filter((s) => s <= leafLg2).map((lg2) => ({ array, lg2 })));
  const best = Math.max(...fits.map((f) => f.lg2));
  fits.findLast((f) => f.lg2 === best)?.array.fill(vpn, best, pfn);
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
  /** Log two of the base pages that the leaf says it covers, contiguous block included. */
  readonly lg2: number;
}

/** Twin of `translate` for a load, without its side effects. */
export function twinWalk({ format: f, tables, root }: Tree, vpn: number, ad: AccessDirty): TwinWalk {
  const slots: number[] = [];
  let table = root;
  for (let level = levelsOf(f) - 1; ; level--) {
    const shift = BigInt(spanLg2(f, level));
    const index = Number((BigInt(vpn) >> shift) & ((1n << BigInt(f.indexLg2[level]!)) - 1n));
    const slot = table * 2 ** tables.slotsLg2 + index;
    slots.push(slot);
    const lo = tables.lo[Math.floor(slot / 2 ** tables.chunkLg2)]![slot % 2 ** tables.chunkLg2]!;
    const hi = tables.hi[Math.floor(slot / 2 ** tables.chunkLg2)]![slot % 2 ** tables.chunkLg2]!;
    const kind = f.kind(lo, hi, level);
    if (kind === Kind.table) {
      table = tables.tableOf(f.tablePfn(lo, hi, level));
      continue;
    }
    const attrs = kind === Kind.leaf ? f.attrs(lo, hi, level) : A.protnone;
    const refused = (attrs & A.protnone) !== 0 || (ad === "fault" && !(attrs & A.young));
    const cont = attrs & A.cont ? f.contLg2[level]! : 0;
    const pfn = refused ? -1 : f.pfn(lo, hi, level) + Number(BigInt(vpn) & ((1n << shift) - 1n));
    return { pfn, slots, lg2: Number(shift) + cont };
  }
}

/** Twin of `Mmu.run`: the frames reached, and the counts. */
export function twinRun(tree: Tree, spec: MmuSpec, vpns: Iterable<number>): { frames: number[]; counts: MmuCounts } {
  const [tlb, cache] = [new TwinTlb(spec.tlb), new TwinWalkCache(tree.format, spec.walkCache)];
  const levels = levelsOf(tree.format);
  const tlbHits: number[] = spec.tlb.map(() => 0);
  const reads: number[] = Array(levels).fill(0);
  const lines = reads.map(() => new Set<number>());
  let [walks, faults] = [0, 0];
  const frames: number[] = [];
  for (const vpn of vpns) {
    const hit = tlb.look(vpn);
    if (hit < spec.tlb.length) {
      tlbHits[hit]!++;
      frames.push(tlb.pfn);
      continue;
    }
    const walk = twinWalk(tree, vpn, spec.accessDirty);
    walks++;
    const last = levels - walk.slots.length;
    for (let level = cache.walk(vpn, last); level >= last; level--) {
      reads[level]!++;
      lines[level]!.add(Math.floor(walk.slots[levels - 1 - level]! / (64 / tree.format.entryBytes)));
    }
    if (walk.pfn < 0) faults++;
    else tlb.fill(vpn, walk.lg2, walk.pfn);
    frames.push(walk.pfn);
  }
  const counts = { accesses: frames.length, tlbHits, walks, faults, reads, lines: lines.map((set) => set.size) };
  return { frames, counts };
}
