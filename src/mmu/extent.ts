/**
 * What an invalidation reaches: a range of pages, of one address space or all, with global entries or without.
 */
import { GLOBAL } from "./key-sets.ts";

/**
 * Pages `[start, end)`; `asid` null stands for every address space. `wholeLeaves`: a leaf that is held in pieces goes as a whole,
 * whichever of its pages is named, as architectures promise (SDM volume 3A section 4.10.4.1).
 */
export interface Extent {
  readonly start: number;
  readonly end: number;
  readonly asid: number | null;
  readonly global: boolean;
  readonly wholeLeaves: boolean;
}

/** All there is. */
export const EVERYTHING: Extent = {
  start: 0,
  end: Number.POSITIVE_INFINITY,
  asid: null,
  global: true,
  wholeLeaves: false,
};

/** Whether something of `2^lg2` pages around `vpn`, held under a tag, lies in an extent. */
export function reaches({ start, end, asid, global }: Extent, vpn: number, lg2: number, tag: number): boolean {
  if (tag === GLOBAL ? !global : asid !== null && tag !== asid) return false;
  const first = vpn - (vpn % 2 ** lg2);
  return first < end && first + 2 ** lg2 > start;
}
