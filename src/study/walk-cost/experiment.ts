/**
 * The experiment "What does one access cost?": one stream of loads over memory that Linux has mapped in different ways.
 */

import { pmdOrder } from "../../arch/format.ts";
import { formatNamed } from "../../arch/formats.ts";
import { parseSize } from "../../base/size.ts";
import { accessesOf } from "../../mmu/access-words.ts";
import { type CostTable, defaultCosts } from "../../mmu/cost.ts";
import type { Experiment, ParamsOf, RunEffects } from "../experiment.ts";
import { contpteMatters, layoutFor, type Policy, policyText, START } from "./layout.ts";
import { type CoreChoice, type Measured, measure, type Streams } from "./measure.ts";
import { makeStream, PATTERNS, type Pattern } from "./streams.ts";

/** Formats with page size and levels in common, so that rows can stand side by side. */
export const WALK_FORMATS = ["x86-64", "arm64-4k"] as const;

/** Log two of the base page that these formats have. */
const PAGE_LG2 = 12;

/** Parameters that all experiments on walks share. */
export const coreParams = {
  pattern: { kind: "choice", label: "Access pattern", options: PATTERNS, default: "random" },
  tlb: {
    kind: "choice",
    label: "TLB entries, second level",
    options: ["256", "512", "1024", "1536", "2048", "3072", "4096"],
    default: "1024",
  },
  walkCache: { kind: "toggle", label: "Walk caches", default: true },
  seed: { kind: "range", label: "Seed", min: 1, max: 99, step: 1, default: 1 },
} as const;

/** Parameters of "What does one access cost?". */
export const walkCostParams = {
  format: { kind: "choice", label: "Format", options: ["both", ...WALK_FORMATS], default: "both" },
  mapped: {
    kind: "choice",
    label: "Memory mapped",
    options: ["4M", "16M", "64M", "128M", "256M", "512M", "1G"],
    default: "128M",
  },
  orders: { kind: "choice", label: "Folio orders", options: ["4K, 64K, 2M", "all"], default: "4K, 64K, 2M" },
  ...coreParams,
} as const;

/** One way of mapping and what a load costs there, on average. */
export interface WalkCostRow extends Policy {
  /** Format and policy in words. */
  readonly mapping: string;
  readonly measured: Measured;
}

/** Loads that are counted. */
export const COUNTED = 32768;
/** Loads before them, which fill TLBs and walk caches. */
export const WARM_UP = 16384;

/** What the choice of formats and orders stands for: base pages first, then by order, without contpte before with. */
export function policies(format: string, orders: string): Policy[] {
  const names = format === "both" ? WALK_FORMATS : [format];
  return names.flatMap((name) => formatPolicies(name, orders === "all"));
}

function formatPolicies(name: string, all: boolean): Policy[] {
  const format = formatNamed(name);
  const pmd = pmdOrder(format);
  const every = Array.from({ length: pmd - 1 }, (_, i) => i + 2);
  return [0, ...(all ? every : [format.contLg2[0] || 4, pmd])].flatMap((order) => {
    const policy = { format: name, order, contpte: true };
    return contpteMatters(format, order) ? [{ ...policy, contpte: false }, policy] : [policy];
  });
}

/** The loads of one run. All layouts begin at the same page, so that every way of mapping gets the same loads. */
export function streams(spec: {
  readonly pattern: string;
  readonly pages: number;
  readonly seed: number;
  readonly counted?: number;
  readonly warmUp?: number;
}): Streams {
  const { pattern, pages, seed, counted = COUNTED, warmUp = WARM_UP } = spec;
  const all = makeStream({ pattern: pattern as Pattern, start: START, pages, accesses: warmUp + counted, seed });
  const words = (vpns: Float64Array) => accessesOf(vpns, PAGE_LG2);
  return { warmUp: words(all.subarray(0, warmUp)), counted: words(all.subarray(warmUp)) };
}

/** The core that the parameters ask for. */
export function coreOf({ tlb, walkCache }: { readonly tlb: string; readonly walkCache: boolean }): CoreChoice {
  return { tlbEntries: Number(tlb), walkCache };
}

/** Runs one stream over each way of mapping. Every load is shown to reach the memory written at its address. */
export function runWalkCost(
  params: ParamsOf<typeof walkCostParams>,
  costs: CostTable = defaultCosts,
  effects?: RunEffects,
): readonly WalkCostRow[] {
  const list = policies(params.format, params.orders);
  const bytes = parseSize(params.mapped);
  const loads = streams({ ...params, pages: bytes / 2 ** formatNamed(list[0]!.format).pageLg2 });
  return list.map((policy, i) => {
    effects?.signal?.throwIfAborted();
    effects?.progress?.(i, list.length);
    const measured = measure(layoutFor(policy, bytes), coreOf(params), costs, loads);
    return { ...policy, mapping: policyText(policy), measured };
  });
}

/** "What does one access cost?" */
export const walkCostExperiment: Experiment<typeof walkCostParams, WalkCostRow> = {
  id: "walk-cost",
  question: "What does one access cost by format, page size and folio order?",
  params: walkCostParams,
  run: (params, _input, effects) => runWalkCost(params, defaultCosts, effects),
};
