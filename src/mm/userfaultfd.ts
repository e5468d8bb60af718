/**
 * userfaultfd: faults on registered memory go to a monitor, which puts pages in by ioctls.
 *
 * VMAs that show files are refused, which Linux does for those of a disk's file systems only. The monitor is a function, called in place of the wait: it says whether it has resolved the fault, and a fault that it has
 * not is a SIGBUS, as with UFFD_FEATURE_SIGBUS. Not modelled: the queue of events, wake-ups, UFFDIO_MOVE, asynchronous protection.
 * Source: fs/userfaultfd.c (handle_userfault, userfaultfd_register, userfaultfd_unregister, dup_userfaultfd), mm/userfaultfd.c
 * (mfill_atomic_install_pte, mfill_atomic_pte_poison, mwriteprotect_range, uffd_wp_range), Linux 6.18.
 */
import { A, Kind, Marker } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { changeLeaf } from "../pgtable/huge.ts";
import { getAndClearPtes, pteClear, setPtes } from "../pgtable/ptep.ts";
import { changeSwapPte, isSwapPte, markerOf, setMarker } from "../pgtable/softleaf.ts";
import { anonAttrs, protAttrs } from "./attrs.ts";
import type { Errno } from "./errno.ts";
import { splitHuge } from "./huge.ts";
import type { Mm } from "./mm.ts";
import { mapPages, newAnonFolio } from "./rmap.ts";
import { prepareAnonVma, VM_UFFD, Vm, type Vma } from "./vma.ts";

/** What a monitor asked for when it opened its userfaultfd; every feature defaults to off. */
export interface UffdFeatures {
  /** UFFD_FEATURE_WP_UNPOPULATED: pages that are not there can be protected too. */
  readonly wpUnpopulated?: boolean;
  /** UFFD_FEATURE_EVENT_FORK: a child's VMAs are registered as well. */
  readonly eventFork?: boolean;
  /** UFFD_FEATURE_EVENT_REMAP: VMAs that are moved stay registered. */
  readonly eventRemap?: boolean;
}

/** A fault that the kernel hands to a monitor. */
export interface UffdFault {
  readonly mm: Mm;
  readonly vpn: number;
  readonly write: boolean;
  readonly reason: "missing" | "wp";
}

/** One userfaultfd (`userfaultfd_ctx`): VMAs are registered with it, and do not merge with those of another. */
export class Userfaultfd {
  readonly features: UffdFeatures;
  /** Called for every fault; true says that the fault may be tried again. */
  readonly onFault: (fault: UffdFault) => boolean;

  constructor(features: UffdFeatures = {}, onFault: (fault: UffdFault) => boolean = () => false) {
    this.features = features;
    this.onFault = onFault;
  }
}

/** `handle_userfault`: asks the monitor of the VMA. False is a SIGBUS. */
export function handleUserfault(mm: Mm, vma: Vma, vpn: number, write: boolean, reason: UffdFault["reason"]): boolean {
  return vma.uffd!.onFault({ mm, vpn, write, reason });
}

/** `UFFDIO_REGISTER` of anonymous memory in `[start, end)`; `modes` are `Vm.uffd*` bits. VMAs that have them all already stay. */
export function uffdRegister(mm: Mm, uffd: Userfaultfd, start: number, end: number, modes: number): Errno | null {
  if (start >= end || !(modes & VM_UFFD)) return "EINVAL";
  const vmas = mm.vmas.overlapping(start, end);
  if (vmas.length === 0 || !vmas.every((vma) => canUserfault(vma, modes))) return "EINVAL";
  if (vmas.some((vma) => vma.uffd !== null && vma.uffd !== uffd)) return "EBUSY";
  for (const { start: from, end: to } of vmas) {
    const [first, last] = [Math.max(start, from), Math.min(end, to)];
    const vma = mm.vmas.at(first)!;
    if (vma.uffd === uffd && (vma.flags & modes) === modes) continue;
    mm.vmas.modify(first, last, (vma.flags & ~VM_UFFD) | modes, uffd);
  }
  return null;
}

