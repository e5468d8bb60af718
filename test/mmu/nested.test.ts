/**
 * Nested translation: what the walk of two dimensions reads, and that it reaches what the two stages say one after the other.
 */
import { describe, expect, test } from "vitest";
import { A } from "../../src/arch/entry.ts";
import { levelsOf } from "../../src/arch/format.ts";
import { formatNamed } from "../../src/arch/formats.ts";
import { random } from "../../src/base/random.ts";
import { newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { AccessKind, accessCount, accessesOf, kindAt, vpnAt } from "../../src/mmu/access-words.ts";
import { specOf } from "../../src/mmu/cores/core.ts";
import { coreNamed } from "../../src/mmu/cores/cores.ts";
import type { NestedTree } from "../../src/mmu/nested-walker.ts";
import { Mmu, type MmuSpec } from "../../src/mmu/simulate.ts";
import { translate } from "../../src/mmu/translate.ts";
import { setLeaf } from "../../src/pgtable/huge.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";
import { accesses, anyRichCore, change, type Playground, playground } from "./programs.ts";
import { TwinCore } from "./twins.ts";

const USED = A.write | A.dirty | A.young | A.exec;
/** Frames of the guest's memory: what it maps, and above that its tables. */
const GUEST = 2 ** 16;

function emptyTree(name: string, total: number): PageTable {
  const format = formatNamed(name);
  const tables = new Tables(Math.max(...format.indexLg2), total);
  return new PageTable({ format, tables, frames: new Frames(1024), tally: newTally(), contpte: false });
}

/** A guest with its first pages mapped by leaves of one level, under a host that maps all of its memory by leaves of one level. */
function twoStages(guestFormat: string, guestLevel: number, hostFormat: string, hostLevel: number): NestedTree {
  const [guest, host] = [emptyTree(guestFormat, GUEST), emptyTree(hostFormat, 2 ** 24)];
  map(guest, guestLevel, 2 ** guest.format.indexLg2[0]!, 0);
  map(host, hostLevel, 2 * GUEST, 2 ** 20);
  return { format: guest.format, tables: guest.tables, root: guest.root, host };
}

/** Maps pages from 0 on to frames from `offset` on. */
function map(pt: PageTable, level: number, pages: number, offset: number): void {
  for (let vpn = 0; vpn < pages; vpn += pt.span[level]!) {
    const slot = pt.findOrMake(vpn, level);
    if (level === 0) setPtes(pt, slot, vpn + offset, USED, 1);
    else setLeaf(pt, slot, level, vpn + offset, USED);
  }
}

const BARE: MmuSpec = { tlb: [], walkCache: [], accessDirty: "hardware" };
const NESTED = { walkCache: [], tlb: [], accessDirty: "hardware" } as const;
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

describe("with g levels in the guest and h in the host a walk reads (g + 1) * (h + 1) - 1 slots", () => {
  test.each([
    ["x86-64", 0, "x86-64", 0, 24],
    ["x86-64", 1, "x86-64", 0, 19],
    ["x86-64", 0, "x86-64", 1, 19],
    ["x86-64", 1, "x86-64", 1, 15],
    ["x86-64", 0, "x86-64", 2, 14],
    ["x86-64-la57", 0, "x86-64-la57", 0, 35],
    ["arm64-4k-39", 0, "arm64-4k", 0, 19],
    ["arm64-16k-47", 0, "arm64-16k-47", 1, 11],
    ["riscv-sv39", 0, "riscv-sv48", 0, 19],
  ])("%s leaves at level %i under %s leaves at level %i: %i", (guest, guestLevel, host, hostLevel, reads) => {
    const tree = twoStages(guest, guestLevel, host, hostLevel);
    const mmu = new Mmu(tree, { ...BARE, nested: NESTED });
    const out = new Float64Array(1);
    mmu.run(accessesOf([3], tree.format.pageLg2), out);
    expect(out[0]).toBe(2 ** 20 + 3);
    const counts = mmu.counts();
    const [g, h] = [levelsOf(tree.format) - guestLevel, levelsOf(tree.host.format) - hostLevel];
    expect(sum(counts.reads)).toBe(g);
    // A row for each level of the guest that is read, and one for the page; all levels of the host in each.
    const rows = counts.host!.reads.map(sum);
    expect(rows).toEqual([...Array.from(counts.reads, (n) => n * h), h]);
    expect(sum(counts.reads) + sum(rows)).toBe(reads);
    expect((g + 1) * (h + 1) - 1).toBe(reads);
  });
});

test("a nested TLB that holds all of the guest's memory leaves the guest's own reads alone", () => {
  const tree = twoStages("x86-64", 0, "x86-64", 0);
  const tlb = [[{ name: "nested TLB", sets: 1, ways: 600, holds: [0] }]];
  const mmu = new Mmu(tree, { ...BARE, nested: { ...NESTED, tlb } });
  const words = accessesOf([1, 2, 3, 4], 12);
  mmu.run(words);
  mmu.reset();
  mmu.run(words);
  const { reads, host } = mmu.counts();
  expect([sum(reads), sum(host!.reads.flat()), host!.tlbHits]).toEqual([16, 0, [20]]);
  mmu.flushHost();
  mmu.reset();
  mmu.run(words.subarray(0, 2));
  expect(sum(mmu.counts().host!.reads.flat())).toBe(20);
});

test("an entry covers what both stages map in one piece", () => {
  const tlb = [[{ name: "TLB", sets: 1, ways: 64, holds: [0, 9] }]];
  const walks = (guestLevel: number, hostLevel: number) => {
    const mmu = new Mmu(twoStages("x86-64", guestLevel, "x86-64", hostLevel), { ...BARE, tlb, nested: NESTED });
    mmu.run(accessesOf([0, 1, 2, 3, 4, 5, 6, 7], 12));
    return mmu.counts().walks;
  };
  expect([walks(0, 0), walks(1, 0), walks(0, 1), walks(1, 1)]).toEqual([8, 8, 8, 1]);
});

test("what the host forbids is forbidden, and what it has not mapped is not reached", () => {
  const tree = twoStages("x86-64", 0, "x86-64", 0);
  const host = tree.host as PageTable;
  setPtes(host, host.find(5, 0), 2 ** 20 + 5, USED & ~A.write, 1);
  const mmu = new Mmu(tree, { ...BARE, tlb: [[{ name: "TLB", sets: 1, ways: 8, holds: [0] }]], nested: NESTED });
  const out = new Float64Array(1);
  const one = (vpn: number, kind: AccessKind) => {
    mmu.run(accessesOf([vpn], 12, kind), out);
    return out[0];
  };
  expect([one(5, AccessKind.store), one(5, AccessKind.load), one(5, AccessKind.store)]).toEqual([-1, 2 ** 20 + 5, -1]);
  host.tables.fill(host.find(6, 0), 1, 0, 0);
  expect(one(6, AccessKind.load)).toBe(-1);
  expect(mmu.counts().faults).toBe(3);
});

/** A playground on a format that can be a guest: tables of s390 are larger than a page. */
function guestPlayground(seed: number): Playground {
  const play = playground(seed);
  return play.mm.kernel.format.machine === "s390x" ? guestPlayground(seed + 1000) : play;
}

/** A format with the guest's page size and room for all of its memory. */
const hostFormat = ({ kernel }: Playground["mm"]) =>
  ({ 12: "x86-64", 14: "arm64-16k-47", 16: "arm64-64k" })[kernel.format.pageLg2]!;

/** A guest of random operations, with a host that maps all of its memory in pieces of several sizes, to random frames. */
function nestedPlay(seed: number): Playground & { tree: (mm: Playground["mm"]) => NestedTree } {
  const play = guestPlayground(seed);
  const rng = random(seed);
  const host = emptyTree(hostFormat(play.mm), 2 ** 27);
  const { tables } = play.mm.pt;
  const end = tables.basePfn + 4096;
  const huge = host.span[1]!;
  for (let gfn = 0; gfn < end; gfn += huge) {
    const frame = huge * rng.below(2 ** 12);
    const attrs = USED & ~(rng.below(8) === 0 ? A.write : 0) & ~(rng.below(4) === 0 ? A.dirty : 0);
    const inUse = gfn < 2 ** 13 || gfn + huge > tables.basePfn;
    if (rng.below(2) === 0 || !inUse) setLeaf(host, host.findOrMake(gfn, 1), 1, frame, USED);
    else for (let i = 0; i < huge; i++) setPtes(host, host.findOrMake(gfn + i, 0), frame + (i ^ 1), attrs, 1);
  }
  return { ...play, tree: ({ pt }) => ({ format: pt.format, tables: pt.tables, root: pt.root, host }) };
}

const SEEDS = Array.from({ length: 12 }, (_, i) => 500 + i);

describe("nested translation and its slow twin agree access by access, and reach what both stages say in turn", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const [one, two] = [nestedPlay(seed), nestedPlay(seed)];
    const specs = [one, two].map((play) => {
      for (let step = 0; step < 15; step++) change(play.rng, play.mm);
      const core = anyRichCore(play.rng, play.mm);
      const { walkCache, tlb } = anyRichCore(play.rng, play.mm);
      return { ...core, nested: { walkCache, tlb, accessDirty: core.accessDirty } };
    });
    const now = [one.mm, two.mm];
    const core = new Mmu(one.tree(one.mm), specs[0]!);
    const twin = new TwinCore(two.tree(two.mm), specs[1]!);
    const { pageLg2 } = one.mm.kernel.format;
    for (let step = 0; step < 5; step++) {
      const words = accesses(one.rng, one.mm, 200);
      accesses(two.rng, two.mm, 200);
      for (let i = 0; i < accessCount(words); i++) {
        const out = new Float64Array(1);
        core.run(words.subarray(2 * i, 2 * i + 2), out);
        const at = `seed ${seed}, step ${step}, access ${i}`;
        const [vpn, kind] = [vpnAt(words, i, pageLg2), kindAt(words, i)];
        expect(out[0], at).toBe(twin.access(vpn, kind, (words[2 * i]! >>> 2) % 2 ** (pageLg2 - 6)));
        expect(JSON.stringify(core.counts()), at).toBe(JSON.stringify(twin.counts()));
        expect(out[0], at).toBe(inTurn(one.tree(now[0]!), vpn, kind, specs[0]!.accessDirty));
      }
      const { start, end } = change(one.rng, now[0]!);
      change(two.rng, now[1]!);
      for (const side of [core, twin]) side.flush(start, end);
      const asid = 1 + (step % 2);
      for (const [i, { mm, other }] of [one, two].entries()) now[i] = asid === 1 ? mm : other;
      core.switchTo(one.tree(now[0]!), specs[0]!.asidBits ? asid : 0);
      twin.switchTo(two.tree(now[1]!), specs[1]!.asidBits ? asid : 0);
      if (step === 2) for (const side of [core, twin]) side.flushHost();
    }
  });
});

