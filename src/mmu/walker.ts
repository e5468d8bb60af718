/**
 * The table walker of one core: it walks the tree, lets walk caches say where a walk could begin, and counts each slot read.
 *
 * Not modelled: several walks at a time, walks for prefetches.
 */
import { A } from "../arch/entry.ts";
import { type AccessDirty, levelsOf, spanLg2 } from "../arch/format.ts";
import { invariant } from "../base/errors.ts";
import { AccessKind, LINE_LG2 } from "./access-words.ts";
import { type Tree, translateInto, WalkRoom } from "./translate.ts";
import { WalkCache, type WalkCacheSpec } from "./walk-cache.ts";

/** Walks one tree. The outcome of the last walk is in `room`, but for the size of the leaf. */
export class Walker {
  readonly room = new WalkRoom();
  /** Log two of the base pages that the last walk's leaf covers, a contiguous block as a whole. */
  leafLg2 = 0;
  /** Table reads by level, level 0 first. */
  readonly reads: Float64Array;
  /** Different lines read, by level. */
  readonly lines: Float64Array;
  readonly #tree: Tree;
  readonly #ad: AccessDirty;
  readonly #cache: WalkCache;
  readonly #levels: number;
  /** Log two of the base pages that a leaf spans: by level, then by level for a contiguous block. */
  readonly #leafLg2: Int32Array;
  /** Slots in a line, log two. */
  readonly #lineSlotsLg2: number;
  #seen = new Uint8Array(0);

  constructor(tree: Tree, cache: WalkCacheSpec, ad: AccessDirty) {
    const { format } = tree;
    this.#tree = tree;
    this.#ad = ad;
    this.#cache = new WalkCache(format, cache);
    this.#levels = levelsOf(format);
    const plain = Array.from({ length: this.#levels }, (_, l) => spanLg2(format, l));
    this.#leafLg2 = Int32Array.from([...plain, ...plain.map((lg2, l) => lg2 + format.contLg2[l]!)]);
    this.#lineSlotsLg2 = LINE_LG2 - Math.log2(format.entryBytes);
    this.reads = new Float64Array(this.#levels);
    this.lines = new Float64Array(this.#levels);
    this.grow();
  }

  /** One walk. Returns the frame of the page, -1 for a fault. */
  walk(low: number, high: number, kind: AccessKind): number {
    const { room } = this;
    translateInto(room, this.#tree, low, high, kind === AccessKind.store, this.#ad, kind === AccessKind.fetch);
    this.#countReads(this.#cache.walkAt(low, high, room.level));
    this.leafLg2 = this.#leafLg2[(room.attrs & A.cont ? this.#levels : 0) + room.level]!;
    return room.pfn;
  }

  /** Forgets all table entries that walk caches hold. */
  flush(): void {
    this.#cache.flush();
  }

  /** Forgets the table entries that lead to `[start, end)`, in pages. */
  flushRange(start: number, end: number): void {
    this.#cache.flushRange(start, end);
  }

  /** Starts counting at zero. */
  reset(): void {
    for (const counts of [this.reads, this.lines, this.#seen]) counts.fill(0);
  }

  /** Makes room for lines of tables that were added since. */
  grow(): void {
    const { lo, chunkLg2 } = this.#tree.tables;
    const lines = lo.length << (chunkLg2 - this.#lineSlotsLg2);
    if (lines <= this.#seen.length) return;
    const grown = new Uint8Array(lines);
    grown.set(this.#seen);
    this.#seen = grown;
  }

  #countReads(first: number): void {
    const { slots, level: last } = this.room;
    // Not put as a condition of `invariant`, whose words would be made up at every walk.
    if (first < last)
      invariant(false, `a walk cache leads to level ${first}, below the entry of level ${last}: a flush is missing`);
    const top = this.#levels - 1;
    for (let level = first; level >= last; level--) {
      this.reads[level]!++;
      const line = slots[top - level]! >>> this.#lineSlotsLg2;
      if (this.#seen[line] !== 0) continue;
      this.#seen[line] = 1;
      this.lines[level]!++;
    }
  }
}
