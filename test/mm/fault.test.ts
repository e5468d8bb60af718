import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { pmdOrder } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { UserError } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";
import { access } from "../../src/mm/fault.ts";
import { fork } from "../../src/mm/fork.ts";
import { madvise } from "../../src/mm/madvise.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { Vm } from "../../src/mm/vma.ts";
import { always, BASE, counted, mapRw, newMm, RW, shape, shapes, write } from "./bench.ts";
import { wrongs } from "./invariants.ts";

const SEEDS = Array.from({ length: 10 }, (_, i) => 500 + i);
const SETTINGS = ["always", "inherit", "madvise", "never"] as const;

interface Knobs {
  readonly top: string;
  readonly perOrder: Map<number, string>;
}

function setKnobs(rng: Random, mm: Mm): Knobs {
  const top = rng.pick(["always", "madvise", "never"]);
  mm.kernel.thp.set("enabled", top);
  const perOrder = new Map<number, string>();
  for (let order = 2; order <= pmdOrder(mm.kernel.format); order++) {
    const value = rng.below(3) ? rng.pick(SETTINGS) : "never";
    perOrder.set(order, value);
    const kib = 2 ** (order + mm.kernel.format.pageLg2 - 10);
    expect(mm.kernel.thp.set(`hugepages-${kib}kB/enabled`, value)).toBeNull();
  }
  return { top, perOrder };
}

/** Whether the knobs allow a size, said as the kernel's documentation says it. */
function allows(knobs: Knobs, order: number, flags: number): boolean {
  const own = knobs.perOrder.get(order);
  const setting = own === "inherit" ? knobs.top : own;
  if (flags & Vm.nohugepage) return false;
  return setting === "always" || (setting === "madvise" && (flags & Vm.hugepage) !== 0);
}

/** The order that a write fault must use, by trying all from the top over every page of the block. */
function wantedOrder(mm: Mm, knobs: Knobs, vpn: number): number {
  const vma = mm.vmas.at(vpn)!;
  const huge = pmdOrder(mm.kernel.format);
  const pmdTaken = mm.pt.find(vpn, 0) >= 0;
  for (let order = huge; order > 0; order--) {
    if (!allows(knobs, order, vma.flags) || (order === huge && pmdTaken)) continue;
    const first = vpn - (vpn % 2 ** order);
    if (first < vma.start || first + 2 ** order > vma.end) continue;
    const block = Array.from({ length: 2 ** order }, (_, i) => first + i);
    if (block.every((page) => shape(mm, page) === ".")) return order;
  }
  return 0;
}

