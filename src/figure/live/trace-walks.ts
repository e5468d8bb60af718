/**
 * Live figures of recorded traces: what their walks cost by way of mapping, and how many entries they need.
 */
import { coreNamed } from "../../mmu/cores/cores.ts";
import type { ParamsOf } from "../../study/experiment.ts";
import { GENERIC } from "../../study/trace-cost/cores.ts";
import { dataEntries, runTraceReach, type TraceReachRow, traceReachParams } from "../../study/trace-cost/reach.ts";
import { chosenSlice } from "../../study/trace-cost/traces.ts";
import { runTraceWalks, type TraceWalkRow, traceWalkParams } from "../../study/trace-cost/walks.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { lines } from "../marks.ts";
import { MAPPING, sliceText, TRACE_INPUTS, traceOrigin } from "./trace-parts.ts";
import { levelsRead, translationPlot } from "./walk-cost.ts";

const PER = "per 1000";

const MISSES: Column = {
  ...{ key: "misses", label: "TLB misses", unit: PER, basis: "counted", digits: 2 },
  definition: "Accesses whose translation was in no TLB level, per 1000 accesses. The TLB is empty at first.",
};

function readsColumn(level: number): Column {
  return {
    ...{ key: `reads${level}`, label: `Reads, level ${level}`, unit: PER, basis: "counted", digits: 2 },
    definition: `Slots that the walker read in tables of level ${level}, per 1000 accesses; level 0 holds PTEs.`,
  };
}

const TIME: Column = {
  ...{ key: "ns", label: "Time", unit: "ns", basis: "modelled", digits: 0 },
  definition: "Translation of 1000 accesses, the sum of the times below; the accesses themselves are not in it.",
};

const TLB_TIME: Column = {
  ...{ key: "nsTlb", label: "Second TLB level", unit: "ns", basis: "modelled", digits: 1 },
  definition: "Time to look in the second TLB level, for 1000 accesses.",
};

function timeColumn(level: number): Column {
  return {
    ...{ key: `ns${level}`, label: `Table reads, level ${level}`, unit: "ns", basis: "modelled", digits: 1 },
    definition: `Time to read slots of level ${level}, from the smallest cache taken to hold that level, for 1000 accesses.`,
  };
}

function walkRow({ mapping, counts, cost }: TraceWalkRow, levels: readonly number[]): Row {
  const per1000 = (n: number) => (1000 * n) / counts.accesses;
  return {
    name: mapping,
    misses: per1000(counts.walks),
    ns: 1000 * cost.total,
    nsTlb: 1000 * cost.tlb,
    ...Object.fromEntries(levels.map((l) => [`reads${l}`, per1000(counts.reads[l] ?? 0)])),
    ...Object.fromEntries(levels.map((l) => [`ns${l}`, 1000 * (cost.reads[l] ?? 0)])),
  };
}

function coreText({ core, tlb, walkCache }: ParamsOf<typeof traceWalkParams>): string {
  if (core === GENERIC)
    return `Generic core: second TLB level of ${tlb} entries, walk caches ${walkCache ? "on" : "off"}.`;
  return `Core: ${coreNamed(core).title}, its caches without the program's data.`;
}

/** What the walks of a recorded program cost by format, page size and folio order. */
export const traceWalkCost = defineLive({
  id: "trace-walk-cost",
  title: "What a real program's walks cost",
  params: traceWalkParams,
  ...TRACE_INPUTS,
  run: async (params, inputs, effects) => {
    const slice = await chosenSlice(params, inputs);
    const results = runTraceWalks(params, slice, effects);
    const levels = levelsRead(results.map(({ counts }) => counts));
    const rows = results.map((result) => walkRow(result, levels));
    return {
      title: `Translation of ${params.trace}'s accesses`,
      caption:
        `${sliceText(params, slice)} over its memory, mapped by the page-fault code under each policy. Accesses were seen to reach ` +
        `the frames written at their addresses; repeats of what was just used are counted without being made. ${coreText(params)}`,
      alt: `Stacked bars of modelled time, by cause. ${rows.map((row) => `${row.name}: ${Number(row.misses).toFixed(2)} misses per 1000`).join("; ")}.`,
      better: "fewer misses, fewer reads and less time",
      columns: [MAPPING, MISSES, TIME, ...levels.map(readsColumn), TLB_TIME, ...levels.map(timeColumn)],
      rows,
      compare: "ns",
      origin: traceOrigin(params, slice, [params.core]),
    };
  },
  plot: translationPlot("Translation of 1000 accesses"),
});

/** How many entries of each size cover which share of a recorded program's accesses. */
export const traceReach = defineLive({
  id: "trace-reach",
  title: "How many translations a real program needs",
  params: traceReachParams,
  ...TRACE_INPUTS,
  run: async (params, inputs) => {
    const slice = await chosenSlice(params, inputs);
    const rows = runTraceReach(slice);
    const has = dataEntries(params.core).map((entries, l) => `${entries} in its ${levelName(l)}`);
    return {
      title: `TLB entries that cover ${params.trace}'s accesses`,
      caption:
        `${sliceText(params, slice)}: the share of them that go to the most used pages of each size, as many as there are entries. ` +
        `What so many entries cover at best. Dashed: what ${coreNamed(params.core).title} has for data, ${has.join(" and ")}.`,
      alt: reachAlt(rows),
      better: "fewer entries for the same share",
      columns: [
        { key: "size", label: "Page size", definition: "What one entry covers, of addresses aligned to it." },
        { key: "entries", label: "TLB entries", role: "parameter", definition: "Most used pages that are counted." },
        {
          ...{ key: "covered", label: "Accesses covered", unit: "%", basis: "counted", digits: 2 },
          definition: "Share of all accesses that go to these pages.",
        },
      ],
      rows: rows as unknown as readonly Row[],
      origin: traceOrigin(params, slice, [...new Set(rows.map((row) => row.size))]),
    };
  },
  plot: (Plot, frame) => {
    const core = String(frame.figure.origin.params.core);
    const has = dataEntries(core).map((entries, l) => ({ entries, text: `${levelName(l)}: ${entries}` }));
    const { marks } = lines(Plot, frame, { x: "entries", y: "covered", series: "size" });
    return {
      x: frame.axis("entries", { type: "log", base: 2, ticks: [1, 4, 16, 64, 256, 1024, 4096], tickFormat: String }),
      y: frame.axis("covered", { zero: true }),
      marks: [
        Plot.ruleX(has, { x: "entries", strokeDasharray: "2 4", strokeOpacity: 0.6 }),
        Plot.text(has, { x: "entries", text: "text", frameAnchor: "bottom", textAnchor: "end", dx: -5, dy: -8 }),
        ...marks,
      ],
    };
  },
});

const levelName = (level: number): string => `L${level + 1} TLB`;

function reachAlt(rows: readonly TraceReachRow[]): string {
  const parts = [...new Set(rows.map((row) => row.size))].map((size) => {
    const own = rows.filter((row) => row.size === size);
    return `${size}: ${own.find((row) => row.covered > 99)!.entries} entries for more than 99 %`;
  });
  return `Lines of the share of accesses covered over entries. ${parts.join("; ")}.`;
}
