/**
 * arm64's contpte layer: a block of PTEs that map one aligned piece of one folio carries the contiguous bit in every
 * entry, so that a TLB may hold it as one. Folding and unfolding happen here and are invisible above.
 *
 * Why it is opportunistic: a fold is tried only when the last entry of a block is stored, because trying at every store
 * would read the block sixteen times to fill it once. Why unfolding flushes: hardware may hold the old large entry, and
 * two sizes for one address are a conflict (break before make).
 * Not modelled: kernel mappings. Where CPUs and kernels differ is in `contpte-rules.ts`.
 * Source: arch/arm64/mm/contpte.c and asm/pgtable.h, Linux 6.18.
 */

import { A, Kind } from "../arch/entry.ts";
import { broken } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";
import type { Pte } from "./ptep.ts";
import { changeAttrs, writePtes } from "./raw.ts";
import { anyAttrs, ramp } from "./runs.ts";

/** What hardware notes in an entry of its own accord; of a block, on whichever entry it likes. */
const NOTES = A.young | A.dirty;

/** Entries in a block (CONT_PTES): 16 with 4K pages. */
export function contPtes(pt: PageTable): number {
  return 1 << pt.format.contLg2[0]!;
}

/** `pte_valid_cont`: a PROT_NONE entry may carry the bit, but hardware does not look at it and neither does unfolding. */
export function isFolded(kind: Kind, attrs: number): boolean {
  return kind === Kind.leaf && (attrs & (A.cont | A.protnone)) === A.cont;
}

/** `pte_batch_hint`: how many entries from here to the end of a folded block; 1 for a plain entry. */
export function batchHint(pt: PageTable, slot: number): number {
  if (!isFolded(pt.kind(slot, 0), pt.attrs(slot))) return 1;
  return contPtes(pt) - (slot & (contPtes(pt) - 1));
}

/**
 * `contpte_ptep_get`: accessed and dirty of the whole block around a slot. Hardware may note them on any one entry of it.
 * Where the kernel reads a word twice to test two bits (7.x), it counts once here.
 */
export function gather(pt: PageTable, slot: number): number {
  const n = contPtes(pt);
  const first = slot & ~(n - 1);
  if (!pt.contpteRules.gatherStops) {
    pt.tally[E.slotsRead]! += n;
    return anyAttrs(pt, first, n) & NOTES;
  }
  let seen = 0;
  let i = first;
  while (i < first + n && (seen & NOTES) !== NOTES) seen |= pt.attrs(i++);
  pt.tally[E.slotsRead]! += i - first;
  return seen & NOTES;
}

/** More tries than a writer that ever ends can spoil. */
const MAX_RETRIES = 10_000;

/**
 * `contpte_ptep_get_lockless`: reads an entry without the lock of its table. A writer may be at work on the block, so what was
 * read counts only if all entries agreed; else it starts again. `raced` happens before every read of a block's entry.
 */
export function getLockless(pt: PageTable, slot: number, raced: () => void): Pte {
  for (let tries = 0; tries < MAX_RETRIES; tries++) {
    const pte = readConsistent(pt, slot, raced);
    if (pte !== null) return pte;
  }
  broken(`${MAX_RETRIES} reads of the block around slot ${slot} never found its entries in agreement`);
}

function readConsistent(pt: PageTable, slot: number, raced: () => void): Pte | null {
  const pte = { kind: pt.kind(slot, 0), pfn: pt.pfn(slot), attrs: pt.attrs(slot) };
  pt.tally[E.slotsRead]!++;
  if (!isFolded(pte.kind, pte.attrs)) return pte;
  const n = contPtes(pt);
  const first = slot & ~(n - 1);
  let seen = 0;
  for (let i = first; i < first + n; i++) {
    raced();
    pt.tally[E.slotsRead]!++;
    if (!continues(pt, i, pte.pfn - (slot - i), pte.attrs)) return null;
    seen |= pt.attrs(i) & NOTES;
    if (pt.contpteRules.gatherStops && seen === NOTES) break;
  }
  return { ...pte, attrs: pte.attrs | seen };
}

/** Whether an entry maps a frame with the same attributes, accessed and dirty aside. */
function continues(pt: PageTable, slot: number, pfn: number, attrs: number): boolean {
  return pt.kind(slot, 0) === Kind.leaf && pt.pfn(slot) === pfn && ((pt.attrs(slot) ^ attrs) & ~NOTES) === 0;
}

/** `set_ptes` with folding: a single entry may complete a block; a run is written folded wherever it is a whole block. */
export function setPtes(pt: PageTable, slot: number, pfn: number, attrs: number, nr: number): void {
  if (nr > 1) return setRun(pt, slot, pfn, attrs, nr);
  tryUnfold(pt, slot);
  writePtes(pt, slot, pfn, attrs, 1);
  tryFold(pt, slot);
}

/** `contpte_set_ptes`: no look at the folio, because a run is of one folio by contract. */
function setRun(pt: PageTable, slot: number, pfn: number, attrs: number, nr: number): void {
  const size = contPtes(pt);
  for (let done = 0; done < nr; ) {
    const at = (slot + done) & (size - 1);
    const n = Math.min(nr - done, size - at);
    const whole = n === size && ((pfn + done) & (size - 1)) === 0;
    writePtes(pt, slot + done, pfn + done, whole ? mkcont(pt, attrs) : attrs, n);
    if (whole) pt.tally[E.contpteFolds]!++;
    done += n;
  }
}

