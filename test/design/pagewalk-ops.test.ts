/**
 * The design's operations: the same calls as the plain visit, and what each costs. That they agree with a flat map on every format
 * is the shared contract's business.
 */
import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { formats } from "../../src/arch/formats.ts";
import { random } from "../../src/base/random.ts";
import { counts, type EventName } from "../../src/base/tally.ts";
import { walkPageRange } from "../../src/design/pagewalk-entry.ts";
import { mincoreOps, pagemapOps, pagewalk, wholeMm } from "../../src/design/pagewalk-ops.ts";
import { newPagemap } from "../../src/design/read.ts";
import { clearLeaf, mapLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";
import { type Visitor, visit } from "../../src/pgtable/visit.ts";
import { bigPageTable, randomLayout } from "./layouts.ts";
import { plain } from "./plain.ts";
import { rangeNear } from "./walk-mm.ts";

const SEED = Number(process.env.PTLAB_SEED ?? 20261121);
const RW = A.write | A.young | A.dirty;
const x86 = formats.find((f) => f.name === "x86-64")!;
const arm64 = formats.find((f) => f.name === "arm64-4k")!;

function counted(pt: PageTable, names: readonly EventName[], act: () => void): number[] {
  const before = pt.tally.slice();
  act();
  const diff = counts(pt.tally, before);
  return names.map((name) => diff[name]);
}

/** A visitor that writes down its calls, and splits or clears some of the huge entries that it meets. */
function scribe(pt: PageTable, seed: number, calls: string[]): Visitor {
  const rng = random(seed);
  return {
    huge: (slot, level, from, to) => {
      calls.push(`huge ${slot} ${level} ${from}-${to}`);
      const pick = rng.below(3);
      if (pick === 0) splitLeaf(pt, slot, level);
      else if (pick === 1) clearLeaf(pt, slot, level);
    },
    table: (level, from) => void calls.push(`table ${level} ${from}`),
    ptes: (slot, from, nr) => void calls.push(`ptes ${slot} ${from} ${nr}`),
    leaveTable: (slot, from, to) => void calls.push(`leave ${slot} ${from}-${to}`),
  };
}

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, f) => {
  test("visits in the order and with the calls of the plain visit, also where the visitor splits and clears", () => {
    for (let seed = SEED; seed < SEED + 25; seed++) {
      const [mine, twin] = [0, 1].map(() => {
        const pt = bigPageTable(f);
        const rng = random(seed);
        randomLayout(pt, rng);
        const [start, end] = rangeNear(pt, rng);
        return { pt, start, end, calls: [] as string[] };
      }) as [Run, Run];
      pagewalk.visit(mine.pt, mine.start, mine.end, scribe(mine.pt, seed, mine.calls));
      visit(twin.pt, twin.start, twin.end, scribe(twin.pt, seed, twin.calls));
      expect(mine.calls, `seed ${seed}`).toEqual(twin.calls);
    }
  });

  test("reads as page by page reading does, and splits nothing", () => {
    for (let seed = SEED; seed < SEED + 12; seed++) {
      const pt = bigPageTable(f);
      const rng = random(seed);
      randomLayout(pt, rng);
      const [start, end] = rangeNear(pt, rng);
      const splits = counted(pt, ["mappingSplits"], () => {
        expect(pagewalk.countPages(pt, start, end), `seed ${seed}`).toEqual(plain.countPages(pt, start, end));
        expect(pagewalk.pagemap(pt, start, end), `seed ${seed}`).toEqual(plain.pagemap(pt, start, end));
        expect(pagewalk.mincore(pt, start, end), `seed ${seed}`).toEqual(plain.mincore(pt, start, end));
      });
      expect(splits).toEqual([0]);
    }
  });

  test("finds and makes slots of every level as the twins do, and neither splits what is in the way", () => {
    for (let seed = SEED; seed < SEED + 12; seed++) {
      const [pt, twin] = [bigPageTable(f), bigPageTable(f)];
      for (const each of [pt, twin]) randomLayout(each, random(seed));
      const rng = random(seed + 1);
      for (let i = 0; i < 40; i++) {
        const [vpn, level] = [rangeNear(pt, rng)[0], rng.below(pt.levels)];
        expect(pagewalk.find(pt, vpn, level), `seed ${seed}`).toBe(twin.find(vpn, level));
        expect(pagewalk.findOrMake(pt, vpn, level), `seed ${seed}`).toBe(twin.findOrMake(vpn, level));
        expect(Array.from(pt.tablesAt)).toEqual(Array.from(twin.tablesAt));
      }
      expect(counts(pt.tally).mappingSplits).toBe(0);
    }
  });
});

interface Run {
  readonly pt: PageTable;
  readonly start: number;
  readonly end: number;
  readonly calls: string[];
}

