/**
 * A generic core for comparisons that should not depend on one product: every number is a round one, the same for all
 * formats, so that formats differ by what Linux can do with them and by nothing else.
 *
 * The shape is assumed. For the order of magnitude: Cortex-A76 has 48 and 1280 TLB entries (Core TRM, Arm 100798); Intel
 * cores keep larger pages in a first-level array of their own.
 */
import { type AccessDirty, type Format, spanLg2 } from "../arch/format.ts";
import type { MmuSpec } from "./simulate.ts";
import type { WalkCacheSpec } from "./walk-cache.ts";

/** What one may choose of the generic core. */
export interface GenericCore {
  /** Entries of the second TLB level: 8 or 12 times a power of two. */
  readonly tlbEntries: number;
  /** Whether table entries are cached for the walker. */
  readonly walkCache: boolean;
  /** Whether a TLB entry may cover a contiguous block. */
  readonly contiguous: boolean;
  readonly accessDirty: AccessDirty;
}

const FIRST_SMALL = { sets: 16, ways: 4 };
const FIRST_LARGE = { sets: 8, ways: 4 };
/** A number of entries with a factor of three is made by ways, since sets are a power of two. */
const secondWays = (entries: number) => (entries % 3 === 0 ? 12 : 8);
/** By level of the cached entry: level 0 has no table entries. */
const WALK_CACHES: WalkCacheSpec = [
  null,
  { sets: 1, ways: 32 },
  { sets: 1, ways: 8 },
  { sets: 1, ways: 4 },
  { sets: 1, ways: 2 },
];

/** The generic core for a format: a split first TLB level, a unified second one, and walk caches. */
export function genericCore(format: Format, core: GenericCore): MmuSpec {
  const sizes = leafSizes(format, core.contiguous);
  const ways = secondWays(core.tlbEntries);
  const isSmall = (lg2: number) => lg2 < spanLg2(format, 1);
  return {
    tlb: [
      [
        { name: "the first TLB level", ...FIRST_SMALL, holds: sizes.filter(isSmall) },
        { name: "the first TLB level for large leaves", ...FIRST_LARGE, holds: sizes.filter((lg2) => !isSmall(lg2)) },
      ],
      [{ name: "the second TLB level", sets: core.tlbEntries / ways, ways, holds: sizes }],
    ],
    walkCache: core.walkCache ? WALK_CACHES : [],
    accessDirty: core.accessDirty,
  };
}

/** Sizes of leaves that Linux makes on a format, as log two of base pages; with contiguous blocks if asked for. */
export function leafSizes(format: Format, contiguous: boolean): number[] {
  const sizes = new Set<number>();
  for (let level = 0; level <= format.maxLeafLevel; level++) {
    sizes.add(spanLg2(format, level));
    if (contiguous) sizes.add(spanLg2(format, level) + format.contLg2[level]!);
  }
  return [...sizes].sort((a, b) => a - b);
}
