/**
 * The locks that guard page tables, as Linux splits them: every table of levels 0 and 1 has its own, and the address space
 * has one for all levels above. The model runs one thread, so a lock never waits; what it shows is how often one is taken
 * and whether a design keeps the rules: nobody takes a lock twice, drops one it does not hold, or leaves one behind.
 *
 * Not modelled: configurations without split locks, and formats whose PMD tables share the lock of the address space.
 * Source: Documentation/mm/split_page_table_lock.rst, pte_lockptr and pmd_lockptr of include/linux/mm.h, Linux 6.18.
 */
import { broken } from "../base/errors.ts";
import { E, type Tally } from "../base/tally.ts";

/** Tables up to this level have a lock of their own (USE_SPLIT_PMD_PTLOCKS). */
export const SPLIT_LOCK_LEVEL = 1;

/** Stands for the lock of the address space (`mm->page_table_lock`). */
const MM_LOCK = -1;

/** The page-table locks of one address space. */
export class PtLocks {
  readonly #tally: Tally;
  /** The locks held now, in the order in which they were taken. */
  readonly #held: number[] = [];

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** Takes the lock that guards the entries of a table (`pte_lockptr`, `pmd_lockptr`, `page_table_lock`). */
  take(table: number, level: number): void {
    const lock = lockOf(table, level);
    if (this.#find(lock) >= 0) broken(`the lock of table ${table}, level ${level}, is taken twice`);
    this.#held.push(lock);
    this.#tally[level === 0 ? E.pteLocks : E.upperLocks]!++;
  }

  /** Drops a lock that is held. */
  drop(table: number, level: number): void {
    const at = this.#find(lockOf(table, level));
    if (at < 0) broken(`the lock of table ${table}, level ${level}, is dropped but not held`);
    if (at === this.#held.length - 1) this.#held.pop();
    else this.#held.splice(at, 1);
  }

  /** Place of a lock among those held, or -1. A loop, and messages that are made only when needed: every fault comes through here. */
  #find(lock: number): number {
    let at = this.#held.length - 1;
    while (at >= 0 && this.#held[at] !== lock) at--;
    return at;
  }

  /** Does something that takes locks itself, or sleeps, with a held one dropped for that time. */
  without(table: number, level: number, act: () => void): void {
    this.drop(table, level);
    act();
    this.take(table, level);
  }

  /** Does something with a lock held. */
  with<T>(table: number, level: number, act: () => T): T {
    this.take(table, level);
    try {
      return act();
    } finally {
      this.drop(table, level);
    }
  }

  /** Whether the entries of a table may be changed now. */
  holds(table: number, level: number): boolean {
    return this.#find(lockOf(table, level)) >= 0;
  }

  /** How many locks are held: 0 between operations. */
  get held(): number {
    return this.#held.length;
  }
}

function lockOf(table: number, level: number): number {
  return level <= SPLIT_LOCK_LEVEL ? table : MM_LOCK;
}
