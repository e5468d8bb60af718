/**
 * What can go wrong when entries are dereferenced, each failure with a name and a sentence, and a finding: one failure at one
 * place, as a record and as a line of text.
 */
import { hex } from "../../base/size.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";

/** Every failure that the detector knows, with the sentence that defines it. */
export const FAILURES = {
  "lost on block":
    "accessed or dirty, noted by hardware on another entry of a contiguous block, was not seen or was cleared",
  "leaked contiguous bit": "an entry has the contiguous bit but is not part of a whole, aligned, consistent block",
  "stray pointer": "a helper was handed a pointer that is not in a table, and used the words around it",
  "racing store": "a plain store wrote over what hardware noted after the load",
  "stale translation": "a TLB may hold a translation that the tables do not give",
  "size conflict": "a TLB may hold two translations of different sizes for one address (break before make)",
} as const;

/** Name of a failure. */
export type Failure = keyof typeof FAILURES;

/** The failures in the order in which tables show them. */
export const FAILURE_NAMES = Object.keys(FAILURES) as readonly Failure[];

/** One failure at one place. */
export interface Finding {
  readonly failure: Failure;
  /** Virtual address, in hexadecimal. */
  readonly va: string;
  /** Level of the entry; -1 for a word that is in no table. */
  readonly level: number;
  readonly slot: number;
  /** The word found there, in hexadecimal. */
  readonly word: string;
  /** What should be there, in words. */
  readonly expected: string;
}

/** A finding at a slot, with the word that is there now. */
export function findingAt(
  pt: PageTable,
  failure: Failure,
  at: { readonly vpn: number; readonly level: number; readonly slot: number },
  expected: string,
): Finding {
  return {
    failure,
    va: vaText(pt, at.vpn),
    level: at.level,
    slot: at.slot,
    word: wordOf(pt.lo(at.slot), pt.hi(at.slot)),
    expected,
  };
}

/** The address of a page in hexadecimal. */
export function vaText(pt: PageTable, vpn: number): string {
  return hex(BigInt(vpn) << BigInt(pt.format.pageLg2));
}

/** A word in hexadecimal, from its two halves. */
export function wordOf(lo: number, hi: number): string {
  return hex((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0));
}

/** A finding as one line. */
export function findingText({ failure, va, level, slot, word, expected }: Finding): string {
  const place = level < 0 ? `stack word ${slot}` : `level ${level}, slot ${slot}`;
  return `${failure}: va ${va}, ${place}, word ${word}: ${expected}`;
}
