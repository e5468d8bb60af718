/**
 * Which entry of a set goes when a new one comes: the least recently used, or the one that a tree of bits points to, as caches
 * with many ways do because true order is dear in hardware (tree-PLRU).
 *
 * Not modelled: random and re-reference-interval replacement; TLB policies that vendors keep to themselves.
 */
import { UserError } from "../base/errors.ts";

/** A replacement policy by name. */
export type Policy = "lru" | "plru";

/** What a policy remembers of the sets of one array. Entries are numbered through all sets: set times ways plus way. */
export interface Order {
  /** The entry last used in each set; any entry at all in a set that was never used. */
  readonly latest: Int32Array;
  /** An entry of a set was used or filled. */
  touch(set: number, entry: number): void;
  /** The entry to give up in a set that is full. */
  victim(set: number): number;
}

/** A policy's memory for an array. Throws {@link UserError} where the policy cannot work with so many ways. */
export function newOrder(what: string, policy: Policy, sets: number, ways: number): Order {
  if (policy === "lru") return new LruOrder(sets, ways);
  if (!Number.isInteger(Math.log2(ways)))
    throw new UserError(`bad ways '${ways}' of ${what}: tree-PLRU needs a power of two`);
  return new PlruOrder(sets, ways);
}

/**
 * The entries of a set as a ring from the latest used to the oldest: a replacement turns the ring by one. Comparing times of last
 * use instead takes as long as the search itself.
 */
class LruOrder implements Order {
  /** The next newer entry than this one, round the ring, is the oldest. */
  readonly latest: Int32Array;
  readonly #ways: number;
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  /** Whether a set has its ring, which it gets when it is first used: most sets of a large cache never are. */
  readonly #ready: Uint8Array;

  constructor(sets: number, ways: number) {
    this.#ways = ways;
    this.#older = new Int32Array(sets * ways);
    this.#newer = new Int32Array(sets * ways);
    this.#ready = new Uint8Array(sets);
    this.latest = new Int32Array(sets);
  }

  touch(set: number, i: number): void {
    if (this.#ready[set] === 0) this.#begin(set);
    const latest = this.latest[set]!;
    if (latest === i) return;
    if (this.#newer[latest] !== i) this.#move(i, latest);
    this.latest[set] = i;
  }

  victim(set: number): number {
    return this.#newer[this.latest[set]!]!;
  }

  #begin(set: number): void {
    const first = set * this.#ways;
    const last = first + this.#ways - 1;
    for (let i = first; i <= last; i++) {
      this.#older[i] = i === last ? first : i + 1;
      this.#newer[i] = i === first ? last : i - 1;
    }
    this.latest[set] = first;
    this.#ready[set] = 1;
  }

  /** Puts an entry between the latest and the oldest. */
  #move(i: number, latest: number): void {
    const older = this.#older[i]!;
    const newer = this.#newer[i]!;
    this.#older[newer] = older;
    this.#newer[older] = newer;
    const oldest = this.#newer[latest]!;
    this.#older[oldest] = i;
    this.#newer[i] = oldest;
    this.#older[i] = latest;
    this.#newer[latest] = i;
  }
}

/**
 * A binary tree over the ways, one bit a node, that says which half was used longer ago. Node 1 is the root, the children of n are
 * 2n and 2n + 1, and way w is the leaf `ways + w`.
 */
class PlruOrder implements Order {
  readonly latest: Int32Array;
  readonly #ways: number;
  readonly #bits: Uint8Array;

  constructor(sets: number, ways: number) {
    this.#ways = ways;
    this.#bits = new Uint8Array(sets * ways);
    this.latest = Int32Array.from({ length: sets }, (_, set) => set * ways);
  }

  /** Every node on the way up points to the other half from now on. */
  touch(set: number, i: number): void {
    this.latest[set] = i;
    const first = set * this.#ways;
    for (let node = i - first + this.#ways; node > 1; node >>= 1) this.#bits[first + (node >> 1)] = (node & 1) ^ 1;
  }

  victim(set: number): number {
    const first = set * this.#ways;
    let node = 1;
    while (node < this.#ways) node = 2 * node + this.#bits[first + node]!;
    return first + node - this.#ways;
  }
}
