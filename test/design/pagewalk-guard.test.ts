/**
 * Guard regions installed by the pagewalk over the simulated kernel's own tables, folios and zap.
 */
import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { walkPageRangeMm } from "../../src/design/pagewalk-entry.ts";
import { ERESTARTNOINTR, guardInstallOps, guardInstallWalk, guardRemoveWalk } from "../../src/design/pagewalk-ops.ts";
import { madvise } from "../../src/mm/madvise.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { guardInstallByWalk, walkMmOf } from "../../src/mm/walk-mm.ts";
import { zapRange } from "../../src/mm/zap.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";
import { always, BASE, counted, mapRw, newMm, shapes, write } from "../mm/bench.ts";
import { wrongs } from "../mm/invariants.ts";

const HUGE = 512;

interface Outcome {
  readonly attempts: number;
  readonly splits: number;
  readonly zaps: number;
  readonly deferred: number;
  readonly unfolds: number;
}

function install(mm: Mm, start: number, end: number): Outcome {
  let done = { err: -1, attempts: 0, zaps: 0 };
  const [splits, deferred, unfolds] = counted(mm, ["mappingSplits", "deferredSplits", "contpteUnfolds"], () => {
    done = guardInstallByWalk(mm, start, end);
  });
  expect(done.err).toBe(0);
  expect(wrongs(mm.kernel, [mm])).toEqual([]);
  return { attempts: done.attempts, splits: splits!, zaps: done.zaps, deferred: deferred!, unfolds: unfolds! };
}

/** Six states of a range, as [what, made by, range, what it takes]. Pages are counted from {@link BASE}. */
const ROWS: [string, (mm: Mm) => void, [number, number], Omit<Outcome, "unfolds">][] = [
  ["an empty range without tables", () => {}, [10, 20], { attempts: 1, splits: 0, zaps: 0, deferred: 0 }],
  [
    "guards everywhere already",
    (mm) => madvise(mm, BASE + 10, BASE + 20, "guard"),
    [10, 20],
    { attempts: 1, splits: 0, zaps: 0, deferred: 0 },
  ],
  [
    "some small pages",
    (mm) => write(mm, BASE + 15, BASE + 17),
    [10, 20],
    { attempts: 2, splits: 0, zaps: 1, deferred: 0 },
  ],
  [
    "a huge page that lies inside",
    (mm) => hugePages(mm, 1),
    [0, HUGE + 8],
    { attempts: 2, splits: 0, zaps: 1, deferred: 0 },
  ],
  [
    "a huge page that the range cuts",
    (mm) => hugePages(mm, 1),
    [32, 64],
    { attempts: 2, splits: 1, zaps: 1, deferred: 1 },
  ],
  [
    "two huge pages that the range cuts",
    (mm) => hugePages(mm, 2),
    [HUGE - 16, HUGE + 16],
    { attempts: 2, splits: 2, zaps: 1, deferred: 2 },
  ],
  ["a 64K folio that the range cuts", (mm) => folio64K(mm), [20, 24], { attempts: 2, splits: 0, zaps: 1, deferred: 1 }],
];

function hugePages(mm: Mm, n: number): void {
  always(mm, 9);
  for (let i = 0; i < n; i++) write(mm, BASE + i * HUGE, BASE + i * HUGE + 1);
}

function folio64K(mm: Mm): void {
  always(mm, 4);
  write(mm, BASE + 16, BASE + 17);
}

function made(arch: string, make: (mm: Mm) => void): Mm {
  const mm = newMm({ arch });
  mapRw(mm, BASE, 4 * HUGE);
  make(mm);
  return mm;
}

