/**
 * fork and exit: the child gets the VMAs, and page tables only where a fault could not build them again.
 *
 * Not modelled: devices, and a fork that fails for want of memory: the program ends.
 * Source: dup_mmap of mm/mmap.c, copy_page_range, copy_present_ptes, copy_nonpresent_pte, vma_needs_copy of mm/memory.c, copy_huge_pmd of
 * mm/huge_memory.c, anon_vma_fork of mm/rmap.c, Linux 6.18.
 */

import { A, Kind, Marker } from "../arch/entry.ts";
import { kept } from "../base/kept.ts";
import { E } from "../base/tally.ts";
import { copyRange } from "../design/copy.ts";
import type { Copier } from "../design/design.ts";
import { FrameFlag } from "../machine/frames.ts";
import { changeLeaf, setLeaf } from "../pgtable/huge.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { ptepAttrs, setPtes, wrprotectPtes } from "../pgtable/ptep.ts";
import { anyAttrs } from "../pgtable/runs.ts";
import { leavesAt, setSinglePtes, wrprotectSinglePtes } from "../pgtable/singles.ts";
import { changeSwapPte, isSwapPte, markerOf, setMarker, setSwapPte, swapPteAt } from "../pgtable/softleaf.ts";
import { anonAttrs } from "./attrs.ts";
import { folioPteBatch } from "./batch.ts";
import { splitHuge } from "./huge.ts";
import { neverResched } from "./kernel.ts";
import { Mm } from "./mm.ts";
import { dupHuge, dupPages, dupSingles, isFilePage, mapPages, newAnonFolio } from "./rmap.ts";
import { Userfaultfd } from "./userfaultfd.ts";
import { VM_UFFD, Vm, type Vma } from "./vma.ts";
import { zapRange } from "./zap.ts";

/** `fork`: the child's address space. */
export function fork(parent: Mm): Mm {
  parent.kernel.tally[E.systemCalls]!++;
  const child = new Mm(parent.kernel);
  child.hasPinned = parent.hasPinned;
  const uffds = new Map<Userfaultfd, Userfaultfd>();
  for (const vma of parent.vmas.all) {
    if (vma.flags & Vm.dontcopy) continue;
    const copy = withUffdOf(childVma(parent, vma), uffds);
    child.vmas.append(copy);
    if (needsCopy(vma, copy)) copyArea(parent, child, copy);
  }
  parent.kernel.tally[E.flushRanges]!++;
  return child;
}

/** A VMA with an anon_vma becomes one with an anon_vma of its own that hangs below the parent's (`anon_vma_fork`). */
function childVma(parent: Mm, vma: Vma): Vma {
  const wiped = (vma.flags & Vm.wipeonfork) !== 0 || vma.anonVma === 0;
  const chain = wiped ? { anonVma: 0, forked: false } : { anonVma: parent.kernel.newAnonVma(), forked: true };
  return { ...vma, ...chain, flags: vma.flags & ~Vm.locked };
}

/**
 * `dup_userfaultfd`: the child's VMA is registered with a userfaultfd of its own if the monitor wants to hear of forks
 * (UFFD_FEATURE_EVENT_FORK), one for each of the parent's; otherwise it is not registered at all.
 */
function withUffdOf(vma: Vma, uffds: Map<Userfaultfd, Userfaultfd>): Vma {
  const { uffd } = vma;
  if (uffd === null) return vma;
  if (!uffd.features.eventFork) return { ...vma, uffd: null, flags: vma.flags & ~VM_UFFD };
  return { ...vma, uffd: kept(uffds, uffd, () => new Userfaultfd(uffd.features, uffd.onFault)) };
}

/**
 * `vma_needs_copy`: what a fault in the child can find again is not copied. Guards it cannot find, nor what a userfaultfd protects,
 * if the child's VMA is registered too.
 */
function needsCopy(vma: Vma, copy: Vma): boolean {
  if (vma.flags & Vm.wipeonfork) return false;
  return vma.anonVma !== 0 || (copy.flags & (Vm.maybeGuard | Vm.uffdWp)) !== 0;
}

/** The entries of one VMA; the walk to them is the design's. */
function copyArea(parent: Mm, child: Mm, vma: Vma): void {
  const { kernel } = parent;
  const copier = forkCopier(parent, child, vma);
  const { ok, lockBreaks } = copyRange(parent.design, parent.pt, child.pt, vma.start, vma.end, copier);
  if (!ok) kernel.outOfMemory();
  kernel.tally[E.lockBreaks]! += lockBreaks;
}

