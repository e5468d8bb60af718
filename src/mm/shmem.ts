/**
 * Shared anonymous memory: each mapping is a file of its own (`shmem_zero_setup`), made with the mapping's size and never
 * resized. Reads of holes give pages of the file too, for others must see what is written to them later.
 *
 * Not modelled: tmpfs mounts, swapped-out pages, sealing, truncation from outside.
 * Source: shmem_get_folio_gfp and shmem_alloc_and_add_folio of mm/shmem.c, Linux 6.18.
 */
import { CacheFile, fileIndex } from "./file.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import type { Vma } from "./vma.ts";

/** The file behind a new shared anonymous mapping. */
export function newShmemFile(kernel: Kernel, pages: number): CacheFile {
  return new CacheFile(kernel, pages, shmemFault, true);
}

/** `shmem_fault`: the page, made if the file has none there yet; -1 beyond the end of the file. */
function shmemFault(mm: Mm, vma: Vma, vpn: number): number {
  const file = vma.file!;
  const index = fileIndex(vma, vpn);
  if (index >= file.pages) return -1;
  const known = file.lookup(index);
  if (known >= 0) return known;
  const head = mm.kernel.frames.alloc(0);
  if (head < 0) mm.kernel.outOfMemory();
  file.add(index, head);
  return file.lookup(index);
}
