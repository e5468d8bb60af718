/**
 * Walk caches: table entries kept by the walker, an array for each level above 0, so that a walk can begin further down
 * (x86's paging-structure caches; arm64 cores keep such entries in a walk cache of their own or in the last TLB level).
 *
 * Every walk uses its entry in every level, also where a hit further down made reading it needless. Hardware does not
 * publish this; it makes what one level holds independent of the size of another, so that more entries never cost reads.
 * Not modelled: caches shared with TLB entries.
 * Source: Intel SDM volume 3A section 4.10.3; Cortex-A55 Core TRM (Arm 100442), "Walk cache RAM".
 */
import { type Format, levelsOf, spanLg2 } from "../arch/format.ts";
import { type Extent, reaches } from "./extent.ts";
import { type CacheShape, KeySets } from "./key-sets.ts";
import { highOf, indexAt, LOW_BITS, lowOf, vpnOf } from "./vpn.ts";

/** Shape of the array of each level; index 0 and missing levels are levels without one. */
export type WalkCacheSpec = readonly (CacheShape | null)[];

interface LevelCache {
  readonly level: number;
  readonly spanLg2: number;
  readonly keys: KeySets;
}

/** The walk caches of one core. */
export class WalkCache {
  /** Number of the address space that walks. */
  asid = 0;
  readonly #levels: number;
  /** From the root down. */
  readonly #caches: readonly LevelCache[];

  /** Throws `UserError` for a shape that cannot be built. */
  constructor(format: Format, spec: WalkCacheSpec) {
    this.#levels = levelsOf(format);
    this.#caches = spec
      .flatMap((shape, level) => (shape === null || level === 0 || level >= this.#levels ? [] : [{ shape, level }]))
      .map(({ shape, level }) => newLevelCache(format, level, shape))
      .reverse();
  }

  /**
   * Notes a walk that ended at an entry of `endLevel`. Returns the level of its first table read: one below the lowest
   * table entry that was held, or the top.
   */
  walk(vpn: number, endLevel: number): number {
    const low = lowOf(vpn);
    return this.walkAt(low, highOf(vpn, low), endLevel);
  }

  /** {@link walk} for loops: a page number of more than 31 bits would cost an allocation at every call. */
  walkAt(low: number, high: number, endLevel: number): number {
    let first = this.#levels - 1;
    for (let c = 0; c < this.#caches.length; c++) {
      const cache = this.#caches[c]!;
      if (cache.level <= endLevel) break;
      const { spanLg2: lg2, keys } = cache;
      const a = lg2 < LOW_BITS ? (low >>> lg2) << lg2 : 0;
      const b = lg2 <= LOW_BITS ? high : high >>> (lg2 - LOW_BITS);
      const set = indexAt(low, high, lg2);
      if (keys.use(set, a, b, this.asid) >= 0) first = cache.level - 1;
      else keys.replace(set, a, b, this.asid);
    }
    return first;
  }

  /** Forgets every entry that leads to what an extent reaches. */
  drop(extent: Extent): void {
    for (const { spanLg2: lg2, keys } of this.#caches) {
      const first = (a: number, b: number) => (lg2 <= LOW_BITS ? vpnOf(a, b) : b * 2 ** lg2);
      keys.drop((_i, a, b, tag) => reaches(extent, first(a, b), lg2, tag));
    }
  }
}

function newLevelCache(format: Format, level: number, shape: CacheShape): LevelCache {
  return { level, spanLg2: spanLg2(format, level), keys: new KeySets(`the walk cache of level ${level}`, shape) };
}