/** A copy in progress: what it prepares while no lock is held, and needs when they are held again. */
interface Copy {
  readonly parent: Mm;
  readonly child: Mm;
  /** The child's VMA; without one nothing in it is protected for a userfaultfd. */
  readonly vma: Vma | null;
  /** A page for the child's copy of a pinned one, or -1 (`prealloc`). */
  page: number;
  /** The slot of swap whose count is full, or -1. */
  fullSlot: number;
}

/**
 * How fork copies entries, whatever walk reaches them. Memory for tables has no end in the model; whether the processor or a
 * lock is wanted is the machine's to say ({@link KernelSpec.needResched}).
 */
export function forkCopier(parent: Mm, child: Mm, vma: Vma | null = null): Copier {
  const copy: Copy = { parent, child, vma, page: -1, fullSlot: -1 };
  return {
    huge: (slot, _level, start) => copyHuge(copy, slot, start),
    entry: (slot, toSlot, max) => copyEntry(copy, slot, toSlot, max),
    room: () => makeRoom(copy),
    mustBreak: parent.kernel.needResched,
  };
}

/** Whether the child's VMA keeps the protection of a userfaultfd (`userfaultfd_wp(dst_vma)`); it loses the bits otherwise. */
function uffdMask({ vma }: Copy): number {
  return vma !== null && vma.flags & Vm.uffdWp ? ~0 : ~A.uffdWp;
}

/** What an entry wanted that needs memory: a longer count of a slot of swap, or a page. */
function makeRoom(copy: Copy): boolean {
  const { kernel } = copy.parent;
  if (copy.fullSlot < 0) {
    copy.page = newAnonFolio(kernel, 0);
    return copy.page >= 0;
  }
  kernel.swap.addContinuation(copy.fullSlot);
  copy.fullSlot = -1;
  return true;
}

/** `folio_needs_cow_for_dma`: whoever holds a pin must go on seeing what the parent writes. */
function needsCowForDma({ parent }: Copy, pfn: number): boolean {
  const { frames } = parent.kernel;
  return parent.hasPinned && parent.kernel.pinned(frames.head(pfn)) && frames.hasFlag(pfn, FrameFlag.exclusive);
}

/**
 * `copy_huge_pmd`: the child shares the folio by one entry, with a table set aside for its own split. A pinned folio is not
 * shared: the parent's mapping is split, and the copy goes on with its entries. A file's folio the child will find itself, and has no
 * more than the table above.
 */
function copyHuge(copy: Copy, slot: number, vpn: number): boolean {
  const { parent, child } = copy;
  const { pt, kernel } = parent;
  if (isFilePage(kernel, pt.pfn(slot, 1))) return child.design.findOrMake(child.pt, vpn, 1) >= 0;
  if (needsCowForDma(copy, pt.pfn(slot, 1))) {
    splitHuge(parent, parent.vmas.at(vpn)!, slot);
    return false;
  }
  child.pt.deposit();
  if (!kernel.isHugeZero(pt.pfn(slot, 1))) dupHuge(child, pt.pfn(slot, 1));
  changeLeaf(pt, slot, 1, 0, A.write);
  setLeaf(
    child.pt,
    child.design.findOrMake(child.pt, vpn, 1),
    1,
    pt.pfn(slot, 1),
    pt.attrs(slot, 1) & ~A.young & uffdMask(copy),
  );
  return true;
}

/** One entry and what continues it. */
function copyEntry(copy: Copy, from: number, to: number, max: number): number {
  const { pt } = copy.parent;
  if (pt.kind(from, 0) === Kind.leaf) return copyPresent(copy, from, to, max);
  if (isSwapPte(pt, from)) return copySwap(copy, from, to);
  copyMarker(copy, from, to);
  return 1;
}

/**
 * `copy_pte_marker`: guards and poison are the child's as well, a userfaultfd's protection only if its VMA is registered. It is
 * made anew, so a note on the parent's that it was moved (soft-dirty) stays with the parent.
 */
function copyMarker(copy: Copy, from: number, to: number): void {
  const marker = markerOf(copy.parent.pt, from);
  const kept = copy.vma !== null && copy.vma.flags & Vm.uffdWp ? marker : marker & ~Marker.uffdWp;
  if (kept !== 0) setMarker(copy.child.pt, to, kept);
}

