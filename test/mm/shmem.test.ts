import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { access, BUS } from "../../src/mm/fault.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { mincore } from "../../src/mm/mincore.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap, munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { mremap } from "../../src/mm/mremap.ts";
import { profileOfRelease } from "../../src/mm/profile.ts";
import { Vm } from "../../src/mm/vma.ts";

const BASE = 2 ** 20;
const RWS = Vm.read | Vm.write | Vm.shared;

/** A process with one shared anonymous VMA of so many pages. */
function shared(pages: number, arch = "x86-64", kernel = "6.18"): Mm {
  const mm = new Mm(new Kernel({ arch, kernel, contents: true }));
  expect(mmap(mm, { start: BASE, pages, flags: RWS })).toBeNull();
  return mm;
}

function touch(mm: Mm, from: number, n: number, write: boolean): number {
  const before = mm.faults;
  for (let i = 0; i < n; i++) expect(access(mm, BASE + from + i, write)).toBeGreaterThanOrEqual(0);
  return mm.faults - before;
}

/** One letter a page: w writable and dirty, c writable and clean, r read-only, . nothing, g not present, H huge. */
function shape(mm: Mm, from: number, n: number): string {
  return Array.from({ length: n }, (_, i) => letter(mm, BASE + from + i)).join("");
}

function letter(mm: Mm, vpn: number): string {
  const pmd = mm.pt.find(vpn, 1);
  if (pmd >= 0 && mm.pt.kind(pmd, 1) === Kind.leaf) return "H";
  const slot = mm.pt.find(vpn, 0);
  const kind = slot < 0 ? Kind.none : mm.pt.kind(slot, 0);
  if (kind !== Kind.leaf) return kind === Kind.none ? "." : "g";
  const attrs = mm.pt.attrs(slot);
  return attrs & A.write ? (attrs & A.dirty ? "w" : "c") : "r";
}

describe("shared anonymous memory", () => {
  test("a read of a hole gets a page of the file, not the zero page, and one fault each", () => {
    const mm = shared(16);
    expect(touch(mm, 0, 4, false)).toBe(4);
    expect([mm.filePages, mm.anonPages, shape(mm, 0, 5)]).toEqual([4, 0, "cccc."]);
  });

  test("a read fault maps what the cache holds in the aligned 64K around it, a write fault its page alone", () => {
    const mm = shared(64);
    touch(mm, 0, 40, true);
    madvise(mm, BASE, BASE + 64, "dontneed");
    expect(touch(mm, 20, 1, false)).toBe(1);
    expect(shape(mm, 14, 20)).toBe(`..${"w".repeat(16)}..`);
    touch(mm, 3, 1, true);
    expect(shape(mm, 2, 3)).toBe(".w.");
  });

  test("6.12 maps the neighbours clean although their folios are dirty", () => {
    const mm = shared(16, "arm64-4k", "6.12");
    touch(mm, 0, 4, true);
    madvise(mm, BASE, BASE + 16, "dontneed");
    touch(mm, 0, 1, false);
    expect(shape(mm, 0, 5)).toBe("cccc.");
  });

  test("dropped pages stay in the file: mincore sees them, under guards too, and they come back with what they held", () => {
    const mm = shared(16);
    const pfn = access(mm, BASE + 2, true);
    mm.kernel.contents!.write(pfn, 0, 7);
    madvise(mm, BASE, BASE + 16, "guard");
    expect([mm.filePages, shape(mm, 1, 3)]).toEqual([0, "ggg"]);
    expect([...(mincore(mm, BASE, BASE + 4) as Uint8Array)]).toEqual([0, 0, 1, 0]);
    madvise(mm, BASE, BASE + 16, "unguard");
    expect(mm.kernel.contents!.read(access(mm, BASE + 2, false), 0)).toBe(7);
  });

  test("fork copies no tables, the child's faults find the same frames, and the last to leave frees the file", () => {
    const mm = shared(64);
    touch(mm, 0, 8, true);
    const child = fork(mm);
    expect(child.filePages).toBe(0);
    expect(access(child, BASE, false)).toBe(access(mm, BASE, false));
    expect(child.filePages).toBe(8);
    const used = mm.kernel.frames.used;
    munmap(mm, BASE, BASE + 64);
    expect(mm.kernel.frames.used).toBe(used);
    exit(child);
    expect(mm.kernel.frames.used).toBe(used - 8);
  });

  test("fork copies the tables of a VMA with guards, and the child's entries are clean and may be written", () => {
    const mm = shared(16, "arm64-4k");
    touch(mm, 0, 4, true);
    madvise(mm, BASE, BASE + 1, "guard");
    const child = fork(mm);
    expect([shape(child, 0, 5), shape(mm, 0, 5)]).toEqual(["gccc.", "gwww."]);
  });

  test("mprotect back to writable needs no fault, for the protection says it", () => {
    const mm = shared(16);
    touch(mm, 0, 4, true);
    mprotect(mm, BASE, BASE + 16, Vm.read);
    expect(shape(mm, 0, 4)).toBe("rrrr");
    mprotect(mm, BASE, BASE + 16, Vm.read | Vm.write);
    expect([shape(mm, 0, 4), touch(mm, 0, 4, true)]).toEqual(["wwww", 0]);
  });

  test("a VMA moved and grown ends in SIGBUS where the file does; the rest of the file is still shown at both places", () => {
    const mm = shared(16);
    touch(mm, 0, 16, true);
    expect(mremap(mm, { start: BASE, oldPages: 0, newPages: 32, to: BASE + 4096 })).toBeNull();
    expect(access(mm, BASE + 4096 + 15, false)).toBe(access(mm, BASE + 15, false));
    expect(access(mm, BASE + 4096 + 16, true)).toBe(BUS);
  });

  test("two pieces of one file join where their pages follow, and files never join each other", () => {
    const mm = shared(16);
    munmap(mm, BASE + 8, BASE + 16);
    mmap(mm, { start: BASE + 8, pages: 8, flags: RWS });
    expect(mm.vmas.all.map((v) => [v.start - BASE, v.pgoff])).toEqual([
      [0, 0],
      [8, 0],
    ]);
    munmap(mm, BASE + 8, BASE + 16);
    mremap(mm, { start: BASE + 4, oldPages: 4, newPages: 4, to: BASE + 100 });
    mremap(mm, { start: BASE + 100, oldPages: 4, newPages: 4, to: BASE + 4 });
    expect(mm.vmas.all.map((v) => [v.start - BASE, v.end - BASE])).toEqual([[0, 8]]);
  });
});

