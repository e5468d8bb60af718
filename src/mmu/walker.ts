/**
 * The table walker of one core: it walks the tree, lets walk caches say where a walk could begin, and counts each slot read.
 *
 * Not modelled: several walks at a time, walks for prefetches.
 */
import { A } from "../arch/entry.ts";
import { type AccessDirty, levelsOf, spanLg2 } from "../arch/format.ts";
import { invariant, UserError } from "../base/errors.ts";
import { AccessKind, LINE_LG2 } from "./access-words.ts";
import { isRun } from "./coalesce.ts";
import type { Extent } from "./extent.ts";
import { TlbFlag, Translation } from "./tlb.ts";
import { type Tree, translateInto, WalkRoom } from "./translate.ts";
import { WalkCache, type WalkCacheSpec } from "./walk-cache.ts";

/** What a walker is made with, besides its tree. */
export interface WalkerSpec {
  readonly walkCache: WalkCacheSpec;
  readonly accessDirty: AccessDirty;
  /** Runs of PTEs to look for, as log two, largest first (see `coalesce.ts`). */
  readonly coalesce: readonly number[];
}

/** Walks one tree at a time; all its trees share one format and one memory. */
export class Walker {
  /** What the last walk that did not fault found. */
  readonly found = new Translation();
  /** Table reads by level, level 0 first. */
  readonly reads: Float64Array;
  /** Different lines read, by level. */
  readonly lines: Float64Array;
  #tree: Tree;
  readonly #room = new WalkRoom();
  readonly #ad: AccessDirty;
  readonly #coalesce: readonly number[];
  readonly #cache: WalkCache;
  readonly #levels: number;
  /** Log two of the base pages that a leaf spans: by level, then by level for a contiguous block. */
  readonly #leafLg2: Int32Array;
  /** Slots in a line, log two. */
  readonly #lineSlotsLg2: number;
  #seen = new Uint8Array(0);

  /** Throws {@link UserError} for a spec that cannot be built. */
  constructor(tree: Tree, { walkCache, accessDirty, coalesce }: WalkerSpec) {
    const { format } = tree;
    this.#tree = tree;
    this.#ad = accessDirty;
    this.#coalesce = coalesce;
    this.#cache = new WalkCache(format, walkCache);
    this.#levels = levelsOf(format);
    const plain = Array.from({ length: this.#levels }, (_, l) => spanLg2(format, l));
    this.#leafLg2 = Int32Array.from([...plain, ...plain.map((lg2, l) => lg2 + format.contLg2[l]!)]);
    this.#lineSlotsLg2 = LINE_LG2 - Math.log2(format.entryBytes);
    checkCoalesce(coalesce, this.#lineSlotsLg2);
    this.reads = new Float64Array(this.#levels);
    this.lines = new Float64Array(this.#levels);
    this.grow();
  }

  /** One walk. Returns the frame of the page, -1 for a fault. */
  walk(low: number, high: number, kind: AccessKind): number {
    const room = this.#room;
    translateInto(room, this.#tree, low, high, kind === AccessKind.store, this.#ad, kind === AccessKind.fetch);
    this.#countReads(this.#cache.walkAt(low, high, room.level));
    if (room.fault === null) this.#keep(kind === AccessKind.store);
    return room.pfn;
  }

  /** Walks another tree from now on, that of the address space `asid`. */
  switchTo(tree: Tree, asid: number): void {
    const { format, tables } = this.#tree;
    if (tree.format !== format || tree.tables !== tables)
      throw new UserError(`a core on ${format.name} cannot switch to tables of another format or another memory`);
    this.#tree = tree;
    this.#cache.asid = asid;
  }

  /** Forgets table entries that lead to what an extent reaches. */
  drop(extent: Extent): void {
    this.#cache.drop(extent);
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

  #keep(stored: boolean): void {
    const { attrs, level, pfn, slot } = this.#room;
    const { found } = this;
    found.pfn = pfn;
    found.flags = flagsOf(attrs, stored);
    found.spanLg2 = this.#leafLg2[level]!;
    found.lg2 = this.#leafLg2[(attrs & A.cont ? this.#levels : 0) + level]!;
    if (level === 0 && this.#coalesce.length > 0) this.#joinRun(slot);
  }

  #joinRun(slot: number): void {
    const { found } = this;
    for (const lg2 of this.#coalesce)
      if (lg2 > found.lg2 && isRun(this.#tree, slot, lg2)) {
        found.lg2 = lg2;
        return;
      }
  }

  #countReads(first: number): void {
    const { slots, level: last } = this.#room;
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

/** What a TLB entry remembers of a leaf with the attributes as they were before the walk. */
function flagsOf(attrs: number, stored: boolean): number {
  const flags = (attrs & A.exec ? TlbFlag.exec : 0) | (attrs & A.global ? TlbFlag.global : 0);
  if ((attrs & A.write) === 0) return flags;
  return flags | TlbFlag.writable | (stored || attrs & A.dirty ? TlbFlag.storable : 0);
}

function checkCoalesce(sizes: readonly number[], lineSlotsLg2: number): void {
  const wrong = sizes.find((lg2) => !Number.isInteger(lg2) || lg2 < 1 || lg2 > lineSlotsLg2);
  if (wrong !== undefined)
    throw new UserError(
      `bad coalesce '${wrong}': 1 to ${lineSlotsLg2}, since a line of tables has ${2 ** lineSlotsLg2} entries`,
    );
}
