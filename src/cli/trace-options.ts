/**
 * Options that the commands on traces share.
 */
import { oneOf, UserError } from "../base/errors.ts";
import { TRACE_FORMATS, type TraceFormat } from "../study/trace/source.ts";

/** A form of trace by name, or `auto`. */
export function formatOption(name: string): TraceFormat | "auto" {
  return oneOf("form of trace", name, ["auto", ...TRACE_FORMATS]);
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
