import { describe, expect, test } from "vitest";
import { Kind } from "../../src/arch/entry.ts";
import { access, BUS, SEGV } from "../../src/mm/fault.ts";
import type { CacheFile } from "../../src/mm/file.ts";
import { punchHole, truncate } from "../../src/mm/file-size.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import { madvise } from "../../src/mm/madvise.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { isFilePage } from "../../src/mm/rmap.ts";
import { newFile } from "../../src/mm/shmem.ts";
import { Vm } from "../../src/mm/vma.ts";
import { BASE, newMm, RW, shapes, write } from "./bench.ts";

/** A process that shows a file of 64 pages, all of them in the page cache, with pages of their own numbers. */
function showing(flags: number): { mm: Mm; file: CacheFile } {
  const mm = newMm({ arch: "x86-64" });
  const file = newFile(mm.kernel, 64, true);
  for (let i = 0; i < 64; i++) {
    const pfn = mm.kernel.frames.alloc(0);
    file.add(i, pfn);
    mm.kernel.contents!.write(pfn, 0, i);
  }
  expect(mmap(mm, { start: BASE, pages: 64, flags, backing: { file, pgoff: 0 } })).toBeNull();
  return { mm, file };
}

/** Pages of a file (f), private copies (a) and guards (g) from BASE on. */
function kinds(mm: Mm, pages: number): string {
  let text = "";
  for (let vpn = BASE; vpn < BASE + pages; vpn++) {
    const slot = mm.pt.find(vpn, 0);
    const leaf = slot >= 0 && mm.pt.kind(slot, 0) === Kind.leaf;
    text += leaf ? (isFilePage(mm.kernel, mm.pt.pfn(slot)) ? "f" : "a") : shapes(mm, vpn, vpn + 1)[1];
  }
  return text;
}

function read(mm: Mm, vpn: number): number {
  return Number(mm.kernel.contents!.read(access(mm, vpn, false), 0));
}

describe("a private mapping of a file", () => {
  test("a read fault maps the file's pages around it, a write copies the one page", () => {
    const { mm, file } = showing(RW);
    expect(read(mm, BASE + 20)).toBe(20);
    expect(kinds(mm, 40)).toBe(`${".".repeat(16)}${"f".repeat(16)}${".".repeat(8)}`);
    write(mm, BASE + 20, BASE + 21);
    write(mm, BASE + 2, BASE + 3);
    expect(kinds(mm, 24)).toBe(`..a${".".repeat(13)}ffffafff`);
    expect([read(mm, BASE + 20), file.lookup(20) === mm.pt.pfn(mm.pt.find(BASE + 20, 0))]).toEqual([20, false]);
  });

  test("mapping around leaves guards and copies as they are", () => {
    const { mm } = showing(RW);
    madvise(mm, BASE + 4, BASE + 6, "guard");
    write(mm, BASE + 8, BASE + 9);
    access(mm, BASE, false);
    expect(kinds(mm, 16)).toBe("ffffggffafffffff");
  });

  test("guards can be put into a mapping that may only be read, and its pages come back when they are removed", () => {
    const { mm } = showing(Vm.read);
    access(mm, BASE, false);
    expect(madvise(mm, BASE + 4, BASE + 6, "guard")).toBeNull();
    expect([kinds(mm, 8), access(mm, BASE + 4, false)]).toEqual(["ffffggff", SEGV]);
    madvise(mm, BASE + 4, BASE + 6, "unguard");
    expect([kinds(mm, 8), read(mm, BASE + 5)]).toEqual(["ffff..ff", 5]);
  });

  test("fork copies nothing of it until it has guards or copies; the child finds the pages in the file", () => {
    const { mm } = showing(Vm.read);
    access(mm, BASE, false);
    expect(kinds(fork(mm), 8)).toBe("........");
    madvise(mm, BASE + 4, BASE + 6, "guard");
    expect(kinds(fork(mm), 8)).toBe("ffffggff");
  });

  test("DONTNEED drops copies, so that the file shows again, and keeps guards", () => {
    const { mm } = showing(RW);
    write(mm, BASE, BASE + 2);
    madvise(mm, BASE + 4, BASE + 5, "guard");
    mm.kernel.contents!.write(mm.pt.pfn(mm.pt.find(BASE, 0)), 0, 99);
    expect(read(mm, BASE)).toBe(99);
    madvise(mm, BASE, BASE + 64, "dontneed");
    expect([kinds(mm, 6), read(mm, BASE)]).toEqual(["....g.", 0]);
  });
});

describe("truncation and holes", () => {
  test("behind the new end pages and private copies go, guards stay, and accesses are SIGBUS", () => {
    const { mm, file } = showing(RW);
    access(mm, BASE, false);
    write(mm, BASE + 2, BASE + 3);
    write(mm, BASE + 10, BASE + 11);
    madvise(mm, BASE + 12, BASE + 13, "guard");
    truncate(file, 8);
    expect(kinds(mm, 16)).toBe("ffafffff....g...");
    expect([access(mm, BASE + 10, false), access(mm, BASE + 12, false)]).toEqual([BUS, SEGV]);
    expect(file.cached).toBe(8);
    truncate(file, 64);
    expect(read(mm, BASE + 10)).toBe(0);
  });

  test("a hole takes the file's pages out of all mappings; private copies over it stay, and so do guards", () => {
    const { mm, file } = showing(RW);
    mmap(mm, { start: BASE + 512, pages: 64, flags: RW | Vm.shared, backing: { file, pgoff: 0 } });
    access(mm, BASE, false);
    access(mm, BASE + 512, false);
    write(mm, BASE + 5, BASE + 6);
    madvise(mm, BASE + 7, BASE + 8, "guard");
    punchHole(file, 4, 10);
    expect(kinds(mm, 12)).toBe("ffff.a.g..ff");
    expect([read(mm, BASE + 512 + 4), read(mm, BASE + 512 + 10)]).toEqual([0, 10]);
  });

  test("MADV_REMOVE punches the hole for a VMA that may write to the file; a private one is EACCES, anonymous memory EINVAL", () => {
    const { mm, file } = showing(RW | Vm.shared);
    mmap(mm, { start: BASE + 512, pages: 64, flags: RW, backing: { file, pgoff: 0 } });
    mmap(mm, { start: BASE + 1024, pages: 64, flags: RW });
    expect(madvise(mm, BASE + 2, BASE + 4, "remove")).toBeNull();
    expect([read(mm, BASE + 1), read(mm, BASE + 2), read(mm, BASE + 4)]).toEqual([1, 0, 4]);
    expect(madvise(mm, BASE + 512, BASE + 513, "remove")).toBe("EACCES");
    expect(madvise(mm, BASE + 1024, BASE + 1025, "remove")).toBe("EINVAL");
  });

  test("a file that a descriptor holds keeps its pages when the last mapping goes", () => {
    const { mm, file } = showing(RW);
    exit(mm);
    expect(file.cached).toBe(64);
  });
});
