/**
 * The state of simulated processes in the form in which real kernels' states were recorded: VMAs and page classes as
 * /proc shows them, and raw entries as a reader of the machine's memory sees them.
 *
 * Not compared between machines, because they are accidents of one: frame numbers, and VmPTE before the first operation.
 */
import { A, Kind } from "../../arch/entry.ts";
import { isGuard, pmdOrder } from "../../arch/format.ts";
import { FrameFlag } from "../../machine/frames.ts";
import type { Mm } from "../../mm/mm.ts";
import { isFilePage } from "../../mm/rmap.ts";
import { Vm, type Vma } from "../../mm/vma.ts";
import { emptyRun } from "../../pgtable/runs.ts";
import { isSwapPte } from "../../pgtable/softleaf.ts";
import { visit } from "../../pgtable/visit.ts";
import { type Run, RunMerger } from "./runs.ts";

/** A named range of a script: bytes. */
export interface Region {
  readonly name: string;
  addr: number;
  len: number;
}

/** One run of pages: `[page, n, class, order, index in folio, mapcount, flags, pfn?]`; shorter for classes without a folio. */
export type RunRow = readonly (number | string)[];

/** A VMA as smaps shows it; sizes in kB. */
export interface VmaRow {
  readonly off: number;
  readonly len: number;
  readonly perm: string;
  readonly rss: number;
  readonly anon: number;
  readonly ahp: number;
  readonly swap: number;
}

/** One region: its name, address in hexadecimal and length in bytes, its VMAs, and its pages as runs. */
export interface RegionRow {
  readonly r: string;
  readonly va: string;
  readonly len: number;
  readonly vmas: readonly VmaRow[];
  readonly runs: readonly RunRow[];
}

/** One process: page-table pages (all, in kB, and above the start), and its regions. */
export interface ProcRow {
  readonly p: number;
  readonly vmpte: number;
  readonly dpte: number;
  readonly regions: readonly RegionRow[];
}

/**
 * The state of one process. `baseBytes` is what its tables took before the first operation ({@link accountedBytes}). With `pfns`, runs carry
 * their first frame number.
 */
export function procRow(p: number, mm: Mm, regions: readonly Region[], pfns: boolean, baseBytes: number): ProcRow {
  const bytes = accountedBytes(mm);
  const rows = regions.filter((r) => vmasOf(mm, r).length > 0).map((r) => regionRow(mm, r, pfns));
  return { p, vmpte: bytes / 1024, dpte: Math.trunc((bytes - baseBytes) / pageBytes(mm)), regions: rows };
}

/** Bytes of the tables that count in VmPTE. A table need not be a page: on s390 it is half a page or four. */
export function accountedBytes(mm: Mm): number {
  const { format, tablesAt } = mm.pt;
  let bytes = 0;
  for (let level = 0; level <= format.accountedLevel; level++)
    bytes += tablesAt[level]! * 2 ** format.indexLg2[level]! * format.entryBytes;
  return bytes;
}

/** Bytes of a base page. */
export function pageBytes(mm: Mm): number {
  return 2 ** mm.kernel.format.pageLg2;
}

/** First page of a region and the page behind its last whole one: a script may give any number of bytes. */
export function wholePages(mm: Mm, region: Region): [base: number, end: number] {
  const base = Math.floor(region.addr / pageBytes(mm));
  return [base, base + Math.floor(region.len / pageBytes(mm))];
}

/** The VMAs that overlap a region: none if its end is beyond 64 bits. */
export function vmasOf(mm: Mm, region: Region): Vma[] {
  const pg = pageBytes(mm);
  if (region.addr + region.len >= 2 ** 64) return [];
  return mm.vmas.overlapping(Math.floor(region.addr / pg), Math.ceil((region.addr + region.len) / pg));
}

function regionRow(mm: Mm, region: Region, pfns: boolean): RegionRow {
  const vmas = vmasOf(mm, region);
  return {
    r: region.name,
    va: region.addr.toString(16),
    len: region.len,
    vmas: vmas.map((vma) => vmaRow(mm, region, vma)),
    runs: runRows(mm, region, vmas, pfns),
  };
}

function vmaRow(mm: Mm, region: Region, vma: Vma): VmaRow {
  const pg = pageBytes(mm);
  const { rss, anon, huge, swapped } = residentPages(mm, vma);
  return {
    off: vma.start * pg - region.addr,
    len: (vma.end - vma.start) * pg,
    perm: permText(vma.flags),
    rss: (rss * pg) / 1024,
    anon: (anon * pg) / 1024,
    ahp: (huge * pg) / 1024,
    swap: (swapped * pg) / 1024,
  };
}

function permText(flags: number): string {
  const letter = (flag: number, text: string) => (flags & flag ? text : "-");
  return letter(Vm.read, "r") + letter(Vm.write, "w") + letter(Vm.exec, "x") + (flags & Vm.shared ? "s" : "p");
}

