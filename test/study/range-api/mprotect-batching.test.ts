import { describe, expect, test } from "vitest";
import { MPROTECT_CASES, type MprotectRow, mprotectBatching } from "../../../src/study/range-api/mprotect-batching.ts";

const DEFAULTS = { arch: "arm64-4k", mib: 4, contpte: true, bbml2: false, gatherStops: false };
/** Contiguous blocks of 4 MiB, each made read-only and writable again. */
const CHANGES = 2 * 64;

function rows(change: Partial<typeof DEFAULTS> = {}): Record<string, Record<"before" | "after", MprotectRow>> {
  const byCase: Record<string, Record<string, MprotectRow>> = {};
  for (const row of mprotectBatching.run({ ...DEFAULTS, ...change }, undefined))
    byCase[row.case] = { ...byCase[row.case], [row.kernel]: row };
  return byCase as Record<string, Record<"before" | "after", MprotectRow>>;
}

const LARGE = ["2M folios mapped by PTEs", "64K folios"];

describe("mprotect there and back", () => {
  test("unfolds and folds every block with two invalidations entry by entry, and in runs folds in passing with none", () => {
    for (const name of LARGE) {
      const { before, after } = rows()[name]!;
      expect([before.contpteUnfolds, before.contpteFolds, before.flushRanges]).toEqual([
        CHANGES,
        CHANGES,
        2 * CHANGES + 2,
      ]);
      expect([after.contpteUnfolds, after.contpteFolds, after.flushRanges]).toEqual([0, CHANGES, 2]);
    }
  });

  test("writes an entry twice in runs, for clearing and for storing; entry by entry four times more in each block", () => {
    const { before, after } = rows()["64K folios"]!;
    const entries = 1024 * 2;
    expect(after.slotsWritten).toBe(2 * entries);
    // An unfold and a fold clear and store the block once each.
    expect(before.slotsWritten).toBe(2 * entries + 4 * entries);
  });

  test("of 4K folios costs the same, but for a look at each folio", () => {
    const { before, after } = rows()["4K folios"]!;
    expect({ ...after, kernel: 0, seconds: 0, foliosTouched: 0 }).toEqual({
      ...before,
      kernel: 0,
      seconds: 0,
      foliosTouched: 0,
    });
    expect([before.foliosTouched, after.foliosTouched]).toEqual([0, 2048]);
  });

  test("on x86-64 or without contpte saves no writes and no invalidation, as the published times say", () => {
    for (const change of [{ arch: "x86-64" }, { contpte: false }])
      for (const { before, after } of Object.values(rows(change)))
        expect([after.slotsWritten, after.flushRanges]).toEqual([before.slotsWritten, before.flushRanges]);
  });

  test("with BBML2 loses its invalidations and nothing else", () => {
    const [plain, bbml2] = [rows()["64K folios"]!.before, rows({ bbml2: true })["64K folios"]!.before];
    expect(bbml2).toEqual({ ...plain, flushRanges: 2 });
  });

  test("with the early stop of ptep_get reads less, and changes nothing else", () => {
    const [plain, stops] = [rows()["64K folios"]!.after, rows({ gatherStops: true })["64K folios"]!.after];
    expect(stops).toEqual({ ...plain, slotsRead: stops.slotsRead });
    expect(stops.slotsRead).toBeLessThan(plain.slotsRead);
  });

  test("has every published case before and after, and falls in counts wherever the published time falls by half", () => {
    expect(Object.keys(rows())).toEqual(MPROTECT_CASES.map((c) => c.name));
    for (const { before, after } of Object.values(rows()))
      expect([before.case, after.slotsWritten < before.slotsWritten]).toEqual([
        before.case,
        after.seconds < before.seconds / 2,
      ]);
  });
});
