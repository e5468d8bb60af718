/**
 * Sets of ways with least-recently-used replacement, the shape of every TLB and walk cache here. A key is two numbers of 32
 * bits; what an entry holds is kept by the owner under the entry's index.
 *
 * Not modelled: tree-PLRU and other approximations of LRU.
 */
import { UserError } from "../base/errors.ts";

/** Shape of one array: `sets` (a power of two) times `ways` entries. One set is a fully associative array. */
export interface CacheShape {
  readonly sets: number;
  readonly ways: number;
}

const EMPTY = -1;

/** Throws a {@link UserError} unless the shape can be built. `what` names the array. */
export function checkShape(what: string, { sets, ways }: CacheShape): void {
  if (!Number.isInteger(Math.log2(sets)) || sets > 2 ** 16)
    throw new UserError(`bad sets '${sets}' of ${what}: a power of two up to 65536 is allowed`);
  if (!Number.isInteger(ways) || ways < 1 || ways > 2 ** 16)
    throw new UserError(`bad ways '${ways}' of ${what}: 1 to 65536 is allowed`);
}

/** The keys of one array and the order of their last use. */
export class LruSets {
  readonly entries: number;
  readonly #ways: number;
  readonly #setMask: number;
  /** First and second half of every key; the second is never negative where the entry is in use. */
  readonly #a: Int32Array;
  readonly #b: Int32Array;
  /**
   * The entries of a set as a ring from the latest used to the oldest: a replacement turns the ring by one. Comparing
   * times of last use instead takes as long as the search itself.
   */
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  /** The latest used entry of each set; the next newer one, round the ring, is the oldest. */
  readonly #latest: Int32Array;

  constructor({ sets, ways }: CacheShape) {
    this.entries = sets * ways;
    this.#ways = ways;
    this.#setMask = sets - 1;
    this.#a = new Int32Array(this.entries);
    this.#b = new Int32Array(this.entries).fill(EMPTY);
    const ring = (by: number) =>
      Int32Array.from({ length: this.entries }, (_, i) => i - (i % ways) + ((i + by + ways) % ways));
    this.#older = ring(1);
    this.#newer = ring(-1);
    this.#latest = Int32Array.from({ length: sets }, (_, set) => set * ways);
  }

  /** Index of the entry with this key in a set, now the latest used one; -1 if there is none. `set` is masked here. */
  use(set: number, a: number, b: number): number {
    const row = set & this.#setMask;
    const latest = this.#latest[row]!;
    // Most hits are on what was used last, and then the order stays.
    if (this.#a[latest] === a && this.#b[latest] === b) return latest;
    const i = this.#search(row * this.#ways, a, b);
    if (i >= 0) this.#makeLatest(row, i);
    return i;
  }

  /** Index of the entry with this key in a set, -1 if there is none; the order stays. */
  find(set: number, a: number, b: number): number {
    return this.#search((set & this.#setMask) * this.#ways, a, b);
  }

  /** Gives the least recently used entry of a set to a key that is not there, and returns its index. */
  replace(set: number, a: number, b: number): number {
    const row = set & this.#setMask;
    const oldest = this.#newer[this.#latest[row]!]!;
    this.#latest[row] = oldest;
    this.#a[oldest] = a;
    this.#b[oldest] = b;
    return oldest;
  }

  /** Empties every entry that the condition picks by its key; these are the next to be replaced. */
  drop(gone: (a: number, b: number) => boolean): void {
    for (let i = 0; i < this.entries; i++)
      if (this.#b[i] !== EMPTY && gone(this.#a[i]!, this.#b[i]!)) {
        this.#b[i] = EMPTY;
        this.#makeOldest(Math.floor(i / this.#ways), i);
      }
  }

  #search(first: number, a: number, b: number): number {
    const keys = this.#a;
    const end = first + this.#ways;
    for (let i = first; i < end; i++) if (keys[i] === a && this.#b[i] === b) return i;
    return -1;
  }

  #makeLatest(row: number, i: number): void {
    const latest = this.#latest[row]!;
    if (this.#newer[latest] !== i) this.#move(i, latest);
    this.#latest[row] = i;
  }

  #makeOldest(row: number, i: number): void {
    const latest = this.#latest[row]!;
    if (latest === i) this.#latest[row] = this.#older[i]!;
    else if (this.#newer[latest] !== i) this.#move(i, latest);
  }

  /** Puts an entry between the latest and the oldest. */
  #move(i: number, latest: number): void {
    const [older, newer] = [this.#older[i]!, this.#newer[i]!];
    this.#older[newer] = older;
    this.#newer[older] = newer;
    const oldest = this.#newer[latest]!;
    this.#older[oldest] = i;
    this.#newer[i] = oldest;
    this.#older[i] = latest;
    this.#newer[latest] = i;
  }
}
