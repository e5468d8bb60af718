/**
 * What the layout of a capture would give under other page sizes: how many translations cover the mapped memory, how
 * many bytes of page tables it takes, and how much memory rounding would add.
 *
 * Counted, for layouts of the capture's own page size: entries, tables, and the blocks that Linux's rule for contpte
 * allows: a whole block of one folio, aligned in virtual and physical addresses, in one VMA. Accessed, dirty and
 * permission bits of single pages are not in a capture; a block is taken to agree in them. A VMA without rights has no
 * blocks: its entries are not valid to hardware, and Linux folds none of those (`contpte_try_fold`).
 *
 * Modelled, for larger pages: within its VMA, every larger page of which a part is touched is allocated whole, file
 * pages likewise; folios keep their size in bytes, so that a 2M folio of 4K pages is one contiguous block on 16K and 64K.
 * The zero page stays the zero page. Pages mapped twice count twice, as this is one process's view.
 *
 * An entry is one translation of a TLB without limits that joins nothing by itself. Tables are those that lead to a
 * mapped, swapped or guarded page; a kernel may hold on to empty ones, which VmPTE then shows. For every PMD-mapped block
 * of anonymous memory Linux keeps one unused table in reserve, for splitting the mapping; it is counted apart.
 *
 * Source of the geometry: arch/arm64 of Linux 6.18 (CONT_PTE_SHIFT, levels by page size and VA bits).
 */
import { invariant, oneOf, UserError } from "../../base/errors.ts";
import { formatSize } from "../../base/size.ts";

import type { Capture, CapturedVma, Run } from "./format.ts";
import { isAnon, isMapped, isMemory, isPmdMapped, isProtNone } from "./format.ts";

/** A way to map memory. */
export interface Layout {
  readonly name: string;
  /** Bytes of a base page. */
  readonly page: number;
  /** Pages of a contiguous block, or 1 where they are not used. */
  readonly cont: number;
  /** Are blocks that the capture shows as mapped by a PMD mapped so? */
  readonly pmd: boolean;
}

/** The layouts that can be compared; contiguous blocks are arm64's (64K on 4K pages, 2M on 16K and on 64K pages). */
export const layouts: readonly Layout[] = [
  { name: "4K", page: 4096, cont: 1, pmd: false },
  { name: "4K+contpte", page: 4096, cont: 16, pmd: false },
  { name: "4K+contpte+PMD", page: 4096, cont: 16, pmd: true },
  { name: "16K", page: 16384, cont: 1, pmd: false },
  { name: "16K+contpte", page: 16384, cont: 128, pmd: false },
  { name: "64K", page: 65536, cont: 1, pmd: false },
  { name: "64K+contpte", page: 65536, cont: 32, pmd: false },
];

/** The layout of that name, or a UserError that lists the names. */
export function layoutNamed(name: string): Layout {
  const names = layouts.map((l) => l.name);
  return layouts[names.indexOf(oneOf("layout", name, names))]!;
}

/** Pages of an arm64 contiguous block of the capture's page size. */
export function contBlockPages(capture: Capture): number {
  return layouts.find((l) => l.page === capture.page && l.cont > 1)!.cont;
}

/** Page tables in bytes. */
export interface TableBytes {
  /** By level: 0 is the level of PTE tables, the last one is the root. */
  readonly levels: readonly number[];
  /** Kept in reserve for splitting PMD mappings. */
  readonly reserved: number;
  readonly total: number;
}

/** What one layout gives. */
export interface LayoutCost {
  readonly layout: Layout;
  readonly basis: "counted" | "modelled";
  /** Translations that cover everything mapped. */
  readonly entries: number;
  /** The same if every aligned block that is touched all over, in one VMA, were one folio. */
  readonly idealEntries: number;
  readonly tables: TableBytes;
  /** Width of the virtual addresses that the tables are for. */
  readonly vaBits: number;
  /** Bytes of memory more than the capture has, through rounding. */
  readonly extra: number;
}

/** The layouts that a capture can answer for (no page smaller than its own), smallest page first. */
export function whatIf(capture: Capture, which: readonly Layout[] = layouts): LayoutCost[] {
  return which.filter((layout) => layout.page >= capture.page).map((layout) => layoutCost(capture, layout));
}

