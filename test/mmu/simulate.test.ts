import { describe, expect, test } from "vitest";
import { A } from "../../src/arch/entry.ts";
import { access } from "../../src/mm/fault.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { Vm } from "../../src/mm/vma.ts";
import {
  AccessKind,
  type AccessWords,
  accessCount,
  accessesOf,
  kindAt,
  lineAt,
  newAccessWords,
  setAccess,
  vpnAt,
} from "../../src/mmu/access-words.ts";
import { genericCore } from "../../src/mmu/generic.ts";
import { Mmu, type MmuSpec, type OnFault } from "../../src/mmu/simulate.ts";
import { translate, walkSlots } from "../../src/mmu/translate.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";
import { accesses, anyInvalidation, anyPage, anyRichCore, change, playground } from "./programs.ts";
import { twinWalk } from "./twin-walk.ts";
import { TwinCore } from "./twins.ts";

const SEEDS = Array.from({ length: 24 }, (_, i) => i + 1);

/** What `translate` says of each access. */
function truth(mm: Mm, words: AccessWords): number[] {
  const { format, accessDirty } = mm.kernel;
  return Array.from({ length: accessCount(words) }, (_, i) => {
    const kind = kindAt(words, i);
    const [write, fetch] = [kind === AccessKind.store, kind === AccessKind.fetch];
    return translate(mm.pt, vpnAt(words, i, format.pageLg2), write, accessDirty, fetch).pfn;
  });
}

describe("each access translates alike with TLBs and walk caches on or off, while operations change the tables", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const { rng, mm, other } = playground(seed);
    const off: MmuSpec = { tlb: [], walkCache: [], accessDirty: mm.kernel.accessDirty };
    const whole = anyRichCore(rng, mm);
    const specs = [
      off,
      whole,
      { ...off, tlb: whole.tlb },
      { ...off, walkCache: whole.walkCache },
      anyRichCore(rng, mm),
    ];
    const cores = specs.map((spec) => new Mmu(mm.pt, spec));
    for (let step = 0; step < 40; step++) {
      const asid = 1 + rng.below(2);
      const space = asid === 1 ? mm : other;
      const { start, end } = change(rng, space);
      const words = accesses(rng, mm, 400);
      for (const [i, core] of cores.entries()) {
        core.flush(start, end);
        core.switchTo(space.pt, specs[i]!.asidBits ? asid : 0);
        const out = new Float64Array(400);
        core.run(words, out);
        expect(Array.from(out), `seed ${seed}, step ${step}, core ${i}`).toEqual(truth(space, words));
      }
    }
  });
});

describe("the walk and its slow twin agree on random programs", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const { rng, mm } = playground(seed);
    for (let step = 0; step < 60; step++) {
      change(rng, mm);
      for (let i = 0; i < 50; i++) {
        const vpn = anyPage(rng, mm);
        const kind = rng.pick([0, 1, 2] as const);
        const twin = twinWalk(mm.pt, vpn, mm.kernel.accessDirty, kind);
        expect(walkSlots(mm.pt, vpn), `seed ${seed}, page ${vpn}`).toEqual(twin.slots);
        const walk = translate(mm.pt, vpn, kind === 1, mm.kernel.accessDirty, kind === 2);
        expect([walk.pfn, walk.reads, walk.slot]).toEqual([twin.pfn, twin.slots.length, twin.slots.at(-1)]);
      }
    }
  });
});

/** Everything that hardware and software have written into the tables. */
function contents({ tables }: PageTable): string {
  return tables.lo.map((chunk, i) => `${chunk.join()};${tables.hi[i]!.join()}`).join();
}

/** Mends as Linux does; an access that it would end with a signal stays a fault. */
const mends = (mm: Mm): OnFault => {
  return (vpn, kind) => kind !== AccessKind.fetch && access(mm, vpn, kind === AccessKind.store) >= 0;
};

