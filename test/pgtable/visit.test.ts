import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { setLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { visit } from "../../src/pgtable/visit.ts";
import { newPageTable } from "./bench.ts";

const SEEDS = Array.from({ length: 15 }, (_, i) => 300 + i);
/** Start of the part of the address space that the tests use: not aligned to any large entry. */
const BASE = 2 ** 19 - 1033;
const PAGES = 2 ** 18 + 7000;

/** PTE tables and level-1 leaves, scattered over two tables of level 2. */
function scatter(rng: Random, pt: PageTable): void {
  for (let i = 0; i < 14; i++) {
    const vpn = BASE + rng.below(PAGES);
    const slot = pt.findOrMake(vpn, 1);
    if (pt.kind(slot, 1) !== Kind.none) continue;
    if (rng.below(3)) pt.findOrMake(vpn, 0);
    else {
      pt.deposit();
      setLeaf(pt, slot, 1, pt.span[1]! * (i + 1), A.young);
    }
  }
}

function someRange(rng: Random): [number, number] {
  const a = BASE + rng.below(PAGES);
  const b = BASE + rng.below(PAGES);
  return rng.below(8) ? [Math.min(a, b), Math.max(a, b) + 1] : [a, a + 1];
}

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, f) => {
  test.each(SEEDS)("a visit hands out every slot of every PTE table in the range once, in order (seed %d)", (seed) => {
    const rng = random(seed);
    const pt = newPageTable(f);
    scatter(rng, pt);
    const [start, end] = someRange(rng);
    const got: [number, number][] = [];
    visit(pt, start, end, { ptes: (slot, vpn, nr) => pushRun(got, slot, vpn, nr) });
    const want: [number, number][] = [];
    for (let vpn = start; vpn < end; vpn++) {
      const slot = pt.find(vpn, 0);
      if (slot >= 0) want.push([vpn, slot]);
    }
    expect(got).toEqual(want);
  });

  test.each(SEEDS)("a visit hands out every huge leaf once, clipped to the range (seed %d)", (seed) => {
    const rng = random(seed);
    const pt = newPageTable(f);
    scatter(rng, pt);
    const [start, end] = someRange(rng);
    const got: number[][] = [];
    visit(pt, start, end, { huge: (slot, level, from, to) => got.push([slot, level, from, to]) });
    const want: number[][] = [];
    for (let at = start, next = 0; at < end; at = next) {
      next = Math.min(end, at - (at % pt.span[1]!) + pt.span[1]!);
      const slot = pt.find(at, 1);
      if (slot >= 0 && pt.kind(slot, 1) === Kind.leaf) want.push([slot, 1, at, next]);
    }
    expect(got).toEqual(want);
  });

  test.each(SEEDS.slice(0, 5))("tables are entered from the top, and left after their run (seed %d)", (seed) => {
    const rng = random(seed);
    const pt = newPageTable(f);
    scatter(rng, pt);
    const events: string[] = [];
    visit(pt, BASE, BASE + PAGES, {
      table: (level) => events.push(`table ${level}`),
      ptes: () => events.push("ptes"),
      leaveTable: () => events.push("leave"),
    });
    expect(events[0]).toBe(`table ${pt.levels - 2}`);
    expect(events.join(" ").replaceAll("table 0 ptes leave", "")).not.toMatch(/table 0|ptes|leave/);
    expect(events.filter((e) => e === "ptes")).toHaveLength(pt.tablesAt[0]! - deposits(pt));
  });

  test("a huge leaf that the visitor splits is then visited entry by entry", () => {
    const pt = newPageTable(f);
    const first = 2 * pt.span[1]!;
    const slot = pt.findOrMake(first, 1);
    pt.deposit();
    setLeaf(pt, slot, 1, pt.frames.alloc(f.indexLg2[0]!), A.young);
    const got: [number, number][] = [];
    visit(pt, first + 6, first + 16, {
      huge: (s) => splitLeaf(pt, s),
      ptes: (s, vpn, nr) => pushRun(got, s, vpn, nr),
    });
    expect(got.map(([vpn]) => vpn - first)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });

  test("a table may be freed while it is left, and an empty range visits nothing", () => {
    const pt = newPageTable(f);
    const starts = [0, pt.span[1]!, 2 * pt.span[1]!];
    for (const vpn of starts) pt.findOrMake(vpn, 0);
    const left: number[] = [];
    visit(pt, 0, 3 * pt.span[1]!, {
      leaveTable: (slot, from) => {
        left.push(from);
        const table = pt.child(slot, 1);
        pt.clear(slot, 1);
        pt.dropTable(table, 0);
      },
    });
    expect(left).toEqual(starts);
    visit(pt, 5, 5, { ptes: () => left.push(-1), table: () => left.push(-2) });
    expect(left).toHaveLength(3);
  });
});

function pushRun(to: [number, number][], slot: number, vpn: number, nr: number): void {
  for (let i = 0; i < nr; i++) to.push([vpn + i, slot + i]);
}

/** Level-1 leaves, each of which has a deposited table. */
function deposits(pt: PageTable): number {
  let n = 0;
  visit(pt, BASE, BASE + PAGES, { huge: () => n++ });
  return n;
}