/** What one layout would give. */
export function layoutCost(capture: Capture, layout: Layout): LayoutCost {
  if (layout.page < capture.page)
    throw new UserError(`a capture with pages of ${formatSize(capture.page)} does not tell about smaller ones`);
  const vaBits = vaBitsFor(capture, layout.page);
  return {
    layout,
    basis: layout.page === capture.page ? "counted" : "modelled",
    entries: countEntries(capture, layout),
    idealEntries: idealEntries(capture, layout),
    tables: tableBytes(capture, layout, vaBits),
    vaBits,
    extra: extraBytes(capture, layout),
  };
}

/** Bytes that are mapped, the zero page's included; and bytes in contiguous blocks by Linux's rule. */
export interface ContShare {
  readonly mapped: number;
  /** Mapped by a PMD already. */
  readonly pmd: number;
  /** In whole blocks of one folio, aligned both ways, and not mapped by a PMD. */
  readonly cont: number;
}

/** How much of a capture could be mapped by contiguous blocks of so many of its pages. */
export function contShare(capture: Capture, pages: number): ContShare {
  const sum = (keep: (run: Run) => boolean) => sumRuns(capture, (run) => (keep(run) ? run.n : 0));
  return {
    mapped: sum((run) => isMapped(run.cls)) * capture.page,
    pmd: sum(isPmdMapped) * capture.page,
    cont: contBlocks(capture, pages, true) * pages * capture.page,
  };
}

function sumRuns(capture: Capture, count: (run: Run, vma: CapturedVma) => number): number {
  let sum = 0;
  for (const vma of capture.vmas) for (const run of vma.runs) sum += count(run, vma);
  return sum;
}

function countEntries(capture: Capture, layout: Layout): number {
  const ratio = layout.page / capture.page;
  const single = capture.vmas.reduce((n, vma) => n + touchedUnits(vma, ratio, (r) => isMapped(r.cls)), 0);
  const conts = layout.cont === 1 ? 0 : contBlocks(capture, layout.cont * ratio, layout.pmd);
  const pmds = layout.pmd ? pmdBlocks(capture) : 0;
  return single - conts * (layout.cont - 1) - pmds * (2 ** capture.pmdOrder - 1);
}

function pmdBlocks(capture: Capture): number {
  return sumRuns(capture, (run) => (isPmdMapped(run) ? run.n : 0)) / 2 ** capture.pmdOrder;
}

/** Whole aligned blocks of `pages` pages that lie in one folio. */
function contBlocks(capture: Capture, pages: number, withoutPmd: boolean): number {
  return sumRuns(capture, (run, vma) => {
    if (isProtNone(vma)) return 0;
    const usable = isMemory(run.cls) && 2 ** run.order >= pages && !(withoutPmd && isPmdMapped(run));
    const aligned = (vma.start + run.page - run.pfn) % pages === 0;
    return usable && aligned ? wholeBlocks(run.pfn, run.pfn + run.n, pages) : 0;
  });
}

/** Aligned blocks of `size` inside [start, end). */
function wholeBlocks(start: number, end: number, size: number): number {
  return Math.max(0, Math.floor(end / size) - Math.ceil(start / size));
}

/** Pages of a larger size that the runs touch, counted within the VMA. */
function touchedUnits(vma: CapturedVma, ratio: number, keep: (run: Run) => boolean): number {
  return spans(vma, ratio, keep).reduce((n, [start, end]) => n + end - start, 0);
}

type Span = [start: number, end: number];

/** What the runs touch in units of `ratio` pages, as sorted half-open spans that do not touch each other. */
function spans(vma: CapturedVma, ratio: number, keep: (run: Run) => boolean): Span[] {
  const out: Span[] = [];
  for (const run of vma.runs) {
    if (!keep(run)) continue;
    const start = Math.floor((vma.start + run.page) / ratio);
    const end = Math.ceil((vma.start + run.page + run.n) / ratio);
    const top = out.at(-1);
    if (top !== undefined && start <= top[1]) top[1] = Math.max(top[1], end);
    else out.push([start, end]);
  }
  return out;
}

