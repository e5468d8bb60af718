/**
 * What an operation can cost, by cause: which counted events are shown as such, under what name, and what one event takes by the
 * default cost table.
 */
import type { EventName } from "../../base/tally.ts";
import { defaultKernelCosts, priceOf } from "../cost/costs.ts";

/** One cause of cost. */
export interface Cause {
  readonly event: EventName;
  /** Short enough for the head of a column. */
  readonly label: string;
  /** What one event takes, in nanoseconds; null where nothing says. */
  readonly ns: number | null;
  /** How the weight was found, or why there is none. */
  readonly source: string;
}

/** Labels of the causes, in the order in which tables show them: every counted event, so that none escapes a comparison. */
const LABELS = {
  indirectCalls: "indirect calls",
  slotsRead: "slots read",
  slotsWritten: "slots written",
  tablesAllocated: "tables made",
  tablesFreed: "tables freed",
  pteLocks: "PTE locks",
  upperLocks: "upper locks",
  flushRanges: "flushes",
  flushPages: "pages flushed",
  foliosTouched: "folios touched",
  mmuCacheUpdates: "MMU-cache updates",
  mappingSplits: "mapping splits",
  folioSplits: "folio splits",
  contpteFolds: "contpte folds",
  contpteUnfolds: "contpte unfolds",
  vmaSplits: "VMA splits",
  faults: "faults",
  exceptions: "exceptions",
  slotsChanged: "slots changed",
  pagesTouched: "pages touched",
  foliosAllocated: "folios made",
  foliosFreed: "folios freed",
  pagesFreed: "pages freed",
  pagesZeroed: "pages zeroed",
  pagesCopied: "pages copied",
  pagesSplit: "pages split",
  lruMoves: "LRU moves",
  bytesReported: "bytes reported",
  systemCalls: "system calls",
  vmaMerges: "VMA merges",
  deferredSplits: "deferred splits",
  dcacheFlushes: "D-cache flushes",
  icacheFlushes: "I-cache flushes",
  lockBreaks: "lock breaks",
} as const satisfies Record<EventName, string>;

/** Every cause, in the order in which tables show them. */
export const CAUSES: readonly Cause[] = Object.entries(LABELS).map(([event, label]) => {
  const { ns, source } = defaultKernelCosts.weights.find((weight) => weight.event === event)!;
  return { event: event as EventName, label, ns, source };
});

/** Modelled nanoseconds of the causes that have a weight. */
export function pricedNs(counts: Readonly<Record<EventName, number>>): number {
  return priceOf(counts).ns;
}
