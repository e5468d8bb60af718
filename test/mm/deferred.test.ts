import { describe, expect, test } from "vitest";
import { deferredSplitScan } from "../../src/mm/deferred.ts";
import { fork } from "../../src/mm/fork.ts";
import { madvise } from "../../src/mm/madvise.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { munmap } from "../../src/mm/mmap.ts";
import { pinUserPages } from "../../src/mm/pin.ts";
import { always, BASE, mapRw, newMm, shapes, write } from "./bench.ts";
import { wrongs } from "./invariants.ts";

/** A process with folios of an order over 512 pages. */
function withFolios(order: number): Mm {
  // Without contents it is enough that a page was written to: nothing is known to be all zeros.
  const mm = newMm({ arch: "x86-64", contents: false });
  always(mm, order);
  mapRw(mm, BASE, 512);
  write(mm, BASE, BASE + 512);
  return mm;
}

function stats(mm: Mm, order: number): number[] {
  const { nrAnonPartiallyMapped, split, splitDeferred } = mm.kernel.thpStats(order);
  return [nrAnonPartiallyMapped, split, splitDeferred];
}

describe("the deferred split queue", () => {
  test("a folio is queued once, when the first of its pages is no longer mapped", () => {
    const mm = withFolios(4);
    madvise(mm, BASE + 3, BASE + 4, "dontneed");
    madvise(mm, BASE + 5, BASE + 6, "dontneed");
    expect([stats(mm, 4), mm.kernel.deferred.size]).toEqual([[1, 0, 1], 1]);
  });

  test("memory that is short splits what is queued, frees the pages nobody maps, and leaves the rest mapped as it was", () => {
    const mm = withFolios(4);
    madvise(mm, BASE + 3, BASE + 6, "dontneed");
    const used = mm.kernel.frames.used;
    expect(deferredSplitScan(mm.kernel)).toBe(1);
    expect([used - mm.kernel.frames.used, stats(mm, 4)]).toEqual([3, [0, 1, 1]]);
    expect(shapes(mm, BASE, BASE + 17)).toBe("3p 3. 11p");
    expect(mm.kernel.frames.order(mm.pt.pfn(mm.pt.find(BASE, 0)))).toBe(0);
    expect(wrongs(mm.kernel, [mm])).toEqual([]);
  });

  test("a folio that is freed leaves the queue without a split", () => {
    const mm = withFolios(4);
    madvise(mm, BASE + 3, BASE + 4, "dontneed");
    munmap(mm, BASE, BASE + 16);
    expect([stats(mm, 4), deferredSplitScan(mm.kernel)]).toEqual([[0, 0, 1], 0]);
  });

  test("a guard in a huge page splits the mapping and queues the folio; guards survive its split", () => {
    const mm = withFolios(9);
    madvise(mm, BASE + 8, BASE + 16, "guard");
    expect(stats(mm, 9)).toEqual([1, 0, 1]);
    deferredSplitScan(mm.kernel);
    expect([stats(mm, 9), shapes(mm, BASE, BASE + 512)]).toEqual([[0, 1, 1], "8p 8g 496p"]);
  });

  test("while another process maps a page the folio is whole, and is not queued", () => {
    const mm = withFolios(4);
    const child = fork(mm);
    madvise(mm, BASE, BASE + 1, "dontneed");
    expect(stats(mm, 4)).toEqual([0, 0, 0]);
    madvise(child, BASE, BASE + 1, "dontneed");
    expect(stats(mm, 4)).toEqual([1, 0, 1]);
  });

  test("a folio that two processes map is split in both", () => {
    const mm = withFolios(4);
    const child = fork(mm);
    for (const p of [mm, child]) madvise(p, BASE, BASE + 1, "dontneed");
    expect(deferredSplitScan(mm.kernel)).toBe(1);
    const frames = [mm, child].map((p) => p.pt.pfn(p.pt.find(BASE + 1, 0)));
    expect([frames[0] === frames[1], mm.kernel.frames.order(frames[0]!)]).toEqual([true, 0]);
    expect(wrongs(mm.kernel, [mm, child])).toEqual([]);
  });

  test("a pinned folio stays whole and queued", () => {
    const mm = withFolios(4);
    pinUserPages(mm, BASE + 1, BASE + 2);
    madvise(mm, BASE, BASE + 1, "dontneed");
    expect([deferredSplitScan(mm.kernel), stats(mm, 4)]).toEqual([0, [1, 0, 1]]);
  });
});
