import { expect, test } from "vitest";
import { counts, type EventName } from "../../src/base/tally.ts";
import { access } from "../../src/mm/fault.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { mincore } from "../../src/mm/mincore.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap, munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { mremap } from "../../src/mm/mremap.ts";
import { Vm } from "../../src/mm/vma.ts";
import { kernelFor, studyVpn } from "../../src/study/layout.ts";

const PAGES = 1024;

/** A process with a mapping of two PTE tables' worth, and what an action on it counts of some events. */
function world(order: number) {
  const kernel = kernelFor(`order ${order}`, { arch: "x86-64" });
  const mm = new Mm(kernel);
  const start = studyVpn(kernel.format);
  mmap(mm, { start, pages: PAGES, flags: Vm.read | Vm.write });
  const end = start + PAGES;
  const counted = (act: () => unknown, ...events: readonly EventName[]) => {
    const before = kernel.tally.slice();
    act();
    const all = counts(kernel.tally, before);
    return events.map((event) => all[event]);
  };
  const touch = () => {
    for (let vpn = start; vpn < end; vpn++) access(mm, vpn, true);
  };
  return { mm, start, end, counted, touch };
}

test.each([
  [0, PAGES],
  [4, PAGES / 16],
  [9, PAGES / 512],
])(
  "a folio of order %i costs one exception, one allocation and one return, and its pages one zeroing and one freeing each",
  (order, folios) => {
    const { mm, start, end, counted, touch } = world(order);
    const made = counted(touch, "exceptions", "faults", "foliosAllocated", "pagesZeroed");
    expect(made).toEqual([folios, folios, folios, PAGES]);
    const gone = counted(() => munmap(mm, start, end), "foliosFreed", "pagesFreed", "systemCalls");
    expect(gone).toEqual([folios, PAGES, 1]);
  },
);

test("populating takes faults and no exception", () => {
  const { mm, start, end, counted } = world(0);
  const act = () => madvise(mm, start, end, "populate_write");
  expect(counted(act, "faults", "exceptions", "systemCalls")).toEqual([PAGES, 0, 1]);
});

test("a child's write copies a page and zeroes none; a parent's that is alone again does neither", () => {
  const { mm, start, counted, touch } = world(0);
  touch();
  const child = fork(mm);
  expect(counted(() => access(child, start, true), "pagesCopied", "pagesZeroed")).toEqual([1, 0]);
  exit(child);
  expect(counted(() => access(mm, start + 1, true), "pagesCopied", "pagesZeroed", "exceptions")).toEqual([0, 0, 1]);
});

test("fork and mprotect change each entry once where they are, mremap and munmap change none", () => {
  const { mm, start, end, counted, touch } = world(4);
  touch();
  expect(counted(() => fork(mm), "slotsChanged", "systemCalls")).toEqual([PAGES, 1]);
  expect(counted(() => mprotect(mm, start, end, Vm.read), "slotsChanged")).toEqual([PAGES]);
  const to = end + 4 * 512 + 1;
  const move = () => mremap(mm, { start, oldPages: PAGES, newPages: PAGES, to });
  // The unmapping of the old place is a part of the call.
  expect(counted(move, "slotsChanged", "systemCalls")).toEqual([0, 1]);
  expect(counted(() => munmap(mm, to, to + PAGES), "slotsChanged")).toEqual([0]);
});

test("a move flushes once for each stretch of one table, and takes both tables' locks where it re-hangs one", () => {
  const { mm, start, end, counted, touch } = world(0);
  touch();
  const to = end + 4 * 512;
  const move = (from: number, at: number) => () =>
    mremap(mm, { start: from, oldPages: PAGES, newPages: PAGES, to: at });
  // Both PMD entries lie in one table of level 1, so it is one lock for each.
  expect(counted(move(start, to), "flushRanges", "upperLocks")).toEqual([2, 2]);
  // One page further each table of the old place goes to two of the new one.
  expect(counted(move(to, start + 1), "flushRanges")).toEqual([4]);
});

test("mincore tells a byte of each page, and freeing memory lazily moves each folio once", () => {
  const { mm, start, end, counted, touch } = world(4);
  touch();
  expect(counted(() => mincore(mm, start, end), "bytesReported")).toEqual([PAGES]);
  expect(counted(() => madvise(mm, start, end, "free"), "lruMoves")).toEqual([PAGES / 16]);
});

test("a folio split counts the pages that it cuts", () => {
  const { mm, start, counted, touch } = world(4);
  touch();
  const cut = () => madvise(mm, start, start + 1, "cold");
  expect(counted(cut, "folioSplits", "pagesSplit")).toEqual([1, 16]);
});
