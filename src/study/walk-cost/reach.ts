/**
 * The experiment "How far does the TLB reach?": random loads over more and more of one mapping.
 */
import { MiB } from "../../base/size.ts";
import { defaultCosts } from "../../mmu/cost.ts";
import type { Experiment, ParamsOf, RunEffects } from "../experiment.ts";
import { coreOf, coreParams, streams } from "./experiment.ts";
import { type Layout, layoutFor, type Policy, policyText } from "./layout.ts";
import { measure } from "./measure.ts";

/** Parameters of "How far does the TLB reach?". */
export const tlbReachParams = coreParams;

/** One size of memory under one way of mapping. */
export interface TlbReachRow extends Policy {
  readonly mapping: string;
  /** Memory that loads go to, in MiB. */
  readonly mib: number;
  /** Loads that miss in all TLB levels, per 1000. */
  readonly missesPer1000: number;
}

/** Memory used, in MiB: from within reach of small pages to far beyond it. */
export const REACH_MIB = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;

const POLICIES: readonly Policy[] = [
  { format: "x86-64", order: 0, contpte: true },
  { format: "arm64-4k", order: 4, contpte: true },
  { format: "x86-64", order: 9, contpte: true },
];

/** Fewer loads than for one cost, because there are many points. */
const LENGTH = { counted: 16384, warmUp: 16384 };

/** Misses by memory used. Every load is shown to reach the memory written at its address. */
export function runTlbReach(params: ParamsOf<typeof tlbReachParams>, effects?: RunEffects): readonly TlbReachRow[] {
  return POLICIES.flatMap((policy, i) => {
    effects?.signal?.throwIfAborted();
    effects?.progress?.(i, POLICIES.length);
    const layout = layoutFor(policy, REACH_MIB.at(-1)! * MiB);
    return REACH_MIB.map((mib) => point(params, layout, mib));
  });
}

function point(params: ParamsOf<typeof tlbReachParams>, layout: Layout, mib: number): TlbReachRow {
  const { policy, mm } = layout;
  const pages = (mib * MiB) / 2 ** mm.kernel.format.pageLg2;
  const { counts } = measure(layout, coreOf(params), defaultCosts, streams({ ...params, ...LENGTH, pages }));
  return { ...policy, mapping: policyText(policy), mib, missesPer1000: (counts.walks / counts.accesses) * 1000 };
}

/** "How far does the TLB reach?" */
export const tlbReachExperiment: Experiment<typeof tlbReachParams, TlbReachRow> = {
  id: "tlb-reach",
  question: "How much memory can be used before most accesses miss in the TLB?",
  params: tlbReachParams,
  run: (params, _input, effects) => runTlbReach(params, effects),
};
