import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { type Format, spanLg2, vaBits } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { BrokenInvariant } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";
import { E } from "../../src/base/tally.ts";
import { freePteTableIfEmpty, freeTables } from "../../src/pgtable/free.ts";
import { fillWithFrame, setLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";
import { newPageTable } from "./bench.ts";

const SEEDS = Array.from({ length: 12 }, (_, i) => 40 + i);

function pagesOf(f: Format): number {
  return 2 ** (vaBits(f) - f.pageLg2);
}

function somePage(rng: Random, f: Format): number {
  const all = pagesOf(f);
  const near = [0, 511, 512, 2 ** 18 - 1, 2 ** 18, 2 ** 27, 2 ** 31, 2 ** 32, 2 ** 32 + 5, all / 2, all - 1];
  const any = Math.floor((rng.next() / 2 ** 32) * all);
  return Math.min(all - 1, rng.below(2) ? any : Math.max(0, rng.pick(near) + rng.below(9) - 4));
}

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, f) => {
  test("the position in each table is that of exact arithmetic, up to the top of the address space", () => {
    const pt = newPageTable(f);
    const rng = random(1);
    for (let i = 0; i < 2000; i++) {
      const vpn = somePage(rng, f);
      for (let l = 0; l < pt.levels; l++) {
        const want = (BigInt(vpn) >> BigInt(spanLg2(f, l))) % (1n << BigInt(f.indexLg2[l]!));
        expect(pt.index(vpn, l), `page ${vpn} level ${l}`).toBe(Number(want));
      }
    }
  });

  test("a slot is found exactly where it was made, and two pages share a table exactly when they are near enough", () => {
    const pt = newPageTable(f);
    const rng = random(2);
    const pages = [...new Set(Array.from({ length: 60 }, () => somePage(rng, f)))];
    const slots = pages.map((vpn) => pt.findOrMake(vpn, 0));
    expect(pages.map((vpn) => pt.find(vpn, 0))).toEqual(slots);
    expect(new Set(slots).size).toBe(pages.length);
    for (let l = 0; l < pt.levels - 1; l++)
      expect(pt.tablesAt[l], `tables at level ${l}`).toBe(
        new Set(pages.map((vpn) => Math.floor(vpn / pt.span[l + 1]!))).size,
      );
    expect(pt.tables.live).toBe(pt.tablesAt.reduce((a, b) => a + b, 0));
  });

  test("no table is found, and none is made, where only a look was asked for", () => {
    const pt = newPageTable(f);
    expect(pt.find(12345, 0)).toBe(-1);
    expect(pt.find(12345, pt.levels - 1)).toBeGreaterThanOrEqual(0);
    expect(pt.tables.live).toBe(1);
  });

  test("a leaf in the way of a lower slot gives none", () => {
    const pt = newPageTable(f);
    const first = 2 * pt.span[1]!;
    setLeaf(pt, pt.findOrMake(first, 1), 1, pt.span[1]!, A.young);
    expect([pt.find(first + 6, 0), pt.findOrMake(first + 6, 0)]).toEqual([-1, -1]);
    expect(pt.find(first + 6, 1)).toBe(pt.find(first, 1));
  });

  test("destroying an address space gives every table back, deposited ones too", () => {
    const pt = newPageTable(f);
    const rng = random(3);
    for (let i = 0; i < 40; i++) pt.findOrMake(somePage(rng, f), rng.below(pt.levels - 1));
    pt.deposit();
    pt.destroy();
    expect(pt.tables.live).toBe(0);
    expect([...pt.tablesAt]).toEqual(new Array(pt.levels).fill(0));
    expect(pt.tally[E.tablesFreed]).toBe(pt.tally[E.tablesAllocated]);
  });

  test("the accounted tables are those up to the level that Linux counts", () => {
    const pt = newPageTable(f);
    pt.findOrMake(0, 0);
    expect(pt.accountedTables()).toBe(f.accountedLevel + 1);
  });

  test.each(SEEDS)("of the tables below a hole just those go that no remaining VMA touches (seed %d)", (seed) => {
    const rng = random(seed);
    const pt = newPageTable(f);
    const areas = someAreas(rng, pt);
    for (const [start, end] of areas) for (const vpn of touched(pt, start, end)) pt.findOrMake(vpn, 0);
    const from = rng.below(areas.length);
    const gone = areas.splice(from, 1 + rng.below(areas.length - from));
    const [first, last] = [gone[0]![0], gone[gone.length - 1]![1]];
    const before = tablesOf(pt);
    freeTables(pt, first, last, areas[from - 1]?.[1] ?? 0, areas[from]?.[0] ?? Number.POSITIVE_INFINITY);
    const stays = (t: TableAt) => areas.some(([s, e]) => s < t.end && e > t.start) || t.level === pt.levels - 1;
    expect(tablesOf(pt)).toEqual(before.filter(stays));
    expect(pt.tables.live).toBe(tablesOf(pt).length);
  });

  test("a table stays while one page of it belongs to a VMA, be it its first or its last", () => {
    for (const keep of [0, -1]) {
      const pt = newPageTable(f);
      const n = pt.span[1]!;
      pt.findOrMake(2 * n + 5, 0);
      const kept = keep === 0 ? 2 * n : 3 * n - 1;
      const [floor, ceiling] = keep === 0 ? [kept + 1, Number.POSITIVE_INFINITY] : [0, kept];
      freeTables(pt, 2 * n + 5, 2 * n + 6, floor, ceiling);
      expect(pt.find(2 * n + 5, 0)).toBeGreaterThanOrEqual(0);
      freeTables(pt, 2 * n + 5, 2 * n + 6, 0, 3 * n);
      expect(pt.find(2 * n + 5, 0)).toBe(-1);
    }
  });

  test("a PTE table goes when its last entry has gone, and not before", () => {
    const pt = newPageTable(f);
    const pfn = pt.frames.alloc(0);
    const slot = pt.findOrMake(700, 0);
    setPtes(pt, slot, pfn, A.young, 1);
    freePteTableIfEmpty(pt, pt.find(700, 1));
    expect(pt.find(700, 0)).toBe(slot);
    pt.clear(slot, 1);
    freePteTableIfEmpty(pt, pt.find(700, 1));
    expect([pt.find(700, 0), pt.tablesAt[0]]).toEqual([-1, 0]);
  });

  test("splitting a huge leaf keeps frame and attributes of every page, and allocates nothing", () => {
    for (const attrs of [A.write | A.dirty | A.young, A.exec | A.young, A.protnone | A.young | A.dirty, 0]) {
      const { pt, slot, pfn, vpn } = hugeMapping(f, attrs);
      const [live, made] = [pt.tables.live, pt.tally[E.tablesAllocated]];
      splitLeaf(pt, slot);
      expect(pt.kind(slot, 1)).toBe(Kind.table);
      const n = pt.span[1]!;
      const got = Array.from({ length: n }, (_, i) => pt.find(vpn + i, 0));
      expect(got.map((s) => pt.pfn(s))).toEqual(Array.from({ length: n }, (_, i) => pfn + i));
      expect(new Set(got.map((s) => pt.attrs(s) & ~A.cont))).toEqual(new Set([pt.attrs(got[0]!) & ~A.cont]));
      expect(pt.attrs(got[0]!) & ~(A.cont | A.exec)).toBe(attrs & ~A.exec);
      expect([pt.tables.live, pt.tally[E.tablesAllocated], pt.tally[E.mappingSplits]]).toEqual([live, made, 1]);
      expect(pt.frames.order(pfn)).toBe(f.indexLg2[0]);
    }
  });

  test("a split leaf is folded in whole blocks at once wherever Linux folds", () => {
    const { pt, slot, vpn } = hugeMapping(f, A.write | A.dirty | A.young);
    splitLeaf(pt, slot);
    const cont = f.contpte ? A.cont : 0;
    for (let i = 0; i < pt.span[1]!; i++) expect(pt.attrs(pt.find(vpn + i, 0)) & A.cont).toBe(cont);
    expect(pt.tally[E.contpteFolds]).toBe(cont ? pt.span[1]! / 2 ** f.contLg2[0]! : 0);
  });

  test("the huge zero page splits into entries that all map the small one, none of them folded", () => {
    const { pt, slot, vpn } = hugeMapping(f, A.young | A.special);
    splitLeaf(pt, slot, 1, fillWithFrame(77));
    for (let i = 0; i < pt.span[1]!; i++) {
      const s = pt.find(vpn + i, 0);
      expect([pt.pfn(s), pt.attrs(s) & (A.special | A.cont)]).toEqual([77, A.special]);
    }
  });

  test("a huge leaf without a deposited table cannot be split: that is a bug", () => {
    const pt = newPageTable(f);
    const slot = pt.findOrMake(2 * pt.span[1]!, 1);
    setLeaf(pt, slot, 1, pt.frames.alloc(f.indexLg2[0]!), A.young);
    expect(() => splitLeaf(pt, slot)).toThrow(BrokenInvariant);
  });

  test("what an address leads to is described down to the last table, one line a level", () => {
    const pt = newPageTable(f);
    const page = pt.span[1]! + 1;
    pt.findOrMake(page, 0);
    expect(pt.describe(page).split("\n")).toHaveLength(pt.levels);
    expect(pt.describe(page)).toContain(`${f.levelNames[0]}[1] = 0x${f.empty[0]!.toString(16)}`);
    expect(pt.describe(pagesOf(f) - 1).split("\n")).toHaveLength(1);
  });
});

