/**
 * From counted events of the kernel's operations to modelled time, through one table whose every weight names its source.
 *
 * Most weights are fitted: the operations that a real kernel was timed at are run in the simulated one, and the weights are what
 * brings the counts nearest to the times (`fit.ts`). What no timed operation tells apart is taken from a publication, assumed
 * with a reason, or has no weight and is named as not priced.
 *
 * Not modelled: caches and their misses but in the mean (an event costs the same wherever it happens), several CPUs, waiting
 * for locks, interrupts.
 */
import { counts, EVENT_NAMES, type EventName, newTally } from "../../base/tally.ts";
import fitted from "./zen4-6.18.json" with { type: "json" };

/** Where a weight comes from: fitted to timed operations, worked out of published times, assumed for a reason, or not known. */
export type WeightBasis = "fitted" | "published" | "assumed" | "none";

/** What one event costs. */
export interface EventWeight {
  readonly event: EventName;
  /** Nanoseconds; null where nothing says. */
  readonly ns: number | null;
  readonly basis: WeightBasis;
  readonly source: string;
  /** Smallest and largest value when any one of the timed operations is left out of the fit: how well the weight is known. */
  readonly low?: number;
  readonly high?: number;
  /** The timed operation of which the event is the largest part. */
  readonly row?: string;
  readonly share?: number;
}

/** A cost table: a weight for each event, in the order of events. */
export interface KernelCosts {
  readonly name: string;
  readonly weights: readonly EventWeight[];
}

/** A weight that a fit gave. */
export interface FittedWeight {
  readonly event: string;
  readonly ns: number;
  readonly low: number;
  readonly high: number;
  /** The timed operation of which the event is the largest part of the modelled time, that part, and the operation's residual. */
  readonly row: string;
  readonly share: number;
  readonly residual: number;
}

const none = (source: string): Omit<EventWeight, "event"> => ({ ns: null, basis: "none", source });
const free = (source: string): Omit<EventWeight, "event"> => ({ ns: 0, basis: "assumed", source });

const UNTIMED = "no timed operation has it";

/** Weights of what no fit is asked for, with the reason. */
export const NOT_FITTED: Readonly<Partial<Record<EventName, Omit<EventWeight, "event">>>> = {
  pteLocks: {
    ...{ ns: 7, basis: "assumed" },
    source:
      "nobody waits, so it is one locked instruction, about 20 cycles; the timed operations cannot tell it from the rest of a fault",
  },
  flushPages: free(
    "one invalidation costs one flush whatever it names: above 33 pages x86-64 flushes all (Documentation/arch/x86/tlb.rst)",
  ),
  mmuCacheUpdates: free("update_mmu_cache_range does nothing on x86-64"),
  deferredSplits: free("a timed operation queues a folio with each mapping split, whose weight has it"),
  contpteFolds: free("its slots and its flush are counted as such; the rest is instructions"),
  contpteUnfolds: free("its slots and its flush are counted as such; the rest is instructions"),
  folioSplits: free("priced by the page that it cuts: see pagesSplit"),
  dcacheFlushes: none(UNTIMED),
  icacheFlushes: none(UNTIMED),
  vmaSplits: none(UNTIMED),
  vmaMerges: none(UNTIMED),
  lockBreaks: none(UNTIMED),
};

/** A table from a fit: its weights, and for what it did not fit those that are known otherwise. */
export function costTable(name: string, weights: readonly FittedWeight[]): KernelCosts {
  const of = (event: EventName): EventWeight => {
    const own = weights.find((weight) => weight.event === event);
    if (own !== undefined) return { ...own, event, basis: "fitted", source: fittedSource(own, name) };
    return { event, ...(NOT_FITTED[event] ?? none(UNTIMED)) };
  };
  return { name, weights: EVENT_NAMES.map(of) };
}

function fittedSource({ row, share, residual }: FittedWeight, machine: string): string {
  const percent = (part: number) => `${(100 * part).toFixed(0)} %`;
  return `fitted to timed operations on ${machine}; at most ${percent(share)} of one, ${row}, whose residual is ${percent(residual)}`;
}

/** The default table: what `ptlab calibrate` makes of the recorded times in `notebooks/data/limits-zen4-6.18.json`. */
export const defaultKernelCosts: KernelCosts = costTable(fitted.machine, fitted.weights);

/** Modelled time of one cause. */
export interface CausePrice {
  readonly event: EventName;
  readonly count: number;
  readonly ns: number;
}

/** Modelled time of an operation: by cause, the largest first, and what was counted but has no weight. */
export interface Price {
  readonly ns: number;
  readonly causes: readonly CausePrice[];
  readonly unpriced: readonly EventName[];
}

/** What counted events cost by a table. The causes sum up to the whole. */
export function priceOf(counted: Readonly<Record<EventName, number>>, costs = defaultKernelCosts): Price {
  const met = costs.weights.filter(({ event }) => counted[event] !== 0);
  const causes = met
    .filter(({ ns }) => ns !== null && ns > 0)
    .map(({ event, ns }) => ({ event, count: counted[event], ns: counted[event] * ns! }))
    .sort((a, b) => b.ns - a.ns);
  const unpriced = met.filter(({ ns }) => ns === null).map(({ event }) => event);
  return { ns: causes.reduce((sum, cause) => sum + cause.ns, 0), causes, unpriced };
}

/** A timed operation of the default table's machine: what was recorded, what the table says, and the counts by page or by call. */
export interface CalibratedRow {
  readonly name: string;
  readonly what: string;
  readonly measured: number;
  readonly modelled: number;
  readonly counts: Readonly<Record<EventName, number>>;
}

/** Every operation that the default table was fitted to, in the order of the recording. */
export const calibratedRows: readonly CalibratedRow[] = fitted.rows.map((row) => ({
  ...row,
  counts: { ...counts(newTally()), ...row.counts },
}));
