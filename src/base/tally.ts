/**
 * The event tally: exact counts of what the model did, as plain adds into one typed array.
 * It never influences what the model does; a run with another tally gives the same tables.
 */

/** Every counted event with the sentence that defines it. Order is the index in a {@link Tally}. */
export const EVENTS = {
  slotsRead: "table slots read by software",
  slotsWritten: "table slots written by software",
  tablesAllocated: "table pages allocated",
  tablesFreed: "table pages freed",
  indirectCalls: "calls through a function pointer in a pagewalk",
  pteLocks: "locks of PTE tables taken",
  upperLocks: "locks of page tables above level 0 taken: of a PMD table, or of the address space",
  flushPages: "base pages named in TLB invalidations",
  flushRanges: "TLB invalidations of a range",
  foliosTouched: "folio descriptors read or written",
  dcacheFlushes: "folios flushed from the data cache",
  icacheFlushes: "pages flushed from the instruction cache",
  mmuCacheUpdates: "updates of the MMU cache after entries were stored (update_mmu_cache_range)",
  faults: "page faults handled",
  vmaSplits: "VMA splits: one mapping's description became two",
  vmaMerges: "VMA merges: a VMA, or a part of one, joined its neighbour",
  mappingSplits: "mapping splits: a huge leaf was replaced by a table of smaller ones",
  folioSplits: "folio splits: a folio was cut into smaller folios",
  contpteFolds: "contpte folds: a block of PTEs was given the contiguous bit",
  contpteUnfolds: "contpte unfolds: a block of PTEs lost the contiguous bit",
  deferredSplits: "folios queued for a later folio split",
  systemCalls: "calls of the kernel by a program",
  exceptions: "page faults that the CPU raised, as against those that the kernel handles without one (populate)",
  slotsChanged: "slots of level 0 whose attributes were changed while their frame stayed",
  pagesTouched: "descriptors of single pages read or written: map counts and exclusive marks",
  foliosAllocated: "anonymous folios taken from the allocator",
  foliosFreed: "folios given back to the allocator",
  pagesFreed: "base pages in folios given back to the allocator",
  pagesZeroed: "pages filled with zeros for a program",
  pagesCopied: "pages copied",
  pagesSplit: "base pages in folios that a folio split has cut",
  lruMoves: "folios moved from one LRU list to another",
  bytesReported: "bytes about pages that were copied out to a program",
  lockBreaks: "times that fork's copy let go of its page-table locks because somebody waited",
} as const;

/** Name of a counted event. */
export type EventName = keyof typeof EVENTS;

/** The counted events in the order of their indices. */
export const EVENT_NAMES = Object.keys(EVENTS) as readonly EventName[];

/** Index of every event in a tally. */
export const E = Object.fromEntries(EVENT_NAMES.map((name, i) => [name, i])) as { readonly [K in EventName]: number };

/** One count for each event. Counts are exact up to 2^53. */
export type Tally = Float64Array;

/** A tally of zeros. */
export function newTally(): Tally {
  return new Float64Array(EVENT_NAMES.length);
}

/** The counts by name. With `since`, the difference to an earlier copy. */
export function counts(tally: Tally, since?: Tally): Record<EventName, number> {
  return countsOf(EVENT_NAMES, tally, since);
}

/** {@link counts} of some events alone. */
export function countsOf<K extends EventName>(names: readonly K[], tally: Tally, since?: Tally): Record<K, number> {
  const at = (name: K) => tally[E[name]]! - (since?.[E[name]] ?? 0);
  return Object.fromEntries(names.map((name) => [name, at(name)])) as Record<K, number>;
}
