/**
 * Translation lookaside buffers: one or more levels, each of one array for all page sizes (unified) or several (split). An
 * entry covers a base page, a contiguous block, or a larger leaf, whatever its array can hold.
 *
 * A level holds a leaf in the largest size it knows that fits into it, so that hardware which ignores the contiguous bit,
 * or whose first level knows small pages only, is a list of sizes and no special case.
 * Not modelled: ASIDs and global entries, speculative fills, prefetch, coalescing without a bit.
 * Source: Cortex-A76 Core TRM (Arm 100798) section "TLB organization": "breaking these down into smaller pages when
 * required for the data or instruction L1 TLB"; Intel SDM volume 3A section 4.10.2.
 */
import { UserError } from "../base/errors.ts";
import { type CacheShape, checkShape, LruSets } from "./lru.ts";
import { highOf, indexAt, LOW_BITS, lowOf, vpnOf } from "./vpn.ts";

/** One array. `holds` lists the sizes of its entries as log two of base pages: 0 is 4K and 9 is 2M on x86-64. */
export interface TlbArraySpec extends CacheShape {
  readonly name: string;
  readonly holds: readonly number[];
  /** Whose translations it holds: loads' and stores', instruction fetches', or (where left out) both. */
  readonly for?: "data" | "fetch" | "both";
}

/** What an entry allows, as bits. */
export const TlbFlag = {
  /** The page may be written. */
  writable: 1,
  /** A store needs nothing more: the page may be written and its leaf is dirty already. */
  storable: 2,
  exec: 4,
} as const;

/** The arrays of each level, the level that is asked first in front. */
export type TlbSpec = readonly (readonly TlbArraySpec[])[];

/** The second half of a key carries the entry's size in its low bits, so that sizes share an array without mistaking tags. */
const SIZE_BITS = 5;
const MAX_LG2 = LOW_BITS - 1;

interface Place {
  readonly lg2: number;
  readonly keys: LruSets;
  /** First frame of each entry. */
  readonly pfn: Float64Array;
  /** {@link TlbFlag} bits of each entry. */
  readonly flags: Uint8Array;
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
  /** Frame of the page last looked up, where it hit. */
  pfn = -1;
  /** {@link TlbFlag} bits of the entry that hit. */
  flags = 0;
  readonly #data: readonly Side[];
  readonly #fetch: readonly Side[];
  readonly #all: readonly Place[];
  #hitLg2 = 0;

  /** Throws {@link UserError} for a shape that cannot be built. */
  constructor(spec: TlbSpec) {
    const arrays = spec.map((level) => level.map((array) => ({ uses: array.for ?? "both", places: newPlaces(array) })));
    const side = (other: string) =>
      arrays.map((level) => newSide(level.filter((a) => a.uses !== other).flatMap((a) => a.places)));
    this.#data = side("fetch");
    this.#fetch = side("data");
    this.#all = arrays.flat().flatMap(({ places }) => places);
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
      if (l > 0) this.#copyUp(sides, l, low, high);
      return l;
    }
    return sides.length;
  }

  /** Adds a leaf of `2^lg2` base pages, found by a walk after a miss. `pfn` is the frame of the page itself. */
  fill(vpn: number, lg2: number, pfn: number, flags = 0, fetch = false): void {
    const low = lowOf(vpn);
    this.fillAt(low, highOf(vpn, low), lg2, pfn, flags, fetch);
  }

  /** {@link fill} for loops. */
  fillAt(low: number, high: number, lg2: number, pfn: number, flags: number, fetch: boolean): void {
    const sides = fetch ? this.#fetch : this.#data;
    for (let l = 0; l < sides.length; l++) put(sides[l]!, low, high, lg2, pfn, flags);
  }

  /** The page's leaf is dirty now: every entry for data that covers the page lets stores through. Their order stays. */
  makeStorable(low: number, high: number): void {
    for (const { places } of this.#data)
      for (const { lg2, keys, flags } of places) {
        const i = keys.find(indexAt(low, high, lg2), (low >>> lg2) << lg2, (high << SIZE_BITS) | lg2);
        if (i >= 0) flags[i] = flags[i]! | TlbFlag.storable;
      }
  }

  /** Invalidates all entries that overlap `[start, end)`, in pages (a TLB invalidation by address range). */
  flush(start: number, end: number): void {
    const overlaps = (a: number, b: number) => {
      const first = vpnOf(a, b >>> SIZE_BITS);
      return first < end && first + 2 ** (b & (2 ** SIZE_BITS - 1)) > start;
    };
    for (const { keys } of this.#all) keys.drop(overlaps);
  }

  #find({ places }: Side, low: number, high: number): boolean {
    for (let p = 0; p < places.length; p++) {
      const { lg2, keys, pfn, flags, used } = places[p]!;
      if (!used) continue;
      const i = keys.use(indexAt(low, high, lg2), (low >>> lg2) << lg2, (high << SIZE_BITS) | lg2);
      if (i < 0) continue;
      this.#hitLg2 = lg2;
      this.pfn = pfn[i]! + (low & ((1 << lg2) - 1));
      this.flags = flags[i]!;
      return true;
    }
    return false;
  }

  #copyUp(sides: readonly Side[], from: number, low: number, high: number): void {
    for (let l = from - 1; l >= 0; l--) put(sides[l]!, low, high, this.#hitLg2, this.pfn, this.flags);
  }
}

function put(side: Side, low: number, high: number, leafLg2: number, pfn: number, flags: number): void {
  const place = side.placeFor[leafLg2];
  if (place === undefined) return;
  const { lg2, keys } = place;
  const i = keys.replace(indexAt(low, high, lg2), (low >>> lg2) << lg2, (high << SIZE_BITS) | lg2);
  place.pfn[i] = pfn - (low & ((1 << lg2) - 1));
  place.flags[i] = flags;
  place.used = true;
}

function newSide(unsorted: readonly Place[]): Side {
  const places = unsorted.toSorted((x, y) => x.lg2 - y.lg2);
  const placeFor = Array.from({ length: MAX_LG2 + 1 }, (_, leaf) => places.findLast(({ lg2 }) => lg2 <= leaf));
  return { places, placeFor };
}

/** The sizes of one array share its entries. */
function newPlaces(array: TlbArraySpec): Place[] {
  checkShape(array.name, array);
  const wrong = array.holds.find((lg2) => !Number.isInteger(lg2) || lg2 < 0 || lg2 > MAX_LG2);
  if (wrong !== undefined) throw new UserError(`bad size '${wrong}' in ${array.name}: 0 to ${MAX_LG2} is allowed`);
  const keys = new LruSets(array);
  const pfn = new Float64Array(keys.entries);
  const flags = new Uint8Array(keys.entries);
  return array.holds.map((lg2) => ({ lg2, keys, pfn, flags, used: false }));
}

/** Base pages that a TLB covers at once with entries of one leaf size: the sum over its largest level ("TLB reach"). */
export function reachPages(spec: TlbSpec, leafLg2: number): number {
  const covered = spec.map((arrays) => {
    const fit = arrays.filter((a) => a.holds.some((lg2) => lg2 <= leafLg2));
    const held = Math.max(...fit.flatMap((a) => a.holds.filter((lg2) => lg2 <= leafLg2)), 0);
    return fit.filter((a) => a.holds.includes(held)).reduce((sum, a) => sum + a.sets * a.ways * 2 ** held, 0);
  });
  return Math.max(...covered, 0);
}
