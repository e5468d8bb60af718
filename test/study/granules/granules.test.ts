import { describe, expect, test } from "vitest";
import { formats } from "../../../src/arch/formats.ts";
import { UserError } from "../../../src/base/errors.ts";
import { KiB, MiB } from "../../../src/base/size.ts";
import { granulePairLive, granulesLive, publishedGranulesLive } from "../../../src/figure/live/granules.ts";
import { toText } from "../../../src/figure/text.ts";
import { formatGeometry } from "../../../src/study/granules/geometry.ts";
import { GRANULE_CAUSES, type GranuleRow, granulePair, granules } from "../../../src/study/granules/granules.ts";
import { ARM64_GRANULES, STRIDES } from "../../../src/study/granules/layouts.ts";
import { PUBLISHED_GRANULES, publishedGranules } from "../../../src/study/granules/published.ts";
import { walkOn } from "../../../src/study/granules/walks.ts";

const PROGRAM = { mib: "16M", touched: "all of it", tlb: "256", walkCache: true, seed: 1 } as const;
const SIDES = { ...PROGRAM, which: "arm64, 48 bits" } as const;

/** Bytes of a page, of what one fault maps, and of what one TLB entry covers; levels; bytes that one table of PTEs maps. */
const OF: Readonly<Record<string, readonly [page: number, fault: number, entry: number, levels: number]>> = {
  "4K": [4 * KiB, 4 * KiB, 4 * KiB, 4],
  "4K + 64K folios": [4 * KiB, 64 * KiB, 4 * KiB, 4],
  "4K + 64K contpte": [4 * KiB, 64 * KiB, 64 * KiB, 4],
  "16K": [16 * KiB, 16 * KiB, 16 * KiB, 4],
  "16K + 2M contpte": [16 * KiB, 2 * MiB, 2 * MiB, 4],
  "64K": [64 * KiB, 64 * KiB, 64 * KiB, 3],
  "64K + 2M contpte": [64 * KiB, 2 * MiB, 2 * MiB, 3],
};

function rows(touched: keyof typeof STRIDES = "all of it", more: object = {}): Map<string, GranuleRow> {
  return new Map(
    granules.run({ ...SIDES, ...more, touched: String(touched) }, undefined).map((row) => [row.name, row]),
  );
}

describe.each(Object.keys(STRIDES))("a program that writes %s", (touched) => {
  const found = rows(touched);
  const stride = STRIDES[touched]!;
  const total = 16 * MiB;

  test.each(ARM64_GRANULES.map((g) => g.name))(
    "%s: faults, memory, entries, slots and tables are those of arithmetic",
    (name) => {
      const [page, fault, entry, levels] = OF[name]!;
      const row = found.get(name)!;
      const faults = total / Math.max(stride, fault);
      // PTE tables hold page/8 entries each; the stretch lies within one table of every level above.
      const pteTables = Math.ceil(total / ((page / 8) * page));
      expect(row).toMatchObject({
        ...{ faults, memory: (faults * fault) / MiB, written: (total / stride) * (4 / 1024) },
        ...{ entries: (faults * fault) / entry, coldReads: levels, tables: pteTables + levels - 1 },
        slotsWritten: (faults * fault) / page + pteTables + levels - 2,
      });
    },
  );
});

test("a TLB cannot tell a contiguous block of 64K from a page of 64K: the same loads miss", () => {
  for (const tlb of ["256", "1024"])
    for (const seed of [1, 2, 3]) {
      const found = rows("all of it", { tlb, seed, mib: "64M" });
      expect(found.get("4K + 64K contpte")!.misses).toBe(found.get("64K")!.misses);
      expect(found.get("4K + 64K folios")!.misses).toBe(found.get("4K")!.misses);
    }
});

test("within reach only first touches miss, and without walk caches every miss reads every level", () => {
  const within = rows("all of it", { mib: "4M", tlb: "2048" });
  for (const { misses } of within.values()) expect(misses).toBeLessThan(1);
  for (const row of rows("all of it", { walkCache: false, mib: "64M" }).values())
    expect(row.reads).toBeCloseTo(row.misses * row.coldReads, 6);
});

