/**
 * Entries as Linux touches them: reading one, setting, clearing and protecting runs of one table. With contpte on, each
 * goes through arm64's layer, which folds and unfolds blocks behind the caller's back.
 *
 * A run is `nr` slots of one table from `slot`. Runs never cross a table.
 * Source: include/linux/pgtable.h, arch/arm64/include/asm/pgtable.h of Linux 6.18.
 */

import { A, Kind } from "../arch/entry.ts";
import { invariant } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import * as contpte from "./contpte.ts";
import type { PageTable } from "./pagetable.ts";
import { changeAttrs, changeAttrsAtomic, testAndClearYoung, writePtes } from "./raw.ts";
import { anyAttrs, ramp } from "./runs.ts";

/** An entry of level 0 as `ptep_get` reports it. `pfn` and `attrs` mean something for leaves only. */
export interface Pte {
  readonly kind: Kind;
  readonly pfn: number;
  readonly attrs: number;
}

/** `ptep_get`: reads an entry. With contpte, accessed and dirty are those of the whole block. */
export function ptepGet(pt: PageTable, slot: number): Pte {
  return { kind: pt.kind(slot, 0), pfn: pt.pfn(slot), attrs: ptepAttrs(pt, slot) };
}

/**
 * `ptep_get_lockless`: reads an entry without the lock of its table. With contpte it begins again until the entries of the
 * block agree; `raced`, for experiments, is what a writer does before each read of one of them.
 */
export function ptepGetLockless(pt: PageTable, slot: number, raced: () => void = () => {}): Pte {
  if (pt.contpte) return contpte.getLockless(pt, slot, raced);
  pt.tally[E.slotsRead]!++;
  return { kind: pt.kind(slot, 0), pfn: pt.pfn(slot), attrs: pt.attrs(slot) };
}

/** The attributes that {@link ptepGet} reports, for loops. */
export function ptepAttrs(pt: PageTable, slot: number): number {
  pt.tally[E.slotsRead]!++;
  const attrs = pt.attrs(slot);
  return pt.contpte && contpte.isFolded(pt.kind(slot, 0), attrs) ? attrs | contpte.gather(pt, slot) : attrs;
}

/** `pte_batch_hint`: entries from here that are known to continue one another without a look at them; at least 1. */
export function pteBatchHint(pt: PageTable, slot: number): number {
  return pt.contpte ? contpte.batchHint(pt, slot) : 1;
}

/**
 * The loop of `folio_pte_batch`: how many entries from a leaf on, at most `max`, are leaves with consecutive frames that agree
 * with it in `mask`, as `ptep_get` reports them. Blocks are stepped over by their hint, and each entry looked at counts.
 */
export function pteBatch(pt: PageTable, slot: number, max: number, mask: number): number {
  const pfn = pt.pfn(slot);
  const attrs = ptepAttrs(pt, slot) & mask;
  if (!pt.contpte || !isFolded(pt, slot)) return plainBatch(pt, slot, max, pfn, attrs, mask);
  let n = contpte.batchHint(pt, slot);
  while (n < max && continues(pt, slot + n, pfn + n, attrs, mask)) n += contpte.batchHint(pt, slot + n);
  return Math.min(n, max);
}

/** An entry of no block is continued by entries of no block, unless the contiguous bit does not count. */
function plainBatch(pt: PageTable, slot: number, max: number, pfn: number, attrs: number, mask: number): number {
  const n = 1 + ramp(pt, slot + 1, max - 1, pfn + 1, attrs, mask);
  pt.tally[E.slotsRead]! += n - 1;
  if (n < max) ptepAttrs(pt, slot + n);
  return n;
}

function continues(pt: PageTable, slot: number, pfn: number, attrs: number, mask: number): boolean {
  const own = ptepAttrs(pt, slot);
  return pt.kind(slot, 0) === Kind.leaf && pt.pfn(slot) === pfn && (own & mask) === attrs;
}

/**
 * `set_ptes`: maps `nr` consecutive frames. With `nr` = 1 any old entry may be replaced; with more all must be empty and
 * all frames must belong to one folio.
 */
export function setPtes(pt: PageTable, slot: number, pfn: number, attrs: number, nr: number): void {
  const plain = attrs & ~A.cont;
  if (pt.contpte) contpte.setPtes(pt, slot, pfn, plain, nr);
  else writePtes(pt, slot, pfn, plain, nr);
}

/**
 * `set_pte`: stores one entry and never folds. Not for what lies in a contiguous block: the kernel warns of that and stores
 * all the same; here it is a broken invariant.
 */
export function setPte(pt: PageTable, slot: number, pfn: number, attrs: number): void {
  invariant(!pt.contpte || !isFolded(pt, slot), `set_pte on slot ${slot}, which is part of a contiguous block`);
  writePtes(pt, slot, pfn, attrs & ~A.cont, 1);
}

/** `set_pte_at` of a non-present entry over `nr` slots. */
export function setSoftleaf(pt: PageTable, slot: number, nr: number, type: number, offset: number): void {
  if (pt.contpte) for (let i = 0; i < nr; i++) contpte.tryUnfold(pt, slot + i);
  pt.tables.fill(slot, nr, pt.format.swapLo(type, offset), pt.format.swapHi(type, offset));
  pt.tally[E.slotsWritten]! += nr;
}

/** Copies a non-present entry as it is into an empty slot, also of another address space; `setLo` adds bits of the format. */
export function copySoftleaf(from: PageTable, slot: number, to: PageTable, toSlot: number, setLo = 0): void {
  to.write(toSlot, from.lo(slot) | setLo, from.hi(slot));
  to.tally[E.slotsWritten]!++;
}

