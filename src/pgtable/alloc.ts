/**
 * Making the table that an entry lacks. Nothing is allocated under a lock, so the entry is looked at again once the lock is
 * held: another thread may have been faster, and the loser gives its table back.
 *
 * Source: __pte_alloc, pmd_install, __pmd_alloc and kin of mm/memory.c, Linux 6.18.
 */
import { Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";

/**
 * Makes an entry of a level point to a new table if it is still empty when the lock is held. `raced`, for experiments,
 * happens between allocation and lock: what another thread does in that moment.
 */
export function populate(pt: PageTable, slot: number, level: number, raced?: () => void): void {
  const table = pt.makeTable(level - 1);
  raced?.();
  const holder = pt.tableOf(slot);
  pt.locks.take(holder, level);
  pt.tally[E.slotsRead]!++;
  const lost = pt.kind(slot, level) !== Kind.none;
  if (!lost) pt.link(slot, table, level);
  pt.locks.drop(holder, level);
  if (lost) pt.dropTable(table, level - 1);
}
