/**
 * Runs a trace on translation hardware, over one or several mappings of its memory at once: the trace is decoded once for all.
 */
import { invariant } from "../../base/errors.ts";
import { type AccessWords, accessCount, vpnAt } from "../../mmu/access-words.ts";
import { type AccessCost, accessCost, type CostTable, defaultCosts } from "../../mmu/cost.ts";
import { type EngineChoice, newEngine, type TranslationEngine } from "../../mmu/engine/engine.ts";
import type { MmuCounts, MmuSpec } from "../../mmu/simulate.ts";
import type { MappedTrace } from "./replay.ts";
import type { TraceSource } from "./source.ts";
import type { TraceProgress } from "./summary.ts";

/** A mapping of the trace's memory and the hardware that walks it. */
export interface TraceCase {
  readonly mapped: MappedTrace;
  readonly core: MmuSpec;
  /** Where its costs come from, if not from {@link defaultCosts}. */
  readonly costs?: CostTable;
}

/** How a trace is run. */
export interface TraceRunOptions {
  /** The accesses `[from, to)`, all by default. */
  readonly from?: number;
  readonly to?: number;
  /** Accesses at the start of these that fill TLBs and walk caches and are not counted; none by default. */
  readonly warmUp?: number;
  readonly engine?: EngineChoice;
  readonly progress?: TraceProgress;
}

/** What was counted and modelled in one case. */
export interface TraceResult {
  readonly mapped: MappedTrace;
  readonly counts: MmuCounts;
  readonly cost: AccessCost;
  /** Which engine ran: both count alike. */
  readonly engine: TranslationEngine["kind"];
}

/**
 * The accesses of one chunk in so many are shown to have reached the frame that the first access to their page reached: the first
 * chunk, and one in so many after it. To show it of all takes far longer than the run.
 */
const CHECKED = 32;

/** Runs the trace once over all cases. Throws `BrokenInvariant` if an access that was checked went astray. */
export async function runTrace(
  trace: TraceSource,
  cases: readonly TraceCase[],
  options: TraceRunOptions = {},
): Promise<TraceResult[]> {
  const { from = 0, to = Infinity, warmUp = 0, engine: choice, progress } = options;
  const engines = cases.map(({ mapped, core }) => newEngine(mapped.mm.pt, core, choice));
  const total = trace.info.accesses === null ? null : Math.max(Math.min(to, trace.info.accesses) - from, 0);
  let [done, chunks] = [0, 0];
  for await (const words of trace.chunks(from, to)) {
    const first = Math.min(Math.max(warmUp - done, 0), accessCount(words));
    for (const [i, { mapped }] of cases.entries()) {
      const placed = mapped.place(words);
      runPart(mapped, engines[i]!, placed.subarray(0, 2 * first), chunks);
      if (first > 0) engines[i]!.reset();
      runPart(mapped, engines[i]!, placed.subarray(2 * first), chunks);
    }
    chunks++;
    done += accessCount(words);
    progress?.(done, total);
  }
  return cases.map(({ mapped, costs = defaultCosts }, i) => {
    const counts = engines[i]!.counts();
    return { mapped, counts, cost: accessCost(counts, costs), engine: engines[i]!.kind };
  });
}

function runPart(mapped: MappedTrace, engine: TranslationEngine, words: AccessWords, chunk: number): void {
  if (words.length === 0) return;
  if (chunk % CHECKED !== 0) return engine.run(words);
  const out = new Float64Array(accessCount(words));
  engine.run(words, out);
  const { pageLg2 } = mapped.mm.kernel.format;
  for (let i = 0; i < out.length; i++) {
    const vpn = vpnAt(words, i, pageLg2);
    if (out[i] !== mapped.frames.get(vpn))
      invariant(false, `access ${i} of page ${vpn} reached frame ${out[i]}, not ${mapped.frames.get(vpn)}`);
  }
}
