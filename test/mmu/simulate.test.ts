import { describe, expect, test } from "vitest";
import { access } from "../../src/mm/fault.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { Vm } from "../../src/mm/vma.ts";
import { genericCore } from "../../src/mmu/generic.ts";
import { Mmu, type MmuSpec } from "../../src/mmu/simulate.ts";
import { translate, walkSlots } from "../../src/mmu/translate.ts";
import { anyCore, anyPage, change, loads, playground } from "./programs.ts";
import { twinRun, twinWalk } from "./twins.ts";

const SEEDS = Array.from({ length: 24 }, (_, i) => i + 1);

/** Every page that a random program may touch, in random order, and what `translate` says of each. */
function truth(mm: Mm, vpns: Float64Array): number[] {
  return Array.from(vpns, (vpn) => translate(mm.pt, vpn, false, mm.kernel.accessDirty).pfn);
}

describe("each address translates alike with TLBs and walk caches on or off, while operations change the tables", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const { rng, mm } = playground(seed);
    const off: MmuSpec = { tlb: [], walkCache: [], accessDirty: mm.kernel.accessDirty };
    const whole = anyCore(rng, mm);
    const specs = [off, whole, { ...off, tlb: whole.tlb }, { ...off, walkCache: whole.walkCache }, anyCore(rng, mm)];
    const cores = specs.map((spec) => new Mmu(mm.pt, spec));
    for (let step = 0; step < 40; step++) {
      const { start, end } = change(rng, mm);
      const vpns = loads(rng, mm, 400);
      for (const [i, core] of cores.entries()) {
        core.flush(start, end);
        const out = new Float64Array(vpns.length);
        core.run(vpns, out);
        expect(Array.from(out), `seed ${seed}, step ${step}, core ${i}`).toEqual(truth(mm, vpns));
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
        const twin = twinWalk(mm.pt, vpn, mm.kernel.accessDirty);
        expect(walkSlots(mm.pt, vpn), `seed ${seed}, page ${vpn}`).toEqual(twin.slots);
        const walk = translate(mm.pt, vpn, false, mm.kernel.accessDirty);
        expect([walk.pfn, walk.reads, walk.slot]).toEqual([twin.pfn, twin.slots.length, twin.slots.at(-1)]);
      }
    }
  });
});

describe("counts and frames are those of the slow twin of the whole core", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const { rng, mm } = playground(seed);
    for (let step = 0; step < 30; step++) change(rng, mm);
    const spec = anyCore(rng, mm);
    const vpns = loads(rng, mm, 5000);
    const out = new Float64Array(vpns.length);
    const core = new Mmu(mm.pt, spec);
    core.run(vpns, out);
    const twin = twinRun(mm.pt, spec, vpns);
    expect(core.counts(), `seed ${seed}`).toEqual(twin.counts);
    expect(Array.from(out)).toEqual(twin.frames);
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

const ascending = Float64Array.from({ length: 2048 }, (_, i) => 2 ** 33 + i);

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
  const [page, out] = [Float64Array.of(2 ** 33), new Float64Array(1)];
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