/** The part of `copy_nonpresent_pte` for swap: one entry more names the slot, and neither may take the page for its own alone. */
function copySwap(copy: Copy, from: number, to: number): number {
  const { parent, child } = copy;
  const pte = swapPteAt(parent.pt, from);
  if (!parent.kernel.swap.duplicate(pte.offset)) {
    copy.fullSlot = pte.offset;
    return 0;
  }
  if (pte.exclusive) changeSwapPte(parent.pt, from, { exclusive: false });
  setSwapPte(child.pt, to, { ...pte, exclusive: false, attrs: pte.attrs & uffdMask(copy) });
  child.swapEnts++;
  return 1;
}

/**
 * `copy_present_ptes`: one folio's run. Entries that differ in write permission are one run, for all lose it; the parent's
 * are protected in place, the child's are written as one run, which folds whole blocks even where the parent's are plain.
 */
function copyPresent(copy: Copy, from: number, to: number, max: number): number {
  const { parent, child } = copy;
  const { pt } = parent;
  const pfn = pt.pfn(from);
  const singles = parent.kernel.frames.order(pfn) === 0 ? copySingles(copy, from, to, max) : 0;
  if (singles > 0) return singles;
  if (isFilePage(parent.kernel, pfn)) return copyShared(copy, from, to, max);
  const special = pt.attrs(from) & A.special;
  if (!special && needsCowForDma(copy, pfn)) return copyPinned(copy, from, to);
  const n = special ? 1 : folioPteBatch(parent, from, max, A.dirty | A.softDirty);
  if (!special) dupPages(child, pfn, n);
  const attrs = ptepAttrs(pt, from) & ~(A.young | A.write) & uffdMask(copy);
  if (anyWritable(pt, from, n)) wrprotectPtes(pt, from, n);
  setPtes(child.pt, to, pfn, attrs, n);
  return n;
}

/**
 * The same of single anonymous pages whose entries say the same, one entry after the other: unless somebody may want the locks
 * between two of them, or one may be pinned. The walk has counted its read of the first. Returns how many; 0 where others come first.
 */
function copySingles(copy: Copy, from: number, to: number, max: number): number {
  const { parent, child } = copy;
  const { leaves, tally } = parent.kernel;
  if (parent.kernel.needResched !== neverResched || parent.hasPinned) return 0;
  const found = leavesAt(parent.pt, from, max, leaves);
  if (found === 0 || leaves.attrs & A.special) return 0;
  const { attrs } = leaves;
  const n = dupSingles(child, leaves, found);
  if (n === 0) return 0;
  tally[E.slotsRead]! += 2 * n - 1;
  if (attrs & A.write) wrprotectSinglePtes(parent.pt, from, leaves, n);
  setSinglePtes(parent.pt, from, child.pt, to, leaves, n, attrs & ~(A.young | A.write) & uffdMask(copy));
  return n;
}

/** The same of a shared file's pages: who may write may go on writing, and the child's entries are clean. */
function copyShared(copy: Copy, from: number, to: number, max: number): number {
  const { pt } = copy.parent;
  const pfn = pt.pfn(from);
  const n = folioPteBatch(copy.parent, from, max, A.softDirty);
  mapPages(copy.child, pfn, n);
  const write = anyWritable(pt, from, n) ? A.write : 0;
  const attrs = (ptepAttrs(pt, from) & ~(A.young | A.dirty)) | write;
  setPtes(copy.child.pt, to, pfn, attrs & uffdMask(copy), n);
  return n;
}

/** `copy_present_page`: the child gets a page of its own at once, if one was made ready; the parent's entry stays as it is. */
function copyPinned(copy: Copy, from: number, to: number): number {
  const { parent, child } = copy;
  if (copy.page < 0) return 0;
  const pfn = copy.page;
  copy.page = -1;
  parent.kernel.copyPage(parent.pt.pfn(from), pfn);
  const flags = copy.vma?.flags ?? Vm.read | Vm.write;
  setPtes(child.pt, to, pfn, anonAttrs(flags) | A.dirty, 1);
  mapPages(child, pfn, 1);
  return 1;
}

function anyWritable(pt: PageTable, slot: number, n: number): boolean {
  return (anyAttrs(pt, slot, n) & A.write) !== 0;
}

/** `exit_mmap`: everything is unmapped and every table goes. The address space must not be used afterwards. */
export function exit(mm: Mm): void {
  for (const vma of mm.vmas.all) zapRange(mm, vma, vma.start, vma.end, { dropMarkers: true, reclaimTables: false });
  for (const vma of mm.vmas.clear()) vma.file?.close(vma);
  mm.pt.destroy();
  mm.kernel.mms.delete(mm);
}
