/**
 * The walk that hands out runs, against twins that go page by page: what a run is, what the operations made of runs report over
 * hugetlb pages, THPs, folded blocks, markers and holes on every format, when locks are held, and what it all costs.
 */
import { describe, expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { counts, newTally } from "../../src/base/tally.ts";
import type { Copier, Installer } from "../../src/design/design.ts";
import { storeFill } from "../../src/design/fill.ts";
import { type PtRangeRules, type PtRangeWalk, PtRun, ptRangeWalkStart } from "../../src/design/pt-range-walk.ts";
import { ptRangeWalk } from "../../src/design/pt-range-walk-ops.ts";
import { newPagemap, putPresent, putSoftleaf } from "../../src/design/read.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { translate } from "../../src/mmu/translate.ts";
import { mapLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import { hugetlbSizes, mapHugetlb } from "../../src/pgtable/hugetlb.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { clearPtes, copySoftleaf, ptepGet, setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";
import { visit } from "../../src/pgtable/visit.ts";
import { newPageTable } from "../pgtable/bench.ts";
import { bigPageTable, randomLayout, someRange } from "./layouts.ts";

const SEEDS = Array.from({ length: 4 }, (_, i) => 7300 + i);
const YOUNG_DIRTY = A.young | A.dirty;
const PRESENT = A.write | A.young;
const byFormat = formats.map((f) => [f.name, f] as const);

/** What a page's entry says, found from the root. A contiguous block says of accessed and dirty what any entry of it does. */
interface Page {
  readonly kind: Kind;
  readonly level: number;
  readonly slot: number;
  readonly pfn: number;
  readonly attrs: number;
  readonly type: number;
  readonly offset: number;
  /** Pages under the entry, where a block is one entry. */
  readonly entry: number;
}

function pageAt(pt: PageTable, vpn: number): Page {
  let level = pt.levels - 1;
  let slot = pt.find(vpn, level);
  while (level > 0 && pt.kind(slot, level) === Kind.table) slot = pt.find(vpn, --level);
  const kind = pt.kind(slot, level);
  const { format: f, span } = pt;
  const leaf = kind === Kind.leaf;
  let attrs = leaf ? pt.attrs(slot, level) : 0;
  const block = (attrs & (A.cont | A.protnone)) === A.cont && f.contLg2[level]! > 0 ? 1 << f.contLg2[level]! : 1;
  const first = slot - (slot % block);
  for (let i = 0; i < block; i++) if (leaf) attrs |= pt.attrs(first + i, level) & YOUNG_DIRTY;
  const soft = kind === Kind.softleaf;
  return {
    kind,
    level,
    slot,
    attrs,
    pfn: leaf ? pt.pfn(slot, level) + (vpn % span[level]!) : -1,
    type: soft ? f.swapType(pt.lo(slot), pt.hi(slot)) : 0,
    offset: soft ? f.swapOffset(pt.lo(slot), pt.hi(slot)) : 0,
    entry: block * span[level]!,
  };
}

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

/** The same page by page. */
function slowReads(pt: PageTable, start: number, end: number) {
  const map = newPagemap(end - start);
  const resident = new Uint8Array(end - start);
  const sums = { present: 0, young: 0, dirty: 0 };
  for (let vpn = start; vpn < end; vpn++) {
    const page = pageAt(pt, vpn);
    if (page.kind === Kind.softleaf) putSoftleaf(map, vpn - start, 1, pt, page.slot);
    if (page.kind !== Kind.leaf) continue;
    putPresent(map, vpn - start, 1, page.pfn, page.attrs);
    resident[vpn - start] = 1;
    sums.present++;
    if (page.attrs & A.young) sums.young++;
    if (page.attrs & A.dirty) sums.dirty++;
  }
  return { map, resident, sums };
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
      const copier = testCopier(from, to, { mustBreak: () => busy, batch: 1 + rng.below(20), retries: rng.below(3) });
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

interface RunSeen {
  readonly kind: PtRun;
  readonly level: number;
  readonly start: number;
  readonly nr: number;
  readonly slot: number;
  readonly pfn: number;
  readonly attrs: number;
  readonly entry: number;
  readonly type: number;
  readonly offset: number;
}

/** Only what the kind of run says anything about. */
function seen(walk: PtRangeWalk): RunSeen {
  const { kind, level, start, nr, slot } = walk;
  const leaf = kind === PtRun.pages || kind === PtRun.huge;
  const soft = kind === PtRun.marker || kind === PtRun.swap;
  return {
    kind,
    level,
    start,
    nr,
    slot,
    pfn: leaf ? walk.pfn : -1,
    attrs: leaf ? walk.attrs : 0,
    entry: leaf ? walk.entry : 0,
    type: soft ? walk.type : 0,
    offset: soft ? walk.offset : 0,
  };
}

function runsOf(pt: PageTable, start: number, end: number, rules: Partial<PtRangeRules>): RunSeen[] {
  const runs: RunSeen[] = [];
  const walk = ptRangeWalkStart(pt, start, end, rules);
  while (walk.next()) {
    runs.push(seen(walk));
    expect(pt.locks.held).toBe(walk.level === 0 || walk.kind !== PtRun.none ? 1 : 0);
    expect(pt.locks.holds(pt.tableOf(walk.slot), walk.level)).toBe(pt.locks.held === 1);
  }
  expect(pt.locks.held).toBe(0);
  return runs;
}

/** Pages put together one by one, by the definition of a run. */
function slowRuns(pt: PageTable, start: number, end: number, rules: { respect: number; merge: number }): RunSeen[] {
  const runs: RunSeen[] = [];
  let first = pageAt(pt, start);
  let run: RunSeen | undefined;
  for (let vpn = start; vpn < end; vpn++) {
    const page = pageAt(pt, vpn);
    const sameTable = run !== undefined && page.level === first.level && page.slot >> 13 === first.slot >> 13;
    if (
      run !== undefined &&
      sameTable &&
      tableOf(pt, page) === tableOf(pt, first) &&
      joins(pt, first, run, page, rules)
    ) {
      runs[runs.length - 1] = run = { ...run, nr: run.nr + 1, attrs: run.attrs | (page.attrs & rules.merge) };
      continue;
    }
    first = page;
    run = newRun(vpn, page);
    runs.push(run);
  }
  return runs;
}

function tableOf(pt: PageTable, page: Page): number {
  return pt.tableOf(page.slot);
}

function newRun(vpn: number, page: Page): RunSeen {
  const { level, slot, pfn, attrs, type, offset } = page;
  const soft = type === SWP_PTE_MARKER ? PtRun.marker : PtRun.swap;
  const leaf = level === 0 ? PtRun.pages : PtRun.huge;
  const kind = page.kind === Kind.none ? PtRun.none : page.kind === Kind.leaf ? leaf : soft;
  return { kind, level, start: vpn, nr: 1, slot, pfn, attrs, type, offset, entry: leafEntry(page) };
}

function leafEntry(page: Page): number {
  return page.kind === Kind.leaf ? page.entry : 0;
}

function joins(pt: PageTable, first: Page, run: RunSeen, page: Page, { respect }: { respect: number }): boolean {
  if (page.kind !== first.kind) return false;
  if (page.kind === Kind.none) return true;
  const vpn = run.start + run.nr;
  if (page.level > 0)
    return (
      page.kind === Kind.leaf &&
      Math.floor(vpn / first.entry) === Math.floor(run.start / first.entry) &&
      (page.slot === first.slot || first.entry > pt.span[page.level]!)
    );
  if (page.kind === Kind.softleaf)
    return page.type === first.type && page.offset === first.offset + (page.type === SWP_PTE_MARKER ? 0 : run.nr);
  const ignored = (A.write | A.dirty | A.young | A.softDirty) & ~respect;
  return page.pfn === first.pfn + run.nr && (page.attrs | ignored) === (first.attrs | ignored);
}

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

interface CopyWish {
  readonly mustBreak?: () => boolean;
  /** Entries that the copier takes at once, at most. */
  readonly batch?: number;
  /** Times that each entry whose page divides by 7 asks for room first. */
  readonly retries?: number;
  readonly room?: () => boolean;
}

function testCopier(from: PageTable, to: PageTable, wish: CopyWish): Copier {
  const asked = new Map<number, number>();
  return {
    huge: (slot, level, start) => {
      if (from.kind(slot, level) !== Kind.leaf) return true;
      const toSlot = to.findOrMake(start, level);
      mapLeaf(to, toSlot, level, from.pfn(slot, level), from.attrs(slot, level));
      return true;
    },
    entry: (slot, toSlot, max) => {
      expect([from.locks.holds(from.tableOf(slot), 0), to.locks.holds(to.tableOf(toSlot), 0)]).toEqual([true, true]);
      const before = asked.get(slot) ?? 0;
      asked.set(slot, before + 1);
      if (slot % 7 === 0 && before < (wish.retries ?? 0)) return 0;
      const n = Math.min(max, wish.batch ?? 1);
      let i = 0;
      for (; i < n && from.kind(slot + i, 0) !== Kind.none; i++) copyOne(from, to, slot + i, toSlot + i);
      return i;
    },
    room: () => {
      expect([from.locks.held, to.locks.held]).toEqual([0, 0]);
      return wish.room?.() ?? true;
    },
    mustBreak: wish.mustBreak ?? (() => false),
  };
}

function copyOne(from: PageTable, to: PageTable, slot: number, toSlot: number): void {
  if (from.kind(slot, 0) === Kind.softleaf) return copySoftleaf(from, slot, to, toSlot);
  const { pfn, attrs } = ptepGet(from, slot);
  setPtes(to, toSlot, pfn, attrs, 1);
}

function without({ kind, level, pfn, attrs, type, offset }: Page) {
  return { kind, level: kind === Kind.none ? 0 : level, pfn, attrs, type, offset };
}

/** One gigabyte of 4K pages in folios of an order, mapped as the kernel would: one set_ptes for each folio. */
function gigabyte(name: string, order: number, contpte = true): PageTable {
  const f = formatNamed(name);
  const frames = new Frames(2 ** 19);
  const pt = new PageTable({ format: f, frames, tables: new Tables(9, 2 ** 19), tally: newTally(), contpte });
  for (let vpn = GIGABYTE; vpn < 2 * GIGABYTE; vpn += 2 ** order)
    setPtes(pt, pt.findOrMake(vpn, 0), frames.alloc(order), PRESENT, 2 ** order);
  return pt;
}

const GIGABYTE = 2 ** 18;
/** Reads of a walk to 512 PTE tables: one entry of each of the two upper tables, and 512 of the lower. */
const UPPER_READS = 1 + 1 + 512;

/** Runs of the gigabyte, and what they cost. */
function walked(pt: PageTable, rules: Partial<PtRangeRules>) {
  const before = pt.tally.slice();
  const walk = ptRangeWalkStart(pt, GIGABYTE, 2 * GIGABYTE, rules);
  let runs = 0;
  let pages = 0;
  while (walk.next()) {
    runs++;
    pages += walk.nr;
  }
  expect(pages).toBe(GIGABYTE);
  const { indirectCalls, pteLocks, upperLocks, slotsRead, foliosTouched } = counts(pt.tally, before);
  expect([indirectCalls, upperLocks, pt.locks.held]).toEqual([0, 0, 0]);
  return { runs, pteLocks, slotsRead: slotsRead - UPPER_READS, foliosTouched };
}

describe("a gigabyte of 4K pages", () => {
  test("in 64K folios is 16384 runs and as many folio lookups, 512 locks, each slot read once, no indirect call", () => {
    const want = { runs: 16384, pteLocks: 512, slotsRead: 262144, foliosTouched: 16384 };
    expect(walked(gigabyte("x86-64", 4), {})).toEqual(want);
    expect(walked(gigabyte("arm64-4k", 4, false), {})).toEqual(want);
  });

  test("in folded 64K folios is read block by block: 17 reads where accessed and dirty are wanted, 1 where not", () => {
    const pt = gigabyte("arm64-4k", 4);
    expect(counts(pt.tally).contpteFolds).toBe(16384);
    const same = { runs: 16384, pteLocks: 512, foliosTouched: 16384 };
    expect(walked(pt, {})).toEqual({ ...same, slotsRead: 17 * 16384 });
    expect(walked(pt, { accessDirty: false })).toEqual({ ...same, slotsRead: 16384 });
  });

  test("in folios of one page costs a descriptor each, unless the hint is asked first as mremap does since 6.17", () => {
    const pt = gigabyte("x86-64", 0);
    const same = { runs: 262144, pteLocks: 512, slotsRead: 262144 };
    expect(walked(pt, {})).toEqual({ ...same, foliosTouched: 262144 });
    expect(walked(pt, { folios: "hinted" })).toEqual({ ...same, foliosTouched: 0 });
  });

  test("in 64K folios loses its batches where the hint decides and there is none, and keeps them where blocks are folded", () => {
    const hinted = { folios: "hinted" } as const;
    expect(walked(gigabyte("x86-64", 4), hinted)).toMatchObject({ runs: 262144, foliosTouched: 0 });
    expect(walked(gigabyte("arm64-4k", 4), hinted)).toMatchObject({ runs: 16384, foliosTouched: 16384 });
  });

  test("in 2M folios is a run for each PTE table, folded or not", () => {
    const same = { runs: 512, pteLocks: 512, foliosTouched: 512 };
    expect(walked(gigabyte("x86-64", 9), {})).toEqual({ ...same, slotsRead: 262144 });
    expect(walked(gigabyte("arm64-4k", 9), {})).toEqual({ ...same, slotsRead: 17 * 16384 });
  });

  test("touches no descriptor where entries alone decide, and a run then goes on over folios that follow one another", () => {
    const { foliosTouched, runs, slotsRead } = walked(gigabyte("x86-64", 4), { folios: "never" });
    expect(foliosTouched).toBe(0);
    expect(runs).toBeLessThan(16384);
    // The entry that ends a run is read again as the first of the next, but for those at the end of a table.
    expect(slotsRead).toBe(262144 + runs - 512);
  });

  test("that is empty is one hole and two reads; with one page in it, a hole on either side at each level", () => {
    const pt = newPageTable(formatNamed("x86-64"));
    expect(runsOf(pt, GIGABYTE, 2 * GIGABYTE, {})).toHaveLength(1);
    setPtes(pt, pt.findOrMake(GIGABYTE + 5 * 512 + 7, 0), pt.frames.alloc(0), PRESENT, 1);
    const before = pt.tally.slice();
    const runs = runsOf(pt, GIGABYTE, 2 * GIGABYTE, {});
    expect(runs.map(({ kind, level, nr }) => [kind, level, nr])).toEqual([
      [PtRun.none, 1, 5 * 512],
      [PtRun.none, 0, 7],
      [PtRun.pages, 0, 1],
      [PtRun.none, 0, 504],
      [PtRun.none, 1, 506 * 512],
    ]);
    const { slotsRead, pteLocks } = counts(pt.tally, before);
    // Entries at the end of a hole are read again: the table's in the PMD, and the page's.
    expect([slotsRead, pteLocks]).toEqual([2 + 512 + 1 + 512 + 1, 1]);
  });

  test("is filled with markers by one store for each PTE table, and each table is made once", () => {
    const pt = newPageTable(formatNamed("x86-64"));
    const before = pt.tally.slice();
    const fill = { kind: "marker", marker: Marker.guard } as const;
    const got = ptRangeWalk.install(pt, GIGABYTE, 2 * GIGABYTE, { fill, keep: () => false });
    expect(got).toEqual({ pages: GIGABYTE, stopped: -1 });
    const { tablesAllocated, mmuCacheUpdates, pteLocks, upperLocks, indirectCalls } = counts(pt.tally, before);
    expect({ tablesAllocated, mmuCacheUpdates, pteLocks, upperLocks, indirectCalls }).toEqual({
      tablesAllocated: 514,
      mmuCacheUpdates: 512,
      pteLocks: 512,
      upperLocks: 514,
      indirectCalls: 0,
    });
    expect(runsOf(pt, GIGABYTE, 2 * GIGABYTE, {})).toHaveLength(512);
  });
});

describe("the rules of a run", () => {
  const f = formatNamed("x86-64");

  /** A folio of eight pages, of which some have other attributes. */
  function eight(attrs: (i: number) => number): PageTable {
    const pt = newPageTable(f);
    const [slot, pfn] = [pt.findOrMake(0, 0), pt.frames.alloc(3)];
    for (let i = 0; i < 8; i++) setPtes(pt, slot + i, pfn + i, attrs(i), 1);
    return pt;
  }

  const lengths = (pt: PageTable, rules: Partial<PtRangeRules>) => runsOf(pt, 0, 8, rules).map((run) => run.nr);

  test.each([
    ["write", A.write, 0],
    ["dirty", A.dirty, 0],
    ["soft-dirty", A.softDirty, 0],
    ["accessed", A.young, 0],
  ])("%s may differ within a run unless it is to be respected", (_name, bit, other) => {
    const pt = eight((i) => A.exec | (i === 3 ? bit : other));
    expect(lengths(pt, {})).toEqual([8]);
    expect(lengths(pt, { respect: bit })).toEqual([3, 1, 4]);
  });

  test.each([
    ["execute permission", A.exec],
    ["PROT_NONE", A.protnone],
    ["uffd-wp", A.uffdWp],
  ])("%s may never differ within a run", (_name, bit) => {
    expect(
      lengths(
        eight((i) => A.young | (i >= 6 ? bit : 0)),
        {},
      ),
    ).toEqual([6, 2]);
  });

  test("a run has what its first entry has, and what any has of the attributes that are merged", () => {
    const pt = eight((i) => (i === 0 ? A.write : 0) | (i === 5 ? A.dirty : 0) | (i === 6 ? A.young : 0));
    const attrs = (merge: number) => runsOf(pt, 0, 8, { merge })[0]!.attrs & (A.write | YOUNG_DIRTY);
    expect([attrs(0), attrs(A.dirty), attrs(YOUNG_DIRTY)]).toEqual([A.write, A.write | A.dirty, A.write | YOUNG_DIRTY]);
  });

  test("a run ends with its folio although the frames go on, unless the entries alone decide", () => {
    const pt = newPageTable(f);
    const pfn = pt.frames.alloc(4);
    pt.frames.split(pfn);
    pt.frames.free(pfn + 3);
    setPtes(pt, pt.findOrMake(0, 0), pfn, PRESENT, 2);
    expect(lengths(pt, {})).toEqual([1, 1, 6]);
    expect(lengths(pt, { folios: "never" })).toEqual([2, 6]);
  });

  test("the zero page has no folio to look up", () => {
    const pt = newPageTable(f);
    const zero = pt.frames.alloc(0);
    for (let i = 0; i < 8; i++) setPtes(pt, pt.findOrMake(i, 0), zero, A.special | A.young, 1);
    expect(lengths(pt, {})).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(counts(pt.tally).foliosTouched).toBe(0);
  });

  test("swap entries make a run while their offsets go up by one, markers while they are the same", () => {
    const pt = newPageTable(f);
    const slot = pt.findOrMake(0, 0);
    for (const [i, offset] of [7, 8, 9, 9, 10].entries()) setSoftleaf(pt, slot + i, 1, 1, offset);
    setSoftleaf(pt, slot + 5, 2, SWP_PTE_MARKER, Marker.guard);
    setSoftleaf(pt, slot + 7, 1, SWP_PTE_MARKER, Marker.uffdWp);
    const runs = runsOf(pt, 0, 8, {}).map(({ kind, nr, offset }) => [kind, nr, offset]);
    expect(runs).toEqual([
      [PtRun.swap, 3, 7],
      [PtRun.swap, 2, 9],
      [PtRun.marker, 2, Marker.guard],
      [PtRun.marker, 1, Marker.uffdWp],
    ]);
  });

  test("a run never mixes folded entries with plain ones, so that what it says of its entries is true of each", () => {
    const pt = newPageTable(formatNamed("arm64-4k"));
    const [slot, pfn] = [pt.findOrMake(0, 0), pt.frames.alloc(6)];
    setPtes(pt, slot, pfn, PRESENT, 64);
    setPtes(pt, slot + 20, pfn + 20, PRESENT | A.dirty, 1);
    const runs = runsOf(pt, 0, 64, {}).map(({ nr, entry }) => [nr, entry]);
    expect(runs).toEqual([
      [16, 16],
      [16, 1],
      [32, 16],
    ]);
  });
});

describe("locks", () => {
  const f = formatNamed("arm64-4k");

  test("the walk ended early drops the lock it holds, and ending it twice or after its end is no harm", () => {
    const pt = newPageTable(f);
    setPtes(pt, pt.findOrMake(0, 0), pt.frames.alloc(2), PRESENT, 4);
    const walk = ptRangeWalkStart(pt, 0, 512);
    expect([walk.next(), pt.locks.held]).toEqual([true, 1]);
    walk.end();
    walk.end();
    expect([walk.next(), pt.locks.held]).toEqual([false, 0]);
    walk.begin(0, 4);
    expect([walk.next(), walk.nr, walk.next(), pt.locks.held]).toEqual([true, 4, false, 0]);
  });

  test("runs of one PTE table share one lock; a leaf above is seen under its own, which goes before tables are made", () => {
    const pt = newPageTable(f);
    for (const vpn of [0, 8, 16]) setPtes(pt, pt.findOrMake(vpn, 0), pt.frames.alloc(2), PRESENT, 4);
    mapLeaf(pt, pt.findOrMake(512, 1), 1, pt.frames.alloc(9), PRESENT);
    const before = pt.tally.slice();
    const walk = ptRangeWalkStart(pt, 0, 3 * 512, { build: true });
    while (walk.next()) expect(pt.locks.holds(pt.tableOf(walk.slot), walk.level)).toBe(true);
    const { pteLocks, upperLocks } = counts(pt.tally, before);
    // One for the leaf, one for the table that is made behind it.
    expect([pteLocks, upperLocks, pt.locks.held]).toEqual([2, 2, 0]);
  });

  test.each([
    ["a visitor", (pt: PageTable) => ptRangeWalk.visit(pt, 0, 512, { ptes: fail })],
    ["an installer", (pt: PageTable) => ptRangeWalk.install(pt, 0, 512, { fill: GUARD, keep: fail })],
    ["a copier", (pt: PageTable) => copyFailing(pt)],
  ])("%s that throws leaves no lock behind", (_name, act) => {
    const pt = newPageTable(f);
    setPtes(pt, pt.findOrMake(3, 0), pt.frames.alloc(0), PRESENT, 1);
    expect(() => act(pt)).toThrow("thrown on purpose");
    expect(pt.locks.held).toBe(0);
  });

  const GUARD = { kind: "marker", marker: Marker.guard } as const;

  function fail(): never {
    throw new Error("thrown on purpose");
  }

  function copyFailing(pt: PageTable): void {
    const to = new PageTable({ ...pt, contpte: false });
    try {
      ptRangeWalk.copyRange!(pt, to, 0, 512, { ...testCopier(pt, to, {}), entry: fail });
    } finally {
      expect(to.locks.held).toBe(0);
    }
  }

  test("somebody who waits is let in after 32 units of progress, 8 for an entry and 1 for a hole's", () => {
    const pt = newPageTable(f);
    setPtes(pt, pt.findOrMake(0, 0), pt.frames.alloc(4), PRESENT, 16);
    const to = new PageTable({ ...pt, contpte: false });
    let asked = 0;
    const mustBreak = () => ++asked > 0;
    const result = ptRangeWalk.copyRange!(pt, to, 0, 512, testCopier(pt, to, { mustBreak }));
    // Sixteen entries of 8, then a hole at whose end the table ends and the locks go anyway.
    expect(result).toEqual({ ok: true, reached: 512, lockBreaks: 4 });
    expect(ptRangeWalk.copyRange!(pt, new PageTable({ ...pt, contpte: false }), 0, 0, testCopier(pt, to, {}))).toEqual({
      ok: true,
      reached: 0,
      lockBreaks: 0,
    });
  });

  test("a copy without memory stops at the page that needed it; what was copied stays", () => {
    const pt = newPageTable(f);
    setPtes(pt, pt.findOrMake(0, 0), pt.frames.alloc(4), PRESENT, 16);
    const to = new PageTable({ ...pt, contpte: false });
    const copier = testCopier(pt, to, { retries: 1, room: () => false });
    const slot = pt.find(0, 0);
    const needy = (7 - (slot % 7)) % 7;
    expect(ptRangeWalk.copyRange!(pt, to, 0, 16, copier)).toEqual({ ok: false, reached: needy, lockBreaks: 0 });
    expect(ptRangeWalk.mincore(to, 0, 16).indexOf(0)).toBe(needy);
    expect([pt.locks.held, to.locks.held]).toEqual([0, 0]);
  });
});
