/**
 * Walk caches: table entries kept by the walker, an array for each level above 0 or one for several, so that a walk can begin further
 * down (x86's paging-structure caches; arm64 cores keep such entries in a walk cache of their own or in the last TLB level).
 *
 * Every walk uses its entry in every level, also where a hit further down made reading it needless. Hardware does not
 * publish this; it makes what one level holds independent of the size of another, so that more entries never cost reads where each
 * level has its array.
 * Not modelled: caches shared with TLB entries.
 * Source: Intel SDM volume 3A section 4.10.3; Cortex-A55 Core TRM (Arm 100442), "Walk cache RAM".
 */
import { type Format, levelsOf, spanLg2 } from "../arch/format.ts";
import { UserError } from "../base/errors.ts";
import { type Extent, reaches } from "./extent.ts";
import { type CacheShape, KeySets } from "./key-sets.ts";
import { highOf, indexAt, LOW_BITS, lowOf, vpnOf } from "./vpn.ts";

/** A level whose entries lie in the array of a lower level, in competition with that level's own. */
export interface SharedWalkCache {
  readonly sharedWith: number;
}

/** Shape of the array of each level; index 0 and missing levels are levels without one. */
export type WalkCacheSpec = readonly (CacheShape | SharedWalkCache | null)[];

interface LevelCache {
  readonly level: number;
  readonly spanLg2: number;
  readonly keys: KeySets;
}

/** A key carries its level in the low bits, which every address that an entry stands for has clear. */
const LEVEL_MASK = 15;

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
    const arrays = new Map<number, KeySets>();
    const caches = spec.slice(0, this.#levels).flatMap((shape, level) => {
      if (shape === null || level === 0) return [];
      const keys = "sharedWith" in shape ? shared(arrays, level, shape) : new KeySets(nameOf(level), shape);
      arrays.set(level, keys);
      return [{ level, spanLg2: spanLg2(format, level), keys }];
    });
    this.#caches = caches.reverse();
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
      const a = (lg2 < LOW_BITS ? (low >>> lg2) << lg2 : 0) | cache.level;
      const b = lg2 <= LOW_BITS ? high : high >>> (lg2 - LOW_BITS);
      const set = indexAt(low, high, lg2);
      if (keys.use(set, a, b, this.asid) >= 0) first = cache.level - 1;
      else keys.replace(set, a, b, this.asid);
    }
    return first;
  }

  /** Forgets every entry that leads to what an extent reaches. */
  drop(extent: Extent): void {
    for (const { level, spanLg2: lg2, keys } of this.#caches) {
      const first = (a: number, b: number) => (lg2 <= LOW_BITS ? vpnOf(a - level, b) : b * 2 ** lg2);
      keys.drop((_i, a, b, tag) => (a & LEVEL_MASK) === level && reaches(extent, first(a, b), lg2, tag));
    }
  }
}

function nameOf(level: number): string {
  return `the walk cache of level ${level}`;
}

function shared(arrays: ReadonlyMap<number, KeySets>, level: number, { sharedWith }: SharedWalkCache): KeySets {
  const keys = arrays.get(sharedWith);
  if (keys === undefined)
    throw new UserError(
      `bad sharedWith '${sharedWith}' of ${nameOf(level)}: a lower level with a walk cache is allowed`,
    );
  return keys;
}
