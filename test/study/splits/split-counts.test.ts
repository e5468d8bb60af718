import { describe, expect, it } from "vitest";
import { SPLIT_OPS, type SplitRow, splitCounts } from "../../../src/study/splits/split-counts.ts";

const DEFAULTS = { arch: "arm64-4k", policy: "THP 2M", pages: 1, at: 100, kernel: "6.18", contpte: true };

function rows(change: Partial<typeof DEFAULTS> = {}): Map<string, SplitRow> {
  return new Map(splitCounts.run({ ...DEFAULTS, ...change }, undefined).map((row) => [row.op, row]));
}

/** The four splits of every operation, in the order VMA, mapping, folio, contpte. */
function four(change: Partial<typeof DEFAULTS> = {}): Record<string, number[]> {
  const pick = (r: SplitRow) => [r.vmaSplits, r.mappingSplits, r.folioSplits, r.contpteUnfolds];
  return Object.fromEntries([...rows(change)].map(([op, row]) => [op, pick(row)]));
}

describe("split counts", () => {
  it("of one page in a huge page tell the four splits apart", () => {
    expect(four()).toEqual({
      mprotect: [2, 1, 0, 1],
      "mprotect, and back": [2, 1, 0, 1],
      munmap: [2, 1, 0, 1],
      DONTNEED: [0, 1, 0, 1],
      GUARD_INSTALL: [0, 1, 0, 1],
      FREE: [0, 1, 1, 32],
      COLD: [0, 1, 1, 32],
      DONTFORK: [2, 1, 0, 0],
      fork: [0, 0, 0, 0],
      "write in the child": [0, 1, 0, 1],
      "write after the child": [0, 0, 0, 0],
    });
  });

  it("of a whole huge page are none, but for the VMAs", () => {
    const whole = four({ pages: 512, at: 512 });
    for (const op of ["mprotect", "munmap", "DONTFORK"]) expect(whole[op], op).toEqual([2, 0, 0, 0]);
    for (const op of ["DONTNEED", "GUARD_INSTALL", "FREE", "COLD", "fork"]) expect(whole[op], op).toEqual([0, 0, 0, 0]);
  });

  it("of a whole contiguous block have no unfold, and of one page more have two", () => {
    const unfolds = (at: number) => rows({ policy: "mTHP 64K", pages: 16, at }).get("mprotect")!.contpteUnfolds;
    expect([unfolds(96), unfolds(97)]).toEqual([0, 2]);
  });

  it("know no unfold without contpte, on x86-64, or for small folios", () => {
    for (const change of [{ contpte: false }, { arch: "x86-64" }, { policy: "4K pages" }])
      for (const [op, counts] of Object.entries(four(change)))
        expect(counts[3], `${op} ${JSON.stringify(change)}`).toBe(0);
  });

  it("differ on x86-64 in nothing but the unfolds", () => {
    const without = (counts: Record<string, number[]>) => Object.entries(counts).map(([op, c]) => [op, c.slice(0, 3)]);
    expect(without(four({ arch: "x86-64" }))).toEqual(without(four()));
  });

  it("have one row for each operation, and the same numbers whenever they are counted", () => {
    expect([...rows().keys()]).toEqual(SPLIT_OPS.map((op) => op.name));
    expect(rows()).toEqual(rows());
  });

  it("stop when they are interrupted", () => {
    const signal = AbortSignal.abort();
    expect(() => splitCounts.run(DEFAULTS, undefined, { signal })).toThrow(/abort/i);
  });
});
