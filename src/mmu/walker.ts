/**
 * The table walker of one core: it walks the tree, lets walk caches say where a walk could begin, and counts each slot read.
 *
 * Not modelled: several walks at a time, walks for prefetches.
 */
import { A } from "../arch/entry.ts";
import { type AccessDirty, type Format, levelsOf, spanLg2 } from "../arch/format.ts";
import { broken, UserError } from "../base/errors.ts";
import { AccessKind } from "./access-words.ts";
import type { Caches } from "./caches.ts";
import { isRun } from "./coalesce.ts";
import type { HostCounts } from "./counts.ts";
import type { Extent } from "./extent.ts";
import { TableReads } from "./table-reads.ts";
import { TlbFlag, Translation } from "./tlb.ts";
import { type Tree, translateInto, WalkRoom } from "./translate.ts";
import { WalkCache, type WalkCacheSpec } from "./walk-cache.ts";

/** What a walker is made with, besides its tree. */
export interface WalkerSpec {
  readonly walkCache: WalkCacheSpec;
  readonly accessDirty: AccessDirty;
  /** Runs of PTEs to look for, as log two, largest first (see `coalesce.ts`). */
  readonly coalesce: readonly number[];
  readonly caches: Caches | null;
}

/** Finds translations in tables. All its trees share one format and one memory. */
export interface Walker {
  /** What the last walk that did not fault found. */
  readonly found: Translation;
  readonly seen: TableReads;
  /** One walk. Returns the frame of the page, -1 for a fault. */
  walk(low: number, high: number, kind: AccessKind): number;
  /** Walks another tree from now on, that of the address space `asid`. */
  switchTo(tree: Tree, asid: number): void;
  /** Forgets table entries that lead to what an extent reaches. */
  drop(extent: Extent): void;
  reset(): void;
  /** Makes room for tables that were added since. */
  grow(): void;
  /** Only of a walker through two stages. */
  host?(): HostCounts;
  flushHost?(): void;
}

/** Throws {@link UserError} unless a core may switch from one tree to another. */
export function checkSwitch(from: Tree, to: Tree): void {
  if (to.format !== from.format || to.tables !== from.tables)
    throw new UserError(`a core on ${from.format.name} cannot switch to tables of another format or another memory`);
}

/** Walks plain trees. */
export class TableWalker implements Walker {
  readonly found = new Translation();
  readonly seen: TableReads;
  #tree: Tree;
  readonly #room = new WalkRoom();
  readonly #ad: AccessDirty;
  readonly #cache: WalkCache;
  readonly #leaves: Leaves;

  /** Throws {@link UserError} for a spec that cannot be built. */
  constructor(tree: Tree, { walkCache, accessDirty, coalesce, caches }: WalkerSpec) {
    this.#tree = tree;
    this.#ad = accessDirty;
    this.#cache = new WalkCache(tree.format, walkCache);
    this.seen = new TableReads(tree, caches);
    this.#leaves = new Leaves(tree.format, coalesce, this.seen.lineSlotsLg2);
  }

  walk(low: number, high: number, kind: AccessKind): number {
    const room = this.#room;
    const stores = kind === AccessKind.store;
    translateInto(room, this.#tree, low, high, stores, this.#ad, kind === AccessKind.fetch);
    this.#count(this.#cache.walkAt(low, high, room.level));
    if (room.fault === null) this.#leaves.keep(this.found, this.#tree, room, stores);
    return room.pfn;
  }

  switchTo(tree: Tree, asid: number): void {
    checkSwitch(this.#tree, tree);
    this.#tree = tree;
    this.#cache.asid = asid;
  }

  drop(extent: Extent): void {
    this.#cache.drop(extent);
  }

  reset(): void {
    this.seen.reset();
  }

  grow(): void {
    this.seen.grow();
  }

  #count(first: number): void {
    const { slots, level: last, reads } = this.#room;
    checkStart(first, last);
    for (let level = first; level >= last; level--) this.seen.note(slots[reads - 1 - (level - last)]!, level);
  }
}

/** A walk that would begin below its end has used an entry that was to be flushed. */
export function checkStart(first: number, last: number): void {
  // Words are made up only when they are needed: this is asked at every walk.
  if (first < last)
    broken(`a walk cache leads to level ${first}, below the entry of level ${last}: a flush is missing`);
}

/** From leaves as they are found in tables of one format to translations as TLBs hold them. */
export class Leaves {
  readonly #levels: number;
  readonly #coalesce: readonly number[];
  /** Log two of the base pages that a leaf spans: by level, then by level for a contiguous block. */
  readonly #lg2: Int32Array;

  constructor(format: Format, coalesce: readonly number[], lineSlotsLg2: number) {
    checkCoalesce(coalesce, lineSlotsLg2);
    this.#coalesce = coalesce;
    this.#levels = levelsOf(format);
    const plain = Array.from({ length: this.#levels }, (_, l) => spanLg2(format, l));
    this.#lg2 = Int32Array.from([...plain, ...plain.map((lg2, l) => lg2 + format.contLg2[l]!)]);
  }

  /** Puts what a walk that did not fault has found into a translation. */
  keep(found: Translation, tree: Tree, { attrs, level, pfn, slot }: WalkRoom, stored: boolean): void {
    found.pfn = pfn;
    found.flags = flagsOf(attrs, stored);
    found.spanLg2 = this.#lg2[level]!;
    found.lg2 = this.#lg2[(attrs & A.cont ? this.#levels : 0) + level]!;
    if (level === 0 && this.#coalesce.length > 0) this.#joinRun(found, tree, slot);
  }

  #joinRun(found: Translation, tree: Tree, slot: number): void {
    for (const lg2 of this.#coalesce)
      if (lg2 > found.lg2 && isRun(tree, slot, lg2)) {
        found.lg2 = lg2;
        return;
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
