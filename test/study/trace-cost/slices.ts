/** Slices of the recorded traces that tests share. */
import { readFileSync } from "node:fs";
import type { TraceSlice } from "../../../src/study/trace-cost/slice.ts";
import { traceSlice } from "../../../src/study/trace-cost/slice.ts";
import { TRACE_FILES, type TraceName } from "../../../src/study/trace-cost/traces.ts";

/** The bytes of every recorded trace, by file. */
export const traceBytes: Readonly<Record<string, Uint8Array>> = Object.fromEntries(
  Object.values(TRACE_FILES).map((file) => [
    file,
    new Uint8Array(readFileSync(new URL(`../../../notebooks/data/${file}`, import.meta.url))),
  ]),
);

/** Names of the recorded traces. */
export const traceNames = Object.keys(TRACE_FILES) as TraceName[];

/** The last accesses of a trace. */
export function slice(name: TraceName, accesses: number): Promise<TraceSlice> {
  const file = TRACE_FILES[name];
  return traceSlice(traceBytes[file]!, file, accesses);
}
