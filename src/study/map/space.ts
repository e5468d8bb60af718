/**
 * An address space by what maps each page: VMAs in order of address, and in each of them runs of one kind. Made from a simulated
 * process (`mm-space.ts`) or from a capture (`capture-space.ts`), and summed up exactly over any cells of it. Work goes by runs, so
 * that a process of many gigabytes costs what its runs cost.
 */
import { firstWhere } from "../../base/search.ts";

/**
 * What maps a page. Order is that of legends; a kind keeps its place, and with it its look. Letters are for strips of text, `pages` for
 * sentences: 480 in contpte blocks. `not mapped` is a page of a VMA without an entry; `no VMA` is the rest of the address space.
 */
export const MAP_KINDS = [
  { name: "PMD leaf", letter: "P", pages: "in PMD leaves" },
  { name: "contpte block", letter: "C", pages: "in contpte blocks" },
  { name: "large folio", letter: "L", pages: "of large folios" },
  { name: "single page", letter: "B", pages: "single" },
  { name: "zero page", letter: "Z", pages: "of zeros" },
  { name: "other memory", letter: "O", pages: "of other memory" },
  { name: "swap", letter: "W", pages: "swapped out" },
  { name: "guard", letter: "G", pages: "guarded" },
  { name: "PROT_NONE", letter: "N", pages: "PROT_NONE" },
  { name: "PUD leaf", letter: "U", pages: "in PUD leaves" },
  { name: "marker", letter: "M", pages: "with markers" },
  { name: "not mapped", letter: ".", pages: "not mapped" },
  { name: "no VMA", letter: " ", pages: "outside VMAs" },
] as const;

/** Name of one of {@link MAP_KINDS}. */
export type MapKind = (typeof MAP_KINDS)[number]["name"];

/** Place of a kind among {@link MAP_KINDS}. */
export function kindIndex(kind: MapKind): number {
  return MAP_KINDS.findIndex(({ name }) => name === kind);
}

/** The place among {@link MAP_KINDS} of pages of a VMA that nothing maps. */
export const NOT_MAPPED: number = kindIndex("not mapped");
const NO_VMA = kindIndex("no VMA");

/**
 * Pages `[start, end)` of one kind, in page numbers of the address space. Where there are frames they are consecutive, and the
 * pages are of folios of one order; `index` is the first page's place in its folio. Without frames `pfn` is -1 and `order` 0.
 */
export interface MapRun {
  readonly start: number;
  readonly end: number;
  readonly kind: MapKind;
  readonly pfn: number;
  readonly order: number;
  readonly index: number;
}

/** One VMA: pages `[start, end)`. Pages in no run are not mapped. */
export interface MapVma {
  readonly start: number;
  readonly end: number;
  readonly perms: string;
  /** What it holds, in a word: `heap`. */
  readonly what: string;
  readonly runs: readonly MapRun[];
}

/** One address space. */
export interface AddressSpace {
  /** Whose it is and how it came about, in a few words. */
  readonly name: string;
  /** Bytes of a base page. */
  readonly page: number;
  /** Base pages under one entry by level, level 0 first: 1, 512, 262144 and so on. */
  readonly spans: readonly number[];
  /** Pages of a contiguous block, 1 where there are none. */
  readonly cont: number;
  readonly vmas: readonly MapVma[];
  /** The entry that maps a page, or would: its word in hexadecimal and what that says. Absent where entries are not known. */
  readonly entry?: (vpn: number) => { readonly word: string; readonly says: string };
}

/** Adds a run behind others, joined to the last one where it goes on with it. */
export function pushRun(runs: MapRun[], run: MapRun): void {
  const last = runs.at(-1);
  if (last !== undefined && goesOn(last, run)) runs[runs.length - 1] = { ...last, end: run.end };
  else runs.push(run);
}

function goesOn(last: MapRun, run: MapRun): boolean {
  if (last.end !== run.start || last.kind !== run.kind || last.order !== run.order) return false;
  return run.pfn < 0 ? last.pfn < 0 : last.pfn >= 0 && last.pfn + last.end - last.start === run.pfn;
}

/**
 * Pages by kind in each of the cells between neighbouring `bounds` (ascending page numbers): of cell `i`, which is
 * `[bounds[i], bounds[i + 1])`, a list in the order of {@link MAP_KINDS} whose sum is the cell's size.
 */
export function pagesByKind(vmas: readonly MapVma[], bounds: readonly number[]): number[][] {
  const cells = bounds.slice(1).map((end, i) => {
    const pages = new Array<number>(MAP_KINDS.length).fill(0);
    pages[NO_VMA] = end - bounds[i]!;
    return pages;
  });
  const [first, end] = [bounds[0]!, bounds.at(-1)!];
  const move = (span: { readonly start: number; readonly end: number }, from: number, to: number) => {
    const stop = Math.min(span.end, end);
    for (let i = cellAt(bounds, Math.max(span.start, first)); i < cells.length && bounds[i]! < stop; i++) {
      const pages = Math.min(stop, bounds[i + 1]!) - Math.max(span.start, bounds[i]!);
      cells[i]![from]! -= pages;
      cells[i]![to]! += pages;
    }
  };
  for (const vma of between(vmas, first, end)) {
    move(vma, NO_VMA, NOT_MAPPED);
    for (const run of between(vma.runs, first, end)) move(run, NOT_MAPPED, kindIndex(run.kind));
  }
  return cells;
}

/** The cell that holds a page of the range that `bounds` divide. */
function cellAt(bounds: readonly number[], page: number): number {
  return firstWhere(bounds.length - 1, (i) => bounds[i + 1]! > page);
}

/** Those of ordered spans that have a page in `[start, end)`. */
export function between<T extends { readonly start: number; readonly end: number }>(
  spans: readonly T[],
  start: number,
  end: number,
): readonly T[] {
  const from = firstWhere(spans.length, (i) => spans[i]!.end > start);
  const to = firstWhere(spans.length, (i) => spans[i]!.start >= end);
  return spans.slice(from, to);
}
