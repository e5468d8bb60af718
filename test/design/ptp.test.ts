/**
 * The design `ptp` against slow twins on random page tables of every format, and the facts that are its own: the root as an
 * entry, locks, accounting, races, and one `sync_global_pgds` for any number of levels.
 */
import { describe, expect, test } from "vitest";
import { arm64_4k } from "../../src/arch/arm64.ts";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { x86_64, x86_64_la57 } from "../../src/arch/x86-64.ts";
import { random } from "../../src/base/random.ts";
import { E } from "../../src/base/tally.ts";
import type { Fill } from "../../src/design/design.ts";
import {
  getPtv,
  ptpConvert,
  ptpInit,
  ptpLock,
  ptpNext,
  ptpPrev,
  ptpSet,
  ptpUnlock,
  ptpWalk,
  ptpWalkAlloc,
  ptvAddrEnd,
  ptvAttrs,
  ptvBad,
  ptvHuge,
  ptvLeaf,
  ptvNone,
  ptvPfn,
  ptvPresent,
  ptvSwap,
} from "../../src/design/ptp.ts";
import { ptp, syncGlobalPgds } from "../../src/design/ptp-ops.ts";
import { mapLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";
import { type Visitor, visit } from "../../src/pgtable/visit.ts";
import { readTables } from "./flat.ts";
import { plain } from "./plain.ts";
import {
  besides,
  bigPageTable,
  copierFor,
  placesOf,
  randomLayout,
  randomRange,
  spent,
  userPages,
} from "./ptp-bench.ts";

const SEEDS = Array.from({ length: 6 }, (_, i) => 7100 + i);
const RW = A.write | A.dirty | A.young;

/** Two page tables of one random layout, each on a machine of its own, so that slots are comparable. */
function twins(format: (typeof formats)[number], seed: number): [PageTable, PageTable] {
  const contpte = seed % 3 > 0;
  const made = [bigPageTable(format, contpte), bigPageTable(format, contpte)] as const;
  for (const pt of made) randomLayout(pt, random(seed));
  return [...made];
}

/** What a visitor is told, as text; it splits some leaves and frees nothing. */
function recorder(pt: PageTable, log: string[], splits: boolean): Visitor {
  return {
    huge: (slot, level, start, end) => {
      log.push(`huge ${slot} ${level} ${start} ${end}`);
      if (splits && end - start < pt.span[level]!) splitLeaf(pt, slot, level);
    },
    table: (level, start) => void log.push(`table ${level} ${start}`),
    ptes: (slot, start, nr) => void log.push(`ptes ${slot} ${start} ${nr}`),
    leaveTable: (slot, start, end) => void log.push(`leave ${slot} ${start} ${end} ${pt.locks.held}`),
  };
}

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, format) => {
  test.each(SEEDS)("a visit calls the visitor as the plain visit does, seed %i", (seed) => {
    const [mine, slow] = twins(format, seed);
    const rng = random(seed);
    for (let i = 0; i < 10; i++) {
      const [start, end] = randomRange(mine, rng);
      const logs: [string[], string[]] = [[], []];
      ptp.visit(mine, start, end, recorder(mine, logs[0], i > 4));
      visit(slow, start, end, recorder(slow, logs[1], i > 4));
      expect(logs[0]).toEqual(logs[1]);
      expect(mine.locks.held).toBe(0);
    }
    expect(readTables(mine)).toEqual(readTables(slow));
  });

  test.each(SEEDS)("reading walks say what reading page by page says, seed %i", (seed) => {
    const [mine, slow] = twins(format, seed);
    const rng = random(seed);
    for (let i = 0; i < 6; i++) {
      const [start, end] = randomRange(mine, rng);
      expect(ptp.countPages(mine, start, end)).toEqual(plain.countPages(slow, start, end));
      expect(ptp.pagemap(mine, start, end)).toEqual(plain.pagemap(slow, start, end));
      expect(ptp.mincore(mine, start, end)).toEqual(plain.mincore(slow, start, end));
      expect(mine.locks.held).toBe(0);
    }
  });

  test.each(SEEDS)("slots are found, and made, where the page table itself finds and makes them, seed %i", (seed) => {
    const [mine, slow] = twins(format, seed);
    const rng = random(seed);
    for (let i = 0; i < 60; i++) {
      const [vpn] = randomRange(mine, rng);
      const level = rng.below(mine.levels);
      const before = slow.tally[E.slotsRead]!;
      const took = spent(mine, () => expect(ptp.find(mine, vpn, level)).toBe(slow.find(vpn, level)));
      expect(took.slotsRead ?? 0).toBe(slow.tally[E.slotsRead]! - before);
      if (rng.below(3) === 0) expect(ptp.findOrMake(mine, vpn, level)).toBe(slow.findOrMake(vpn, level));
    }
    expect(mine.tablesAt).toEqual(slow.tablesAt);
  });

  test.each(SEEDS)("installing fills what is empty and asks about what is not, seed %i", (seed) => {
    const [mine, slow] = twins(format, seed);
    const rng = random(seed);
    for (let i = 0; i < 6; i++) {
      const [start, end] = randomRange(mine, rng);
      const fill: Fill = i % 2 ? { kind: "marker", marker: Marker.guard } : { kind: "leaf", pfn: 4096, attrs: RW };
      const patience = rng.below(40);
      const answers = [mine, slow].map((pt) => {
        let asked = 0;
        // The twin asks for each page of a huge leaf, the design once; so a huge leaf is always kept.
        const keep = (_slot: number, level: number) => level > 0 || asked++ < patience;
        return (pt === mine ? ptp : plain).install(pt, start, end, { fill, keep });
      });
      expect(answers[0]).toEqual(answers[1]);
      expect(mine.locks.held).toBe(0);
    }
    expect(readTables(mine)).toEqual(readTables(slow));
    expect(mine.tablesAt[0]).toBeGreaterThanOrEqual(slow.tablesAt[0]!);
  });

  test.each(SEEDS)(
    "a copy has what the original has, whether large leaves are copied whole or below, seed %i",
    (seed) => {
      const [from] = twins(format, seed);
      const to = besides(from);
      const copier = copierFor(from, to, { wholeLeaves: seed % 2 === 0 });
      const [first, last] = [0, userPages(from)];
      expect(ptp.copyRange!(from, to, first, last, copier)).toEqual({ ok: true, reached: last, lockBreaks: 0 });
      expect(readTables(to)).toEqual(readTables(from));
      expect([from.locks.held, to.locks.held]).toEqual([0, 0]);
    },
  );

  test("tables that the posted code would account are those that count in VmPTE", () => {
    const pt = bigPageTable(format);
    // PT_ACCOUNT_LVLS of the posted code, and its rule: the entry's level is at most that.
    let accounted = 0;
    for (const vpn of placesOf(pt).map((p) => Math.min(p, userPages(pt) - 1))) {
      const at = ptpInit(pt);
      while (at.level > 0) {
        const [level, before] = [at.level, pt.tables.live];
        expect(ptpWalkAlloc(pt, at, vpn)).toBe(true);
        if (level <= 3) accounted += pt.tables.live - before;
      }
    }
    expect(accounted).toBe(pt.accountedTables());
    expect(accounted).toBeGreaterThan(0);
  });

  test("the allocator that loses the race gives its table back and goes on in the winner's", () => {
    for (let level = 1; level < levelsUpTo(format); level++) {
      const pt = bigPageTable(format);
      const at = ptpInit(pt);
      while (at.level > level) ptpWalkAlloc(pt, at, 0);
      const entry = { ...at };
      const live = pt.tables.live;
      let winner = -1;
      const took = spent(pt, () => {
        ptpWalkAlloc(pt, at, 5, () => {
          const other = { ...entry };
          ptpWalkAlloc(pt, other, 5);
          winner = pt.tableOf(other.slot);
        });
      });
      expect(pt.tableOf(at.slot)).toBe(winner);
      expect(pt.child(entry.slot, level)).toBe(winner);
      expect(pt.tables.live).toBe(live + 1);
      expect(took).toMatchObject({ tablesAllocated: 2, tablesFreed: 1, slotsWritten: 1 });
      expect(pt.tablesAt[level - 1]).toBe(1);
      expect(pt.locks.held).toBe(0);
    }
  });

  test("one function gives the kernel's top entries to every tree, and changes none that is there", () => {
    const init = bigPageTable(format);
    const others = [besides(init), besides(init), besides(init)];
    const top = init.levels - 1;
    const [span, n] = [init.span[top]!, 2 ** format.indexLg2[top]!];
    const has = (i: number) => i % 3 !== 1;
    for (let i = 0; i < n; i++) if (has(i)) init.findOrMake(i * span, top - 1);
    // One tree has an entry already, another has one that the kernel's lacks.
    init.findOrMake(0, 0);
    others[1]!.link(others[1]!.find(0, top), init.child(init.find(0, top), top), top);
    if (n > 1) others[2]!.findOrMake(span, top - 1);
    const took = spent(init, () => syncGlobalPgds(init, others, 0, n * span));
    const present = Array.from({ length: n }, (_, i) => has(i)).filter(Boolean).length;
    expect(took.slotsRead).toBe(n + present * others.length);
    expect(took.slotsWritten).toBe(present * others.length - 1);
    for (const pt of others)
      for (let i = 0; i < n; i++) {
        const [mine, theirs] = [pt.find(i * span, top), init.find(i * span, top)];
        if (has(i)) expect([pt.lo(mine), pt.hi(mine)]).toEqual([init.lo(theirs), init.hi(theirs)]);
        else expect(pt.kind(mine, top) === Kind.table).toBe(pt === others[2] && i === 1);
      }
    expect(others.map((pt) => pt.locks.held)).toEqual([0, 0, 0]);
  });
});

