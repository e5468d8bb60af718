import { describe, expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import { EVERYTHING } from "../../src/mmu/extent.ts";
import { reachPages, Tlb, type TlbArraySpec, TlbFlag, type TlbSpec, Translation } from "../../src/mmu/tlb.ts";
import { highOf, lowOf } from "../../src/mmu/vpn.ts";
import { BASES } from "./programs.ts";
import { TwinTlb, translationOf } from "./twin-tlb.ts";

const SIZES = [0, 4, 9, 13, 18];
const full = (ways: number, holds: readonly number[]): TlbArraySpec => ({ name: "array", sets: 1, ways, holds });
const leaf = (lg2: number, pfn: number, flags = 0): Translation =>
  Object.assign(new Translation(), { lg2, spanLg2: lg2, pfn, flags });
const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);

describe("a TLB and its slow twin agree access by access", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const rng = random(seed);
    const array = () => ({
      name: "array",
      sets: 2 ** rng.below(4),
      ...rng.pick([{ ways: 1 + rng.below(6) }, { ways: 2 ** rng.below(4), policy: "plru" as const }]),
      holds: SIZES.filter(() => rng.below(2) === 0),
      for: rng.pick(["both", "data", "fetch"] as const),
    });
    const spec = Array.from({ length: 1 + rng.below(3) }, () => Array.from({ length: 1 + rng.below(3) }, array));
    const [tlb, twin] = [new Tlb(spec), new TwinTlb(spec)];
    for (let i = 0; i < 4000; i++) {
      const vpn = rng.pick([...BASES, 2 ** 44 - 4096]) + rng.below(4096);
      if (rng.below(200) === 0) {
        const end = vpn + 1 + rng.below(600);
        const extent = {
          start: vpn,
          end,
          asid: rng.pick([null, 0, 1]),
          global: rng.below(2) > 0,
          wholeLeaves: rng.below(2) > 0,
        };
        tlb.drop(extent);
        twin.drop(extent);
      }
      const fetch = rng.below(3) === 0;
      if (rng.below(20) === 0) tlb.asid = twin.asid = rng.below(3);
      const hit = tlb.look(vpn, fetch);
      expect(hit, `seed ${seed}, access ${i}`).toBe(twin.look(vpn, fetch));
      if (hit < spec.length) {
        expect(tlb.hit, `seed ${seed}, access ${i}`).toEqual(translationOf(twin.hit!));
        if (rng.below(8) > 0) continue;
        tlb.makeStorable(lowOf(vpn), highOf(vpn, lowOf(vpn)));
        twin.makeStorable(vpn);
      } else {
        // A leaf's size depends on its place alone, as it does in tables that do not change.
        const lg2 = SIZES[Math.floor(vpn / 1024) % 3]!;
        const [writable, storable, exec] = [rng.below(2) > 0, rng.below(4) === 0, rng.below(2) > 0];
        // Whether a page is global depends on its place alone too, or two entries would answer.
        const global = Math.floor(vpn / 1024) % 4 === 1;
        const found = { pfn: vpn % 2 ** 20, lg2, spanLg2: rng.pick([0, lg2]), writable, storable, exec, global };
        tlb.fill(vpn, translationOf(found), fetch);
        twin.fill(vpn, found, fetch);
      }
    }
  });
});

function misses(spec: TlbSpec, vpns: readonly number[], lg2: number): number {
  const tlb = new Tlb(spec);
  let n = 0;
  for (const vpn of vpns)
    if (tlb.look(vpn) === spec.length) {
      n++;
      tlb.fill(vpn, leaf(lg2, vpn));
    }
  return n;
}

test.each(SEEDS)("a contiguous entry never raises misses in a fully associative LRU TLB, seed %i", (seed) => {
  const rng = random(seed);
  const ways = 1 + rng.below(32);
  const span = 16 + rng.below(1000);
  const vpns = Array.from({ length: 3000 }, () => BASES[1]! + rng.below(1 + rng.below(span)));
  const [plain, contiguous] = [[full(ways, [0])], [full(ways, [0, 4])]];
  expect(misses([contiguous], vpns, 4)).toBeLessThanOrEqual(misses([plain], vpns, 4));
});

test("a set-associative TLB can miss more often with contiguous entries than without", () => {
  // Three pages far apart: as single entries in three sets, as blocks all in one.
  const vpns = Array.from({ length: 30 }, (_, i) => (i % 3) * 64 + (i % 3));
  const array = (holds: number[]) => ({ name: "array", sets: 4, ways: 2, holds });
  expect(misses([[array([0, 4])]], vpns, 4)).toBeGreaterThan(misses([[array([0])]], vpns, 4));
});

test("a level holds a leaf in the largest size that it knows and that fits", () => {
  const tlb = new Tlb([[full(4, [0])], [full(4, [0, 4])]]);
  tlb.fill(100, leaf(9, 100));
  expect(tlb.look(100)).toBe(0);
  expect(tlb.look(111)).toBe(1);
  expect(tlb.look(111)).toBe(0);
  expect(tlb.look(112)).toBe(2);
});

test("a level that knows no size small enough holds nothing", () => {
  const tlb = new Tlb([[full(4, [9])]]);
  tlb.fill(5, leaf(4, 5));
  expect(tlb.look(5)).toBe(1);
});