/** First the one stage, then the other, without any TLB. */
function inTurn(tree: NestedTree, vpn: number, kind: AccessKind, ad: MmuSpec["accessDirty"]): number {
  const [write, fetch] = [kind === AccessKind.store, kind === AccessKind.fetch];
  const { pfn } = translate(tree, vpn, write, ad, fetch);
  return pfn < 0 ? -1 : translate(tree.host, pfn, write, ad, fetch).pfn;
}

test("a host that maps every page to itself changes neither TLB hits nor walks nor frames", () => {
  for (const seed of SEEDS) {
    const { rng, mm } = guestPlayground(seed);
    for (let step = 0; step < 20; step++) change(rng, mm);
    const host = emptyTree(hostFormat(mm), 2 ** 27);
    map(host, 1, mm.pt.tables.basePfn + 4096, 0);
    const spec = anyRichCore(rng, mm);
    const plain = { ...spec, caches: { levels: [] } };
    const words = accesses(rng, mm, 4000);
    const { format, tables, root } = mm.pt;
    const [one, two] = [
      new Mmu(mm.pt, plain),
      new Mmu({ format, tables, root, host } as NestedTree, { ...plain, nested: NESTED }),
    ];
    const [a, b] = [new Float64Array(4000), new Float64Array(4000)];
    one.run(words, a);
    two.run(words, b);
    const { tlbHits, walks, faults, reads } = one.counts();
    expect(b.join() === a.join(), `seed ${seed}`).toBe(true);
    expect(two.counts(), `seed ${seed}`).toMatchObject({ tlbHits, walks, faults, reads });
  }
});

