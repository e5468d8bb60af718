/**
 * The experiment "How many translations does a real program need?": which share of its accesses the most used pages of each size
 * have, beside the entries that cores have.
 *
 * Counted on addresses alone, without tables: a page of 2M stands for 2M of addresses, whether a kernel could map them so or not.
 */
import { KiB, MiB } from "../../base/size.ts";
import { coreNamed } from "../../mmu/cores/cores.ts";
import type { Experiment } from "../experiment.ts";
import { REAL_CORES } from "./cores.ts";
import { SMALL_LG2 } from "./mapped.ts";
import type { TraceSlice } from "./slice.ts";
import { traceParams } from "./traces.ts";

/** Parameters of "How many translations does a real program need?"; the core is shown beside the answer and changes nothing in it. */
export const traceReachParams = {
  ...traceParams,
  core: { kind: "choice", label: "Beside", options: REAL_CORES, default: "zen-4" },
} as const;

/** Page sizes that are looked at, by name. */
export const REACH_SIZES = { "4K": 4 * KiB, "16K": 16 * KiB, "64K": 64 * KiB, "2M": 2 * MiB } as const;

/** What so many entries of one size can hold. */
export interface TraceReachRow {
  readonly size: string;
  readonly entries: number;
  /** Share of all accesses that go to the most used pages, as many as there are entries, in per cent. */
  readonly covered: number;
}

/** The most used pages of each size, and the share of the accesses that they have, at powers of two and at the last page. */
export function runTraceReach(slice: TraceSlice): readonly TraceReachRow[] {
  return Object.entries(REACH_SIZES).flatMap(([size, bytes]) => {
    const uses = usesBySize(slice, Math.log2(bytes)).sort().reverse();
    const sums = runningSums(uses);
    const points = powersOfTwo(uses.length);
    return points.map((entries) => ({ size, entries, covered: (100 * sums[entries - 1]!) / slice.accesses }));
  });
}

/** Accesses of each page of `2^pageLg2` bytes. */
export function usesBySize({ uses, summary: { touches } }: TraceSlice, pageLg2: number): Float64Array {
  const sums = new Map<number, number>();
  for (let i = 0; i < uses.length; i++) {
    const page = Math.floor(touches[i]! / 2 ** (pageLg2 - SMALL_LG2));
    sums.set(page, (sums.get(page) ?? 0) + uses[i]!);
  }
  return Float64Array.from(sums.values());
}

function runningSums(values: Float64Array): Float64Array {
  let sum = 0;
  return values.map((value) => (sum += value));
}

/** 1, 2, 4 and so on up to a number, and the number itself. */
function powersOfTwo(most: number): number[] {
  const below = Array.from({ length: Math.ceil(Math.log2(most)) }, (_, i) => 2 ** i);
  return [...below, most];
}

/** Entries that a core has for data in base pages, by TLB level. */
export function dataEntries(name: string): readonly number[] {
  return coreNamed(name).tlb.map((arrays) => {
    const data = arrays.filter((array) => array.for !== "fetch" && array.holds.includes(4 * KiB));
    return data.reduce((sum, { entries }) => sum + entries.value, 0);
  });
}

/** "How many translations does a real program need?" */
export const traceReachExperiment: Experiment<typeof traceReachParams, TraceReachRow, TraceSlice> = {
  id: "trace-reach",
  question: "How many TLB entries of each size cover which share of a real program's accesses?",
  params: traceReachParams,
  run: (_params, slice) => runTraceReach(slice),
};
