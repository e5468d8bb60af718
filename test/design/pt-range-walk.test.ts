/**
 * The walk that hands out runs, against twins that go page by page, on every format: what the operations made of runs report
 * over hugetlb pages, THPs, folded blocks, markers and holes. Its rules, locks and costs are in `pt-range-rules.test.ts`.
 */
import { describe, expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { counts } from "../../src/base/tally.ts";
import type { Installer } from "../../src/design/design.ts";
import { storeFill } from "../../src/design/fill.ts";
import { PtRun, ptRangeWalkStart } from "../../src/design/pt-range-walk.ts";
import { ptRangeWalk } from "../../src/design/pt-range-walk-ops.ts";
import { translate } from "../../src/mmu/translate.ts";
import { mapLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import { hugetlbSizes, mapHugetlb } from "../../src/pgtable/hugetlb.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { clearPtes, setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";
import { visit } from "../../src/pgtable/visit.ts";
import { bigPageTable, randomLayout, someRange } from "./layouts.ts";
import { type Page, pageAt, runsOf, slowReads, slowRuns, testCopier } from "./pt-range-twins.ts";

const SEEDS = Array.from({ length: 4 }, (_, i) => 7300 + i);
const YOUNG_DIRTY = A.young | A.dirty;
const PRESENT = A.write | A.young;
const byFormat = formats.map((f) => [f.name, f] as const);

/** Hugetlb pages of all sizes, THPs, runs of PTEs, markers, swap entries and holes one after the other; borders between them. */
function mixedLayout(pt: PageTable, rng: Random): number[] {
  const { format: f, span } = pt;
  const all = 2 ** (f.userVaBits - f.pageLg2);
  const border = rng.pick([0, ...span.slice(1).filter((s) => s < all)]);
  let vpn = Math.max(0, border - rng.below(2 * span[1]!));
  const borders = [vpn];
  for (let i = 0; i < 14; i++) {
    vpn = put(pt, rng, vpn, all);
    borders.push(vpn);
  }
  return borders;
}

function put(pt: PageTable, rng: Random, vpn: number, all: number): number {
  const pick = rng.below(10);
  const { format: f, span } = pt;
  if (pick < 3) return putHugetlb(pt, rng, vpn, all);
  if (pick === 3) return vpn + rng.pick([1, 3, span[1]!, span[1]! * rng.below(5)]);
  if (pick === 4 || pick === 5) return putThp(pt, rng, vpn, 1 + rng.below(f.maxLeafLevel), all);
  return putRun(pt, rng, vpn, all);
}

function putHugetlb(pt: PageTable, rng: Random, from: number, all: number): number {
  const size = rng.pick(hugetlbSizes(pt.format));
  const pages = 2 ** size.pagesLg2;
  const vpn = Math.ceil(from / pages) * pages;
  if (vpn + pages > all || !isFree(pt, vpn, size.level, size.entries)) return from;
  const pfn = pages * rng.below(Math.max(1, pt.frames.total / pages));
  mapHugetlb(pt, vpn, size, pfn, someAttrs(rng));
  const touched = vpn + rng.below(pages);
  if (rng.below(2)) translate(pt, touched, rng.below(2) > 0, "hardware");
  return vpn + pages;
}

function isFree(pt: PageTable, vpn: number, level: number, entries: number): boolean {
  const slot = pt.findOrMake(vpn, level);
  if (slot < 0) return false;
  for (let i = 0; i < entries; i++) if (pt.kind(slot + i, level) !== Kind.none) return false;
  return true;
}

function putThp(pt: PageTable, rng: Random, from: number, level: number, all: number): number {
  const span = pt.span[level]!;
  const vpn = Math.ceil(from / span) * span;
  if (vpn + span > all || !isFree(pt, vpn, level, 1)) return from;
  const slot = pt.find(vpn, level);
  mapLeaf(pt, slot, level, span * rng.below(Math.max(1, pt.frames.total / span)), someAttrs(rng));
  if (rng.below(4) === 0) splitLeaf(pt, slot, level);
  return vpn + span;
}

function putRun(pt: PageTable, rng: Random, vpn: number, all: number): number {
  const nr = Math.min(1 + rng.below(rng.pick([1, 20, 300])), pt.span[1]! - (vpn % pt.span[1]!), all - vpn);
  const slot = nr > 0 ? pt.findOrMake(vpn, 0) : -1;
  if (slot < 0) return vpn;
  const pick = rng.below(6);
  const pfn = 2 ** 13 * rng.below(pt.frames.total / 2 ** 13 - 1) + (vpn % 2 ** 13);
  if (pick === 0) setSoftleaf(pt, slot, nr, SWP_PTE_MARKER, rng.pick([Marker.guard, Marker.uffdWp]));
  else if (pick === 1) for (let i = 0; i < nr; i++) setSoftleaf(pt, slot + i, 1, rng.below(2), 70 + i + rng.below(1.1));
  else setPtes(pt, slot, rng.below(4) ? pfn : rng.below(2 ** 12), someAttrs(rng), nr);
  if (rng.below(3) === 0) translate(pt, vpn + rng.below(nr), true, "hardware");
  if (rng.below(3) === 0) clearPtes(pt, slot + rng.below(nr), 1);
  return vpn + nr;
}

function someAttrs(rng: Random): number {
  const bits = [A.write, A.write, A.dirty, A.young, A.exec, A.softDirty];
  const attrs = bits.reduce((sum, bit) => (rng.below(2) ? sum | bit : sum), 0);
  return rng.below(12) === 0 ? attrs | A.protnone : attrs;
}

/** A range around one border, or from one to another where that is not too far for a twin that goes page by page. */
function rangeAt(rng: Random, borders: number[]): [number, number] {
  const at = rng.pick(borders);
  const near = borders.filter((b) => b > at && b - at < 20_000);
  const start = Math.max(0, at - rng.below(2) * rng.below(3000));
  return rng.below(3) || near.length === 0 ? [start, at + 1 + rng.below(6000)] : [start, rng.pick(near)];
}

describe.each(byFormat)("%s", (_name, f) => {
  test.each(SEEDS)("pagemap, mincore and counts of runs are those of a walk page by page (seed %d)", (seed) => {
    const rng = random(seed);
    for (let layout = 0; layout < 3; layout++) {
      const pt = bigPageTable(f, rng.below(2) > 0);
      const borders = mixedLayout(pt, rng);
      for (let i = 0; i < 4; i++) {
        const [start, end] = rangeAt(rng, borders);
        const { map, resident, sums } = slowReads(pt, start, end);
        expect([seed, start, end, ptRangeWalk.countPages(pt, start, end)]).toEqual([seed, start, end, sums]);
        expect(Buffer.compare(ptRangeWalk.mincore(pt, start, end), resident)).toBe(0);
        const got = ptRangeWalk.pagemap(pt, start, end);
        expect(Buffer.compare(new Uint8Array(got.lo.buffer), new Uint8Array(map.lo.buffer))).toBe(0);
        expect(Buffer.compare(new Uint8Array(got.hi.buffer), new Uint8Array(map.hi.buffer))).toBe(0);
        expect(pt.locks.held).toBe(0);
      }
    }
  });

  test.each(SEEDS)("runs are as long as their pages agree, and no longer (seed %d)", (seed) => {
    const rng = random(seed);
    const pt = bigPageTable(f, rng.below(2) > 0);
    const borders = mixedLayout(pt, rng);
    for (let i = 0; i < 4; i++) {
      const [start, end] = rangeAt(rng, borders);
      const rules = { folios: "never", respect: rng.next(), merge: rng.pick([0, A.write, YOUNG_DIRTY]) } as const;
      expect(runsOf(pt, start, end, rules)).toEqual(slowRuns(pt, start, end, rules));
    }
  });

  test.each(SEEDS)("a visit makes the calls of the plain visit, in its order (seed %d)", (seed) => {
    const rng = random(seed);
    const [pt, twin] = [bigPageTable(f), bigPageTable(f)];
    const window = randomLayout(pt, rng);
    randomLayout(twin, random(seed));
    const range = someRange(pt, rng, window);
    const splits = rng.below(2) > 0;
    expect(callsOf(pt, range, (v) => ptRangeWalk.visit(pt, ...range, v), splits)).toEqual(
      callsOf(twin, range, (v) => visit(twin, ...range, v), splits),
    );
    expect([pt.locks.held, pt.tablesAt]).toEqual([0, twin.tablesAt]);
  });

  test.each(SEEDS)(
    "find and findOrMake give the slots of a walk from the root, and make the same tables (seed %d)",
    (seed) => {
      const rng = random(seed);
      const [pt, twin] = [bigPageTable(f), bigPageTable(f)];
      const { base, pages } = randomLayout(pt, rng);
      randomLayout(twin, random(seed));
      for (let i = 0; i < 60; i++) {
        const [vpn, level] = [base + rng.below(pages), rng.below(pt.levels)];
        const before = [pt.tally.slice(), twin.tally.slice()] as const;
        expect(ptRangeWalk.find(pt, vpn, level)).toBe(twin.find(vpn, level));
        expect(counts(pt.tally, before[0]).slotsRead).toBe(counts(twin.tally, before[1]).slotsRead);
        expect(ptRangeWalk.findOrMake(pt, vpn, level)).toBe(twin.findOrMake(vpn, level));
      }
      expect([pt.locks.held, pt.tablesAt]).toEqual([0, twin.tablesAt]);
    },
  );

  test.each(SEEDS)(
    "an install fills the holes, keeps the rest and stops where a page by page one does (seed %d)",
    (seed) => {
      const rng = random(seed);
      const [pt, twin] = [bigPageTable(f), bigPageTable(f)];
      const window = randomLayout(pt, rng);
      randomLayout(twin, random(seed));
      const [start, end] = someRange(pt, rng, window);
      const marker = rng.below(2) > 0;
      const fill = marker
        ? ({ kind: "marker", marker: Marker.guard } as const)
        : ({ kind: "leaf", pfn: 2 ** 14 + rng.below(99), attrs: PRESENT } as const);
      const patience = rng.below(2) ? Number.POSITIVE_INFINITY : rng.below(40);
      const got = ptRangeWalk.install(pt, start, end, { fill, keep: keeper(patience) });
      expect(got).toEqual(slowInstall(twin, start, end, { fill, keep: keeper(patience) }));
      expect([pt.locks.held, pt.tablesAt]).toEqual([0, twin.tablesAt]);
      const words = (p: PageTable) =>
        Array.from({ length: Math.min(end - start, 3000) }, (_, i) => {
          const { kind, level, pfn, type, offset } = pageAt(p, start + i);
          return [kind, level, pfn, type, offset].join();
        });
      expect(words(pt)).toEqual(words(twin));
    },
  );

  test.each(SEEDS)(
    "a copy maps in the child what the parent maps, and no table is made for a hole (seed %d)",
    (seed) => {
      const rng = random(seed);
      const from = bigPageTable(f, false);
      const to = new PageTable({ ...from, contpte: false });
      const window = randomLayout(from, rng);
      const [start, end] = someRange(from, rng, window);
      const busy = rng.below(2) > 0;
      const copier = testCopier(from, to, {
        mustBreak: () => busy,
        batch: 1 + rng.below(20),
        retries: rng.below(3),
        splits: rng.below(2) > 0,
      });
      const result = ptRangeWalk.copyRange!(from, to, start, end, copier);
      expect([result.ok, result.reached, from.locks.held, to.locks.held]).toEqual([true, end, 0, 0]);
      if (!busy) expect(result.lockBreaks).toBe(0);
      for (let vpn = start; vpn < end; vpn++) expect(without(pageAt(to, vpn))).toEqual(without(pageAt(from, vpn)));
      expect(to.tablesAt[0]).toBeLessThanOrEqual(from.tablesAt[0]!);
    },
  );

  test("a marker is one above level 0 too, and is read from there", () => {
    const pt = bigPageTable(f);
    for (let level = 1; level <= f.maxLeafLevel; level++) {
      const vpn = 3 * pt.span[level]!;
      const slot = pt.findOrMake(vpn, level);
      pt.write(slot, f.swapLo(SWP_PTE_MARKER, Marker.guard), f.swapHi(SWP_PTE_MARKER, Marker.guard));
      // Where a format cannot tell it from something else at that level, Linux has none there either.
      if (pt.kind(slot, level) !== Kind.softleaf) continue;
      const walk = ptRangeWalkStart(pt, vpn, vpn + pt.span[level]!);
      expect(walk.next()).toBe(true);
      expect([walk.kind, walk.level, walk.type, walk.offset, walk.nr]).toEqual([
        PtRun.marker,
        level,
        SWP_PTE_MARKER,
        Marker.guard,
        pt.span[level],
      ]);
      walk.end();
      expect(pt.locks.held).toBe(0);
    }
  });

  test.each(hugetlbSizes(f).map((s) => [2 ** s.pagesLg2, s] as const))(
    "a hugetlb page of %d pages is one run, also where the range cuts it, with what any entry of it noted",
    (pages, size) => {
      const pt = bigPageTable(f, false);
      mapHugetlb(pt, pages, size, 3 * pages, A.write);
      translate(pt, 2 * pages - 1, true, "hardware");
      for (const [from, to] of [
        [0, 3 * pages],
        [pages + 1, 2 * pages - 1],
      ] as const) {
        const [first, last] = [Math.max(from, pages), Math.min(to, 2 * pages)];
        const runs = runsOf(pt, from, to, { folios: "never" }).filter((r) => r.kind !== PtRun.none);
        expect(runs).toHaveLength(1);
        expect(runs[0]).toMatchObject({
          kind: size.level > 0 ? PtRun.huge : PtRun.pages,
          level: size.level,
          start: first,
          nr: last - first,
          pfn: 3 * pages + (first - pages),
          entry: pages,
        });
        expect(runs[0]!.attrs & YOUNG_DIRTY).toBe(YOUNG_DIRTY);
      }
    },
  );
});

/** Every call of a visitor as a line; with `splits`, every leaf above level 0 is split when it is met. */
function callsOf(
  pt: PageTable,
  [start, end]: [number, number],
  run: (v: Parameters<typeof visit>[3]) => void,
  splits: boolean,
): string[] {
  const calls: string[] = [`${start} ${end}`];
  run({
    huge: (slot, level, from, to) => {
      calls.push(`huge ${slot} ${level} ${from} ${to} ${pt.locks.held}`);
      if (splits && pt.kind(slot, level) === Kind.leaf) splitLeaf(pt, slot, level);
    },
    table: (level, from) => calls.push(`table ${level} ${from} ${pt.locks.held}`),
    ptes: (slot, from, nr) => calls.push(`ptes ${slot} ${from} ${nr}`),
    leaveTable: (slot, from, to) => calls.push(`leave ${slot} ${from} ${to} ${pt.locks.held}`),
  });
  return calls;
}

function keeper(patience: number): Installer["keep"] {
  let left = patience;
  return () => left-- > 0;
}

function slowInstall(pt: PageTable, start: number, end: number, { fill, keep }: Installer) {
  let pages = 0;
  let kept = -1;
  for (let vpn = start; vpn < end; vpn++) {
    const page = pageAt(pt, vpn);
    if (page.kind === Kind.none) {
      storeFill(pt, pt.findOrMake(vpn, 0), 1, fill, vpn - start);
      pages++;
    } else if (page.slot !== kept && !keep(page.slot, page.level)) return { pages, stopped: vpn };
    kept = page.slot;
  }
  return { pages, stopped: -1 };
}

function without({ kind, level, pfn, attrs, type, offset }: Page) {
  return { kind, level: kind === Kind.none ? 0 : level, pfn, attrs, type, offset };
}