describe("costs", () => {
  const filled = (n: number): PageTable => {
    const pt = bigPageTable(x86);
    for (let t = 0; t < n; t++) setPtes(pt, pt.findOrMake(t * 512, 0), t * 512, RW, 512);
    return pt;
  };
  const names = ["indirectCalls", "pteLocks", "slotsRead"] as const;

  test("counting calls back for every page; pagemap and mincore, which go through the PTEs themselves, for every table", () => {
    const pt = filled(4);
    // The PGD is folded and costs no look, the P4D one, the PUD four: empty, huge to the callback, to be split, still a table. A PMD
    // costs two, empty and huge, a third, to be split, where there is a pteEntry, and two for mapping its table.
    const upper = 1 + 4;
    const [calls, locks, read] = counted(pt, names, () => pagewalk.countPages(pt, 0, 2048));
    expect([calls, locks]).toEqual([2048 + 4 + 1, 4]);
    expect(read).toBe(upper + 4 * 5 + 2048);
    for (const walk of [pagewalk.pagemap, pagewalk.mincore])
      expect(counted(pt, names, () => walk(pt, 0, 2048))).toEqual([4 + 1, 4, upper + 4 * 4 + 2048]);
  });

  test("a hole is one call for each entry that is empty, however many pages it spans", () => {
    const pt = filled(1);
    expect(counted(pt, names, () => pagewalk.mincore(pt, 0, 2 ** 18))[0]).toBe(1 + 1 + 511);
    expect(counted(pt, names, () => pagewalk.countPages(pt, 2 ** 27, 2 ** 28))[0]).toBe(0);
  });

  test("installing costs a call, a store and an update for every page; keeping one costs a call as well", () => {
    const pt = bigPageTable(x86);
    const marker = { kind: "marker", marker: 4 } as const;
    const cost = ["indirectCalls", "mmuCacheUpdates", "pteLocks", "tablesAllocated"] as const;
    const install = () => pagewalk.install(pt, 0, 1024, { fill: marker, keep: () => true });
    expect(counted(pt, cost, install)).toEqual([1024 + 2 + 1, 1024, 2, 4]);
    expect(counted(pt, cost, install)).toEqual([1024 + 2 + 1, 0, 2, 0]);
  });

  test("a block of contiguous PTEs is read sixteen times over by a call for each page, and mincore looks at its first alone", () => {
    const pt = bigPageTable(arm64);
    setPtes(pt, pt.findOrMake(0, 0), 0, RW, 512);
    const read = (act: () => void) => counted(pt, ["slotsRead"], act)[0]!;
    const whole = read(() => pagewalk.countPages(pt, 0, 512));
    const batched = read(() => pagewalk.mincore(pt, 0, 512));
    expect([whole - batched > 512 * 15, batched < 600]).toEqual([true, true]);
  });

  test("one page takes a walk: a look and a call more than the plain descent at the level above", () => {
    const pt = filled(1);
    const [calls, locks] = counted(pt, names, () => expect(pagewalk.find(pt, 5, 0)).toBe(pt.find(5, 0)));
    // The PUD's callback is there to stop at a huge one, which the walk would split.
    expect([calls, locks]).toEqual([2, 0]);
  });

  test("a reader without a pudEntry, as the kernel's are, has a huge PUD split under it", () => {
    for (const ops of [pagemapOps(newPagemap(9), 0), mincoreOps(new Uint8Array(9), 0)]) {
      const pt = bigPageTable(x86);
      mapLeaf(pt, pt.findOrMake(0, 2), 2, 0, RW);
      const walk = (with_: typeof ops) => counted(pt, ["mappingSplits"], () => walkPageRange(wholeMm(pt), 0, 9, with_));
      expect(walk(ops)).toEqual([0]);
      expect(walk({ ...ops, pudEntry: undefined })).toEqual([1]);
      expect(pt.kind(pt.find(0, 1), 1)).toBe(Kind.leaf);
    }
  });

  test("a table may be freed when it is left: the walk does not look at it again", () => {
    const pt = bigPageTable(x86);
    for (let t = 0; t < 3; t++) pt.findOrMake(t * 512, 0);
    pagewalk.visit(pt, 0, 1536, {
      leaveTable: (slot) => {
        const table = pt.child(slot, 1);
        pt.clear(slot, 1, 1);
        pt.dropTable(table, 0);
      },
    });
    expect(pt.tablesAt[0]).toBe(0);
  });

  test("a visitor that throws under the lock leaves none behind", () => {
    const pt = filled(1);
    const ptes = () => {
      throw new Error("from the visitor");
    };
    expect(() => pagewalk.visit(pt, 0, 9, { ptes })).toThrow("from the visitor");
    expect(pt.locks.held).toBe(0);
  });
});
