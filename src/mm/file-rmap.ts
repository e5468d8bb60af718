/**
 * From a page of a file to the entries that map it, in whatever address space: what splitting and collapsing a folio of the page
 * cache need. Entries are simply taken out, for faults find the page again.
 *
 * Source: try_to_unmap of mm/rmap.c, retract_page_tables of mm/khugepaged.c, Linux 6.18.
 */
import { Kind } from "../arch/entry.ts";
import { clearPtes } from "../pgtable/ptep.ts";
import type { CacheFile, Mapping } from "./file.ts";
import { splitHuge } from "./huge.ts";
import type { Mm } from "./mm.ts";
import { unmapPages } from "./rmap.ts";
import { Vm, type Vma } from "./vma.ts";
import { keepDirty } from "./zap.ts";

/** `try_to_unmap` of the file's pages `[index, index + pages)`, locked in memory or not (TTU_IGNORE_MLOCK). */
export function tryToUnmap(file: CacheFile, index: number, pages: number): void {
  for (let i = index; i < index + pages; i++) {
    const pfn = file.lookup(i);
    if (pfn >= 0 && file.kernel.frames.mapcount(pfn) > 0) for (const at of file.mappings(i)) unmapOne(at, pfn);
  }
}

function unmapOne({ mm, vma, vpn }: Mapping, pfn: number): void {
  const { pt } = mm;
  const pmd = mm.design.find(pt, vpn, 1);
  if (pmd >= 0 && pt.kind(pmd, 1) === Kind.leaf) splitHuge(mm, vma, pmd);
  const slot = mm.design.find(pt, vpn, 0);
  if (slot < 0 || pt.kind(slot, 0) !== Kind.leaf || pt.pfn(slot) !== pfn) return;
  pt.locks.with(pt.tableOf(slot), 0, () => {
    keepDirty(mm, slot, 1, pfn);
    clearPtes(pt, slot, 1);
  });
  unmapPages(mm, vma, pfn, 1);
  if (vma.flags & Vm.locked) mm.kernel.lru.drain();
}

/**
 * `retract_page_tables`: once a huge page has taken the place of the small ones, the empty PTE tables over it go, so that faults
 * can map it by one entry. Not where guards may be in them.
 */
export function retractPageTables(file: CacheFile, index: number): void {
  for (const { mm, vma, vpn } of file.mappings(index)) if (isRetractable(mm, vma, vpn)) freePteTable(mm, vpn);
}

function isRetractable(mm: Mm, vma: Vma, vpn: number): boolean {
  const span = mm.pt.span[1]!;
  return vma.anonVma === 0 && !(vma.flags & Vm.maybeGuard) && vpn % span === 0 && vma.end - vpn >= span;
}

/** Takes out the PTE table over a page, if there is one. */
export function freePteTable(mm: Mm, vpn: number): void {
  const { pt } = mm;
  const pmd = mm.design.find(pt, vpn, 1);
  if (pmd < 0 || pt.kind(pmd, 1) !== Kind.table) return;
  const table = pt.child(pmd, 1);
  pt.clear(pmd, 1, 1);
  pt.dropTable(table, 0);
}
