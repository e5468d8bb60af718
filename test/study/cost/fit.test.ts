import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { E, EVENT_NAMES, type EventName } from "../../../src/base/tally.ts";
import { calibratedRows, defaultKernelCosts, NOT_FITTED } from "../../../src/study/cost/costs.ts";
import { fitCosts } from "../../../src/study/cost/fit.ts";
import { type LimitRow, type Limits, parseLimits } from "../../../src/study/cost/limits.ts";
import { countsPerPage, limitOp } from "../../../src/study/cost/limits-ops.ts";

const text = readFileSync(new URL("../../../notebooks/data/limits-zen4-6.18.json", import.meta.url), "utf8");
const limits = parseLimits(text, "limits");
const fit = fitCosts(limits);

describe("the default table", () => {
  test("is what a fit to the recorded file gives, to four digits", () => {
    const committed = defaultKernelCosts.weights.filter(({ basis }) => basis === "fitted");
    expect(committed.map(({ event }) => event).sort()).toEqual(fit.weights.map(({ event }) => event).sort());
    for (const { event, ns, low, high } of fit.weights) {
      const own = committed.find((weight) => weight.event === event)!;
      expect(own.ns, event).toBe(Number(ns.toPrecision(4)));
      expect([own.low, own.high], event).toEqual([Number(low.toPrecision(3)), Number(high.toPrecision(3))]);
    }
    for (const [i, row] of fit.rows.entries()) {
      expect(calibratedRows[i]!.name).toBe(row.name);
      expect(calibratedRows[i]!.modelled, row.name).toBe(Number(row.modelled.toPrecision(4)));
    }
  });

  test("has no negative weight, a source for each, and a range that holds the weight", () => {
    for (const { event, ns, source, low, high } of fit.weights.map((w) => ({
      ...w,
      ...defaultKernelCosts.weights.find(({ event }) => event === w.event)!,
    }))) {
      expect(ns, event).toBeGreaterThanOrEqual(0);
      expect(source.length, event).toBeGreaterThan(0);
      expect(low! <= ns! * 1.001 && ns! <= high! * 1.001, event).toBe(true);
    }
    expect(defaultKernelCosts.weights.map(({ event }) => event)).toEqual(EVENT_NAMES);
  });

  test("does not fall below what merely touching the memory takes", () => {
    const floor = (name: string) => limits.rows.find((row) => row.name === name)!.median;
    const weight = (event: EventName) => defaultKernelCosts.weights.find((w) => w.event === event)!.ns!;
    expect(weight("slotsRead")).toBeGreaterThan(floor("floor_read"));
    expect(weight("slotsWritten")).toBeGreaterThan(floor("floor_write"));
    expect(weight("pagesZeroed")).toBeGreaterThan(floor("floor_memset"));
  });
});

/** Rows that are further off than 20 per cent, with their residuals in per cent: what the page on costs names. */
const FAR: Readonly<Record<string, number>> = {
  cow_copy_4k: 22,
  scan_present_4k: -85,
  scan_swapped_4k: -51,
  collapse: -67,
  mprotect_r_2m: -39,
  mincore_2m: 70,
  populate_write_64k: -31,
  scan_swapped_64k: -51,
  free_2m: -80,
  mprotect_rw_2m: -80,
  cold_2m: -82,
};

describe("residuals", () => {
  test("are within 20 per cent but for those rows that are named, which are as far off as is said", () => {
    for (const { name, residual } of fit.rows) {
      const known = FAR[name];
      if (known === undefined) expect(Math.abs(residual), name).toBeLessThan(0.2);
      else expect(Math.abs(100 * residual - known), name).toBeLessThan(3);
    }
  });

  test("of half of the rows are below 8 per cent", () => {
    expect(fit.median).toBeLessThan(0.08);
  });

  test("are of every row that is an operation, and every other row is named", () => {
    const names = [...fit.rows, ...fit.others].map(({ name }) => name).sort();
    expect(names).toEqual(limits.rows.map(({ name }) => name).sort());
    for (const { name } of fit.others) expect(name).toMatch(/^(floor|walk|chase|touch_present)_/);
  });
});

