import { expect, test } from "vitest";
import { walkPageRange } from "../../src/design/pagewalk-entry.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { Vm } from "../../src/mm/vma.ts";
import { guardInstallByWalk, walkMmOf } from "../../src/mm/walk-mm.ts";
import { zapRange } from "../../src/mm/zap.ts";
import { always, BASE, counted, mapRw, newMm, RW, shapes, write } from "./bench.ts";
import { wrongs } from "./invariants.ts";

test("the VMAs of a walk are those of the process at that moment, cut and merged", () => {
  const mm = newMm({ arch: "x86-64" });
  mapRw(mm, BASE, 16);
  const walkMm = walkMmOf(mm);
  const area = (vpn: number) => {
    const vma = walkMm.findVma(vpn);
    return vma && [vma.start - BASE, vma.end - BASE];
  };
  expect(area(BASE + 5)).toEqual([0, 16]);
  mprotect(mm, BASE + 4, BASE + 8, Vm.read);
  expect(area(BASE + 5)).toEqual([4, 8]);
  mprotect(mm, BASE + 4, BASE + 8, RW);
  expect(area(BASE + 5)).toEqual([0, 16]);
  expect(area(0)).toEqual([0, 16]);
  expect(area(BASE + 16)).toBeUndefined();
});

test("a walk with pteEntry splits a huge page by the kernel's own split, which keeps the folio's books", () => {
  const mm = newMm({ arch: "x86-64" });
  mapRw(mm, BASE, 512);
  always(mm, 9);
  write(mm, BASE, BASE + 1);
  let calls = 0;
  const pteEntry = () => {
    calls++;
    return 0;
  };
  const splits = counted(mm, ["mappingSplits"], () =>
    walkPageRange(walkMmOf(mm), BASE, BASE + 512, { walkLock: "RDLOCK", pteEntry }),
  );
  expect([splits, calls]).toEqual([[1], 512]);
  expect(shapes(mm, BASE, BASE + 512)).toBe("512p");
  expect(wrongs(mm.kernel, [mm])).toEqual([]);
});

test("the huge zero page, split by a walk, becomes small zero pages", () => {
  const mm = newMm({ arch: "x86-64" });
  mapRw(mm, BASE, 512);
  always(mm, 9);
  madvise(mm, BASE, BASE + 1, "populate_read");
  expect(shapes(mm, BASE, BASE + 512)).toBe("512H");
  walkPageRange(walkMmOf(mm), BASE, BASE + 1, { walkLock: "RDLOCK", pteEntry: () => 0 });
  expect(shapes(mm, BASE, BASE + 512)).toBe("512z");
});

test("zero pages are told from folios", () => {
  const mm = newMm({ arch: "x86-64" });
  const { kernel } = mm;
  const walkMm = walkMmOf(mm);
  expect(walkMm.isZeroPage(kernel.zeroPfn)).toBe(true);
  expect(walkMm.isZeroPage(kernel.hugeZeroPfn)).toBe(true);
  expect(walkMm.isZeroPage(kernel.frames.alloc(0))).toBe(false);
});

test("guards installed by the walk take the attempts and zaps of the kernel's loop, on every design alike", () => {
  for (const design of ["folded", "ptp", "cursor", "pagewalk", "ptRangeWalk"]) {
    const mm = newMm({ arch: "arm64-4k", design });
    mapRw(mm, BASE, 64);
    expect(guardInstallByWalk(mm, BASE, BASE + 8)).toEqual({ err: 0, attempts: 1, zaps: 0 });
    write(mm, BASE + 9, BASE + 10);
    expect(guardInstallByWalk(mm, BASE + 4, BASE + 12)).toEqual({ err: 0, attempts: 2, zaps: 1 });
    expect(shapes(mm, BASE, BASE + 64)).toBe("12g 52.");
    zapRange(mm, mm.vmas.at(BASE)!, BASE, BASE + 64, { dropMarkers: true, reclaimTables: false });
  }
});
