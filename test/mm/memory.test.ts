/**
 * What a mapped page takes of the real machine's memory: bytes of the arrays that hold entries, frames and folios.
 */
import { describe, expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import { counts } from "../../src/base/tally.ts";
import { accessRange } from "../../src/mm/fault-run.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import type { Kernel } from "../../src/mm/kernel.ts";
import { Kernel as Machine } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { always, BASE, RW } from "./bench.ts";

/** 8 GiB of 4K pages: enough that arrays made in advance do not count. */
const PAGES = 2 ** 21;

const bytes = ({ tables, frames }: Kernel) => tables.bytes + frames.bytes;

function mapped(): Mm {
  const mm = new Mm(new Machine({ arch: "x86-64" }));
  mmap(mm, { start: BASE, pages: PAGES, flags: RW });
  return mm;
}

describe("a mapped 4K page", () => {
  test("takes at most 16 bytes, its entry and its folio included", () => {
    const mm = mapped();
    madvise(mm, BASE, BASE + PAGES, "populate_write");
    expect(mm.anonPages).toBe(PAGES);
    const each = bytes(mm.kernel) / PAGES;
    expect(each).toBeGreaterThan(8);
    expect(each).toBeLessThanOrEqual(16);
  });

  test("takes no more after pages all over were given back and taken again, or a child had them", () => {
    const mm = mapped();
    const rng = random(3);
    for (let round = 0; round < 3; round++) {
      accessRange(mm, BASE, BASE + PAGES, true);
      for (let i = 0; i < 4000; i++) {
        const at = BASE + rng.below(PAGES - 64);
        madvise(mm, at, at + 1 + rng.below(64), "dontneed");
      }
    }
    exit(fork(mm));
    madvise(mm, BASE, BASE + PAGES, "dontneed");
    accessRange(mm, BASE, BASE + PAGES, true);
    // A child's tables are there to be used again, and count here as the 8 bytes a page that they had.
    expect(bytes(mm.kernel) / PAGES).toBeLessThanOrEqual(16 + 8);
    expect(mm.kernel.frames.bytes / PAGES).toBeLessThanOrEqual(8);
  });

  test.each([4, 9])("of a folio of order %d takes at most 16 bytes too", (order) => {
    const mm = mapped();
    always(mm, order);
    madvise(mm, BASE, BASE + PAGES, "populate_write");
    expect(mm.kernel.frames.order(mm.pt.pfn(mm.pt.find(BASE, order === 9 ? 1 : 0), order === 9 ? 1 : 0))).toBe(order);
    expect(bytes(mm.kernel) / PAGES).toBeLessThanOrEqual(16);
  });
});

describe("guards on an empty range", () => {
  test("are counted entry by entry, and every slot of the range is written once", () => {
    const mm = mapped();
    const before = mm.kernel.tally.slice();
    expect(madvise(mm, BASE, BASE + PAGES, "guard")).toBe(null);
    const { slotsWritten, tablesAllocated, mmuCacheUpdates, pteLocks } = counts(mm.kernel.tally, before);
    expect([slotsWritten - tablesAllocated, mmuCacheUpdates, pteLocks]).toEqual([PAGES, PAGES, PAGES / 512]);
  });
});
