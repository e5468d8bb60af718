/**
 * What the tests of this folder share: one PTE table of a small machine, and words as people read them.
 */
import { attrText, Kind } from "../../src/arch/entry.ts";
import { decode, type Format } from "../../src/arch/format.ts";
import { newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";

/** Frames of the machine that tests use. */
export const TOTAL = 2 ** 15;

/** An address space of its own on a machine of its own. */
export function newPageTable(format: Format, contpte = true): PageTable {
  const frames = new Frames(TOTAL);
  const tables = new Tables(Math.max(...format.indexLg2), TOTAL);
  return new PageTable({ format, tables, frames, tally: newTally(), contpte });
}

/** An entry as one line, for messages that compare. */
export function entryText(pt: PageTable, slot: number, level = 0): string {
  const e = decode(pt.format, pt.lo(slot), pt.hi(slot), level);
  if (e.kind === "leaf") return `${e.pfn} ${attrText(e.attrs)}`;
  return pt.kind(slot, level) === Kind.none ? "-" : JSON.stringify(e);
}

/** First and last index of every run of slots for which something holds. */
export function runsWhere(n: number, holds: (i: number) => boolean): [number, number][] {
  const runs: [number, number][] = [];
  for (let i = 0; i < n; i++) {
    if (!holds(i)) continue;
    const last = runs[runs.length - 1];
    if (last !== undefined && last[1] === i - 1) last[1] = i;
    else runs.push([i, i]);
  }
  return runs;
}
