/**
 * Small pieces of sentences.
 */

/** A number of things: `1 page`, `2 pages`. */
export const countOf = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
