/**
 * Random programs on one shared mapping beside their slow twin: one list of values, for however many processes and places show
 * it, and a guard for each place of each process. The twin knows no tables, folios, caches or faults.
 */
import { describe, expect, test } from "vitest";
import { Kind } from "../../src/arch/entry.ts";
import { pmdOrder } from "../../src/arch/format.ts";
import { type Random, random } from "../../src/base/random.ts";
import { access } from "../../src/mm/fault.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { mremap } from "../../src/mm/mremap.ts";
import { Vm } from "../../src/mm/vma.ts";
import { visit } from "../../src/pgtable/visit.ts";

const STEPS = 120;
const CONFIGS = ["x86-64 6.18", "x86-64 6.12", "arm64-4k 7.2", "arm64-4k 6.18.15", "arm64-16k 6.18"].flatMap(
  (machine) => [1, 2, 3].map((seed) => ({ machine, seed })),
);

interface Proc {
  readonly mm: Mm;
  readonly guarded: Set<number>;
}

/** The mapping is shown twice in every process: at `base`, and at a place that is aligned otherwise. */
class Twin {
  readonly kernel: Kernel;
  readonly values = new Map<number, number>();
  readonly procs: Proc[];
  readonly pages: number;
  readonly places: readonly [number, number];
  readonly usedBefore: number;
  readonly #rng: Random;
  #value = 0;

  constructor(machine: string, seed: number) {
    const [arch, kernel] = machine.split(" ");
    this.#rng = random(seed);
    this.kernel = new Kernel({ arch: arch!, kernel: kernel!, contents: true });
    const huge = 2 ** pmdOrder(this.kernel.format);
    if (huge <= 512 && seed % 2) this.kernel.thp.set("hugepages-64kB/shmem_enabled", "always");
    this.pages = Math.min(huge, 1024) + 100;
    this.places = [2 ** 18, 2 ** 19 + this.#rng.below(huge)];
    this.usedBefore = this.kernel.frames.used;
    const mm = new Mm(this.kernel);
    expect(mmap(mm, { start: this.places[0], pages: this.pages, flags: Vm.read | Vm.write | Vm.shared })).toBeNull();
    expect(mremap(mm, { start: this.places[0], oldPages: 0, newPages: this.pages, to: this.places[1] })).toBeNull();
    this.procs = [{ mm, guarded: new Set() }];
  }

  step(): void {
    const rng = this.#rng;
    const p = rng.pick(this.procs);
    const [place, from] = [rng.pick(this.places), rng.below(this.pages)];
    const [start, end] = [place + from, place + from + 1 + rng.below(Math.min(80, this.pages - from))];
    switch (rng.below(10)) {
      case 0:
      case 1:
      case 2:
        for (let vpn = start; vpn < end; vpn++) this.#write(p, vpn, vpn - place);
        return;
      case 3:
        for (let vpn = start; vpn < end; vpn++) this.read(p, vpn, vpn - place);
        return;
      case 4:
        return this.#guard(p, start, end);
      case 5:
        return void madvise(p.mm, start, end, rng.pick(["dontneed", "cold", "hugepage", "populate_read"]));
      case 6:
        return void madvise(p.mm, place, place + this.pages, rng.pick(["collapse", "dontneed"]));
      case 7:
        mprotect(p.mm, start, end, Vm.read);
        return void mprotect(p.mm, start, end, Vm.read | Vm.write);
      case 8:
        if (this.procs.length < 4) this.procs.push({ mm: fork(p.mm), guarded: new Set(p.guarded) });
        return;
      default:
        if (this.procs.length > 1) exit(this.procs.splice(this.procs.indexOf(p), 1)[0]!.mm);
    }
  }

  #guard(p: Proc, start: number, end: number): void {
    const install = this.#rng.below(2) === 0;
    if (madvise(p.mm, start, end, install ? "guard" : "unguard") !== null) return;
    for (let vpn = start; vpn < end; vpn++)
      if (install) p.guarded.add(vpn);
      else p.guarded.delete(vpn);
  }

  #write(p: Proc, vpn: number, index: number): void {
    const pfn = access(p.mm, vpn, true);
    expect(pfn < 0, `page ${index} cannot be written`).toBe(p.guarded.has(vpn));
    if (pfn < 0) return;
    this.values.set(index, ++this.#value);
    this.kernel.contents!.write(pfn, 8, this.#value);
  }

  /** What a process reads is what anybody wrote last. */
  read(p: Proc, vpn: number, index: number): void {
    const pfn = access(p.mm, vpn, false);
    const seen = pfn < 0 ? "guard" : this.kernel.contents!.read(pfn, 8);
    expect(seen, `page ${index}`).toBe(p.guarded.has(vpn) ? "guard" : (this.values.get(index) ?? 0));
  }

  /** Entries of all processes, recounted, are what every page's map count and every process' sum say. */
  checkCounts(): void {
    const maps = new Map<number, number>();
    for (const { mm } of this.procs) {
      let resident = 0;
      const add = (pfn: number, n: number) => {
        resident += n;
        for (let i = 0; i < n; i++) maps.set(pfn + i, (maps.get(pfn + i) ?? 0) + 1);
      };
      for (const place of this.places)
        visit(mm.pt, place, place + this.pages, {
          huge: (slot, _level, start, end) => add(mm.pt.pfn(slot, 1), end - start),
          ptes: (slot, _vpn, nr) => {
            for (let i = slot; i < slot + nr; i++) if (mm.pt.kind(i, 0) === Kind.leaf) add(mm.pt.pfn(i), 1);
          },
        });
      expect([mm.filePages, mm.anonPages]).toEqual([resident, 0]);
    }
    const { file, pgoff } = this.procs[0]!.mm.vmas.all[0]!;
    for (let i = pgoff; i < this.pages; i++) {
      const pfn = file!.lookup(i);
      if (pfn >= 0) expect(this.kernel.frames.mapcount(pfn), `page ${i}`).toBe(maps.get(pfn) ?? 0);
    }
  }
}

describe("a shared mapping in several processes", () => {
  test.each(CONFIGS)(
    "reads as one list of values, counts like a recount, and is gone with the last process ($machine, seed $seed)",
    ({ machine, seed }) => {
      const twin = new Twin(machine, seed);
      for (let i = 0; i < STEPS; i++) {
        twin.step();
        if (i % 10 === 9) twin.checkCounts();
      }
      for (const p of twin.procs)
        for (const place of twin.places) for (let i = 0; i < twin.pages; i++) twin.read(p, place + i, i);
      for (const { mm } of twin.procs) exit(mm);
      expect([twin.kernel.frames.used, twin.kernel.tables.live]).toEqual([twin.usedBefore, 0]);
    },
  );
});
