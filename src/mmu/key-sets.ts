/**
 * Sets of ways, the shape of every TLB, walk cache and data cache here. A key is two numbers of 32 bits and the tag of an address
 * space; what an entry holds beside its key is kept by the owner under the entry's index.
 */
import { UserError } from "../base/errors.ts";
import { newOrder, type Order, type Policy } from "./replacement.ts";

/** Shape of one array: `sets` (a power of two) times `ways` entries. One set is a fully associative array. */
export interface CacheShape {
  readonly sets: number;
  readonly ways: number;
  /** Least recently used where left out. */
  readonly policy?: Policy;
}

/** Tag of an entry that every address space may use. */
export const GLOBAL = -1;

/** What arrays hold at first: memory that nobody touches is never taken, and a last-level cache has a million entries. */
const EMPTY = 0;

/** Throws a {@link UserError} unless the shape can be built. `what` names the array. */
export function checkShape(what: string, { sets, ways, policy }: CacheShape): void {
  if (!Number.isInteger(Math.log2(sets)) || sets > 2 ** 16)
    throw new UserError(`bad sets '${sets}' of ${what}: a power of two up to 65536 is allowed`);
  if (!Number.isInteger(ways) || ways < 1 || ways > 2 ** 16)
    throw new UserError(`bad ways '${ways}' of ${what}: 1 to 65536 is allowed`);
  if (policy !== undefined && policy !== "lru" && policy !== "plru")
    throw new UserError(`bad policy '${policy}' of ${what}: lru or plru is allowed`);
}

/**
 * The keys of one array and the order of their use. Equal keys must come with equal sets.
 *
 * Entries are found by a hash of their key: going through the ways of a fully associative array takes longer than all else of a hit.
 */
export class KeySets {
  readonly entries: number;
  readonly #ways: number;
  readonly #setMask: number;
  /** First half of every key, and the second plus one; {@link EMPTY} where the entry is in no use. */
  readonly #a: Int32Array;
  readonly #b: Int32Array;
  /** Number of the address space, or {@link GLOBAL}. */
  readonly #tag: Int32Array;
  readonly #order: Order;
  /** Entries of each set that hold something; the others are taken before any victim. */
  readonly #used: Int32Array;
  /** The first entry of each bucket of the hash, and the next one behind each entry, plus one; {@link EMPTY} ends the chain. */
  readonly #head: Int32Array;
  readonly #next: Int32Array;
  readonly #hashShift: number;

  /** Throws {@link UserError} for a shape that cannot be built. `what` names the array. */
  constructor(what: string, shape: CacheShape) {
    checkShape(what, shape);
    const { sets, ways, policy = "lru" } = shape;
    this.entries = sets * ways;
    this.#ways = ways;
    this.#setMask = sets - 1;
    this.#a = new Int32Array(this.entries);
    this.#b = new Int32Array(this.entries);
    this.#tag = new Int32Array(this.entries);
    this.#order = newOrder(what, policy, sets, ways);
    this.#used = new Int32Array(sets);
    const lg2 = Math.ceil(Math.log2(this.entries)) + 1;
    this.#head = new Int32Array(2 ** lg2);
    this.#next = new Int32Array(this.entries);
    this.#hashShift = 32 - lg2;
  }

  /**
   * Index of the entry with this key in a set, now the latest used one; -1 if there is none. `set` is masked here. A global entry
   * answers to every tag.
   */
  use(set: number, a: number, b: number, tag: number): number {
    const row = set & this.#setMask;
    const latest = this.#order.latest[row]!;
    // Most hits are on what was used last, and then no policy changes anything.
    if (this.#a[latest] === a && this.#b[latest] === b + 1 && this.#answers(latest, tag)) return latest;
    const i = this.#search(a, b, tag);
    if (i >= 0) this.#order.touch(row, i);
    return i;
  }

  /** Index of the entry with this key, -1 if there is none; the order stays. */
  find(a: number, b: number, tag: number): number {
    return this.#search(a, b, tag);
  }

  /** Gives an entry of a set to a key that is not there, and returns its index. */
  replace(set: number, a: number, b: number, tag: number): number {
    const row = set & this.#setMask;
    let i: number;
    if (this.#used[row]! < this.#ways) i = this.#takeEmpty(row);
    else {
      i = this.#order.victim(row);
      this.#unlink(i);
    }
    this.#order.touch(row, i);
    this.#a[i] = a;
    this.#b[i] = b + 1;
    this.#tag[i] = tag;
    this.#link(i, this.#bucket(a, b));
    return i;
  }

  /** Empties every entry that the condition picks by its index, its key and its tag. */
  drop(gone: (i: number, a: number, b: number, tag: number) => boolean): void {
    for (let i = 0; i < this.entries; i++)
      if (this.#b[i] !== EMPTY && gone(i, this.#a[i]!, this.#b[i]! - 1, this.#tag[i]!)) {
        this.#unlink(i);
        this.#b[i] = EMPTY;
        this.#used[Math.floor(i / this.#ways)]!--;
      }
  }

  #search(a: number, b: number, tag: number): number {
    let i = this.#head[this.#bucket(a, b)]! - 1;
    while (i >= 0 && !(this.#a[i] === a && this.#b[i] === b + 1 && this.#answers(i, tag))) i = this.#next[i]! - 1;
    return i;
  }

  /** The constants are odd and without pattern (2^32 divided by the golden ratio, and one of murmur3's). */
  #bucket(a: number, b: number): number {
    return (Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)) >>> this.#hashShift;
  }

  #link(i: number, bucket: number): void {
    this.#next[i] = this.#head[bucket]!;
    this.#head[bucket] = i + 1;
  }

  #unlink(i: number): void {
    const bucket = this.#bucket(this.#a[i]!, this.#b[i]! - 1);
    const next = this.#next[i]!;
    let at = this.#head[bucket]! - 1;
    if (at === i) {
      this.#head[bucket] = next;
      return;
    }
    while (this.#next[at] !== i + 1) at = this.#next[at]! - 1;
    this.#next[at] = next;
  }

  #answers(i: number, tag: number): boolean {
    return this.#tag[i] === tag || this.#tag[i] === GLOBAL;
  }

  #takeEmpty(row: number): number {
    this.#used[row]!++;
    return this.#b.indexOf(EMPTY, row * this.#ways);
  }
}
