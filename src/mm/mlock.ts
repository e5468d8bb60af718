/**
 * mlock and munlock: VMAs are marked first, what is there is locked or unlocked as it stands, and mlock then brings in the rest.
 *
 * A large folio is locked only where one walk finds it mapped whole, entry after entry; a part of it unlocks it all.
 *
 * Not modelled: limits (the process is root's, as in the recorded runs), mlockall, MLOCK_ONFAULT.
 * Source: apply_vma_lock_flags, mlock_fixup, mlock_pte_range of mm/mlock.c, __mm_populate of mm/gup.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { folioPteBatch } from "./batch.ts";
import type { Errno } from "./errno.ts";
import type { Mm } from "./mm.ts";
import { populateAll } from "./populate.ts";
import { Vm, type Vma } from "./vma.ts";

/** `mlock` of `[start, end)` in pages. Where a page cannot be brought in it fails, with the VMAs marked all the same. */
export function mlock(mm: Mm, start: number, end: number): Errno | null {
  const err = applyVmaLockFlags(mm, start, end, Vm.locked);
  if (err !== null) return err;
  // __mlock_posix_error_return: the EFAULT of a page that cannot be had is ENOMEM here.
  return populateAll(mm, start, end) ? null : "ENOMEM";
}

/** `munlock` of `[start, end)` in pages. */
export function munlock(mm: Mm, start: number, end: number): Errno | null {
  return applyVmaLockFlags(mm, start, end, 0);
}

/** VMA by VMA up to the first hole. */
function applyVmaLockFlags(mm: Mm, start: number, end: number, locked: number): Errno | null {
  if (end < start) return "EINVAL";
  for (let at = start; at < end; ) {
    const vma = mm.vmas.at(at);
    if (vma === undefined) return "ENOMEM";
    const to = Math.min(end, vma.end);
    mlockFixup(mm, vma, at, to, (vma.flags & ~Vm.locked) | locked);
    at = to;
  }
  return null;
}

function mlockFixup(mm: Mm, vma: Vma, start: number, end: number, flags: number): void {
  if (flags === vma.flags) return;
  mlockVmaPagesRange(mm, mm.vmas.modify(start, end, flags), start, end);
}

/** `mlock_vma_pages_range`. */
function mlockVmaPagesRange(mm: Mm, vma: Vma, start: number, end: number): void {
  const { lru } = mm.kernel;
  lru.drain();
  mm.design.visit(mm.pt, start, end, {
    huge: (slot) => mlockHuge(mm, vma, slot),
    ptes: (slot, _vpn, nr) => mlockPtes(mm, vma, slot, nr),
  });
  lru.drain();
}

function mlockHuge(mm: Mm, vma: Vma, slot: number): void {
  const pfn = mm.pt.pfn(slot, 1);
  if (!mm.kernel.isHugeZero(pfn)) mlockFolio(mm, vma, pfn);
}

/** `mlock_pte_range`. */
function mlockPtes(mm: Mm, vma: Vma, slot: number, nr: number): void {
  const { pt } = mm;
  for (let i = slot; i < slot + nr; ) {
    pt.tally[E.slotsRead]!++;
    i += pt.kind(i, 0) === Kind.leaf && !(pt.attrs(i) & A.special) ? mlockBatch(mm, vma, i, slot + nr - i) : 1;
  }
}

/** One folio's run (`folio_mlock_step`). To be locked, it must be all of the folio (`allow_mlock_munlock`). */
function mlockBatch(mm: Mm, vma: Vma, slot: number, max: number): number {
  const { frames } = mm.kernel;
  const pfn = mm.pt.pfn(slot);
  const n = folioPteBatch(mm, slot, max, 0);
  if (!(vma.flags & Vm.locked) || n === 2 ** frames.order(pfn)) mlockFolio(mm, vma, frames.head(pfn));
  return n;
}

function mlockFolio(mm: Mm, vma: Vma, head: number): void {
  mm.kernel.tally[E.foliosTouched]!++;
  if (vma.flags & Vm.locked) mm.kernel.lru.mlock(head);
  else mm.kernel.lru.munlock(head);
}
