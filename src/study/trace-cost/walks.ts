/**
 * The experiment "What do a real program's walks cost?": a recorded trace over its memory, mapped by the page-fault code in different
 * ways, on one core.
 */
import { type AccessCost, accessCost } from "../../mmu/cost.ts";
import type { MmuCounts } from "../../mmu/counts.ts";
import type { Experiment, ParamsOf, RunEffects } from "../experiment.ts";
import type { TracePolicy } from "../trace/replay.ts";
import { policyText } from "../walk-cost/layout.ts";
import { costsNamed, formatsOf, GENERIC, plainCore, REAL_CORES } from "./cores.ts";
import { mappingsOf } from "./mappings.ts";
import type { TraceSlice } from "./slice.ts";
import { traceParams } from "./traces.ts";

/** Parameters of "What do a real program's walks cost?". The last two are of the generic core. */
export const traceWalkParams = {
  ...traceParams,
  core: { kind: "choice", label: "Core", options: [GENERIC, ...REAL_CORES], default: GENERIC },
  tlb: {
    kind: "choice",
    label: "Generic core: TLB entries, second level",
    options: ["256", "512", "1024", "1536", "2048", "3072"],
    default: "1024",
  },
  walkCache: { kind: "toggle", label: "Generic core: walk caches", default: true },
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
): readonly TraceWalkRow[] {
  const costs = costsNamed(params.core);
  const list = mappingsOf(formatsOf(params.core));
  return list.map((policy, i) => {
    effects?.signal?.throwIfAborted();
    effects?.progress?.(i, list.length);
    const mapped = slice.mapped(policy);
    const counts = mapped.run(plainCore(params.core, mapped, params));
    return {
      ...policy,
      mapping: policyText(policy),
      moved: mapped.mapped.moved,
      counts,
      cost: accessCost(counts, costs),
    };
  });
}

/** "What do a real program's walks cost?" */
export const traceWalkExperiment: Experiment<typeof traceWalkParams, TraceWalkRow, TraceSlice> = {
  id: "trace-walk-cost",
  question: "What do the walks of a real program cost by format, page size and folio order?",
  params: traceWalkParams,
  run: runTraceWalks,
};
