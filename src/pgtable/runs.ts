/**
 * Looking along the entries of a PTE table: how far they are empty, for what fills them, and how far they say the same, for what
 * reads them. The callers count the reads, for only they know how often the kernel would have looked.
 */
import { Kind } from "../arch/entry.ts";
import type { PageTable } from "./pagetable.ts";

/**
 * How many entries from a slot on are empty, at most `max`, all of one table. Nearly every empty
 * entry is the very word that makes one, so the format is asked only about others.
 */
export function emptyRun(pt: PageTable, slot: number, max: number): number {
  const { tables, format } = pt;
  const chunk = slot >>> tables.chunkLg2;
  const lo = tables.lo[chunk]!;
  const hi = tables.hi[chunk]!;
  const first = slot & tables.chunkMask;
  const end = first + max;
  let at = endOfEqual(lo, hi, first, end, format.empty[0]!);
  while (at < end && format.kind(lo[at]!, hi[at]!, 0) === Kind.none)
    at = endOfEqual(lo, hi, at + 1, end, format.empty[0]!);
  return at - first;
}

/** Where words end to be equal to one whose high half is zero. The loop's break keeps V8 from a look at both arrays for every word. */
function endOfEqual(lo: Int32Array, hi: Int32Array, from: number, end: number, word: number): number {
  let at = from;
  if (at === end || lo[at] !== word || hi[at] !== 0) return at;
  for (; at < end; at++) if (lo[at] !== word || hi[at] !== 0) break;
  return at;
}

/** How many entries from a slot on, at most `max`, say what the first does but for the frames that they map ({@link PteWords.alike}). */
export function alikeRun(pt: PageTable, slot: number, max: number): number {
  const { tables } = pt;
  const chunk = slot >>> tables.chunkLg2;
  return pt.words.alike(tables.lo[chunk]!, tables.hi[chunk]!, slot & tables.chunkMask, max);
}

/** All attributes that any of `nr` leaves has. */
export function anyAttrs(pt: PageTable, slot: number, nr: number): number {
  const { tables } = pt;
  const chunk = slot >>> tables.chunkLg2;
  return pt.words.anyAttrs(tables.lo[chunk]!, tables.hi[chunk]!, slot & tables.chunkMask, nr);
}

/**
 * How many entries from a slot on, at most `max`, are leaves that map `pfn` and the frames behind it and agree with `attrs` in
 * `mask`.
 */
export function ramp(pt: PageTable, slot: number, max: number, pfn: number, attrs: number, mask: number): number {
  const { tables } = pt;
  const chunk = slot >>> tables.chunkLg2;
  return pt.words.ramp(tables.lo[chunk]!, tables.hi[chunk]!, slot & tables.chunkMask, max, pfn, attrs, mask);
}

/** The slot of level 0 for a page, or -1 without a table; a look that is no part of what is modelled, and so is not counted. */
export function peek(pt: PageTable, vpn: number): number {
  let slot = pt.slot(pt.root, vpn, pt.levels - 1);
  for (let level = pt.levels - 1; level > 0; level--) {
    if (pt.kind(slot, level) !== Kind.table) return -1;
    slot = pt.slot(pt.child(slot, level), vpn, level - 1);
  }
  return slot;
}
