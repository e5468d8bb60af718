import { describe, expect, test } from "vitest";
import { formats } from "../../src/arch/formats.ts";
import { access } from "../../src/mm/fault.ts";
import { fork } from "../../src/mm/fork.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { mincore } from "../../src/mm/mincore.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { Vm } from "../../src/mm/vma.ts";
import { always, BASE, counted, mapRw, newMm, RW, shapes, write } from "./bench.ts";
import { wrongs } from "./invariants.ts";

const HUGE = 512;
/** Splits of huge mappings, contiguous blocks unfolded, folios queued for splitting, flushes: a zap of pages flushes once. */
const EVENTS = ["mappingSplits", "contpteUnfolds", "deferredSplits", "flushRanges"] as const;

function guard(mm: Mm, start: number, end: number): number[] {
  return counted(mm, EVENTS, () => expect(madvise(mm, start, end, "guard")).toBeNull());
}

describe.each(formats.filter((f) => f.indexLg2[0] === 9).map((f) => [f.name, f] as const))("%s", (arch, f) => {
  const contiguous = f.contpte;

  test("guards on an empty range split nothing and zap nothing", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 2 * HUGE);
    expect(guard(mm, BASE + 10, BASE + 20)).toEqual([0, 0, 0, 0]);
    expect(shapes(mm, BASE, BASE + 30)).toBe("10. 10g 10.");
  });

  test("guards over guards change nothing and zap nothing", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, HUGE);
    guard(mm, BASE, BASE + 20);
    expect(guard(mm, BASE, BASE + 20)).toEqual([0, 0, 0, 0]);
    expect(counted(mm, ["slotsWritten"], () => madvise(mm, BASE, BASE + 20, "guard"))).toEqual([0]);
  });

  test("some small pages in the range cost one zap of the whole range, and no split", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, HUGE);
    write(mm, BASE + 5, BASE + 9);
    expect(guard(mm, BASE, BASE + 20)).toEqual([0, 0, 0, 1]);
    expect(shapes(mm, BASE, BASE + 21)).toBe("20g 1.");
    expect(mm.anonPages).toBe(0);
  });

  test("a huge page inside the range goes whole: no split, and its deposited table comes back", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 2 * HUGE);
    always(mm, 9);
    write(mm, BASE, BASE + 1);
    expect(shapes(mm, BASE, BASE + HUGE)).toBe("512H");
    expect(guard(mm, BASE, BASE + HUGE)).toEqual([0, 0, 0, 1]);
    expect([shapes(mm, BASE, BASE + HUGE), mm.pt.tablesAt[0]]).toEqual(["512g", 1]);
  });

  test("a huge page that the range cuts is split once, by the zap; its folio is queued for splitting", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 2 * HUGE);
    always(mm, 9);
    write(mm, BASE, BASE + 1);
    const [splits, unfolds, deferred] = guard(mm, BASE + 16, BASE + 24);
    expect([splits, unfolds, deferred]).toEqual([1, contiguous ? 1 : 0, 1]);
    expect(shapes(mm, BASE, BASE + HUGE)).toBe(contiguous ? "16c 8g 8p 480c" : "16p 8g 488p");
  });

  test("two huge pages that the range cuts are split once each", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 2 * HUGE);
    always(mm, 9);
    write(mm, BASE, BASE + 1);
    write(mm, BASE + HUGE, BASE + HUGE + 1);
    expect(guard(mm, BASE + 500, BASE + HUGE + 12)[0]).toBe(2);
  });

  test("a 64K folio that the range cuts loses its contiguous bit and is queued, and no huge mapping is split", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, HUGE);
    always(mm, 4);
    write(mm, BASE, BASE + 1);
    const [splits, unfolds, deferred] = guard(mm, BASE + 4, BASE + 6);
    expect([splits, unfolds, deferred]).toEqual([0, contiguous ? 1 : 0, 1]);
    expect(shapes(mm, BASE, BASE + 17)).toBe("4p 2g 10p 1.");
  });

  test("guards installed below the first populated page survive the zap and the retry", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, HUGE);
    guard(mm, BASE, BASE + 3);
    write(mm, BASE + 8, BASE + 9);
    guard(mm, BASE, BASE + 10);
    expect(shapes(mm, BASE, BASE + 11)).toBe("10g 1.");
  });

  test("every access to a guard fails, reading and writing alike, and changes nothing", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 8);
    guard(mm, BASE + 2, BASE + 3);
    expect([access(mm, BASE + 2, false), access(mm, BASE + 2, true)]).toEqual([-1, -1]);
    expect([access(mm, BASE + 1, true) >= 0, access(mm, BASE + 3, false) >= 0]).toEqual([true, true]);
    expect(shapes(mm, BASE + 2, BASE + 3)).toBe("1g");
  });

  test.each([
    ["dontneed", null],
    ["free", null],
    ["cold", null],
    ["hugepage", null],
    ["populate_read", "EFAULT"],
    ["populate_write", "EFAULT"],
  ])("guards survive %s, which says %s", (advice, err) => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 64);
    write(mm, BASE, BASE + 64);
    guard(mm, BASE + 10, BASE + 20);
    expect(madvise(mm, BASE, BASE + 64, advice)).toBe(err);
    expect(shapes(mm, BASE + 10, BASE + 20)).toBe("10g");
  });

  test("populating stops at a guard, with the pages before it in place and none behind", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 64);
    guard(mm, BASE + 10, BASE + 12);
    expect(madvise(mm, BASE, BASE + 64, "populate_write")).toBe("EFAULT");
    expect(shapes(mm, BASE, BASE + 64)).toBe("10p 2g 52.");
  });

  test("guards survive mprotect in both directions", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 64);
    guard(mm, BASE + 10, BASE + 20);
    mprotect(mm, BASE, BASE + 64, 0);
    mprotect(mm, BASE, BASE + 64, RW);
    expect(shapes(mm, BASE, BASE + 64)).toBe("10. 10g 44.");
  });

  test("munmap takes guards with it, tables and all", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 64);
    guard(mm, BASE, BASE + 64);
    expect(munmap(mm, BASE, BASE + 64)).toBeNull();
    expect(mm.pt.tables.live).toBe(1);
    mapRw(mm, BASE, 64);
    expect(access(mm, BASE + 3, true)).toBeGreaterThanOrEqual(0);
  });

  test("a child has its parent's guards, and keeps them when the parent removes its own", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 64);
    guard(mm, BASE + 4, BASE + 8);
    const child = fork(mm);
    expect(madvise(mm, BASE, BASE + 64, "unguard")).toBeNull();
    expect([shapes(mm, BASE, BASE + 9), shapes(child, BASE, BASE + 9)]).toEqual(["9.", "4. 4g 1."]);
    expect(wrongs(mm.kernel, [mm, child])).toEqual([]);
  });

  test("a child that is wiped has no guards, its parent keeps them", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 64);
    guard(mm, BASE + 4, BASE + 8);
    madvise(mm, BASE, BASE + 64, "wipeonfork");
    const child = fork(mm);
    expect([shapes(child, BASE, BASE + 9), shapes(mm, BASE, BASE + 9)]).toEqual(["9.", "4. 4g 1."]);
  });

  test("removing guards touches nothing else, and never fails for want of any", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 2 * HUGE);
    always(mm, 9);
    write(mm, BASE, BASE + 1);
    guard(mm, BASE + HUGE + 3, BASE + HUGE + 5);
    expect(counted(mm, ["mappingSplits"], () => madvise(mm, BASE, BASE + 2 * HUGE, "unguard"))).toEqual([0]);
    expect(shapes(mm, BASE, BASE + 2 * HUGE)).toBe("512H 512.");
    expect(mm.pt.find(BASE + HUGE, 0)).toBeGreaterThanOrEqual(0);
    expect(madvise(mm, BASE, BASE + 2 * HUGE, "unguard")).toBeNull();
  });

  test("a guard is not in memory, says mincore", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 4);
    write(mm, BASE, BASE + 4);
    guard(mm, BASE + 1, BASE + 2);
    expect(mincore(mm, BASE, BASE + 4)).toEqual(new Uint8Array([1, 0, 1, 1]));
  });

  test("over a hole all mapped parts are guarded, and ENOMEM is said at the end", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 8);
    mapRw(mm, BASE + 16, 8);
    expect(madvise(mm, BASE, BASE + 24, "guard")).toBe("ENOMEM");
    expect(shapes(mm, BASE, BASE + 24)).toBe("8g 8. 8g");
  });

  test("on a locked VMA guards cannot be installed but can be removed", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 8);
    guard(mm, BASE, BASE + 2);
    mm.vmas.modify(BASE, BASE + 8, mm.vmas.at(BASE)!.flags | Vm.locked);
    expect(madvise(mm, BASE, BASE + 8, "guard")).toBe("EINVAL");
    expect(madvise(mm, BASE, BASE + 8, "unguard")).toBeNull();
    expect(shapes(mm, BASE, BASE + 8)).toBe("8.");
  });

  test("a kernel before 6.13 knows no guards and says EINVAL", () => {
    const mm = newMm({ arch, kernel: "6.12" });
    mapRw(mm, BASE, 8);
    expect([madvise(mm, BASE, BASE + 8, "guard"), madvise(mm, BASE, BASE + 8, "unguard")]).toEqual([
      "EINVAL",
      "EINVAL",
    ]);
  });
});
