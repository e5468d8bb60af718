import { describe, expect, test } from "vitest";
import { counts, EVENT_NAMES, type EventName, newTally } from "../../../src/base/tally.ts";
import { remapVariants } from "../../../src/study/batching/beside-published.ts";
import { PUBLISHED } from "../../../src/study/batching/published.ts";
import { calibratedRows, costTable, defaultKernelCosts, priceOf } from "../../../src/study/cost/costs.ts";
import { genericPtTimes } from "../../../src/study/cost/generic-pt.ts";
import { contpteTimes, publishedTimes } from "../../../src/study/cost/published-times.ts";

const zero = counts(newTally());
const of = (some: Partial<Record<EventName, number>>) => ({ ...zero, ...some });

describe("a price", () => {
  test("is the sum of its causes, and of counts times weights", () => {
    for (const row of calibratedRows) {
      const price = priceOf(row.counts);
      const sum = price.causes.reduce((total, { ns }) => total + ns, 0);
      expect(price.ns, row.name).toBeCloseTo(sum, 9);
      expect(Math.abs(price.ns / row.modelled - 1), row.name).toBeLessThan(0.002);
      for (const { event, count, ns } of price.causes)
        expect(ns).toBeCloseTo(count * defaultKernelCosts.weights.find((w) => w.event === event)!.ns!, 9);
    }
  });

  test("names what was counted and has no weight, and is 0 where nothing was counted", () => {
    expect(priceOf(of({ slotsRead: 1, vmaSplits: 2 })).unpriced).toEqual(["vmaSplits"]);
    expect(priceOf(zero)).toEqual({ ns: 0, causes: [], unpriced: [] });
  });

  test("is by the table that is given: twice the weights are twice the price", () => {
    const mostly = { row: "fork_4k", share: 0.5, residual: 0.1 };
    const once = costTable("a machine", [{ event: "slotsRead", ns: 2, low: 1, high: 3, ...mostly }]);
    const twice = costTable("another", [{ event: "slotsRead", ns: 4, low: 1, high: 5, ...mostly }]);
    expect(priceOf(of({ slotsRead: 3 }), once).ns).toBe(6);
    expect(priceOf(of({ slotsRead: 3 }), twice).ns).toBe(12);
    expect(once.weights.map(({ event }) => event)).toEqual(EVENT_NAMES);
  });
});

const rowsOf = (table: string) => publishedTimes.run({ table }, undefined);

describe("published series", () => {
  test("of munmap: every change is within seven points of the published one, and the order of sizes is the same", () => {
    const rows = rowsOf("munmap, x86-64");
    for (const [i, row] of rows.entries()) {
      expect(Math.abs(row.modelledChange - row.change), row.folio).toBeLessThan(7);
      if (i === 0) continue;
      const last = rows[i - 1]!;
      expect([row.modelledBefore < last.modelledBefore, row.modelledAfter < last.modelledAfter]).toEqual([true, true]);
    }
  });

  test("of munmap: nanoseconds are within a factor of two at every size, before and after", () => {
    for (const row of rowsOf("munmap, x86-64"))
      for (const ratio of [row.before / row.modelledBefore, row.after / row.modelledAfter])
        expect(ratio > 0.5 && ratio < 2, row.folio).toBe(true);
  });

  test("of fork: larger folios save more, small ones nothing, and every saving is modelled 10 to 16 points too large", () => {
    const rows = rowsOf("fork, x86-64");
    expect(rows[0]!.modelledChange).toBeCloseTo(0, 9);
    for (const [i, row] of rows.slice(1).entries()) {
      expect(row.modelledChange).toBeLessThan(rows[i]!.modelledChange);
      const over = row.change - row.modelledChange;
      expect(over > 10 && over < 16, row.folio).toBe(true);
    }
  });

  test("of MADV_FREE: large folios lose more than nine tenths, small ones and huge leaves nothing", () => {
    for (const row of rowsOf("MADV_FREE, x86-64")) {
      if (row.folio === "4K" || row.folio === "2M") expect(Math.abs(row.modelledChange)).toBeLessThan(1);
      else expect(Math.abs(row.modelledChange - row.change), row.folio).toBeLessThan(3);
    }
  });

  test("of MADV_FREE before: splitting costs by the page, so that the time is high for every large folio, and falls a little", () => {
    const large = rowsOf("MADV_FREE, x86-64").slice(1, -1);
    for (const [i, row] of large.entries()) {
      expect(row.modelledBefore).toBeGreaterThan(5 * rowsOf("MADV_FREE, x86-64")[0]!.modelledBefore);
      if (i > 0) expect(row.modelledBefore).toBeLessThan(large[i - 1]!.modelledBefore);
    }
  });

  test("of mprotect: large folios save more than half on arm64 and nothing on x86-64, as published", () => {
    for (const row of rowsOf("mprotect, arm64").slice(1))
      expect(Math.abs(row.modelledChange - row.change)).toBeLessThan(15);
    for (const row of rowsOf("mprotect, x86-64").slice(1))
      expect(Math.abs(row.modelledChange - row.change)).toBeLessThan(7);
  });

  test("of mprotect: small folios are the misfit that the page names, about 90 per cent where at most 10 were published", () => {
    for (const table of PUBLISHED.filter(({ operation }) => operation === "mprotect")) {
      const [small] = rowsOf(table.name);
      expect(small!.modelledChange > 80 && small!.modelledChange < 100).toBe(true);
      expect(small!.change).toBeLessThanOrEqual(10.1);
    }
  });

  test("of mremap: looking for folios first is the slow one for small pages on x86-64, and the fix is as fast as before", () => {
    const [entries, folio, hint] = remapVariants.run({ arch: "x86-64", contpte: true }, undefined);
    expect(folio!.ns).toBeGreaterThan(3 * entries!.ns);
    expect(hint!.ns).toBe(entries!.ns);
    expect(Math.min(entries!.calls!, hint!.calls!)).toBeGreaterThan(1.5 * folio!.calls!);
  });

  test("of contpte: entry by entry every operation on whole blocks gets slower, in runs of entries none does by one per cent", () => {
    for (const row of contpteTimes.run({ machine: "M2" }, undefined).filter(({ order }) => order === 9)) {
      expect(row.alone, row.operation).toBeGreaterThan(25);
      expect(row.entries, row.operation).toBeLessThan(1);
      expect(row.both, row.operation).toBeLessThan(row.entries);
    }
  });

  test("of the generic page table: 256 entries with one walk are 3 to 6 times faster than with a walk for each, and a factor of 2 from the published time", () => {
    const rows = genericPtTimes.run({ driver: "all" }, undefined);
    for (const row of rows.filter(({ call }) => call.includes("256"))) {
      if (row.walks === "for each entry") expect(row.modelledRatio > 3 && row.modelledRatio < 6, row.call).toBe(true);
      else expect(row.modelledRatio).toBe(1);
      expect(row.newer / row.modelledNewer > 0.5 && row.newer / row.modelledNewer < 2, row.call).toBe(true);
    }
  });
});
