import { expect, test } from "vitest";
import { random } from "../../../src/base/random.ts";
import { stackMisses } from "../../../src/study/trace-cost/lru-curve.ts";

/** The obvious way: one list, the latest used in front. */
function slowMisses(keys: Int32Array, ways: number): number {
  const list: number[] = [];
  let misses = 0;
  for (const key of keys) {
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
  const slow = capacities.map((ways) => slowMisses(keys, ways));
  expect(Array.from(stackMisses(keys, distinct, capacities))).toEqual(slow);
});

test("a stream of nothing misses nothing, and one of one key misses once", () => {
  expect(Array.from(stackMisses(new Int32Array(0), 0, [1, 4]))).toEqual([0, 0]);
  expect(Array.from(stackMisses(Int32Array.of(0, 0, 0), 1, [1, 4]))).toEqual([1, 1]);
});
