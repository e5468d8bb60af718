/**
 * The experiment "What does software pay to read a real program's tables?": every design reads the entries of all memory that a
 * recorded trace has touched, in folios of different orders. What each saw is proven equal before its costs are told.
 *
 * One such scan is what asks which pages a program uses: counting present, accessed and dirty pages (smaps, idle-page tracking),
 * the words of /proc/PID/pagemap, or mincore.
 */
import { formatNamed } from "../../arch/formats.ts";
import { formatSize } from "../../base/size.ts";
import type { EventName } from "../../base/tally.ts";
import { DESIGN_NAMES, type Design } from "../../design/design.ts";
import type { Mm } from "../../mm/mm.ts";
import { compareAll, type SideCounts } from "../compare/compare.ts";
import type { Workload } from "../compare/workloads.ts";
import { type CausePrice, defaultKernelCosts, type KernelCosts, priceOf } from "../cost/costs.ts";
import type { Experiment, ParamsOf, RunEffects } from "../experiment.ts";
import { mapTrace } from "../trace/replay.ts";
import type { TraceSlice } from "./slice.ts";
import { traceParams } from "./traces.ts";

/** What is read, by what asks for it. */
const READERS = {
  "accessed and dirty": (design: Design, mm: Mm, start: number, end: number) => design.countPages(mm.pt, start, end),
  "pagemap words": (design: Design, mm: Mm, start: number, end: number) => {
    const { lo, hi } = design.pagemap(mm.pt, start, end);
    return [Array.from(lo), Array.from(hi)];
  },
  "present (mincore)": (design: Design, mm: Mm, start: number, end: number) =>
    Array.from(design.mincore(mm.pt, start, end)),
} as const;
type ReaderName = keyof typeof READERS;

/** Folio orders by format: base pages, 64K, and 2M. */
const SCAN_ORDERS = {
  "x86-64": [0, 4, 9],
  "arm64-4k": [0, 4, 9],
  "arm64-16k": [0, 2, 7],
  "arm64-64k": [0, 5],
} as const;
type ScanFormat = keyof typeof SCAN_ORDERS;
const SCAN_FORMATS = Object.keys(SCAN_ORDERS) as ScanFormat[];

/** Parameters of "What does software pay to read a real program's tables?". */
export const traceScanParams = {
  ...traceParams,
  format: { kind: "choice", label: "Format", options: SCAN_FORMATS, default: "arm64-4k" },
  reads: {
    kind: "choice",
    label: "What is read",
    options: Object.keys(READERS) as ReaderName[],
    default: "accessed and dirty",
  },
} as const;

/** One design over folios of one order. */
export interface TraceScanRow {
  readonly design: string;
  /** Size of the folios in words. */
  readonly folios: string;
  readonly order: number;
  readonly counts: Readonly<Record<EventName, number>>;
  /** Modelled nanoseconds of the whole scan, and by cause. */
  readonly ns: number;
  readonly causes: readonly CausePrice[];
  /** Counted events without a weight. */
  readonly unpriced: readonly EventName[];
}

/** Reads the slice's memory once with each design, over folios of each order. */
export function runTraceScan(
  params: Omit<ParamsOf<typeof traceScanParams>, keyof typeof traceParams>,
  slice: TraceSlice,
  effects?: RunEffects,
  costs: KernelCosts = defaultKernelCosts,
): readonly TraceScanRow[] {
  const { format, reads } = params;
  const orders = SCAN_ORDERS[format as ScanFormat];
  return orders.flatMap((order, i) => {
    effects?.signal?.throwIfAborted();
    effects?.progress?.(i, orders.length);
    const sides = compareAll(DESIGN_NAMES, scanOf(slice, format, order, reads as ReaderName), {
      arch: format,
      policy: `order ${order}`,
    });
    return sides.map((side) => scanRow(side, format, order, costs));
  });
}

function scanRow({ label, counts }: SideCounts, format: string, order: number, costs: KernelCosts): TraceScanRow {
  const folios = formatSize(2 ** (formatNamed(format).pageLg2 + order));
  return { design: label, folios, order, counts, ...priceOf(counts, costs) };
}

/** Reading all areas of the trace, as an operation to compare designs on. */
function scanOf(slice: TraceSlice, format: string, order: number, reads: ReaderName): Workload {
  return {
    name: `read ${reads}`,
    what: "Reads the entries of every area that the trace has touched.",
    prepare: (kernel) => {
      const { mm } = mapTrace(slice.summary, { format, order, contpte: kernel.contpte }, kernel);
      const { all } = mm.vmas;
      return { mm, start: all[0]!.start, end: all.at(-1)!.end };
    },
    act: ({ mm }) => ({
      processes: [mm],
      answer: mm.vmas.all.map(({ start, end }) => READERS[reads](mm.design, mm, start, end)),
    }),
  };
}

/** "What does software pay to read a real program's tables?" */
export const traceScanExperiment: Experiment<typeof traceScanParams, TraceScanRow, TraceSlice> = {
  id: "trace-scan",
  question: "What does each design pay to read the entries of all memory that a real program has touched?",
  params: traceScanParams,
  run: runTraceScan,
};
