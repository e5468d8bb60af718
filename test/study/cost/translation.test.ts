import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { coreNamed } from "../../../src/mmu/cores/cores.ts";
import { type LimitRow, parseLimits } from "../../../src/study/cost/limits.ts";
import { checkedCore, translationFits, walkRow } from "../../../src/study/cost/translation.ts";

const text = readFileSync(new URL("../../../notebooks/data/limits-zen4-6.18.json", import.meta.url), "utf8");
const { rows } = parseLimits(text, "limits");
const core = checkedCore(coreNamed("zen-4"));
const small = (row: LimitRow) => (walkRow(row.name)?.mib ?? Number.POSITIVE_INFINITY) <= 256;
const fits = translationFits(rows.filter(small), core);
const fitOf = (host: string) => fits.find((fit) => fit.host === host)!;

test("a row of random loads is known by its name, and other rows are none", () => {
  expect(walkRow("walk_256M_2m")).toEqual({ mib: 256, huge: true });
  expect([walkRow("chase_4M_4k"), walkRow("walk_4k"), walkRow("fork_4k")]).toEqual([null, null, null]);
});

test("the recorded machine's huge pages took walks, which only a host of small pages explains", () => {
  const walks = (host: string) => fitOf(host).rows.find((row) => row.name === "walk_64M_2m")!.walks;
  // 32 huge leaves fit into the first TLB level wherever they are held as such; 16384 pages fit into none.
  expect([walks("none"), walks("2M"), walks("4K")]).toEqual([0, 0, 1]);
  expect(fitOf("4K").rms).toBeLessThan(fitOf("none").rms);
  expect(fitOf("4K").rms).toBeLessThan(fitOf("2M").rms);
});

test("with such a host every row is within 35 per cent", () => {
  for (const { name, measured, modelled } of fitOf("4K").rows)
    expect(Math.abs(modelled / measured - 1), name).toBeLessThan(0.35);
});

test("every page is loaded from once before any again, so that more pages than a TLB holds never hit it", () => {
  for (const { name, walks } of fitOf("none").rows)
    if (name.endsWith("_4k")) expect(walks, name).toBe(walkRow(name)!.mib * 256 > 3072 ? 1 : 0);
});

test("times that the model itself gives are met, and the loop's own time is given back", () => {
  const made = fitOf("4K").rows.map(({ name, walks, modelled }): LimitRow => {
    // 20 ns more for the loop, 5 ns more for a walk.
    const median = modelled + 20 + 5 * walks;
    return { name, what: name, unit: "ns/load", median, p10: median, p90: median, reps: 1 };
  });
  const again = translationFits(made, core).find(({ host }) => host === "4K")!;
  expect(again.rms).toBeLessThan(1e-6);
  expect(again.loopNs).toBeCloseTo(fitOf("4K").loopNs + 20, 4);
  expect(again.walkNs).toBeCloseTo(fitOf("4K").walkNs + 5, 4);
});

test("a recording without such rows is no error", () => {
  expect(translationFits([], core)).toEqual([]);
});
