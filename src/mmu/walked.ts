/**
 * The name under which the outcome of a translation tells what was walked: known to those who make outcomes and to those who draw
 * them, which must not load each other.
 */

/** Name of the method. */
export const WALKED: unique symbol = Symbol.for("ptlab.walked") as never;