/** `pte_mkcont`. */
function mkcont(pt: PageTable, attrs: number): number {
  if (pt.contpteRules.contMakesValid && attrs & A.protnone) return (attrs & ~A.protnone) | A.noUser | A.cont;
  return attrs | A.cont;
}

/** `contpte_try_unfold`: a block must be plain before one entry of it changes. */
export function tryUnfold(pt: PageTable, slot: number): void {
  if (isFolded(pt.kind(slot, 0), pt.attrs(slot))) unfold(pt, slot);
}

/** `contpte_try_unfold_partial`: only the blocks that a run cuts, at most two. */
export function unfoldEdges(pt: PageTable, slot: number, nr: number): void {
  const size = contPtes(pt);
  if (slot & (size - 1) || nr < size) tryUnfold(pt, slot);
  if ((slot + nr) & (size - 1)) tryUnfold(pt, slot + nr - 1);
}

function unfold(pt: PageTable, slot: number): void {
  pt.tally[E.contpteUnfolds]!++;
  convert(pt, slot, pt.attrs(slot) & ~A.cont);
}

/** `contpte_try_fold`: what must hold before the block is even looked at. */
function tryFold(pt: PageTable, slot: number): void {
  const last = contPtes(pt) - 1;
  if ((slot & last) !== last || (pt.pfn(slot) & last) !== last) return;
  const attrs = pt.attrs(slot);
  if (pt.kind(slot, 0) !== Kind.leaf || attrs & (A.protnone | A.cont | A.special)) return;
  if (!folioCoversBlock(pt, slot) || !blockAgrees(pt, slot)) return;
  pt.tally[E.contpteFolds]!++;
  convert(pt, slot, attrs | A.cont);
}

/** The folio of the last entry must reach over the whole block: neighbours in other folios never fold. */
function folioCoversBlock(pt: PageTable, slot: number): boolean {
  pt.tally[E.foliosTouched]!++;
  const pfn = pt.pfn(slot);
  return pt.frames.head(pfn) <= pfn - (contPtes(pt) - 1);
}

/** All entries equal but for accessed and dirty, with consecutive frames. */
function blockAgrees(pt: PageTable, slot: number): boolean {
  const n = contPtes(pt);
  const agree = ramp(pt, slot - (n - 1), n, pt.pfn(slot) - (n - 1), pt.attrs(slot), ~NOTES);
  pt.tally[E.slotsRead]! += Math.min(n, agree + 1);
  return agree === n;
}

/** `contpte_convert`: clear all, flush, write all. Every entry ends with the accessed and dirty of any. */
function convert(pt: PageTable, slot: number, attrs: number): void {
  const n = contPtes(pt);
  const first = slot & ~(n - 1);
  const pfn = pt.pfn(slot) - (slot - first);
  const seen = anyAttrs(pt, first, n) & NOTES;
  pt.tally[E.slotsRead]! += n;
  pt.clear(first, n);
  if (!pt.contpteRules.bbml2) flushEntries(pt, first, n);
  writePtes(pt, first, pfn, attrs | seen, n);
}

/** A TLB invalidation of whole entries of one table. */
export function flushEntries(pt: PageTable, slot: number, nr: number): void {
  pt.tally[E.flushRanges]!++;
  pt.tally[E.flushPages]! += nr;
  pt.onFlush?.(slot, nr);
}

/** A run widened to the whole of the folded blocks at its ends, as `[slot, nr]`. */
export function wholeBlocks(pt: PageTable, slot: number, nr: number): [number, number] {
  const n = contPtes(pt);
  const end = slot + nr;
  const from = pt.attrs(slot) & A.cont ? slot & ~(n - 1) : slot;
  const to = pt.attrs(end - 1) & A.cont ? ((end - 1) | (n - 1)) + 1 : end;
  return [from, to - from];
}

/**
 * `contpte_ptep_set_access_flags`: accessed and dirty are set on all entries without unfolding; a change of the write
 * permission must unfold, because the entries would no longer agree. False if there was nothing to do.
 */
export function setAccessFlags(pt: PageTable, slot: number, add: number): boolean {
  const n = contPtes(pt);
  const first = slot & ~(n - 1);
  const { noopByEntry } = pt.contpteRules;
  // What is asked was made from a read of the whole block at the fault; the fix of 2026 does not read the block like that again.
  const seen = noopByEntry ? anyAttrs(pt, first, n) & NOTES : gather(pt, slot);
  const now = pt.attrs(slot) | seen;
  const noop = noopByEntry ? allHave(pt, first, n, now | add) : (now | add) === now;
  if (noop) return false;
  if (add & A.write & ~now) {
    unfold(pt, slot);
    changeAttrs(pt, slot, 1, add, 0);
    return true;
  }
  // The entry that is written was read as that of the whole block, so it carries what any of them had.
  changeAttrs(pt, first, n, seen | add, 0);
  flushEntries(pt, first, n);
  return true;
}

/** `contpte_all_subptes_match_access_flags`: each entry for itself. */
function allHave(pt: PageTable, first: number, n: number, attrs: number): boolean {
  const flags = NOTES | A.write;
  for (let i = first; i < first + n; i++) {
    pt.tally[E.slotsRead]!++;
    if ((pt.attrs(i) ^ attrs) & flags) return false;
  }
  return true;
}