/** `vma_can_userfault`: pages that only the tables lack are a matter of files. */
function canUserfault(vma: Vma, modes: number): boolean {
  return !(modes & Vm.uffdMinor) && vma.file === null;
}

/** `UFFDIO_UNREGISTER`: nothing in the range is protected or reported any more. */
export function uffdUnregister(mm: Mm, start: number, end: number): Errno | null {
  const vmas = mm.vmas.overlapping(start, end);
  if (start >= end || vmas.length === 0) return "EINVAL";
  for (const { start: from, end: to } of vmas) {
    const [first, last] = [Math.max(start, from), Math.min(end, to)];
    const vma = mm.vmas.at(first)!;
    if (vma.uffd === null) continue;
    if (vma.flags & Vm.uffdWp) protectRange(mm, vma, first, last, false);
    mm.vmas.modify(first, last, vma.flags & ~VM_UFFD, null);
  }
  return null;
}

/** An outcome of an ioctl that fills page by page: how many it did, and why it stopped. */
export interface Filled {
  readonly pages: number;
  readonly err: Errno | null;
}

/** What fills one page: null when it is done. */
type FillPage = (vma: Vma, vpn: number, slot: number) => Errno | null;

/** The common part of the filling ioctls (`mfill_atomic`). What was filled stays; EAGAIN says that only some of it was. */
function fill(mm: Mm, start: number, end: number, page: FillPage): Filled {
  const vma = mm.vmas.at(start);
  if (vma === undefined || vma.uffd === null || end > vma.end) return { pages: 0, err: "ENOENT" };
  prepareAnonVma(mm.kernel, mm.vmas, vma);
  for (let vpn = start; vpn < end; vpn++) {
    const slot = mm.design.findOrMake(mm.pt, vpn, 0);
    const err = slot < 0 ? "EEXIST" : mm.pt.locks.with(mm.pt.tableOf(slot), 0, () => page(vma, vpn, slot));
    if (err !== null) return { pages: vpn - start, err: vpn > start ? "EAGAIN" : err };
  }
  return { pages: end - start, err: null };
}

/**
 * `UFFDIO_COPY`: a new page for every page of the range, which `write` may fill by frame. Markers are overwritten, guards
 * too; anything else in the way is EEXIST.
 */
export function uffdCopy(
  mm: Mm,
  start: number,
  end: number,
  write: (pfn: number, vpn: number) => void = () => {},
): Filled {
  return fill(mm, start, end, (vma, vpn, slot) => {
    if (mm.pt.kind(slot, 0) !== Kind.none && markerOf(mm.pt, slot) === 0) return "EEXIST";
    const pfn = newAnonFolio(mm.kernel, 0);
    if (pfn < 0) return "ENOMEM";
    mm.kernel.frames.setFlag(pfn, 1, FrameFlag.written, true);
    write(pfn, vpn);
    setPtes(mm.pt, slot, pfn, anonAttrs(vma.flags) | A.dirty, 1);
    mapPages(mm, pfn, 1);
    mm.kernel.lru.addNew(vma, pfn);
    return null;
  });
}

/** `UFFDIO_ZEROPAGE`: the zero page for every page of the range that is empty, markers not taken for such. */
export function uffdZeropage(mm: Mm, start: number, end: number): Filled {
  return fill(mm, start, end, (vma, _vpn, slot) => {
    if (mm.pt.kind(slot, 0) !== Kind.none) return "EEXIST";
    setPtes(mm.pt, slot, mm.kernel.zeroPfn, protAttrs(vma.flags) | A.young | A.special, 1);
    return null;
  });
}

