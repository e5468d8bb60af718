/**
 * The recorded traces that experiments choose from, and the parameters that all of these have.
 */
import { invariant } from "../../base/errors.ts";
import { type TraceSlice, traceSlice } from "./slice.ts";

/** Files in `notebooks/data/` by the name of what was traced. */
export const TRACE_FILES = {
  sort: "sort.ptt",
  sqlite: "sqlite.ptt",
  python: "python.ptt",
} as const;
/** Name of a recorded trace. */
export type TraceName = keyof typeof TRACE_FILES;
const TRACE_NAMES = Object.keys(TRACE_FILES) as TraceName[];

/** How much of a trace is used, by its name. */
const LENGTHS = { "0.1 M": 1e5, "0.5 M": 5e5, "1 M": 1e6, "3 M": 3e6 } as const;
const LENGTH_NAMES = Object.keys(LENGTHS) as (keyof typeof LENGTHS)[];

/** Which trace, and how many of its accesses, the last ones. */
export const traceParams = {
  trace: { kind: "choice", label: "Trace", options: TRACE_NAMES, default: "python" },
  accesses: { kind: "choice", label: "Accesses", options: LENGTH_NAMES, default: "0.5 M" },
} as const;

/** Values of {@link traceParams}. */
export interface TraceChoice {
  readonly trace: string;
  readonly accesses: string;
}

/** The file that a choice needs. */
export function traceFile({ trace }: Pick<TraceChoice, "trace">): string {
  return TRACE_FILES[trace as TraceName];
}

/** The slice that a choice stands for, out of files by name. The files are kept as bytes by whoever has read them. */
export function chosenSlice(
  choice: TraceChoice,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<TraceSlice> {
  const name = traceFile(choice);
  const bytes = files[name];
  invariant(bytes instanceof Uint8Array, `${name} is read as bytes`);
  return traceSlice(bytes, name, LENGTHS[choice.accesses as keyof typeof LENGTHS]);
}
