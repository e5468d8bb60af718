/**
 * Shades for numbers: from light to dark blue, so that eyes of any kind, and a print in grey, see which is more.
 */

/** The shades of the least and the largest value; between them colours are mixed in sRGB, as SVG and Plot do. */
export const RAMP = ["#e3ecfa", "#0b3a82"] as const;

/** Inks for words on a shade; one of them has a contrast of at least 4.5 to any shade (WCAG 2.2, 1.4.3). */
export const INKS = ["#010101", "#fefefe"] as const;

/** The share of the ramp, from 0 to 1, up to which the dark ink has the better contrast. A test computes it. */
const DARK_UP_TO = 0.65;

/** The ink for words on the shade of a value. */
export function inkOn(value: number, [from, to]: readonly [number, number]): string {
  return (value - from) / (to - from) <= DARK_UP_TO ? INKS[0] : INKS[1];
}
