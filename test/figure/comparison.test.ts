import { describe, expect, test } from "vitest";
import { EVENT_NAMES, type EventName } from "../../src/base/tally.ts";
import { DESIGN_NAMES } from "../../src/design/design.ts";
import { causesFigure, comparisonFigure } from "../../src/figure/comparison.ts";
import { toSvg } from "../../src/figure/render.ts";
import { toText } from "../../src/figure/text.ts";
import { compare, compareAll, type Side, type SideCounts } from "../../src/study/compare/compare.ts";
import { WORKLOADS } from "../../src/study/compare/workloads.ts";
import { testHost } from "./samples.ts";

const host = testHost();
const setting = { arch: "arm64-4k", policy: "mTHP", pages: 1024 };
const NAMES = WORKLOADS.map((w) => w.name);

const ONE_BY_ONE: Side = { label: "one by one", spec: { batching: false } };
const BATCHED: Side = { label: "batched", spec: { batching: true } };

function sideOf(label: string, few: Partial<Record<EventName, number>>, pricedNs = 0): SideCounts {
  const counts = Object.fromEntries(EVENT_NAMES.map((name) => [name, few[name] ?? 0]));
  return { label, counts: counts as Record<EventName, number>, pricedNs };
}

/** Blocks of the table: the lines of dashes, one below each header. */
const blocks = (text: string) => text.split("\n").filter((line) => /^-{2,}/.test(line)).length;

describe("a row for each side", () => {
  test.each(NAMES)("the five designs under '%s' are one block of 72 columns", (workload) => {
    const text = toText(
      comparisonFigure(compareAll(DESIGN_NAMES, workload, setting), { workload, setting }),
      host.build,
    );
    expect(blocks(text)).toBe(1);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(72);
  });

  test("the baseline comes first, only causes that differ are columns, and those alike are said in words", () => {
    const sides = [
      sideOf("old", { slotsRead: 10, pteLocks: 4, indirectCalls: 8 }),
      sideOf("new", { slotsRead: 5, pteLocks: 4 }),
    ];
    const made = comparisonFigure(sides, { workload: "count pages", setting });
    expect(made.columns.map((c) => c.key)).toEqual(["side", "indirectCalls", "slotsRead"]);
    expect(made.rows[0]).toEqual({ side: "old", indirectCalls: 8, slotsRead: 10 });
    expect(made.columns[0]!.definition).toContain("Equal on all sides: PTE locks 4.");
    expect(toText(made, host.build)).toMatch(/^Better: fewer indirect calls\n/);
  });

  test("a column in which the baseline has none is not the one compared, if there is another", () => {
    const sides = [sideOf("old", { slotsRead: 10 }), sideOf("new", { slotsRead: 5, indirectCalls: 8 })];
    expect(comparisonFigure(sides).compare).toBe("slotsRead");
  });

  test("differences that find no room in a line are said in words, and none is lost", () => {
    const every = (n: number) => Object.fromEntries(EVENT_NAMES.map((name, i) => [name, n * 1000 + i]));
    const made = comparisonFigure([sideOf("old", every(1)), sideOf("new", every(2))]);
    const text = toText(made, host.build);
    expect(blocks(text)).toBe(1);
    for (const name of ["faults", "contpteUnfolds"] as const)
      expect(text.replace(/\s+/g, " ")).toContain(
        `${1000 + EVENT_NAMES.indexOf(name)}/${2000 + EVENT_NAMES.indexOf(name)}`,
      );
  });

  test("modelled time says which causes have a weight, and which have none", () => {
    const sides = [sideOf("old", { slotsRead: 10, vmaSplits: 2 }, 15.6), sideOf("new", { slotsRead: 5 }, 7.8)];
    const made = comparisonFigure(sides, { compare: "pricedNs" });
    const column = made.columns.find((c) => c.key === "pricedNs")!;
    expect(made.better).toBe("less modelled time");
    expect(column.basis).toBe("modelled");
    expect(column.definition).toMatch(/slots read 1\.\d\d ns.*No weight, so not in it: VMA splits\./);
  });

  test("a comparison of two knows its operation and its setting", () => {
    const made = comparisonFigure(compare(ONE_BY_ONE, BATCHED, "fork", setting));
    expect(made.title).toBe("fork: arm64-4k, kernel 6.18, 1024 pages as mTHP");
    expect(made.origin.designs).toEqual(["one by one", "batched"]);
  });

  test("a zero beside millions is a bar of no length with a 0 at its end, and the axis says parts", () => {
    const sides = [sideOf("old", { slotsRead: 4_000_000 }), sideOf("new", { slotsRead: 17, indirectCalls: 1 })];
    const svg = toSvg(comparisonFigure(sides), host);
    for (const text of ["4,000,000", ">17<", ">0<", "per cent of the most of each cause (counted)"])
      expect(svg).toContain(text);
  });

  test("sides that counted nothing at all still make a figure", () => {
    expect(comparisonFigure([sideOf("a", {}), sideOf("b", {})]).rows).toHaveLength(2);
  });
});

describe("a row for each cause", () => {
  test.each(NAMES)("what batching saves under '%s' is one block of 72 columns", (workload) => {
    const text = toText(causesFigure(compare(ONE_BY_ONE, BATCHED, workload, setting)), host.build);
    expect(blocks(text)).toBe(1);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(72);
  });

  test("the rows are those of the comparison, in its order, with the change in per cent of A", () => {
    const comparison = compare("pagewalk", "ptRangeWalk", "count pages", setting);
    const made = causesFigure(comparison);
    expect(made.rows.map((row) => row.cause)).toEqual(comparison.rows.map((row) => row.cause));
    const calls = made.rows[0]!;
    expect([calls.a, calls.b, calls.percent]).toEqual([comparison.a.counts.indirectCalls, 0, -100]);
  });

  test("a cause without a weight has no modelled time, and one that A lacks has no per cent", () => {
    const counted = compare("ptRangeWalk", "pagewalk", "count pages", setting);
    const split = { cause: "VMA splits", event: "vmaSplits", a: 1, b: 2, difference: 1, ns: null } as const;
    const made = causesFigure({ ...counted, rows: [...counted.rows, split] });
    const row = (cause: string) => made.rows.find((r) => r.cause === cause)!;
    expect(row("VMA splits").ns).toBeNull();
    expect(row("indirect calls").percent).toBeNull();
  });

  test("the legend names both sides beside their letters", () => {
    const svg = toSvg(causesFigure(compare(ONE_BY_ONE, BATCHED, "fork", setting)), host);
    for (const text of ["A one by one", "B batched"]) expect(svg).toContain(text);
  });
});
