import { describe, expect, test } from "vitest";
import { formats } from "../../src/arch/formats.ts";
import { accessCount, kindAt, vpnAt } from "../../src/mmu/access-words.ts";
import { costsOf, numbersOf, specOf, sweepCore } from "../../src/mmu/cores/core.ts";
import { coreNamed, cores } from "../../src/mmu/cores/cores.ts";
import { accessCost } from "../../src/mmu/cost.ts";
import { Mmu } from "../../src/mmu/simulate.ts";
import { reachPages } from "../../src/mmu/tlb.ts";
import { translate } from "../../src/mmu/translate.ts";
import { accesses, change, playground } from "./programs.ts";

const CASES = cores.flatMap((core) =>
  formats.filter((f) => core.machines.includes(f.machine)).map((f) => [core.name, f.name] as const),
);
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** A seed whose playground is on a format. */
function seedOn(format: string): number {
  for (let seed = 1; ; seed++) if (playground(seed).mm.kernel.format.name === format) return seed;
}
const SEED_ON = new Map(formats.map((f) => [f.name, seedOn(f.name)]));

describe.each(CASES)("%s on %s", (name, format) => {
  const core = coreNamed(name);

  test("translates a random program as the tables say, and counts every read where it came from", () => {
    const { rng, mm } = playground(SEED_ON.get(format)!);
    for (let step = 0; step < 25; step++) change(rng, mm);
    const { accessDirty, format: f } = mm.kernel;
    const mmu = new Mmu(mm.pt, specOf(core, f, { accessDirty, dataCompetes: true }));
    const words = accesses(rng, mm, 3000);
    const out = new Float64Array(3000);
    mmu.run(words, out);
    for (let i = 0; i < accessCount(words); i++) {
      const [vpn, kind] = [vpnAt(words, i, f.pageLg2), kindAt(words, i)];
      expect(out[i], `access ${i}`).toBe(translate(mm.pt, vpn, kind === 1, accessDirty, kind === 2).pfn);
    }
    const counts = mmu.counts();
    expect(sum(counts.tlbHits) + counts.walks).toBe(3000);
    expect(counts.cacheReads!.map(sum)).toEqual(counts.reads);
    const cost = accessCost(counts, costsOf(core));
    expect(cost.total).toBeGreaterThan(0);
    expect(cost.total).toBeCloseTo(cost.tlb + sum(cost.reads));
  });

  test("holds the format's base page in every level for data and for instructions", () => {
    const { tlb } = specOf(core, formats.find((f) => f.name === format)!);
    for (const level of tlb)
      for (const use of ["data", "fetch"])
        expect(level.some((a) => a.holds.includes(0) && (a.for === undefined || a.for === use))).toBe(true);
  });
});

describe.each(cores.map((core) => [core.name, core] as const))("%s", (_name, core) => {
  test("names a source for every number, or says that it is assumed and why", () => {
    const numbers = numbersOf(core);
    expect(numbers.length).toBeGreaterThan(20);
    for (const { path, source, value } of numbers) {
      expect(source.length, path).toBeGreaterThan(8);
      if (source.startsWith("assumed")) expect(source, path).toMatch(/^assumed; .{8}/);
      expect(value, path).toBeGreaterThanOrEqual(0);
    }
  });

  test("has caches that grow in size and in latency, and memory behind them", () => {
    const { caches, memory, clock } = costsOf(core);
    const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);
    const loads = caches.map((c) => c.load.value);
    expect(loads).toEqual(sorted(loads));
    expect(memory.value).toBeGreaterThan(loads.at(-1)! / clock.value);
  });

  test("has a latency for each TLB level", () => {
    expect(core.tlbLatency.length).toBe(core.tlb.length);
  });
});

