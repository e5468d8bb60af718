/**
 * Faults on runs of empty entries: many pages of private anonymous memory brought in as one, with the outcome and the counts of
 * one fault after the other.
 *
 * Of the pages of one table that are all empty and get single pages, every one takes the same steps. So one of them takes them, what
 * it added to the tally is added for each of the others, and their frames and entries are made as runs. The first page of a
 * table, which makes it, is not among them; nor is what a monitor or a lock in memory wants to hear of, or large folios.
 */
import { A } from "../arch/entry.ts";
import { pmdOrder } from "../arch/format.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { setPtes } from "../pgtable/ptep.ts";
import { emptyRun, peek } from "../pgtable/runs.ts";
import { anonAttrs, protAttrs } from "./attrs.ts";
import { access } from "./fault.ts";
import type { Mm } from "./mm.ts";
import { isArmed, Vm, type Vma } from "./vma.ts";

/** How the pages of a run are brought in. */
export interface RunSpec {
  readonly write: boolean;
  /** Flags (`FrameFlag`) that a new page has when its turn is over, beside that it is exclusive. */
  readonly flags: number;
  /** All that is done about one page. It must succeed on an empty entry. */
  one(vpn: number): void;
}

/** Brings in runs of pages of one VMA. */
export class FaultRuns {
  readonly #mm: Mm;
  readonly #vma: Vma;
  readonly #spec: RunSpec;
  readonly #plain: boolean;
  /** What one page adds to the tally, its entry's store aside; null until one was watched. */
  #each: Float64Array | null = null;

  constructor(mm: Mm, vma: Vma, spec: RunSpec) {
    this.#mm = mm;
    this.#vma = vma;
    this.#spec = spec;
    const orders = mm.kernel.thp.allowed(vma.flags) & ((2 << pmdOrder(mm.kernel.format)) - 2);
    this.#plain = vma.file === null && !isArmed(vma) && !(vma.flags & Vm.locked) && (orders === 0 || !spec.write);
  }

  /** Brings in pages from one on, all below `end`, and returns how many: 0 where they are not known to be alike. */
  ahead(vpn: number, end: number): number {
    const { pt } = this.#mm;
    if (!this.#plain || vpn >= end) return 0;
    const slot = peek(pt, vpn);
    if (slot < 0) return 0;
    const n = emptyRun(pt, slot, Math.min(end - vpn, pt.span[1]! - (vpn % pt.span[1]!)));
    if (this.#each !== null) return this.#fill(slot, n);
    if (n < 2 || isLastOfBlock(this.#mm, slot)) return 0;
    this.#watch(vpn);
    return 1 + this.#fill(slot + 1, n - 1);
  }

  #watch(vpn: number): void {
    const { tally } = this.#mm.kernel;
    const before = tally.slice();
    this.#spec.one(vpn);
    this.#each = tally.map((count, i) => count - before[i]!);
    this.#each[E.slotsWritten]!--;
  }

  /** Ends early only where memory does; the next page then fails by itself. */
  #fill(slot: number, n: number): number {
    const mm = this.#mm;
    const each = this.#each!;
    const done = this.#spec.write ? this.#fillNew(slot, n) : this.#fillZero(slot, n);
    const { tally } = mm.kernel;
    for (let i = 0; i < tally.length; i++) tally[i]! += done * each[i]!;
    mm.faults += done * each[E.faults]!;
    return done;
  }

  #fillNew(slot: number, n: number): number {
    const mm = this.#mm;
    const { frames } = mm.kernel;
    const attrs = anonAttrs(this.#vma.flags);
    const flags = this.#spec.flags | FrameFlag.exclusive;
    let done = 0;
    for (; done < n; done += frames.taken) {
      const pfn = frames.allocRun(n - done, flags);
      if (pfn < 0) break;
      this.#store(slot + done, pfn, attrs, frames.taken);
    }
    mm.anonPages += done;
    return done;
  }

  /** Where blocks fold, pages are stored one by one: a run would be taken for one folio. */
  #store(slot: number, pfn: number, attrs: number, n: number): void {
    const { pt } = this.#mm;
    if (!pt.contpte) return setPtes(pt, slot, pfn, attrs, n);
    for (let i = 0; i < n; i++) setPtes(pt, slot + i, pfn + i, attrs, 1);
  }

  #fillZero(slot: number, n: number): number {
    const { pt, kernel } = this.#mm;
    const attrs = protAttrs(this.#vma.flags) | A.young | A.special;
    for (let i = 0; i < n; i++) setPtes(pt, slot + i, kernel.zeroPfn, attrs, 1);
    return n;
  }
}

/** Whether storing the entry may try a fold, which the others do not (`contpte_try_fold`). */
function isLastOfBlock({ pt }: Mm, slot: number): boolean {
  const last = (1 << pt.format.contLg2[0]!) - 1;
  return pt.contpte && (slot & last) === last;
}

/**
 * Accesses by a program to every page of `[start, end)` in ascending order, as {@link access} has it. Returns the first page
 * that was not reached, or `end`.
 */
export function accessRange(mm: Mm, start: number, end: number, write: boolean): number {
  let runs: FaultRuns | null = null;
  let vma: Vma | undefined;
  for (let vpn = start; vpn < end; ) {
    const faults = mm.faults;
    if (access(mm, vpn, write) < 0) return vpn;
    vpn++;
    if (mm.faults === faults) continue;
    if (runs === null || vma !== mm.vmas.at(vpn)) {
      vma = mm.vmas.at(vpn);
      if (vma === undefined) continue;
      const one = (page: number) => void access(mm, page, write);
      runs = new FaultRuns(mm, vma, { write, flags: write ? FrameFlag.written : 0, one });
    }
    vpn += runs.ahead(vpn, Math.min(end, vma!.end));
  }
  return end;
}
