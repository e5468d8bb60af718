import { describe, expect, test } from "vitest";
import { A, attrText, Kind } from "../../src/arch/entry.ts";
import { type AccessDirty, type Format, SWP_PTE_MARKER, vaBits } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { translate, translateInto, WalkRoom, walkSlots } from "../../src/mmu/translate.ts";
import { highOf, lowOf } from "../../src/mmu/vpn.ts";
import { setLeaf } from "../../src/pgtable/huge.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";

const SEEDS = Array.from({ length: 10 }, (_, i) => 60 + i);
const TOTAL = 2 ** 19;
const YD = A.young | A.dirty;

function newPageTable(f: Format): PageTable {
  const frames = new Frames(TOTAL);
  const tables = new Tables(Math.max(...f.indexLg2), TOTAL);
  return new PageTable({ format: f, tables, frames, tally: newTally(), contpte: false });
}

function somePage(rng: Random, f: Format): number {
  return Math.floor((rng.next() / 2 ** 32) * 2 ** (vaBits(f) - f.pageLg2));
}

/** Leaves of all sizes, PROT_NONE, markers and empty tables, all over the address space. */
function scatter(rng: Random, pt: PageTable): number[] {
  const pages: number[] = [];
  for (let i = 0; i < 60; i++) {
    const vpn = rng.below(2) ? somePage(rng, pt.format) : (pages[rng.below(pages.length)] ?? 0) + rng.below(3);
    pages.push(vpn);
    const level = rng.pick([0, 0, 0, 1, Math.min(2, pt.format.maxLeafLevel)]);
    const slot = pt.findOrMake(vpn, level);
    if (slot < 0 || pt.kind(slot, level) === Kind.table) continue;
    const attrs = rng.pick([0, A.write, A.write, A.exec, A.protnone]) | (rng.next() & YD);
    const pfn = rng.below(TOTAL / pt.span[level]!) * pt.span[level]!;
    if (level > 0) setLeaf(pt, slot, level, pfn, attrs);
    else if (rng.below(6) === 0) setSoftleaf(pt, slot, 1, SWP_PTE_MARKER, 4);
    else if (rng.below(6)) setPtes(pt, slot, pfn, attrs, 1);
  }
  return pages;
}

interface Found {
  readonly slot: number;
  readonly level: number;
}

/** The first entry that is no table, by the software walk. */
function lookUp(pt: PageTable, vpn: number): Found {
  let level = pt.levels - 1;
  while (level > 0 && pt.kind(pt.find(vpn, level), level) === Kind.table) level--;
  return { slot: pt.find(vpn, level), level };
}

/** What the architectures say of an access, cause by cause. */
function wantedFault(pt: PageTable, { slot, level }: Found, write: boolean, ad: AccessDirty): string | null {
  const attrs = pt.attrs(slot, level);
  if (pt.kind(slot, level) !== Kind.leaf || attrs & A.protnone) return "translation";
  if (ad === "fault" && !(attrs & A.young)) return "access flag";
  if (!write) return null;
  if (!(attrs & A.write)) return "permission";
  return ad === "fault" && !(attrs & A.dirty) ? "permission" : null;
}

