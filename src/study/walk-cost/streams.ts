/**
 * Streams of page accesses made by rule: one after the other, uniformly random, or skewed as Zipf's law has it.
 */
import { type Random, random } from "../../base/random.ts";

/** The rules that there are. */
export const PATTERNS = ["random", "zipf", "sequential"] as const;
/** A rule by name. */
export type Pattern = (typeof PATTERNS)[number];

/** What a stream is made of. Equal specs give equal streams. */
export interface StreamSpec {
  readonly pattern: Pattern;
  /** Pages are drawn from `[start, start + pages)`. */
  readonly start: number;
  readonly pages: number;
  readonly accesses: number;
  readonly seed: number;
}

/** Skew of the zipf pattern: the k-th most used page is used in proportion to `k ** -0.99` (YCSB's constant). */
const ZIPF_EXPONENT = 0.99;

/** The virtual pages of a stream, in order. Sequential visits each page once and begins again; it needs no seed. */
export function makeStream({ pattern, start, pages, accesses, seed }: StreamSpec): Float64Array {
  const vpns = new Float64Array(accesses);
  const next = chooser(pattern, pages, random(seed));
  for (let i = 0; i < accesses; i++) vpns[i] = start + next(i);
  return vpns;
}

function chooser(pattern: Pattern, pages: number, rng: Random): (i: number) => number {
  if (pattern === "sequential") return (i) => i % pages;
  if (pattern === "random") return () => rng.below(pages);
  return zipf(pages, rng);
}

/** Ranks are scattered over the pages, so that hot pages are not neighbours: the hard case for large entries. */
function zipf(pages: number, rng: Random): () => number {
  const share = new Float64Array(pages);
  let sum = 0;
  for (let rank = 0; rank < pages; rank++) share[rank] = sum += (rank + 1) ** -ZIPF_EXPONENT;
  const pageOf = shuffled(pages, rng);
  return () => pageOf[firstAbove(share, (rng.next() / 2 ** 32) * sum)]!;
}

function firstAbove(sorted: Float64Array, value: number): number {
  let [lo, hi] = [0, sorted.length - 1];
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if (sorted[mid]! > value) hi = mid;
    else lo = mid + 1;
  }
  return lo;
}

function shuffled(n: number, rng: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const moved = order[i]!;
    order[i] = order[j]!;
    order[j] = moved;
  }
  return order;
}