test("real cores read more under a hypervisor, and host pages of 2M cost less than those of 4K", () => {
  const words = accessesOf(
    Array.from({ length: 2000 }, (_, i) => (i * 97) % 512),
    12,
  );
  for (const name of ["skylake-server", "zen-4"]) {
    const reads = [0, 1].map((hostLevel) => {
      const tree = twoStages("x86-64", 0, "x86-64", hostLevel);
      const mmu = new Mmu(tree, specOf(coreNamed(name), tree.format, { nested: true }));
      mmu.run(words);
      const { reads: guest, host, cacheReads } = mmu.counts();
      expect(cacheReads!.map(sum)).toEqual(guest);
      expect(host!.cacheReads!.map(sum)).toEqual(host!.reads[0]!.map((_, h) => sum(host!.reads.map((row) => row[h]!))));
      return sum(guest) + sum(host!.reads.flat());
    });
    const tree = twoStages("x86-64", 0, "x86-64", 0);
    const plain = new Mmu(tree, specOf(coreNamed(name), tree.format));
    plain.run(words);
    expect(reads[1], name).toBeLessThan(reads[0]!);
    expect(sum(plain.counts().reads), name).toBeLessThan(reads[1]!);
  }
});

test("a guest whose pages are not of the host's size is refused, and so is a tree without a host", () => {
  const tree = { ...emptyTree("arm64-16k", GUEST), host: emptyTree("x86-64", GUEST) };
  expect(() => new Mmu(tree as unknown as NestedTree, { ...BARE, nested: NESTED })).toThrow("needs one page size");
  const s390 = { ...emptyTree("s390", GUEST), host: emptyTree("x86-64", GUEST) };
  expect(() => new Mmu(s390 as unknown as NestedTree, { ...BARE, nested: NESTED })).toThrow("needs tables of one page");
  expect(() => new Mmu(emptyTree("x86-64", GUEST), { ...BARE, nested: NESTED })).toThrow("needs a tree of the host");
});
