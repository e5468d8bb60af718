/**
 * Misses of fully associative LRU arrays of many sizes, out of one pass over a stream of keys: what an array holds, every larger one
 * holds too (R. L. Mattson, J. Gecsei, D. R. Slutz, I. L. Traiger, "Evaluation techniques for storage hierarchies", 1970).
 *
 * The stack is a list with a mark at each capacity that is asked for, so that a use moves as many marks as it passes, mostly none,
 * and no distance is ever counted out. Arrays of sets are swept by `../sweep/sweep.ts`, whose search would be long here.
 */

/** Misses of fully associative arrays, by capacity. Keys are numbers from 0 up; capacities ascend. */
export function stackMisses(keys: Int32Array, distinct: number, capacities: readonly number[]): Float64Array {
  const stack = new MarkedStack(distinct, capacities);
  for (let i = 0; i < keys.length; i++) stack.use(keys[i]!);
  return stack.misses();
}

const NONE = -1;

/** Keys from the latest used to the oldest, with a mark at the last key that each capacity holds. */
class MarkedStack {
  readonly #capacities: Int32Array;
  /** Neighbours by key. */
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  /** The smallest capacity, by its number, that holds each key; as many as there are capacities for none. */
  readonly #holder: Int32Array;
  /** The oldest key that each capacity holds, once it is full. */
  readonly #mark: Int32Array;
  /** Uses of keys that this was the smallest capacity to hold; first uses at the end. */
  readonly #hits: Float64Array;
  #latest = NONE;
  #oldest = NONE;
  #size = 0;

  constructor(distinct: number, capacities: readonly number[]) {
    this.#capacities = Int32Array.from(capacities);
    this.#newer = new Int32Array(distinct).fill(NONE);
    this.#older = new Int32Array(distinct).fill(NONE);
    this.#holder = new Int32Array(distinct).fill(NONE);
    this.#mark = new Int32Array(capacities.length).fill(NONE);
    this.#hits = new Float64Array(capacities.length + 1);
  }

  use(key: number): void {
    if (key === this.#latest) {
      this.#hits[0]!++;
      return;
    }
    const n = this.#capacities.length;
    const holder = this.#holder[key]!;
    const isNew = holder === NONE;
    this.#hits[isNew ? n : holder]!++;
    // Every capacity that did not hold the key gives up its oldest one.
    const passed = isNew ? n : holder;
    if (!isNew) this.#unlink(key, holder);
    this.#push(key, isNew);
    for (let c = 0; c < passed; c++) this.#shift(c);
    if (isNew) this.#fill();
  }

  /** Misses by capacity. */
  misses(): Float64Array {
    const misses = new Float64Array(this.#capacities.length);
    let more = 0;
    for (let c = misses.length - 1; c >= 0; c--) misses[c] = more += this.#hits[c + 1]!;
    return misses;
  }

  /** Takes a key out; the mark of the capacity whose last it is goes to the newer one, which the new first will push on. */
  #unlink(key: number, holder: number): void {
    const [newer, older] = [this.#newer[key]!, this.#older[key]!];
    if (holder < this.#mark.length && this.#mark[holder] === key) this.#mark[holder] = newer;
    this.#older[newer] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
  }

  #push(key: number, isNew: boolean): void {
    const latest = this.#latest;
    this.#older[key] = latest;
    this.#newer[key] = NONE;
    if (latest === NONE) this.#oldest = key;
    else this.#newer[latest] = key;
    this.#latest = key;
    this.#holder[key] = 0;
    if (isNew) this.#size++;
  }

  /** A full capacity that has one more in front loses the last one to the next. */
  #shift(c: number): void {
    const lost = this.#mark[c]!;
    if (lost === NONE) return;
    this.#holder[lost] = c + 1;
    this.#mark[c] = this.#newer[lost]!;
  }

  /** The capacity that has just become full, if there is one, is marked at the oldest key. */
  #fill(): void {
    const c = this.#capacities.indexOf(this.#size);
    if (c >= 0) this.#mark[c] = this.#oldest;
  }
}
