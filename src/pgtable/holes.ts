/**
 * Empty entries of level 0 as runs: what fills them (faults, guards, populating) asks how far it may go.
 */
import { Kind } from "../arch/entry.ts";
import type { PageTable } from "./pagetable.ts";

/**
 * How many entries from a slot on are empty, at most `max`, all of one table; the caller counts the reads. Nearly every empty
 * entry is the very word that makes one, so the format is asked only about others.
 */
export function emptyRun(pt: PageTable, slot: number, max: number): number {
  const { tables, format } = pt;
  const chunk = slot >>> tables.chunkLg2;
  const lo = tables.lo[chunk]!;
  const hi = tables.hi[chunk]!;
  const first = slot & tables.chunkMask;
  const empty = format.empty[0]!;
  for (let at = first; at < first + max; at++)
    if ((lo[at] !== empty || hi[at] !== 0) && format.kind(lo[at]!, hi[at]!, 0) !== Kind.none) return at - first;
  return max;
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
