/**
 * What live figures of recorded traces have in common: the file that they read, and how they name the accesses.
 */
import type { TraceSlice } from "../../study/trace-cost/slice.ts";
import { TRACE_FILES, type TraceChoice, traceFile } from "../../study/trace-cost/traces.ts";
import type { Column, Origin } from "../figure.ts";

/** Every file that may be read, and the one that a choice needs. */
export const TRACE_INPUTS = {
  inputs: Object.values(TRACE_FILES),
  needs: (params: Pick<TraceChoice, "trace">) => [traceFile(params)],
} as const;

/** `The last 1 M loads and stores of sqlite (what was traced)`. */
export function sliceText({ trace }: TraceChoice, slice: TraceSlice): string {
  const millions = Number((slice.accesses / 1e6).toPrecision(3));
  return `The last ${millions} M loads and stores of ${trace} (${slice.text})`;
}

/** Where a figure of a trace comes from. */
export function traceOrigin(params: TraceChoice, slice: TraceSlice, designs: readonly string[]): Origin {
  const workload = `trace of ${params.trace}, ${slice.accesses} accesses`;
  return { designs, workload, params: { ...params }, seed: null, input: slice.input };
}

/** The column that says how memory is mapped. */
export const MAPPING: Column = {
  key: "name",
  label: "How memory is mapped",
  definition: "Page-table format, size of all folios, and where it matters whether arm64's contiguous bit is used.",
};
