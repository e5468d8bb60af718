/**
 * Translation lookaside buffers: one or more levels, each of one array for all page sizes (unified) or several (split). An
 * entry covers a base page, a contiguous block, neighbours that were coalesced, or a larger leaf, whatever its array can hold.
 *
 * A level holds a leaf in the largest size it knows that fits into it, so that hardware which ignores the contiguous bit,
 * or whose first level knows small pages only, is a list of sizes and no special case.
 * Not modelled: speculative fills, prefetch, TLBs shared between threads.
 * Source: Cortex-A76 Core TRM (Arm 100798) section "TLB organization": "breaking these down into smaller pages when
 * required for the data or instruction L1 TLB"; Intel SDM volume 3A section 4.10.2.
 */
import { UserError } from "../base/errors.ts";
import { type Extent, reaches } from "./extent.ts";
import { type CacheShape, GLOBAL, KeySets } from "./key-sets.ts";
import { highOf, indexAt, LOW_BITS, lowOf, vpnOf } from "./vpn.ts";

/** One array. `holds` lists the sizes of its entries as log two of base pages: 0 is 4K and 9 is 2M on x86-64. */
export interface TlbArraySpec extends CacheShape {
  readonly name: string;
  readonly holds: readonly number[];
  /** Whose translations it holds: loads' and stores', instruction fetches', or (where left out) both. */
  readonly for?: "data" | "fetch" | "both";
  /**
   * It also holds aligned runs of `2^coalesce` base pages whose entries lie in one line and map one run of memory alike (AMD's
   * page coalescing). See `coalesce.ts`.
   */
  readonly coalesce?: number;
}

/** What an entry allows and is, as bits. */
export const TlbFlag = {
  /** The page may be written. */
  writable: 1,
  /** A store needs nothing more: the page may be written and its leaf is dirty already. */
  storable: 2,
  exec: 4,
  /** Every address space may use it. */
  global: 8,
} as const;

/** The arrays of each level, the level that is asked first in front. */
export type TlbSpec = readonly (readonly TlbArraySpec[])[];

/** A translation on its way between walker and TLB levels; used again and again, since making one takes longer than a hit. */
export class Translation {
  /** Frame of the page itself. */
  pfn = -1;
  /** Log two of the base pages that one entry could cover: a leaf, a contiguous block, a coalesced run. */
  lg2 = 0;
  /** The same for the one slot that the leaf is. */
  spanLg2 = 0;
  /** {@link TlbFlag} bits. */
  flags = 0;

  copy({ pfn, lg2, spanLg2, flags }: Translation): void {
    this.pfn = pfn;
    this.lg2 = lg2;
    this.spanLg2 = spanLg2;
    this.flags = flags;
  }
}

/** The second half of a key carries the entry's size in its low bits, so that sizes share an array without mistaking tags. */
const SIZE_BITS = 5;
const MAX_LG2 = LOW_BITS - 1;

/** What one array keeps beside its keys, entry by entry. */
interface Store {
  readonly keys: KeySets;
  /** First frame of each entry. */
  readonly pfn: Float64Array;
  readonly flags: Uint8Array;
  /** Log two of the pages under the slot that each entry came from. */
  readonly span: Uint8Array;
}

interface Place extends Store {
  readonly lg2: number;
  /** Whether it has ever held an entry; a size that never occurred need not be looked for. */
  used: boolean;
}

/** What one level has for data, or for instructions: the places to look for an address, one for each size of each array. */
interface Side {
  /** Small sizes first. */
  readonly places: readonly Place[];
  /** Place that a leaf goes to, by the leaf's size; undefined where the level cannot hold it. */
  readonly placeFor: readonly (Place | undefined)[];
}

/** The TLBs of one core. Translations are held with their frames, so that a hit can be checked against the tables. */
export class Tlb {
  readonly levels: number;
  /** What was found at the last hit. `lg2` is the size that it is held in. */
  readonly hit = new Translation();
  /** Number of the address space whose accesses are looked up and filled. */
  asid = 0;
  readonly #data: readonly Side[];
  readonly #fetch: readonly Side[];
  readonly #stores: readonly Store[];

  /** Throws {@link UserError} for a shape that cannot be built. */
  constructor(spec: TlbSpec) {
    const arrays = spec.map((level) => level.map((array) => ({ uses: array.for ?? "both", places: newPlaces(array) })));
    const side = (other: string) =>
      arrays.map((level) => newSide(level.filter((a) => a.uses !== other).flatMap((a) => a.places)));
    this.#data = side("fetch");
    this.#fetch = side("data");
    this.#stores = arrays.flat().flatMap(({ places }) => places.slice(0, 1));
    this.levels = spec.length;
  }

  /** Looks an address up. Returns the level that hit, after copying the entry to the levels before; `levels` is a miss. */
  look(vpn: number, fetch = false): number {
    const low = lowOf(vpn);
    return this.lookAt(low, highOf(vpn, low), fetch);
  }

