import { describe, expect, test } from "vitest";
import { formats } from "../../../src/arch/formats.ts";
import { type BATCH_EVENTS, type BatchRow, setPtesBatching, WAYS } from "../../../src/study/range-api/batching.ts";

const DEFAULTS = { arch: "arm64-4k", contpte: true, exec: false, flag: "folio", shift: 0 };

function rows(change: Partial<typeof DEFAULTS> = {}): readonly BatchRow[] {
  return setPtesBatching.run({ ...DEFAULTS, ...change }, undefined);
}

/** Run and single calls of one order, the named counts of each. */
function both(order: number, names: readonly (typeof BATCH_EVENTS)[number][], change: Partial<typeof DEFAULTS> = {}) {
  const pick = (r: BatchRow) => names.map((n) => r[n]);
  return rows(change)
    .filter((r) => r.order === order)
    .map(pick);
}

describe("mapping a folio", () => {
  test("by one call writes each entry once, folds whole blocks in passing and flushes nothing", () => {
    for (const order of [0, 2, 4, 6, 9]) {
      const [run] = both(order, ["slotsWritten", "contpteFolds", "flushRanges", "mmuCacheUpdates"]);
      expect([order, run]).toEqual([order, [2 ** order, Math.floor(2 ** order / 16), 0, 1]]);
    }
  });

  test("by a call for each page folds each block at its last page: 16 entries compared, cleared and written once more, one flush", () => {
    for (const order of [4, 6, 9]) {
      const [pages, blocks] = [2 ** order, 2 ** (order - 4)];
      const [, single] = both(order, ["slotsWritten", "contpteFolds", "flushRanges", "flushPages", "mmuCacheUpdates"]);
      expect([order, single]).toEqual([order, [pages + 32 * blocks, blocks, blocks, pages, pages]]);
      // Compared before and read when it is cleared.
      expect(both(order, ["slotsRead"])).toEqual([[0], [32 * blocks]]);
    }
  });

  test("touches the folio once by one call, and for each page and each fold by single calls", () => {
    expect(both(9, ["foliosTouched"])).toEqual([[1], [512 + 32]]);
    expect(both(9, ["foliosTouched"], { contpte: false })).toEqual([[1], [512]]);
  });

  test("of less than a block, off alignment, or without contpte folds in neither way", () => {
    for (const change of [{ contpte: false }, { shift: 3 }, { arch: "x86-64" }, { arch: "riscv-sv39" }])
      expect([change, both(6, ["contpteFolds", "flushRanges"], change)]).toEqual([
        change,
        [
          [0, 0],
          [0, 0],
        ],
      ]);
    expect(both(3, ["contpteFolds"])).toEqual([[0], [0]]);
  });

  test("that is executable flushes the folio once with its own flag, in both ways; with flags of pages each page", () => {
    const caches = ["dcacheFlushes", "icacheFlushes"] as const;
    expect(both(4, caches, { exec: true })).toEqual([
      [1, 16],
      [1, 16],
    ]);
    expect(both(4, caches, { exec: true, flag: "page" })).toEqual([
      [16, 16],
      [16, 16],
    ]);
    expect(both(4, caches)).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test("has a row for both ways at each order, up to what a PTE table of the format holds", () => {
    for (const f of formats) {
      const largest = Math.min(9, f.indexLg2[0]!);
      const got = rows({ arch: f.name });
      expect([f.name, got.length]).toEqual([f.name, 2 * (largest + 1)]);
      expect(new Set(got.map((r) => r.way))).toEqual(new Set(WAYS));
    }
  });

  test("gives the same rows whenever it runs, and stops when it is interrupted", () => {
    expect(rows()).toEqual(rows());
    expect(() => setPtesBatching.run(DEFAULTS, undefined, { signal: AbortSignal.abort() })).toThrow(/abort/i);
  });
});
