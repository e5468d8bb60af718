import { describe, expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import { Caches, type CachesSpec, cacheBytes } from "../../src/mmu/caches.ts";
import { anyCaches } from "./programs.ts";
import { TwinCaches } from "./twin-walk.ts";

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);
const cache = (sets: number, ways: number, line = 64) => ({ name: "cache", sets, ways, line });

describe("caches and their slow twin agree line by line", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const rng = random(seed);
    const spec = anyCaches(rng, () => rng.pick([{ ways: 1 + rng.below(5) }, { ways: 4, policy: "plru" as const }]));
    const [caches, twin] = [new Caches(spec), new TwinCaches(spec)];
    for (let i = 0; i < 4000; i++) {
      const line = rng.pick([0, 2 ** 30, 2 ** 40]) + rng.below(1 + rng.below(80));
      const byWalker = rng.below(2) === 0;
      const had = byWalker ? caches.walkerReads(line) : caches.programUses(line);
      expect(had, `seed ${seed}, line ${i}`).toBe(twin.read(line * 64, byWalker));
    }
  });
});

const reads = (spec: CachesSpec, lines: readonly number[]) => {
  const caches = new Caches(spec);
  return lines.map((line) => caches.walkerReads(line));
};

test("lines compete for the ways of their set, and for no other", () => {
  expect(reads({ levels: [cache(4, 2)] }, [0, 4, 8, 0, 1, 8])).toEqual([1, 1, 1, 1, 1, 0]);
});

test("a line that misses comes into every cache on its way, and is found in the nearest", () => {
  expect(reads({ levels: [cache(1, 1), cache(1, 2), cache(1, 3)] }, [0, 0, 1, 0, 2, 1, 0])).toEqual([
    3, 0, 3, 1, 3, 2, 2,
  ]);
});

test("a walker that reads past the first cache neither finds nor leaves anything there", () => {
  const caches = new Caches({ levels: [cache(1, 4), cache(1, 4)], walkerFrom: 1 });
  expect([caches.programUses(5), caches.walkerReads(5), caches.walkerReads(6), caches.programUses(6)]).toEqual([
    2, 1, 2, 1,
  ]);
});

test("a line of 128 bytes brings its neighbour", () => {
  expect(reads({ levels: [cache(2, 1, 128)] }, [6, 7, 8])).toEqual([1, 0, 1]);
});

test("a bigger fully associative LRU cache never misses more", () => {
  const rng = random(3);
  const lines = Array.from({ length: 4000 }, () => rng.below(1 + rng.below(200)));
  const misses = [1, 2, 10, 50, 200].map(
    (ways) => reads({ levels: [cache(1, ways)] }, lines).filter((c) => c === 1).length,
  );
  expect(misses).toEqual(misses.toSorted((a, b) => b - a));
});

test("bytes are sets times ways times the line", () => {
  expect([cacheBytes(cache(64, 8)), cacheBytes({ name: "L2", sets: 8192, ways: 12, line: 128 })]).toEqual([
    32768, 12582912,
  ]);
});

test("what cannot be built is refused with what is allowed", () => {
  expect(() => new Caches({ levels: [cache(4, 2, 96)] })).toThrow("bad line '96' of cache: a power of two from 64");
  expect(() => new Caches({ levels: [cache(3, 2)] })).toThrow("bad sets '3' of cache");
  expect(() => new Caches({ levels: [], walkerFrom: 1 })).toThrow("bad walkerFrom '1': 0 to 0");
});