/** `pte_clear`: empties one entry without a look at what it held. */
export function pteClear(pt: PageTable, slot: number): void {
  clearPtes(pt, slot, 1);
}

/** `clear_full_ptes`: empties a run. */
export function clearPtes(pt: PageTable, slot: number, nr: number): void {
  if (pt.contpte) contpte.unfoldEdges(pt, slot, nr);
  pt.clear(slot, nr);
}

/** `get_and_clear_full_ptes`: empties a run of leaves and returns its first entry with accessed and dirty of all. */
export function getAndClearPtes(pt: PageTable, slot: number, nr: number): Pte {
  if (pt.contpte) contpte.unfoldEdges(pt, slot, nr);
  const seen = anyAttrs(pt, slot, nr);
  const pte = { kind: Kind.leaf, pfn: pt.pfn(slot), attrs: pt.attrs(slot) | (seen & (A.young | A.dirty)) };
  pt.tally[E.slotsRead]! += nr;
  pt.clear(slot, nr);
  return pte;
}

/**
 * `modify_prot_start_ptes`: takes a run out so that hardware cannot note anything in it until {@link modifyProtCommitPtes}
 * puts it back. Since 6.17 with runs; before, entry by entry.
 */
export function modifyProtStartPtes(pt: PageTable, slot: number, nr: number): Pte {
  return getAndClearPtes(pt, slot, nr);
}

/** `modify_prot_commit_ptes`: puts the run back with the new attributes; whole blocks are folded again. */
export function modifyProtCommitPtes(pt: PageTable, slot: number, pfn: number, attrs: number, nr: number): void {
  setPtes(pt, slot, pfn, attrs, nr);
}

/**
 * `ptep_set_wrprotect`: takes write permission from one leaf without losing what hardware notes meanwhile; the caller
 * flushes. `raced`, for experiments, happens between the load and the compare-and-exchange.
 */
export function ptepSetWrprotect(pt: PageTable, slot: number, raced?: () => void): void {
  if (pt.contpte) contpte.tryUnfold(pt, slot);
  changeAttrsAtomic(pt, slot, 0, A.write, raced);
}

/** `wrprotect_ptes`: takes write permission from a run of leaves; the caller flushes. */
export function wrprotectPtes(pt: PageTable, slot: number, nr: number): void {
  if (pt.contpte) contpte.unfoldEdges(pt, slot, nr);
  changeAttrs(pt, slot, nr, 0, A.write);
}

/** `clear_young_dirty_ptes`: with contpte it widens to whole blocks and does not unfold them. */
export function clearYoungDirtyPtes(pt: PageTable, slot: number, nr: number, attrs: number): void {
  const [from, n] = pt.contpte ? contpte.wholeBlocks(pt, slot, nr) : [slot, nr];
  changeAttrs(pt, from, n, 0, attrs & (A.young | A.dirty));
}

/** `ptep_test_and_clear_young`: clears accessed and tells whether it was set. With contpte: of the whole block, unfolding nothing. */
export function ptepTestAndClearYoung(pt: PageTable, slot: number): boolean {
  return testAndClearYoungPtes(pt, slot, 1);
}

/** `test_and_clear_young_ptes`: the same for a run of leaves of one folio, widened to whole blocks. */
export function testAndClearYoungPtes(pt: PageTable, slot: number, nr: number): boolean {
  const [from, n] = pt.contpte ? youngRange(pt, slot, nr) : [slot, nr];
  return testAndClearYoung(pt, from, n);
}

/** A single entry is widened only where hardware looks at its contiguous bit; a run wherever the bit is. */
function youngRange(pt: PageTable, slot: number, nr: number): [number, number] {
  return nr === 1 && !isFolded(pt, slot) ? [slot, 1] : contpte.wholeBlocks(pt, slot, nr);
}

/** A TLB entry that still says accessed does no harm, so x86 and riscv leave out the invalidation (their own comments say so). */
const KEEPS_STALE_YOUNG: readonly string[] = ["x86_64", "i686", "riscv64"];

/**
 * `clear_flush_young_ptes`: clears accessed of a run, and if any entry had it, invalidates as many pages as were cleared; not
 * on x86 and riscv. arm64 does not wait for that invalidation.
 */
export function clearFlushYoungPtes(pt: PageTable, slot: number, nr: number): boolean {
  const [from, n] = pt.contpte ? youngRange(pt, slot, nr) : [slot, nr];
  const young = testAndClearYoung(pt, from, n);
  if (young && !KEEPS_STALE_YOUNG.includes(pt.format.machine)) contpte.flushEntries(pt, from, n);
  return young;
}

/**
 * `ptep_set_access_flags`: makes an entry more permissive after a fault; never less. False if the entry said all of it
 * before. `attrs` is what to add.
 */
export function ptepSetAccessFlags(pt: PageTable, slot: number, attrs: number): boolean {
  const add = attrs & (A.young | A.dirty | A.write);
  if (pt.contpte && isFolded(pt, slot)) return contpte.setAccessFlags(pt, slot, add);
  const changes = (add & ~pt.attrs(slot)) !== 0;
  changeAttrs(pt, slot, 1, add, 0);
  return changes;
}

function isFolded(pt: PageTable, slot: number): boolean {
  return contpte.isFolded(pt.kind(slot, 0), pt.attrs(slot));
}