test("entries of different sizes at the same place are not mistaken for one another", () => {
  const tlb = new Tlb([[full(4, [0, 4])]]);
  tlb.fill(0, leaf(4, 1000));
  tlb.fill(16, leaf(0, 7));
  expect([tlb.look(3), tlb.hit.pfn, tlb.look(16), tlb.hit.pfn, tlb.look(17)]).toEqual([0, 1003, 0, 7, 1]);
});

test("equal low address bits 512 GiB apart are two addresses", () => {
  const tlb = new Tlb([[full(4, [0])]]);
  tlb.fill(5, leaf(0, 1));
  expect(tlb.look(5 + 2 ** 27)).toBe(1);
});

test("a flush takes every entry that overlaps the range and no other", () => {
  const tlb = new Tlb([[full(8, [0, 4])]]);
  tlb.fill(16, leaf(4, 16));
  tlb.fill(40, leaf(0, 40));
  tlb.fill(41, leaf(0, 41));
  tlb.drop({ ...EVERYTHING, start: 31, end: 41 });
  expect([16, 40, 41].map((vpn) => tlb.look(vpn))).toEqual([1, 1, 0]);
});

test("instructions and data use the places that hold them, and a place for both serves both", () => {
  const [data, fetch] = [
    { ...full(4, [0]), for: "data" as const },
    { ...full(4, [0]), for: "fetch" as const },
  ];
  const tlb = new Tlb([[data, fetch], [full(4, [0])]]);
  tlb.fill(5, leaf(0, 5, TlbFlag.exec), true);
  expect([tlb.look(5, true), tlb.look(5), tlb.look(5)]).toEqual([0, 1, 0]);
  tlb.fill(6, leaf(0, 6));
  expect([tlb.look(6), tlb.look(6, true), tlb.hit.flags]).toEqual([0, 1, 0]);
});

test("what is known of dirty goes to every level that holds the page, at whatever size, and to no other page", () => {
  const tlb = new Tlb([[full(4, [0])], [full(4, [0, 4])]]);
  tlb.fill(32, leaf(4, 32, TlbFlag.writable));
  tlb.look(33);
  tlb.makeStorable(32, 0);
  const flags = (vpn: number) => [tlb.look(vpn), tlb.hit.flags];
  expect(flags(32)).toEqual([0, TlbFlag.writable | TlbFlag.storable]);
  expect(flags(33)).toEqual([0, TlbFlag.writable]);
  expect(flags(34)).toEqual([1, TlbFlag.writable | TlbFlag.storable]);
});

test("of a leaf that is held in pieces every piece goes, whichever page is named, and of a block that is held page by page only that page", () => {
  const tlb = new Tlb([[full(8, [0])]]);
  for (const vpn of [512, 700]) tlb.fill(vpn, leaf(9, vpn));
  for (const vpn of [16, 17]) tlb.fill(vpn, Object.assign(leaf(4, vpn), { spanLg2: 0 }));
  tlb.drop({ ...EVERYTHING, start: 1000, end: 1001, wholeLeaves: true });
  tlb.drop({ ...EVERYTHING, start: 16, end: 17, wholeLeaves: true });
  expect([512, 700, 16, 17].map((vpn) => tlb.look(vpn))).toEqual([1, 1, 1, 0]);
});

test("an address space sees its own entries and the global ones", () => {
  const tlb = new Tlb([[full(8, [0])]]);
  tlb.asid = 1;
  tlb.fill(5, leaf(0, 50));
  tlb.fill(6, leaf(0, 60, TlbFlag.global));
  tlb.asid = 2;
  expect([tlb.look(5), tlb.look(6)]).toEqual([1, 0]);
  tlb.fill(5, leaf(0, 51));
  expect([tlb.look(5), tlb.hit.pfn]).toEqual([0, 51]);
  tlb.asid = 1;
  expect([tlb.look(5), tlb.hit.pfn]).toEqual([0, 50]);
});

test("reach is entries times what an entry covers", () => {
  const spec = [[full(64, [0, 9])], [{ name: "array", sets: 128, ways: 8, holds: [0, 4] }]];
  expect([0, 4, 9].map((lg2) => reachPages(spec, lg2))).toEqual([1024, 16384, 32768]);
});

test("a shape that cannot be built is refused with what is allowed", () => {
  expect(() => new Tlb([[{ name: "L1", sets: 3, ways: 4, holds: [0] }]])).toThrow("bad sets '3' of L1: a power of two");
  expect(() => new Tlb([[{ name: "L1", sets: 4, ways: 0, holds: [0] }]])).toThrow("bad ways '0' of L1");
  expect(() => new Tlb([[{ name: "L1", sets: 4, ways: 1, holds: [27] }]])).toThrow("bad size '27' in L1: 0 to 26");
  const plru = { name: "L1", sets: 4, ways: 12, holds: [0], policy: "plru" as const };
  expect(() => new Tlb([[plru]])).toThrow("bad ways '12' of L1: tree-PLRU needs a power of two");
  expect(() => new Tlb([[{ ...plru, policy: "fifo" as never }]])).toThrow("bad policy 'fifo' of L1: lru or plru");
});
