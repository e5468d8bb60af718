/**
 * Page faults on VMAs that show a file: the page comes from the page cache, with its neighbours if they are there already.
 *
 * Not modelled: page_mkwrite, readahead, pages that are locked or not up to date.
 * Source: do_fault, do_read_fault, do_shared_fault, do_fault_around, finish_fault, set_pte_range and do_set_pmd of
 * mm/memory.c, filemap_map_pages of mm/filemap.c, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { pmdOrder } from "../arch/format.ts";
import { KiB } from "../base/size.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { setLeaf } from "../pgtable/huge.ts";
import { setPtes } from "../pgtable/ptep.ts";
import { anonAttrs, protAttrs } from "./attrs.ts";
import { fileIndex } from "./file.ts";
import type { Mm } from "./mm.ts";
import { mapFileHuge, mapFilePages, mapPages, newAnonFolio } from "./rmap.ts";
import { alignDown, suitableOrders } from "./thp.ts";
import { prepareAnonVma, Vm, type Vma } from "./vma.ts";

/** `fault_around_bytes`: the aligned window in which a read fault maps what the cache holds. */
const FAULT_AROUND_BYTES = 64 * KiB;

/** One fault: where, and whether it is a write. */
interface FileFaultAt {
  readonly mm: Mm;
  readonly vma: Vma;
  readonly vpn: number;
  readonly write: boolean;
}

/** `do_fault` where no entry maps the page. False: the file ends before it (SIGBUS). */
export function faultFile(mm: Mm, vma: Vma, vpn: number, write: boolean): boolean {
  const at: FileFaultAt = { mm, vma, vpn, write };
  if (!write && faultAround(at)) return true;
  const pfn = vma.file!.fault(mm, vma, vpn);
  if (pfn < 0) return false;
  if (write && !(vma.flags & Vm.shared)) return cowFault(at, pfn);
  finishFault(at, pfn);
  const { frames } = mm.kernel;
  // `fault_dirty_shared_page`.
  if (write) frames.setFlag(frames.head(pfn), 1, FrameFlag.dirty, true);
  return true;
}

/** `do_cow_fault`: a first write to private memory goes to a copy of the file's page. */
function cowFault({ mm, vma, vpn }: FileFaultAt, from: number): true {
  const { kernel } = mm;
  prepareAnonVma(kernel, mm.vmas, vma);
  const pfn = newAnonFolio(kernel, 0);
  if (pfn < 0) kernel.outOfMemory();
  kernel.copyPage(from, pfn);
  const slot = mm.design.findOrMake(mm.pt, vpn, 0);
  mm.pt.locks.with(mm.pt.tableOf(slot), 0, () => setPtes(mm.pt, slot, pfn, anonAttrs(vma.flags), 1));
  mapPages(mm, pfn, 1);
  kernel.lru.addNew(vma, pfn);
  return true;
}

/** `do_fault_around`: true if it mapped the page itself. The window is clipped to the VMA and to the table. */
function faultAround(at: FileFaultAt): boolean {
  const { mm, vma, vpn } = at;
  const nr = FAULT_AROUND_BYTES / 2 ** mm.kernel.format.pageLg2;
  if (nr <= 1) return false;
  const entries = mm.pt.span[1]!;
  const pteOff = vpn % entries;
  const from = Math.max(pteOff - (pteOff % nr), pteOff - Math.min(pteOff, vpn - vma.start));
  const to = Math.min(from + nr, entries, pteOff + (vma.end - vpn));
  return mapPagesAround(at, vpn - pteOff + from, vpn - pteOff + to);
}

/** `filemap_map_pages` of `[start, end)`, pages of the address space. */
function mapPagesAround(at: FileFaultAt, start: number, end: number): boolean {
  const { mm, vma, vpn } = at;
  const file = vma.file!;
  const shift = fileIndex(vma, 0);
  const last = Math.min(end + shift, file.pages);
  let next = file.next(start + shift, last);
  if (next === undefined) return false;
  if (mapPmd(at, next.pfn)) return true;
  const slot = mm.design.findOrMake(mm.pt, start, 0);
  return mm.pt.locks.with(mm.pt.tableOf(slot), 0, () => {
    while (next !== undefined) {
      const [{ index, pfn }, page] = [next, next.index - shift];
      const n = Math.min(leftInFolio(mm, pfn), last - index);
      const before =
        mm.kernel.profile.faultAroundMapsFolios && folioFits(at, page, pfn) ? pfn - mm.kernel.frames.head(pfn) : -1;
      const first = slot + (page - start);
      if (before < 0) mapFolioRange(at, first, page, pfn, n);
      else mapFolioRange(at, first - before, page - before, pfn - before, before + leftInFolio(mm, pfn));
      next = file.next(index + n, last);
    }
    return mm.pt.kind(slot + (vpn - start), 0) === Kind.leaf;
  });
}

/** Frames from this one to the end of its folio. */
function leftInFolio(mm: Mm, pfn: number): number {
  const { frames } = mm.kernel;
  return frames.head(pfn) + 2 ** frames.order(pfn) - pfn;
}

