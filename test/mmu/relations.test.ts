/**
 * Relations between counts that hold by construction, on random programs.
 */
import { describe, expect, test } from "vitest";
import { A } from "../../src/arch/entry.ts";
import { formatNamed } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { accessesOf } from "../../src/mmu/access-words.ts";
import { Mmu, type MmuCounts, type MmuSpec } from "../../src/mmu/simulate.ts";
import type { TlbArraySpec } from "../../src/mmu/tlb.ts";
import type { WalkCacheSpec } from "../../src/mmu/walk-cache.ts";
import { setLeaf } from "../../src/pgtable/huge.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";

const SEEDS = Array.from({ length: 12 }, (_, i) => 300 + i);
const USED = A.write | A.dirty | A.young;
const PAGES = 4096;
const TOTAL = 2 ** 16;

function emptyTree(name: string): PageTable {
  const format = formatNamed(name);
  const tables = new Tables(Math.max(...format.indexLg2), TOTAL);
  return new PageTable({ format, tables, frames: new Frames(TOTAL), tally: newTally(), contpte: false });
}

/** 4096 pages, each at the frame of its own number, in blocks that are contiguous, or not, at level 0 or as level-1 leaves. */
function someTree(rng: Random, name: string, contiguous: boolean): PageTable {
  const pt = emptyTree(name);
  const cont = contiguous ? A.cont : 0;
  for (let vpn = 0; vpn < PAGES; vpn += 512)
    if (rng.below(4) === 0) setLeaf(pt, pt.findOrMake(vpn, 1), 1, vpn, USED);
    else
      for (let block = vpn; block < vpn + 512; block += 16)
        setPtes(pt, pt.findOrMake(block, 0), block, USED | (rng.below(3) > 0 ? cont : 0), 16);
  return pt;
}

/** Pages with hot spots, runs and jumps. */
function program(rng: Random, n: number): number[] {
  const vpns: number[] = [];
  for (let i = 0; i < n; i++) {
    const near = vpns[i - 1 - rng.below(Math.min(i, 12))] ?? 0;
    vpns.push(rng.below(3) === 0 ? rng.below(PAGES) : (near + rng.below(3)) % PAGES);
  }
  return vpns;
}

function counts(pt: PageTable, spec: Partial<MmuSpec>, vpns: readonly number[]): MmuCounts {
  const mmu = new Mmu(pt, { tlb: [], walkCache: [], accessDirty: "hardware", ...spec });
  mmu.run(accessesOf(vpns, pt.format.pageLg2));
  return mmu.counts();
}

const full = (ways: number, holds: readonly number[], coalesce?: number): TlbArraySpec[] => [
  { name: "TLB", sets: 1, ways, holds, ...(coalesce === undefined ? {} : { coalesce }) },
];
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

