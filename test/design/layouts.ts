/**
 * Page tables filled at random for the tests of designs: PTE runs with holes, markers, contiguous runs, leaves of every level,
 * empty tables; around a border of the tables' own, so that ranges end and begin in all of them.
 */
import { A, Marker } from "../../src/arch/entry.ts";
import type { Format } from "../../src/arch/format.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import type { Random } from "../../src/base/random.ts";
import { newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { mapLeaf } from "../../src/pgtable/huge.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";

/** The pages in which everything of a layout begins. Leaves above level 1 reach out of it. */
export interface Window {
  readonly base: number;
  readonly pages: number;
}

/** An address space on a machine whose frames are as many as the format can name. */
export function bigPageTable(format: Format, contpte = true): PageTable {
  const frames = new Frames(2 ** Math.min(31, format.paBits - format.pageLg2) / 2);
  const tables = new Tables(Math.max(...format.indexLg2), frames.total);
  return new PageTable({ format, tables, frames, tally: newTally(), contpte });
}

/** Fills a page table; two with equal formats and seeds get the same words in the same slots. */
export function randomLayout(pt: PageTable, rng: Random): Window {
  const window = someWindow(pt, rng);
  const pieces = 3 + rng.below(12);
  for (let i = 0; i < pieces; i++) put(pt, rng, window.base + rng.below(window.pages), window);
  return window;
}

/** Three PMDs and some pages, at either end of the tree or across a border of some level. */
function someWindow(pt: PageTable, rng: Random): Window {
  const all = pt.span[pt.levels]!;
  const pages = 3 * pt.span[1]! + rng.below(40);
  const border = rng.pick([0, all, all / 2, ...pt.span.slice(1)]);
  const base = border - rng.below(pages);
  return { base: Math.min(Math.max(0, base), all - pages), pages };
}

function put(pt: PageTable, rng: Random, vpn: number, window: Window): void {
  const level = rng.below(5) ? 0 : rng.below(pt.format.maxLeafLevel + 1);
  const slot = pt.findOrMake(vpn, level);
  if (slot < 0) return;
  if (level > 0) return putLeaf(pt, rng, slot, level);
  const room = pt.span[1]! - (vpn % pt.span[1]!);
  const nr = Math.min(1 + rng.below(rng.pick([1, 20, 300])), room, window.base + window.pages - vpn);
  const free = Array.from({ length: nr }, (_, i) => i).findIndex((i) => pt.kind(slot + i, 0) !== 0);
  putRun(pt, rng, slot, vpn, free < 0 ? nr : free);
}

function putLeaf(pt: PageTable, rng: Random, slot: number, level: number): void {
  if (pt.kind(slot, level) !== 0) return;
  const span = pt.span[level]!;
  mapLeaf(pt, slot, level, span * rng.below(Math.max(1, pt.frames.total / span)), someAttrs(rng));
}

function putRun(pt: PageTable, rng: Random, slot: number, vpn: number, nr: number): void {
  const pick = rng.below(8);
  if (nr === 0 || pick === 0) return;
  if (pick === 1) return setSoftleaf(pt, slot, nr, SWP_PTE_MARKER, rng.pick([Marker.guard, Marker.uffdWp]));
  if (pick === 2) return setSoftleaf(pt, slot, nr, rng.below(5), rng.below(2 ** 20));
  // Frames that agree with the pages in their low bits can be folded into contiguous blocks.
  const aligned = 2 ** 13 * rng.below(pt.frames.total / 2 ** 13 - 1) + (vpn % 2 ** 13);
  setPtes(
    pt,
    slot,
    Math.min(rng.below(3) ? aligned : rng.below(pt.frames.total), pt.frames.total - nr),
    someAttrs(rng),
    nr,
  );
}

function someAttrs(rng: Random): number {
  const bits = [A.write, A.dirty, A.young, A.exec];
  return bits.reduce((attrs, bit) => (rng.below(2) ? attrs | bit : attrs), 0);
}

/** A range in the window: any, one page, all of it, or one whose ends lie at borders of PTE tables. */
export function someRange(pt: PageTable, rng: Random, { base, pages }: Window): [start: number, end: number] {
  const [a, b] = [base + rng.below(pages), base + rng.below(pages)];
  const pick = rng.below(6);
  if (pick === 0) return [a, a + 1];
  if (pick === 1) return [base, base + pages];
  const [start, end] = [Math.min(a, b), Math.max(a, b) + 1];
  if (pick > 2) return [start, end];
  return [start - (start % pt.span[1]!), end - (end % pt.span[1]!)];
}