/** `filemap_map_pmd`: a folio of PMD size is mapped as one where no table is in the way. */
function mapPmd(at: FileFaultAt, pfn: number): boolean {
  return doSetPmd(at.mm, at.vma, at.vpn, pfn, at.write);
}

/** `filemap_map_folio_range`: what is empty of a run of one folio, in runs. */
function mapFolioRange(at: FileFaultAt, slot: number, start: number, pfn: number, n: number): void {
  const { pt, kernel } = at.mm;
  let from = 0;
  for (let i = 0; i <= n; i++) {
    if (i < n) kernel.tally[E.slotsRead]!++;
    if (i < n && pt.kind(slot + i, 0) === Kind.none) continue;
    if (i > from) setPteRange(at, slot + from, start + from, pfn + from, i - from);
    from = i + 1;
  }
}

/** `finish_fault`: maps the page, and of a large folio of shared memory the whole if it fits here and nothing is in the way. */
function finishFault(at: FileFaultAt, pfn: number): void {
  const { mm, vma, vpn } = at;
  if (doSetPmd(mm, vma, vpn, pfn, at.write)) return;
  const slot = mm.design.findOrMake(mm.pt, vpn, 0);
  mm.pt.locks.with(mm.pt.tableOf(slot), 0, () => {
    const [before, nr] = wholeFolio(at, slot, pfn);
    setPteRange(at, slot - before, vpn - before, pfn - before, nr);
  });
}

/** Frames before the faulting one, and frames in all, that the fault maps. */
function wholeFolio(at: FileFaultAt, slot: number, pfn: number): [before: number, nr: number] {
  const { mm, vma, vpn } = at;
  const { frames, tally } = mm.kernel;
  const nr = 2 ** frames.order(pfn);
  const before = pfn - frames.head(pfn);
  if (nr === 1 || !vma.file!.isShmem || !folioFits(at, vpn, pfn)) return [0, 1];
  for (let i = slot - before; i < slot - before + nr; i++) {
    tally[E.slotsRead]!++;
    if (mm.pt.kind(i, 0) !== Kind.none) return [0, 1];
  }
  return [before, nr];
}

/** Whether the folio of a frame that belongs at a page lies within the VMA and under one table. */
function folioFits({ mm, vma }: FileFaultAt, vpn: number, pfn: number): boolean {
  const { frames } = mm.kernel;
  const first = vpn - (pfn - frames.head(pfn));
  const end = first + 2 ** frames.order(pfn);
  const table = alignDown(vpn, mm.pt.spanLg2[1]!);
  return first >= Math.max(vma.start, table) && end <= Math.min(vma.end, table + mm.pt.span[1]!);
}

/**
 * `set_pte_range`: maps frames of one folio. What is mapped beside the page that faulted is old where hardware notes accesses
 * for little (arch_wants_old_prefaulted_pte), and what may be written is dirty if its folio is.
 */
function setPteRange(at: FileFaultAt, slot: number, start: number, pfn: number, nr: number): void {
  const { mm, vma, vpn, write } = at;
  const { frames } = mm.kernel;
  const prefault = vpn < start || vpn >= start + nr;
  let attrs = protAttrs(vma.flags) | (prefault && wantsOldPrefaulted(mm) ? 0 : A.young);
  if (write) attrs |= A.dirty | (vma.flags & Vm.write ? A.write : 0);
  else if (
    attrs & A.write &&
    mm.kernel.profile.mapsDirtyFoliosDirty &&
    frames.hasFlag(frames.head(pfn), FrameFlag.dirty)
  )
    attrs |= A.dirty;
  mapFilePages(mm, vma, pfn, nr);
  setPtes(mm.pt, slot, pfn, attrs, nr);
}

/** `arch_wants_old_prefaulted_pte`: arm64 with hardware that sets the accessed flag. */
function wantsOldPrefaulted(mm: Mm): boolean {
  return mm.kernel.format.machine === "aarch64" && mm.kernel.accessDirty === "hardware";
}

/**
 * `do_set_pmd`: maps a folio of PMD size by one entry. Without a table set aside, for a split of it only empties the entry. The
 * knobs are not asked: the folio is there already.
 */
export function doSetPmd(mm: Mm, vma: Vma, vpn: number, pfn: number, write: boolean): boolean {
  const { pt, kernel } = mm;
  const order = pmdOrder(kernel.format);
  if (kernel.frames.order(pfn) !== order || vma.flags & Vm.nohugepage) return false;
  if (!suitableOrders(vma, vpn, 1 << order)) return false;
  const slot = mm.design.findOrMake(pt, vpn, 1);
  if (pt.kind(slot, 1) !== Kind.none) return false;
  const head = kernel.frames.head(pfn);
  mapFileHuge(mm, vma, head);
  const dirty = write ? A.dirty | (vma.flags & Vm.write ? A.write : 0) : 0;
  setLeaf(pt, slot, 1, head, protAttrs(vma.flags) | A.young | dirty);
  return true;
}
