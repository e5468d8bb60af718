/**
 * Page faults on private anonymous memory, and the access that takes them.
 *
 * Not modelled: NUMA hinting, out-of-memory beyond falling back to smaller folios.
 * Source: handle_mm_fault, do_anonymous_page, alloc_anon_folio, do_wp_page of mm/memory.c, Linux 6.18.
 */
import { A, Kind, Marker } from "../arch/entry.ts";
import { pmdOrder } from "../arch/format.ts";
import { invariant } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { translateInto } from "../mmu/translate.ts";
import { highOf, lowOf } from "../mmu/vpn.ts";
import { getAndClearPtes, type Pte, pteClear, ptepGet, ptepSetAccessFlags, setPtes } from "../pgtable/ptep.ts";
import { isSwapPte, markerOf } from "../pgtable/softleaf.ts";
import { anonAttrs, protAttrs } from "./attrs.ts";
import { faultFile } from "./fault-file.ts";
import { faultHuge, faultOnHuge, wantsHuge } from "./huge.ts";
import type { Mm } from "./mm.ts";
import { isFilePage, mapPages, maybeMappedShared, newAnonFolio, unmapPages } from "./rmap.ts";
import { doSwapPage } from "./swap-io.ts";
import { suitableOrders } from "./thp.ts";
import { handleUserfault } from "./userfaultfd.ts";
import { isArmed, prepareAnonVma, VM_ACCESS, Vm, type Vma } from "./vma.ts";

/** What an access ends in: the frame that was reached, {@link SEGV} or {@link BUS}. */
export type Reached = number;

/** An access ended by SIGSEGV. */
export const SEGV = -1;
/** An access ended by SIGBUS: poison, or a userfaultfd whose monitor does not resolve the fault. */
export const BUS = -2;

/** How a fault came out; the last two are for a userfaultfd's monitor. */
type Outcome = "done" | "segv" | "bus" | "missing" | "wp";

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
    const outcome = userFault(mm, vpn, write);
    if (outcome !== "done") return outcome === "bus" ? BUS : SEGV;
  }
  invariant(false, `an access to page ${vpn} faults for ever\n${mm.pt.describe(vpn)}`);
}

/** A fault from user mode. */
function userFault(mm: Mm, vpn: number, write: boolean): Outcome {
  mm.kernel.tally[E.exceptions]!++;
  const vma = mm.vmas.at(vpn);
  if (vma === undefined || !permits(vma, write)) return "segv";
  return mendEntry(mm, vma, vpn, write);
}

/** Whether the VMA's permissions allow the access at all. On every format modelled, write or exec permission reads too. */
export function permits(vma: Vma, write: boolean): boolean {
  return (vma.flags & (write ? Vm.write : VM_ACCESS)) !== 0;
}

/** `handle_mm_fault`: mends the entry, counts the fault. False: a guard is in the way, or a signal is all there is. */
export function handleMmFault(mm: Mm, vma: Vma, vpn: number, write: boolean): boolean {
  return mendEntry(mm, vma, vpn, write) === "done";
}

/** No page-table lock is held while a monitor is asked; what it has resolved is tried again. */
function mendEntry(mm: Mm, vma: Vma, vpn: number, write: boolean): Outcome {
  const outcome = fixEntry(mm, vma, vpn, write);
  if (outcome === "missing" || outcome === "wp") return handleUserfault(mm, vma, vpn, write, outcome) ? "done" : "bus";
  if (outcome !== "done") return outcome;
  mm.faults++;
  mm.kernel.tally[E.faults]!++;
  return "done";
}