describe("MADV_COLLAPSE of shared memory", () => {
  const HUGE = 512;

  test("the caller gets one clean huge entry; others lose their table and find the huge page by a fault", () => {
    const mm = shared(2 * HUGE);
    touch(mm, 0, 3, true);
    const child = fork(mm);
    touch(child, 0, 1, false);
    expect(madvise(mm, BASE, BASE + HUGE, "collapse")).toBeNull();
    expect([shape(mm, 0, 1), mm.filePages, child.filePages, child.pt.tablesAt[0]]).toEqual(["H", HUGE, 0, 0]);
    expect(touch(child, 5, 1, true)).toBe(1);
    expect(shape(child, 0, 1)).toBe("H");
    expect(mm.kernel.frames.mapcount(access(mm, BASE + 9, false))).toBe(2);
  });

  test("a block that the file holds nothing of cannot be collapsed", () => {
    expect(madvise(shared(HUGE), BASE, BASE + HUGE, "collapse")).toBe("EINVAL");
  });

  test("with a guard in the block the file's pages are collapsed all the same, but not mapped by one entry", () => {
    const mm = shared(HUGE);
    touch(mm, 0, 3, true);
    madvise(mm, BASE, BASE + 1, "guard");
    expect(madvise(mm, BASE, BASE + HUGE, "collapse")).toBe("EINVAL");
    expect(mm.kernel.frames.order(access(mm, BASE + 1, false))).toBe(9);
    expect(shape(mm, 0, 3)).toBe("gww");
  });

  test("a mapping split leaves nothing: what is cut out of a huge entry is found again by faults, 64K at a time", () => {
    const mm = shared(HUGE);
    touch(mm, 0, 1, true);
    madvise(mm, BASE, BASE + HUGE, "collapse");
    mprotect(mm, BASE, BASE + 16, Vm.read);
    expect([shape(mm, 0, 1), mm.filePages, mm.pt.tablesAt[0]]).toEqual([".", 0, 0]);
    touch(mm, 300, 1, false);
    expect(mm.filePages).toBe(16);
  });

  test("MADV_COLD of a part splits the folio, and all of its entries are gone", () => {
    const mm = shared(HUGE);
    touch(mm, 0, 1, true);
    madvise(mm, BASE, BASE + HUGE, "collapse");
    madvise(mm, BASE, BASE + 1, "cold");
    expect([shape(mm, 0, 1), mm.kernel.frames.order(access(mm, BASE + 400, false))]).toEqual([".", 0]);
    expect((mincore(mm, BASE, BASE + HUGE) as Uint8Array).every(Boolean)).toBe(true);
  });
});

