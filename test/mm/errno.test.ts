import { describe, expect, test } from "vitest";
import { pmdOrder } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { UserError } from "../../src/base/errors.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { adviceNames, madvise } from "../../src/mm/madvise.ts";
import { mincore } from "../../src/mm/mincore.ts";
import { mmap, munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { Vm } from "../../src/mm/vma.ts";
import { BASE, mapRw, newMm, RW, shapes, write } from "./bench.ts";

describe.each(formats.map((f) => [f.name, f] as const))("%s", (arch, f) => {
  test("mmap over anything mapped is EEXIST, be it one page, and maps nothing", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE + 10, 10);
    for (const [start, pages] of [
      [BASE + 10, 10],
      [BASE, 11],
      [BASE + 19, 5],
      [BASE, 100],
      [BASE + 12, 1],
    ] as const)
      expect(mmap(mm, { start, pages, flags: RW })).toBe("EEXIST");
    expect(mm.vmas.all).toHaveLength(1);
    expect(mmap(mm, { start: BASE, pages: 10, flags: RW })).toBeNull();
  });

  test("mmap of no pages is EINVAL, beyond the address space ENOMEM, on the first and the last page it may be had", () => {
    const mm = newMm({ arch });
    const end = 2 ** (f.userVaBits - f.pageLg2) - f.userKeptFree;
    expect(mmap(mm, { start: BASE, pages: 0, flags: RW })).toBe("EINVAL");
    expect(mmap(mm, { start: 1, pages: 1, flags: RW })).toBeNull();
    expect(mmap(mm, { start: end - 1, pages: 2, flags: RW })).toBe("ENOMEM");
    expect(mmap(mm, { start: end - 1, pages: 1, flags: RW })).toBeNull();
  });

  test("a mapping larger than the machine is ENOMEM, unless it is not accounted", () => {
    const mm = newMm({ arch, memory: 2 ** (f.pageLg2 + 16) });
    const pages = 2 ** 16 + 1;
    expect(mmap(mm, { start: BASE, pages, flags: RW })).toBe("ENOMEM");
    expect(mmap(mm, { start: BASE, pages, flags: RW | Vm.noreserve })).toBeNull();
    expect(mmap(mm, { start: BASE + pages, pages, flags: Vm.read })).toBeNull();
    expect(mprotect(mm, BASE + pages, BASE + 2 * pages, RW)).toBe("ENOMEM");
  });

  test("munmap of nothing is EINVAL, over holes and of holes it is no error", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 4);
    mapRw(mm, BASE + 8, 4);
    expect(munmap(mm, BASE, BASE)).toBe("EINVAL");
    expect(munmap(mm, BASE + 4, BASE + 8)).toBeNull();
    expect(munmap(mm, BASE + 2, BASE + 10)).toBeNull();
    expect(mm.vmas.all.map((v) => [v.start - BASE, v.end - BASE])).toEqual([
      [0, 2],
      [10, 12],
    ]);
  });

  test("mprotect stops at a hole with ENOMEM, with the pages before it changed and those behind it not", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 4);
    mapRw(mm, BASE + 8, 4);
    write(mm, BASE, BASE + 4);
    expect(mprotect(mm, BASE + 2, BASE + 12, 0)).toBe("ENOMEM");
    expect(mm.vmas.all.map((v) => [v.start - BASE, v.end - BASE, v.flags & RW])).toEqual([
      [0, 2, RW],
      [2, 4, 0],
      [8, 12, RW],
    ]);
    expect(mprotect(mm, BASE + 5, BASE + 6, RW)).toBe("ENOMEM");
    expect(mprotect(mm, BASE, BASE, 0)).toBeNull();
  });

  test.each(["dontneed", "free", "cold", "hugepage", "dontfork"])(
    "%s over holes does all mapped parts, then says ENOMEM",
    (advice) => {
      const mm = newMm({ arch });
      for (const at of [0, 8, 16]) mapRw(mm, BASE + at, 4);
      write(mm, BASE + 16, BASE + 20);
      const flags = mm.vmas.all.map((v) => v.flags);
      expect(madvise(mm, BASE, BASE + 20, advice)).toBe("ENOMEM");
      expect(madvise(mm, BASE + 4, BASE + 6, advice)).toBe("ENOMEM");
      if (advice === "dontneed") expect(shapes(mm, BASE + 16, BASE + 20)).toBe("4.");
      if (advice === "hugepage" || advice === "dontfork") {
        const changed = mm.vmas.all.map((v, i) => v.flags !== flags[i]);
        expect(changed).toEqual([true, true, true]);
      }
    },
  );

  test("populating stops at the first hole with ENOMEM and at the wrong permission with EINVAL", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 4);
    mmap(mm, { start: BASE + 4, pages: 4, flags: Vm.read });
    expect(madvise(mm, BASE, BASE + 8, "populate_write")).toBe("EINVAL");
    expect(shapes(mm, BASE, BASE + 8)).toBe("4p 4.");
    expect(madvise(mm, BASE, BASE + 12, "populate_read")).toBe("ENOMEM");
    expect(shapes(mm, BASE, BASE + 8)).toBe("4p 4z");
  });

  test("a locked VMA refuses dontneed, free and cold with EINVAL; dontneed_locked works", () => {
    const mm = newMm({ arch });
    mmap(mm, { start: BASE, pages: 4, flags: RW | Vm.locked });
    write(mm, BASE, BASE + 4);
    expect(["dontneed", "free", "cold"].map((a) => madvise(mm, BASE, BASE + 4, a))).toEqual([
      "EINVAL",
      "EINVAL",
      "EINVAL",
    ]);
    expect(madvise(mm, BASE, BASE + 4, "dontneed_locked")).toBeNull();
    expect(shapes(mm, BASE, BASE + 4)).toBe("4.");
  });

  test("advice on no pages is no error, advice nobody knows is ENOSYS", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 4);
    expect(adviceNames.map((a) => madvise(mm, BASE, BASE, a)).filter((err) => err !== null)).toEqual([]);
    expect(madvise(mm, BASE, BASE + 4, "no such advice")).toBe("ENOSYS");
  });

  test("mincore over a hole is ENOMEM, wherever the hole is", () => {
    const mm = newMm({ arch });
    mapRw(mm, BASE, 4);
    mapRw(mm, BASE + 5, 3);
    expect([mincore(mm, BASE, BASE + 8), mincore(mm, BASE + 5, BASE + 9), mincore(mm, BASE - 1, BASE + 2)]).toEqual([
      "ENOMEM",
      "ENOMEM",
      "ENOMEM",
    ]);
    expect(mincore(mm, BASE, BASE + 4)).toEqual(new Uint8Array([0, 0, 0, 0]));
  });

  test("a knob that is not there is ENOENT, a value it does not take EINVAL, one that is only to be read EACCES", () => {
    const { thp } = newMm({ arch }).kernel;
    expect(thp.set("hugepages-8kB/enabled", "always")).toBe("ENOENT");
    expect(thp.set("nonsense", "1")).toBe("ENOENT");
    expect([thp.set("enabled", "inherit"), thp.set("use_zero_page", "2")]).toEqual(["EINVAL", "EINVAL"]);
    expect(thp.set("hpage_pmd_size", "1")).toBe("EACCES");
    expect([thp.set("khugepaged", "1"), thp.set("enabled/x", "1")]).toEqual(["EISDIR", "ENOTDIR"]);
    expect([thp.set("defrag", "defer+madvise"), thp.set(".//defrag", "defer+")]).toEqual([null, "EINVAL"]);
    expect(["01", "+1", "0x1", "-1", "1x"].map((v) => thp.set("use_zero_page", v))).toEqual([
      null,
      null,
      "EINVAL",
      "EINVAL",
      "EINVAL",
    ]);
  });

  test("khugepaged's limits end below the entries of one table", () => {
    const { thp, format } = newMm({ arch }).kernel;
    const n = 2 ** pmdOrder(format);
    expect(["0", `${n - 1}`, `${n}`].map((v) => thp.set("khugepaged/max_ptes_none", v))).toEqual([
      null,
      null,
      "EINVAL",
    ]);
    expect(["0", "1"].map((v) => thp.set("khugepaged/pages_to_scan", v))).toEqual(["EINVAL", null]);
  });
});

test("an unknown kernel or architecture is a user's mistake that names what there is", () => {
  expect(() => new Kernel({ arch: "x86-64", kernel: "6.17" })).toThrow(UserError);
  expect(() => new Kernel({ arch: "x86-64", kernel: "6.17" })).toThrow("allowed are 6.12, 6.18, 7.2");
  expect(() => new Kernel({ arch: "vax" })).toThrow(UserError);
});
