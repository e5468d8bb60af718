/**
 * The experiment "Which folio orders help the TLB?": the same random loads over memory in folios of every order.
 */
import { formatNamed } from "../../arch/formats.ts";
import { parseSize } from "../../base/size.ts";
import { defaultCosts } from "../../mmu/cost.ts";
import type { Experiment, ParamsOf, RunEffects } from "../experiment.ts";
import { coreOf, coreParams, policies, streams } from "./experiment.ts";
import { contpteMatters, layoutFor, type Policy } from "./layout.ts";
import { measure } from "./measure.ts";

/** Parameters of "Which folio orders help the TLB?". */
export const folioOrderParams = {
  ...coreParams,
  tlb: { ...coreParams.tlb, default: "512" },
  mapped: { kind: "choice", label: "Memory mapped", options: ["4M", "16M", "64M", "256M"], default: "64M" },
} as const;

/** One folio order on one format, with contpte or without. */
export interface FolioOrderRow extends Policy {
  /** Format and use of the contiguous bit in words. */
  readonly series: string;
  readonly missesPer1000: number;
}

/** Fewer loads than for one cost, because there are many points. */
const LENGTH = { counted: 16384, warmUp: 8192 };

/** Misses by folio order. An order at which contpte makes no difference is run once and listed for both. */
export function runFolioOrders(
  params: ParamsOf<typeof folioOrderParams>,
  effects?: RunEffects,
): readonly FolioOrderRow[] {
  const list = policies("both", "all");
  return list
    .flatMap((policy, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, list.length);
      const missesPer1000 = misses(params, policy);
      return seriesOf(policy).map((series) => ({ ...policy, series, missesPer1000 }));
    })
    .sort((a, b) => b.series.localeCompare(a.series, "en") || a.order - b.order);
}

function misses(params: ParamsOf<typeof folioOrderParams>, policy: Policy): number {
  const layout = layoutFor(policy, parseSize(params.mapped));
  const loads = streams({ ...params, ...LENGTH, pages: layout.pages });
  const { counts } = measure(layout, coreOf(params), defaultCosts, loads);
  return (counts.walks / counts.accesses) * 1000;
}

function seriesOf({ format: name, order, contpte }: Policy): string[] {
  const format = formatNamed(name);
  if (format.contLg2[0] === 0) return [name];
  const [on, off] = [`${name}, contpte`, `${name}, no contpte`];
  if (!contpteMatters(format, order)) return [on, off];
  return [contpte ? on : off];
}

/** "Which folio orders help the TLB?" */
export const folioOrderExperiment: Experiment<typeof folioOrderParams, FolioOrderRow> = {
  id: "folio-order",
  question: "Which folio orders help the TLB, with and without the contiguous bit?",
  params: folioOrderParams,
  run: (params, _input, effects) => runFolioOrders(params, effects),
};
