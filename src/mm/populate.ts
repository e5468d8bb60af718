/**
 * Faulting pages in ahead of use: MAP_POPULATE.
 *
 * Source: populate_vma_page_range and faultin_page of mm/gup.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { handleMmFault, permits } from "./fault.ts";
import type { Mm } from "./mm.ts";
import { Vm, type Vma } from "./vma.ts";

/** Faults in what is missing of `[start, end)`, writable where the area is private and writable. Errors are ignored. */
export function populate(mm: Mm, start: number, end: number): void {
  for (const vma of mm.vmas.overlapping(start, end)) {
    const write = (vma.flags & (Vm.write | Vm.shared)) === Vm.write;
    if (!populateVma(mm, vma, Math.max(start, vma.start), Math.min(end, vma.end), write)) return;
  }
}

/** False when a page could not be had: no permission, or a guard. */
function populateVma(mm: Mm, vma: Vma, start: number, end: number, write: boolean): boolean {
  if (!permits(vma, write)) return false;
  for (let vpn = start; vpn < end; vpn++)
    while (!reachable(mm, vpn, write)) if (!handleMmFault(mm, vma, vpn, write)) return false;
  return true;
}

/** Whether a walk by software finds the page with the permission asked for (`follow_page_mask`). */
function reachable(mm: Mm, vpn: number, write: boolean): boolean {
  const { pt } = mm;
  for (let level = 1; level >= 0; level--) {
    const slot = pt.find(vpn, level);
    if (slot < 0 || pt.kind(slot, level) !== Kind.leaf) continue;
    return !write || (pt.attrs(slot) & A.write) !== 0;
  }
  return false;
}
