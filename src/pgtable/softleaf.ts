/**
 * Entries of level 0 that are neither empty nor present: markers, and swap entries with the bits that they keep for the page
 * that was there.
 *
 * Not modelled: migration and device entries. Source: include/linux/swapops.h, mm/internal.h (swap_pte_batch), Linux 6.18;
 * 7.2 calls such an entry a softleaf.
 */
import { A, Kind } from "../arch/entry.ts";
import { SWP_PTE_MARKER } from "../arch/format.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";
import { setSoftleaf } from "./ptep.ts";

/** A swap entry: where the page lies, and what was true of its PTE. `attrs` holds `A.softDirty` and `A.uffdWp` at most. */
export interface SwapPte {
  readonly type: number;
  readonly offset: number;
  /** `pte_swp_exclusive`: the page was this address space's alone, and nobody has copied the entry since. */
  readonly exclusive: boolean;
  readonly attrs: number;
}

/** Marker bits of an entry (`pte_marker_get`), 0 for an entry that is no marker. */
export function markerOf(pt: PageTable, slot: number): number {
  if (pt.kind(slot, 0) !== Kind.softleaf || typeOf(pt, slot) !== SWP_PTE_MARKER) return 0;
  return pt.format.swapOffset(pt.lo(slot), pt.hi(slot));
}

/** Whether an entry says where in swap its page lies. */
export function isSwapPte(pt: PageTable, slot: number): boolean {
  return pt.kind(slot, 0) === Kind.softleaf && typeOf(pt, slot) !== SWP_PTE_MARKER;
}

function typeOf(pt: PageTable, slot: number): number {
  return pt.format.swapType(pt.lo(slot), pt.hi(slot));
}

/** Reads a swap entry. */
export function swapPteAt(pt: PageTable, slot: number): SwapPte {
  const { format } = pt;
  const [lo, hi] = [pt.lo(slot), pt.hi(slot)];
  const attrs = (lo & format.swapSoftDirtyLo ? A.softDirty : 0) | (lo & format.swapUffdWpLo ? A.uffdWp : 0);
  const exclusive = (lo & format.swapExclusiveLo) !== 0;
  return { type: format.swapType(lo, hi), offset: format.swapOffset(lo, hi), exclusive, attrs };
}

/** Stores a swap entry. Bits that the format has no room for are dropped, as in Linux. */
export function setSwapPte(pt: PageTable, slot: number, { type, offset, exclusive, attrs }: SwapPte): void {
  setSoftleaf(pt, slot, 1, type, offset);
  const { format } = pt;
  const soft = attrs & A.softDirty ? format.swapSoftDirtyLo : 0;
  const uffd = attrs & A.uffdWp ? format.swapUffdWpLo : 0;
  pt.write(slot, pt.lo(slot) | soft | uffd | (exclusive ? format.swapExclusiveLo : 0), pt.hi(slot));
}

/** Rewrites a swap entry with other bits. */
export function changeSwapPte(pt: PageTable, slot: number, change: Partial<SwapPte>): void {
  setSwapPte(pt, slot, { ...swapPteAt(pt, slot), ...change });
}

/** Puts a marker into an entry that is empty or a marker (`make_pte_marker`). */
export function setMarker(pt: PageTable, slot: number, marker: number): void {
  setSoftleaf(pt, slot, 1, SWP_PTE_MARKER, marker);
}

/** `swap_pte_batch`: swap entries from `slot` that continue one another with equal bits, at most `max`. */
export function swapPteBatch(pt: PageTable, slot: number, max: number): number {
  const first = swapPteAt(pt, slot);
  let n = 1;
  while (n < max && isSwapPte(pt, slot + n) && follows(first, swapPteAt(pt, slot + n), n)) n++;
  pt.tally[E.slotsRead]! += n;
  return n;
}

function follows(a: SwapPte, b: SwapPte, n: number): boolean {
  return a.type === b.type && a.offset + n === b.offset && a.exclusive === b.exclusive && a.attrs === b.attrs;
}
