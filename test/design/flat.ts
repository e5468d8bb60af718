/**
 * The slow, obvious truth that every design is held against: a sorted list of runs of pages, with no table, level or block
 * in it, and a reader of the real tables that knows nothing of any design.
 */
import { A, Kind } from "../../src/arch/entry.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";

/**
 * Pages with consecutive frames and one set of attributes, pages with one marker, or pages in consecutive places of one swap
 * area. `attrs` is {@link MARKER} for a marker, and less for a swap entry: {@link swapAttrs}; `pfn` is then the marker or the offset.
 */
export interface FlatRun {
  start: number;
  nr: number;
  pfn: number;
  attrs: number;
}

/** What a run of markers has for attributes. */
export const MARKER = -1;

/** What a run of swap entries of a type has for attributes. */
export function swapAttrs(type: number): number {
  return MARKER - 1 - type;
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

  /** Moves the pages of a range out to swap, each to the offset of its place in the range. */
  swapOut(start: number, end: number, type: number, offset: number): void {
    for (const run of this.inside(start, end).filter(({ attrs }) => attrs >= 0)) {
      this.unmap(run.start, run.start + run.nr);
      this.map(run.start, run.nr, offset + run.start - start, swapAttrs(type));
    }
  }

  /** The page's run, or undefined. */
  at(vpn: number): FlatRun | undefined {
    return this.inside(vpn, vpn + 1)[0];
  }

  /** Fills the holes of a range; `pfn` is for its first page. Returns how many pages that was. */
  install(start: number, end: number, pfn: number, attrs: number): number {
    let filled = 0;
    let at = start;
    for (const run of [...this.inside(start, end), { start: end, nr: 0 }]) {
      if (run.start > at) this.map(at, run.start - at, attrs === MARKER ? pfn : pfn + at - start, attrs);
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
  const pfn = run.attrs === MARKER ? run.pfn : run.pfn + from - run.start;
  return [{ start: from, nr: to - from, pfn, attrs: run.attrs }];
}

function merged(runs: readonly FlatRun[]): FlatRun[] {
  const out: FlatRun[] = [];
  for (const { start, nr, pfn, attrs } of runs) append(out, start, nr, pfn, attrs);
  return out;
}

/** Adds pages to the last run if they continue it, else as a run. No object is made for each page: readers of tables come by here. */
function append(runs: FlatRun[], start: number, nr: number, pfn: number, attrs: number): void {
  const last = runs[runs.length - 1];
  if (last !== undefined && last.start + last.nr === start && last.attrs === attrs) {
    if (last.pfn + (attrs === MARKER ? 0 : last.nr) === pfn) {
      last.nr += nr;
      return;
    }
  }
  runs.push({ start, nr, pfn, attrs });
}

/** What the tables say, entry by entry, from the root down. */
export function readTables(pt: PageTable): FlatRun[] {
  const found: FlatRun[] = [];
  readTable(pt, pt.root, pt.levels - 1, 0, found);
  return found;
}

function readTable(pt: PageTable, table: number, level: number, base: number, found: FlatRun[]): void {
  const { tables, format } = pt;
  const span = pt.span[level]!;
  const first = table << tables.slotsLg2;
  const [lo, hi] = [tables.lo[first >>> tables.chunkLg2]!, tables.hi[first >>> tables.chunkLg2]!];
  const from = first & tables.chunkMask;
  const to = from + (1 << format.indexLg2[level]!);
  const empty = format.empty[level]!;
  for (let at = from; at < to; at++) {
    // Most slots are empty; asking the format about each of them is most of the time of the whole test.
    if (lo[at] === empty && hi[at] === 0) continue;
    const slot = first + at - from;
    const kind = format.kind(lo[at]!, hi[at]!, level);
    const start = base + (at - from) * span;
    if (kind === Kind.table) readTable(pt, pt.child(slot, level), level - 1, start, found);
    else if (kind === Kind.leaf) append(found, start, span, pt.pfn(slot, level), pt.attrs(slot, level) & ~GROUPING);
    else if (kind === Kind.softleaf) {
      const { pfn, attrs } = meaning(pt, slot, level, kind);
      append(found, start, span, pfn, attrs);
    }
  }
}

/** What an entry that is neither empty nor a table says of its first page. */
export function meaning(pt: PageTable, slot: number, level: number, kind: Kind): { pfn: number; attrs: number } {
  const { format } = pt;
  if (kind === Kind.leaf) return { pfn: pt.pfn(slot, level), attrs: pt.attrs(slot, level) & ~GROUPING };
  const [lo, hi] = [pt.lo(slot), pt.hi(slot)];
  const type = format.swapType(lo, hi);
  return { pfn: format.swapOffset(lo, hi), attrs: type === SWP_PTE_MARKER ? MARKER : swapAttrs(type) };
}