function words(pt: PageTable): string {
  return pt.tables.lo.map((chunk, i) => `${chunk.join()},${pt.tables.hi[i]!.join()}`).join();
}

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, f) => {
  test.each(SEEDS)(
    "hardware reaches what a walk by software finds, and refuses for the right reason (seed %d)",
    (seed) => {
      const rng = random(seed);
      const pt = newPageTable(f);
      const pages = scatter(rng, pt);
      for (let i = 0; i < 400; i++) {
        const vpn = rng.below(4) ? rng.pick(pages) + rng.below(2) : somePage(rng, f);
        const [write, ad] = [rng.below(2) === 1, rng.pick(["hardware", "fault"] as const)];
        const found = lookUp(pt, vpn);
        const fault = wantedFault(pt, found, write, ad);
        const pfn = fault === null ? pt.pfn(found.slot, found.level) + (vpn % pt.span[found.level]!) : -1;
        const reads = pt.levels - found.level;
        expect(translate(pt, vpn, write, ad), `page ${vpn}\n${pt.describe(vpn)}`).toEqual({
          fault,
          ...found,
          reads,
          pfn,
        });
      }
    },
  );

  test.each(SEEDS)(
    "an access by hardware notes accessed, and dirty if it writes, in the one entry it used (seed %d)",
    (seed) => {
      const rng = random(seed);
      const pt = newPageTable(f);
      const pages = scatter(rng, pt);
      for (let i = 0; i < 150; i++) {
        const [vpn, write] = [rng.pick(pages), rng.below(2) === 1];
        const { slot, level } = lookUp(pt, vpn);
        const before = { attrs: pt.attrs(slot, level), pfn: pt.pfn(slot, level) };
        const { fault } = translate(pt, vpn, write, "hardware");
        if (fault !== null) continue;
        const want = before.attrs | A.young | (write ? A.dirty : 0);
        expect(attrText(pt.attrs(slot, level)), `page ${vpn} level ${level}`).toBe(attrText(want));
        expect([pt.pfn(slot, level), pt.kind(slot, level)]).toEqual([before.pfn, Kind.leaf]);
      }
    },
  );

  test("an access that faults, and any access where faults keep accessed and dirty, writes nothing at all", () => {
    const rng = random(7);
    const pt = newPageTable(f);
    const pages = scatter(rng, pt);
    const before = words(pt);
    for (const vpn of pages) for (const write of [false, true]) translate(pt, vpn, write, "fault");
    for (const vpn of pages)
      for (const write of [false, true])
        if (wantedFault(pt, lookUp(pt, vpn), write, "hardware") !== null) translate(pt, vpn, write, "hardware");
    expect(words(pt)).toBe(before);
  });

  test("nothing but the first access changes an entry: the second finds all noted", () => {
    const rng = random(8);
    const pt = newPageTable(f);
    const pages = scatter(rng, pt);
    for (const vpn of pages) translate(pt, vpn, true, "hardware");
    for (const vpn of pages) translate(pt, vpn, false, "hardware");
    const after = words(pt);
    for (const vpn of pages) for (const write of [false, true]) translate(pt, vpn, write, "hardware");
    expect(words(pt)).toBe(after);
  });

  test("a clean or an old leaf is refused just once where faults keep accessed and dirty", () => {
    const pt = newPageTable(f);
    const slot = pt.findOrMake(100, 0);
    const causes = (attrs: number, write: boolean) => {
      setPtes(pt, slot, 5, attrs, 1);
      return translate(pt, 100, write, "fault").fault;
    };
    expect(causes(A.write, true)).toBe("access flag");
    expect(causes(A.write | A.young, true)).toBe("permission");
    expect(causes(A.write | YD, true)).toBeNull();
    expect(causes(A.write | A.young, false)).toBeNull();
    expect(causes(A.young | A.dirty, true)).toBe("permission");
  });

  test("room that is used again holds the last walk only, whatever walks came before", () => {
    const rng = random(9);
    const pt = newPageTable(f);
    const pages = scatter(rng, pt);
    const room = new WalkRoom();
    for (let i = 0; i < 200; i++) {
      const vpn = rng.pick(pages) + rng.below(2);
      translateInto(room, pt, lowOf(vpn), highOf(vpn, lowOf(vpn)), false, "fault");
      const { fault, slot, level, reads, pfn } = room;
      expect({ fault, slot, level, reads, pfn }).toEqual(translate(pt, vpn, false, "fault"));
      expect(Array.from(room.slots.subarray(0, reads))).toEqual(walkSlots(pt, vpn));
    }
  });

  test("the slots of a walk are those found from the root down, one a level", () => {
    const rng = random(10);
    const pt = newPageTable(f);
    for (const vpn of scatter(rng, pt)) {
      const { level } = lookUp(pt, vpn);
      const want = Array.from({ length: pt.levels - level }, (_, i) => pt.find(vpn, pt.levels - 1 - i));
      expect(walkSlots(pt, vpn)).toEqual(want);
    }
  });
});

test("one room serves tables of several formats in turn", () => {
  const room = new WalkRoom();
  const trees = formats.map(newPageTable);
  for (let round = 0; round < 3; round++)
    for (const pt of trees) {
      const vpn = 12345 + round;
      setPtes(pt, pt.findOrMake(vpn, 0), 77 + round, YD, 1);
      translateInto(room, pt, lowOf(vpn), highOf(vpn, lowOf(vpn)), false, "hardware");
      expect(room.pfn).toBe(77 + round);
    }
});