interface TableAt {
  readonly level: number;
  readonly start: number;
  readonly end: number;
}

/** Every table that can be reached, with the pages it is for. */
function tablesOf(pt: PageTable, table = pt.root, level = pt.levels - 1, start = 0): TableAt[] {
  const found: TableAt[] = [{ level, start, end: start + pt.span[level + 1]! }];
  if (level === 0) return found;
  for (let i = 0; i < 1 << pt.format.indexLg2[level]!; i++) {
    const slot = (table << pt.tables.slotsLg2) + i;
    if (pt.kind(slot, level) === Kind.table)
      found.push(...tablesOf(pt, pt.child(slot, level), level - 1, start + i * pt.span[level]!));
  }
  return found;
}

/** A few VMAs in order that do not overlap, with holes of all sizes. */
function someAreas(rng: Random, pt: PageTable): [number, number][] {
  const upper = pt.span.slice(1, pt.levels);
  const steps = [1, 3, 100, 3 * pt.span[1]!, ...upper, ...upper.map((n) => n + 7), ...upper.map((n) => n - 1)];
  const last = pagesOf(pt.format);
  const areas: [number, number][] = [];
  let at = rng.below(600);
  for (let i = 0; i < 3 + rng.below(6); i++) {
    at += rng.pick(steps) * rng.below(2);
    const end = at + rng.pick(steps);
    // Where the first step of chance is as long as the address space, a page of it will do.
    if (end > last) {
      if (areas.length === 0) areas.push([0, 1]);
      break;
    }
    areas.push([at, end]);
    at = end;
  }
  return areas;
}

/** Pages of a VMA that between them need every table it can have near its ends. */
function touched(pt: PageTable, start: number, end: number): number[] {
  return [start, end - 1, Math.floor((start + end) / 2), Math.min(end - 1, start + pt.span[1]!)];
}

function hugeMapping(f: Format, attrs: number): { pt: PageTable; slot: number; pfn: number; vpn: number } {
  const pt = newPageTable(f);
  const pfn = pt.frames.alloc(f.indexLg2[0]!);
  const vpn = 5 * pt.span[1]!;
  const slot = pt.findOrMake(vpn, 1);
  pt.deposit();
  setLeaf(pt, slot, 1, pfn, attrs);
  return { pt, slot, pfn, vpn };
}
