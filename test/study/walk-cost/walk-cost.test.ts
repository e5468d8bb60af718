import { describe, expect, test } from "vitest";
import { GiB, MiB } from "../../../src/base/size.ts";
import { dataOf } from "../../../src/figure/create.ts";
import { folioOrder, tlbReach, walkCost } from "../../../src/figure/live/walk-cost.ts";
import type { LiveParams } from "../../../src/figure/live.ts";
import { toText } from "../../../src/figure/text.ts";
import { defaultCosts } from "../../../src/mmu/cost.ts";
import { translationsOf } from "../../../src/study/compare/translations.ts";
import {
  policies,
  streams,
  type WalkCostRow,
  walkCostExperiment,
  walkCostParams,
} from "../../../src/study/walk-cost/experiment.ts";
import { buildLayout, type Layout, layoutFor, policyText } from "../../../src/study/walk-cost/layout.ts";
import { measure } from "../../../src/study/walk-cost/measure.ts";
import { makeStream, PATTERNS } from "../../../src/study/walk-cost/streams.ts";

describe.each(PATTERNS)("a %s stream", (pattern) => {
  const spec = { pattern, start: 2 ** 33, pages: 300, accesses: 5000, seed: 7 };

  test("stays inside its pages and depends on its spec alone", () => {
    const stream = makeStream(spec);
    expect(stream).toEqual(makeStream(spec));
    expect(stream.every((vpn) => vpn >= 2 ** 33 && vpn < 2 ** 33 + 300)).toBe(true);
  });

  test("uses another seed for other pages, unless it is sequential", () => {
    const other = makeStream({ ...spec, seed: 8 });
    expect(makeStream(spec).every((vpn, i) => vpn === other[i])).toBe(pattern === "sequential");
  });
});

test("zipf's hottest page gets its share by the law, and need not be the first page", () => {
  const [pages, accesses] = [100, 100_000];
  const uses = new Float64Array(pages);
  for (const vpn of makeStream({ pattern: "zipf", start: 0, pages, accesses, seed: 3 })) uses[vpn]!++;
  const sum = Array.from({ length: pages }, (_, rank) => (rank + 1) ** -0.99).reduce((a, b) => a + b);
  const sorted = Array.from(uses).sort((a, b) => b - a);
  expect(sorted[0]! / accesses).toBeCloseTo(1 / sum, 2);
  expect(sorted[1]! / accesses).toBeCloseTo(2 ** -0.99 / sum, 2);
  expect(uses[0]).not.toBe(sorted[0]);
});

