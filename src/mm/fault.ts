/**
 * Page faults on private anonymous memory, and the access that takes them.
 *
 * Not modelled: userfaultfd, swap-in, NUMA hinting, out-of-memory beyond falling back to smaller folios.
 * Source: handle_mm_fault, do_anonymous_page, alloc_anon_folio, do_wp_page of mm/memory.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { pmdOrder } from "../arch/format.ts";
import { invariant } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { translateInto } from "../mmu/translate.ts";
import { highOf, lowOf } from "../mmu/vpn.ts";
import { getAndClearPtes, type Pte, ptepGet, ptepSetAccessFlags, setPtes } from "../pgtable/ptep.ts";
import { anonAttrs, protAttrs } from "./attrs.ts";
import { faultFile } from "./fault-file.ts";
import { faultHuge, faultOnHuge } from "./huge.ts";
import type { Mm } from "./mm.ts";
import { mapPages, maybeMappedShared, newAnonFolio, unmapPages } from "./rmap.ts";
import { suitableOrders } from "./thp.ts";
import { prepareAnonVma, VM_ACCESS, Vm, type Vma } from "./vma.ts";

/** What an access ends in: the frame that was reached, or -1 for SIGSEGV. */
export type Reached = number;

/** More faults than this for one access would be a fault that mends nothing. */
const MAX_FAULTS = 8;

/** One access by a program: hardware translates, the kernel mends, until it goes through or the signal comes. */
export function access(mm: Mm, vpn: number, write: boolean): Reached {
  const { walk, accessDirty } = mm.kernel;
  const low = lowOf(vpn);
  const high = highOf(vpn, low);
  for (let tries = 0; tries < MAX_FAULTS; tries++) {
    translateInto(walk, mm.pt, low, high, write, accessDirty);
    if (walk.fault === null) {
      if (write) mm.kernel.frames.setFlag(walk.pfn, 1, FrameFlag.written, true);
      return walk.pfn;
    }
    if (!userFault(mm, vpn, write)) return -1;
  }
  invariant(false, `an access to page ${vpn} faults for ever\n${mm.pt.describe(vpn)}`);
}

/** A fault from user mode: false is SIGSEGV. */
function userFault(mm: Mm, vpn: number, write: boolean): boolean {
  const vma = mm.vmas.at(vpn);
  if (vma === undefined || !permits(vma, write)) return false;
  return handleMmFault(mm, vma, vpn, write);
}

/** Whether the area's permissions allow the access at all. On every format modelled, write or exec permission reads too. */
export function permits(vma: Vma, write: boolean): boolean {
  return (vma.flags & (write ? Vm.write : VM_ACCESS)) !== 0;
}

/** `handle_mm_fault`: mends the entry, counts the fault. False: a guard is in the way. */
export function handleMmFault(mm: Mm, vma: Vma, vpn: number, write: boolean): boolean {
  if (!fixEntry(mm, vma, vpn, write)) return false;
  mm.faults++;
  mm.kernel.tally[E.faults]!++;
  return true;
}

function fixEntry(mm: Mm, vma: Vma, vpn: number, write: boolean): boolean {
  const { pt } = mm;
  const pmd = mm.design.findOrMake(pt, vpn, 1);
  const kind = pt.kind(pmd, 1);
  if (kind === Kind.none && vma.file === null && faultHuge(mm, vma, vpn, pmd, write)) return true;
  if (kind === Kind.leaf && faultOnHuge(mm, vma, pmd, write)) return true;
  // A file's page may be mapped by a whole PMD, or not at all, so the table is not made before the page is there.
  if (vma.file !== null && isEmpty(mm, vpn, pmd)) return faultFile(mm, vma, vpn, write);
  const slot = mm.design.findOrMake(pt, vpn, 0);
  pt.locks.take(pt.tableOf(slot), 0);
  const fixed = fixPte(mm, vma, vpn, slot, write);
  pt.locks.drop(pt.tableOf(slot), 0);
  return fixed;
}

function isEmpty(mm: Mm, vpn: number, pmd: number): boolean {
  if (mm.pt.kind(pmd, 1) === Kind.none) return true;
  const slot = mm.design.find(mm.pt, vpn, 0);
  return slot >= 0 && mm.pt.kind(slot, 0) === Kind.none;
}

/** `handle_pte_fault`. Linux allocates before it takes the lock and looks again; nothing races here. */
function fixPte(mm: Mm, vma: Vma, vpn: number, slot: number, write: boolean): boolean {
  switch (mm.pt.kind(slot, 0)) {
    case Kind.none:
      faultAnon(mm, vma, vpn, slot, write);
      return true;
    case Kind.leaf:
      faultOnPte(mm, vma, slot, write);
      return true;
    default:
      return false;
  }
}

