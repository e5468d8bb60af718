/**
 * What an address space translates to, whatever tables, levels and blocks it takes: the ground on which two designs must agree
 * before their costs mean anything. Read without counting.
 */
import { A, attrText, Kind } from "../../arch/entry.ts";
import { SWP_PTE_MARKER } from "../../arch/format.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";

/** Pages with consecutive frames and equal attributes, or with one marker. `attrs` is -1 for a marker, whose bits `pfn` holds. */
export interface TranslationRun {
  readonly start: number;
  readonly nr: number;
  readonly pfn: number;
  readonly attrs: number;
}

/** Every page that is not empty, in order. `ignore` names attributes that are left out, besides how entries are grouped. */
export function translationsOf(pt: PageTable, ignore = 0): TranslationRun[] {
  const runs: TranslationRun[] = [];
  readTable(pt, pt.root, pt.levels - 1, 0, ~(ignore | A.cont), runs);
  return runs;
}

function readTable(
  pt: PageTable,
  table: number,
  level: number,
  base: number,
  mask: number,
  runs: TranslationRun[],
): void {
  const span = pt.span[level]!;
  const first = table << pt.tables.slotsLg2;
  for (let i = 0; i < 1 << pt.format.indexLg2[level]!; i++) {
    const kind = pt.kind(first + i, level);
    const start = base + i * span;
    if (kind === Kind.table) readTable(pt, pt.child(first + i, level), level - 1, start, mask, runs);
    else if (kind !== Kind.none) push(runs, { start, nr: span, ...meaning(pt, first + i, level, kind, mask) });
  }
}

function meaning(pt: PageTable, slot: number, level: number, kind: Kind, mask: number): { pfn: number; attrs: number } {
  if (kind === Kind.leaf) return { pfn: pt.pfn(slot, level), attrs: pt.attrs(slot, level) & mask };
  const [lo, hi] = [pt.lo(slot), pt.hi(slot)];
  const { format } = pt;
  // Swap entries of other types keep apart from markers by a number that no marker has.
  return { pfn: format.swapOffset(lo, hi) + 8 * (SWP_PTE_MARKER - format.swapType(lo, hi)), attrs: -1 };
}

function push(runs: TranslationRun[], run: TranslationRun): void {
  const last = runs[runs.length - 1];
  if (last !== undefined && continues(last, run)) runs[runs.length - 1] = { ...last, nr: last.nr + run.nr };
  else runs.push(run);
}

function continues(a: TranslationRun, b: TranslationRun): boolean {
  if (a.start + a.nr !== b.start || a.attrs !== b.attrs) return false;
  return a.pfn + (a.attrs < 0 ? 0 : a.nr) === b.pfn;
}

/** The first page at which two address spaces differ, with what each has there, or null. */
export function firstDifference(a: readonly TranslationRun[], b: readonly TranslationRun[]): string | null {
  const same = (x: TranslationRun, y: TranslationRun | undefined) =>
    y !== undefined && beginAlike(x, y) && x.nr === y.nr;
  const i = a.findIndex((run, at) => !same(run, b[at]));
  const [x, y] = i < 0 ? [undefined, b[a.length]] : [a[i], b[i]];
  if (x === undefined && y === undefined) return null;
  const page = firstPageApart(x, y);
  return `page ${page}: ${textAt(a, page)} against ${textAt(b, page)}`;
}

/** Whether two runs begin with the same translation: they part where the shorter ends, if one is. */
function beginAlike(x: TranslationRun, y: TranslationRun): boolean {
  return x.start === y.start && x.pfn === y.pfn && x.attrs === y.attrs;
}

function firstPageApart(x: TranslationRun | undefined, y: TranslationRun | undefined): number {
  if (x === undefined || y === undefined) return (x ?? y)!.start;
  return beginAlike(x, y) ? x.start + Math.min(x.nr, y.nr) : Math.min(x.start, y.start);
}

function textAt(runs: readonly TranslationRun[], page: number): string {
  const run = runs.find(({ start, nr }) => start <= page && page < start + nr);
  if (run === undefined) return "nothing";
  if (run.attrs < 0) return `marker ${run.pfn}`;
  return `frame ${run.pfn + page - run.start} ${attrText(run.attrs) || "without attributes"}`;
}
