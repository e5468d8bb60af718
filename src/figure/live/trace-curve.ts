/**
 * Live figure of miss curves: misses of a recorded trace by the size of one TLB, all sizes out of one pass.
 */
import { type MissCurveRow, missCurveParams, runMissCurve } from "../../study/trace-cost/curve.ts";
import { chosenSlice } from "../../study/trace-cost/traces.ts";
import { defineLive } from "../live.ts";
import { lines } from "../marks.ts";
import { sliceText, TRACE_INPUTS, traceOrigin } from "./trace-parts.ts";

/** Powers of ten around values, as the nice axis has them: labels for all marks between would be too many. */
function decades(values: readonly number[]): number[] {
  const [first, last] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
}

/** Misses over TLB entries, by how memory is mapped. */
export const missCurve = defineLive({
  id: "miss-curve",
  title: "How many TLB entries are enough",
  params: missCurveParams,
  ...TRACE_INPUTS,
  run: async (params, inputs, effects) => {
    const slice = await chosenSlice(params, inputs);
    const found = runMissCurve(params, slice, effects);
    const rows = found.map(({ mapping, entries, missesPer1000, firstUses }) => ({
      ...{ mapping, entries, misses: missesPer1000 },
      first: (1000 * firstUses) / slice.accesses,
    }));
    return {
      title: `TLB misses of ${params.trace} by TLB size`,
      caption:
        `${sliceText(params, slice)}, on one TLB for leaves of every size, ${params.shape}, LRU; a contiguous block takes one entry. Each ` +
        "curve is one pass over the trace. Where a curve is level, only first uses of leaves are left.",
      alt: curveAlt(found),
      better: "fewer misses",
      columns: [
        { key: "mapping", label: "Mapped as", definition: "Page-table format, and the largest folios." },
        { key: "entries", label: "TLB entries", role: "parameter", definition: "Entries of the TLB." },
        {
          ...{ key: "misses", label: "TLB misses", unit: "per 1000", basis: "counted", digits: 3 },
          definition: "Accesses that miss, per 1000 accesses. The TLB is empty at first.",
        },
        {
          ...{ key: "first", label: "first uses", unit: "per 1000", basis: "counted", digits: 3 },
          definition: "The part of the misses that no size avoids: the first use of each leaf.",
        },
      ],
      rows,
      origin: traceOrigin(params, slice, [...new Set(rows.map((row) => row.mapping))]),
    };
  },
  plot: (Plot, frame) => ({
    x: frame.axis("entries", { type: "log" }),
    y: frame.axis("misses", {
      type: "log",
      ticks: decades(frame.rows.map((row) => Number(row.misses))),
      tickFormat: String,
    }),
    ...lines(Plot, frame, { x: "entries", y: "misses", series: "mapping" }),
  }),
});

/** Twice the first uses is near the end of the fall. */
function curveAlt(rows: readonly MissCurveRow[]): string {
  const parts = [...new Set(rows.map((row) => row.mapping))].map((mapping) => {
    const enough = rows.find((row) => row.mapping === mapping && row.misses <= 2 * row.firstUses);
    return `${mapping}: ${enough === undefined ? "still falling" : `level from about ${enough.entries} entries`}`;
  });
  return `Falling lines of TLB misses over TLB entries. ${parts.join("; ")}.`;
}
