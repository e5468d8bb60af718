/**
 * Folio split: a large folio becomes single pages. Every entry that maps it is taken out and put back one by one, so huge
 * mappings are split on the way and contiguous blocks come back plain; pages that nobody maps are freed. A file's pages are
 * not put back: their entries stay empty until a fault finds the pages in the file.
 *
 * Source: __folio_split, unmap_folio and remap_page of mm/huge_memory.c, remove_migration_pte of mm/migrate.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { invariant } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { getAndClearPtes, type Pte, setPtes } from "../pgtable/ptep.ts";
import { unqueueDeferredSplit } from "./deferred.ts";
import { fileIndex } from "./file.ts";
import { tryToUnmap } from "./file-rmap.ts";
import { splitHuge } from "./huge.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import { isFilePage } from "./rmap.ts";
import { alignDown } from "./thp.ts";
import { Vm, type Vma } from "./vma.ts";

/** An entry of level 0 that maps the folio, and the VMA that it is in. */
interface Mapping {
  readonly mm: Mm;
  readonly slot: number;
  readonly vma: Vma;
}

/**
 * Splits a folio. `vpn` is a page at which this address space maps it, or near one. Others map parts of it only where the kernel
 * could not tell (before 6.15); none has it by a huge entry then.
 */
export function splitFolio(mm: Mm, head: number, vpn: number): void {
  if (isFilePage(mm.kernel, head)) return splitFileFolio(mm, vpn);
  const wasHuge = splitMappings(mm, head, vpn);
  splitUnder(mm.kernel, head, mappingsOf(mm, head, vpn), wasHuge);
}

/** Splits a folio wherever it is mapped, by however many address spaces: they are searched whole. */
export function splitMappedFolio(kernel: Kernel, head: number): void {
  let wasHuge = false;
  for (const mm of kernel.mms) for (const vma of mm.vmas.all) if (splitMappingsIn(mm, vma, head)) wasHuge = true;
  splitUnder(kernel, head, mappingsAnywhere(kernel, head), wasHuge);
}

function splitMappingsIn(mm: Mm, vma: Vma, head: number): boolean {
  let found = false;
  mm.design.visit(mm.pt, vma.start, vma.end, {
    huge: (slot) => {
      if (mm.pt.pfn(slot, 1) !== head) return;
      splitHuge(mm, vma, slot, true);
      found = true;
    },
  });
  return found;
}

/** The split itself, with every entry that maps the folio known and small. */
function splitUnder(kernel: Kernel, head: number, mappings: readonly Mapping[], wasHuge: boolean): void {
  const { frames, tally, lru } = kernel;
  const pages = 2 ** frames.order(head);
  const old = mappings.map(({ mm, slot }) => getAndClearPtes(mm.pt, slot, 1));
  // A huge entry was taken off the folio when it was split; small ones are each taken off here.
  if (!wasHuge) for (const { vma } of mappings) lru.munlockVma(vma, head);
  const dirty = frames.hasFlag(head, FrameFlag.dirty) || old.some((pte) => pte.attrs & A.dirty);
  unqueueDeferredSplit(kernel, head);
  kernel.thpStats(frames.order(head)).split++;
  kernel.mmIds.clear(head);
  frames.split(head);
  lru.split(head, pages);
  // try_to_migrate marks the folio for any dirty entry, and the parts inherit its flags.
  frames.setFlag(head, pages, FrameFlag.dirty, dirty);
  frames.setFlag(head, pages, FrameFlag.lazyFree, frames.hasFlag(head, FrameFlag.lazyFree));
  const aged = migrationForgetsYoung(kernel) ? A.young : 0;
  for (const [i, at] of mappings.entries()) remap(at, { ...old[i]!, attrs: old[i]!.attrs & ~aged });
  for (let pfn = head; pfn < head + pages; pfn++) if (!frames.mapped(pfn)) kernel.freeFolio(pfn);
  tally[E.folioSplits]!++;
  tally[E.pagesSplit]! += pages;
  tally[E.flushRanges]!++;
}

/** Where arm64's migration entries begin to hold the frame number, and its bit that makes PTEs contiguous. */
const ARM64_SWAP_OFFSET_BIT = 12;
const ARM64_CONT_BIT = 52;

/**
 * Whether the entries that stand for the pages of a folio while it is split lose the note that they were accessed. It is the bit
 * above the frame number (SWP_MIG_YOUNG_BIT), and arm64's contpte layer clears the contiguous bit of every entry that is set,
 * of non-present ones as well. With 4K pages and 52-bit physical addresses the two are one bit: recorded runs on a CPU
 * with LPA2 show the loss, runs of the same kernel on one without it, and of one with 16K pages, do not.
 *
 * Source: SWP_PFN_BITS of include/linux/swapops.h, PHYS_MASK_SHIFT of asm/pgtable-prot.h, set_ptes of asm/pgtable.h, Linux 6.18.
 */
function migrationForgetsYoung({ format, contpte }: Kernel): boolean {
  const youngBit = ARM64_SWAP_OFFSET_BIT + format.paBits - format.pageLg2;
  return format.machine === "aarch64" && contpte && youngBit === ARM64_CONT_BIT;
}

