/**
 * The walk that hands out runs: what one costs, what the rules of a run do, and when locks are held.
 */
import { describe, expect, test } from "vitest";
import { A, Marker } from "../../src/arch/entry.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formatNamed } from "../../src/arch/formats.ts";
import { counts, newTally } from "../../src/base/tally.ts";
import { type PtRangeRules, PtRun, ptRangeWalkStart } from "../../src/design/pt-range-walk.ts";
import { ptRangeWalk } from "../../src/design/pt-range-walk-ops.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { mapLeaf } from "../../src/pgtable/huge.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { copySoftleaf, setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";
import { newPageTable } from "../pgtable/bench.ts";
import { runsOf, slowReads, testCopier } from "./pt-range-twins.ts";

const PRESENT = A.write | A.young;
const YOUNG_DIRTY = A.young | A.dirty;

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

  test("a run that starts within a folio ends with it all the same", () => {
    const pt = newPageTable(f);
    const [first, second] = [pt.frames.alloc(2), pt.frames.alloc(2)];
    expect(second).toBe(first + 4);
    setPtes(pt, pt.findOrMake(0, 0), first + 2, PRESENT, 2);
    setPtes(pt, pt.findOrMake(2, 0), second, PRESENT, 4);
    expect(lengths(pt, {})).toEqual([2, 4, 2]);
    expect(lengths(pt, { folios: "never" })).toEqual([6, 2]);
  });

  test("pagemap says of each page whether it is soft-dirty", () => {
    const pt = eight((i) => A.young | (i === 3 ? A.softDirty : 0));
    const { map } = slowReads(pt, 0, 8);
    expect(ptRangeWalk.pagemap(pt, 0, 8)).toEqual(map);
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

  test("swap entries of which one is soft-dirty are two runs", () => {
    const pt = newPageTable(f);
    const slot = pt.findOrMake(0, 0);
    for (let i = 0; i < 8; i++) setSoftleaf(pt, slot + i, 1, 1, 30 + i);
    copySoftleaf(pt, slot + 5, pt, slot + 5, f.swapSoftDirtyLo);
    expect(lengths(pt, {})).toEqual([5, 1, 2]);
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

  test("progress counts within one PTE table: at its end the locks go anyway", () => {
    const pt = newPageTable(f);
    for (let vpn = 509; vpn < 515; vpn++) setPtes(pt, pt.findOrMake(vpn, 0), pt.frames.alloc(0), PRESENT, 1);
    const to = new PageTable({ ...pt, contpte: false });
    const mustBreak = () => expect.unreachable("nobody is asked");
    const result = ptRangeWalk.copyRange!(pt, to, 509, 515, testCopier(pt, to, { mustBreak }));
    expect(result).toEqual({ ok: true, reached: 515, lockBreaks: 0 });
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
