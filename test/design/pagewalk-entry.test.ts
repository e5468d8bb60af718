import { describe, expect, test } from "vitest";
import { A } from "../../src/arch/entry.ts";
import { formats } from "../../src/arch/formats.ts";
import { counts, E } from "../../src/base/tally.ts";
import type { MmWalkOps, WalkLock, WalkLockState, WalkVma } from "../../src/design/pagewalk.ts";
import {
  EINVAL,
  folioWalkEnd,
  folioWalkStart,
  WalkLockNotHeld,
  walkKernelPageTableRange,
  walkKernelPageTableRangeLockless,
  walkPageMapping,
  walkPageRange,
  walkPageRangeDebug,
  walkPageRangeMm,
  walkPageRangeNovma,
  walkPageRangeVma,
  walkPageRangeVmaUnsafe,
  walkPageVma,
} from "../../src/design/pagewalk-entry.ts";
import { mapLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";
import { bigPageTable } from "./layouts.ts";
import { type Area, mmOf, note, only, recorder } from "./walk-mm.ts";

const x86 = formats.find((f) => f.name === "x86-64")!;
const arm64 = formats.find((f) => f.name === "arm64-4k")!;
const RW = A.write | A.young | A.dirty;

/** Small pages `[0, 64)` behind these VMAs. */
function world(areas: readonly Area[]) {
  const pt = bigPageTable(x86);
  setPtes(pt, pt.findOrMake(0, 0), 0, RW, 64);
  return mmOf(pt, areas);
}

const everything = (calls: string[], answers: Partial<MmWalkOps> = {}): MmWalkOps => ({
  ...only(recorder(calls, 0, answers), "pteEntry", "pteHole"),
  preVma: (start, end, walk) => {
    calls.push(`pre ${start}-${end}`);
    return answers.preVma?.(start, end, walk) ?? 0;
  },
  postVma: () => void calls.push("post"),
  ...(answers.testWalk && { testWalk: answers.testWalk }),
});

describe("VMAs", () => {
  test("gaps before, between and behind VMAs are holes of depth -1, and VMAs are clipped to the range", () => {
    const mm = world([
      [4, 6],
      [6, 7],
      [9, 40],
    ]);
    const calls: string[] = [];
    expect(walkPageRange(mm, 3, 10, everything(calls))).toBe(0);
    expect(calls).toEqual([
      "hole-1 3-4",
      ...["pre 4-6", "pte 4-5", "pte 5-6", "post"],
      ...["pre 6-7", "pte 6-7", "post"],
      "hole-1 7-9",
      ...["pre 9-10", "pte 9-10", "post"],
    ]);
    const behind: string[] = [];
    walkPageRange(mm, 39, 50, everything(behind));
    expect(behind.at(-1)).toBe("hole-1 40-50");
  });

  test("the VMA is there for callbacks inside it, and none is outside", () => {
    const mm = world([[4, 6]]);
    const seen: (WalkVma | null)[] = [];
    const pteHole: MmWalkOps["pteHole"] = (_a, _n, _d, walk) => note(seen, walk.vma);
    const pteEntry: MmWalkOps["pteEntry"] = (_s, _a, _n, walk) => note(seen, walk.vma);
    walkPageRange(mm, 3, 7, { walkLock: "RDLOCK", pteHole, pteEntry });
    expect(seen).toEqual([null, mm.vmas[0], mm.vmas[0], null]);
  });

  test("a test above 0 skips that VMA alone and is not handed on; one below 0 ends the walk; neither runs preVma", () => {
    const mm = world([
      [4, 6],
      [6, 8],
    ]);
    const answer = (at: number, what: number) => {
      const calls: string[] = [];
      const testWalk = (addr: number) => (addr === at ? what : 0);
      return [walkPageRange(mm, 4, 8, everything(calls, { testWalk })), calls.length] as const;
    };
    expect(answer(-1, 0)).toEqual([0, 8]);
    expect(answer(4, 1)).toEqual([0, 4]);
    expect(answer(6, 7)).toEqual([0, 4]);
    expect(answer(4, -5)).toEqual([-5, 0]);
    expect(answer(6, -5)).toEqual([-5, 4]);
  });

  test("by default a VMA of PFNs is one hole of depth -1 and nothing else; a testWalk of one's own walks it", () => {
    const mm = world([
      [4, 8, { pfnmap: true }],
      [8, 9],
    ]);
    const calls: string[] = [];
    walkPageRange(mm, 5, 9, everything(calls));
    expect(calls).toEqual(["hole-1 5-8", "pre 8-9", "pte 8-9", "post"]);
    const own: string[] = [];
    walkPageRange(mm, 5, 6, everything(own, { testWalk: () => 0 }));
    expect(own).toEqual(["pre 5-6", "pte 5-6", "post"]);
    const stop = everything([], { pteHole: () => -3 });
    expect(walkPageRange(mm, 5, 9, stop)).toBe(-3);
  });

  test("postVma follows a walk that failed, but not a preVma that did", () => {
    const mm = world([[4, 8]]);
    const calls: string[] = [];
    expect(walkPageRange(mm, 4, 8, everything(calls, { pteEntry: (_s, addr) => (addr === 5 ? -9 : 0) }))).toBe(-9);
    expect(calls).toEqual(["pre 4-8", "pte 4-5", "pte 5-6", "post"]);
    const failed: string[] = [];
    expect(walkPageRange(mm, 4, 8, everything(failed, { preVma: () => -9 }))).toBe(-9);
    expect(failed).toEqual(["pre 4-8"]);
  });

  test("above 0 is handed on unchanged, from whatever callback", () => {
    const mm = world([[4, 8]]);
    for (const name of ["pteEntry", "preVma"] as const)
      expect(walkPageRange(mm, 4, 8, everything([], { [name]: () => 42 }))).toBe(42);
    expect(walkPageRange(mm, 1, 8, everything([], { pteHole: () => 42 }))).toBe(42);
  });

  test("every call through the table of callbacks is counted, those around VMAs too", () => {
    const mm = world([[4, 8]]);
    const before = mm.pt.tally.slice();
    const calls: string[] = [];
    const testWalk = () => 0;
    walkPageRange(mm, 3, 9, everything(calls, { testWalk }));
    expect(counts(mm.pt.tally, before).indirectCalls).toBe(calls.length + 1);
  });
});

describe("refusals", () => {
  const ops: MmWalkOps = { walkLock: "RDLOCK", pteEntry: () => 0, installPte: () => 0 };
  const reads: MmWalkOps = { walkLock: "RDLOCK", pteEntry: () => 0 };

  test.each([
    ["walkPageRange", (mm: ReturnType<typeof world>) => walkPageRange(mm, 4, 8, ops)],
    ["walkPageRangeVma", (mm) => walkPageRangeVma(mm.vmas[0]!, 4, 8, ops)],
    ["walkPageVma", (mm) => walkPageVma(mm.vmas[0]!, ops)],
    ["walkPageRangeDebug", (mm) => walkPageRangeDebug(mm, 4, 8, ops)],
    ["walkPageRangeNovma", (mm) => walkPageRangeNovma(mm, 4, 8, ops)],
    ["walkKernelPageTableRange", (mm) => walkKernelPageTableRange(mm, 4, 8, ops)],
    ["walkKernelPageTableRangeLockless", (mm) => walkKernelPageTableRangeLockless(mm, 4, 8, ops)],
    ["walkPageMapping", (mm) => walkPageMapping({ vmas: mm.vmas, iMmapLock: "read" }, 4, 4, ops)],
  ] as [string, (mm: ReturnType<typeof world>) => number][])("%s lets nobody install", (_name, walk) => {
    const mm = world([[4, 8]]);
    expect(walk(mm)).toBe(-EINVAL);
    expect(mm.pt.tally[E.indirectCalls]).toBe(0);
  });

  test("an empty range, an inverted one and no address space are -EINVAL before any callback and before any lock is asked", () => {
    const mm = world([[4, 8]]);
    mm.mmapLock = "none";
    for (const [start, end] of [
      [5, 5],
      [6, 5],
    ] as const) {
      expect(walkPageRange(mm, start, end, reads)).toBe(-EINVAL);
      expect(walkPageRangeVma(mm.vmas[0]!, start, end, reads)).toBe(-EINVAL);
      expect(walkPageRangeDebug(mm, start, end, reads)).toBe(-EINVAL);
      expect(walkKernelPageTableRangeLockless(mm, start, end, reads)).toBe(-EINVAL);
    }
    expect([walkPageRange(null, 4, 8, reads), walkPageRangeDebug(null, 4, 8, reads)]).toEqual([-EINVAL, -EINVAL]);
    expect(walkPageVma({ ...mm.vmas[0]!, mm: null }, reads)).toBe(-EINVAL);
    expect(mm.pt.tally[E.indirectCalls]).toBe(0);
  });

  test("a range that leaves its VMA by a page at either end is -EINVAL; the whole VMA is not", () => {
    const { vmas } = world([[4, 8]]);
    const results = [
      [3, 8],
      [4, 9],
      [4, 8],
    ].map(([start, end]) => walkPageRangeVma(vmas[0]!, start!, end!, reads));
    expect(results).toEqual([-EINVAL, -EINVAL, 0]);
  });

  test("one VMA's walk asks no testWalk", () => {
    const { vmas } = world([[4, 8, { pfnmap: true }]]);
    const calls: string[] = [];
    const testWalk = () => -1;
    expect(walkPageRangeVma(vmas[0]!, 5, 6, everything(calls, { testWalk }))).toBe(0);
    expect(walkPageVma(vmas[0]!, everything(calls, { testWalk }))).toBe(0);
    expect(calls.filter((call) => call.startsWith("pte"))).toHaveLength(5);
  });

  test("installing into a hugetlb VMA is -EINVAL before preVma, for those who may install as well", () => {
    const mm = world([[0, 512, { hugetlbLg2: 9 }]]);
    const calls: string[] = [];
    const install = { ...everything(calls), installPte: () => 0 };
    expect(walkPageRangeMm(mm, 0, 512, install)).toBe(-EINVAL);
    expect(walkPageRangeVmaUnsafe(mm.vmas[0]!, 0, 512, install)).toBe(-EINVAL);
    expect(calls).toEqual([]);
  });
});

describe("locks", () => {
  const walked = (walkLock: WalkLock, mmap: WalkLockState, vma: WalkLockState): string => {
    const mm = world([[4, 8, { lock: vma }]]);
    mm.mmapLock = mmap;
    try {
      walkPageRange(mm, 4, 8, { walkLock, pteEntry: () => 0 });
      return mm.vmas[0]!.lock;
    } catch (error) {
      if (!(error instanceof WalkLockNotHeld)) throw error;
      return `${error.lock} ${error.needed}`;
    }
  };

  test.each([
    ["RDLOCK", "none", "none", "mmap read"],
    ["RDLOCK", "read", "none", "none"],
    ["RDLOCK", "write", "none", "none"],
    ["WRLOCK", "read", "write", "mmap write"],
    ["WRLOCK", "write", "none", "write"],
    ["WRLOCK_VERIFY", "read", "write", "mmap write"],
    ["WRLOCK_VERIFY", "write", "read", "vma write"],
    ["WRLOCK_VERIFY", "write", "write", "write"],
    ["VMA_RDLOCK_VERIFY", "none", "none", "vma read"],
    ["VMA_RDLOCK_VERIFY", "none", "read", "read"],
  ] as const)("%s with the mmap lock held for %s and the area's for %s: %s", (walkLock, mmap, vma, outcome) => {
    expect(walked(walkLock, mmap, vma)).toBe(outcome);
  });

  test("WRLOCK takes the lock of every VMA that is walked, and of no other", () => {
    const mm = world([
      [4, 6],
      [6, 8],
      [8, 9],
    ]);
    walkPageRange(mm, 4, 8, { walkLock: "WRLOCK", pteEntry: () => 0 });
    expect(mm.vmas.map((vma) => vma.lock)).toEqual(["write", "write", "none"]);
  });

  test("a walk without VMAs wants the mmap lock for writing, locks no PTE table and takes no notice of VMAs", () => {
    const mm = world([[4, 6]]);
    const calls: string[] = [];
    expect(walkPageRangeDebug(mm, 3, 7, everything(calls))).toBe(0);
    expect(calls).toEqual(["pte 3-4", "pte 4-5", "pte 5-6", "pte 6-7"]);
    expect(mm.pt.tally[E.pteLocks]).toBe(0);
    mm.mmapLock = "read";
    expect(() => walkPageRangeDebug(mm, 3, 7, everything(calls))).toThrow(WalkLockNotHeld);
  });

  test("the kernel's tables are content with the mmap lock for reading, and their lockless walk with none", () => {
    const initMm = { ...world([]), isInitMm: true };
    const ops: MmWalkOps = { walkLock: "RDLOCK", pteEntry: () => 0 };
    initMm.mmapLock = "read";
    expect([walkPageRangeDebug(initMm, 0, 4, ops), walkKernelPageTableRange(initMm, 0, 4, ops)]).toEqual([0, 0]);
    initMm.mmapLock = "none";
    expect(() => walkPageRangeDebug(initMm, 0, 4, ops)).toThrow(WalkLockNotHeld);
    expect(() => walkKernelPageTableRange(initMm, 0, 4, ops)).toThrow(WalkLockNotHeld);
    expect(walkKernelPageTableRangeLockless(initMm, 0, 4, ops)).toBe(0);
  });

  test("another top table may be walked in the place of the address space's own", () => {
    const mm = world([]);
    const other = mm.pt.makeTable(mm.pt.levels - 1);
    const calls: string[] = [];
    walkPageRangeDebug(mm, 0, 4, everything(calls), other);
    expect(calls).toEqual(["hole0 0-4"]);
  });
});

describe("hugetlb", () => {
  function hugetlb(lg2: number, level: number, n: number) {
    const pt = bigPageTable(arm64);
    for (let i = 0; i < n; i++) {
      const vpn = i * 2 ** lg2;
      if (level === 0) setPtes(pt, pt.findOrMake(vpn, 0), vpn, RW | A.cont, 2 ** lg2);
      else for (let at = vpn; at < vpn + 2 ** lg2; at += pt.span[level]!) mapOne(pt, at, level);
    }
    return mmOf(pt, [[0, 2 ** 20, { hugetlbLg2: lg2 }]]);
  }
  const mapOne = (pt: PageTable, vpn: number, level: number) => mapLeaf(pt, pt.findOrMake(vpn, level), level, vpn, RW);

  test.each([
    [4, 0, "contiguous PTEs"],
    [9, 1, "a PMD"],
    [13, 1, "contiguous PMDs"],
    [18, 2, "a PUD"],
  ])(
    "a page of 2^%i made of entries of level %i (%s) is one call, at its first entry, and is not split",
    (lg2, level) => {
      const mm = hugetlb(lg2, level, 2);
      const size = 2 ** lg2;
      const seen: number[][] = [];
      const hugetlbEntry: MmWalkOps["hugetlbEntry"] = (slot, of, addr, next, walk) => {
        expect(walk.vma!.hugetlbLocked).toBe(true);
        return note(seen, [slot, of, addr, next]);
      };
      const ops: MmWalkOps = { walkLock: "RDLOCK", hugetlbEntry, pteEntry: () => -1, pmdEntry: () => -1 };
      expect(walkPageRange(mm, 1, size + 2, ops)).toBe(0);
      expect(seen).toEqual([
        [mm.pt.find(0, level), lg2, 1, size],
        [mm.pt.find(size, level), lg2, size, size + 2],
      ]);
      expect(mm.pt.tally[E.mappingSplits]).toBe(0);
      expect(mm.vmas[0]!.hugetlbLocked).toBe(false);
    },
  );

  test("where no table is there a huge page is a hole of depth -1; an empty entry of a table is an entry", () => {
    const mm = hugetlb(9, 1, 1);
    const calls: string[] = [];
    const hugetlbEntry: MmWalkOps["hugetlbEntry"] = (_s, _l, addr, next) => note(calls, `huge ${addr}-${next}`);
    const ops: MmWalkOps = { ...only(recorder(calls), "pteHole"), hugetlbEntry };
    walkPageRange(mm, 0, 1024, ops);
    walkPageRange(mm, 2 ** 18, 2 ** 18 + 512, ops);
    expect(calls).toEqual(["huge 0-512", "huge 512-1024", `hole-1 ${2 ** 18}-${2 ** 18 + 512}`]);
  });

  test("without a hugetlbEntry nothing is called but preVma and postVma", () => {
    const calls: string[] = [];
    walkPageRange(hugetlb(9, 1, 2), 0, 1024, everything(calls));
    expect(calls).toEqual(["pre 0-1024", "post"]);
  });

  test("a callback that stops the walk leaves the VMA's lock free", () => {
    const mm = hugetlb(9, 1, 2);
    expect(walkPageRange(mm, 0, 1024, { walkLock: "RDLOCK", hugetlbEntry: () => 3 })).toBe(3);
    expect(mm.vmas[0]!.hugetlbLocked).toBe(false);
  });
});

describe("a file's VMAs", () => {
  const two = () =>
    world([
      [4, 8, { pgoff: 100 }],
      [20, 30, { pgoff: 102 }],
    ]);

  test("each is clipped to the pages of the file, whatever its address; no mmap lock is asked for", () => {
    const mm = two();
    mm.mmapLock = "none";
    const calls: string[] = [];
    expect(walkPageMapping({ vmas: mm.vmas, iMmapLock: "read" }, 103, 2, everything(calls))).toBe(0);
    expect(calls).toEqual(["pre 7-8", "pte 7-8", "post", "pre 21-23", "pte 21-22", "pte 22-23", "post"]);
  });

  test("a test above 0 ends the whole walk with 0, and not the VMA's alone", () => {
    const mm = two();
    const calls: string[] = [];
    const testWalk = (addr: number, next: number) => note(calls, `test ${addr}-${next}`) + 1;
    expect(walkPageMapping({ vmas: mm.vmas, iMmapLock: "read" }, 103, 2, everything(calls, { testWalk }))).toBe(0);
    expect(calls).toEqual(["test 4-8"]);
    const failing = everything(calls, { testWalk: () => -4 });
    expect(walkPageMapping({ vmas: mm.vmas, iMmapLock: "read" }, 103, 2, failing)).toBe(-4);
  });

  test("i_mmap_rwsem must be held, and VMAs that map other pages are not asked", () => {
    const mm = two();
    const calls: string[] = [];
    const walk = (iMmapLock: WalkLockState) => walkPageMapping({ vmas: mm.vmas, iMmapLock }, 0, 100, everything(calls));
    expect(() => walk("none")).toThrow(WalkLockNotHeld);
    expect([walk("read"), calls]).toEqual([0, []]);
  });
});

describe("folioWalk", () => {
  const held = (pt: PageTable) => pt.locks.held;

  test.each([
    [0, 4],
    [1, 9],
    [2, 10],
  ])("finds the page of an entry of level %i and holds its lock until the end", (level, order) => {
    const pt = bigPageTable(x86);
    const head = pt.frames.alloc(order);
    const span = pt.span[level]!;
    const slot = pt.findOrMake(3 * span, level);
    if (level === 0) setPtes(pt, slot, head + 2, RW, 1);
    else mapLeaf(pt, slot, level, head, RW);
    const { vmas } = mmOf(pt, [[0, 2 ** 20]]);
    const fw = folioWalkStart(vmas[0]!, 3 * span + span - 1)!;
    const page = level === 0 ? head + 2 : head + span - 1;
    expect([fw.slot, fw.level, fw.page, fw.folio <= page]).toEqual([slot, level, page, true]);
    expect(pt.locks.holds(pt.tableOf(slot), level)).toBe(true);
    folioWalkEnd(fw);
    expect(held(pt)).toBe(0);
  });

  test("finds nothing, and holds nothing, in a hole of any level, at a marker, at a special page and outside the VMA", () => {
    const pt = bigPageTable(x86);
    pt.write(pt.findOrMake(1, 0), pt.format.swapLo(31, 4), pt.format.swapHi(31, 4));
    setPtes(pt, pt.find(2, 0), 9, RW | A.special, 1);
    setPtes(pt, pt.find(70, 0), 9, RW, 1);
    const { vmas } = mmOf(pt, [[0, 60]]);
    for (const vpn of [0, 1, 2, 70]) expect(folioWalkStart(vmas[0]!, vpn)).toBeNull();
    const far = mmOf(pt, [[0, 2 ** 35]]).vmas[0]!;
    for (const vpn of [600, 2 ** 19, 2 ** 28]) expect(folioWalkStart(far, vpn)).toBeNull();
    expect(held(pt)).toBe(0);
  });

  test("the zero page is found by those who ask for it, without a page to work with", () => {
    const pt = bigPageTable(x86);
    setPtes(pt, pt.findOrMake(5, 0), 9, A.young | A.special, 1);
    const { vmas } = mmOf(pt, [[0, 60]], { isZeroPage: (pfn) => pfn === 9 });
    expect(folioWalkStart(vmas[0]!, 5)).toBeNull();
    const fw = folioWalkStart(vmas[0]!, 5, true)!;
    expect([fw.folio, fw.page]).toEqual([9, -1]);
    folioWalkEnd(fw);
  });

  test("without the mmap lock it is refused", () => {
    const mm = world([[0, 60]]);
    mm.mmapLock = "none";
    expect(() => folioWalkStart(mm.vmas[0]!, 5)).toThrow(WalkLockNotHeld);
  });
});