function fixEntry(mm: Mm, vma: Vma, vpn: number, write: boolean): Outcome {
  const { pt } = mm;
  const pmd = mm.design.findOrMake(pt, vpn, 1);
  const kind = pt.kind(pmd, 1);
  if (kind === Kind.none && vma.file === null && wantsHuge(mm, vma, vpn)) {
    if (vma.flags & Vm.uffdMissing) return "missing";
    if (faultHuge(mm, vma, pmd, write)) return "done";
  }
  if (kind === Kind.leaf) {
    if (write && awaitsMonitor(vma, pt.attrs(pmd, 1))) return "wp";
    if (faultOnHuge(mm, vma, pmd, write)) return "done";
  }
  // A file's page may be mapped by a whole PMD, or not at all, so the table is not made before the page is there.
  if (vma.file !== null && isEmpty(mm, vpn, pmd)) return faultFile(mm, vma, vpn, write) ? "done" : "bus";
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
function fixPte(mm: Mm, vma: Vma, vpn: number, slot: number, write: boolean): Outcome {
  switch (mm.pt.kind(slot, 0)) {
    case Kind.none:
      return faultAnon(mm, vma, vpn, slot, write, 0);
    case Kind.leaf:
      return faultOnPte(mm, vma, slot, write);
    default:
      return faultOnSoftleaf(mm, vma, vpn, slot, write);
  }
}

/** `userfaultfd_pte_wp`: a write has to wait for the monitor. */
function awaitsMonitor(vma: Vma, attrs: number): boolean {
  return (attrs & A.uffdWp) !== 0 && (vma.flags & Vm.uffdWp) !== 0;
}

/** `do_swap_page`: a page in swap, or a marker (`handle_pte_marker`). */
function faultOnSoftleaf(mm: Mm, vma: Vma, vpn: number, slot: number, write: boolean): Outcome {
  if (isSwapPte(mm.pt, slot)) {
    doSwapPage(mm, vma, vpn, slot, write);
    return write && !(mm.pt.attrs(slot) & A.write) ? faultOnPte(mm, vma, slot, write) : "done";
  }
  const marker = markerOf(mm.pt, slot);
  if (marker & Marker.poisoned) return "bus";
  if (marker & Marker.guard) return "segv";
  // The protection of a userfaultfd that is gone says nothing any more (pte_marker_handle_uffd_wp).
  const uffdWp = vma.flags & Vm.uffdWp ? A.uffdWp : 0;
  if (uffdWp === 0) pteClear(mm.pt, slot);
  return faultAnon(mm, vma, vpn, slot, write, uffdWp);
}

/** `do_anonymous_page`. What a userfaultfd had protected while there was no page stays protected. */
function faultAnon(mm: Mm, vma: Vma, vpn: number, slot: number, write: boolean, uffdWp: number): Outcome {
  const { kernel, pt } = mm;
  if (vma.flags & Vm.uffdMissing && uffdWp === 0) return "missing";
  if (!write) {
    setPtes(pt, slot, kernel.zeroPfn, protAttrs(vma.flags) | A.young | A.special | uffdWp, 1);
    return "done";
  }
  prepareAnonVma(kernel, mm.vmas, vma);
  const orders = anonOrders(mm, vma, vpn);
  const [pfn, got] = allocDownwards(mm, orders, emptyOrder(mm, vpn, slot, orders));
  const first = slot - (vpn % 2 ** got);
  setPtes(pt, first, pfn, uffdWp ? (anonAttrs(vma.flags) & ~A.write) | uffdWp : anonAttrs(vma.flags), 2 ** got);
  mapPages(mm, pfn, 2 ** got);
  kernel.tally[E.pagesZeroed]! += 2 ** got;
  kernel.lru.addNew(vma, pfn);
  return "done";
}

/** Orders that the fault may use (`thp_vma_allowable_orders`): allowed by the knobs, below a PMD, inside the VMA; and single pages. */
function anonOrders(mm: Mm, vma: Vma, vpn: number): number {
  // A monitor puts pages in and protects them one by one.
  if (isArmed(vma)) return 1;
  const below = (1 << pmdOrder(mm.kernel.format)) - 1;
  return suitableOrders(vma, vpn, mm.kernel.thp.allowed(vma.flags) & below) | 1;
}

/** The largest of the orders whose aligned block is all empty; lower orders are then empty too. */
function emptyOrder(mm: Mm, vpn: number, slot: number, orders: number): number {
  for (let order = 31 - Math.clz32(orders); order > 0; order--)
    if (orders & (1 << order) && blockIsEmpty(mm, slot - (vpn % 2 ** order), 2 ** order)) return order;
  return 0;
}

function blockIsEmpty(mm: Mm, slot: number, n: number): boolean {
  for (let i = slot; i < slot + n; i++) {
    mm.kernel.tally[E.slotsRead]!++;
    if (mm.pt.kind(i, 0) !== Kind.none) return false;
  }
  return true;
}

/** A folio of the order, or of the next smaller one of the orders that memory gives. */
function allocDownwards(mm: Mm, orders: number, order: number): [pfn: number, order: number] {
  for (let o = order; o >= 0; o--) {
    const pfn = orders & (1 << o) ? newAnonFolio(mm.kernel, o) : -1;
    if (pfn >= 0) return [pfn, o];
  }
  return mm.kernel.outOfMemory();
}

/** A fault on a present entry: copy on write, or accessed and dirty that hardware does not set. */
function faultOnPte(mm: Mm, vma: Vma, slot: number, write: boolean): Outcome {
  const pte = ptepGet(mm.pt, slot);
  if (write && awaitsMonitor(vma, pte.attrs)) return "wp";
  if (write && !(pte.attrs & A.write)) writeProtectFault(mm, vma, slot, pte);
  else ptepSetAccessFlags(mm.pt, slot, A.young | (write ? A.dirty : 0));
  return "done";
}

/** `do_wp_page`: re-use a page that is ours alone, copy any other. */
function writeProtectFault(mm: Mm, vma: Vma, slot: number, pte: Pte): void {
  prepareAnonVma(mm.kernel, mm.vmas, vma);
  const foreign = isFilePage(mm.kernel, pte.pfn) && !(vma.flags & Vm.shared);
  if (pte.attrs & A.special || foreign || !canReuse(mm, pte.pfn)) return copyPage(mm, vma, slot, pte);
  mm.kernel.frames.setFlag(pte.pfn, 1, FrameFlag.exclusive, true);
  ptepSetAccessFlags(mm.pt, slot, A.write | A.dirty | A.young);
}

/**
 * `wp_can_reuse_anon_folio`: the page is known to be ours, or its folio turns out to be. Of a large folio's last mapped page
 * a copy is made all the same: it frees the rest.
 */
function canReuse(mm: Mm, pfn: number): boolean {
  const { frames, profile, swap } = mm.kernel;
  if (frames.hasFlag(pfn, FrameFlag.exclusive)) return true;
  // The swap cache holds the page for others, whose entries still name its slot (folio_free_swap fails).
  if (swap.caches(pfn)) return false;
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
