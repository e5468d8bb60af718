/**
 * The ways to map memory that traces are run over: page-table formats, page sizes and folio orders side by side.
 */
import { formatNamed } from "../../arch/formats.ts";
import type { TracePolicy } from "../trace/replay.ts";
import { contpteMatters } from "../walk-cost/layout.ts";

/**
 * Formats, and folio orders on each: the base page, 64K or the contiguous block, and 2M where it is a PMD. Leaves of 32M and more
 * are as large as all that the traces touch.
 */
const ORDERS = {
  "x86-64": [0, 4, 9],
  "arm64-4k": [0, 4, 9],
  "arm64-16k": [0, 7],
  "arm64-64k": [0, 5],
  "riscv-sv48": [0, 9],
} as const;
type FormatName = keyof typeof ORDERS;

/** The formats that there are rows for. */
export const TRACE_FORMATS = Object.keys(ORDERS) as FormatName[];

/** The ways to map on one format, or on all: by order; where contiguous blocks matter on arm64-4k, without them before with. */
export function mappingsOf(format: string): TracePolicy[] {
  const names = format === "all" ? TRACE_FORMATS : [format as FormatName];
  return names.flatMap((name) => ORDERS[name].flatMap((order) => policiesOf(name, order)));
}

function policiesOf(format: FormatName, order: number): TracePolicy[] {
  const policy = { format, order, contpte: true };
  const apart = format === "arm64-4k" && contpteMatters(formatNamed(format), order);
  return apart ? [{ ...policy, contpte: false }, policy] : [policy];
}
