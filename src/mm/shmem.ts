/**
 * Shared anonymous memory: each mapping is a file of its own (`shmem_zero_setup`), made with the mapping's size and never
 * resized. Reads of holes give pages of the file too, for others must see what is written to them later.
 *
 * Not modelled: tmpfs mounts, swapped-out pages, sealing, truncation from outside.
 * Source: shmem_get_folio_gfp and shmem_alloc_and_add_folio of mm/shmem.c, Linux 6.18.
 */
import { pmdOrder } from "../arch/format.ts";
import { CacheFile, fileIndex } from "./file.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import { suitableOrders } from "./thp.ts";
import { Vm, type Vma } from "./vma.ts";

/** The file behind a new shared anonymous mapping. */
export function newShmemFile(kernel: Kernel, pages: number): CacheFile {
  return new CacheFile(kernel, pages, shmemFault, true);
}

/**
 * A file that a descriptor holds, as memfd_create gives one; with `isShmem` false, one of a disk's file system, of which
 * only what the page cache shows is modelled: it has every page within its size.
 */
export function newFile(kernel: Kernel, pages: number, isShmem: boolean): CacheFile {
  return new CacheFile(kernel, pages, shmemFault, isShmem).hold();
}

/** `shmem_fault`: the page, made if the file has none there yet; -1 beyond the end of the file. */
function shmemFault(mm: Mm, vma: Vma, vpn: number): number {
  const file = vma.file!;
  const index = fileIndex(vma, vpn);
  if (index >= file.pages) return -1;
  const known = file.lookup(index);
  if (known >= 0) return known;
  const orders = suitableOrders(vma, vpn, shmemOrders(file, vma, index, false));
  for (let order = 31 - Math.clz32(orders | 1); order >= 0; order--)
    if ((orders | 1) & (1 << order) && addFolio(file, index, order)) return file.lookup(index);
  return mm.kernel.outOfMemory();
}

/** A new folio of an order around a page, unless the cache holds a page of that block or memory is short. */
function addFolio(file: CacheFile, index: number, order: number): boolean {
  const first = index - (index % 2 ** order);
  if (file.next(first, first + 2 ** order) !== undefined) return false;
  const head = file.kernel.frames.alloc(order);
  if (head >= 0) file.add(first, head);
  return head >= 0;
}

/**
 * `shmem_allowable_huge_orders`: orders that the knobs allow for a page of a file, as a bit mask. MADV_COLLAPSE is `forced`: it
 * asks no more of `shmem_enabled` than not to deny.
 */
export function shmemOrders(file: CacheFile, vma: Vma, index: number, forced: boolean): number {
  const { thp } = file.kernel;
  if (vma.flags & Vm.nohugepage || thp.shmemEnabled === "deny") return 0;
  const inherits = forced || globallyEnabled(file, vma, index);
  let mask = 0;
  for (const [order, knob] of thp.shmemOrders)
    if (knob === "inherit" ? inherits : thp.shmemEnabled !== "force" && allows(knob, file, vma, index, order))
      mask |= 1 << order;
  return mask;
}

/** `shmem_huge_global_enabled`: whether `shmem_enabled` allows a huge page here, which is what `inherit` means for every size.
 * There, `within_size` is `advise` as well. */
function globallyEnabled(file: CacheFile, vma: Vma, index: number): boolean {
  const { shmemEnabled } = file.kernel.thp;
  const advised = shmemEnabled === "within_size" && (vma.flags & Vm.hugepage) !== 0;
  return shmemEnabled === "force" || advised || allows(shmemEnabled, file, vma, index, pmdOrder(file.kernel.format));
}

/** What one value of a knob says of a folio around a page. */
function allows(knob: string, file: CacheFile, vma: Vma, index: number, order: number): boolean {
  switch (knob) {
    case "always":
      return true;
    case "within_size":
      return (Math.floor(index / 2 ** order) + 1) * 2 ** order <= file.pages;
    case "advise":
      return (vma.flags & Vm.hugepage) !== 0;
    default:
      return false;
  }
}
