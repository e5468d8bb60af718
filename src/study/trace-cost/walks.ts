/**
 * The experiment "What do a real program's walks cost?": a recorded trace over its memory, mapped by the page-fault code in different
 * ways, on one core.
 */
import { type AccessCost, accessCost, type CostTable, defaultCosts } from "../../mmu/cost.ts";
import { genericCore } from "../../mmu/generic.ts";
import type { MmuCounts } from "../../mmu/simulate.ts";
import type { Experiment, ParamsOf, RunEffects } from "../experiment.ts";
import type { TracePolicy } from "../trace/replay.ts";
import { policyText } from "../walk-cost/layout.ts";
import { mappingsOf, TRACE_FORMATS } from "./mappings.ts";
import type { MappedSlice, TraceSlice } from "./slice.ts";
import { traceParams } from "./traces.ts";

/** Parameters of "What do a real program's walks cost?". */
export const traceWalkParams = {
  ...traceParams,
  format: { kind: "choice", label: "Format", options: ["all", ...TRACE_FORMATS], default: "all" },
  tlb: {
    kind: "choice",
    label: "TLB entries, second level",
    options: ["256", "512", "1024", "1536", "2048", "3072"],
    default: "1024",
  },
  walkCache: { kind: "toggle", label: "Walk caches", default: true },
} as const;

/** One way of mapping, and what the trace counted there. */
export interface TraceWalkRow extends TracePolicy {
  /** Format and policy in words. */
  readonly mapping: string;
  /** Whether the trace's areas had to be moved, for a format with fewer addresses. */
  readonly moved: boolean;
  readonly counts: MmuCounts;
  readonly cost: AccessCost;
}

/** Runs the slice over each way of mapping. Every access is shown to reach the memory written at its address. */
export function runTraceWalks(
  params: Omit<ParamsOf<typeof traceWalkParams>, keyof typeof traceParams>,
  slice: TraceSlice,
  effects?: RunEffects,
  costs: CostTable = defaultCosts,
): readonly TraceWalkRow[] {
  const list = mappingsOf(params.format);
  return list.map((policy, i) => {
    effects?.signal?.throwIfAborted();
    effects?.progress?.(i, list.length);
    const mapped = slice.mapped(policy);
    const counts = mapped.run(coreOf(params, mapped));
    return {
      ...policy,
      mapping: policyText(policy),
      moved: mapped.mapped.moved,
      counts,
      cost: accessCost(counts, costs),
    };
  });
}

function coreOf({ tlb, walkCache }: { readonly tlb: string; readonly walkCache: boolean }, { mm }: MappedSlice) {
  const { format, accessDirty } = mm.kernel;
  return genericCore(format, { tlbEntries: Number(tlb), walkCache, contiguous: true, accessDirty });
}

/** "What do a real program's walks cost?" */
export const traceWalkExperiment: Experiment<typeof traceWalkParams, TraceWalkRow, TraceSlice> = {
  id: "trace-walk-cost",
  question: "What do the walks of a real program cost by format, page size and folio order?",
  params: traceWalkParams,
  run: runTraceWalks,
};
