/**
 * The plain internal walk over a range of one address space: hands out runs of PTE slots, and leaves above level 0 one at
 * a time. No callback per entry: what a per-entry callback costs is a subject of `design/`, not of the engine.
 */

import { Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";

/** What to do on the way. Ranges are in virtual pages, half open, clipped to the visited range. */
export interface Visitor {
  /**
   * A leaf or a non-present entry above level 0. It may replace the entry by a table, which is then visited.
   */
  huge?(slot: number, level: number, start: number, end: number): void;
  /** Before a table of a level is visited; `start` is the first visited page under it. */
  table?(level: number, start: number): void;
  /** A run of `nr` slots of one PTE table. */
  ptes?(slot: number, start: number, nr: number): void;
  /** After a PTE table's run: `slot` is the level-1 slot that points to the table. The table may be freed here. */
  leaveTable?(slot: number, start: number, end: number): void;
}

/** Visits `[start, end)` in ascending order. */
export function visit(pt: PageTable, start: number, end: number, visitor: Visitor): void {
  visitTable(pt, pt.root, pt.levels - 1, start, end, visitor);
}

function visitTable(pt: PageTable, table: number, level: number, start: number, end: number, v: Visitor): void {
  const span = pt.span[level]!;
  for (let vpn = start; vpn < end; ) {
    const next = Math.min(end, (Math.floor(vpn / span) + 1) * span);
    visitEntry(pt, pt.slot(table, vpn, level), level, vpn, next, v);
    vpn = next;
  }
}

function visitEntry(pt: PageTable, slot: number, level: number, start: number, end: number, v: Visitor): void {
  pt.tally[E.slotsRead]!++;
  let kind = pt.kind(slot, level);
  if (kind === Kind.leaf || kind === Kind.softleaf) {
    v.huge?.(slot, level, start, end);
    kind = pt.kind(slot, level);
  }
  if (kind !== Kind.table) return;
  v.table?.(level - 1, start);
  if (level > 1) return visitTable(pt, pt.child(slot, level), level - 1, start, end, v);
  v.ptes?.(pt.slot(pt.child(slot, level), start, 0), start, end - start);
  v.leaveTable?.(slot, start, end);
}