/** Two equal machines, one for the core and one for its twin, on which the same accesses and changes are made. */
function bothRun(seed: number, steps: number, mended: boolean): { core: Mmu; mm: Mm } {
  const [one, two] = [playground(seed), playground(seed)];
  for (let step = 0; step < 20; step++) for (const { rng, mm } of [one, two]) change(rng, mm);
  const [spec, same] = [one, two].map(({ rng, mm }) => anyRichCore(rng, mm));
  const now = [one.mm, two.mm];
  const core = new Mmu(one.mm.pt, spec!, mended ? (vpn, kind) => mends(now[0]!)(vpn, kind) : null);
  const twin = new TwinCore(two.mm.pt, same!, mended ? (vpn, kind) => mends(now[1]!)(vpn, kind) : undefined);
  const { pageLg2 } = one.mm.kernel.format;
  for (let step = 0; step < steps; step++) {
    const words = accesses(one.rng, one.mm, 300);
    accesses(two.rng, two.mm, 300);
    for (let i = 0; i < 300; i++) {
      const out = new Float64Array(1);
      core.run(words.subarray(2 * i, 2 * i + 2), out);
      const at = `seed ${seed}, step ${step}, access ${i}`;
      expect(out[0], at).toBe(
        twin.access(vpnAt(words, i, pageLg2), kindAt(words, i), lineAt(words, i) % 2 ** (pageLg2 - 6)),
      );
      expect(JSON.stringify(core.counts()), at).toBe(JSON.stringify(twin.counts()));
    }
    const { start, end } = change(one.rng, now[0]!);
    change(two.rng, now[1]!);
    core.flush(start, end);
    twin.flush(start, end);
    core.invalidate(...anyInvalidation(one.rng, one.mm));
    twin.invalidate(...anyInvalidation(two.rng, two.mm));
    const [asid] = [one, two].map(({ rng }) => 1 + rng.below(2));
    for (const [i, { mm, other }] of [one, two].entries()) now[i] = asid === 1 ? mm : other;
    core.switchTo(now[0]!.pt, spec!.asidBits ? asid : 0);
    twin.switchTo(now[1]!.pt, spec!.asidBits ? asid : 0);
  }
  expect(contents(one.mm.pt) === contents(two.mm.pt), `seed ${seed}: tables differ`).toBe(true);
  return { core, mm: one.mm };
}

describe("the core and its slow twin agree access by access, in frames, counts and what they leave in the tables", () => {
  test.each(SEEDS)("seed %i", (seed) => void bothRun(seed, 6, false));
});

describe("the same with an operating system that mends faults", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const { core } = bothRun(seed, 6, true);
    const { accesses: made, tlbHits, walks, faults } = core.counts();
    const looks = tlbHits.reduce((a, b) => a + b, 0) + walks;
    expect(looks).toBeGreaterThanOrEqual(made);
    expect(looks - made).toBeLessThanOrEqual(faults);
  });
});

function mapped(arch: string, order: number): Mm {
  const kernel = new Kernel({ arch });
  if (order > 0) kernel.thp.set(`hugepages-${2 ** (order + 2)}kB/enabled`, "always");
  const mm = new Mm(kernel);
  mmap(mm, { start: 2 ** 33, pages: 2048, flags: Vm.read | Vm.write });
  for (let i = 0; i < 2048; i++) access(mm, 2 ** 33 + i, true);
  return mm;
}

const core = (mm: Mm, contiguous: boolean) =>
  new Mmu(
    mm.pt,
    genericCore(mm.kernel.format, { tlbEntries: 64, walkCache: true, contiguous, accessDirty: mm.kernel.accessDirty }),
  );

const pagesFrom = (start: number, n: number) => Float64Array.from({ length: n }, (_, i) => start + i);
const ascending = accessesOf(pagesFrom(2 ** 33, 2048), 12);

test.each([
  ["x86-64", 0, 2048],
  ["x86-64", 4, 2048],
  ["x86-64", 9, 4],
  ["arm64-4k", 0, 2048],
  ["arm64-4k", 3, 2048],
  ["arm64-4k", 4, 128],
  ["arm64-4k", 8, 128],
  ["arm64-4k", 9, 4],
])("%s with folios of order %i walks %i times for 2048 pages in order", (arch, order, walks) => {
  const mm = mapped(arch, order);
  const mmu = core(mm, true);
  mmu.run(ascending);
  expect(mmu.counts().walks).toBe(walks);
});

test("hardware that ignores the contiguous bit walks for every page", () => {
  const mmu = core(mapped("arm64-4k", 4), false);
  mmu.run(ascending);
  expect(mmu.counts().walks).toBe(2048);
});

test("a missing flush leaves a translation behind that the tables no longer have", () => {
  const mm = mapped("x86-64", 0);
  const mmu = core(mm, true);
  const [page, out] = [accessesOf([2 ** 33], 12), new Float64Array(1)];
  mmu.run(page, out);
  const old = out[0]!;
  madvise(mm, 2 ** 33, 2 ** 33 + 1, "dontneed");
  mmu.run(page, out);
  expect(out[0]).toBe(old);
  mmu.flush(2 ** 33, 2 ** 33 + 1);
  mmu.run(page, out);
  expect([out[0], mmu.counts().faults]).toEqual([-1, 1]);
});

test("a reset forgets the counts and keeps what the TLB holds", () => {
  const mmu = core(mapped("x86-64", 9), true);
  mmu.run(ascending);
  mmu.reset();
  mmu.run(ascending);
  const { accesses, walks, tlbHits, lines } = mmu.counts();
  expect([accesses, walks, tlbHits[0]! + tlbHits[1]!, lines.reduce((a, b) => a + b)]).toEqual([2048, 0, 2048, 0]);
});

