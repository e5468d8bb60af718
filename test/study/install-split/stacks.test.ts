import { expect, test } from "vitest";
import { type StackRow, stackGuards } from "../../../src/study/install-split/stacks.ts";

const DEFAULTS = { arch: "x86-64", threads: 10, stack: 2048, gap: 0, first: 64 };

function rows(change: Partial<typeof DEFAULTS> = {}): readonly [none: StackRow, area: StackRow, marker: StackRow] {
  return stackGuards.run({ ...DEFAULTS, ...change }, undefined) as unknown as [StackRow, StackRow, StackRow];
}

test("a guard that is a VMA costs two VMAs a stack; with markers stacks side by side are one VMA", () => {
  expect(rows().map((row) => row.vmas)).toEqual([1, 20, 1]);
});

test("stacks apart cost a VMA each, and a guard by mprotect one more", () => {
  expect(rows({ gap: 16 }).map((row) => row.vmas)).toEqual([10, 20, 10]);
});

test("mprotect cuts a VMA for every stack, markers cut none", () => {
  expect(rows().map((row) => row.vmaSplits)).toEqual([0, 10, 0]);
});

test("a marker needs a PTE table of its own where nothing near it is mapped: one for each stack that begins a table", () => {
  expect(rows({ first: 0 }).map((row) => row.pteTables)).toEqual([10, 10, 20]);
});

test("a marker next to the stack below shares its table: only the lowest needs one", () => {
  expect(rows().map((row) => row.pteTables)).toEqual([10, 10, 11]);
});

test("one thread alone: one VMA more by mprotect, one slot written more by a marker and one table", () => {
  const [none, area, marker] = rows({ threads: 1 });
  expect([none.vmas, area.vmas, marker.vmas]).toEqual([1, 2, 1]);
  // The marker, and the entry that the table hangs on.
  expect(marker.slotsWritten - none.slotsWritten).toBe(2);
  expect(area.slotsWritten).toBe(none.slotsWritten);
});
