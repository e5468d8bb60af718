/**
 * Nested translation: a guest's tables and what they map lie in guest-physical memory, which a second tree maps to the host's. Every
 * guest slot that is read costs a walk of the host's tables first, and so does the page at the end: with g and h levels
 * `(g + 1) * (h + 1) - 1` reads where nothing is cached.
 *
 * A TLB entry covers what both stages map in one piece, and allows what both allow. A guest's invalidation leaves what is known of the
 * host's tables alone; `flushHost` is the host's own.
 * Not modelled: VMIDs, stage-2 faults told from others, dirty tracking of the guest's tables by the host.
 * Source: Intel SDM volume 3C section 29.3; Arm ARM (DDI 0487) section D8.1.3; Bhargava et al., "Accelerating Two-Dimensional Page
 * Walks for Virtualized Systems", ASPLOS 2008.
 */
import { type AccessDirty, levelsOf } from "../arch/format.ts";
import { UserError } from "../base/errors.ts";
import { AccessKind, LINE_LG2 } from "./access-words.ts";
import type { HostCounts } from "./counts.ts";
import { EVERYTHING, type Extent } from "./extent.ts";
import { TableReads } from "./table-reads.ts";
import { Tlb, TlbFlag, type TlbSpec, Translation } from "./tlb.ts";
import { descend, type Tree, translateInto, WalkRoom } from "./translate.ts";
import { highOf, lowOf } from "./vpn.ts";
import { WalkCache, type WalkCacheSpec } from "./walk-cache.ts";
import { checkStart, checkSwitch, Leaves, type Walker, type WalkerSpec } from "./walker.ts";

/** The second stage's own hardware. */
export interface NestedSpec {
  /** Entries of the host's tables, kept by guest-physical address. */
  readonly walkCache: WalkCacheSpec;
  /** Translations of guest-physical pages ("nested TLB"); an empty list for none. */
  readonly tlb: TlbSpec;
  readonly accessDirty: AccessDirty;
}

/** A guest's tree and the host's tree that maps its memory: a page of guest-physical memory is a page of the host's tree. */
export interface NestedTree extends Tree {
  readonly host: Tree;
}

const NO_STORE = TlbFlag.writable | TlbFlag.storable;

/** Walks a guest's tree through a host's. */
export class NestedWalker implements Walker {
  readonly found = new Translation();
  readonly seen: TableReads;
  #guest: NestedTree;
  readonly #ad: AccessDirty;
  readonly #room = new WalkRoom();
  readonly #cache: WalkCache;
  readonly #leaves: Leaves;
  readonly #stage2: Stage2;
  /** Lines in a page, and slots in a table less one. */
  readonly #pageLines: number;
  readonly #tableMask: number;

  /** Throws {@link UserError} for a spec that cannot be built. */
  constructor(guest: NestedTree, spec: WalkerSpec, nested: NestedSpec) {
    checkPages(guest);
    this.#guest = guest;
    this.#ad = spec.accessDirty;
    this.#cache = new WalkCache(guest.format, spec.walkCache);
    this.seen = new TableReads(guest, spec.caches);
    this.#leaves = new Leaves(guest.format, spec.coalesce, this.seen.lineSlotsLg2);
    this.#stage2 = new Stage2(guest.host, { ...spec, ...nested, coalesce: [] }, nested.tlb, levelsOf(guest.format));
    this.#pageLines = 2 ** (guest.format.pageLg2 - LINE_LG2);
    this.#tableMask = 2 ** guest.tables.slotsLg2 - 1;
  }