/** Pages of a VMA that are mapped, of those the anonymous ones, of those the ones under huge mappings; and pages in swap. */
function residentPages(mm: Mm, vma: Vma): { rss: number; anon: number; huge: number; swapped: number } {
  const { pt, kernel } = mm;
  const seen = { rss: 0, anon: 0, huge: 0, swapped: 0 };
  const count = (pfn: number, n: number, huge: number) => {
    seen.rss += n;
    if (isFilePage(kernel, pfn)) return;
    seen.anon += n;
    seen.huge += huge;
  };
  visit(pt, vma.start, vma.end, {
    huge: (slot, _level, start, end) => {
      if (!kernel.isHugeZero(pt.pfn(slot, 1))) count(pt.pfn(slot, 1), end - start, end - start);
    },
    ptes: (slot, _vpn, nr) => {
      for (let i = slot; i < slot + nr; i++) {
        if (pt.kind(i, 0) === Kind.leaf && !(pt.attrs(i) & A.special)) count(pt.pfn(i), 1, 0);
        else if (isSwapPte(pt, i)) seen.swapped++;
      }
    },
  });
  return seen;
}

function runRows(mm: Mm, region: Region, vmas: readonly Vma[], pfns: boolean): RunRow[] {
  const [base, end] = wholePages(mm, region);
  const merger = new RunMerger();
  for (const vma of vmas) addVma(mm, merger, base, Math.max(base, vma.start), Math.min(end, vma.end));
  return merger.finish().map((run) => rowOf(run, pfns));
}

function rowOf(run: Run, pfns: boolean): RunRow {
  if (run.cls !== "P" && run.cls !== "H") return [run.page, run.n, run.cls];
  const row = [run.page, run.n, run.cls, run.order, run.index, run.maps, run.flags];
  return pfns ? [...row, run.pfn] : row;
}

/** Hands every page of `[start, end)` to the merger; what the walk passes over is `none`. */
function addVma(mm: Mm, merger: RunMerger, base: number, start: number, end: number): void {
  const { pt } = mm;
  let at = start;
  const skipTo = (vpn: number) => {
    if (vpn > at) merger.add(plain(at - base, vpn - at, "none"));
    at = vpn;
  };
  visit(pt, start, end, {
    huge: (slot, level, from, to) => {
      skipTo(from);
      addHuge(mm, merger, slot, level, from - base, from, to - from);
      at = to;
    },
    ptes: (slot, from, nr) => {
      skipTo(from);
      addPtes(mm, merger, slot, from - base, nr);
      at = from + nr;
    },
  });
  skipTo(end);
}

function plain(page: number, n: number, cls: string): Run {
  return { page, n, cls, order: 0, index: 0, maps: 0, flags: "", pfn: 0 };
}

function addHuge(mm: Mm, merger: RunMerger, slot: number, level: number, page: number, vpn: number, n: number): void {
  const first = mm.pt.pfn(slot, level) + (vpn % mm.pt.span[level]!);
  if (mm.kernel.isHugeZero(mm.pt.pfn(slot, level))) return merger.add(plain(page, n, "hzero"));
  for (let i = 0; i < n; i++) merger.add(mappedRun(mm, first + i, page + i, "H"));
}

/** A run of PTE slots; empty ones, which are most of a sparse table, are handed on together. */
function addPtes(mm: Mm, merger: RunMerger, slot: number, page: number, nr: number): void {
  for (let i = 0; i < nr; ) {
    const n = emptyRun(mm.pt, slot + i, nr - i);
    if (n > 0) merger.add(plain(page + i, n, "none"));
    else addPte(mm, merger, slot + i, page + i);
    i += Math.max(n, 1);
  }
}

function addPte(mm: Mm, merger: RunMerger, slot: number, page: number): void {
  const { pt } = mm;
  switch (pt.kind(slot, 0)) {
    case Kind.softleaf:
      return merger.add(plain(page, 1, isGuard(pt.format, pt.lo(slot), pt.hi(slot)) ? "guard" : "swap"));
    default:
      if (pt.attrs(slot) & A.special) return merger.add(plain(page, 1, "zero"));
      merger.add(mappedRun(mm, pt.pfn(slot), page, "P"));
  }
}

/** By bits: exclusive, of a file, locked. */
const PAGE_FLAGS = ["", "x", "f", "xf", "L", "xL", "fL", "xfL"] as const;

function mappedRun(mm: Mm, pfn: number, page: number, cls: string): Run {
  const { frames } = mm.kernel;
  const [maps, head] = [frames.mapcount(pfn), frames.head(pfn)];
  // Under a huge mapping pagemap asks the folio's first page for all of them (pagemap_pmd_range, 6.18).
  const exclusive = (cls === "H" && mm.kernel.profile.pagemapAsksHead ? frames.mapcount(head) : maps) === 1;
  const locked = frames.hasFlag(head, FrameFlag.mlocked);
  const flags = PAGE_FLAGS[(exclusive ? 1 : 0) | (isFilePage(mm.kernel, pfn) ? 2 : 0) | (locked ? 4 : 0)]!;
  return { page, n: 1, cls, order: frames.order(pfn), index: pfn - head, maps, flags, pfn };
}

/** Bytes that a PMD-sized leaf maps, for the header line. */
export function pmdBytes(mm: Mm): number {
  return pageBytes(mm) * 2 ** pmdOrder(mm.kernel.format);
}
