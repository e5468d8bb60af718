/**
 * fork and exit: the child gets the areas, and page tables only where a fault could not build them again.
 *
 * Not modelled: pinned pages, the points where the copy lets others run, devices.
 * Source: dup_mmap of mm/mmap.c, copy_page_range, copy_present_ptes, vma_needs_copy of mm/memory.c, copy_huge_pmd of
 * mm/huge_memory.c, anon_vma_fork of mm/rmap.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { copyRange } from "../design/copy.ts";
import type { Copier } from "../design/design.ts";
import { changeLeaf, setLeaf } from "../pgtable/huge.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { ptepAttrs, setPtes, setSoftleaf, wrprotectPtes } from "../pgtable/ptep.ts";
import { folioPteBatch } from "./batch.ts";
import { Mm } from "./mm.ts";
import { dupHuge, dupPages, isFilePage, mapPages } from "./rmap.ts";
import { Vm, type Vma } from "./vma.ts";
import { zapRange } from "./zap.ts";

/** `fork`: the child's address space. */
export function fork(parent: Mm): Mm {
  const child = new Mm(parent.kernel);
  for (const vma of parent.vmas.all) {
    if (vma.flags & Vm.dontcopy) continue;
    child.vmas.append(childVma(parent, vma));
    if (needsCopy(vma)) copyArea(parent, child, vma);
  }
  parent.kernel.tally[E.flushRanges]!++;
  return child;
}

/** An area with an anon_vma becomes one with an anon_vma of its own that hangs below the parent's (`anon_vma_fork`). */
function childVma(parent: Mm, vma: Vma): Vma {
  const wiped = (vma.flags & Vm.wipeonfork) !== 0 || vma.anonVma === 0;
  const chain = wiped ? { anonVma: 0, forked: false } : { anonVma: parent.kernel.newAnonVma(), forked: true };
  return { ...vma, ...chain, flags: vma.flags & ~Vm.locked };
}

/** `vma_needs_copy`: what a fault in the child can find again is not copied. Guards it cannot find. */
function needsCopy(vma: Vma): boolean {
  return !(vma.flags & Vm.wipeonfork) && (vma.anonVma !== 0 || (vma.flags & Vm.maybeGuard) !== 0);
}

/** The entries of one area; the walk to them is the design's. */
function copyArea(parent: Mm, child: Mm, vma: Vma): void {
  copyRange(parent.design, parent.pt, child.pt, vma.start, vma.end, forkCopier(parent, child));
}

/** How fork copies entries, whatever walk reaches them. The model's memory for tables has no end, and nobody waits. */
export function forkCopier(parent: Mm, child: Mm): Copier {
  return {
    huge: (slot, _level, start) => {
      copyHuge(parent, child, slot, start);
      return true;
    },
    entry: (slot, toSlot, max) => copyEntry(parent, child, slot, toSlot, max),
    room: () => true,
    mustBreak: () => false,
  };
}

/**
 * `copy_huge_pmd`: the child shares the folio by one entry, with a table set aside for its own split. A file's folio it will
 * find itself, and has no more than the table above.
 */
function copyHuge(parent: Mm, child: Mm, slot: number, vpn: number): void {
  const { pt, kernel } = parent;
  if (isFilePage(kernel, pt.pfn(slot, 1))) return void child.design.findOrMake(child.pt, vpn, 1);
  child.pt.deposit();
  if (!kernel.isHugeZero(pt.pfn(slot, 1))) dupHuge(child, pt.pfn(slot, 1));
  changeLeaf(pt, slot, 1, 0, A.write);
  setLeaf(child.pt, child.design.findOrMake(child.pt, vpn, 1), 1, pt.pfn(slot, 1), pt.attrs(slot, 1) & ~A.young);
}

/**
 * One entry and what continues it. A marker is the child's as well, for guards always are; it is made anew (`copy_pte_marker`), so
 * a note on the parent's that it was moved (soft-dirty) stays with the parent.
 */
function copyEntry(parent: Mm, child: Mm, from: number, to: number, max: number): number {
  const { pt } = parent;
  if (pt.kind(from, 0) === Kind.leaf) return copyPresent(parent, child, from, to, max);
  const [lo, hi] = [pt.lo(from), pt.hi(from)];
  setSoftleaf(child.pt, to, 1, pt.format.swapType(lo, hi), pt.format.swapOffset(lo, hi));
  return 1;
}

/**
 * `copy_present_ptes`: one folio's run. Entries that differ in write permission are one run, for all lose it; the parent's
 * are protected in place, the child's are written as one run, which folds whole blocks even where the parent's are plain.
 */
function copyPresent(parent: Mm, child: Mm, from: number, to: number, max: number): number {
  const { pt } = parent;
  const pfn = pt.pfn(from);
  if (isFilePage(parent.kernel, pfn)) return copyShared(parent, child, from, to, max);
  const special = pt.attrs(from) & A.special;
  const n = special ? 1 : folioPteBatch(parent, from, max, A.dirty | A.softDirty);
  if (!special) dupPages(child, pfn, n);
  const attrs = ptepAttrs(pt, from) & ~(A.young | A.write);
  if (anyWritable(pt, from, n)) wrprotectPtes(pt, from, n);
  setPtes(child.pt, to, pfn, attrs, n);
  return n;
}

/** The same of a shared file's pages: who may write may go on writing, and the child's entries are clean. */
function copyShared(parent: Mm, child: Mm, from: number, to: number, max: number): number {
  const { pt } = parent;
  const pfn = pt.pfn(from);
  const n = folioPteBatch(parent, from, max, A.softDirty);
  mapPages(child, pfn, n);
  const write = anyWritable(pt, from, n) ? A.write : 0;
  setPtes(child.pt, to, pfn, (ptepAttrs(pt, from) & ~(A.young | A.dirty)) | write, n);
  return n;
}

function anyWritable(pt: PageTable, slot: number, n: number): boolean {
  for (let i = slot; i < slot + n; i++) if (pt.attrs(i) & A.write) return true;
  return false;
}

/** `exit_mmap`: everything is unmapped and every table goes. The address space must not be used afterwards. */
export function exit(mm: Mm): void {
  for (const vma of mm.vmas.all) zapRange(mm, vma, vma.start, vma.end, { dropMarkers: true, reclaimTables: false });
  for (const vma of mm.vmas.clear()) vma.file?.close(vma);
  mm.pt.destroy();
}
