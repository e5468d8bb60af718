/**
 * Slow twins of one set of ways: a list in order of use for LRU, a tree of booleans for tree-PLRU.
 */
import type { CacheShape } from "../../src/mmu/key-sets.ts";

/** One set. Conditions pick an entry by what it is. */
export interface TwinSet<T> {
  /** The entry, used by this. */
  use(is: (entry: T) => boolean): T | undefined;
  insert(entry: T): void;
  drop(gone: (entry: T) => boolean): void;
  all(): T[];
}

/** The sets of an array. */
export function twinSets<T>({ sets, ways, policy }: CacheShape): TwinSet<T>[] {
  return Array.from({ length: sets }, () => (policy === "plru" ? new PlruSet<T>(ways) : new LruSet<T>(ways)));
}

class LruSet<T> implements TwinSet<T> {
  readonly #ways: number;
  /** Latest used first. */
  #held: T[] = [];

  constructor(ways: number) {
    this.#ways = ways;
  }

  use(is: (entry: T) => boolean): T | undefined {
    const found = this.#held.find(is);
    if (found !== undefined) this.#held = [found, ...this.#held.filter((e) => e !== found)];
    return found;
  }

  insert(entry: T): void {
    this.#held = [entry, ...this.#held].slice(0, this.#ways);
  }

  drop(gone: (entry: T) => boolean): void {
    this.#held = this.#held.filter((e) => !gone(e));
  }

  all(): T[] {
    return this.#held;
  }
}

/** A node points to the half of its ways that was used longer ago. */
type Tree = number | { readonly left: Tree; readonly right: Tree; readonly middle: number; pointsRight: boolean };

function treeOf(first: number, ways: number): Tree {
  if (ways === 1) return first;
  const middle = first + ways / 2;
  return { left: treeOf(first, ways / 2), right: treeOf(middle, ways / 2), middle, pointsRight: false };
}

function pointAway(tree: Tree, way: number): void {
  if (typeof tree === "number") return;
  tree.pointsRight = way < tree.middle;
  pointAway(way < tree.middle ? tree.left : tree.right, way);
}

function pointedAt(tree: Tree): number {
  return typeof tree === "number" ? tree : pointedAt(tree.pointsRight ? tree.right : tree.left);
}

class PlruSet<T> implements TwinSet<T> {
  readonly #ways: (T | null)[];
  readonly #tree: Tree;

  constructor(ways: number) {
    this.#ways = Array.from({ length: ways }, () => null);
    this.#tree = treeOf(0, ways);
  }

  use(is: (entry: T) => boolean): T | undefined {
    const way = this.#ways.findIndex((e) => e !== null && is(e));
    if (way < 0) return undefined;
    pointAway(this.#tree, way);
    return this.#ways[way]!;
  }

  /** A way that holds nothing is taken first. */
  insert(entry: T): void {
    const empty = this.#ways.indexOf(null);
    const way = empty >= 0 ? empty : pointedAt(this.#tree);
    this.#ways[way] = entry;
    pointAway(this.#tree, way);
  }

  drop(gone: (entry: T) => boolean): void {
    for (const [way, e] of this.#ways.entries()) if (e !== null && gone(e)) this.#ways[way] = null;
  }

  all(): T[] {
    return this.#ways.filter((e) => e !== null);
  }
}
