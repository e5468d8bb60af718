import { describe, expect, test } from "vitest";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { WalkCache, type WalkCacheSpec } from "../../src/mmu/walk-cache.ts";
import { TwinWalkCache } from "./twin-tlb.ts";

const SEEDS = Array.from({ length: 30 }, (_, i) => i + 1);

/** Pages clustered at every level, so that entries of all levels are used again. */
function anyPage(rng: Random): number {
  return [9, 18, 27].reduce((vpn, lg2) => vpn + rng.below(1 + rng.below(6)) * 2 ** lg2, rng.below(512));
}

describe("a walk cache and its slow twin agree walk by walk", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const rng = random(seed);
    const ways = () => rng.pick([{ ways: 1 + rng.below(5) }, { ways: 4, policy: "plru" as const }]);
    const shape = () => (rng.below(4) === 0 ? null : { sets: 2 ** rng.below(3), ...ways() });
    const spec: WalkCacheSpec = [shape(), shape(), ...Array.from({ length: 2 }, shape)].map((own, level, all) =>
      level > 1 && all[1] !== null && rng.below(3) === 0 ? { sharedWith: 1 } : own,
    );
    const format = rng.pick(formats);
    const [cache, twin] = [new WalkCache(format, spec), new TwinWalkCache(format, spec)];
    for (let i = 0; i < 3000; i++) {
      if (rng.below(500) === 0) {
        const start = rng.below(4) === 0 ? 0 : anyPage(rng);
        const extent = {
          start,
          end: start + 1 + rng.below(2000),
          asid: rng.pick([null, 1]),
          global: true,
          wholeLeaves: false,
        };
        cache.drop(extent);
        twin.drop(extent);
      }
      if (rng.below(30) === 0) cache.asid = twin.asid = rng.below(3);
      const [vpn, end] = [anyPage(rng), rng.below(3)];
      expect(cache.walk(vpn, end), `seed ${seed}, walk ${i}`).toBe(twin.walk(vpn, end));
    }
  });
});

function reads(spec: WalkCacheSpec, vpns: readonly number[]): number {
  const cache = new WalkCache(formats[0]!, spec);
  return vpns.reduce((sum, vpn) => sum + cache.walk(vpn, 0) + 1, 0);
}

test.each(SEEDS)("a bigger fully associative walk cache never raises references, seed %i", (seed) => {
  const rng = random(seed);
  const vpns = Array.from({ length: 3000 }, () => anyPage(rng));
  const ways = [0, ...Array.from({ length: 3 }, () => 1 + rng.below(12))];
  const spec = (grow: number) =>
    ways.map((w, level) => (w === 0 ? null : { sets: 1, ways: w + (level === grow ? 1 : 0) }));
  for (const level of [1, 2, 3]) expect(reads(spec(level), vpns)).toBeLessThanOrEqual(reads(spec(0), vpns));
});

test("without walk caches every walk begins at the top", () => {
  const cache = new WalkCache(formats[0]!, []);
  expect([cache.walk(5, 0), cache.walk(5, 0)]).toEqual([3, 3]);
});

test("a walk begins below the lowest entry that is held", () => {
  const spec = [null, { sets: 1, ways: 1 }, { sets: 1, ways: 4 }];
  const cache = new WalkCache(formats[0]!, spec);
  expect([0, 1, 512, 513, 0, 2 ** 18].map((vpn) => cache.walk(vpn, 0))).toEqual([3, 0, 1, 0, 1, 3]);
});

test("levels that share an array compete for it", () => {
  const ways = (n: number): WalkCacheSpec => [null, { sets: 1, ways: n }, { sharedWith: 1 }, { sharedWith: 1 }];
  const walks = (spec: WalkCacheSpec) => {
    const cache = new WalkCache(formats[0]!, spec);
    return [0, 512, 0].map((vpn) => cache.walk(vpn, 0));
  };
  // An entry for each of two levels above, and two of level 1.
  expect(walks(ways(4))).toEqual([3, 1, 0]);
  expect(walks(ways(3))).toEqual([3, 1, 1]);
  expect(walks([null, { sets: 1, ways: 3 }, { sets: 1, ways: 3 }, { sets: 1, ways: 3 }])).toEqual([3, 1, 0]);
});

test("an array shared with a level that has none is refused", () => {
  expect(() => new WalkCache(formats[0]!, [null, null, { sharedWith: 1 }])).toThrow(
    "bad sharedWith '1' of the walk cache of level 2",
  );
});

test("a walk to a large leaf uses no entry at or below the leaf's level", () => {
  const cache = new WalkCache(formats[0]!, [null, { sets: 1, ways: 4 }]);
  cache.walk(0, 1);
  expect(cache.walk(0, 0)).toBe(3);
});