/** Pages of one mapping on x86-64 or arm64, written or only read, and a core to use them. */
function oneMapping(arch: string, written: boolean, onFault?: (mm: Mm) => OnFault) {
  const mm = new Mm(new Kernel({ arch }));
  mmap(mm, { start: 2 ** 20, pages: 64, flags: Vm.read | Vm.write });
  for (let i = 0; i < 64; i++) if (!onFault) access(mm, 2 ** 20 + i, written);
  const tlb = [[{ name: "L1", sets: 1, ways: 4, holds: [0] }], [{ name: "L2", sets: 1, ways: 64, holds: [0] }]];
  const { accessDirty } = mm.kernel;
  return { mm, mmu: new Mmu(mm.pt, { tlb, walkCache: [], accessDirty }, onFault?.(mm) ?? null) };
}

/** Loads and stores by letter, each with a page of the mapping: `l0 s0`. */
function program(text: string): AccessWords {
  const words = newAccessWords(text.split(" ").length);
  for (const [i, op] of text.split(" ").entries())
    setAccess(words, i, (2 ** 20 + Number(op.slice(1))) * 64, "lsf".indexOf(op[0]!) as AccessKind);
  return words;
}

/** Makes the leaf of a page clean again, as writeback does, with the flush that belongs to it. */
function clean(mm: Mm, mmu: Mmu, vpn: number): void {
  const slot = mm.pt.find(vpn, 0);
  setPtes(mm.pt, slot, mm.pt.pfn(slot), mm.pt.attrs(slot) & ~A.dirty, 1);
  mmu.flush(vpn, vpn + 1);
}

test("the first store to a clean page that a load brought in walks once more, and stores from then on do not", () => {
  const { mm, mmu } = oneMapping("x86-64", true);
  clean(mm, mmu, 2 ** 20);
  mmu.run(program("l0 s0 s0 l1 l2 l3 l4 l5 s0"));
  const { walks, dirtyWalks, faults, tlbHits, reads } = mmu.counts();
  expect({ walks, dirtyWalks, faults, tlbHits }).toEqual({ walks: 6, dirtyWalks: 1, faults: 0, tlbHits: [2, 1] });
  expect(reads).toEqual([7, 7, 7, 7]);
  expect(mm.pt.attrs(mm.pt.find(2 ** 20, 0)) & A.dirty).toBe(A.dirty);
});

test("a store that misses sets dirty in its own walk", () => {
  const { mm, mmu } = oneMapping("x86-64", true);
  clean(mm, mmu, 2 ** 20);
  mmu.run(program("s0 s0 l0 s0"));
  expect(mmu.counts()).toMatchObject({ walks: 1, dirtyWalks: 0, tlbHits: [3, 0] });
});

test("where faults keep dirty, a store to a clean page faults from the TLB without a walk", () => {
  const { mm, mmu } = oneMapping("arm64-4k", true);
  clean(mm, mmu, 2 ** 20);
  const out = new Float64Array(3);
  mmu.run(program("l0 s0 l0"), out);
  expect(mmu.counts()).toMatchObject({ walks: 1, dirtyWalks: 0, faults: 1, tlbHits: [2, 0] });
  expect(out[1]).toBe(-1);
});

test("a store to a page that may only be read faults from the TLB, and a fetch from a page that may not run does too", () => {
  const { mmu } = oneMapping("x86-64", false);
  const out = new Float64Array(4);
  mmu.run(program("l0 s0 f0 l0"), out);
  expect(mmu.counts()).toMatchObject({ walks: 1, dirtyWalks: 0, faults: 2, tlbHits: [3, 0] });
  expect([out[1], out[2], out[3] === out[0]]).toEqual([-1, -1, true]);
});

test("memory that nobody touched yet fills in by faults, one a page and one more for a store after a load", () => {
  const { mm, mmu } = oneMapping("x86-64", false, mends);
  const out = new Float64Array(5);
  mmu.run(program("s0 s0 l1 s1 l1"), out);
  expect(mmu.counts()).toMatchObject({ accesses: 5, walks: 5, faults: 3, tlbHits: [3, 0] });
  expect([mm.faults, out.every((pfn) => pfn >= 0), out[4] === out[3], out[2] === mm.kernel.zeroPfn]).toEqual([
    3,
    true,
    true,
    true,
  ]);
});

test("a fault that is said to be mended and is not breaks off instead of going on for ever", () => {
  const { mmu } = oneMapping("x86-64", false, () => () => true);
  expect(() => mmu.run(program("l0"))).toThrow("faults for ever");
});
