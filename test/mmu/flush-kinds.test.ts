import { describe, expect, test } from "vitest";
import { x86_64 } from "../../src/arch/x86-64.ts";
import { afterFault, extentsOf, flushKinds, flushNamed } from "../../src/mmu/flush-kinds.ts";
import { Tlb, TlbFlag, Translation } from "../../src/mmu/tlb.ts";
import { WalkCache } from "../../src/mmu/walk-cache.ts";

/** The page that is named, one further on in the range that is named, and one under another table. */
const PAGES = { p: 2 ** 20, r: 2 ** 20 + 3, q: 2 ** 21 };
const TOLD = { page: PAGES.p, start: PAGES.p, end: PAGES.p + 4, asid: 2 };
const CURRENT = 1;

/** Address spaces 1 and 2, and g for a global entry of space 1. */
const OWNERS = ["1", "2", "g"] as const;

function entryStays(name: string, owner: string, vpn: number): boolean {
  const tlb = new Tlb([[{ name: "L1", sets: 1, ways: 4, holds: [0] }]]);
  tlb.asid = owner === "2" ? 2 : 1;
  tlb.fill(vpn, Object.assign(new Translation(), { pfn: 7, flags: owner === "g" ? TlbFlag.global : 0 }));
  const { entries } = extentsOf(flushNamed(name), TOLD, CURRENT);
  if (entries) tlb.drop(entries);
  return tlb.look(vpn) === 0;
}

function tableStays(name: string, owner: string, vpn: number): boolean {
  const cache = new WalkCache(x86_64, [null, { sets: 1, ways: 4 }]);
  cache.asid = Number(owner);
  cache.walk(vpn, 0);
  const { walkCaches } = extentsOf(flushNamed(name), TOLD, CURRENT);
  if (walkCaches) cache.drop(walkCaches);
  return cache.walk(vpn, 0) === 0;
}

/** What is left, a word for each owner with the pages of it: `1q 2pq`. */
function left(stays: (owner: string, vpn: number) => boolean, owners: readonly string[]): string {
  const words = owners.map((owner) => {
    const kept = Object.entries(PAGES).filter(([, vpn]) => stays(owner, vpn));
    return kept.length === 0 ? "" : owner + kept.map(([letter]) => letter).join("");
  });
  return words.filter((word) => word !== "").join(" ");
}

/** In address space 1, told the page p (or p to r) and the address space 2. A walk cache's entry for p is that for r. */
const LEFT: readonly [name: string, entries: string, walkCaches: string][] = [
  ["INVLPG", "1rq 2prq grq", "2prq"],
  ["INVPCID 0", "1prq 2rq gprq", "1prq 2q"],
  ["INVPCID 1", "1prq gprq", "1prq"],
  ["INVPCID 2", "", ""],
  ["INVPCID 3", "gprq", ""],
  ["MOV to CR3", "1prq gprq", "1prq"],
  ["MOV to CR3, bit 63", "1prq 2prq gprq", "1prq 2prq"],
  ["page fault", "1rq 2prq grq", "1q 2prq"],
  ["TLBI VAE1", "1prq 2rq grq", "1prq 2q"],
  ["TLBI VALE1", "1prq 2rq grq", "1prq 2prq"],
  ["TLBI VAAE1", "1rq 2rq grq", "1q 2q"],
  ["TLBI VAALE1", "1rq 2rq grq", "1prq 2prq"],
  ["TLBI ASIDE1", "1prq gprq", "1prq"],
  ["TLBI VMALLE1", "", ""],
  ["TLBI RVAE1", "1prq 2q gq", "1prq 2q"],
  ["TLBI RVALE1", "1prq 2q gq", "1prq 2prq"],
  ["SFENCE.VMA", "", ""],
  ["SFENCE.VMA asid", "1prq gprq", "1prq"],
  ["SFENCE.VMA va", "1rq 2rq grq", "1prq 2prq"],
  ["SFENCE.VMA va, asid", "1prq 2rq gprq", "1prq 2prq"],
];

describe("what each kind of invalidation leaves, in TLBs and in walk caches", () => {
  test.each(LEFT)("%s leaves '%s' and '%s'", (name, entries, walkCaches) => {
    expect(left((owner, vpn) => entryStays(name, owner, vpn), OWNERS)).toBe(entries);
    expect(left((owner, vpn) => tableStays(name, owner, vpn), ["1", "2"])).toBe(walkCaches);
  });

  test("no kind is left out above", () => {
    expect(LEFT.map(([name]) => name)).toEqual(flushKinds.map(({ name }) => name));
  });
});

test("a kind that is not told what it needs says so, and an unknown name gets the nearest", () => {
  expect(() => extentsOf(flushNamed("INVPCID 0"), { page: 1 }, 0)).toThrow("INVPCID 0 needs an ASID");
  expect(() => extentsOf(flushNamed("INVLPG"), {}, 0)).toThrow("INVLPG needs a page");
  expect(() => extentsOf(flushNamed("TLBI RVAE1"), { page: 1, asid: 0 }, 0)).toThrow("needs a start and an end");
  expect(() => flushNamed("INVPLG")).toThrow("did you mean INVLPG?");
});

test("a fault that was mended takes the page's entry everywhere, and table entries on x86 alone", () => {
  const left = (machine: string) => {
    const { name } = afterFault(machine);
    return [entryStays(name, "1", PAGES.p), entryStays(name, "g", PAGES.p), tableStays(name, "1", PAGES.p)];
  };
  expect(left("x86_64")).toEqual([false, false, false]);
  expect(left("riscv64")).toEqual([false, false, true]);
  expect(afterFault("aarch64").name).toBe("TLBI VALE1");
});
