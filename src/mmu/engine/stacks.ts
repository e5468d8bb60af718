/**
 * LRU stack distances from the host's side: one pass over a stream tells the hits of LRU arrays of every number of ways up to a
 * depth. See `assembly/stacks.ts`.
 */
import { UserError } from "../../base/errors.ts";
import { type AccessWords, accessCount } from "../access-words.ts";
import { CHUNK, type EngineExports, given, newInstance } from "./wasm-engine.ts";

/** One stack: sets, a power of two, of keys that are a word without its low `shift` bits. */
export interface StackSpec {
  readonly sets: number;
  readonly shift: number;
}

const MAX_DEPTH = 1024;
const MAX_COUNTERS = 2 ** 24;

/** Stacks over one stream. What they hold lasts from run to run. */
abstract class Stacks {
  protected readonly x: EngineExports;
  readonly depth: number;
  /** Words that were run. */
  words = 0;
  readonly #input: number;
  readonly #counters: number;

  constructor(stacks: readonly StackSpec[], depth: number, counters: number, step: (i: number) => number) {
    if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH)
      throw new UserError(`bad number of ways '${depth}': 1 to ${MAX_DEPTH} is allowed`);
    if (counters > MAX_COUNTERS) throw new UserError(`too many shapes at once: ${counters} counters`);
    this.x = newInstance({ decode: () => {}, again: () => false });
    this.depth = depth;
    this.#counters = counters;
    this.#input = given(this.x.initStacks(CHUNK, depth, counters));
    for (const [i, { sets, shift }] of stacks.entries()) given(this.x.addStack(sets, shift, step(i)));
  }

  /** Hands a stream over, chunk by chunk. */
  protected feed(words: AccessWords, act: (n: number) => void): void {
    const n = accessCount(words);
    const to = new Uint32Array(this.x.memory.buffer, this.#input, 2 * CHUNK);
    for (let from = 0; from < n; from += CHUNK) {
      const length = Math.min(CHUNK, n - from);
      to.set(words.subarray(2 * from, 2 * (from + length)));
      act(length);
    }
    this.words += n;
  }

  /** The histogram, as numbers. */
  protected counters(): Float64Array {
    const halves = new Uint32Array(this.x.memory.buffer, this.#input + 8 * CHUNK, 2 * this.#counters);
    return Float64Array.from({ length: this.#counters }, (_, i) => halves[2 * i]! + halves[2 * i + 1]! * 2 ** 32);
  }
}

/** Stacks of one key for several numbers of sets, a histogram of distances for each. */
export class NestedStacks extends Stacks {
  readonly #sets: readonly number[];

  /** `sets` ascend. */
  constructor(sets: readonly number[], shift: number, depth: number) {
    const specs = sets.map((n) => ({ sets: n, shift }));
    super(specs, depth, sets.length * (depth + 1), () => 0);
    this.#sets = sets;
  }

  run(words: AccessWords): void {
    this.feed(words, (n) => this.x.sweepNested(n));
  }

  /** Accesses that hit in an LRU array of this shape. */
  hits(sets: number, ways: number): number {
    const i = this.#sets.indexOf(sets);
    if (i < 0 || ways < 1 || ways > this.depth)
      throw new UserError(
        `no shape of ${sets} sets and ${ways} ways was swept: sets ${this.#sets.join(", ")}; ways to ${this.depth}`,
      );
    const distances = this.counters().subarray(i * (this.depth + 1), (i + 1) * (this.depth + 1));
    return this.words - distances.subarray(ways).reduce((sum, n) => sum + n, 0);
  }
}

/** Fully associative stacks of several keys, counted jointly, so that the hits of one are known where another missed. */
export class JointStacks extends Stacks {
  readonly #shifts: readonly number[];

  constructor(shifts: readonly number[], depth: number) {
    const specs = shifts.map((shift) => ({ sets: 1, shift }));
    super(specs, depth, (depth + 1) ** shifts.length, (i) => (depth + 1) ** i);
    this.#shifts = shifts;
  }

  run(words: AccessWords): void {
    this.feed(words, (n) => this.x.sweepJointly(n));
  }

  /**
   * Words that miss in each of the first arrays together: element `k` counts those that miss in arrays 0 to `k`, of as many ways as
   * given; 0 ways is no array.
   */
  missed(ways: readonly number[]): number[] {
    const radix = this.depth + 1;
    const missed = this.#shifts.map(() => 0);
    for (const [i, n] of this.counters().entries()) {
      if (n === 0) continue;
      let rest = i;
      for (let k = 0; k < missed.length && rest % radix >= ways[k]!; k++) {
        missed[k] = missed[k]! + n;
        rest = Math.floor(rest / radix);
      }
    }
    return missed;
  }
}
