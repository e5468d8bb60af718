import { describe, expect, test } from "vitest";
import { random } from "../../../src/base/random.ts";
import { type AccessWords, newAccessWords, setAccess } from "../../../src/mmu/access-words.ts";
import { newEngine } from "../../../src/mmu/engine/engine.ts";
import type { CacheShape } from "../../../src/mmu/key-sets.ts";
import type { MmuCounts } from "../../../src/mmu/simulate.ts";
import type { WalkCacheSpec } from "../../../src/mmu/walk-cache.ts";
import { sweepSecondLevel, sweepTlb, sweepWalkCaches } from "../../../src/study/sweep/sweep.ts";
import { pagesOf, treeOf } from "../../bench/inputs.ts";

const SEEDS = [1, 2, 3, 4, 5];

/** Loads and stores with returns to recent pages, strides, and jumps over many regions. */
function stream(seed: number, n: number): AccessWords {
  const rng = random(seed);
  const words = newAccessWords(n);
  const recent = Array.from({ length: 300 }, () => 2 ** 33 + rng.below(2 ** 20));
  for (let i = 0; i < n; i++) {
    const at = rng.below(recent.length >> rng.below(8));
    if (rng.below(8) === 0) recent[at] = rng.below(4) ? recent[at]! + 1 : 2 ** 33 + rng.below(2 ** 22);
    setAccess(words, i, recent[at]! * 64 + rng.below(64), rng.below(3) === 0 ? 1 : 0);
  }
  return words;
}

/** What the engine counts on a core of these shapes. */
function direct(words: AccessWords, tlb: readonly CacheShape[], walkCache: WalkCacheSpec = []): MmuCounts {
  const levels = tlb.map((shape) => [{ name: "array", ...shape, holds: [0] }]);
  const engine = newEngine(treeOf(pagesOf(words)), { tlb: levels, walkCache, accessDirty: "hardware" }, "wasm");
  engine.run(words);
  return engine.counts();
}

const shapesOf = ({ sets, ways }: { sets: readonly number[]; ways: number }): CacheShape[] =>
  sets.flatMap((n) => Array.from({ length: ways }, (_, w) => ({ sets: n, ways: w + 1 })));

const EIGHTY = { sets: [16, 32, 64, 128, 256], ways: 16 };

describe("one pass gives the hits that eighty runs give", () => {
  test.each(SEEDS)("first levels, seed %i", (seed) => {
    const words = stream(seed, 30_000);
    const sweep = sweepTlb(words, 12, EIGHTY);
    for (const { sets, ways } of shapesOf(EIGHTY))
      expect(sweep.hits(sets, ways), `${sets} sets, ${ways} ways`).toBe(direct(words, [{ sets, ways }]).tlbHits[0]);
  });

  test.each(SEEDS)("fully associative ones too, seed %i", (seed) => {
    const words = stream(seed, 10_000);
    const sweep = sweepTlb(words, 12, { sets: [1, 4], ways: 40 });
    for (const { sets, ways } of shapesOf({ sets: [1, 4], ways: 40 }))
      expect(sweep.hits(sets, ways)).toBe(direct(words, [{ sets, ways }]).tlbHits[0]);
  });

  test.each(SEEDS)("second levels behind a given first, seed %i", (seed) => {
    const words = stream(seed, 20_000);
    const first = { sets: 4, ways: 1 + (seed % 4) };
    const shapes = { sets: [8, 16, 64], ways: 12 };
    const sweep = sweepSecondLevel(treeOf(pagesOf(words)), first, "hardware", words, shapes);
    for (const shape of shapesOf(shapes)) {
      const { tlbHits, walks } = direct(words, [first, shape]);
      expect([sweep.hits(shape.sets, shape.ways), sweep.lookups]).toEqual([tlbHits[1], tlbHits[1]! + walks]);
    }
  });

  test.each(SEEDS)("walk caches of every level at once, seed %i", (seed) => {
    const words = stream(seed, 20_000);
    const tlb = [
      { sets: 2, ways: 2 },
      { sets: 8, ways: 2 },
    ];
    const sweep = sweepWalkCaches(treeOf(pagesOf(words)), tlb, "hardware", words, 12);
    const rng = random(seed);
    for (let i = 0; i < 40; i++) {
      const entries = [rng.below(13), rng.below(4), rng.below(3)];
      const caches = [null, ...entries.map((ways) => (ways === 0 ? null : { sets: 1, ways }))];
      const { reads, walks, dirtyWalks } = direct(words, tlb, caches);
      expect(sweep.reads(entries), `seed ${seed}, entries ${entries}`).toEqual(reads);
      expect(sweep.walks).toBe(walks + dirtyWalks);
    }
  });
});

describe("a sweep that would not be exact is refused", () => {
  const words = stream(1, 1000);
  const tree = treeOf(pagesOf(words));

  test("tree-PLRU in front", () => {
    const plru = { sets: 4, ways: 4, policy: "plru" } as const;
    expect(() => sweepSecondLevel(tree, plru, "hardware", words, EIGHTY)).toThrow("does not model 'policy'");
  });

  test("accesses that fault", () => {
    const empty = treeOf(Float64Array.of(1));
    expect(() => sweepSecondLevel(empty, { sets: 4, ways: 4 }, "hardware", words, EIGHTY)).toThrow(
      "1000 accesses fault",
    );
  });

  test.each([[[]], [[3]], [[16, 16]], [[32, 16]], [[2 ** 17]]])("sets %j", (sets) => {
    expect(() => sweepTlb(words, 12, { sets, ways: 4 })).toThrow("bad sets");
  });

  test("a shape that was not swept has no hits", () => {
    expect(() => sweepTlb(words, 12, { sets: [16], ways: 4 }).hits(32, 4)).toThrow("no shape of 32 sets");
    expect(() => sweepTlb(words, 12, { sets: [16], ways: 4 }).hits(16, 5)).toThrow("5 ways");
  });
});