describe.each(formats.map((f) => [f.name, f] as const))("%s", (arch, f) => {
  const huge = 2 ** pmdOrder(f);

  test.each(SEEDS)(
    "a write fault maps the largest allowed folio whose block is empty and inside the VMA (seed %d)",
    (seed) => {
      const rng = random(seed);
      const mm = newMm({ arch });
      const knobs = setKnobs(rng, mm);
      const start = BASE + rng.below(40);
      const over = rng.pick([rng.below(600), 16 * rng.below(40) - 1, 0, -1]);
      mapRw(mm, start, BASE + 2 * huge + over - start);
      const end = mm.vmas.all[0]!.end;
      if (rng.below(2)) madvise(mm, start, end, rng.pick(["hugepage", "nohugepage"]));
      const seen = new Set<number>();
      for (let i = 0; i < 60; i++) {
        const vpn = start + rng.below(end - start);
        if (rng.below(8) === 0) access(mm, vpn, false);
        else if (rng.below(10) === 0) madvise(mm, vpn, Math.min(end, vpn + 20), "dontneed");
        if (shape(mm, vpn) !== ".") continue;
        const order = wantedOrder(mm, knobs, vpn);
        const first = vpn - (vpn % 2 ** order);
        const before = mm.anonPages;
        const pfn = access(mm, vpn, true);
        seen.add(order);
        expect([mm.kernel.frames.order(pfn), mm.anonPages - before], `page ${vpn - start}`).toEqual([
          order,
          2 ** order,
        ]);
        expect(pfn % 2 ** order).toBe(vpn % 2 ** order);
        expect(shapes(mm, first, first + 2 ** order)).not.toContain(".");
      }
      expect(wrongs(mm.kernel, [mm])).toEqual([]);
    },
  );

  test("a read fault maps the zero page, which keeps larger folios off its block afterwards", () => {
    const mm = newMm({ arch });
    always(mm, 4);
    mapRw(mm, BASE, 32);
    const zero = access(mm, BASE + 3, false);
    expect([zero, mm.anonPages, shape(mm, BASE + 3)]).toEqual([mm.kernel.zeroPfn, 0, "z"]);
    expect(mm.kernel.frames.order(access(mm, BASE + 8, true))).toBe(0);
    expect(mm.kernel.frames.order(access(mm, BASE + 20, true))).toBe(4);
  });

  test("a write to the zero page gives a page of its own that reads zero elsewhere still", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 4);
    access(mm, BASE, false);
    access(mm, BASE + 1, false);
    const pfn = access(mm, BASE, true);
    expect(pfn).not.toBe(mm.kernel.zeroPfn);
    expect(access(mm, BASE + 1, false)).toBe(mm.kernel.zeroPfn);
    expect(mm.anonPages).toBe(1);
  });

  test("a read of an empty huge range maps the huge zero page, if it may, and a write replaces it whole", () => {
    const mm = newMm({ arch });
    always(mm, pmdOrder(f));
    mapRw(mm, BASE, huge);
    expect(access(mm, BASE + 5, false)).toBe(mm.kernel.hugeZeroPfn + 5);
    expect([mm.anonPages, shape(mm, BASE)]).toEqual([0, "H"]);
    const pfn = access(mm, BASE + 5, true);
    expect([mm.kernel.frames.order(pfn), mm.anonPages]).toEqual([pmdOrder(f), huge]);
    expect(wrongs(mm.kernel, [mm])).toEqual([]);
  });

  test("with use_zero_page off a read gets a huge page of its own at once", () => {
    const mm = newMm({ arch });
    always(mm, pmdOrder(f));
    mm.kernel.thp.set("use_zero_page", "0");
    mapRw(mm, BASE, huge);
    access(mm, BASE, false);
    expect(mm.anonPages).toBe(huge);
  });

  test("when memory is in pieces a fault takes the next smaller size that the knobs allow", () => {
    const mm = newMm({ arch, memory: 2 ** (f.pageLg2 + 16) });
    for (const order of [pmdOrder(f), 4, 2]) always(mm, order);
    mm.kernel.frames.fragment(random(1), 5, 1);
    mapRw(mm, BASE, 2 * huge);
    const pfn = access(mm, BASE, true);
    expect([mm.kernel.frames.order(pfn), shapes(mm, BASE, BASE + 17).endsWith("1.")]).toEqual([4, true]);
  });

  test("when no huge page can be had for the huge zero page, a read gets the small one", () => {
    const mm = newMm({ arch, memory: 2 ** (f.pageLg2 + 16) });
    always(mm, pmdOrder(f));
    mm.kernel.frames.fragment(random(1), pmdOrder(f), 1);
    mapRw(mm, BASE, huge);
    expect(access(mm, BASE, false)).toBe(mm.kernel.zeroPfn);
    expect(shape(mm, BASE)).toBe("z");
  });

  test("a machine that is too small for the program is the user's mistake, in one line", () => {
    const mm = newMm({ arch, memory: 2 ** (f.pageLg2 + 13) });
    mmap(mm, { start: BASE, pages: 2 ** 14, flags: RW | Vm.noreserve });
    expect(() => write(mm, BASE, BASE + 2 ** 14)).toThrow(UserError);
    expect(() => newMm({ arch, memory: 2 ** f.pageLg2 })).toThrow(UserError);
  });

  test("a page written after fork is copied once; the last owner writes without a copy", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 1);
    const before = access(mm, BASE, true);
    const child = fork(mm);
    expect(access(child, BASE, false)).toBe(before);
    const copy = access(child, BASE, true);
    expect(copy).not.toBe(before);
    expect(access(mm, BASE, true)).toBe(before);
    expect(counted(mm, ["faults"], () => access(mm, BASE, true))).toEqual([0]);
    expect(wrongs(mm.kernel, [mm, child])).toEqual([]);
  });

  test.each([0, pmdOrder(f)])(
    "after populate_write of order %d no write faults, though fork had protected all",
    (order) => {
      const mm = newMm({ arch, accessDirty: "hardware" });
      if (order > 0) always(mm, order);
      mapRw(mm, BASE, huge);
      write(mm, BASE, BASE + huge);
      const child = fork(mm);
      expect(madvise(child, BASE, BASE + huge, "populate_write")).toBeNull();
      expect(counted(child, ["faults"], () => write(child, BASE, BASE + huge))).toEqual([0]);
      expect(wrongs(mm.kernel, [mm, child])).toEqual([]);
    },
  );

  test.each(["cold", "free"])("%s leaves a huge page alone that another process maps, cut or whole", (advice) => {
    const mm = newMm({ arch });
    always(mm, pmdOrder(f));
    mapRw(mm, BASE, huge);
    write(mm, BASE, BASE + 1);
    const child = fork(mm);
    expect(madvise(mm, BASE, BASE + huge, advice)).toBeNull();
    expect(madvise(mm, BASE + 3, BASE + 9, advice)).toBeNull();
    expect([shape(mm, BASE), shape(child, BASE)]).toEqual(["H", "H"]);
    expect(mm.pt.attrs(mm.pt.find(BASE, 1), 1) & (A.young | A.dirty)).toBe(A.young | A.dirty);
  });

  test("an access outside all VMAs, or against the permission of its VMA, changes nothing and is no fault", () => {
    const mm = newMm({ arch });
    mmap(mm, { start: BASE, pages: 4, flags: Vm.read });
    mmap(mm, { start: BASE + 8, pages: 4, flags: 0 });
    expect([access(mm, BASE + 4, false), access(mm, BASE, true), access(mm, BASE + 8, false)]).toEqual([-1, -1, -1]);
    expect([mm.faults, shapes(mm, BASE, BASE + 12)]).toEqual([0, "12."]);
  });

  test("accessed and dirty by faults cost faults that hardware saves, and reach the same pages", () => {
    const run = (accessDirty: "hardware" | "fault") => {
      const mm = newMm({ arch, accessDirty });
      mapRw(mm, BASE, 8);
      write(mm, BASE, BASE + 8);
      madvise(mm, BASE, BASE + 8, "free");
      write(mm, BASE, BASE + 8);
      const dirty = Array.from({ length: 8 }, (_, i) => mm.pt.attrs(mm.pt.find(BASE + i, 0)) & (A.dirty | A.young));
      return { faults: mm.faults, dirty: new Set(dirty) };
    };
    const [hardware, fault] = [run("hardware"), run("fault")];
    expect(hardware.dirty).toEqual(fault.dirty);
    expect([hardware.faults, fault.faults]).toEqual([8, 16]);
  });
});