/** `do_anonymous_page`. */
function faultAnon(mm: Mm, vma: Vma, vpn: number, slot: number, write: boolean): void {
  const { kernel, pt } = mm;
  if (!write) {
    setPtes(pt, slot, kernel.zeroPfn, protAttrs(vma.flags) | A.young | A.special, 1);
    return;
  }
  prepareAnonVma(kernel, mm.vmas, vma);
  const order = anonOrder(mm, vma, vpn, slot);
  const [pfn, got] = allocDownwards(mm, vma, vpn, order);
  const first = slot - (vpn % 2 ** got);
  setPtes(pt, first, pfn, anonAttrs(vma.flags), 2 ** got);
  mapPages(mm, pfn, 2 ** got);
  kernel.lru.addNew(vma, pfn);
}

/** The largest allowed order whose aligned block is inside the area and all empty; lower orders are then empty too. */
function anonOrder(mm: Mm, vma: Vma, vpn: number, slot: number): number {
  const below = (1 << pmdOrder(mm.kernel.format)) - 1;
  const mask = suitableOrders(vma, vpn, mm.kernel.thp.allowed(vma.flags) & below);
  for (let order = 31 - Math.clz32(mask); order > 0; order--)
    if (mask & (1 << order) && blockIsEmpty(mm, slot - (vpn % 2 ** order), 2 ** order)) return order;
  return 0;
}

function blockIsEmpty(mm: Mm, slot: number, n: number): boolean {
  for (let i = slot; i < slot + n; i++) {
    mm.kernel.tally[E.slotsRead]!++;
    if (mm.pt.kind(i, 0) !== Kind.none) return false;
  }
  return true;
}

/** A folio of the order, or of the next smaller order that the knobs allow and memory gives. */
function allocDownwards(mm: Mm, vma: Vma, vpn: number, order: number): [pfn: number, order: number] {
  const mask = suitableOrders(vma, vpn, mm.kernel.thp.allowed(vma.flags)) | 1;
  for (let o = order; o >= 0; o--) {
    const pfn = mask & (1 << o) ? newAnonFolio(mm.kernel, o) : -1;
    if (pfn >= 0) return [pfn, o];
  }
  return mm.kernel.outOfMemory();
}

/** A fault on a present entry: copy on write, or accessed and dirty that hardware does not set. */
function faultOnPte(mm: Mm, vma: Vma, slot: number, write: boolean): void {
  const pte = ptepGet(mm.pt, slot);
  if (write && !(pte.attrs & A.write)) return writeProtectFault(mm, vma, slot, pte);
  ptepSetAccessFlags(mm.pt, slot, A.young | (write ? A.dirty : 0));
}

/** `do_wp_page`: re-use a page that is ours alone, copy any other. */
function writeProtectFault(mm: Mm, vma: Vma, slot: number, pte: Pte): void {
  prepareAnonVma(mm.kernel, mm.vmas, vma);
  if (pte.attrs & A.special || !canReuse(mm, pte.pfn)) return copyPage(mm, vma, slot, pte);
  mm.kernel.frames.setFlag(pte.pfn, 1, FrameFlag.exclusive, true);
  ptepSetAccessFlags(mm.pt, slot, A.write | A.dirty | A.young);
}

/**
 * `wp_can_reuse_anon_folio`: the page is known to be ours, or its folio turns out to be. Of a large folio's last mapped page
 * a copy is made all the same: it frees the rest.
 */
function canReuse(mm: Mm, pfn: number): boolean {
  const { frames, profile } = mm.kernel;
  if (frames.hasFlag(pfn, FrameFlag.exclusive)) return true;
  if (frames.order(pfn) === 0) return isLastReference(mm, pfn);
  return profile.tracksOwners && frames.totalMapcount(frames.head(pfn)) > 1 && !maybeMappedShared(mm.kernel, pfn);
}

/** Whether one entry and nothing else refers to a small page. A page so new that it waits for the LRU is not let wait longer. */
function isLastReference(mm: Mm, pfn: number): boolean {
  const { frames, lru } = mm.kernel;
  const count = () => frames.totalMapcount(pfn) + lru.references(pfn);
  if (count() > 3) return false;
  if (lru.isOff(pfn)) lru.drain();
  return count() === 1;
}

/** `wp_page_copy`: always a folio of order 0, so the block that held the old page can never fold again. */
function copyPage(mm: Mm, vma: Vma, slot: number, old: Pte): void {
  const pfn = newAnonFolio(mm.kernel, 0);
  if (pfn < 0) mm.kernel.outOfMemory();
  mm.kernel.copyPage(old.pfn, pfn);
  getAndClearPtes(mm.pt, slot, 1);
  flushPage(mm);
  setPtes(mm.pt, slot, pfn, anonAttrs(vma.flags), 1);
  mapPages(mm, pfn, 1);
  mm.kernel.lru.addNew(vma, pfn);
  if (!(old.attrs & A.special)) unmapPages(mm, vma, old.pfn, 1);
}

function flushPage(mm: Mm): void {
  mm.kernel.tally[E.flushRanges]!++;
  mm.kernel.tally[E.flushPages]!++;
}
