/**
 * Address spaces for the tests of the folded design: leaves of every level, runs of PTEs, markers, swap entries, tables with
 * nothing in them and holes, near the borders of entries of every level at once and at both ends of user space.
 */
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { type Format, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import type { Random } from "../../src/base/random.ts";
import { newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { mapLeaf } from "../../src/pgtable/huge.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";

/** Makes address spaces of one machine: they share its tables and frames, and each has a tally. */
export function newMachine(format: Format): () => PageTable {
  const frames = new Frames(2 ** Math.min(31, format.paBits - format.pageLg2) / 2);
  const tables = new Tables(Math.max(...format.indexLg2), frames.total);
  return () => new PageTable({ format, tables, frames, tally: newTally(), contpte: true });
}

/** First page after user space. */
export function userEnd(pt: PageTable): number {
  return 2 ** (pt.format.userVaBits - pt.format.pageLg2);
}

/** Pages where things differ on both sides: the ends of user space, and a border of every level. */
export function borders(pt: PageTable): number[] {
  return [0, userEnd(pt), ...pt.span.slice(1).map((span) => Math.min(span, userEnd(pt)))];
}

/** A page near a border, by a few entries of level 0 or 1. */
export function somePage(pt: PageTable, rng: Random): number {
  const unit = rng.pick([1, 1, 16, pt.span[1]!]);
  const page = rng.pick(borders(pt)) + (rng.below(13) - 6) * unit + rng.below(3);
  return Math.max(0, Math.min(userEnd(pt) - 1, page));
}

/** Two pages near borders, the lower first; often near the same one, and sometimes one page or none. */
export function someRange(pt: PageTable, rng: Random): [start: number, end: number] {
  const a = somePage(pt, rng);
  if (rng.below(8) === 0) return [a, a + rng.below(2)];
  const b = rng.below(3) ? Math.min(userEnd(pt) - 1, a + rng.below(3 * pt.span[1]!)) : somePage(pt, rng);
  return [Math.min(a, b), Math.max(a, b) + 1];
}

const ATTRS = [0, A.young, A.write | A.young | A.dirty, A.exec | A.young, A.protnone, A.write | A.dirty];

/** Maps something at some 24 places; what is there already stays. */
export function layAtBorders(pt: PageTable, rng: Random): void {
  for (let i = 0; i < 24; i++) layPart(pt, rng, somePage(pt, rng));
}

function layPart(pt: PageTable, rng: Random, page: number): void {
  const level = rng.below(3) ? 0 : rng.below(pt.format.maxLeafLevel + 1);
  const vpn = page - (page % pt.span[level]!);
  const slot = pt.findOrMake(vpn, level);
  if (slot < 0 || rng.below(10) === 0) return;
  if (level > 0 && pt.kind(slot, level) === Kind.none)
    mapLeaf(pt, slot, level, someFrame(pt, rng, level), rng.pick(ATTRS));
  if (level === 0) layRun(pt, rng, vpn, slot);
}

function someFrame(pt: PageTable, rng: Random, level: number): number {
  const span = pt.span[level]!;
  return span * rng.below(Math.min(2 ** 30, Math.floor(pt.frames.total / span)));
}

/** A run of one kind, as long as slots are empty. */
function layRun(pt: PageTable, rng: Random, vpn: number, slot: number): void {
  const max = Math.min(1 + rng.below(rng.pick([2, 20, 200])), pt.span[1]! - (vpn % pt.span[1]!));
  let nr = 0;
  while (nr < max && pt.kind(slot + nr, 0) === Kind.none) nr++;
  if (nr === 0) return;
  const pfn = someFrame(pt, rng, 1) + (vpn % pt.span[1]!);
  const pick = rng.below(6);
  if (pick === 0) setSoftleaf(pt, slot, nr, SWP_PTE_MARKER, rng.pick([Marker.guard, Marker.uffdWp]));
  else if (pick === 1) setSoftleaf(pt, slot, nr, 3, 1 + rng.below(1000));
  else setPtes(pt, slot, pfn, rng.pick(ATTRS), nr);
}