describe("arm64 with accessed and dirty by hardware", () => {
  /** A folded 64K folio that is clean but for one page, which hardware has marked dirty on that page's entry alone. */
  function oneDirtyPage(): Mm {
    const mm = newMm({ arch: "arm64-4k", accessDirty: "hardware" });
    always(mm, 4);
    mapRw(mm, BASE, 16);
    write(mm, BASE, BASE + 1);
    madvise(mm, BASE, BASE + 16, "free");
    access(mm, BASE + 3, true);
    expect(shapes(mm, BASE, BASE + 16)).toBe("16c");
    return mm;
  }

  test("fork reads a folded block as one: it unfolds nothing, and parent and child stay folded", () => {
    const mm = oneDirtyPage();
    let child: Mm | undefined;
    const [unfolds] = counted(mm, ["contpteUnfolds"], () => {
      child = fork(mm);
    });
    expect([unfolds, shapes(mm, BASE, BASE + 16), shapes(child!, BASE, BASE + 16)]).toEqual([0, "16c", "16c"]);
  });

  test("what hardware noted on one entry is the child's for the whole block", () => {
    const child = fork(oneDirtyPage());
    for (let i = 0; i < 16; i++) {
      const slot = child.pt.find(BASE + i, 0);
      expect([child.pt.kind(slot, 0), child.pt.attrs(slot) & A.dirty]).toEqual([Kind.leaf, A.dirty]);
    }
  });
});
