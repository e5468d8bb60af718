import { expect, test } from "vitest";
import { accessCost, type CostTable, defaultCosts, listWeights } from "../../src/mmu/cost.ts";
import type { MmuCounts } from "../../src/mmu/simulate.ts";

const ns = (value: number) => ({ value, unit: "ns", source: "assumed" }) as const;
const bytes = (value: number) => ({ value, unit: "bytes", source: "assumed" }) as const;

/** Round numbers: a line of tables in 4 KiB costs 1 ns, in 64 KiB 10 ns, elsewhere 100 ns. */
const table: CostTable = {
  name: "round",
  clock: { value: 2, unit: "GHz", source: "assumed" },
  tlb: [ns(0), { value: 6, unit: "cycles", source: "assumed" }],
  caches: [
    { name: "near", size: bytes(8192), load: ns(1) },
    { name: "far", size: bytes(131072), load: ns(10) },
  ],
  memory: ns(100),
  tableShare: { value: 0.5, unit: "share", source: "assumed" },
};

const counts: MmuCounts = {
  accesses: 1000,
  tlbHits: [500, 300],
  walks: 200,
  dirtyWalks: 0,
  faults: 0,
  reads: [200, 100, 10, 0],
  lines: [2000, 100, 10, 0],
};

test("cost is counts times weights, by cause, per access", () => {
  const cost = accessCost(counts, table);
  expect(cost.tlb).toBeCloseTo((300 + 200) * 3 * 1e-3);
  expect(cost.reads[0]).toBeCloseTo(200 * 100 * 1e-3);
  expect(cost.reads[1]).toBeCloseTo(100 * 10 * 1e-3);
  expect(cost.reads[2]).toBeCloseTo(10 * 1 * 1e-3);
  expect(cost.total).toBeCloseTo(1.5 + 20 + 1 + 0.01);
});

test("a level is read from the smallest cache that holds its lines and those of all levels above", () => {
  expect(accessCost(counts, table).from).toEqual(["memory", "far", "near", null]);
});

test("where counts say which cache each read came from, cost is the sum of just those loads", () => {
  const cacheReads = [
    [50, 100, 50],
    [100, 0, 0],
    [0, 10, 0],
    [0, 0, 0],
  ];
  const cost = accessCost({ ...counts, cacheReads }, table);
  expect(cost.reads).toEqual([(50 * 1 + 100 * 10 + 50 * 100) / 1000, 0.1, 0.1, 0]);
  expect(cost.from).toEqual(["far", "near", "far", null]);
  expect(cost.total).toBeCloseTo(1.5 + 6.05 + 0.1 + 0.1);
  expect(() => accessCost({ ...counts, cacheReads: [[1, 2]] }, table)).toThrow(
    "counts of 1 caches do not fit the cost table 'round'",
  );
});

test("nested translation adds the loads of the host's tables", () => {
  const host = {
    reads: [
      [10, 10, 10, 10],
      [0, 0, 0, 5],
    ],
    tlbHits: [],
    cacheReads: [
      [10, 0, 0],
      [0, 10, 0],
      [0, 0, 10],
      [15, 0, 0],
    ],
  };
  const cost = accessCost({ ...counts, host }, table);
  expect(cost.host).toEqual([0.01, 0.1, 1, 0.015]);
  expect(cost.total).toBeCloseTo(accessCost(counts, table).total + 1.125);
});

test("no accesses cost nothing", () => {
  expect(accessCost({ ...counts, accesses: 0 }, table).total).toBe(0);
});

test("every weight of the default table names a source or says that it is assumed", () => {
  const weights = listWeights(defaultCosts);
  expect(weights).toHaveLength(11);
  for (const { name, source } of weights) expect(source, name).toMatch(/^(assumed; |recorded on |Neoverse )/);
});

test("default caches grow in size and in time, and memory is slowest", () => {
  const [sizes, loads] = [defaultCosts.caches.map((c) => c.size.value), defaultCosts.caches.map((c) => c.load.value)];
  expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  expect(loads).toEqual([...loads].sort((a, b) => a - b));
  expect(defaultCosts.memory.value).toBeGreaterThan(loads.at(-1)! / defaultCosts.clock.value);
});
