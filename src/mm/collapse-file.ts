/**
 * MADV_COLLAPSE of memory that shows a file: the pages of a block in the page cache become one huge page, whoever maps them, and
 * the caller alone gets it mapped by one entry.
 *
 * Not modelled: files on disk, pages that are locked or referenced from elsewhere (EAGAIN).
 * Source: hpage_collapse_scan_file, collapse_file and collapse_pte_mapped_thp of mm/khugepaged.c, Linux 6.18.
 */
import { Kind } from "../arch/entry.ts";
import { pmdOrder } from "../arch/format.ts";
import { FrameFlag } from "../machine/frames.ts";
import { clearPtes } from "../pgtable/ptep.ts";
import { folioPteBatch } from "./batch.ts";
import { doSetPmd } from "./fault-file.ts";
import { type CacheFile, fileIndex } from "./file.ts";
import { freePteTable, retractPageTables, tryToUnmap } from "./file-rmap.ts";
import type { Mm } from "./mm.ts";
import { unmapPages } from "./rmap.ts";
import type { Vma } from "./vma.ts";

/** How one block of a file came out: huge now, not possible here but the next may be tried, or the end of the call. */
export type FileOutcome = "huge" | "skipped" | "EINVAL" | "ENOMEM";

/** `hpage_collapse_scan_file` and what follows it for one block, which begins at a page of the file aligned as the address is. */
export function collapseFileBlock(mm: Mm, vma: Vma, vpn: number): FileOutcome {
  const file = vma.file!;
  const index = fileIndex(vma, vpn);
  if (!isHugeFolio(file, index)) {
    const failed = collapseFile(file, index);
    if (failed !== null) return failed;
  }
  return collapsePteMapped(mm, vma, vpn);
}

function isHugeFolio(file: CacheFile, index: number): boolean {
  const pfn = file.lookup(index);
  return pfn >= 0 && file.kernel.frames.order(pfn) === pmdOrder(file.kernel.format);
}

/** `collapse_file`: copies what the cache holds into a huge folio, zeros for the rest. A block without any page is left alone. */
function collapseFile(file: CacheFile, index: number): FileOutcome | null {
  const { kernel } = file;
  const end = index + 2 ** pmdOrder(kernel.format);
  const huge = kernel.frames.alloc(pmdOrder(kernel.format));
  if (huge < 0) return "ENOMEM";
  if (file.next(index, end) === undefined) {
    kernel.frames.free(huge);
    return "EINVAL";
  }
  tryToUnmap(file, index, end - index);
  for (let at = file.next(index, end); at !== undefined; at = file.next(at.index + 1, end))
    kernel.copyPage(at.pfn, huge + at.index - index);
  for (let at = file.next(index, end); at !== undefined; at = file.next(at.index + 1, end)) file.drop(at.index);
  file.add(index, huge);
  kernel.frames.setFlag(huge, 1, FrameFlag.dirty, true);
  retractPageTables(file, index);
  return null;
}

/** `collapse_pte_mapped_thp`: the caller's own entries, which may map the huge folio's pages only, give way to one. */
function collapsePteMapped(mm: Mm, vma: Vma, vpn: number): FileOutcome {
  const { pt } = mm;
  const pmd = mm.design.find(pt, vpn, 1);
  if (pmd >= 0 && pt.kind(pmd, 1) === Kind.leaf) return "huge";
  const head = vma.file!.lookup(fileIndex(vma, vpn));
  if (pmd >= 0 && pt.kind(pmd, 1) === Kind.table) {
    const slot = mm.design.find(pt, vpn, 0);
    for (let i = 0; i < pt.span[1]!; i++) {
      const kind = pt.kind(slot + i, 0);
      if (kind === Kind.none) continue;
      if (kind !== Kind.leaf) return "skipped";
      if (pt.pfn(slot + i) !== head + i) return "EINVAL";
    }
    pt.locks.with(pt.tableOf(slot), 0, () => clearTable(mm, vma, slot));
    freePteTable(mm, vpn);
  }
  return doSetPmd(mm, vma, vpn, head, false) ? "huge" : "EINVAL";
}

function clearTable(mm: Mm, vma: Vma, slot: number): void {
  const { pt } = mm;
  for (let i = slot; i < slot + pt.span[1]!; ) {
    if (pt.kind(i, 0) === Kind.none) {
      i++;
      continue;
    }
    const [pfn, n] = [pt.pfn(i), folioPteBatch(mm, i, slot + pt.span[1]! - i, 0)];
    clearPtes(pt, i, n);
    unmapPages(mm, vma, pfn, n);
    i += n;
  }
}