test("orders are listed from base pages up, and contpte apart only where it can matter", () => {
  expect(policies("both", "4K, 64K, 2M").map(policyText)).toEqual([
    "x86-64 4K",
    "x86-64 64K",
    "x86-64 2M THP",
    "arm64-4k 4K",
    "arm64-4k 64K no contpte",
    "arm64-4k 64K contpte",
    "arm64-4k 2M THP",
  ]);
  expect(policies("x86-64", "all").map((p) => p.order)).toEqual([0, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(Math.max(...policies("both", "all").map((p) => policyText(p).length))).toBeLessThanOrEqual(24);
});

const defaults = Object.fromEntries(Object.entries(walkCostParams).map(([k, v]) => [k, v.default])) as never as {
  [K in keyof typeof walkCostParams]: (typeof walkCostParams)[K]["default"];
};

describe.each(PATTERNS)("what one access costs, %s over 16M", (pattern) => {
  const rows = walkCostExperiment.run({ ...defaults, pattern, mapped: "16M", tlb: "256" }, undefined);
  const row = (mapping: string): WalkCostRow => rows.find((r) => r.mapping === mapping)!;
  const walks = (mapping: string) => row(mapping).measured.counts.walks;

  test("every load is a hit in one TLB level or a walk, and every walk reads one slot that is no table entry", () => {
    for (const { mapping, measured } of rows) {
      const { counts } = measured;
      const hits = counts.tlbHits.reduce((a, b) => a + b);
      expect(hits + counts.walks, mapping).toBe(counts.accesses);
      expect(counts.reads[mapping.includes("2M") ? 1 : 0], mapping).toBe(counts.walks);
    }
  });

  test("a folio of 64K without a contiguous bit is no better than base pages", () => {
    expect(walks("x86-64 64K")).toBe(walks("x86-64 4K"));
    expect(walks("arm64-4k 64K no contpte")).toBe(walks("arm64-4k 4K"));
  });

  test("contpte misses less than base pages, and a PMD less than contpte or as little", () => {
    expect(walks("arm64-4k 64K contpte")).toBeLessThan(walks("arm64-4k 4K"));
    expect(walks("arm64-4k 2M THP")).toBeLessThanOrEqual(walks("arm64-4k 64K contpte"));
  });

  test("formats with the same levels and sizes count alike", () => {
    for (const size of ["4K", "2M THP"]) {
      const [x86, arm] = [row(`x86-64 ${size}`).measured, row(`arm64-4k ${size}`).measured];
      expect(arm.counts).toEqual(x86.counts);
    }
  });
});

test("a sequential pass beyond reach walks once for each page or block, and once for each huge page not seen before", () => {
  const rows = walkCostExperiment.run({ ...defaults, pattern: "sequential", mapped: "128M" }, undefined);
  // The warm-up has passed over the first 32 of 64 huge pages.
  expect(rows.map((r) => r.measured.counts.walks)).toEqual([32768, 32768, 32, 32768, 32768, 2048, 32]);
});

test("walk caches save reads above the last level and change no TLB count", () => {
  const [on, off] = [true, false].map((walkCache) =>
    walkCostExperiment.run({ ...defaults, format: "x86-64", mapped: "16M", walkCache }, undefined),
  );
  const [withCache, without] = [on![0]!.measured.counts, off![0]!.measured.counts];
  expect(withCache.tlbHits).toEqual(without.tlbHits);
  expect(without.reads).toEqual([without.walks, without.walks, without.walks, without.walks]);
  expect(withCache.reads.slice(1)).toEqual([0, 0, 0]);
});

test("memory that is kept for the next run gives what fresh memory gives, after any other loads and cores", () => {
  const policy = { format: "arm64-4k", order: 4, contpte: true };
  const loads = streams({ pattern: "random", pages: MiB / 4096, seed: 2 });
  const on = (layout: Layout) => measure(layout, { tlbEntries: 256, walkCache: true }, defaultCosts, loads).counts;
  const fresh = buildLayout(policy, MiB);
  const counted = on(fresh);
  for (const [pattern, walkCache] of [
    ["zipf", false],
    ["sequential", true],
  ] as const)
    measure(
      layoutFor(policy, MiB),
      { tlbEntries: 512, walkCache },
      defaultCosts,
      streams({ pattern, pages: 256, seed: 1 }),
    );
  expect(layoutFor(policy, MiB)).toBe(layoutFor({ ...policy }, MiB));
  expect(on(layoutFor(policy, MiB))).toEqual(counted);
  expect(translationsOf(layoutFor(policy, MiB).mm.pt)).toEqual(translationsOf(fresh.mm.pt));
});

test("so much memory is kept and no more: what was used longest ago goes first", () => {
  const huge = (format: string) => ({ format, order: 9, contpte: true });
  const first = layoutFor(huge("x86-64"), 2 * GiB);
  const second = layoutFor(huge("arm64-4k"), 2 * GiB);
  expect(layoutFor(huge("x86-64"), 2 * GiB)).toBe(first);
  layoutFor(huge("x86-64"), GiB);
  expect(layoutFor(huge("x86-64"), 2 * GiB)).toBe(first);
  expect(layoutFor(huge("arm64-4k"), 2 * GiB)).not.toBe(second);
});

test("a load that reaches other memory than was written there stops the run", () => {
  const layout = buildLayout({ format: "x86-64", order: 0, contpte: true }, MiB);
  const { pt } = layout.mm;
  const [a, b] = [pt.find(layout.start, 0), pt.find(layout.start + 1, 0)];
  const [lo, hi] = [pt.lo(a), pt.hi(a)];
  pt.write(a, pt.lo(b), pt.hi(b));
  pt.write(b, lo, hi);
  const loads = streams({ pattern: "sequential", pages: layout.pages, seed: 1 });
  const run = () => measure(layout, { tlbEntries: 256, walkCache: true }, defaultCosts, loads);
  expect(run).toThrow(/load 0 of page \d+ reached frame/);
});

test("an aborted run stops", () => {
  const run = () => walkCostExperiment.run(defaults, undefined, { signal: AbortSignal.abort() });
  expect(run).toThrow("abort");
});

describe.each([walkCost, folioOrder, tlbReach])("the live figure $id", (live) => {
  const quick: LiveParams = live.id === "tlb-reach" ? {} : { mapped: "4M" };
  const build = { version: "0.0.0", source: "0123456789abcdef" };

  test("made twice is the same, and fits plain mail", async () => {
    const made = await live.make(quick, {});
    expect(dataOf(await live.make(quick, {}))).toEqual(dataOf(made));
    for (const line of toText(made, build).split("\n")) expect(line).toMatch(/^[ -~]{0,72}$/);
  });

  test("says in words what the picture shows", async () => {
    const made = await live.make(quick, {});
    expect(made.alt).toMatch(/x86-64.*arm64-4k/);
  });
});
