/**
 * Live figure of what software pays to read the entries of a recorded program's memory, by design and folio order.
 */

import { EVENTS, type EventName } from "../../base/tally.ts";
import { DESIGN_NAMES } from "../../design/design.ts";
import { runTraceScan, type TraceScanRow, traceScanParams } from "../../study/trace-cost/scan.ts";
import { chosenSlice } from "../../study/trace-cost/traces.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { stack } from "../marks.ts";
import { TRACE_INPUTS, traceOrigin } from "./trace-parts.ts";

/** Causes apart in the picture; the locks of both kinds are one of them. */
const CAUSES = {
  slots: { label: "slots read", events: ["slotsRead"] },
  calls: { label: "indirect calls", events: ["indirectCalls"] },
  locks: { label: "locks", events: ["pteLocks", "upperLocks"] },
} as const satisfies Record<string, { label: string; events: readonly EventName[] }>;
type Cause = keyof typeof CAUSES;
const NAMES = Object.keys(CAUSES) as Cause[];

function countColumn(cause: Cause): Column {
  const { label, events } = CAUSES[cause];
  const definition = `Counted: ${events.map((event) => EVENTS[event]).join("; ")}.`;
  return { key: cause, label, basis: "counted", digits: 0, definition };
}

function timeColumn(cause: Cause): Column {
  const definition = `The part of the time that is ${CAUSES[cause].label}.`;
  return { key: `us_${cause}`, label: CAUSES[cause].label, unit: "us", basis: "modelled", digits: 2, definition };
}

const COLUMNS: readonly Column[] = [
  {
    key: "name",
    label: "folios, design",
    definition: "Size of the folios that the kernel was allowed to take; way to reach the entries.",
  },
  { key: "folios", label: "folios", definition: "Size of the folios." },
  ...NAMES.map(countColumn),
  {
    ...{ key: "us", label: "time", unit: "us", basis: "modelled", digits: 1 },
    definition: "Counts times the weights of the default cost table, which are fitted to a recorded x86-64 machine.",
  },
  ...NAMES.map(timeColumn),
];

function scanRow({ folios, design, counts, ns, causes }: TraceScanRow): Row {
  const times = new Map(causes.map((cause) => [cause.event, cause.ns / 1000]));
  const sums = NAMES.flatMap((name) => {
    const events: readonly EventName[] = CAUSES[name].events;
    const sum = (of: (event: EventName) => number) => events.reduce((all, event) => all + of(event), 0);
    return [[name, sum((event) => counts[event])] as const, [`us_${name}`, sum((e) => times.get(e) ?? 0)] as const];
  });
  return { name: `${folios}, ${design}`, folios, us: ns / 1000, ...Object.fromEntries(sums) };
}

/** What each design pays to read all entries of a recorded program, by folio order. */
export const traceScan = defineLive({
  id: "trace-scan",
  title: "What software pays to read a real program's tables",
  params: traceScanParams,
  ...TRACE_INPUTS,
  run: async (params, inputs, effects) => {
    const slice = await chosenSlice(params, inputs);
    const rows = runTraceScan(params, slice, effects).map(scanRow);
    return {
      title: `Reading the entries of ${params.trace}'s memory, ${params.format}`,
      caption:
        `Every design reads the entries (${params.reads}) of all areas of ${params.trace}, in which the pages of its last ` +
        `${slice.accesses} accesses are present: ${slice.uses.length} pages of 4K. What they saw was proven equal first.`,
      alt: `Stacked bars of modelled time by cause. ${rows.map((r) => `${r.name}: ${Number(r.us).toFixed(1)} us`).join("; ")}.`,
      better: "fewer of every cause and less time",
      columns: COLUMNS,
      rows,
      compare: "us",
      compareWithin: "folios",
      origin: traceOrigin(params, slice, DESIGN_NAMES),
    };
  },
  plot: (Plot, frame) => {
    const keys = NAMES.map((name) => `us_${name}`);
    return {
      ...stack(Plot, frame, { x: "value", y: "name", series: "series", rows: frame.unpivot(keys) }),
      x: frame.axis(keys, { label: "Time" }),
      y: frame.axis("name", { label: null }),
    };
  },
});
