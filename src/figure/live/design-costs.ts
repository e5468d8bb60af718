/**
 * Live figures of comparisons: one operation with all designs, and one operation with a switch of the machine turned.
 */
import { formatNamed, formats } from "../../arch/formats.ts";
import { MiB } from "../../base/size.ts";
import { DESIGN_NAMES } from "../../design/design.ts";
import { profiles } from "../../mm/profile.ts";
import { compare, compareAll } from "../../study/compare/compare.ts";
import { SWITCHES, switchNamed } from "../../study/compare/switches.ts";
import { WORKLOADS } from "../../study/compare/workloads.ts";
import { SIZELESS_POLICIES } from "../../study/layout.ts";
import { causesData, causesPlot, comparisonData, comparisonPlot } from "../comparison.ts";
import { defineLive } from "../live.ts";

const WHERE = {
  arch: { kind: "choice", label: "format", options: formats.map((f) => f.name), default: "x86-64" },
  operation: { kind: "choice", label: "operation", options: WORKLOADS.map((w) => w.name), default: "count pages" },
  policy: { kind: "choice", label: "mapped as", options: SIZELESS_POLICIES, default: "base pages" },
  mib: { kind: "range", label: "memory", min: 4, max: 256, step: 4, default: 16, unit: "MiB" },
} as const;

const KERNEL = { kind: "choice", label: "kernel", options: profiles.map((p) => p.name), default: "6.18" } as const;

function pagesOf({ arch, mib }: { readonly arch: string; readonly mib: number }): number {
  return (mib * MiB) / 2 ** formatNamed(arch).pageLg2;
}

/** What one operation counts with each of the five designs. */
export const designCostsLive = defineLive({
  id: "design-costs",
  title: "One operation with every design",
  params: { ...WHERE, kernel: KERNEL },
  inputs: [],
  run: (params) => {
    const { arch, operation: workload, policy, kernel } = params;
    const setting = { arch, kernel, policy, pages: pagesOf(params) };
    return comparisonData(compareAll(DESIGN_NAMES, workload, setting), { workload, setting });
  },
  plot: comparisonPlot,
});

/** What one switch changes in the counts of one operation. */
export const switchCostsLive = defineLive({
  id: "switch-costs",
  title: "One operation, one switch",
  params: {
    change: { kind: "choice", label: "switch", options: SWITCHES.map((s) => s.name), default: SWITCHES[0]!.name },
    ...WHERE,
    arch: { ...WHERE.arch, default: "arm64-4k" },
    operation: { ...WHERE.operation, default: "fork and exit" },
    policy: { ...WHERE.policy, default: "mTHP" },
  },
  inputs: [],
  run: (params) => {
    const { change, arch, operation, policy } = params;
    const { a, b } = switchNamed(change);
    return causesData(compare(a, b, operation, { arch, policy, pages: pagesOf(params) }));
  },
  plot: causesPlot,
});
