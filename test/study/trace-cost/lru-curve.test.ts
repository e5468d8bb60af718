import { expect, test } from "vitest";
import { random } from "../../../src/base/random.ts";
import { setMisses, stackMisses } from "../../../src/study/trace-cost/lru-curve.ts";

/** The obvious way: one list for each set, the latest used in front. */
function slowMisses(keys: readonly number[], index: (key: number) => number, sets: number, ways: number): number {
  const lists = Array.from({ length: sets }, (): number[] => []);
  let misses = 0;
  for (const key of keys) {
    const list = lists[index(key) % sets]!;
    const at = list.indexOf(key);
    if (at < 0) misses++;
    else list.splice(at, 1);
    list.unshift(key);
    list.length = Math.min(list.length, ways);
  }
  return misses;
}

/** Keys of which some are used far more than others. */
function program(seed: number): { readonly keys: Int32Array; readonly distinct: number } {
  const rng = random(seed);
  const distinct = 1 + rng.below(60);
  const keys = Int32Array.from({ length: 400 }, () => rng.below(1 + rng.below(distinct)));
  return { keys, distinct };
}

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);

test.each(SEEDS)("misses of every capacity are those of a run with that capacity, program %d", (seed) => {
  const { keys, distinct } = program(seed);
  const capacities = [1, 2, 3, 5, 8, 20, 59, 60, 61, 1000];
  const slow = capacities.map((ways) => slowMisses([...keys], () => 0, 1, ways));
  expect(Array.from(stackMisses(keys, distinct, capacities))).toEqual(slow);
});

test.each(SEEDS)("misses of every number of sets are those of a run with that many, program %d", (seed) => {
  const { keys, distinct } = program(seed);
  const rng = random(seed + 1000);
  const index = Int32Array.from({ length: distinct }, () => rng.next() | 0);
  const sets = [1, 2, 4, 16, 64];
  for (const ways of [1, 2, 4]) {
    const slow = sets.map((n) => slowMisses([...keys], (key) => index[key]! >>> 0, n, ways));
    expect(Array.from(setMisses(keys, index, sets, ways)), `${ways} ways`).toEqual(slow);
  }
});

test("a stream of nothing misses nothing, and one of one key misses once", () => {
  expect(Array.from(stackMisses(new Int32Array(0), 0, [1, 4]))).toEqual([0, 0]);
  expect(Array.from(stackMisses(Int32Array.of(0, 0, 0), 1, [1, 4]))).toEqual([1, 1]);
  expect(Array.from(setMisses(Int32Array.of(0, 0, 0), Int32Array.of(-1), [1, 4], 2))).toEqual([1, 1]);
});

test("the keys that are given are left as they are", () => {
  const { keys, distinct } = program(5);
  const before = keys.slice();
  setMisses(keys, new Int32Array(distinct), [1, 2], 4);
  stackMisses(keys, distinct, [1, 2]);
  expect(keys).toEqual(before);
});