/** `UFFDIO_POISON`: markers that make every access a SIGBUS, where there is nothing. */
export function uffdPoison(mm: Mm, start: number, end: number): Filled {
  return fill(mm, start, end, (_vma, _vpn, slot) => {
    if (mm.pt.kind(slot, 0) !== Kind.none) return "EEXIST";
    setMarker(mm.pt, slot, Marker.poisoned);
    return null;
  });
}

/** `UFFDIO_WRITEPROTECT`: the range protected, or given back. All of it must be registered for that. */
export function uffdWriteProtect(mm: Mm, start: number, end: number, on: boolean): Errno | null {
  const vmas = mm.vmas.overlapping(start, end);
  if (vmas.length === 0) return "ENOENT";
  for (const vma of vmas) {
    if (!(vma.flags & Vm.uffdWp)) return "ENOENT";
    protectRange(mm, vma, Math.max(start, vma.start), Math.min(end, vma.end), on);
  }
  return null;
}

/** `uffd_wp_range` on one VMA (`change_protection` with MM_CP_UFFD_WP or _RESOLVE). A huge mapping that is cut is split. */
function protectRange(mm: Mm, vma: Vma, start: number, end: number, on: boolean): void {
  const markers = on && vma.uffd!.features.wpUnpopulated === true;
  if (markers) for (let vpn = start; vpn < end; vpn += mm.pt.span[1]! - (vpn % mm.pt.span[1]!)) makeTable(mm, vpn);
  mm.design.visit(mm.pt, start, end, {
    huge: (slot, level, from, to) => {
      if (to - from === mm.pt.span[level]!) protectLeaf(mm, vma, slot, on);
      else splitHuge(mm, vma, slot);
    },
    ptes: (slot, _vpn, nr) => {
      for (let i = slot; i < slot + nr; i++) protectPte(mm, vma, i, on, markers);
    },
  });
  mm.kernel.tally[E.flushRanges]!++;
  mm.kernel.tally[E.flushPages]! += end - start;
}

/** Markers need a table to stand in (`change_prepare`). */
function makeTable(mm: Mm, vpn: number): void {
  mm.design.findOrMake(mm.pt, vpn, 0);
}

/** `change_huge_pmd`. */
function protectLeaf(mm: Mm, vma: Vma, slot: number, on: boolean): void {
  if (on) return changeLeaf(mm.pt, slot, 1, A.uffdWp, A.write);
  const own = !mm.kernel.isHugeZero(mm.pt.pfn(slot, 1)) && owns(mm, vma, mm.pt.pfn(slot, 1));
  changeLeaf(mm.pt, slot, 1, own ? A.write : 0, A.uffdWp);
}

/** One entry of `change_pte_range`: the bit goes on or off, and what is this process' own may be written again. */
function protectPte(mm: Mm, vma: Vma, slot: number, on: boolean, markers: boolean): void {
  const { pt } = mm;
  pt.tally[E.slotsRead]!++;
  switch (pt.kind(slot, 0)) {
    case Kind.none:
      if (markers) setMarker(pt, slot, Marker.uffdWp);
      return;
    case Kind.leaf: {
      const { pfn, attrs } = getAndClearPtes(pt, slot, 1);
      const regain = !(attrs & A.special) && owns(mm, vma, pfn) ? A.write : 0;
      return setPtes(pt, slot, pfn, on ? (attrs & ~A.write) | A.uffdWp : (attrs & ~A.uffdWp) | regain, 1);
    }
    default:
      if (isSwapPte(pt, slot)) changeSwapPte(pt, slot, { attrs: on ? A.uffdWp : 0 });
      else if (!on && markerOf(pt, slot) === Marker.uffdWp) pteClear(pt, slot);
  }
}

/** `can_change_pte_writable` once the protection is off. */
function owns(mm: Mm, vma: Vma, pfn: number): boolean {
  return (vma.flags & Vm.write) !== 0 && mm.kernel.frames.hasFlag(pfn, FrameFlag.exclusive);
}
