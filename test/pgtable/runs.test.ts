/**
 * Looking along entries, against a look at one after the other.
 */
import { describe, expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { E, newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { PteReader } from "../../src/pgtable/pte-reader.ts";
import { clearPtes, ptepAttrs, setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";
import { emptyRun, peek } from "../../src/pgtable/runs.ts";

const SEEDS = [11, 12, 13];

/** Two PTE tables with runs of everything; on arm64 with folded blocks. */
function someEntries(format: (typeof formats)[number], rng: Random): { pt: PageTable; slots: number[] } {
  const frames = new Frames(2 ** 15);
  const tables = new Tables(Math.max(...format.indexLg2), frames.total);
  const pt = new PageTable({ format, tables, frames, tally: newTally(), contpte: true });
  const slots: number[] = [];
  const span = pt.span[1]!;
  for (const base of [0, span]) {
    const first = pt.findOrMake(base, 0);
    for (let i = 0; i < span; ) {
      const n = Math.min(span - i, 1 + rng.below(rng.pick([3, 40])));
      const pfn = frames.alloc(9) + (i % 512);
      const attrs = rng.pick([A.young, A.young | A.write | A.dirty, A.protnone, A.exec]);
      const what = rng.below(5);
      if (what === 0) setSoftleaf(pt, first + i, n, SWP_PTE_MARKER, rng.pick([Marker.guard, Marker.uffdWp]));
      else if (what < 4) setPtes(pt, first + i, pfn % 2 ** 14, attrs, n);
      i += n;
    }
    for (let i = 0; i < span; i++) slots.push(first + i);
  }
  return { pt, slots };
}

describe.each(formats)("$name", (format) => {
  test.each(SEEDS)("empty entries are counted up to the first that is not (seed %d)", (seed) => {
    const { pt, slots } = someEntries(format, random(seed));
    const span = pt.span[1]!;
    for (const [i, slot] of slots.entries()) {
      const max = Math.min(span - (i % span), 1 + (i % 70));
      let n = 0;
      while (n < max && pt.kind(slot + n, 0) === Kind.none) n++;
      expect(emptyRun(pt, slot, max)).toBe(n);
    }
  });

  test.each(SEEDS)("a reader says of every entry what ptep_get says, and reads as often (seed %d)", (seed) => {
    const rng = random(seed);
    const { pt, slots } = someEntries(format, rng);
    const walked = slots.filter(() => rng.below(50) > 0);
    const before = pt.tally[E.slotsRead]!;
    const slow = walked.map((slot) => {
      const attrs = ptepAttrs(pt, slot);
      const kind = pt.kind(slot, 0);
      return kind === Kind.leaf ? `leaf ${attrs}` : `${kind}`;
    });
    const reads = pt.tally[E.slotsRead]! - before;
    const reader = new PteReader(pt);
    const fast: string[] = [];
    const use = () => {
      const what = reader.kind === Kind.leaf ? `leaf ${reader.attrs}` : `${reader.kind}`;
      for (let i = 0; i < reader.nr; i++) fast.push(what);
    };
    for (const slot of walked) {
      if (reader.repeats(slot)) continue;
      use();
      reader.begin(slot);
    }
    use();
    reader.end();
    expect(fast).toEqual(slow);
    expect(pt.tally[E.slotsRead]! - before).toBe(2 * reads);
  });

  test("a look that does not count finds the slot that a walk finds, and none above a hole", () => {
    const { pt } = someEntries(format, random(5));
    const page = pt.span[1]! + 3;
    const slot = pt.find(page, 0);
    const before = pt.tally.slice();
    expect([peek(pt, page), peek(pt, 5 * pt.span[1]!)]).toEqual([slot, -1]);
    expect(pt.tally).toEqual(before);
    clearPtes(pt, slot, 1);
    expect(peek(pt, page)).toBe(slot);
  });
});
