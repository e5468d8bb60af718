/**
 * The experiment "Where do the cycles of translation go?": a recorded trace on a real core with its caches, natively and in a virtual
 * machine; each table read costs what the cache takes that had the line, with the program's own lines in the same caches.
 */
import { formatNamed } from "../../arch/formats.ts";
import { formatSize } from "../../base/size.ts";
import { type AccessCost, accessCost, type CostTable } from "../../mmu/cost.ts";
import type { MmuCounts } from "../../mmu/counts.ts";
import type { Experiment, ParamsOf, RunEffects } from "../experiment.ts";
import type { TracePolicy } from "../trace/replay.ts";
import { policyText } from "../walk-cost/layout.ts";
import { coreWithCaches, costsNamed, formatsOf, REAL_CORES } from "./cores.ts";
import type { MappedSlice } from "./mapped.ts";
import { largestOrder, mappingsOf } from "./mappings.ts";
import type { TraceSlice } from "./slice.ts";
import { traceParams } from "./traces.ts";

/** What maps a virtual machine's memory beside the native run: nothing, base pages, or the largest folios that are looked at. */
const HOSTS = ["none", "base pages", "large folios"] as const;

/** Parameters of "Where do the cycles of translation go?". */
export const traceCauseParams = {
  ...traceParams,
  accesses: { ...traceParams.accesses, default: "0.1 M" },
  core: { kind: "choice", label: "Core", options: REAL_CORES, default: "zen-4" },
  host: { kind: "choice", label: "Virtual machine on", options: HOSTS, default: HOSTS[0] },
} as const;

/** One way of mapping, natively or in a virtual machine. */
export interface TraceCauseRow extends TracePolicy {
  /** Policy in words, and whether in a virtual machine. */
  readonly mapping: string;
  readonly nested: boolean;
  readonly counts: MmuCounts;
  readonly cost: AccessCost;
  /** Cycles per access by the cache that had the lines of tables, memory last, the host's tables included. */
  readonly fromCaches: readonly number[];
}

/** Runs the slice on the core, the first half of it to fill TLBs and caches, uncounted. */
export function runTraceCauses(
  params: Omit<ParamsOf<typeof traceCauseParams>, keyof typeof traceParams>,
  slice: TraceSlice,
  effects?: RunEffects,
): readonly TraceCauseRow[] {
  const { core, host } = params;
  const format = formatsOf(core)[0]!;
  const costs = costsNamed(core);
  const hostOrder = host === "large folios" ? largestOrder(format) : 0;
  const cases = mappingsOf([format]).flatMap((policy) =>
    (host === "none" ? [false] : [false, true]).map((nested) => ({ ...policy, nested })),
  );
  return cases.map((one, i) => {
    effects?.signal?.throwIfAborted();
    effects?.progress?.(i, cases.length);
    const counts = countsOf(core, slice.mapped(one), one.nested ? hostOrder : null);
    const mapping = `${policyText(one).replace(`${format} `, "")}, ${one.nested ? `VM on ${hostText(format, hostOrder)}` : "native"}`;
    return { ...one, mapping, counts, cost: accessCost(counts, costs), fromCaches: cachesCost(counts, costs) };
  });
}

function countsOf(core: string, mapped: MappedSlice, hostOrder: number | null): MmuCounts {
  const spec = coreWithCaches(core, mapped, hostOrder !== null);
  const warmUp = Math.floor(mapped.slice.accesses / 2);
  return hostOrder === null ? mapped.run(spec, warmUp) : mapped.runNested(spec, hostOrder, warmUp);
}

const hostText = (format: string, order: number) => formatSize(2 ** (formatNamed(format).pageLg2 + order));

/** Nanoseconds per access of the table reads that each cache served, and memory. */
function cachesCost(counts: MmuCounts, { caches, memory, clock }: CostTable): number[] {
  const rows = [...counts.cacheReads!, ...(counts.host?.cacheReads ?? [])];
  return [...caches.map(({ load }) => load), memory].map(({ value, unit }, place) => {
    const reads = rows.reduce((sum, row) => sum + row[place]!, 0);
    return (reads * (unit === "cycles" ? value / clock.value : value)) / counts.accesses;
  });
}

/** "Where do the cycles of translation go?" */
export const traceCauseExperiment: Experiment<typeof traceCauseParams, TraceCauseRow, TraceSlice> = {
  id: "cycles-by-cause",
  question:
    "Where do the cycles of a real program's translation go, by table level and by cache, natively and in a virtual machine?",
  params: traceCauseParams,
  run: runTraceCauses,
};
