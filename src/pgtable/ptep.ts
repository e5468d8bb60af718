/**
 * Entries as Linux touches them: reading one, setting, clearing and protecting runs of one table. With contpte on, each
 * goes through arm64's layer, which folds and unfolds blocks behind the caller's back.
 *
 * A run is `nr` slots of one table from `slot`. Runs never cross a table.
 * Source: include/linux/pgtable.h, arch/arm64/include/asm/pgtable.h of Linux 6.18.
 */

import { A, Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import * as contpte from "./contpte.ts";
import type { PageTable } from "./pagetable.ts";
import { changeAttrs, writePtes } from "./raw.ts";

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
 * `set_ptes`: maps `nr` consecutive frames. With `nr` = 1 any old entry may be replaced; with more all must be empty and
 * all frames must belong to one folio.
 */
export function setPtes(pt: PageTable, slot: number, pfn: number, attrs: number, nr: number): void {
  const plain = attrs & ~A.cont;
  if (pt.contpte) contpte.setPtes(pt, slot, pfn, plain, nr);
  else writePtes(pt, slot, pfn, plain, nr);
}

/** `set_pte_at` of a non-present entry over `nr` slots. */
export function setSoftleaf(pt: PageTable, slot: number, nr: number, type: number, offset: number): void {
  for (let i = 0; i < nr; i++) {
    if (pt.contpte) contpte.tryUnfold(pt, slot + i);
    pt.write(slot + i, pt.format.swapLo(type, offset), pt.format.swapHi(type, offset));
  }
  pt.tally[E.slotsWritten]! += nr;
}

/** Copies a non-present entry as it is into an empty slot, also of another address space; `setLo` adds bits of the format. */
export function copySoftleaf(from: PageTable, slot: number, to: PageTable, toSlot: number, setLo = 0): void {
  to.write(toSlot, from.lo(slot) | setLo, from.hi(slot));
  to.tally[E.slotsWritten]!++;
}

/** `clear_full_ptes`: empties a run. */
export function clearPtes(pt: PageTable, slot: number, nr: number): void {
  if (pt.contpte) contpte.unfoldEdges(pt, slot, nr);
  pt.clear(slot, nr);
}

/** `modify_prot_start_ptes`: empties a run of leaves and returns its first entry with accessed and dirty of all. */
export function getAndClearPtes(pt: PageTable, slot: number, nr: number): Pte {
  if (pt.contpte) contpte.unfoldEdges(pt, slot, nr);
  let seen = 0;
  for (let i = 0; i < nr; i++) seen |= pt.attrs(slot + i);
  const pte = { kind: Kind.leaf, pfn: pt.pfn(slot), attrs: pt.attrs(slot) | (seen & (A.young | A.dirty)) };
  pt.tally[E.slotsRead]! += nr;
  pt.clear(slot, nr);
  return pte;
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

/** `ptep_set_access_flags`: makes an entry more permissive after a fault; never less. */
export function ptepSetAccessFlags(pt: PageTable, slot: number, attrs: number): void {
  const add = attrs & (A.young | A.dirty | A.write);
  if (pt.contpte && contpte.isFolded(pt.kind(slot, 0), pt.attrs(slot))) contpte.setAccessFlags(pt, slot, add);
  else changeAttrs(pt, slot, 1, add, 0);
}