describe.each(["x86-64", "arm64-4k"])("%s", (arch) => {
  test.each(ROWS)("%s", (what, make, [from, to], expected) => {
    const mm = made(arch, make);
    // Both ends of [20, 24) lie in one contiguous block of arm64; a huge page that is split ends in blocks, which 32 and 64 do not cut.
    const unfolds = arch === "arm64-4k" && what.startsWith("a 64K") ? 1 : 0;
    expect(install(mm, BASE + from, BASE + to)).toEqual({ ...expected, unfolds });
    expect(shapes(mm, BASE + from, BASE + to)).toBe(`${to - from}g`);
  });

  test.each(ROWS)("%s: the simulated kernel's own guards leave the same entries", (_what, make, [from, to]) => {
    const [mm, twin] = [made(arch, make), made(arch, make)];
    install(mm, BASE + from, BASE + to);
    expect(madvise(twin, BASE + from, BASE + to, "guard")).toBeNull();
    expect(shapes(mm, BASE, BASE + 4 * HUGE)).toBe(shapes(twin, BASE, BASE + 4 * HUGE));
  });

  test("the walk itself never splits: the first attempt stops at the huge page, with guards below it in place", () => {
    const mm = made(arch, (m) => hugePages(m, 2));
    madvise(mm, BASE, BASE + HUGE, "dontneed");
    const done = { pages: 0 };
    const walk = () => walkPageRangeMm(walkMmOf(mm), BASE + 500, BASE + HUGE + 16, guardInstallOps(done));
    expect(counted(mm, ["mappingSplits"], () => expect(walk()).toBe(1))).toEqual([0]);
    expect(done.pages).toBe(12);
    expect(shapes(mm, BASE + 500, BASE + HUGE + 16)).toBe("12g 16H");
  });

  test("the zap is of the whole range, not only of what stood in the way", () => {
    const mm = made(arch, (m) => write(m, BASE + 15, BASE + 16));
    write(mm, BASE + 18, BASE + 19);
    expect(install(mm, BASE + 10, BASE + 20).attempts).toBe(2);
    expect(mm.anonPages).toBe(0);
  });

  test("a page that comes back after every zap ends it after three, with the number that starts the call anew", () => {
    const mm = made(arch, (m) => write(m, BASE + 15, BASE + 16));
    const vma = walkMmOf(mm).findVma(BASE)!;
    let zaps = 0;
    const racing = () => {
      zaps++;
      zapRange(mm, mm.vmas.at(BASE)!, BASE + 10, BASE + 20, { dropMarkers: false, reclaimTables: false });
      // Behind the guards of the attempt before, which would refuse it.
      write(mm, BASE + 15 + zaps, BASE + 16 + zaps);
    };
    const got = guardInstallWalk(vma, BASE + 10, BASE + 20, racing);
    expect(got).toEqual({ err: -ERESTARTNOINTR, attempts: 3, zaps: 3 });
  });

  test("an error of the walk comes back at once, without a zap", () => {
    const mm = made(arch, () => {});
    const vma = walkMmOf(mm).findVma(BASE)!;
    const got = guardInstallWalk(vma, BASE, BASE, () => expect.unreachable("zapped"));
    expect(got).toEqual({ err: -22, attempts: 1, zaps: 0 });
  });

  test("removing takes guards and nothing else: huge pages stay whole, tables stay", () => {
    const mm = made(arch, (m) => hugePages(m, 1));
    madvise(mm, BASE + HUGE + 4, BASE + HUGE + 8, "guard");
    write(mm, BASE + 2 * HUGE + 2, BASE + 2 * HUGE + 3);
    const tables = mm.pt.tablesAt.slice();
    const vma = walkMmOf(mm).findVma(BASE)!;
    const splits = counted(mm, ["mappingSplits"], () => guardRemoveWalk(vma, BASE, BASE + 3 * HUGE));
    expect(splits).toEqual([0]);
    expect(shapes(mm, BASE, BASE + 2 * HUGE)).toBe("512H 512.");
    expect(mm.pt.tablesAt).toEqual(tables);
  });
});

test("a swap entry and a marker that is no guard are in the way, like a page", () => {
  const mm = made("x86-64", () => {});
  for (const [type, offset] of [
    [3, 77],
    [31, 1],
  ] as const) {
    const slot = mm.pt.findOrMake(BASE, 0);
    mm.pt.write(slot, mm.pt.format.swapLo(type, offset), mm.pt.format.swapHi(type, offset));
    expect(walkPageRangeMm(walkMmOf(mm), BASE, BASE + 1, guardInstallOps({ pages: 0 }))).toBe(1);
  }
  setPtes(mm.pt, mm.pt.find(BASE, 0), 5, A.young, 1);
  expect(mm.pt.kind(mm.pt.find(BASE, 0), 0)).toBe(Kind.leaf);
  expect(walkPageRangeMm(walkMmOf(mm), BASE, BASE + 1, guardInstallOps({ pages: 0 }))).toBe(1);
});
