/**
 * A virtual page number as two whole numbers of 32 bits, because bits of a double cannot be shifted.
 * 27 low bits leave room for every size of leaf below (2G is 19 bits of 4K pages, 16G 18 bits of 64K pages) and 25 bits above
 * for the 64-bit addresses of s390.
 */

/** Bits in the low part. */
export const LOW_BITS = 27;
/** Mask of the low part. */
export const LOW_MASK = 2 ** LOW_BITS - 1;
const LOW_SPAN = 2 ** LOW_BITS;

/** The low 27 bits. ToInt32 works modulo 2^32, so that `&` is right for any whole number up to 2^53. */
export function lowOf(vpn: number): number {
  return vpn & LOW_MASK;
}

/** All bits above, given the low part. */
export function highOf(vpn: number, low: number): number {
  // The `| 0` changes nothing; it keeps the number out of the heap.
  return ((vpn - low) / LOW_SPAN) | 0;
}

/** The page number shifted right, right in its low 32 bits at least; callers mask what they need. */
export function indexAt(low: number, high: number, shift: number): number {
  return shift < LOW_BITS ? (low >>> shift) | (high << (LOW_BITS - shift)) : high >>> (shift - LOW_BITS);
}

/** The page number of its two parts. */
export function vpnOf(low: number, high: number): number {
  return high * LOW_SPAN + low;
}