function levelsUpTo(format: (typeof formats)[number]): number {
  return format.indexLg2.length;
}

describe("the primitives", () => {
  test("the root is an entry one level above the top table, in no slot, read for nothing and set by nobody", () => {
    const pt = bigPageTable(x86_64_la57);
    const at = ptpInit(pt);
    expect(at.level).toBe(5);
    const took = spent(pt, () => {
      const ptv = getPtv(pt, at);
      expect([ptvNone(ptv), ptvPresent(ptv), ptvLeaf(ptv), ptvBad(ptv)]).toEqual([false, true, false, false]);
      expect(() => ptpSet(pt, at, ptv)).toThrow("is stored at level 5");
      ptpWalk(pt, at, ptv, 3 * 2 ** 36);
    });
    expect(took).toEqual({});
    expect(at).toEqual({ slot: pt.find(3 * 2 ** 36, 4), level: 4 });
  });

  test("levels have the old types' names, and level 3 is a P4D with five levels and a PGD with four", () => {
    const names = [x86_64, x86_64_la57].map((f) => {
      const pt = bigPageTable(f);
      return Array.from({ length: pt.levels }, (_, level) => ptpConvert(pt, { slot: 0, level }));
    });
    expect(names).toEqual([
      ["pte", "pmd", "pud", "pgd"],
      ["pte", "pmd", "pud", "p4d", "pgd"],
    ]);
    expect(ptpConvert(bigPageTable(x86_64), ptpInit(bigPageTable(x86_64)))).toBe("none");
  });

  test("entries of levels 0 and 1 have their table's lock, all above share one", () => {
    const pt = bigPageTable(x86_64_la57);
    const at = (vpn: number, level: number) => ({ slot: pt.findOrMake(vpn, level), level });
    for (const level of [0, 1]) {
      const [one, other] = [at(0, level), at(pt.span[level + 1]!, level)];
      ptpLock(pt, one);
      ptpLock(pt, other);
      ptpUnlock(pt, one);
      ptpUnlock(pt, other);
    }
    ptpLock(pt, at(0, 2));
    expect(() => ptpLock(pt, at(2 ** 36, 3))).toThrow("is taken twice");
  });

  test("a value is exactly one of empty, table, leaf and swap, at any level", () => {
    const pt = bigPageTable(x86_64);
    const pmd = { slot: pt.findOrMake(0, 1), level: 1 };
    mapLeaf(pt, pmd.slot, 1, 512, RW);
    const huge = getPtv(pt, pmd);
    expect([ptvLeaf(huge), ptvHuge(huge), ptvPresent(huge), ptvBad(huge)]).toEqual([true, true, true, true]);
    expect([ptvPfn(pt, huge), ptvAttrs(pt, huge) & RW]).toEqual([512, RW]);
    ptpNext(pmd);
    expect(ptvNone(getPtv(pt, pmd))).toBe(true);
    ptpPrev(pmd);
    splitLeaf(pt, pmd.slot);
    const table = getPtv(pt, pmd);
    expect([ptvLeaf(table), ptvHuge(table), ptvPresent(table), ptvBad(table)]).toEqual([false, false, true, false]);
    const pte = { slot: pt.find(3, 0), level: 0 };
    setSoftleaf(pt, pte.slot, 1, SWP_PTE_MARKER, Marker.guard);
    const marker = getPtv(pt, pte);
    expect([ptvSwap(marker), ptvLeaf(marker), ptvNone(marker), ptvPresent(marker)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([ptvHuge(marker), ptvBad(marker)]).toEqual([false, false]);
  });

  test("an entry's end is the next border of its level or the range's end, to the last page of 64-bit addresses", () => {
    const pt = bigPageTable(formats.reduce((a, b) => (b.userVaBits > a.userVaBits ? b : a)));
    const all = userPages(pt);
    for (let level = 0; level <= pt.levels; level++) {
      const span = pt.span[level]!;
      const entry = { slot: 0, level };
      expect(ptvAddrEnd(pt, entry, 0, all)).toBe(Math.min(all, span));
      expect(ptvAddrEnd(pt, entry, all - 1, all)).toBe(all);
      expect(ptvAddrEnd(pt, entry, 0, 1)).toBe(1);
      if (span < all) expect(ptvAddrEnd(pt, entry, span - 1, all)).toBe(span);
    }
  });

  test("an entry of a folded block is read with accessed and dirty of the whole block, at the price of reading it", () => {
    const pt = bigPageTable(arm64_4k);
    const slot = pt.findOrMake(0, 0);
    setPtes(pt, slot, 16, A.write, 16);
    expect(pt.attrs(slot) & A.cont).toBe(A.cont);
    pt.write(slot + 9, pt.format.leafLo(25, A.write | A.cont | RW, 0), pt.format.leafHi(25, A.write | A.cont | RW, 0));
    const took = spent(pt, () => {
      const ptv = getPtv(pt, { slot, level: 0 });
      expect(ptvAttrs(pt, ptv)).toBe(pt.attrs(slot) | A.young | A.dirty);
      expect(ptvPfn(pt, ptv)).toBe(16);
    });
    expect(took).toEqual({ slotsRead: 17 });
  });

  test("a walk that should make a table stops at what is in the way and does not move", () => {
    const pt = bigPageTable(x86_64);
    const at = { slot: pt.findOrMake(0, 1), level: 1 };
    mapLeaf(pt, at.slot, 1, 0, RW);
    const before = { ...at };
    expect(ptpWalkAlloc(pt, at, 5)).toBe(false);
    expect(at).toEqual(before);
    expect([ptp.find(pt, 5, 0), ptp.findOrMake(pt, 5, 0), ptp.find(pt, 5, 1)]).toEqual([-1, -1, at.slot]);
  });
});

describe("costs", () => {
  test("a huge page that another thread splits before its lock is held is read as small pages", () => {
    const pt = bigPageTable(x86_64);
    const huge = pt.findOrMake(512, 1);
    mapLeaf(pt, huge, 1, 512, RW);
    const take = pt.locks.take.bind(pt.locks);
    pt.locks.take = (table, level) => {
      pt.locks.take = take;
      splitLeaf(pt, huge);
      setSoftleaf(pt, pt.find(515, 0), 1, SWP_PTE_MARKER, Marker.guard);
      take(table, level);
    };
    expect(ptp.countPages(pt, 512, 1024)).toEqual({ present: 511, young: 511, dirty: 511 });
    expect(pt.locks.held).toBe(0);
  });

  test("reading a table of small pages reads each entry once, under one lock", () => {
    const pt = bigPageTable(x86_64);
    setPtes(pt, pt.findOrMake(512, 0), 512, RW, 512);
    for (const walk of [ptp.countPages, ptp.pagemap, ptp.mincore])
      expect(spent(pt, () => walk(pt, 512, 1024))).toEqual({ slotsRead: 3 + 512, pteLocks: 1 });
  });

  test("a huge page is one entry to a reading walk, read again under its lock", () => {
    const pt = bigPageTable(x86_64);
    mapLeaf(pt, pt.findOrMake(512, 1), 1, 512, RW);
    for (const walk of [ptp.countPages, ptp.pagemap, ptp.mincore])
      expect(spent(pt, () => walk(pt, 512, 1024))).toEqual({ slotsRead: 4, upperLocks: 1 });
  });

  test("installing writes entry by entry, and a missing table is read three times: before, under the lock, and after", () => {
    const pt = bigPageTable(x86_64);
    const fill: Fill = { kind: "leaf", pfn: 0, attrs: RW };
    const took = spent(pt, () => ptp.install(pt, 0, 100, { fill, keep: () => false }));
    expect(took).toEqual({
      slotsRead: 3 * 3 + 100,
      slotsWritten: 3 + 100,
      tablesAllocated: 3,
      pteLocks: 1,
      upperLocks: 3,
      mmuCacheUpdates: 100,
    });
  });

  test("the same sync costs the same with four levels and with five", () => {
    const took = [x86_64, x86_64_la57].map((format) => {
      const init = bigPageTable(format);
      const top = init.levels - 1;
      for (let i = 256; i < 512; i++) init.findOrMake(i * init.span[top]!, top - 1);
      const others = [besides(init), besides(init)];
      return spent(init, () => syncGlobalPgds(init, others, 256 * init.span[top]!, 512 * init.span[top]!));
    });
    expect(took[0]).toEqual({ slotsRead: 256 * 3, slotsWritten: 512, upperLocks: 512 });
    expect(took[1]).toEqual(took[0]);
  });
});

test("a top entry that differs from the kernel's is a broken invariant, and no lock is left", () => {
  const init = bigPageTable(formatNamed("x86-64"));
  const other = besides(init);
  for (const pt of [init, other]) pt.findOrMake(0, 2);
  expect(() => syncGlobalPgds(init, [other], 0, 1)).toThrow("differs from the kernel's");
  expect(other.locks.held).toBe(0);
});

test("a visitor that throws leaves no lock behind", () => {
  const pt = bigPageTable(x86_64);
  pt.findOrMake(0, 0);
  expect(() => ptp.visit(pt, 0, 1, { ptes: () => expect.unreachable() })).toThrow();
  expect(pt.locks.held).toBe(0);
});

test("an installer that throws leaves no lock behind", () => {
  const pt = bigPageTable(x86_64);
  setPtes(pt, pt.findOrMake(0, 0), 1, RW, 1);
  const fill: Fill = { kind: "marker", marker: Marker.guard };
  expect(() => ptp.install(pt, 0, 1, { fill, keep: () => expect.unreachable() })).toThrow();
  expect(pt.locks.held).toBe(0);
});