describe("large folios of shared memory", () => {
  /** A process whose machine has knobs set, with one shared VMA. */
  function withKnobs(pages: number, knobs: Readonly<Record<string, string>>, kernel = "6.18"): Mm {
    const mm = shared(pages, "arm64-4k", kernel);
    for (const [path, value] of Object.entries(knobs)) expect(mm.kernel.thp.set(path, value)).toBeNull();
    return mm;
  }

  test("a read makes one as well as a write, and the fault maps all of it, folded", () => {
    const mm = withKnobs(64, { "hugepages-64kB/shmem_enabled": "always" });
    expect(touch(mm, 20, 1, false)).toBe(1);
    expect(shape(mm, 14, 20)).toBe(`..${"c".repeat(16)}..`);
    expect(mm.pt.attrs(mm.pt.find(BASE + 20, 0)) & A.cont).toBeTruthy();
  });

  test("one page in the file's block stops it, mapped or not", () => {
    const mm = withKnobs(64, {});
    touch(mm, 19, 1, true);
    madvise(mm, BASE, BASE + 64, "dontneed");
    mm.kernel.thp.set("hugepages-64kB/shmem_enabled", "always");
    touch(mm, 20, 1, true);
    expect(mm.kernel.frames.order(access(mm, BASE + 20, false))).toBe(0);
    touch(mm, 40, 1, true);
    expect(mm.kernel.frames.order(access(mm, BASE + 40, false))).toBe(4);
  });

  test("order 1, which anonymous memory does not know, is a size of shared memory", () => {
    const mm = withKnobs(16, { "hugepages-8kB/shmem_enabled": "always" });
    touch(mm, 5, 1, true);
    expect(shape(mm, 3, 4)).toBe(".ww.");
  });

  test("the PMD size inherits shmem_enabled, and advise asks for the VMA's advice", () => {
    const mm = withKnobs(1024, { shmem_enabled: "advise" });
    touch(mm, 0, 1, true);
    expect(shape(mm, 0, 1)).toBe("w");
    madvise(mm, BASE, BASE + 1024, "hugepage");
    touch(mm, 600, 1, true);
    expect([shape(mm, 512, 1), shape(mm, 1023, 1)]).toEqual(["H", "H"]);
  });

  test("within_size allows what ends before the file does", () => {
    const mm = withKnobs(24, { "hugepages-64kB/shmem_enabled": "within_size" });
    mremap(mm, { start: BASE, oldPages: 0, newPages: 32, to: BASE + 4096 });
    const order = (vpn: number) => mm.kernel.frames.order(access(mm, vpn, true));
    expect([order(BASE + 4096 + 3), order(BASE + 4096 + 17)]).toEqual([4, 0]);
  });

  test("deny forbids MADV_COLLAPSE too, which asks for nothing else of shmem_enabled", () => {
    const mm = withKnobs(512, { shmem_enabled: "deny" });
    touch(mm, 0, 1, true);
    expect(madvise(mm, BASE, BASE + 512, "collapse")).toBe("EINVAL");
    mm.kernel.thp.set("shmem_enabled", "never");
    expect(madvise(mm, BASE, BASE + 512, "collapse")).toBeNull();
  });

  test.each([
    ["6.18", 64],
    ["6.12", 16],
  ])("a read fault in a part that was dropped leaves, on %s, %i pages of a folio of 64 mapped", (kernel, pages) => {
    const mm = withKnobs(64, { "hugepages-256kB/shmem_enabled": "always" }, kernel);
    touch(mm, 0, 1, true);
    expect(mm.filePages).toBe(64);
    madvise(mm, BASE + 2, BASE + 64, "dontneed");
    touch(mm, 3, 1, false);
    expect(mm.filePages).toBe(pages);
  });
});

describe("VMAs with guards in shared memory", () => {
  /** The VMAs of a child in which two were made one again, after the parent's first got a guard. */
  function childAreas(kernel: string): string[] {
    const mm = shared(16, "arm64-4k", kernel);
    mprotect(mm, BASE, BASE + 8, Vm.read);
    madvise(mm, BASE, BASE + 1, "guard");
    const child = fork(mm);
    mprotect(child, BASE, BASE + 8, Vm.read | Vm.write);
    return child.vmas.all.map((v) => `${v.start - BASE}-${v.end - BASE}`);
  }

  test("a flag joins them in a child, an anon_vma that came by fork keeps them apart", () => {
    expect(childAreas("6.18.15")).toEqual(["0-8", "8-16"]);
    expect(childAreas("6.18.44")).toEqual(["0-16"]);
    expect(childAreas("7.2")).toEqual(["0-16"]);
  });

  test("with the flag fork copies the tables of a VMA that lost its anon_vma to MREMAP_DONTUNMAP", () => {
    const tables = (kernel: string) => {
      const mm = new Mm(new Kernel({ arch: "x86-64", kernel }));
      mmap(mm, { start: BASE, pages: 16, flags: Vm.read | Vm.write });
      madvise(mm, BASE, BASE + 1, "guard");
      mremap(mm, { start: BASE, oldPages: 16, newPages: 16, to: BASE + 2 ** 20, dontunmap: true });
      munmap(mm, BASE + 2 ** 20, BASE + 2 ** 20 + 16);
      return fork(mm).pt.tablesAt[0];
    };
    expect([tables("6.18.15"), tables("6.18.44")]).toEqual([0, 1]);
  });

  test("a release is held against the profile of its version, or of the last point release that differs", () => {
    const releases = ["6.12.107", "6.18.15", "6.18.43", "6.18.50", "7.2.12", "6.1.4"];
    expect(releases.map(profileOfRelease)).toEqual(["6.12", "6.18.15", "6.18.15", "6.18.44", "7.2", undefined]);
  });
});