  walk(low: number, high: number, kind: AccessKind): number {
    const room = this.#room;
    const stores = kind === AccessKind.store;
    descend(room, this.#guest, low, high);
    if (!this.#readTables(this.#cache.walkAt(low, high, room.level))) return -1;
    translateInto(room, this.#guest, low, high, stores, this.#ad, kind === AccessKind.fetch);
    if (room.fault !== null) return -1;
    const pfn = this.#stage2.reach(room.pfn, kind, levelsOf(this.#guest.format));
    if (pfn < 0) return -1;
    this.#leaves.keep(this.found, this.#guest, room, stores);
    this.#join(pfn);
    return pfn;
  }

  switchTo(tree: Tree, asid: number): void {
    checkSwitch(this.#guest, tree);
    checkHost(tree);
    checkSwitch(this.#guest.host, tree.host);
    if (tree.host.root !== this.#guest.host.root) this.#stage2.switchTo(tree.host);
    this.#guest = tree;
    this.#cache.asid = asid;
  }

  drop(extent: Extent): void {
    this.#cache.drop(extent);
  }

  /** Forgets all that is known of the host's tables. */
  flushHost(): void {
    this.#stage2.flush();
  }

  reset(): void {
    this.seen.reset();
    this.#stage2.reset();
  }

  grow(): void {
    this.seen.grow();
    this.#stage2.seen.grow();
  }

  host(): HostCounts {
    return this.#stage2.counts();
  }

  /** Reads the guest's slots from a level down to the last, each found by the host's tables first. False: one could not be. */
  #readTables(first: number): boolean {
    const { slots, level: last, reads } = this.#room;
    const { tables } = this.#guest;
    checkStart(first, last);
    for (let level = first; level >= last; level--) {
      const slot = slots[reads - 1 - (level - last)]!;
      const frame = this.#stage2.reach(tables.pfnOf(slot >>> tables.slotsLg2), AccessKind.load, level);
      if (frame < 0) return false;
      const line = frame * this.#pageLines + ((slot & this.#tableMask) >>> this.seen.lineSlotsLg2);
      this.seen.noteAt(slot, level, line);
    }
    return true;
  }

  /** Makes the guest's translation that of both stages. */
  #join(pfn: number): void {
    const { found } = this;
    const second = this.#stage2.found;
    found.pfn = pfn;
    found.lg2 = Math.min(found.lg2, second.lg2);
    found.spanLg2 = Math.min(found.spanLg2, second.spanLg2);
    // What the host forbids is forbidden; what it says of global pages is about its own address spaces.
    found.flags &= second.flags | TlbFlag.global;
  }
}

/** From guest-physical to the host's memory. */
class Stage2 {
  readonly found = new Translation();
  readonly seen: TableReads;
  #tree: Tree;
  readonly #ad: AccessDirty;
  readonly #room = new WalkRoom();
  readonly #cache: WalkCache;
  readonly #leaves: Leaves;
  readonly #tlb: Tlb;
  readonly #tlbHits: Float64Array;
  readonly #levels: number;
  /** By what was looked for, then by level of the host's tables. */
  readonly #reads: Float64Array;

  constructor(tree: Tree, { walkCache, accessDirty, coalesce, caches }: WalkerSpec, tlb: TlbSpec, guestLevels: number) {
    this.#tree = tree;
    this.#ad = accessDirty;
    this.#cache = new WalkCache(tree.format, walkCache);
    this.seen = new TableReads(tree, caches);
    this.#leaves = new Leaves(tree.format, coalesce, this.seen.lineSlotsLg2);
    this.#tlb = new Tlb(tlb);
    this.#tlbHits = new Float64Array(tlb.length + 1);
    this.#levels = levelsOf(tree.format);
    this.#reads = new Float64Array((guestLevels + 1) * this.#levels);
  }

  /** The host's frame of a guest-physical page, -1 for a fault; `row` says what it is looked for. */
  reach(gfn: number, kind: AccessKind, row: number): number {
    const low = lowOf(gfn);
    const high = highOf(gfn, low);
    const hit = this.#tlb.lookAt(low, high, false);
    this.#tlbHits[hit]!++;
    if (hit === this.#tlb.levels) return this.#walk(low, high, kind, row, true);
    const { flags } = this.#tlb.hit;
    if (kind !== AccessKind.store || (flags & NO_STORE) === NO_STORE) {
      this.found.copy(this.#tlb.hit);
      return kind === AccessKind.fetch && !(flags & TlbFlag.exec) ? -1 : this.found.pfn;
    }
    const pfn = this.#walk(low, high, kind, row, false);
    if (pfn >= 0) this.#tlb.makeStorable(low, high);
    return pfn;
  }

  #walk(low: number, high: number, kind: AccessKind, row: number, fill: boolean): number {
    const room = this.#room;
    const stores = kind === AccessKind.store;
    translateInto(room, this.#tree, low, high, stores, this.#ad, kind === AccessKind.fetch);
    const { slots, level: last, reads, pfn } = room;
    const first = this.#cache.walkAt(low, high, last);
    checkStart(first, last);
    for (let level = first; level >= last; level--) {
      this.seen.note(slots[reads - 1 - (level - last)]!, level);
      this.#reads[row * this.#levels + level]!++;
    }
    if (pfn < 0) return -1;
    this.#leaves.keep(this.found, this.#tree, room, stores);
    if (fill) this.#tlb.fillAt(low, high, this.found, false);
    return pfn;
  }

  switchTo(tree: Tree): void {
    this.#tree = tree;
    this.flush();
  }

  flush(): void {
    this.#tlb.drop(EVERYTHING);
    this.#cache.drop(EVERYTHING);
  }

  reset(): void {
    this.seen.reset();
    this.#reads.fill(0);
    this.#tlbHits.fill(0);
  }

  counts(): HostCounts {
    const n = this.#levels;
    const rows = Array.from({ length: this.#reads.length / n }, (_, row) =>
      this.#reads.subarray(row * n, (row + 1) * n),
    );
    const cacheReads = this.seen.from();
    return {
      reads: rows.map((row) => Array.from(row)),
      tlbHits: Array.from(this.#tlbHits.subarray(0, this.#tlb.levels)),
      ...(cacheReads && { cacheReads }),
    };
  }
}

function checkPages({ format, tables, host }: NestedTree): void {
  if (2 ** tables.slotsLg2 * format.entryBytes > 2 ** format.pageLg2)
    throw new UserError(`nested translation needs tables of one page, and those of ${format.name} are larger`);
  if (format.pageLg2 !== host.format.pageLg2)
    throw new UserError(`nested translation needs one page size: ${format.name} is not that of ${host.format.name}`);
}

function checkHost(tree: Tree): asserts tree is NestedTree {
  if (!("host" in tree)) throw new UserError("nested translation needs a tree of the host behind that of the guest");
}

/** The tree as one with a host's behind it. Throws {@link UserError} where there is none. */
export function nestedTree(tree: Tree): NestedTree {
  checkHost(tree);
  return tree;
}
