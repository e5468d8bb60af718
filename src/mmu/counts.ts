/**
 * What a core counts, exactly.
 */

/** Counts since the last reset. Arrays are by TLB level or by table level. Hits and walks add up to accesses and retries. */
export interface MmuCounts {
  readonly accesses: number;
  /** Look-ups that hit in each TLB level, whether the entry allowed the access or not. */
  readonly tlbHits: readonly number[];
  /** Look-ups that missed and needed a walk. */
  readonly walks: number;
  /** Walks for a store that hit, to set dirty. */
  readonly dirtyWalks: number;
  /** Faults, of walks and from TLB entries, those that were mended included. */
  readonly faults: number;
  /** Table reads by level, level 0 first; of the guest's tables where translation is nested. */
  readonly reads: readonly number[];
  /** Different 64-byte lines of tables read, by level. */
  readonly lines: readonly number[];
  /** With caches: table reads by level, then by the cache that had the line, memory last. */
  readonly cacheReads?: readonly (readonly number[])[];
  /** With caches in which the program's data competes: its own accesses by the cache that had the line, memory last. */
  readonly dataReads?: readonly number[];
  /** Nested: reads of the host's tables. */
  readonly host?: HostCounts;
}

/** Reads of the host's tables in nested translation. */
export interface HostCounts {
  /**
   * The two-dimensional walk: row g has the reads of the host's tables, level 0 first, made to find a guest's table of level g; the
   * last row those made to find the page itself.
   */
  readonly reads: readonly (readonly number[])[];
  /** Translations of guest-physical pages that a nested TLB had, by its level. */
  readonly tlbHits: readonly number[];
  /** With caches: by level of the host's tables, then by cache, memory last. */
  readonly cacheReads?: readonly (readonly number[])[];
}
