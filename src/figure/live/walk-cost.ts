/**
 * Live figures of the walk's cost: what one load costs by way of mapping, which folio orders help, how far a TLB reaches.
 */
import type { MmuCounts } from "../../mmu/counts.ts";
import type { ParamsOf } from "../../study/experiment.ts";
import { runWalkCost, type WalkCostRow, walkCostParams } from "../../study/walk-cost/experiment.ts";
import { folioOrderParams, runFolioOrders } from "../../study/walk-cost/orders.ts";
import { runTlbReach, tlbReachParams } from "../../study/walk-cost/reach.ts";
import type { Column, Drawing, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { lines, stack } from "../marks.ts";
import { MAPPING } from "./trace-parts.ts";

const MISSES: Column = {
  key: "misses",
  label: "TLB misses",
  unit: "per 1000 loads",
  basis: "counted",
  digits: 1,
  definition: "Loads whose translation was in no TLB level, per 1000 loads.",
};

/** The columns, with those of the levels. */
function walkCostColumns(levels: readonly number[]): readonly Column[] {
  return [MAPPING, MISSES, TIME, ...levels.map(readsColumn), TLB_TIME, ...levels.map(timeColumn)];
}

const TIME: Column = {
  key: "ns",
  label: "Time",
  unit: "ns",
  basis: "modelled",
  definition: "Translation of one load, the sum of all times below; the load itself is not in it.",
};

const TLB_TIME: Column = {
  key: "nsTlb",
  label: "Second TLB level",
  unit: "ns",
  basis: "modelled",
  definition: "Time to look in the second TLB level, per load.",
};

function readsColumn(level: number): Column {
  return {
    key: `reads${level}`,
    label: `Reads, level ${level}`,
    basis: "counted",
    digits: 2,
    definition: `Slots that the walker read in tables of level ${level}, per load; level 0 holds PTEs.`,
  };
}

function timeColumn(level: number): Column {
  return {
    key: `ns${level}`,
    label: `Table reads, level ${level}`,
    unit: "ns",
    basis: "modelled",
    definition: `Time to read slots of level ${level}, per load, from the smallest cache taken to hold that level.`,
  };
}

function walkCostRow({ mapping, measured: { counts, cost } }: Walked, levels: readonly number[]): Row {
  const perLoad = (n: number) => n / counts.accesses;
  return {
    name: mapping,
    misses: perLoad(counts.walks) * 1000,
    nsTlb: cost.tlb,
    ns: cost.total,
    ...Object.fromEntries(levels.map((l) => [`reads${l}`, perLoad(counts.reads[l] ?? 0)])),
    ...Object.fromEntries(levels.map((l) => [`ns${l}`, cost.reads[l] ?? 0])),
  };
}

/** The levels that were read at all; walk caches keep the upper ones from being read. */
export function levelsRead(all: readonly Pick<MmuCounts, "reads">[]): number[] {
  const most = Math.max(...all.map(({ reads }) => reads.length));
  const levels = Array.from({ length: most }, (_, level) => level);
  return levels.filter((level) => all.some(({ reads }) => (reads[level] ?? 0) > 0));
}

/** A way of mapping in words, and what loads counted there. */
type Walked = Pick<WalkCostRow, "mapping" | "measured">;

/** Columns and rows for loads over memory mapped in several ways. */
export function walkTable(results: readonly Walked[]): { columns: readonly Column[]; rows: readonly Row[] } {
  const levels = levelsRead(results.map(({ measured }) => measured.counts));
  return { columns: walkCostColumns(levels), rows: results.map((result) => walkCostRow(result, levels)) };
}

/** Modelled time by cause for each way of mapping; the label says of what. */
export const translationPlot =
  (label: string): Drawing =>
  (Plot, frame) => {
    const keys = frame.figure.columns.map((c) => c.key).filter((key) => /^ns./.test(key));
    return {
      ...stack(Plot, frame, { x: "value", y: "name", series: "series", rows: frame.unpivot(keys) }),
      x: frame.axis(keys, { label }),
      y: frame.axis("name", { label: null }),
    };
  };

/** {@link translationPlot} of one load. */
export const walkCostPlot = translationPlot("Translation of one load");

/** What one load costs by format, page size and folio order. */
export const walkCost = defineLive({
  id: "walk-cost",
  title: "What translating one load costs",
  params: walkCostParams,
  inputs: [],
  run(params, _inputs, effects) {
    const results = runWalkCost(params, undefined, effects);
    const { columns, rows } = walkTable(results);
    return {
      title: `Translation of one load, ${params.pattern} over ${params.mapped}`,
      caption:
        `The same ${params.pattern} loads over ${params.mapped} of anonymous memory, mapped by the page-fault code under ` +
        `each policy; second TLB level of ${params.tlb} entries, walk caches ${params.walkCache ? "on" : "off"}. ` +
        "Levels that are not listed were not read. Misses and reads are exact counts; nanoseconds come from a cost table that is not fitted to any machine.",
      alt: walkCostAlt(rows),
      better: "fewer misses, fewer reads and less time",
      columns,
      rows,
      compare: "ns",
      origin: origin(params, `${params.pattern} loads over ${params.mapped}`),
    };
  },
  plot: walkCostPlot,
});

/** What a picture of walks shows, in words. */
export function walkCostAlt(rows: readonly Row[]): string {
  const parts = rows.map((row) => `${row.name}: ${Number(row.ns).toFixed(1)} ns`);
  return `Stacked bars of modelled time per load, by cause. ${parts.join("; ")}.`;
}

/** Which folio orders help the TLB. */
export const folioOrder = defineLive({
  id: "folio-order",
  title: "Which folio orders help the TLB",
  params: folioOrderParams,
  inputs: [],
  run(params, _inputs, effects) {
    const rows = runFolioOrders(params, effects).map(({ series, order, missesPer1000 }) => ({
      series,
      order,
      misses: missesPer1000,
    }));
    return {
      title: `TLB misses by folio order, ${params.pattern} over ${params.mapped}`,
      caption:
        `The same ${params.pattern} loads over ${params.mapped} in folios of one order each; second TLB level of ` +
        `${params.tlb} entries. Order 1 does not exist for anonymous memory; order 9 is mapped by one PMD. ` +
        "Equal counts lie on one another.",
      alt: folioOrderAlt(rows),
      better: "fewer misses",
      columns: [
        { key: "series", label: "Format", definition: "Page-table format, and whether the contiguous bit is used." },
        {
          key: "order",
          label: "Folio order",
          role: "parameter",
          definition: "Log-two of the 4K pages in each folio: 4 is 64K, 9 is 2M.",
        },
        MISSES,
      ],
      rows,
      compare: "misses",
      compareWithin: "series",
      origin: origin(params, `${params.pattern} loads over ${params.mapped}`),
    };
  },
  plot: (Plot, frame) => ({
    x: frame.axis("order"),
    y: frame.axis("misses", { zero: true }),
    ...lines(Plot, frame, { x: "order", y: "misses", series: "series" }),
  }),
});

function folioOrderAlt(rows: readonly { series: string; order: number; misses: number }[]): string {
  const names = [...new Set(rows.map((row) => row.series))];
  const parts = names.map((name) => {
    const own = rows.filter((row) => row.series === name);
    const falls = own.slice(1).flatMap((row, i) => (row.misses < own[i]!.misses * 0.9 ? [row.order] : []));
    return `${name}: ${falls.length === 0 ? "no fall" : `falls at order ${falls.join(" and ")}`}`;
  });
  return `Lines of TLB misses over folio order. ${parts.join("; ")}.`;
}

/** How far the TLB reaches. */
export const tlbReach = defineLive({
  id: "tlb-reach",
  title: "How far the TLB reaches",
  params: tlbReachParams,
  inputs: [],
  run(params, _inputs, effects) {
    const rows = runTlbReach(params, effects).map(({ mapping, mib, missesPer1000 }) => ({
      mapping,
      mib,
      misses: missesPer1000,
    }));
    return {
      title: `TLB misses by memory used, ${params.pattern} loads`,
      caption:
        `${params.pattern} loads over the first part of one mapping; second TLB level of ${params.tlb} entries, each of ` +
        "which covers 4K, a contiguous block of 64K, or 2M.",
      alt: tlbReachAlt(rows),
      better: "fewer misses",
      columns: [
        { ...MAPPING, key: "mapping" },
        {
          key: "mib",
          label: "Memory used",
          unit: "MiB",
          role: "parameter",
          definition: "Size of the range that loads go to.",
        },
        MISSES,
      ],
      rows,
      origin: origin(params, `${params.pattern} loads`),
    };
  },
  plot: (Plot, frame) => ({
    x: frame.axis("mib", { type: "log" }),
    y: frame.axis("misses", { zero: true }),
    ...lines(Plot, frame, { x: "mib", y: "misses", series: "mapping" }),
  }),
});

function tlbReachAlt(rows: readonly { mapping: string; mib: number; misses: number }[]): string {
  const names = [...new Set(rows.map((row) => row.mapping))];
  const parts = names.map((name) => {
    const beyond = rows.find((row) => row.mapping === name && row.misses > 100);
    return `${name}: ${beyond === undefined ? "hardly any misses" : `many misses from ${beyond.mib} MiB`}`;
  });
  return `Lines of TLB misses over memory used. ${parts.join("; ")}.`;
}

function origin(params: ParamsOf<typeof tlbReachParams> & { readonly format?: string }, workload: string) {
  const designs = params.format === undefined || params.format === "both" ? ["x86-64", "arm64-4k"] : [params.format];
  return { designs, workload, params: { ...params }, seed: params.seed, input: null };
}