function idealEntries(capture: Capture, layout: Layout): number {
  const ratio = layout.page / capture.page;
  const pmd = layout.pmd ? 2 ** capture.pmdOrder : 1;
  let entries = 0;
  for (const vma of capture.vmas) {
    entries += touchedUnits(vma, ratio, (r) => isMapped(r.cls));
    for (const [start, end] of spans(vma, ratio, (r) => isMemory(r.cls)))
      entries -= saved(start, end, isProtNone(vma) ? 1 : layout.cont, pmd);
    if (layout.pmd) entries -= hugeZeroBlocks(vma, capture) * (pmd - 1);
  }
  return entries;
}

/** Entries that the largest possible blocks save in a stretch that is touched all over. */
function saved(start: number, end: number, cont: number, pmd: number): number {
  const large = pmd > 1 ? wholeBlocks(start, end, pmd) : 0;
  const small = cont > 1 ? wholeBlocks(start, end, cont) - large * (pmd / cont) : 0;
  return large * (pmd - 1) + small * (cont - 1);
}

function hugeZeroBlocks(vma: CapturedVma, capture: Capture): number {
  return vma.runs.reduce((n, r) => n + (r.cls === "Z" && isPmdMapped(r) ? r.n : 0), 0) / 2 ** capture.pmdOrder;
}

function extraBytes(capture: Capture, layout: Layout): number {
  const ratio = layout.page / capture.page;
  const units = capture.vmas.reduce((n, vma) => n + touchedUnits(vma, ratio, (r) => isMemory(r.cls)), 0);
  return units * layout.page - sumRuns(capture, (run) => (isMemory(run.cls) ? run.n : 0)) * capture.page;
}

const ENTRY_BYTES = 8;

/** Widths of virtual addresses that kernels are built with, by page size; the first that fits is taken. */
const VA_BITS: Readonly<Record<number, readonly number[]>> = {
  4096: [48, 57],
  16384: [47, 48, 52],
  65536: [48, 52],
};

function vaBitsFor(capture: Capture, page: number): number {
  const end = (capture.vmas.at(-1)?.end ?? 0) * capture.page;
  const bits = VA_BITS[page]!.find((b) => end <= 2 ** b);
  invariant(bits !== undefined, `no page tables reach address ${end}`);
  return bits;
}

/** Log two of the entries of a table, level 0 first; the root has what is left of the address. */
export function levelBits(page: number, vaBits: number): number[] {
  const full = Math.log2(page / ENTRY_BYTES);
  const out: number[] = [];
  for (let left = vaBits - Math.log2(page); left > 0; left -= full) out.push(Math.min(left, full));
  return out;
}

function tableBytes(capture: Capture, layout: Layout, vaBits: number): TableBytes {
  const bits = levelBits(layout.page, vaBits);
  const levels: number[] = [];
  let span = layout.page / capture.page;
  for (const [level, lg2] of bits.entries()) {
    span *= 2 ** lg2;
    const root = level === bits.length - 1;
    const tables = root ? 1 : tablesAt(capture, span, level === 0 && layout.pmd);
    levels.push(tables * ENTRY_BYTES * 2 ** lg2);
  }
  const reserved = layout.pmd ? reservedTables(capture) * layout.page : 0;
  return { levels, reserved, total: levels.reduce((a, b) => a + b, reserved) };
}

/** Tables that span so many pages each and lead somewhere; neighbouring VMAs may share one. */
function tablesAt(capture: Capture, span: number, withoutPmd: boolean): number {
  let tables = 0;
  let last = -1;
  for (const vma of capture.vmas)
    for (const run of vma.runs) {
      if (withoutPmd && isPmdMapped(run)) continue;
      const first = Math.max(Math.floor((vma.start + run.page) / span), last + 1);
      const end = Math.floor((vma.start + run.page + run.n - 1) / span);
      tables += Math.max(0, end - first + 1);
      last = Math.max(last, end);
    }
  return tables;
}

/** Anonymous PMD mappings, the huge zero page's included, come with a table for the day they are split. */
function reservedTables(capture: Capture): number {
  const kept = (run: Run) => isPmdMapped(run) && (isAnon(run.cls) || run.cls === "Z");
  return sumRuns(capture, (run) => (kept(run) ? run.n : 0)) / 2 ** capture.pmdOrder;
}
