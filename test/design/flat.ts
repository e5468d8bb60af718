/**
 * The slow, obvious truth that every design is held against: a sorted list of runs of pages, with no table, level or block
 * in it, and a reader of the real tables that knows nothing of any design.
 */
import { A, Kind } from "../../src/arch/entry.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";

/** Pages with consecutive frames and one set of attributes, or pages with one marker. `attrs` is -1 for a marker. */
export interface FlatRun {
  start: number;
  nr: number;
  pfn: number;
  attrs: number;
}

/** What does not belong to a translation: how entries are grouped. */
const GROUPING = A.cont;

/** Every page of an address space and what it maps to. */
export class Flat {
  runs: FlatRun[] = [];

  isEmpty(start: number, end: number): boolean {
    return this.inside(start, end).length === 0;
  }

  /** The parts of runs that lie in a range. */
  inside(start: number, end: number): FlatRun[] {
    return this.runs.flatMap((run) => clip(run, start, end));
  }

  unmap(start: number, end: number): void {
    this.runs = this.runs.flatMap((run) => [...clip(run, 0, start), ...clip(run, end, Infinity)]);
  }

  map(start: number, nr: number, pfn: number, attrs: number): void {
    this.runs = [...this.runs, { start, nr, pfn, attrs }].sort((a, b) => a.start - b.start);
  }

  protect(start: number, end: number, change: (attrs: number) => number): void {
    const leaves = this.inside(start, end).filter((run) => run.attrs >= 0);
    for (const run of leaves) this.unmap(run.start, run.start + run.nr);
    for (const run of leaves) this.map(run.start, run.nr, run.pfn, change(run.attrs));
  }

  /** Fills the holes of a range; `pfn` is for its first page. Returns how many pages that was. */
  install(start: number, end: number, pfn: number, attrs: number): number {
    let filled = 0;
    let at = start;
    for (const run of [...this.inside(start, end), { start: end, nr: 0 }]) {
      if (run.start > at) this.map(at, run.start - at, attrs < 0 ? pfn : pfn + at - start, attrs);
      filled += run.start - at;
      at = run.start + run.nr;
    }
    return filled;
  }

  /** The runs, with those that continue one another made one: the canonical form that two sides are compared in. */
  canonical(): FlatRun[] {
    return merged(this.runs);
  }
}

function clip(run: FlatRun, start: number, end: number): FlatRun[] {
  const from = Math.max(run.start, start);
  const to = Math.min(run.start + run.nr, end);
  if (from >= to) return [];
  const pfn = run.attrs < 0 ? run.pfn : run.pfn + from - run.start;
  return [{ start: from, nr: to - from, pfn, attrs: run.attrs }];
}

function merged(runs: Iterable<FlatRun>): FlatRun[] {
  const out: FlatRun[] = [];
  for (const run of runs) {
    const last = out[out.length - 1];
    if (last !== undefined && continues(last, run)) last.nr += run.nr;
    else out.push({ ...run });
  }
  return out;
}

function continues(a: FlatRun, b: FlatRun): boolean {
  if (a.start + a.nr !== b.start || a.attrs !== b.attrs) return false;
  return a.attrs < 0 ? a.pfn === b.pfn : a.pfn + a.nr === b.pfn;
}

/** What the tables say, entry by entry, from the root down. */
export function readTables(pt: PageTable): FlatRun[] {
  const found: FlatRun[] = [];
  readTable(pt, pt.root, pt.levels - 1, 0, found);
  return merged(found);
}

function readTable(pt: PageTable, table: number, level: number, base: number, found: FlatRun[]): void {
  const { tables, format } = pt;
  const span = pt.span[level]!;
  const first = table << tables.slotsLg2;
  const words = tables.lo[first >>> tables.chunkLg2]!;
  const empty = format.empty[level]!;
  for (let i = 0; i < 1 << format.indexLg2[level]!; i++) {
    const slot = first + i;
    // Most slots are empty; asking the format about each of them is most of the time of the whole test.
    if (words[(first & tables.chunkMask) + i] === empty && pt.hi(slot) === 0) continue;
    const kind = pt.kind(slot, level);
    if (kind === Kind.none) continue;
    const start = base + i * span;
    if (kind === Kind.table) readTable(pt, pt.child(slot, level), level - 1, start, found);
    else found.push({ start, nr: span, ...meaning(pt, slot, level, kind) });
  }
}

function meaning(pt: PageTable, slot: number, level: number, kind: Kind): { pfn: number; attrs: number } {
  const { format } = pt;
  if (kind === Kind.leaf) return { pfn: pt.pfn(slot, level), attrs: pt.attrs(slot, level) & ~GROUPING };
  const [lo, hi] = [pt.lo(slot), pt.hi(slot)];
  // A swap entry, which nothing here makes, would show as a marker with a strange number.
  return { pfn: format.swapOffset(lo, hi) + 64 * (SWP_PTE_MARKER - format.swapType(lo, hi)), attrs: -1 };
}
