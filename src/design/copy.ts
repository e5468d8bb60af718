/**
 * Fork's copy for designs that were never shown with one: their visit reaches the parent's entries, their allocation the
 * child's. The parent's lock is then the outer one, where Linux takes the child's first.
 */
import { Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import type { Copier, CopyResult, Design } from "./design.ts";

/** Copies what is mapped in a range, in the design's own idiom where it has one. */
export function copyRange(
  design: Design,
  from: PageTable,
  to: PageTable,
  start: number,
  end: number,
  copier: Copier,
): CopyResult {
  return design.copyRange?.(from, to, start, end, copier) ?? copyByVisit(design, from, to, start, end, copier);
}

/** A copy under way. After it has failed nothing more is copied, though the visit goes on to its end. */
interface Copying {
  readonly from: PageTable;
  readonly to: PageTable;
  readonly copier: Copier;
  ok: boolean;
  reached: number;
}

function copyByVisit(
  design: Design,
  from: PageTable,
  to: PageTable,
  start: number,
  end: number,
  copier: Copier,
): CopyResult {
  const c: Copying = { from, to, copier, ok: true, reached: end };
  design.visit(from, start, end, {
    table: (level, vpn) => void design.findOrMake(to, vpn, level),
    huge: (slot, level, first, last) => {
      if (c.ok) copier.huge(slot, level, first, last);
    },
    ptes: (slot, vpn, nr) => {
      if (c.ok) copyPtes(c, slot, design.findOrMake(to, vpn, 0), vpn, nr);
    },
  });
  return { ok: c.ok, reached: c.reached, lockBreaks: 0 };
}

/** One PTE table, with both locks held. */
function copyPtes(c: Copying, slot: number, toSlot: number, vpn: number, nr: number): void {
  const table = c.to.tableOf(toSlot);
  c.to.locks.take(table, 0);
  for (let i = 0; i < nr && c.ok; ) {
    c.from.tally[E.slotsRead]!++;
    const done = c.from.kind(slot + i, 0) === Kind.none ? 1 : c.copier.entry(slot + i, toSlot + i, nr - i);
    if (done === 0) makeRoom(c, c.from.tableOf(slot), table);
    if (!c.ok) c.reached = vpn + i;
    i += done;
  }
  c.to.locks.drop(table, 0);
}

/** Room is made with neither lock held; the visit's own is dropped for that time. */
function makeRoom(c: Copying, fromTable: number, toTable: number): void {
  c.to.locks.without(toTable, 0, () => {
    c.from.locks.without(fromTable, 0, () => {
      c.ok = c.copier.room();
    });
  });
}
