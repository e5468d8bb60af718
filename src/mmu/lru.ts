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
  /** When each entry was last used; 0 for an empty one, which is thus replaced first. Doubles, because they never wrap. */
  readonly #used: Float64Array;
  #clock = 0;

  constructor({ sets, ways }: CacheShape) {
    this.entries = sets * ways;
    this.#ways = ways;
    this.#setMask = sets - 1;
    this.#a = new Int32Array(this.entries);
    this.#b = new Int32Array(this.entries).fill(EMPTY);
    this.#used = new Float64Array(this.entries);
  }

  /** Index of the entry with this key in a set, now the latest used one; -1 if there is none. `set` is masked here. */
  use(set: number, a: number, b: number): number {
    const first = (set & this.#setMask) * this.#ways;
    const end = first + this.#ways;
    const [keysA, keysB] = [this.#a, this.#b];
    for (let i = first; i < end; i++)
      if (keysA[i] === a && keysB[i] === b) {
        this.#used[i] = ++this.#clock;
        return i;
      }
    return -1;
  }

  /** Gives the least recently used entry of a set to a key that is not there, and returns its index. */
  replace(set: number, a: number, b: number): number {
    const first = (set & this.#setMask) * this.#ways;
    const end = first + this.#ways;
    const used = this.#used;
    let oldest = first;
    for (let i = first + 1; i < end; i++) if (used[i]! < used[oldest]!) oldest = i;
    this.#a[oldest] = a;
    this.#b[oldest] = b;
    used[oldest] = ++this.#clock;
    return oldest;
  }

  /** Empties every entry that the condition picks by its key. */
  drop(gone: (a: number, b: number) => boolean): void {
    for (let i = 0; i < this.entries; i++)
      if (this.#b[i] !== EMPTY && gone(this.#a[i]!, this.#b[i]!)) {
        this.#b[i] = EMPTY;
        this.#used[i] = 0;
      }
  }
}
