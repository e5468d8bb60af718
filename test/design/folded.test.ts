import { describe, expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import type { Format } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { E } from "../../src/base/tally.ts";
import type { Design, Fill } from "../../src/design/design.ts";
import { folded } from "../../src/design/folded.ts";
import * as levels from "../../src/design/folded-levels.ts";
import { mapLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { type Visitor, visit } from "../../src/pgtable/visit.ts";
import { readTables } from "./flat.ts";
import { borders, layAtBorders, newMachine, somePage, someRange, userEnd } from "./folded-bench.ts";
import { plain } from "./plain.ts";

const SEEDS = Array.from({ length: 6 }, (_, i) => 4200 + i);
const byName = formats.map((f) => [f.name, f] as const);

function newPageTable(f: Format): PageTable {
  return newMachine(f)();
}

/** Two address spaces with the same layout, whatever the seed makes of it; table and slot numbers agree too. */
function twins(f: Format, seed: number): { rng: Random; a: PageTable; b: PageTable } {
  const [a, b] = [newPageTable(f), newPageTable(f)];
  layAtBorders(a, random(seed));
  layAtBorders(b, random(seed));
  a.tally.fill(0);
  b.tally.fill(0);
  return { rng: random(seed + 1), a, b };
}

/** Everything that a visit calls, in words; half of the huge leaves that it meets are split. */
function calls(pt: PageTable, start: number, end: number, run: Design["visit"], locked: boolean): string[] {
  const said: string[] = [];
  const say = (what: string, ...numbers: number[]) => said.push(`${what} ${numbers.join(" ")}`);
  const visitor: Visitor = {
    huge: (slot, level, from, to) => {
      say("huge", slot, level, from, to);
      if (pt.kind(slot, level) === Kind.leaf && slot % 2 === 0) splitLeaf(pt, slot, level);
    },
    table: (level, from) => say("table", level, from),
    ptes: (slot, from, nr) => {
      say("ptes", slot, from, nr);
      if (locked) expect(pt.locks.holds(pt.tableOf(slot), 0)).toBe(true);
    },
    leaveTable: (slot, from, to) => {
      say("leave", slot, from, to);
      expect(pt.locks.held).toBe(0);
    },
  };
  run(pt, start, end, visitor);
  return said;
}

describe.each(byName)("%s", (_name, f) => {
  test.each(SEEDS)("five nests visit what one recursive walk visits, in its order (seed %d)", (seed) => {
    const { rng, a, b } = twins(f, seed);
    for (let i = 0; i < 6; i++) {
      const [start, end] = someRange(a, rng);
      expect(calls(a, start, end, folded.visit, true)).toEqual(calls(b, start, end, visit, false));
      expect(a.locks.held).toBe(0);
    }
  });

  test.each(SEEDS)(
    "a slot is found where the plain search finds it, for as many reads, and made likewise (seed %d)",
    (seed) => {
      const { rng, a, b } = twins(f, seed);
      for (let i = 0; i < 40; i++) {
        const [vpn, level] = [somePage(a, rng), rng.below(f.indexLg2.length)];
        expect(folded.find(a, vpn, level)).toBe(b.find(vpn, level));
        expect(a.tally[E.slotsRead]).toBe(b.tally[E.slotsRead]);
        if (i % 4) continue;
        expect(folded.findOrMake(a, vpn, level)).toBe(b.findOrMake(vpn, level));
        expect([...a.tablesAt]).toEqual([...b.tablesAt]);
        a.tally.fill(0);
        b.tally.fill(0);
      }
      expect(a.locks.held).toBe(0);
    },
  );

  test.each(SEEDS)("what is read and installed is what a search for each page reads and installs (seed %d)", (seed) => {
    const { rng, a, b } = twins(f, seed);
    for (let i = 0; i < 4; i++) {
      const [start, wide] = someRange(a, rng);
      const end = Math.min(wide, start + 2500);
      expect(folded.countPages(a, start, end)).toEqual(plain.countPages(b, start, end));
      expect(folded.pagemap(a, start, end)).toEqual(plain.pagemap(b, start, end));
      expect(folded.mincore(a, start, end)).toEqual(plain.mincore(b, start, end));
      const fill: Fill =
        i % 2 ? { kind: "marker", marker: Marker.guard } : { kind: "leaf", pfn: 4096 * (i + 1), attrs: A.young };
      const goes = rng.below(2) === 0;
      const met: number[][] = [[], []];
      const keep = (which: number) => (slot: number, level: number) => {
        met[which]!.push(slot * 8 + level);
        return goes;
      };
      const got = folded.install(a, start, end, { fill, keep: keep(0) });
      expect(got).toEqual(plain.install(b, start, end, { fill, keep: keep(1) }));
      // The search for each page meets a huge leaf once for each of its pages.
      expect(met[0]).toEqual(met[1]!.filter((what, at) => what !== met[1]![at - 1]));
      expect(readTables(a)).toEqual(readTables(b));
      expect(a.locks.held).toBe(0);
    }
  });

  test("an entry that is folded is never none and never bad, always present, and costs no read", () => {
    const pt = newPageTable(f);
    const pgdp = levels.pgdOffset(pt, 0);
    const word = [pt.lo(pgdp), pt.hi(pgdp)];
    const said: boolean[][] = [];
    if (levels.p4dFolded(pt)) {
      const pgd = levels.pgdpGet(pt, pgdp);
      said.push([levels.pgdNone(pgd), levels.pgdBad(pgd), levels.pgdPresent(pgd), levels.pgdNoneOrClearBad(pt, pgdp)]);
    }
    if (levels.pudFolded(pt)) {
      const p4dp = levels.p4dOffset(pt, pgdp, 0);
      const p4d = levels.p4dpGet(pt, p4dp);
      said.push([levels.p4dNone(p4d), levels.p4dBad(p4d), levels.p4dPresent(p4d), levels.p4dNoneOrClearBad(pt, p4dp)]);
    }
    if (levels.pmdFolded(pt)) {
      const pudp = levels.pudOffset(pt, levels.p4dOffset(pt, pgdp, 0), 0);
      const pud = levels.pudpGet(pt, pudp);
      said.push([levels.pudNone(pud), levels.pudBad(pud), levels.pudPresent(pud), levels.pudNoneOrClearBad(pt, pudp)]);
      expect([levels.pudLeaf(pud), levels.pudIsHuge(pud)]).toEqual([false, false]);
    }
    expect(said).toEqual(Array.from({ length: 5 - pt.levels }, () => [false, false, true, false]));
    expect(pt.tally[E.slotsRead]).toBe(0);
    expect([pt.lo(pgdp), pt.hi(pgdp)]).toEqual(word);
  });

  test("a pointer goes through the folded levels as it is, and the first real level below reads one slot", () => {
    const pt = newPageTable(f);
    const pgdp = levels.pgdOffset(pt, 0);
    const p4dp = levels.p4dAlloc(pt, pgdp, 0);
    const pudp = levels.pudAlloc(pt, p4dp, 0);
    const pmdp = levels.pmdAlloc(pt, pudp, 0);
    const pointers = [pgdp, p4dp, pudp, pmdp];
    expect(new Set(pointers).size).toBe(pt.levels - 1);
    expect(pointers.map((p) => (p === pgdp ? "PGD" : "below")).filter((x) => x === "PGD")).toHaveLength(6 - pt.levels);
    expect([...pt.tablesAt].slice(1)).toEqual(Array.from({ length: pt.levels - 1 }, () => 1));
    pt.tally.fill(0);
    expect(levels.pmdNone(levels.pmdpGet(pt, pmdp))).toBe(true);
    expect(pt.tally[E.slotsRead]).toBe(1);
  });

  test("a reader takes the lock of a huge entry and reads it twice; a visitor that changes nothing reads it twice too", () => {
    const pt = newPageTable(f);
    mapLeaf(pt, pt.findOrMake(0, 1), 1, pt.span[1]!, A.young);
    pt.tally.fill(0);
    expect(folded.countPages(pt, 3, 9)).toEqual({ present: 6, young: 6, dirty: 0 });
    expect([pt.tally[E.slotsRead], pt.tally[E.upperLocks], pt.tally[E.pteLocks]]).toEqual([pt.levels, 1, 0]);
    folded.visit(pt, 3, 9, {});
    expect([pt.tally[E.slotsRead], pt.tally[E.upperLocks]]).toEqual([2 * pt.levels, 1]);
  });

  test("the ends of entries are those of C's arithmetic of 64 bits, which wraps at the end of the address space", () => {
    const pt = newPageTable(f);
    const ends = [
      [levels.pgdAddrEnd, pt.levels - 1],
      [levels.p4dAddrEnd, levels.p4dFolded(pt) ? -1 : 3],
      [levels.pudAddrEnd, levels.pudFolded(pt) ? -1 : 2],
      [levels.pmdAddrEnd, levels.pmdFolded(pt) ? -1 : 1],
    ] as const;
    for (const [addr, end] of ranges(pt))
      for (const [addrEnd, level] of ends)
        expect(addrEnd(pt, addr, end), `${addr} ${end} ${level}`).toBe(
          level < 0 ? end : addrEnd64(pt, level, addr, end),
        );
  });

  test("a huge leaf is seen by the name of its level, which in a tree of few levels lies in the PGD", () => {
    const pt = newPageTable(f);
    for (let level = 1; level <= f.maxLeafLevel; level++)
      mapLeaf(pt, pt.findOrMake(level * pt.span[level]!, level), level, pt.span[level]!, A.young);
    const down = (vpn: number) => {
      const pudp = levels.pudOffset(pt, levels.p4dOffset(pt, levels.pgdOffset(pt, vpn), vpn), vpn);
      const pud = levels.pudpGet(pt, pudp);
      if (levels.pudLeaf(pud)) return ["pud", pt.tableOf(pudp) === pt.root];
      const pmdp = levels.pmdOffset(pt, pudp, vpn);
      return levels.pmdLeaf(levels.pmdpGet(pt, pmdp)) ? ["pmd", pt.tableOf(pmdp) === pt.root] : [];
    };
    expect(down(pt.span[1]!)).toEqual(["pmd", pt.levels === 2]);
    if (f.maxLeafLevel > 1) expect(down(2 * pt.span[2]!)).toEqual(["pud", pt.levels === 3]);
  });

  test("to fill one PTE table takes its lock once, an entry at a time, and one table for each level below the top", () => {
    const pt = newPageTable(f);
    const [nr, at] = [pt.span[1]!, pt.span[1]! * 3];
    const fill: Fill = { kind: "marker", marker: Marker.guard };
    pt.tally.fill(0);
    expect(folded.install(pt, at, at + nr, { fill, keep: () => false })).toEqual({ pages: nr, stopped: -1 });
    const { tally } = pt;
    expect([tally[E.pteLocks], tally[E.upperLocks], tally[E.mmuCacheUpdates]]).toEqual([1, pt.levels - 1, nr]);
    expect(tally[E.tablesAllocated]).toBe(pt.levels - 1);
    // Each upper entry is read by p?d_alloc and again under its lock; PUD and PMD for a huge entry before that; and the PMD
    // twice more on the way to its table's lock.
    const looks = Math.min(2, pt.levels - 1);
    expect(tally[E.slotsRead]).toBe(2 * (pt.levels - 1) + looks + 2 + nr);
  });

  test("an entry above the PUD that is no table is skipped and emptied, as Linux does after complaining", () => {
    const pt = newPageTable(f);
    const top = pt.levels - 1;
    const slot = pt.findOrMake(0, top);
    pt.write(slot, f.swapLo(5, 77), f.swapHi(5, 77));
    const bad = pt.kind(slot, top) === Kind.softleaf && top > 2;
    if (!bad) return;
    expect(folded.find(pt, 0, 0)).toBe(-1);
    expect(folded.findOrMake(pt, 0, 0)).toBe(-1);
    expect(calls(pt, 0, 10, folded.visit, true)).toEqual([]);
    expect(pt.kind(slot, top)).toBe(Kind.none);
  });

  test("no format maps memory above the PUD, which the nests rely on", () => {
    expect(f.maxLeafLevel).toBeLessThanOrEqual(2);
  });
});

/** Ranges at the ends of user space, around a border of every level, and at the very end of every root. */
function ranges(pt: PageTable): [number, number][] {
  const around = borders(pt).flatMap((at) => [at - 1, at, at + 1].filter((vpn) => vpn >= 0 && vpn < userEnd(pt)));
  const user = around.flatMap((from) => around.filter((to) => to > from).map((to): [number, number] => [from, to]));
  const top = pt.format.roots.flatMap(({ first, last }): [number, number][] => [
    [last, last + 1],
    [Math.max(first, last - pt.span[1]!), last + 1],
    [first, last + 1],
  ]);
  return [...user, ...top];
}

/** `p?d_addr_end` as its macro is written, in unsigned numbers of 64 bits. */
function addrEnd64(pt: PageTable, level: number, addr: number, end: number): number {
  const u64 = (n: bigint) => BigInt.asUintN(64, n);
  const pageLg2 = BigInt(pt.format.pageLg2);
  const size = BigInt(pt.span[level]!) << pageLg2;
  const endByte = u64(BigInt(end) << pageLg2);
  const boundary = u64(u64((BigInt(addr) << pageLg2) + size) & u64(~(size - 1n)));
  const next = u64(boundary - 1n) < u64(endByte - 1n) ? boundary : endByte;
  return next === 0n ? end : Number(next >> pageLg2);
}
