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
  "riscv-sv39": [0, 9],
  "riscv-sv48": [0, 9],
} as const;
type FormatName = keyof typeof ORDERS;

/** Largest folio order that is looked at on a format. */
export function largestOrder(format: string): number {
  return Math.max(...ORDERS[format as FormatName]);
}

/** The ways to map on formats: by order; where contiguous blocks matter on arm64-4k, without them before with. */
export function mappingsOf(formats: readonly string[]): TracePolicy[] {
  return (formats as readonly FormatName[]).flatMap((name) => ORDERS[name].flatMap((order) => policiesOf(name, order)));
}

function policiesOf(format: FormatName, order: number): TracePolicy[] {
  const policy = { format, order, contpte: true };
  const apart = format === "arm64-4k" && contpteMatters(formatNamed(format), order);
  return apart ? [{ ...policy, contpte: false }, policy] : [policy];
}
