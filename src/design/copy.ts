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

function copyByVisit(
  design: Design,
  from: PageTable,
  to: PageTable,
  start: number,
  end: number,
  copier: Copier,
): CopyResult {
  const result = { ok: true, reached: end, lockBreaks: 0 };
  design.visit(from, start, end, {
    table: (level, vpn) => void design.findOrMake(to, vpn, level),
    huge: (slot, level, first, last) => {
      if (result.ok) copier.huge(slot, level, first, last);
    },
    ptes: (slot, vpn, nr) => {
      if (result.ok) copyPtes(from, to, slot, design.findOrMake(to, vpn, 0), vpn, nr, copier, result);
    },
  });
  return result;
}

/** One PTE table. Room is made with neither lock held, so the visit's is dropped for that time. */
function copyPtes(
  from: PageTable,
  to: PageTable,
  slot: number,
  toSlot: number,
  vpn: number,
  nr: number,
  copier: Copier,
  result: { ok: boolean; reached: number },
): void {
  const table = to.tableOf(toSlot);
  to.locks.take(table, 0);
  for (let i = 0; i < nr && result.ok; ) {
    from.tally[E.slotsRead]!++;
    const done = from.kind(slot + i, 0) === Kind.none ? 1 : copier.entry(slot + i, toSlot + i, nr - i);
    i += done;
    if (done > 0) continue;
    to.locks.drop(table, 0);
    from.locks.without(from.tableOf(slot), 0, () => {
      result.ok = copier.room();
    });
    if (!result.ok) result.reached = vpn + i;
    to.locks.take(table, 0);
  }
  to.locks.drop(table, 0);
}
