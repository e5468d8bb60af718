import { describe, expect, test } from "vitest";
import { pmdOrder } from "../../../src/arch/format.ts";
import { formatNamed } from "../../../src/arch/formats.ts";
import { UserError } from "../../../src/base/errors.ts";
import {
  BATCHING_FORMATS,
  batchingPages,
  batchingSides,
  type FolioRow,
  folioBatching,
} from "../../../src/study/batching/batching.ts";
import { BATCHED_OPS, batchedWorkload } from "../../../src/study/batching/operations.ts";
import { compare } from "../../../src/study/compare/compare.ts";
import { defaultKernelCosts } from "../../../src/study/cost/costs.ts";
import { folioOrders, kernelFor } from "../../../src/study/layout.ts";

const DEFAULTS = { operation: "munmap", arch: "arm64-4k", from: 0, to: 13, contpte: true, pmd: false };

/** Rows by order, the two ways side by side. */
function pairs(change: Partial<typeof DEFAULTS> = {}): [FolioRow, FolioRow][] {
  const rows = folioBatching.run({ ...DEFAULTS, ...change }, undefined);
  return rows.filter((_, i) => i % 2 === 0).map((row, i) => [row, rows[2 * i + 1]!]);
}

const PAGES = batchingPages("arm64-4k");

describe.each(BATCHING_FORMATS)("on %s", (arch) => {
  test.each(BATCHED_OPS)("%s of a folio at once never writes, flushes, unfolds or splits more", (operation) => {
    for (const [one, all] of pairs({ arch, operation }))
      for (const event of ["slotsWritten", "flushRanges", "contpteUnfolds", "folioSplits"] as const)
        expect(all[event], `${event}, order ${one.order}`).toBeLessThanOrEqual(one[event]);
  });

  test("small folios cost both ways the same, but for mprotect's look at the descriptor of each", () => {
    for (const operation of BATCHED_OPS) {
      const [[one, all]] = pairs({ arch, operation, to: 0 }) as [[FolioRow, FolioRow]];
      const looked = operation === "mprotect" ? 2 * one.pages : 0;
      const alike = { way: "", pricedNs: 0 };
      expect({ ...all, ...alike }).toEqual({ ...one, ...alike, foliosTouched: one.foliosTouched + looked });
      const look = defaultKernelCosts.weights.find(({ event }) => event === "foliosTouched")!.ns!;
      expect(all.pricedNs).toBeCloseTo(one.pricedNs + looked * look, 3);
    }
  });

  test("every order that a knob exists for is there, up to that of a huge leaf", () => {
    const orders = pairs({ arch }).map(([row]) => row.order);
    expect(orders).toEqual(folioOrders(formatNamed(arch)));
    expect(orders.at(-1)).toBe(pmdOrder(formatNamed(arch)));
  });
});

test("fork, munmap and DONTNEED touch one descriptor a page entry by entry, and one a folio at once", () => {
  for (const operation of ["fork", "munmap", "DONTNEED"])
    for (const [one, all] of pairs({ operation, arch: "x86-64" }))
      expect([one.foliosTouched, all.foliosTouched]).toEqual([PAGES, PAGES / 2 ** one.order]);
});

test("MADV_FREE entry by entry splits exactly one folio for each large one, and at once none", () => {
  for (const arch of ["x86-64", "arm64-4k"])
    for (const [one, all] of pairs({ operation: "MADV_FREE", arch }))
      expect([one.folioSplits, all.folioSplits]).toEqual([one.order === 0 ? 0 : PAGES / 2 ** one.order, 0]);
});

test("MADV_FREE entry by entry writes three times as much for any large folio as for small ones, at once the same", () => {
  for (const [one, all] of pairs({ operation: "MADV_FREE", arch: "x86-64" }))
    expect([one.slotsWritten, all.slotsWritten]).toEqual([one.order === 0 ? PAGES : 3 * PAGES, PAGES]);
});

test("a huge leaf that stays is one entry for either way", () => {
  for (const operation of ["fork", "munmap", "DONTNEED", "MADV_FREE", "mprotect"]) {
    const [one, all] = pairs({ operation, pmd: true, from: 9 })[0]!;
    expect({ ...all, way: "" }).toEqual({ ...one, way: "" });
  }
});

test("mprotect there and back unfolds and folds each block twice entry by entry, in runs folds in passing and flushes no block", () => {
  const blocks = PAGES / 16;
  for (const [one, all] of pairs({ operation: "mprotect", from: 4 })) {
    expect([one.contpteUnfolds, one.contpteFolds, one.flushRanges]).toEqual([2 * blocks, 2 * blocks, 4 * blocks + 2]);
    expect([all.contpteUnfolds, all.contpteFolds, all.flushRanges]).toEqual([0, 2 * blocks, 2]);
  }
});

test("fork entry by entry unfolds every block of the parent and folds every block of the child", () => {
  for (const [one, all] of pairs({ operation: "fork", from: 4 })) {
    expect([one.contpteUnfolds, one.contpteFolds]).toEqual([PAGES / 16, PAGES / 16]);
    expect([all.contpteUnfolds, all.contpteFolds]).toEqual([0, PAGES / 16]);
  }
});

test("without contpte arm64 counts as x86-64 does, for all operations that reclaim no table by themselves", () => {
  const picked = (rows: [FolioRow, FolioRow][]) =>
    rows.flat().map((row) => [row.slotsRead, row.foliosTouched, row.flushRanges, row.folioSplits]);
  for (const operation of BATCHED_OPS.filter((op) => op !== "DONTNEED"))
    expect(picked(pairs({ operation, contpte: false })), operation).toEqual(
      picked(pairs({ operation, arch: "x86-64" })),
    );
});

test("an order without a knob, and an operation that nobody batched, are refused with what there is", () => {
  expect(() => kernelFor("order 1", { arch: "x86-64" })).toThrow(UserError);
  expect(() => kernelFor("order 10", { arch: "x86-64" })).toThrow("order 9");
  expect(() => batchedWorkload("msync")).toThrow("allowed are fork, munmap");
});

test("the sides of the study differ in batching alone", () => {
  const { rows } = compare(...batchingSides(), batchedWorkload("munmap"), { policy: "order 4" });
  expect(rows.filter((row) => row.difference !== 0).map((row) => row.event)).toEqual([
    "slotsRead",
    "foliosTouched",
    "deferredSplits",
  ]);
});

test("a run is stopped when the reader has gone on", () => {
  expect(() => folioBatching.run(DEFAULTS, undefined, { signal: AbortSignal.abort() })).toThrow(/abort/i);
});
