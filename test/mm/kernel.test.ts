import { describe, expect, test } from "vitest";
import { formats } from "../../src/arch/formats.ts";
import { UserError } from "../../src/base/errors.ts";
import { GiB } from "../../src/base/size.ts";
import { access } from "../../src/mm/fault.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { mremap } from "../../src/mm/mremap.ts";
import { BASE, counted, mapRw, newMm, RW, write } from "./bench.ts";
import { wrongs } from "./invariants.ts";

describe.each(formats.map((f) => [f.name, f] as const))("%s", (arch, f) => {
  const end = 2 ** (f.userVaBits - f.pageLg2) - f.userKeptFree;

  test("every frame of memory, and of the tables above it, has a number that entries hold", () => {
    const { frames, tables } = new Kernel({ arch });
    expect(frames.total * 2 ** f.pageLg2).toBe(Math.min(64 * GiB, 2 ** f.paBits * (7 / 8)));
    expect(tables.basePfn).toBe(frames.total);
    expect(tables.basePfn + 2 ** 17).toBeLessThanOrEqual(2 ** (f.paBits - f.pageLg2));
  });

  test("the first and the last page of user space can be written, and reach memory of their own", () => {
    const mm = newMm({ arch });
    for (const start of [0, end - 1]) expect(mmap(mm, { start, pages: 1, flags: RW })).toBeNull();
    const reached = [0, end - 1].map((vpn) => access(mm, vpn, true));
    expect(reached.every((pfn) => pfn > 0) && reached[0] !== reached[1]).toBe(true);
    expect(wrongs(mm.kernel, [mm])).toEqual([]);
  });

  test("who sets accessed and dirty is as the format says, unless the experiment says otherwise", () => {
    const byHardware = /^x86|^arm64-16k|^arm64-4k-52$/;
    expect(new Kernel({ arch }).accessDirty).toBe(byHardware.test(f.name) ? "hardware" : "fault");
    expect(new Kernel({ arch, accessDirty: "fault" }).accessDirty).toBe("fault");
  });

  test("a PTE table moves as a whole by one entry, except on s390, where its entries do", () => {
    const mm = newMm({ arch });
    const pages = mm.pt.span[1]!;
    mapRw(mm, BASE, pages);
    write(mm, BASE, BASE + pages);
    const made = counted(mm, ["tablesAllocated"], () => {
      mremap(mm, { start: BASE, oldPages: pages, newPages: pages, to: BASE + 2 * pages });
    });
    expect(made[0]! > 0).toBe(f.machine === "s390x");
    expect(access(mm, BASE + 3 * pages - 1, true)).toBeGreaterThan(0);
    expect(wrongs(mm.kernel, [mm])).toEqual([]);
  });
});

test("more memory than x86-32 can address is a user's mistake; what it can address beside its tables is not", () => {
  expect(() => new Kernel({ arch: "x86-32", memory: 4 * GiB })).toThrow(UserError);
  expect(() => new Kernel({ arch: "x86-32", memory: 4 * GiB })).toThrow(
    "4G of memory: x86-32 can address 3584M beside its page tables",
  );
  expect(new Kernel({ arch: "x86-32", memory: 3584 * 2 ** 20 }).frames.total).toBe(3584 * 2 ** 8);
});

test("only tables that Linux frees by itself on DONTNEED depend on the machine: none on 32-bit x86", () => {
  const reclaims = (arch: string, kernel: string) => {
    const { profile, format } = new Mm(new Kernel({ arch, kernel })).kernel;
    return profile.ptReclaim(format);
  };
  expect(["x86-64", "x86-64-la57", "x86-pae", "arm64-4k"].map((a) => reclaims(a, "6.18"))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(["x86-64", "x86-32", "x86-pae", "riscv-sv39"].map((a) => reclaims(a, "7.2"))).toEqual([
    true,
    false,
    false,
    true,
  ]);
});
