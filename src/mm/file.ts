/**
 * A file in memory: its page cache by index, and who maps it. A page of the cache belongs to the file, not to those that map
 * it: unmapping it frees nothing, and it comes back with what it held. The file goes with the last VMA that shows it, for
 * nothing else holds one in the model.
 *
 * Not modelled: file descriptors, writeback, pages that are not up to date.
 * Source: struct address_space (i_pages, i_mmap) of include/linux/fs.h, mm/filemap.c, Linux 6.18.
 */
import { invariant } from "../base/errors.ts";
import { FrameFlag } from "../machine/frames.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import type { Vma } from "./vma.ts";

/** How a kind of file answers a fault on a page that no cache holds (`vm_ops->fault`): a frame, or -1 for SIGBUS. */
export type FileFault = (mm: Mm, vma: Vma, vpn: number) => number;

/** A piece of the cache: the page of the file, and its frame. */
export interface Cached {
  readonly index: number;
  readonly pfn: number;
}

/** A place where a VMA shows a page of the file. */
export interface Mapping {
  readonly mm: Mm;
  readonly vma: Vma;
  readonly vpn: number;
}

/** One file (inode and address_space). */
export class CacheFile {
  /** Pages of the file (`i_size`): beyond them a fault is SIGBUS. */
  pages: number;
  readonly kernel: Kernel;
  readonly fault: FileFault;
  /** Memory that lives in no other place (`shmem_mapping`): a fault maps as much of a large folio as fits. */
  readonly isShmem: boolean;
  /** `i_pages`: the frame of each page that is in memory. */
  readonly #cache = new Map<number, number>();
  /** `i_mmap`: the VMAs that show the file, each with its address space. */
  readonly #vmas = new Map<Vma, Mm>();
  #held = false;

  constructor(kernel: Kernel, pages: number, fault: FileFault, isShmem: boolean) {
    this.kernel = kernel;
    this.pages = pages;
    this.fault = fault;
    this.isShmem = isShmem;
  }

  /** Frame of a page, or -1 if no frame holds it (`filemap_get_entry`). */
  lookup(index: number): number {
    return this.#cache.get(index) ?? -1;
  }

  /** First page of `[index, end)` that is in memory. */
  next(index: number, end: number): Cached | undefined {
    for (let i = index; i < end; i++) {
      const pfn = this.#cache.get(i);
      if (pfn !== undefined) return { index: i, pfn };
    }
    return undefined;
  }

  /** Puts a folio into the cache, its first frame at a page of the file (`filemap_add_folio`). */
  add(index: number, head: number): void {
    const { frames } = this.kernel;
    frames.setFlag(head, 1, FrameFlag.file, true);
    for (let i = 0; i < 2 ** frames.order(head); i++) this.#cache.set(index + i, head + i);
  }

  /** Takes a folio out of the cache and frees it; nobody may map it any more (`filemap_remove_folio`). */
  drop(index: number): void {
    const { frames } = this.kernel;
    const head = frames.head(this.lookup(index));
    const pages = 2 ** frames.order(head);
    const first = index - (this.lookup(index) - head);
    for (let i = 0; i < pages; i++) this.#cache.delete(first + i);
    this.kernel.freeFolio(head);
  }

  /** A VMA shows the file from now on. */
  open(mm: Mm, vma: Vma): void {
    this.#vmas.set(vma, mm);
  }

  /** A descriptor holds the file from now on, whether any VMA shows it or not. */
  hold(): this {
    this.#held = true;
    return this;
  }

  /** A VMA shows it no longer; the last one takes the file with it (`fput`, `shmem_evict_inode`), unless a descriptor holds it. */
  close(vma: Vma): void {
    invariant(this.#vmas.delete(vma), "a VMA that was not among those of its file");
    if (this.#vmas.size > 0 || this.#held) return;
    for (const index of [...this.#cache.keys()]) if (this.lookup(index) >= 0) this.drop(index);
  }

  /** Every place where a page of the file is shown, mapped or not (`vma_interval_tree_foreach`). */
  mappings(index: number): Mapping[] {
    return [...this.#vmas]
      .map(([vma, mm]) => ({ mm, vma, vpn: vma.start + index - vma.pgoff }))
      .filter(({ vma, vpn }) => vpn >= vma.start && vpn < vma.end);
  }

  /** The VMAs that show the file, each with its address space. */
  get vmas(): readonly (readonly [Vma, Mm])[] {
    return [...this.#vmas];
  }

  /** Pages of the cache, for those who count frames. */
  get cached(): number {
    return this.#cache.size;
  }
}

/** Page of the file that a VMA shows at a page (`linear_page_index`). */
export function fileIndex(vma: Vma, vpn: number): number {
  return vma.pgoff + (vpn - vma.start);
}
