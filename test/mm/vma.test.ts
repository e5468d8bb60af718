import { describe, expect, test } from "vitest";
import { type Random, random } from "../../src/base/random.ts";
import { E, newTally } from "../../src/base/tally.ts";
import { prepareAnonVma, Vm, VmaList } from "../../src/mm/vma.ts";

const SEEDS = Array.from({ length: 25 }, (_, i) => 900 + i);
const PAGES = 120;
const FLAGS = [Vm.read, Vm.read | Vm.write, 0, Vm.read | Vm.hugepage];

type Run = readonly [start: number, end: number, flags: number];

function newList(): { vmas: VmaList; tally: Float64Array; cuts: number[] } {
  const tally = newTally();
  const cuts: number[] = [];
  return { vmas: new VmaList(tally, (_vma, vpn) => cuts.push(vpn)), tally, cuts };
}

function areas(vmas: VmaList): Run[] {
  return vmas.all.map((v) => [v.start, v.end, v.flags]);
}

/** Equal neighbours joined: what the list must be as long as no VMA has pages of its own. */
function runs(pages: readonly (number | undefined)[]): Run[] {
  const out: Run[] = [];
  for (let at = 0, end = 0; at < pages.length; at = end) {
    end = at + 1;
    while (end < pages.length && pages[end] === pages[at]) end++;
    if (pages[at] !== undefined) out.push([at, end, pages[at]!]);
  }
  return out;
}

/** Changes flags VMA by VMA, as mprotect and madvise do. */
function change(vmas: VmaList, start: number, end: number, flags: number): void {
  for (let at = start; at < end; ) {
    const vma = vmas.find(at);
    if (vma === undefined || vma.start >= end) return;
    const [from, to] = [Math.max(at, vma.start), Math.min(end, vma.end)];
    if (vma.flags !== flags) vmas.modify(from, to, flags);
    at = to;
  }
}

function randomStep(rng: Random, vmas: VmaList, pages: (number | undefined)[]): string {
  const start = rng.below(PAGES);
  const end = Math.min(PAGES, start + 1 + rng.below(30));
  const flags = rng.pick(FLAGS);
  switch (rng.below(3)) {
    case 0:
      if (pages.slice(start, end).some((p) => p !== undefined)) return "none";
      vmas.insert(start, end, flags);
      pages.fill(flags, start, end);
      return `insert ${start} ${end} ${flags}`;
    case 1:
      vmas.remove(start, end);
      pages.fill(undefined, start, end);
      return `remove ${start} ${end}`;
    default:
      change(vmas, start, end, flags);
      for (let i = start; i < end; i++) if (pages[i] !== undefined) pages[i] = flags;
      return `change ${start} ${end} ${flags}`;
  }
}

describe("VMAs without pages", () => {
  test.each(SEEDS)("are always the longest runs of equal flags (seed %d)", (seed) => {
    const rng = random(seed);
    const { vmas } = newList();
    const pages = new Array<number | undefined>(PAGES).fill(undefined);
    const log: string[] = [];
    for (let i = 0; i < 200; i++) {
      log.push(randomStep(rng, vmas, pages));
      expect(areas(vmas), log.slice(-6).join("\n")).toEqual(runs(pages));
    }
  });

  test.each(SEEDS.slice(0, 8))("are found by page, by range and by hole as a scan finds them (seed %d)", (seed) => {
    const rng = random(seed);
    const { vmas } = newList();
    const pages = new Array<number | undefined>(PAGES).fill(undefined);
    for (let i = 0; i < 40; i++) randomStep(rng, vmas, pages);
    for (let page = 0; page < PAGES; page++) {
      expect(vmas.at(page)?.flags).toBe(pages[page]);
      expect(vmas.find(page)).toBe(vmas.all.find((v) => v.end > page));
      const end = Math.min(PAGES, page + 1 + rng.below(20));
      expect(vmas.overlapping(page, end)).toEqual(vmas.all.filter((v) => v.start < end && v.end > page));
      if (vmas.overlapping(page, end).length > 0) continue;
      expect(vmas.hole(page, end)).toEqual({
        floor: Math.max(0, ...vmas.all.filter((v) => v.end <= page).map((v) => v.end)),
        ceiling: Math.min(Number.POSITIVE_INFINITY, ...vmas.all.filter((v) => v.start >= end).map((v) => v.start)),
      });
    }
  });
});

