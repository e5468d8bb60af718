import { describe, expect, test } from "vitest";
import { fork } from "../../src/mm/fork.ts";
import { madvise } from "../../src/mm/madvise.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { type Pins, pinUserPages, unpinUserPages } from "../../src/mm/pin.ts";
import { swapOut } from "../../src/mm/swap-io.ts";
import { always, BASE, counted, mapRw, newMm, shapes, write } from "./bench.ts";
import { wrongs } from "./invariants.ts";

/** How often fork's copy lets go of its locks when somebody always waits: of one table, filled by `prepare`. */
function breaks(prepare: (mm: Mm) => void, needResched = () => true): number {
  const mm = newMm({ arch: "x86-64", needResched, swap: 2 ** 28 });
  mapRw(mm, BASE, 512);
  prepare(mm);
  return counted(mm, ["lockBreaks"], () => fork(mm))[0]!;
}

describe("fork lets others run after progress of 32 (copy_pte_range)", () => {
  test("a present entry is progress of 8: of 512 single pages the locks are dropped after every fourth", () => {
    expect(breaks((mm) => write(mm, BASE, BASE + 512))).toBe(127);
  });

  test("an empty slot is progress of 1: one page at each end of a table makes 16 breaks", () => {
    const ends = (mm: Mm) => {
      for (const vpn of [BASE, BASE + 511]) write(mm, vpn, vpn + 1);
    };
    expect(breaks(ends)).toBe(16);
  });

  test("a batch of a folio is progress of 8 a page, so after every folio of 16 the locks may go", () => {
    const prepare = (mm: Mm) => {
      always(mm, 4);
      write(mm, BASE, BASE + 512);
    };
    expect(breaks(prepare)).toBe(31);
  });

  test("swap entries and guards count 8 like present ones", () => {
    const swap = (mm: Mm) => {
      write(mm, BASE, BASE + 512);
      swapOut(mm, BASE, BASE + 512);
    };
    expect(breaks(swap)).toBe(127);
    expect(breaks((mm) => madvise(mm, BASE, BASE + 512, "guard"))).toBe(127);
  });

  test("progress alone drops no lock: nobody must be waiting", () => {
    expect(
      breaks(
        (mm) => write(mm, BASE, BASE + 512),
        () => false,
      ),
    ).toBe(0);
  });

  test("of a huge page no lock of a PTE table is held, and nobody is asked", () => {
    const prepare = (mm: Mm) => {
      always(mm, 9);
      write(mm, BASE, BASE + 1);
    };
    expect(breaks(prepare)).toBe(0);
  });

  test("the child is the same whether or not others ran in between", () => {
    const children = [true, false].map((wanted) => {
      const mm = newMm({ arch: "arm64-4k", needResched: () => wanted });
      always(mm, 4);
      mapRw(mm, BASE, 512);
      write(mm, BASE, BASE + 200);
      madvise(mm, BASE + 100, BASE + 104, "guard");
      const child = fork(mm);
      expect(wrongs(mm.kernel, [mm, child])).toEqual([]);
      return shapes(child, BASE, BASE + 512);
    });
    expect(children[0]).toBe(children[1]);
  });
});

describe("fork copies what is pinned at once", () => {
  function pinned(order: number, page: number): { mm: Mm; pins: Pins } {
    const mm = newMm({ arch: "x86-64" });
    if (order > 0) always(mm, order);
    mapRw(mm, BASE, 512);
    write(mm, BASE, BASE + 512);
    return { mm, pins: pinUserPages(mm, BASE + page, BASE + page + 1) as Pins };
  }

  test("a pinned page gets a copy for the child, and the parent goes on writing to its own without a fault", () => {
    const { mm } = pinned(0, 7);
    const before = mm.anonPages;
    const child = fork(mm);
    const frames = [mm, child].map((p) => p.pt.pfn(p.pt.find(BASE + 7, 0)));
    expect(frames[0]).not.toBe(frames[1]);
    expect(mm.pt.pfn(mm.pt.find(BASE + 8, 0))).toBe(child.pt.pfn(child.pt.find(BASE + 8, 0)));
    const faults = mm.faults;
    write(mm, BASE + 7, BASE + 8);
    expect([mm.faults - faults, child.anonPages]).toEqual([0, before]);
  });

  test("pins are of the folio: all 16 pages of one are copied, and no other", () => {
    const { mm } = pinned(4, 3);
    const child = fork(mm);
    const shared = Array.from({ length: 512 }, (_, i) => i).filter(
      (i) => mm.pt.pfn(mm.pt.find(BASE + i, 0)) === child.pt.pfn(child.pt.find(BASE + i, 0)),
    );
    expect([shared.length, shared[0]]).toEqual([496, 16]);
  });

  test("a pinned huge page is split in the parent, and the child has small pages of its own", () => {
    const { mm } = pinned(9, 3);
    let child: Mm;
    expect(
      counted(mm, ["mappingSplits"], () => {
        child = fork(mm);
      }),
    ).toEqual([1]);
    expect([shapes(mm, BASE, BASE + 512), shapes(child!, BASE, BASE + 512)]).toEqual(["512p", "512p"]);
  });

  test("once the pin is gone the page is shared like any other", () => {
    const { mm, pins } = pinned(0, 7);
    unpinUserPages(mm, pins);
    const child = fork(mm);
    expect(mm.pt.pfn(mm.pt.find(BASE + 7, 0))).toBe(child.pt.pfn(child.pt.find(BASE + 7, 0)));
  });

  test("a pinned page outlives its mapping, and is freed with the last pin", () => {
    const { mm, pins } = pinned(0, 7);
    const { frames } = mm.kernel;
    const used = frames.used;
    madvise(mm, BASE, BASE + 512, "dontneed");
    expect(used - frames.used).toBe(511);
    unpinUserPages(mm, pins);
    expect(used - frames.used).toBe(512);
  });
});
