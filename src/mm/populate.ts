/**
 * Faulting pages in ahead of use: MAP_POPULATE and MADV_POPULATE_READ and _WRITE.
 *
 * Source: populate_vma_page_range, faultin_page_range and follow_page_mask of mm/gup.c, madvise_populate of mm/madvise.c,
 * Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { broken } from "../base/errors.ts";
import { FrameFlag } from "../machine/frames.ts";
import { changeLeaf } from "../pgtable/huge.ts";
import type { Errno } from "./errno.ts";
import { handleMmFault } from "./fault.ts";
import { FaultRuns } from "./fault-run.ts";
import type { Mm } from "./mm.ts";
import { VM_ACCESS, Vm, type Vma } from "./vma.ts";

/** `mm_populate`: faults in what can be had of `[start, end)`. */
export function populate(mm: Mm, start: number, end: number): void {
  for (const vma of mm.vmas.overlapping(start, end))
    populateVmaPageRange(mm, vma, Math.max(start, vma.start), Math.min(end, vma.end));
}

/** `__mm_populate` for mlock: stops at the first page that cannot be had; false if there is one. Holes are passed over. */
export function populateAll(mm: Mm, start: number, end: number): boolean {
  return mm.vmas
    .overlapping(start, end)
    .every((vma) => populateVmaPageRange(mm, vma, Math.max(start, vma.start), Math.min(end, vma.end)));
}

/** `populate_vma_page_range`: writable where the VMA is private and writable. False: not to the end. */
export function populateVmaPageRange(mm: Mm, vma: Vma, start: number, end: number): boolean {
  const write = (vma.flags & (Vm.write | Vm.shared)) === Vm.write;
  const whole = (vma.flags & VM_ACCESS) !== 0 && populateVma(mm, vma, start, end, write);
  mm.kernel.lru.drain();
  return whole;
}

/** `faultin_page_range`: MADV_POPULATE_*. What is new is put on its list before the call returns. */
export function madvisePopulate(mm: Mm, start: number, end: number, write: boolean): Errno | null {
  if (start === end) return null;
  const err = faultinPageRange(mm, start, end, write);
  mm.kernel.lru.drain();
  return err;
}

/** Stops at the first page that cannot be had, with what was done before it in place. */
function faultinPageRange(mm: Mm, start: number, end: number, write: boolean): Errno | null {
  for (let at = start; at < end; ) {
    const vma = mm.vmas.at(at);
    if (vma === undefined) return "ENOMEM";
    if (!(vma.flags & (write ? Vm.write : Vm.read))) return "EINVAL";
    const to = Math.min(end, vma.end);
    if (!populateVma(mm, vma, at, to, write)) return "EFAULT";
    at = to;
  }
  return null;
}

/** False when a guard is in the way. */
function populateVma(mm: Mm, vma: Vma, start: number, end: number, write: boolean): boolean {
  const runs = new FaultRuns(mm, vma, { write, flags: 0, one: (vpn) => bringIn(mm, vma, vpn, write) });
  let faulted = false;
  for (let vpn = start; vpn < end; ) {
    const reached = follow(mm, vpn, write);
    if (reached > 0) {
      vpn += reached;
      if (faulted) vpn += runs.ahead(vpn, end);
      faulted = false;
    } else {
      if (!handleMmFault(mm, vma, vpn, write)) return false;
      faulted = true;
    }
  }
  return true;
}

/** The steps above for one page that is not there: it is looked for, brought in, and found. */
function bringIn(mm: Mm, vma: Vma, vpn: number, write: boolean): void {
  while (follow(mm, vpn, write) === 0) if (!handleMmFault(mm, vma, vpn, write)) broken(`page ${vpn} cannot be had`);
}

/**
 * Pages that a walk by software can step over because they are there with the permission asked for, 0 if the first is not.
 * Going over a huge entry marks it accessed (`touch_pmd`); small entries are left as they are.
 */
function follow(mm: Mm, vpn: number, write: boolean): number {
  const { pt } = mm;
  const pmd = mm.design.find(pt, vpn, 1);
  if (pmd < 0) return 0;
  if (pt.kind(pmd, 1) === Kind.leaf) {
    if (write && !(pt.attrs(pmd, 1) & A.write)) return 0;
    changeLeaf(pt, pmd, 1, A.young | (write ? A.dirty : 0), 0);
    return pt.span[1]! - (vpn % pt.span[1]!);
  }
  const slot = mm.design.find(pt, vpn, 0);
  if (slot < 0) return 0;
  return pt.locks.with(pt.tableOf(slot), 0, () => followPte(mm, slot, write));
}

/** `follow_page_pte`. */
function followPte(mm: Mm, slot: number, write: boolean): number {
  const { pt } = mm;
  if (pt.kind(slot, 0) !== Kind.leaf) return 0;
  const attrs = pt.attrs(slot);
  if (write && !(attrs & A.write)) return 0;
  // FOLL_TOUCH: what is about to be written through a clean entry is dirty.
  if (write && !(attrs & A.dirty))
    mm.kernel.frames.setFlag(mm.kernel.frames.head(pt.pfn(slot)), 1, FrameFlag.dirty, true);
  return 1;
}
