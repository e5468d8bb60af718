/**
 * What a page-table operation can cost, by cause: which counted events belong to each, and what one event takes where two
 * recorded runs of a real kernel differ in it and in nothing else.
 *
 * The weights are of one machine, not fitted to any other, and most causes have none: a cause without a weight is counted and
 * not priced, instead of being given a number that nobody has measured.
 */
import type { EventName } from "../../base/tally.ts";

/** One cause of cost. */
export interface Cause {
  readonly event: EventName;
  /** Short enough for the head of a column. */
  readonly label: string;
  /** What one event takes, in nanoseconds; null where no recorded run isolates it. */
  readonly ns: number | null;
  /** How the weight was found, or why there is none. */
  readonly source: string;
}

const RUN = "virtual machine, AMD EPYC, Linux 6.18, 1 GiB of 4K pages, median of 15";
const NONE = "no two recorded runs differ in it alone";

/** Medians of the recorded runs, in nanoseconds a page. */
const ROWS = {
  scanNoneTables: 1.418,
  guardInstallAgain: 15.34,
  guardInstallTables: 18.67,
  guardInstallEmpty: 22.37,
} as const;

/** Slots in a table of the machine that was recorded. */
const SLOTS = 512;

/** Every cause, in the order in which tables show them. */
export const CAUSES: readonly Cause[] = [
  {
    event: "indirectCalls",
    label: "indirect calls",
    ns: ROWS.guardInstallAgain - ROWS.scanNoneTables,
    source: `GUARD_INSTALL over guards (a call a page) less PAGEMAP_SCAN over empty entries (none); ${RUN}`,
  },
  {
    event: "slotsRead",
    label: "slots read",
    ns: ROWS.scanNoneTables,
    source: `PAGEMAP_SCAN over empty entries of existing tables; ${RUN}`,
  },
  {
    event: "slotsWritten",
    label: "slots written",
    ns: ROWS.guardInstallTables - ROWS.guardInstallAgain,
    source: `GUARD_INSTALL into empty entries less over guards; ${RUN}`,
  },
  {
    event: "tablesAllocated",
    label: "tables made",
    ns: (ROWS.guardInstallEmpty - ROWS.guardInstallTables) * SLOTS,
    source: `GUARD_INSTALL without tables less with tables, times ${SLOTS}; ${RUN}`,
  },
  { event: "tablesFreed", label: "tables freed", ns: null, source: NONE },
  { event: "pteLocks", label: "PTE locks", ns: null, source: NONE },
  { event: "upperLocks", label: "upper locks", ns: null, source: NONE },
  { event: "flushRanges", label: "flushes", ns: null, source: NONE },
  { event: "flushPages", label: "pages flushed", ns: null, source: NONE },
  { event: "foliosTouched", label: "folios touched", ns: null, source: NONE },
  { event: "mmuCacheUpdates", label: "MMU-cache updates", ns: null, source: NONE },
  { event: "mappingSplits", label: "mapping splits", ns: null, source: NONE },
  { event: "folioSplits", label: "folio splits", ns: null, source: NONE },
  { event: "contpteFolds", label: "contpte folds", ns: null, source: NONE },
  { event: "contpteUnfolds", label: "contpte unfolds", ns: null, source: NONE },
  { event: "vmaSplits", label: "VMA splits", ns: null, source: NONE },
  { event: "faults", label: "faults", ns: null, source: NONE },
];

/** Modelled nanoseconds of the causes that have a weight. */
export function pricedNs(counts: Readonly<Record<EventName, number>>): number {
  return CAUSES.reduce((sum, cause) => sum + (cause.ns ?? 0) * counts[cause.event], 0);
}
