/**
 * A stream of memory accesses as words of 64 bits, the form in which traces are handed to translation hardware: the number of the
 * 64-byte line above, the kind of access in the two lowest bits. Lines and not pages, so that one stream serves every page size and
 * so that a program's data can compete with tables for a cache.
 *
 * A word is two elements, the low half first: a WebAssembly module on a little-endian memory reads it as one 64-bit load.
 */

import { LOW_BITS, LOW_MASK } from "./vpn.ts";

/** What an access does. A read-modify-write is a store: it needs the translation once, and the right to write. */
export const AccessKind = { load: 0, store: 1, fetch: 2 } as const;

/** One of {@link AccessKind}. */
export type AccessKind = (typeof AccessKind)[keyof typeof AccessKind];

/** Words of accesses, two elements each: `2 * i` is the low half of access `i`. */
export type AccessWords = Uint32Array;

/** Log two of the bytes in a line. */
export const LINE_LG2 = 6;

const KIND_BITS = 2;
/** Bits of the line number in the low half of a word. */
const LOW_LINE_BITS = 32 - KIND_BITS;
const LOW_LINE_SPAN = 2 ** LOW_LINE_BITS;

/** Room for `n` accesses, all loads of line 0. */
export function newAccessWords(n: number): AccessWords {
  return new Uint32Array(2 * n);
}

/** Accesses in a stream. */
export function accessCount(words: AccessWords): number {
  return words.length / 2;
}

/** Stores access `i`. `line` is an address divided by 64, exact up to 2^53. */
export function setAccess(words: AccessWords, i: number, line: number, kind: AccessKind): void {
  words[2 * i] = ((line & (LOW_LINE_SPAN - 1)) << KIND_BITS) | kind;
  words[2 * i + 1] = Math.floor(line / LOW_LINE_SPAN);
}

/** The line of access `i`. */
export function lineAt(words: AccessWords, i: number): number {
  return words[2 * i + 1]! * LOW_LINE_SPAN + (words[2 * i]! >>> KIND_BITS);
}

/** The virtual page of access `i` for pages of `2^pageLg2` bytes. */
export function vpnAt(words: AccessWords, i: number, pageLg2: number): number {
  return Math.floor(lineAt(words, i) / 2 ** (pageLg2 - LINE_LG2));
}

/**
 * The low part of the virtual page of access `i`, as `vpn.ts` cuts it, for pages of `2^pageLines` lines. For loops: a page number
 * of more than 31 bits would cost an allocation. Right for pages of 4K to 64K, where the low part lies across both halves.
 */
export function lowAt(words: AccessWords, i: number, pageLines: number): number {
  return ((words[2 * i]! >>> (KIND_BITS + pageLines)) | (words[2 * i + 1]! << (LOW_LINE_BITS - pageLines))) & LOW_MASK;
}

/** The high part of the virtual page of access `i`. */
export function highAt(words: AccessWords, i: number, pageLines: number): number {
  return words[2 * i + 1]! >>> (LOW_BITS + pageLines - LOW_LINE_BITS);
}

/** The line of access `i` within its page. */
export function lineInPage(words: AccessWords, i: number, pageLines: number): number {
  return (words[2 * i]! >>> KIND_BITS) & ((1 << pageLines) - 1);
}

/** The kind of access `i`. */
export function kindAt(words: AccessWords, i: number): AccessKind {
  return (words[2 * i]! & 3) as AccessKind;
}

/** One access of one kind to the first line of each page: what streams of page numbers are as words. */
export function accessesOf(vpns: ArrayLike<number>, pageLg2: number, kind: AccessKind = AccessKind.load): AccessWords {
  const words = newAccessWords(vpns.length);
  for (let i = 0; i < vpns.length; i++) setAccess(words, i, vpns[i]! * 2 ** (pageLg2 - LINE_LG2), kind);
  return words;
}
