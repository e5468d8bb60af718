import { describe, expect, test } from "vitest";
import { random } from "../../../src/base/random.ts";
import { type AccessWords, accessCount, lineAt, newAccessWords, setAccess } from "../../../src/mmu/access-words.ts";
import { newEngine } from "../../../src/mmu/engine/engine.ts";
import { type FilterKind, filterFor, StreamFilter, withDropped } from "../../../src/mmu/engine/filter.ts";
import type { MmuSpec } from "../../../src/mmu/simulate.ts";
import type { TlbArraySpec } from "../../../src/mmu/tlb.ts";
import { pagesOf, treeOf } from "../../bench/inputs.ts";

const BASE = { leafLg2: [0] };
const array = (more: Partial<TlbArraySpec>): TlbArraySpec => ({
  name: "the L1",
  sets: 16,
  ways: 4,
  holds: [0],
  ...more,
});
const one = (more: Partial<TlbArraySpec>): MmuSpec => ({
  tlb: [[array(more)]],
  walkCache: [],
  accessDirty: "hardware",
});

describe("which filter is exact", () => {
  test.each<[string, MmuSpec["tlb"], readonly number[], FilterKind | null, string | null]>([
    ["16 sets of base pages", [[array({})]], [0], "latest two", null],
    ["16 sets of one way", [[array({ ways: 1 })]], [0], "latest", "the L1 has one way"],
    ["fewer than 16 sets", [[array({ sets: 8 })]], [0], "repeats", "the L1 has 8 sets, fewer than 16"],
    ["tree-PLRU", [[array({ policy: "plru" })]], [0], "repeats", "the L1 replaces by plru, not LRU"],
    ["huge pages in it", [[array({ holds: [0, 9] })]], [0, 9], "repeats", "the L1 holds entries of 512 pages"],
    ["huge pages that no table has", [[array({ holds: [0, 9] })]], [0], "latest two", null],
    ["huge leaves broken into base pages", [[array({})]], [0, 9], "latest two", null],
    ["coalesced runs", [[array({ coalesce: 2 })]], [0], "repeats", "the L1 holds runs of 4 pages"],
    [
      "an array for fetches with 8 sets",
      [[array({ for: "data" }), array({ name: "the ITLB", sets: 8, for: "fetch" })]],
      [0],
      "repeats",
      "the ITLB has 8 sets, fewer than 16",
    ],
    [
      "no array for fetches",
      [[array({ for: "data" })]],
      [0],
      null,
      "the first level holds no fetch entry for leaves of one page",
    ],
    [
      "no base pages in the first level",
      [[array({ holds: [9] })], [array({})]],
      [0],
      null,
      "the first level holds no data entry for leaves of one page",
    ],
    ["no TLB", [], [0], null, "there is no TLB"],
  ])("%s", (_, tlb, leafLg2, kind, whyNot) => {
    expect(filterFor({ tlb }, { leafLg2 })).toMatchObject({ kind, whyNot });
  });
});

/** Runs of loads, stores and fetches on a few pages, with jumps. */
function stream(seed: number, n: number, pages: number): AccessWords {
  const rng = random(seed);
  const words = newAccessWords(n);
  let vpn = 2 ** 33;
  for (let i = 0; i < n; i++) {
    if (rng.below(3) === 0) vpn = 2 ** 33 + rng.below(rng.pick([4, 20, pages]));
    setAccess(words, i, vpn * 64 + rng.below(64), rng.pick([0, 0, 0, 1, 2]));
  }
  return words;
}

/** Counts of a stream with flushes after every part, all of it and filtered. */
function both(spec: MmuSpec, kind: FilterKind, seed: number): { whole: unknown; filtered: unknown; share: number } {
  const parts = Array.from({ length: 5 }, (_, i) => stream(seed * 10 + i, 4000, 3000));
  const pages = pagesOf(stream(0, 0, 1));
  const all = Float64Array.from(new Set([...pages, ...parts.flatMap((part) => [...pagesOf(part)])])).sort();
  const [whole, filtered] = [newEngine(treeOf(all), spec), newEngine(treeOf(all), spec)];
  const filter = new StreamFilter({ kind, split: filterFor(spec, BASE).split }, 12);
  for (const part of parts) {
    whole.run(part);
    // Two chunks: what was latest lasts.
    for (const chunk of [part.subarray(0, 3000), part.subarray(3000)]) filtered.run(filter.keep(chunk));
    filtered.run(filter.settle());
    for (const engine of [whole, filtered]) engine.flush(2 ** 33, 2 ** 33 + 512);
  }
  const share = filtered.counts().accesses / whole.counts().accesses;
  return { whole: whole.counts(), filtered: withDropped(filtered.counts(), filter.dropped), share };
}