/** Times that a machine with these weights would take, and no other. */
function madeUp(weights: Readonly<Partial<Record<EventName, number>>>, names: readonly string[]): Limits {
  const rows = names.map((name): LimitRow => {
    const counts = countsPerPage(name, 1024 * 256);
    const ns = EVENT_NAMES.reduce((sum, event) => {
      const weight = weights[event] ?? NOT_FITTED[event]?.ns ?? 0;
      return sum + counts[E[event]]! * weight;
    }, 0);
    return { name, what: name, unit: "ns/pte", median: ns, p10: ns, p90: ns, reps: 15 };
  });
  return { machine: { cpu: "made up", kernel: "6.18", MiB: 1024 }, rows };
}

describe("a machine with known weights", () => {
  const weights = {
    ...{ slotsRead: 2, slotsWritten: 3, slotsChanged: 5, tablesAllocated: 900, indirectCalls: 7, foliosTouched: 40 },
    ...{ pagesTouched: 11, foliosFreed: 100, pagesFreed: 6, faults: 300, exceptions: 500, foliosAllocated: 600 },
    ...{ pagesZeroed: 250, bytesReported: 0.5, upperLocks: 60, flushRanges: 150, systemCalls: 100, tablesFreed: 80 },
    ...{ pagesCopied: 700, mappingSplits: 3000, pagesSplit: 400, lruMoves: 90 },
  } as const;
  const names = limits.rows.map(({ name }) => name).filter((name) => limitOp(name) !== null);

  test("is found again: its rows are met, and the weights that several rows decide are given back", () => {
    const found = fitCosts(madeUp(weights, names));
    for (const { name, residual } of found.rows) expect(Math.abs(residual), name).toBeLessThan(1e-3);
    for (const event of ["slotsRead", "foliosTouched", "foliosFreed", "pagesZeroed", "indirectCalls"] as const)
      expect(found.weights.find((w) => w.event === event)!.ns, event).toBeCloseTo(weights[event], 0);
  });

  test("whose zeroing takes twice as long gets twice that weight, and no other that differs", () => {
    const twice = fitCosts(madeUp({ ...weights, pagesZeroed: 500 }, names));
    const ns = (event: EventName) => twice.weights.find((w) => w.event === event)!.ns;
    expect(ns("pagesZeroed")).toBeCloseTo(500, 0);
    expect(ns("foliosFreed")).toBeCloseTo(100, 0);
  });

  test("of which only two operations were timed gets weights for their events alone", () => {
    const few = fitCosts(madeUp(weights, ["munmap_4k", "fork_4k"]));
    for (const { residual } of few.rows) expect(Math.abs(residual)).toBeLessThan(1e-6);
    expect(few.weights.map(({ event }) => event)).not.toContain("pagesZeroed");
  });
});

describe("counts", () => {
  test("by page are those of a run of that size, though only two small ones were made", () => {
    for (const name of ["fork_4k", "munmap_64k", "guard_install_empty", "mremap_shift_4k"]) {
      const [all, small] = [countsPerPage(name, 8192), countsPerPage(name, 4096)];
      for (const [i, n] of all.entries()) {
        // What a call does once is twice as much by page on half the pages, and the rest is the same.
        const once = (small[i]! - n) * 8192;
        const byPage = n - once / 8192;
        expect(Math.abs(once - Math.round(once)), `${name} ${EVENT_NAMES[i]}`).toBeLessThan(1e-6);
        expect(byPage, `${name} ${EVENT_NAMES[i]}`).toBeGreaterThan(-1e-9);
      }
    }
  });

  test("of a 64K folio are one folio and sixteen pages: no event knows the size", () => {
    const [small, large] = [countsPerPage("munmap_4k", 2 ** 18), countsPerPage("munmap_64k", 2 ** 18)];
    expect(large[E.foliosFreed]).toBeCloseTo(small[E.foliosFreed]! / 16, 9);
    for (const event of ["pagesFreed", "pagesTouched", "slotsWritten"] as const)
      expect(large[E[event]], event).toBeCloseTo(small[E[event]]!, 9);
  });
});

test("a file without any known operation is refused in one line", () => {
  const rows = limits.rows.filter(({ name }) => name.startsWith("walk_"));
  expect(() => fitCosts({ ...limits, rows })).toThrow(/^recorded times: no row is an operation that ptlab models/);
});