test("the slots that lead to memory lie in as many lines as eight to a line make", () => {
  const found = rows();
  // 4096 PTEs, 8 PMDs, one PUD and one PGD; 1024 PTEs of 16K in one table, and three above; 256 PTEs of 64K, and two above.
  expect(["4K", "16K", "64K"].map((name) => found.get(name)!.lines)).toEqual([512 + 1 + 1 + 1, 128 + 3, 32 + 2]);
});

test("every format runs the same program", () => {
  const all = granules.run({ ...SIDES, which: "every format", mib: "4M" }, undefined);
  expect(all.map((row) => row.name)).toEqual(formats.map((f) => f.name));
  for (const row of all) expect(row.written).toBe(4);
});

test("two ways by cause are the rows of the table, with their difference", () => {
  const found = rows();
  const [a, b] = ["4K + 64K contpte", "64K"];
  const pair = granulePair.run({ ...PROGRAM, a, b }, undefined);
  expect(pair.map((row) => row.cause)).toEqual(Object.values(GRANULE_CAUSES));
  for (const [i, key] of (Object.keys(GRANULE_CAUSES) as (keyof typeof GRANULE_CAUSES)[]).entries()) {
    expect([pair[i]!.a, pair[i]!.b]).toEqual([found.get(a)![key], found.get(b)![key]]);
    expect(pair[i]!.difference).toBe(pair[i]!.b - pair[i]!.a);
  }
});

test("published rows carry the changes of the way that stands for them, and none where the model has no such way", () => {
  const found = rows();
  const base = found.get("4K")!;
  for (const [i, row] of publishedGranules.run(PROGRAM, undefined).entries()) {
    const { granule, ...published } = PUBLISHED_GRANULES[i]!;
    expect(row).toMatchObject(published);
    const own = granule === null ? null : found.get(granule)!;
    expect(row.faults).toBe(own === null ? null : (100 * (own.faults - base.faults)) / base.faults);
  }
});

test("the geometry of the three granules is the kernel's: bits by level, leaves, blocks and the bytes of the root", () => {
  const arm = formatGeometry.run({ family: "arm64" }, undefined);
  const of = (name: string) => arm.find((row) => row.format === name)!;
  expect(of("arm64-4k")).toMatchObject({
    levels: 4,
    offset: 12,
    bits: [9, 9, 9, 9, 0],
    blocks: "64K 32M",
    rootBytes: 4096,
  });
  expect(of("arm64-16k")).toMatchObject({
    levels: 4,
    offset: 14,
    bits: [11, 11, 11, 1, 0],
    blocks: "2M 1G",
    rootBytes: 16,
  });
  expect(of("arm64-64k")).toMatchObject({
    levels: 3,
    offset: 16,
    bits: [13, 13, 6, 0, 0],
    blocks: "2M 16G",
    rootBytes: 512,
  });
});

test("a walk is told from the root down, and an address or a block that a format lacks is refused", () => {
  expect(walkOn("arm64-64k").split("\n")).toHaveLength(4);
  expect(walkOn("arm64-4k", { policy: "mTHP" })).toMatch(/4K of 64K, .*C$/);
  expect(walkOn("arm64-16k", { hugetlb: true })).toMatch(/16K of 2M/);
  expect(() => walkOn("x86-64", { hugetlb: true })).toThrow(UserError);
  expect(() => walkOn("x86-32", { address: 2 ** 40 })).toThrow(UserError);
});

test.each([granulesLive, granulePairLive, publishedGranulesLive])(
  "the live figure $id is plain mail, and the same twice",
  async (live) => {
    const params = { mib: "4M" };
    const [one, two] = [await live.make(params, {}), await live.make(params, {})];
    expect(one.rows).toEqual(two.rows);
    for (const line of toText(one, { version: "0.0.0", source: "0" }).split("\n"))
      expect(line).toMatch(/^[ -~]{0,72}$/);
  },
);