const L2: TlbArraySpec = { name: "the L2", sets: 32, ways: 6, holds: [0] };
const behind = (first: readonly TlbArraySpec[]): MmuSpec => ({
  tlb: [first, [L2]],
  walkCache: [null, { sets: 1, ways: 4 }],
  accessDirty: "hardware",
});

const KINDS: readonly FilterKind[] = ["repeats", "latest", "latest two"];

describe("counts of a filtered stream are those of the whole", () => {
  const cores: [string, MmuSpec][] = [
    ["one array of 16 sets", behind([array({})])],
    ["one array of 64 sets and 1 way", behind([array({ sets: 64, ways: 1 })])],
    ["arrays for data and for fetches", behind([array({ for: "data" }), array({ sets: 32, ways: 2, for: "fetch" })])],
    ["one fully associative array", behind([array({ sets: 1, ways: 20 })])],
    ["tree-PLRU", behind([array({ policy: "plru" })])],
    ["only one level", one({})],
  ];
  test.each(cores)("%s", (_, spec) => {
    const { kind } = filterFor(spec, BASE);
    for (let seed = 1; seed <= 6; seed++) {
      for (const used of KINDS.slice(0, KINDS.indexOf(kind!) + 1)) {
        const { whole, filtered, share } = both(spec, used, seed);
        expect(filtered, `${used}, seed ${seed}`).toEqual(whole);
        expect(share).toBeLessThan(0.9);
      }
    }
  });
});

test.each<[string, FilterKind, Partial<TlbArraySpec>]>([
  ["one set", "latest", { sets: 1, ways: 20 }],
  ["8 sets", "latest", { sets: 8 }],
  ["one way", "latest two", { ways: 1 }],
])("where a filter is refused it would be wrong: a first level of %s, filter %s", (_, kind, more) => {
  const { whole, filtered } = both(behind([array(more)]), kind, 1);
  expect(filtered).not.toEqual(whole);
});

test("the first store to a page stays, and so does the first fetch; of the others only what comes after another page", () => {
  const words = newAccessWords(9);
  const kinds = [0, 0, 1, 1, 0, 2, 2, 0, 1] as const;
  for (const [i, kind] of kinds.entries()) setAccess(words, i, 64 * (i === 7 ? 17 : 1) + i, kind);
  const kept = (kind: FilterKind) => {
    const filter = new StreamFilter({ kind, split: false }, 12);
    return Array.from(filter.keep(words))
      .filter((_, i) => i % 2 === 0)
      .map((low) => low & 3);
  };
  expect(kept("repeats")).toEqual([0, 1, 2, 0, 1]);
  expect(kept("latest")).toEqual([0, 1, 2, 0, 1]);
  expect(kept("latest two")).toEqual([0, 1, 2, 0]);
});

test("two pages in turns are made once each; when a third comes, which of them came last is put right first", () => {
  const words = newAccessWords(8);
  const pages = [1, 17, 1, 17, 1, 17, 1, 33];
  for (const [i, page] of pages.entries()) setAccess(words, i, 64 * page + i, 0);
  const filter = new StreamFilter({ kind: "latest two", split: false }, 12);
  const kept = filter.keep(words);
  expect(Array.from({ length: accessCount(kept) }, (_, i) => lineAt(kept, i))).toEqual([
    64,
    64 * 17 + 1,
    64 + 6,
    64 * 33 + 7,
  ]);
  expect(filter.dropped).toBe(4);
});

test("a fault makes the counts of a filtered stream refuse", () => {
  const words = stream(1, 100, 5);
  const engine = newEngine(treeOf(Float64Array.of(1)), one({}));
  const filter = new StreamFilter({ kind: "repeats", split: false }, 12);
  engine.run(filter.keep(words));
  expect(accessCount(words) - filter.dropped).toBe(engine.counts().accesses);
  expect(() => withDropped(engine.counts(), filter.dropped)).toThrow("accesses of the filtered stream fault");
});
