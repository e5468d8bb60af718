import { describe, expect, test } from "vitest";
import { AccessKind } from "../../../src/mmu/access-words.ts";
import { leafSizes } from "../../../src/mmu/generic.ts";
import { runTraceCauses } from "../../../src/study/trace-cost/causes.ts";
import { formatsOf, GENERIC, REAL_CORES } from "../../../src/study/trace-cost/cores.ts";
import { CURVE_ENTRIES, curveMisses, missCurveExperiment } from "../../../src/study/trace-cost/curve.ts";
import type { MappedSlice } from "../../../src/study/trace-cost/mapped.ts";
import { mappingsOf } from "../../../src/study/trace-cost/mappings.ts";
import { dataEntries, runTraceReach, usesBySize } from "../../../src/study/trace-cost/reach.ts";
import { runTraceScan } from "../../../src/study/trace-cost/scan.ts";
import { runTraceWalks } from "../../../src/study/trace-cost/walks.ts";
import { policyText } from "../../../src/study/walk-cost/layout.ts";
import { slice, traceNames } from "./slices.ts";

/** Misses of one array that holds leaves of every size. */
function directMisses(mapped: MappedSlice, sets: number, ways: number): number {
  const { format, accessDirty } = mapped.mm.kernel;
  const array = { name: "the TLB", sets, ways, holds: leafSizes(format, true) };
  return mapped.run({ tlb: [[array]], walkCache: [], accessDirty }).walks;
}

describe.each(traceNames)("%s", (name) => {
  test("a curve of one pass equals a run on the engine for every number of entries", async () => {
    const part = await slice(name, 12_000);
    for (const policy of mappingsOf(formatsOf(GENERIC))) {
      const mapped = part.mapped(policy);
      const direct = CURVE_ENTRIES.map((entries) => directMisses(mapped, 1, entries));
      expect(Array.from(curveMisses(mapped, null)), policyText(policy)).toEqual(direct);
      for (const ways of [4, 8]) {
        const sets = CURVE_ENTRIES.map((entries) => directMisses(mapped, entries / ways, ways));
        expect(Array.from(curveMisses(mapped, ways)), `${policyText(policy)}, ${ways} ways`).toEqual(sets);
      }
    }
  });

  test("a fully associative curve never rises, and ends at the first uses if it ends low", async () => {
    const rows = missCurveExperiment.run(
      { trace: name, accesses: "0.1 M", shape: "fully associative" },
      await slice(name, 60_000),
    );
    for (const [i, row] of rows.entries()) {
      expect(row.misses).toBeGreaterThanOrEqual(row.firstUses);
      if (row.entries >= row.firstUses) expect(row.misses).toBe(row.firstUses);
      if (rows[i - 1]?.mapping === row.mapping) expect(row.misses).toBeLessThanOrEqual(rows[i - 1]!.misses);
    }
  });

  test("contpte never misses more than no contpte where the TLB is fully associative, and saves many here", async () => {
    const part = await slice(name, 60_000);
    const [without, with64K] = [false, true].map((contpte) =>
      curveMisses(part.mapped({ format: "arm64-4k", order: 4, contpte }), null),
    );
    expect(with64K!.every((misses, i) => misses <= without![i]!)).toBe(true);
    expect(with64K!.at(-1)! * 3).toBeLessThan(without!.at(-1)!);
  });

  test("every access hits or walks, and formats with the same leaves count alike", async () => {
    const part = await slice(name, 60_000);
    const rows = runTraceWalks({ core: GENERIC, tlb: "256", walkCache: true }, part);
    for (const { mapping, counts } of rows) {
      const hits = counts.tlbHits.reduce((a, b) => a + b);
      expect(hits + counts.walks, mapping).toBe(60_000);
      expect([counts.faults, counts.dirtyWalks], mapping).toEqual([0, 0]);
    }
    const walks = (mapping: string) => rows.find((row) => row.mapping === mapping)!.counts.walks;
    expect(walks("x86-64 64K")).toBe(walks("x86-64 4K"));
    expect(walks("riscv-sv48 2M THP")).toBe(walks("x86-64 2M THP"));
    expect(walks("arm64-4k 64K contpte")).toBeLessThan(walks("arm64-4k 64K no contpte"));
  });

  test("the most used pages cover more the more there are, all of them all, and larger ones sooner", async () => {
    const part = await slice(name, 60_000);
    const rows = runTraceReach(part);
    for (const size of ["4K", "16K", "64K", "2M"]) {
      const own = rows.filter((row) => row.size === size);
      expect(own.at(-1)!.covered).toBeCloseTo(100, 9);
      expect(own.every((row, i) => i === 0 || row.covered > own[i - 1]!.covered)).toBe(true);
    }
    for (const { size, entries, covered } of rows) {
      const larger = rows.find((row) => row.size === "2M" && row.entries === entries);
      if (larger !== undefined) expect(larger.covered, `${entries} of ${size}`).toBeGreaterThanOrEqual(covered - 1e-9);
    }
    expect(usesBySize(part, 12)).toEqual(part.uses);
    expect(usesBySize(part, 21).reduce((a, b) => a + b)).toBe(60_000);
  });

  test("only the callback walk calls, and contiguous blocks cost whoever reads single entries, not who reads runs", async () => {
    const part = await slice(name, 60_000);
    const rows = runTraceScan({ format: "arm64-4k", reads: "accessed and dirty" }, part);
    const row = (folios: string, design: string) => rows.find((r) => r.folios === folios && r.design === design)!;
    for (const { design, order, counts } of rows)
      if (order < 9) expect(counts.indirectCalls > 0, design).toBe(design === "pagewalk");
    const slots = (folios: string, design: string) => row(folios, design).counts.slotsRead;
    expect(slots("64K", "cursor")).toBeGreaterThan(2 * slots("4K", "cursor"));
    expect(slots("64K", "ptRangeWalk")).toBeLessThan(1.5 * slots("4K", "ptRangeWalk"));
  });

  test("the causes of a scan add up to its time", async () => {
    const part = await slice(name, 20_000);
    for (const reads of ["accessed and dirty", "pagemap words", "present (mincore)"])
      for (const { ns, causes, unpriced } of runTraceScan({ format: "x86-64", reads }, part)) {
        expect(causes.reduce((sum, cause) => sum + cause.ns, 0)).toBeCloseTo(ns, 6);
        expect(unpriced).toEqual([]);
      }
  });
});

