/**
 * Search in what is in order.
 */

/** The first of `n` places of which something is true, if it is true of all behind it; `n` where it is true of none. */
export function firstWhere(n: number, is: (i: number) => boolean): number {
  let [lo, hi] = [0, n];
  while (lo < hi) {
    const middle = (lo + hi) >>> 1;
    if (is(middle)) hi = middle;
    else lo = middle + 1;
  }
  return lo;
}