describe("cutting and joining", () => {
  const RW = Vm.read | Vm.write;

  /** VMAs of flags and anon_vmas side by side, ten pages each. */
  function sideBySide(...list: { flags?: number; anonVma?: number; forked?: boolean }[]): VmaList {
    const { vmas } = newList();
    for (const [i, v] of list.entries())
      vmas.append({
        start: i * 10,
        end: i * 10 + 10,
        flags: v.flags ?? RW,
        anonVma: v.anonVma ?? 0,
        pgoff: i * 10,
        forked: v.forked ?? false,
        file: null,
        uffd: null,
      });
    return vmas;
  }

  test("a change of flags in the middle makes three VMAs, and its undoing makes one again", () => {
    const { vmas, tally } = newList();
    vmas.insert(0, 30, RW);
    vmas.modify(10, 20, Vm.read);
    expect(areas(vmas)).toEqual([
      [0, 10, RW],
      [10, 20, Vm.read],
      [20, 30, RW],
    ]);
    vmas.modify(10, 20, RW);
    expect(areas(vmas)).toEqual([[0, 30, RW]]);
    expect([tally[E.vmaSplits], tally[E.vmaMerges]]).toEqual([2, 2]);
  });

  test("a part that joins its neighbour is one merge and no split", () => {
    const { vmas, tally } = newList();
    vmas.insert(0, 10, RW);
    vmas.insert(10, 30, Vm.read);
    vmas.modify(10, 15, RW);
    expect(areas(vmas)).toEqual([
      [0, 15, RW],
      [15, 30, Vm.read],
    ]);
    expect([tally[E.vmaSplits], tally[E.vmaMerges]]).toEqual([0, 1]);
  });

  test("whoever keeps huge mappings is told every page at which a VMA is cut or a bound moves", () => {
    const { vmas, cuts } = newList();
    vmas.insert(0, 30, RW);
    vmas.modify(10, 20, Vm.read);
    expect(cuts).toEqual([10, 20]);
    cuts.length = 0;
    vmas.modify(15, 20, RW);
    expect(cuts).toEqual([15]);
  });

  test("VMAs with anon_vmas of their own stay apart, however equal their flags", () => {
    const vmas = sideBySide({ anonVma: 1 }, { flags: Vm.read, anonVma: 2 });
    vmas.modify(10, 20, RW);
    expect(areas(vmas)).toHaveLength(2);
  });

  test("a VMA without pages joins one that has some, and takes over its anon_vma", () => {
    const vmas = sideBySide({ anonVma: 7 }, { flags: Vm.read }, { anonVma: 7 });
    expect(vmas.modify(10, 20, RW)).toMatchObject({ start: 0, end: 30, anonVma: 7 });
    const bare = sideBySide({}, { flags: Vm.read, anonVma: 3 });
    expect(bare.modify(10, 20, RW)).toMatchObject({ start: 0, end: 20, anonVma: 3 });
  });

  test("between two VMAs of different anon_vmas a bare one joins the left and not both", () => {
    const vmas = sideBySide({ anonVma: 1 }, { flags: Vm.read }, { anonVma: 2 });
    vmas.modify(10, 20, RW);
    expect(areas(vmas).map(([s, e]) => [s, e])).toEqual([
      [0, 20],
      [20, 30],
    ]);
  });

  test("an anon_vma that came by fork keeps a bare neighbour away", () => {
    const vmas = sideBySide({ anonVma: 5, forked: true }, { flags: Vm.read });
    vmas.modify(10, 20, RW);
    expect(areas(vmas)).toHaveLength(2);
    const other = sideBySide({}, { flags: Vm.read, anonVma: 5, forked: true });
    other.modify(10, 20, RW);
    expect(areas(other)).toHaveLength(2);
  });

  test("the first page of a VMA borrows the anon_vma of a neighbour that differs in permissions only", () => {
    const source = { newAnonVma: () => 99 };
    const lent = (left: { flags?: number; anonVma?: number; forked?: boolean }) => {
      const vmas = sideBySide(left, {});
      prepareAnonVma(source, vmas, vmas.all[1]!);
      return vmas.all[1]!.anonVma;
    };
    expect(lent({ flags: Vm.read, anonVma: 4 })).toBe(4);
    expect(lent({ flags: RW | Vm.hugepage, anonVma: 4 })).toBe(99);
    expect(lent({ flags: Vm.read, anonVma: 4, forked: true })).toBe(99);
    expect(lent({ flags: Vm.read })).toBe(99);
  });

  test("a VMA that does not touch its neighbour borrows nothing", () => {
    const { vmas } = newList();
    vmas.append({ start: 0, end: 9, flags: RW, anonVma: 4, pgoff: 0, forked: false, file: null, uffd: null });
    vmas.append({ start: 10, end: 20, flags: RW, anonVma: 0, pgoff: 10, forked: false, file: null, uffd: null });
    prepareAnonVma({ newAnonVma: () => 99 }, vmas, vmas.all[1]!);
    expect(vmas.all[1]!.anonVma).toBe(99);
  });
});