describe.each(SEEDS)("seed %i", (seed) => {
  const rng = random(seed);
  const vpns = program(rng, 6000);
  const ways = 1 + rng.below(48);

  test("a contiguous entry never raises misses in a fully associative LRU TLB", () => {
    const pt = someTree(rng, "arm64-4k", true);
    const [with16, without] = [
      [0, 4, 9],
      [0, 9],
    ].map((holds) => counts(pt, { tlb: [full(ways, holds)] }, vpns));
    expect(with16!.walks).toBeLessThanOrEqual(without!.walks);
  });

  test("coalescing never raises misses in a fully associative LRU TLB, and longer runs raise them no more", () => {
    const pt = someTree(rng, "x86-64", false);
    const walks = [undefined, 1, 2, 3].map((k) => counts(pt, { tlb: [full(ways, [0, 9], k)] }, vpns).walks);
    expect(walks).toEqual(walks.toSorted((a, b) => b - a));
  });

  test("a bigger fully associative LRU TLB never raises misses", () => {
    const pt = someTree(rng, "arm64-4k", true);
    const walks = [0, 1, 2, 8, 32].map((more) => counts(pt, { tlb: [full(ways + more, [0, 4, 9])] }, vpns).walks);
    expect(walks).toEqual(walks.toSorted((a, b) => b - a));
  });

  test("a second TLB level never raises walks, and changes no hit of the first", () => {
    const pt = someTree(rng, "x86-64", false);
    const first = full(ways, [0, 9]);
    const [one, two] = [[first], [first, full(2 * ways, [0, 9])]].map((tlb) => counts(pt, { tlb }, vpns));
    expect(two!.walks).toBeLessThanOrEqual(one!.walks);
    expect(two!.tlbHits[0]).toBe(one!.tlbHits[0]);
  });

  test("a bigger fully associative walk cache never raises references, whatever the TLB", () => {
    const pt = someTree(rng, "x86-64", false);
    const tlb = [full(ways, [0, 9])];
    const cache = (more: number): WalkCacheSpec => [null, ...[1, 2, 3].map(() => ({ sets: 1, ways: 1 + more }))];
    const reads = [0, 1, 2, 6].map((more) => sum(counts(pt, { tlb, walkCache: cache(more) }, vpns).reads));
    expect(reads).toEqual(reads.toSorted((a, b) => b - a));
    expect(reads[0]).toBeLessThanOrEqual(sum(counts(pt, { tlb }, vpns).reads));
  });

  test("walk caches change neither hits nor walks, and a TLB changes no frame", () => {
    const pt = someTree(rng, "x86-64", false);
    const tlb = [full(ways, [0, 9], 2)];
    const [on, off] = [[null, { sets: 1, ways: 4 }], []].map((walkCache) => counts(pt, { tlb, walkCache }, vpns));
    expect([on!.tlbHits, on!.walks]).toEqual([off!.tlbHits, off!.walks]);
  });

  test("two address spaces that take turns three times each walk once with tags, and at every turn without, in a TLB that holds both", () => {
    const pt = someTree(rng, "x86-64", false);
    const walks = [0, 12].map((asidBits) => {
      const mmu = new Mmu(pt, { tlb: [full(2 * PAGES, [0, 9])], walkCache: [], accessDirty: "hardware", asidBits });
      for (let turn = 0; turn < 6; turn++) {
        mmu.switchTo(pt, asidBits === 0 ? 0 : 1 + (turn % 2));
        mmu.run(accessesOf(vpns.slice(0, 500), 12));
      }
      return mmu.counts().walks;
    });
    expect(walks[1]! * 3).toBe(walks[0]);
  });
});

test("with one way, tree-PLRU is LRU, and with two it is too", () => {
  const rng = random(9);
  const pt = someTree(rng, "x86-64", false);
  for (const ways of [1, 2])
    for (const sets of [1, 4, 16]) {
      const of = (policy: "lru" | "plru") =>
        counts(pt, { tlb: [[{ name: "TLB", sets, ways, policy, holds: [0] }]] }, program(random(10), 5000));
      expect(of("plru")).toEqual(of("lru"));
    }
});

test("tree-PLRU of four ways gives up another entry than LRU does where the tree has forgotten the order", () => {
  const pt = someTree(random(11), "x86-64", false);
  const walks = (policy: "lru" | "plru") =>
    counts(pt, { tlb: [[{ name: "TLB", sets: 1, ways: 4, policy, holds: [0] }]] }, [0, 1, 2, 3, 0, 2, 4, 1, 3]).walks;
  // LRU gives up 1 for 4, then 3 for 1, then 0 for 3. The tree points from 2 to the pair of 0 and 1, there to 1; then to 3; then 0.
  expect([walks("lru"), walks("plru")]).toEqual([7, 7]);
  const again = (policy: "lru" | "plru") =>
    counts(pt, { tlb: [[{ name: "TLB", sets: 1, ways: 4, policy, holds: [0] }]] }, [0, 1, 2, 3, 1, 4, 0]).walks;
  // LRU gives up 0 for 4. The tree points away from the pair of 0 and 1, to 2.
  expect([again("lru"), again("plru")]).toEqual([6, 5]);
});