test("known shapes come out: Skylake's STLB of 128 sets, Zen 4's reach of 12 MiB by single pages and 48 MiB by runs of four", () => {
  const x86 = formats.find((f) => f.name === "x86-64")!;
  expect(specOf(coreNamed("skylake-server"), x86).tlb[1]![0]).toMatchObject({ sets: 128, ways: 12, holds: [0, 9, 10] });
  const { tlb } = specOf(coreNamed("zen-4"), x86);
  expect([0, 2].map((lg2) => reachPages(tlb, lg2) / 256)).toEqual([12, 48]);
  expect(tlb[1]![1]).toMatchObject({ sets: 128, ways: 24, coalesce: 2 });
});

test("Neoverse N1 holds a contiguous block of 64K in one entry, and its data side breaks 32M into pieces of 2M, but not 512M", () => {
  const f = formats.find((format) => format.name === "arm64-4k")!;
  const { tlb } = specOf(coreNamed("neoverse-n1"), f);
  expect([tlb[0]![0]!.holds, tlb[0]![1]!.holds, tlb[1]![0]!.holds]).toEqual([
    [0, 2, 4, 9, 13],
    [0, 2, 4, 9, 17],
    [0, 2, 4, 9, 13, 17, 18],
  ]);
});

test("Apple's M1 has ASIDs of 8 bits where the Neoverse N1 has 16", () => {
  const f = formats.find((format) => format.name === "arm64-16k")!;
  expect(["apple-m1", "neoverse-n1"].map((name) => specOf(coreNamed(name), f).asidBits)).toEqual([8, 16]);
});

test("every number can be swept, and no other changes with it", () => {
  for (const core of cores)
    for (const { path } of numbersOf(core)) {
      const [swept] = sweepCore(core, path, [4]);
      const changed = numbersOf(swept!).filter((n, i) => n.source !== numbersOf(core)[i]!.source);
      expect(changed.map((n) => n.path).filter((p) => !p.endsWith("ways") || p === path)).toEqual([path]);
      expect(changed.every((n) => n.value === 4)).toBe(true);
    }
});

test("a sweep over the entries of a fully associative array keeps it so, and of another keeps its ways", () => {
  const zen = coreNamed("zen-4");
  const shape = (path: string, value: number, level: number, array: number) => {
    const { sets, ways } = specOf(sweepCore(zen, path, [value])[0]!, formats[0]!).tlb[level]![array]!;
    return [sets, ways];
  };
  expect(shape("tlb.0.1.entries", 100, 0, 1)).toEqual([1, 100]);
  expect(shape("tlb.1.1.entries", 1536, 1, 1)).toEqual([64, 24]);
});

test("more entries swept into the second level never make more walks of an LRU set than half as many ways do", () => {
  const { rng, mm } = playground(SEED_ON.get("x86-64")!);
  for (let step = 0; step < 60; step++) change(rng, mm);
  const words = accesses(rng, mm, 5000);
  const walks = sweepCore(coreNamed("skylake-client"), "tlb.1.0.ways", [3, 6, 12]).map((core) => {
    const entries = core.tlb[1]![0]!.ways.value * 128;
    const [sized] = sweepCore(core, "tlb.1.0.entries", [entries]);
    const mmu = new Mmu(mm.pt, specOf(sized!, mm.kernel.format));
    mmu.run(words);
    return mmu.counts().walks;
  });
  expect(walks).toEqual(walks.toSorted((a, b) => b - a));
});

test("what is not there is refused with what is", () => {
  expect(() => coreNamed("zen4")).toThrow("did you mean zen-4?");
  expect(() => sweepCore(coreNamed("zen-4"), "tlb.1.1.entrys", [1])).toThrow("did you mean tlb.1.1.entries?");
  expect(() => sweepCore(coreNamed("zen-4"), "memory", [-1])).toThrow("bad value '-1' for memory");
  expect(() => specOf(coreNamed("zen-4"), formats.find((f) => f.name === "riscv-sv39")!)).toThrow(
    "zen-4 does not walk riscv-sv39: it is for x86_64, i686",
  );
});
