/**
 * Giving tables back. A table goes only when no mapping that stays can use it: its whole span must lie between the
 * neighbours that remain.
 *
 * Source: free_pgd_range and free_pgtables of mm/memory.c; try_to_free_pte of mm/pt_reclaim.c, Linux 6.18.
 */

import { Kind } from "../arch/entry.ts";
import type { PageTable } from "./pagetable.ts";
import { emptyRun } from "./runs.ts";

/**
 * Frees the tables under `[start, end)` whose span lies inside `[floor, ceiling)`; all in virtual pages. Their entries must
 * have been zapped. The root stays.
 */
export function freeTables(pt: PageTable, start: number, end: number, floor: number, ceiling: number): void {
  freeBelow(pt, pt.root, pt.levels - 1, { start, end, floor, ceiling });
}

interface FreeRange {
  readonly start: number;
  readonly end: number;
  readonly floor: number;
  readonly ceiling: number;
}

function freeBelow(pt: PageTable, table: number, level: number, r: FreeRange): void {
  const span = pt.span[level]!;
  for (let base = Math.floor(r.start / span) * span; base < r.end; base += span) {
    if (base < tableStart(pt, r, level)) continue;
    if (base >= tableEnd(pt, r, level)) break;
    const slot = pt.slot(table, base, level);
    if (pt.kind(slot, level) !== Kind.table) continue;
    const child = pt.child(slot, level);
    if (level > 1) freeBelow(pt, child, level - 1, clip(r, base, base + span));
    if (base < r.floor || base + span > r.ceiling) continue;
    pt.clear(slot, 1, level);
    pt.dropTable(child, level - 1);
  }
}

/** First and last page of the table of a level that the range starts in: recursion has clipped the range to one table. */
function tableStart(pt: PageTable, r: FreeRange, level: number): number {
  const span = pt.span[level + 1]!;
  return Math.floor(r.start / span) * span;
}

function tableEnd(pt: PageTable, r: FreeRange, level: number): number {
  return tableStart(pt, r, level) + pt.span[level + 1]!;
}

function clip(r: FreeRange, start: number, end: number): FreeRange {
  return { ...r, start: Math.max(r.start, start), end: Math.min(r.end, end) };
}

/** Frees the PTE table under a level-1 slot if every entry of it is empty. */
export function freePteTableIfEmpty(pt: PageTable, pmdSlot: number): void {
  const table = pt.child(pmdSlot, 1);
  const first = table << pt.tables.slotsLg2;
  const n = 1 << pt.format.indexLg2[0]!;
  if (emptyRun(pt, first, n) < n) return;
  pt.clear(pmdSlot, 1, 1);
  pt.dropTable(table, 0);
}
