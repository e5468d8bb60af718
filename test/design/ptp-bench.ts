/**
 * Random page tables for tests of designs: leaves of every level, runs of small pages, markers, swap entries, tables that hold
 * nothing and holes, near the borders of all levels and at both ends of user space. And what tests of the copy share.
 */
import { expect } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { type Format, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { x86_64 } from "../../src/arch/x86-64.ts";
import type { Random } from "../../src/base/random.ts";
import { counts, type EventName, newTally } from "../../src/base/tally.ts";
import type { Copier } from "../../src/design/design.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { mapLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { copySoftleaf, ptepAttrs, setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";

const RW = A.write | A.dirty | A.young;
const ATTRS = [A.write | A.dirty | A.young, A.young, A.exec, A.write, A.dirty | A.young, A.protnone, A.young | A.exec];

/** An address space on a machine with as much memory as an entry of the format can name, or 4 TiB. */
export function bigPageTable(format: Format, contpte = true): PageTable {
  const frames = new Frames(2 ** Math.min(30, format.paBits - format.pageLg2 - 1));
  const tables = new Tables(Math.max(...format.indexLg2), frames.total);
  return new PageTable({ format, tables, frames, tally: newTally(), contpte });
}

/** A second address space on the same machine, with the same tally. */
export function besides({ format, tables, frames, tally, contpte }: PageTable): PageTable {
  return new PageTable({ format, tables, frames, tally, contpte });
}

/** Pages near which something may be: both ends of user space and the first border of each level. */
export function placesOf(pt: PageTable): number[] {
  const end = userPages(pt);
  return [0, end, ...pt.span.slice(1).map((span) => Math.min(span, end))];
}

/** Pages of user space. */
export function userPages(pt: PageTable): number {
  return 2 ** (pt.format.userVaBits - pt.format.pageLg2);
}

/** A range near one of the places, of up to a few tables, also across borders. */
export function randomRange(pt: PageTable, rng: Random): [start: number, end: number] {
  const [limit, span] = [userPages(pt), pt.span[1]!];
  const pages = 1 + rng.below(rng.pick([8, 40, span, 3 * span]));
  const near = rng.pick(placesOf(pt)) + rng.below(4 * span) - 2 * span;
  const start = Math.min(Math.max(0, near), limit - pages);
  return [start, start + pages];
}

/** Fills a page table; what is in the way of a piece keeps its place. */
export function randomLayout(pt: PageTable, rng: Random, pieces = 24): void {
  for (let i = 0; i < pieces; i++) {
    const level = rng.below(pt.format.maxLeafLevel + 1);
    const [start, end] = randomRange(pt, rng);
    if (level > 0) layLeaf(pt, rng, start, level);
    else layPtes(pt, rng, start, end);
  }
}

function layLeaf(pt: PageTable, rng: Random, vpn: number, level: number): void {
  const slot = pt.findOrMake(vpn, level);
  if (slot < 0 || pt.kind(slot, level) !== 0) return;
  const frames = Math.floor(pt.frames.total / pt.span[level]!);
  if (frames > 0) mapLeaf(pt, slot, level, rng.below(frames) * pt.span[level]!, rng.pick(ATTRS));
}

function layPtes(pt: PageTable, rng: Random, start: number, end: number): void {
  const slot = pt.findOrMake(start, 0);
  if (slot < 0) return;
  const max = Math.min(end - start, pt.span[1]! - (start % pt.span[1]!));
  let nr = 0;
  while (nr < max && pt.kind(slot + nr, 0) === 0) nr++;
  if (nr === 0 || rng.below(12) === 0) return;
  const what = rng.below(8);
  if (what === 0) setSoftleaf(pt, slot, nr, SWP_PTE_MARKER, rng.pick([Marker.guard, Marker.uffdWp, Marker.poisoned]));
  else if (what === 1) setSoftleaf(pt, slot, nr, 1 + rng.below(8), rng.below(2 ** 16));
  else setPtes(pt, slot, start % 2 ** 14, rng.pick(ATTRS), nr);
}

/** What a test wants of a copy. */
export interface CopyWish {
  readonly wholeLeaves?: boolean;
  /** Entries for which `entry` wants room first, by slot of the original. */
  readonly roomFor?: Set<number>;
  readonly room?: boolean;
  readonly breaks?: boolean;
  readonly log?: string[];
}

/** Copies as fork does, without folios; large leaves whole or after a split. */
export function copierFor(from: PageTable, to: PageTable, wish: CopyWish = {}): Copier {
  return {
    huge: (slot, level, start) => {
      // Above level 1 a split all the way down would be of hundreds of thousands of entries.
      if (!wish.wholeLeaves && level === 1) {
        splitLeaf(from, slot, level);
        return false;
      }
      mapLeaf(to, to.findOrMake(start, level), level, from.pfn(slot, level), from.attrs(slot, level));
      return true;
    },
    entry: (slot, toSlot) => {
      expect(from.locks.holds(from.tableOf(slot), 0) && to.locks.holds(to.tableOf(toSlot), 0)).toBe(true);
      if (wish.roomFor?.has(slot)) return 0;
      wish.log?.push(`copy ${slot}`);
      if (from.kind(slot, 0) === Kind.softleaf) copySoftleaf(from, slot, to, toSlot);
      else setPtes(to, toSlot, from.pfn(slot), ptepAttrs(from, slot), 1);
      return 1;
    },
    room: () => {
      expect([from.locks.held, to.locks.held]).toEqual([0, 0]);
      wish.log?.push("room");
      wish.roomFor?.clear();
      return wish.room ?? true;
    },
    mustBreak: () => {
      wish.log?.push("asked");
      return wish.breaks ?? false;
    },
  };
}

/** One PTE table with its first entries as told: a letter each, `l` leaf, `s` swap entry, `m` marker, `-` empty. */
export function tableOf(letters: string): [from: PageTable, to: PageTable, first: number] {
  const from = bigPageTable(x86_64);
  const first = from.findOrMake(0, 0);
  [...letters].forEach((letter, i) => {
    if (letter === "l") setPtes(from, first + i, 64 + i, RW, 1);
    if (letter === "s") setSoftleaf(from, first + i, 1, 1, i);
    if (letter === "m") setSoftleaf(from, first + i, 1, SWP_PTE_MARKER, Marker.guard);
  });
  return [from, besides(from), first];
}

/** The counts that are not zero. */
export function spent(pt: PageTable, work: () => void): Partial<Record<EventName, number>> {
  const before = pt.tally.slice();
  work();
  return Object.fromEntries(Object.entries(counts(pt.tally, before)).filter(([, n]) => n !== 0));
}
