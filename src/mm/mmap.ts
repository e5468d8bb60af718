/**
 * mmap and munmap of anonymous memory and of files, private and shared.
 *
 * Not modelled: limits on memory and on the number of VMAs.
 * Source: mm/mmap.c, mm/vma.c (vms_gather_munmap_vmas), free_pgtables of mm/memory.c, Linux 6.18.
 */
import { E } from "../base/tally.ts";
import { freeTables } from "../pgtable/free.ts";
import type { Errno } from "./errno.ts";
import type { Mm } from "./mm.ts";
import { populate } from "./populate.ts";
import { newShmemFile } from "./shmem.ts";
import { type Backing, Vm } from "./vma.ts";
import { zapRange } from "./zap.ts";

/** Protection and kind of a new mapping, as `Vm` flags. */
export interface MapSpec {
  readonly start: number;
  readonly pages: number;
  readonly flags: number;
  readonly populate?: boolean;
  /** The file to show, from one of its pages on; anonymous memory without. */
  readonly backing?: Backing;
}

/**
 * `mmap` with MAP_FIXED_NOREPLACE. Pages and page numbers, not bytes. The process is root's, as in the recorded runs, so
 * vm.mmap_min_addr does not hold it back.
 */
export function mmap(mm: Mm, spec: MapSpec): Errno | null {
  mm.kernel.tally[E.systemCalls]!++;
  const end = spec.start + spec.pages;
  if (spec.pages <= 0) return "EINVAL";
  if (end > taskPages(mm)) return "ENOMEM";
  if (mm.vmas.overlapping(spec.start, end).length > 0) return "EEXIST";
  const account = isAccountable(spec.flags) ? Vm.account : 0;
  // Shared memory is promised to its file (`shmem_acct_size`), whatever the VMA may do with it.
  const promised = account || (spec.flags & (Vm.shared | Vm.noreserve)) === Vm.shared;
  if (promised && !mm.kernel.canCommit(spec.pages)) return "ENOMEM";
  const anonymous = spec.flags & Vm.shared ? { file: newShmemFile(mm.kernel, spec.pages), pgoff: 0 } : null;
  const backing = spec.backing ?? anonymous;
  mm.vmas.insert(spec.start, end, spec.flags | account, backing);
  if (spec.populate) populate(mm, spec.start, end);
  return null;
}

/** `accountable_mapping`: private, writable, and not told otherwise. */
function isAccountable(flags: number): boolean {
  return (flags & (Vm.noreserve | Vm.shared | Vm.write)) === Vm.write;
}

/** Pages that user space may map (`TASK_SIZE`). */
export function taskPages(mm: Mm): number {
  const { userVaBits, pageLg2, userKeptFree } = mm.kernel.format;
  return 2 ** (userVaBits - pageLg2) - userKeptFree;
}

/** `munmap` of `[start, end)` in pages: VMAs cut, pages zapped, tables freed that nobody else can use. */
export function munmap(mm: Mm, start: number, end: number): Errno | null {
  mm.kernel.tally[E.systemCalls]!++;
  return doMunmap(mm, start, end);
}

/** `do_munmap`: the same as a part of another call. */
export function doMunmap(mm: Mm, start: number, end: number): Errno | null {
  if (end <= start || end > taskPages(mm)) return "EINVAL";
  const gone = mm.vmas.remove(start, end);
  if (gone.length === 0) return null;
  const [first, last] = [gone[0]!.start, gone[gone.length - 1]!.end];
  for (const vma of gone) zapRange(mm, vma, vma.start, vma.end, { dropMarkers: true, reclaimTables: false });
  const { floor, ceiling } = mm.vmas.hole(first, last);
  freeTables(mm.pt, first, last, floor, ceiling);
  for (const vma of gone) vma.file?.close(vma);
  return null;
}