/** The same of a file's folio: its pages stay in the cache, but those behind the end of the file. */
function splitFileFolio(mm: Mm, vpn: number): void {
  const { frames, tally, mmIds, lru } = mm.kernel;
  const vma = mm.vmas.at(vpn)!;
  const file = vma.file!;
  const pfn = file.lookup(fileIndex(vma, vpn));
  const [head, pages] = [frames.head(pfn), 2 ** frames.order(pfn)];
  const index = fileIndex(vma, vpn) - (pfn - head);
  tryToUnmap(file, index, pages);
  const dirty = frames.hasFlag(head, FrameFlag.dirty);
  mmIds.clear(head);
  frames.split(head);
  lru.split(head, pages);
  frames.setFlag(head, pages, FrameFlag.file, true);
  frames.setFlag(head, pages, FrameFlag.dirty, dirty);
  for (let i = Math.max(index, file.pages); i < index + pages; i++) file.drop(i);
  tally[E.folioSplits]!++;
  tally[E.pagesSplit]! += pages;
  tally[E.flushRanges]!++;
}

/** Puts one entry back, or the zero page where the page holds nothing but zeros (`try_to_map_unused_to_zeropage`). */
function remap({ mm, slot, vma }: Mapping, old: Pte): void {
  const { kernel, pt } = mm;
  // The protection is taken from the VMA (vm_page_prot), so an entry that lost the user bit alone gets its own back.
  const attrs = old.attrs & A.noUser ? (old.attrs & ~A.noUser) | A.protnone : old.attrs;
  if (!kernel.profile.splitDropsZeros || !mayDrop(kernel, vma, old.pfn)) {
    setPtes(pt, slot, old.pfn, attrs, 1);
    kernel.lru.mlockVma(vma, old.pfn);
    if (vma.flags & Vm.locked) kernel.lru.drain();
    return;
  }
  const prot = attrs & (A.exec | A.protnone);
  setPtes(pt, slot, kernel.zeroPfn, prot | A.young | A.special, 1);
  kernel.frames.addMapcount(old.pfn, 1, -1);
  mm.anonPages--;
}

/** A page that is locked in memory stays, zeros or not. */
function mayDrop(kernel: Kernel, vma: Vma, pfn: number): boolean {
  return !(vma.flags & Vm.locked) && !kernel.frames.hasFlag(pfn, FrameFlag.mlocked) && isZero(kernel, pfn);
}

function isZero(kernel: Kernel, pfn: number): boolean {
  return kernel.contents?.isZero(pfn) ?? !kernel.frames.hasFlag(pfn, FrameFlag.written);
}

/** Splits the huge entry that maps the folio at the page; whether there was one. */
function splitMappings(mm: Mm, head: number, vpn: number): boolean {
  const slot = mm.design.find(mm.pt, vpn, 1);
  if (slot < 0 || mm.pt.kind(slot, 1) !== Kind.leaf || mm.pt.pfn(slot, 1) !== head) return false;
  splitHuge(mm, mm.vmas.at(vpn)!, slot, true);
  return true;
}

/** Entries that map the folio, in order: looked for around the page first, everywhere if some of it was moved away. */
function mappingsOf(mm: Mm, head: number, vpn: number): Mapping[] {
  const { frames } = mm.kernel;
  const order = frames.order(head);
  const wanted = frames.totalMapcount(head);
  const around = alignDown(vpn, order);
  const near = search(mm, head, Math.max(0, around - 2 ** order), around + 2 ** (order + 1));
  if (near.length === wanted) return near;
  return mappingsAnywhere(mm.kernel, head);
}

/** Every entry that maps the folio. The tree of its anon_vma would lead to the VMAs; the model has no trees. */
function mappingsAnywhere(kernel: Kernel, head: number): Mapping[] {
  const wanted = kernel.frames.totalMapcount(head);
  const all = [...kernel.mms].flatMap((mm) => mm.vmas.all.flatMap((vma) => search(mm, head, vma.start, vma.end)));
  invariant(all.length === wanted, `folio ${head}: ${all.length} of ${wanted} entries found`);
  return all;
}

function search(mm: Mm, head: number, start: number, end: number): Mapping[] {
  const { pt } = mm;
  const found: Mapping[] = [];
  const last = head + 2 ** mm.kernel.frames.order(head) - 1;
  mm.design.visit(pt, start, end, {
    ptes: (slot, vpn, nr) => {
      for (let i = 0; i < nr; i++)
        if (maps(mm, slot + i, head, last)) found.push({ mm, slot: slot + i, vma: mm.vmas.at(vpn + i)! });
    },
  });
  return found;
}

function maps(mm: Mm, slot: number, first: number, last: number): boolean {
  const { pt } = mm;
  if (pt.kind(slot, 0) !== Kind.leaf || pt.attrs(slot) & A.special) return false;
  const pfn = pt.pfn(slot);
  return pfn >= first && pfn <= last;
}
