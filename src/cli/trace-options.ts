/**
 * Options that the commands on traces share.
 */
import { oneOf, UserError } from "../base/errors.ts";
import type { OpenOptions } from "../study/trace/open.ts";
import { parseKinds, TRACE_FORMATS } from "../study/trace/source.ts";
import type { TraceProgress } from "../study/trace/summary.ts";
import type { CommandEffects, ProgressLine } from "./effects.ts";

/** Which trace is meant, and which part of it, as typed. */
export interface PartOptions {
  /** Form of the input, `auto` by default. */
  readonly from?: string;
  /** Kinds to keep; by default all of a `.ptt`, and loads and stores of others. */
  readonly kinds?: string;
  /** Accesses to leave out at the start, and to take at most. */
  readonly skip?: string;
  readonly limit?: string;
}

/** The same checked. */
export interface Part extends OpenOptions {
  readonly skip: number;
  readonly limit: number;
}

/** Checks what was typed, or throws a {@link UserError}. */
export function partOf({ from, kinds, skip, limit }: PartOptions): Part {
  return {
    format: oneOf("form of trace", from ?? "auto", ["auto", ...TRACE_FORMATS] as const),
    kinds: kinds === undefined ? undefined : parseKinds(kinds),
    skip: wholeNumber("--skip", skip ?? "0"),
    limit: limit === undefined ? Infinity : wholeNumber("--limit", limit),
  };
}

/** Shows how far reading has come: a bar where the end is known, else a count. */
export function showProgress(bar: ProgressLine, effects: CommandEffects): TraceProgress {
  return (done, total) => {
    effects.signal?.throwIfAborted();
    if (total === null) bar.say(`${(done / 1e6).toFixed(1)} million accesses`);
    else bar.show(done, total);
  };
}

/** A count such as `3000000`, `300K` or `3M`; K, M and G are thousands here, as counts of accesses are. */
export function wholeNumber(option: string, text: string): number {
  const parts = /^(\d{1,15})([KMG]?)$/.exec(text);
  const n =
    parts === null ? NaN : Number(parts[1]) * { "": 1, K: 1e3, M: 1e6, G: 1e9 }[parts[2] as "" | "K" | "M" | "G"];
  if (!Number.isSafeInteger(n))
    throw new UserError(`bad ${option} '${text}': a number with an optional K, M or G is allowed`);
  return n;
}
