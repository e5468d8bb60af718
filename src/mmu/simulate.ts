/**
 * Runs a stream of loads through TLBs, walk caches and tables, and counts what that takes. Truth before cost: every walk
 * is that of `translate.ts`, and a test shows that each address translates alike with all of it on or off.
 *
 * Not modelled: stores (dirty state of TLB entries), instruction fetches, several walks at a time, prefetch.
 */
import { A } from "../arch/entry.ts";
import { type AccessDirty, levelsOf, spanLg2 } from "../arch/format.ts";
import { invariant } from "../base/errors.ts";
import { Tlb, type TlbSpec } from "./tlb.ts";
import { type Tree, translateInto, WalkRoom } from "./translate.ts";
import { highOf, lowOf } from "./vpn.ts";
import { WalkCache, type WalkCacheSpec } from "./walk-cache.ts";

/** The translation hardware of one core. An empty list is a core without it. */
export interface MmuSpec {
  readonly tlb: TlbSpec;
  readonly walkCache: WalkCacheSpec;
  readonly accessDirty: AccessDirty;
}

/** What was counted, exactly. Arrays are by TLB level or by table level. */
export interface MmuCounts {
  readonly accesses: number;
  /** Accesses that hit in each TLB level. */
  readonly tlbHits: readonly number[];
  /** Accesses that needed a walk. */
  readonly walks: number;
  /** Walks that ended in a fault. */
  readonly faults: number;
  /** Table reads by level, level 0 first. */
  readonly reads: readonly number[];
  /** Different 64-byte lines of tables read, by level. */
  readonly lines: readonly number[];
}

/** One call of a loop this long stays in optimised code; much longer ones do not (on-stack replacement). */
const CHUNK = 16384;

/** Bytes in a line of cache, log two. */
const LINE_LG2 = 6;

/** One core with its TLBs and walk caches, on one tree of tables. State lasts from run to run. */
export class Mmu {
  readonly #tree: Tree;
  readonly #ad: AccessDirty;
  readonly #tlb: Tlb;
  readonly #walkCache: WalkCache;
  readonly #levels: number;
  readonly #room = new WalkRoom();
  /** Log two of the base pages that a leaf spans: by level, then by level for a contiguous block. */
  readonly #leafLg2: Int32Array;
  /** Slots in a line, log two. */
  readonly #lineSlotsLg2: number;
  #seen: Uint8Array;
  #accesses = 0;
  #faults = 0;
  readonly #hits: Float64Array;
  readonly #reads: Float64Array;
  readonly #lines: Float64Array;

  constructor(tree: Tree, spec: MmuSpec) {
    const { format } = tree;
    this.#tree = tree;
    this.#ad = spec.accessDirty;
    this.#tlb = new Tlb(spec.tlb);
    this.#walkCache = new WalkCache(format, spec.walkCache);
    this.#levels = levelsOf(format);
    const plain = Array.from({ length: this.#levels }, (_, l) => spanLg2(format, l));
    this.#leafLg2 = Int32Array.from([...plain, ...plain.map((lg2, l) => lg2 + format.contLg2[l]!)]);
    this.#lineSlotsLg2 = LINE_LG2 - Math.log2(format.entryBytes);
    this.#hits = new Float64Array(spec.tlb.length + 1);
    this.#reads = new Float64Array(this.#levels);
    this.#lines = new Float64Array(this.#levels);
    this.#seen = new Uint8Array(0);
  }

  /**
   * Loads from each page in turn. `out`, if given, receives the frame that each load reached, -1 for a fault; where a TLB
   * held the translation it is the TLB's. Tables may change between runs if what changed is flushed.
   */
  run(vpns: Float64Array, out?: Float64Array): void {
    this.#growSeen();
    for (let from = 0; from < vpns.length; from += CHUNK)
      this.#chunk(vpns, from, Math.min(from + CHUNK, vpns.length), out ?? null);
    this.#accesses += vpns.length;
  }

  /** Invalidates the translations of `[start, end)` in pages, and all walk caches. */
  flush(start: number, end: number): void {
    this.#tlb.flush(start, end);
    this.#walkCache.flush();
  }

  /** The counts since the last {@link reset}. */
  counts(): MmuCounts {
    return {
      accesses: this.#accesses,
      tlbHits: Array.from(this.#hits.subarray(0, this.#tlb.levels)),
      walks: this.#hits[this.#tlb.levels]!,
      faults: this.#faults,
      reads: Array.from(this.#reads),
      lines: Array.from(this.#lines),
    };
  }

  /** Starts counting at zero; what TLBs and walk caches hold stays. */
  reset(): void {
    this.#accesses = 0;
    this.#faults = 0;
    for (const counts of [this.#hits, this.#reads, this.#lines, this.#seen]) counts.fill(0);
  }

  #chunk(vpns: Float64Array, from: number, to: number, out: Float64Array | null): void {
    for (let i = from; i < to; i++) {
      const low = lowOf(vpns[i]!);
      const pfn = this.#load(low, highOf(vpns[i]!, low));
      if (out !== null) out[i] = pfn;
    }
  }

  #load(low: number, high: number): number {
    const hit = this.#tlb.lookAt(low, high);
    this.#hits[hit]!++;
    return hit < this.#tlb.levels ? this.#tlb.pfn : this.#walk(low, high);
  }

  #walk(low: number, high: number): number {
    const room = this.#room;
    translateInto(room, this.#tree, low, high, false, this.#ad);
    this.#countReads(this.#walkCache.walkAt(low, high, room.level));
    if (room.fault !== null) {
      this.#faults++;
      return -1;
    }
    const block = room.attrs & A.cont ? this.#levels : 0;
    this.#tlb.fillAt(low, high, this.#leafLg2[block + room.level]!, room.pfn);
    return room.pfn;
  }

  #countReads(first: number): void {
    const { slots, level: last } = this.#room;
    invariant(
      first >= last,
      `a walk cache leads to level ${first}, below the entry of level ${last}: a flush is missing`,
    );
    const top = this.#levels - 1;
    for (let level = first; level >= last; level--) {
      this.#reads[level]!++;
      const line = slots[top - level]! >>> this.#lineSlotsLg2;
      if (this.#seen[line] !== 0) continue;
      this.#seen[line] = 1;
      this.#lines[level]!++;
    }
  }

  /** Tables may have been added since the last run. */
  #growSeen(): void {
    const { lo, chunkLg2 } = this.#tree.tables;
    const lines = lo.length << (chunkLg2 - this.#lineSlotsLg2);
    if (lines <= this.#seen.length) return;
    const grown = new Uint8Array(lines);
    grown.set(this.#seen);
    this.#seen = grown;
  }
}