describe.each(REAL_CORES)("cycles on %s", (core) => {
  const run = async (host: string) => runTraceCauses({ core, host }, await slice("sort", 20_000));

  test("by level and by cache they add up to the same, and a virtual machine never costs less", async () => {
    for (const host of ["none", "base pages", "large folios"]) {
      const rows = await run(host);
      for (const { mapping, cost, fromCaches } of rows) {
        const caches = fromCaches.reduce((a, b) => a + b);
        expect(cost.tlb + caches, mapping).toBeCloseTo(cost.total, 9);
      }
      for (const [i, row] of rows.entries())
        if (row.nested) expect(row.cost.total, row.mapping).toBeGreaterThanOrEqual(rows[i - 1]!.cost.total);
    }
  });

  test("each counts the second half, and the program's own lines are those of the half, all of them", async () => {
    for (const { counts, nested } of await run("base pages")) {
      expect(counts.accesses).toBe(10_000);
      expect(counts.dataReads!.reduce((a, b) => a + b)).toBe(10_000);
      expect(counts.host !== undefined).toBe(nested);
    }
  });
});

test("cores have the entries for data that their descriptions say, and those for fetches are not among them", () => {
  expect([dataEntries("zen-4"), dataEntries("neoverse-n1"), dataEntries("skylake-client")]).toEqual([
    [72, 3072],
    [48, 1280],
    [64, 1536],
  ]);
});

test("the traces hold loads and stores and no fetches, so that every access needs a place for data", async () => {
  for (const name of traceNames) {
    const { words } = (await slice(name, 20_000)).all;
    const kinds = new Set(Array.from({ length: words.length / 2 }, (_, i) => words[2 * i]! & 3));
    expect(kinds).toEqual(new Set([AccessKind.load, AccessKind.store]));
  }
});

test("an aborted run stops", async () => {
  const part = await slice("sort", 1000);
  const run = () =>
    runTraceWalks({ core: GENERIC, tlb: "256", walkCache: true }, part, { signal: AbortSignal.abort() });
  expect(run).toThrow("abort");
});
