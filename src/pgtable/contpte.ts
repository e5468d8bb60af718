/**
 * arm64's contpte layer: a block of PTEs that map one aligned piece of one folio carries the contiguous bit in every
 * entry, so that a TLB may hold it as one. Folding and unfolding happen here and are invisible above.
 *
 * Why it is opportunistic: a fold is tried only when the last entry of a block is stored, because trying at every store
 * would read the block sixteen times to fill it once. Why unfolding flushes: hardware may hold the old large entry, and
 * two sizes for one address are a conflict (break before make).
 * Not modelled: kernel mappings, lockless readers, CPUs that need no flush (BBML2).
 * Source: arch/arm64/mm/contpte.c and asm/pgtable.h, Linux 6.18.
 */

import { A, Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";
import { changeAttrs, writePtes } from "./raw.ts";

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

/** Accessed and dirty of the whole block around a slot. Hardware may note them on any one entry of it. */
export function gather(pt: PageTable, slot: number): number {
  const n = contPtes(pt);
  const first = slot & ~(n - 1);
  let seen = 0;
  for (let i = first; i < first + n; i++) seen |= pt.attrs(i);
  pt.tally[E.slotsRead]! += n;
  return seen & (A.young | A.dirty);
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
    writePtes(pt, slot + done, pfn + done, whole ? attrs | A.cont : attrs, n);
    if (whole) pt.tally[E.contpteFolds]!++;
    done += n;
  }
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
  const first = slot - (n - 1);
  const [pfn, attrs] = [pt.pfn(slot) - (n - 1), pt.attrs(slot) & ~(A.young | A.dirty)];
  for (let i = 0; i < n; i++) {
    pt.tally[E.slotsRead]!++;
    if (pt.kind(first + i, 0) !== Kind.leaf || pt.pfn(first + i) !== pfn + i) return false;
    if ((pt.attrs(first + i) & ~(A.young | A.dirty)) !== attrs) return false;
  }
  return true;
}

/** `contpte_convert`: clear all, flush, write all. Every entry ends with the accessed and dirty of any. */
function convert(pt: PageTable, slot: number, attrs: number): void {
  const n = contPtes(pt);
  const first = slot & ~(n - 1);
  const pfn = pt.pfn(slot) - (slot - first);
  const seen = gather(pt, slot);
  pt.clear(first, n);
  flushBlock(pt);
  writePtes(pt, first, pfn, attrs | seen, n);
}

function flushBlock(pt: PageTable): void {
  pt.tally[E.flushRanges]!++;
  pt.tally[E.flushPages]! += contPtes(pt);
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
 * permission must unfold, because the entries would no longer agree.
 */
export function setAccessFlags(pt: PageTable, slot: number, add: number): void {
  const seen = gather(pt, slot);
  const now = pt.attrs(slot) | seen;
  if ((now | add) === now) return;
  if (add & A.write & ~now) {
    unfold(pt, slot);
    changeAttrs(pt, slot, 1, add, 0);
    return;
  }
  // The entry that is written was read as that of the whole block, so it carries what any of them had.
  changeAttrs(pt, slot & ~(contPtes(pt) - 1), contPtes(pt), seen | add, 0);
  flushBlock(pt);
}