  /** {@link look} for loops: a page number of more than 31 bits would cost an allocation at every call. */
  lookAt(low: number, high: number, fetch: boolean): number {
    const sides = fetch ? this.#fetch : this.#data;
    for (let l = 0; l < sides.length; l++) {
      if (!this.#find(sides[l]!, low, high)) continue;
      for (let before = l - 1; before >= 0; before--) this.#put(sides[before]!, low, high, this.hit);
      return l;
    }
    return sides.length;
  }

  /** Adds what a walk found after a miss. */
  fill(vpn: number, found: Translation, fetch = false): void {
    const low = lowOf(vpn);
    this.fillAt(low, highOf(vpn, low), found, fetch);
  }

  /** {@link fill} for loops. */
  fillAt(low: number, high: number, found: Translation, fetch: boolean): void {
    const sides = fetch ? this.#fetch : this.#data;
    for (let l = 0; l < sides.length; l++) this.#put(sides[l]!, low, high, found);
  }

  /** The page's leaf is dirty now: every entry for data that covers the page lets stores through. Their order stays. */
  makeStorable(low: number, high: number): void {
    for (const { places } of this.#data)
      for (const { lg2, keys, flags } of places) {
        const i = keys.find((low >>> lg2) << lg2, (high << SIZE_BITS) | lg2, this.asid);
        if (i >= 0) flags[i] = flags[i]! | TlbFlag.storable;
      }
  }

  /** Invalidates every entry that an extent reaches. */
  drop(extent: Extent): void {
    for (const { keys, span } of this.#stores)
      keys.drop((i, a, b, tag) => {
        const lg2 = Math.max(b & (2 ** SIZE_BITS - 1), extent.wholeLeaves ? span[i]! : 0);
        return reaches(extent, vpnOf(a, b >>> SIZE_BITS), lg2, tag);
      });
  }

  #find({ places }: Side, low: number, high: number): boolean {
    for (let p = 0; p < places.length; p++) {
      const { lg2, keys, pfn, flags, span, used } = places[p]!;
      if (!used) continue;
      const i = keys.use(indexAt(low, high, lg2), (low >>> lg2) << lg2, (high << SIZE_BITS) | lg2, this.asid);
      if (i < 0) continue;
      const { hit } = this;
      hit.pfn = pfn[i]! + (low & ((1 << lg2) - 1));
      hit.lg2 = lg2;
      hit.spanLg2 = span[i]!;
      hit.flags = flags[i]!;
      return true;
    }
    return false;
  }

  #put(side: Side, low: number, high: number, found: Translation): void {
    const place = side.placeFor[found.lg2];
    if (place === undefined) return;
    const { lg2, keys } = place;
    const tag = found.flags & TlbFlag.global ? GLOBAL : this.asid;
    const i = keys.replace(indexAt(low, high, lg2), (low >>> lg2) << lg2, (high << SIZE_BITS) | lg2, tag);
    place.pfn[i] = found.pfn - (low & ((1 << lg2) - 1));
    place.flags[i] = found.flags;
    place.span[i] = found.spanLg2;
    place.used = true;
  }
}

function newSide(unsorted: readonly Place[]): Side {
  const places = unsorted.toSorted((x, y) => x.lg2 - y.lg2);
  const placeFor = Array.from({ length: MAX_LG2 + 1 }, (_, leaf) => places.findLast(({ lg2 }) => lg2 <= leaf));
  return { places, placeFor };
}

/** The sizes of one array share its entries. */
function newPlaces(array: TlbArraySpec): Place[] {
  const keys = new KeySets(array.name, array);
  const wrong = array.holds.find((lg2) => !Number.isInteger(lg2) || lg2 < 0 || lg2 > MAX_LG2);
  if (wrong !== undefined) throw new UserError(`bad size '${wrong}' in ${array.name}: 0 to ${MAX_LG2} is allowed`);
  const pfn = new Float64Array(keys.entries);
  const flags = new Uint8Array(keys.entries);
  const span = new Uint8Array(keys.entries);
  return sizesOf(array).map((lg2) => ({ lg2, keys, pfn, flags, span, used: false }));
}

/** Sizes of an array's entries, those of coalesced runs included. */
function sizesOf({ holds, coalesce }: TlbArraySpec): readonly number[] {
  return coalesce === undefined || holds.includes(coalesce) ? holds : [...holds, coalesce];
}

/**
 * Base pages of data that a TLB covers at once with entries of one size, a leaf's or a coalesced run's: the sum over its largest level
 * ("TLB reach").
 */
export function reachPages(spec: TlbSpec, leafLg2: number): number {
  const covered = spec.map((arrays) => {
    const data = arrays.filter((a) => a.for !== "fetch");
    const held = Math.max(...data.flatMap((a) => sizesOf(a).filter((lg2) => lg2 <= leafLg2)), -1);
    const fit = data.filter((a) => sizesOf(a).includes(held));
    return fit.reduce((sum, a) => sum + a.sets * a.ways * 2 ** held, 0);
  });
  return Math.max(...covered, 0);
}
