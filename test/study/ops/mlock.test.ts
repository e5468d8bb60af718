/** What real kernels answered to scripts that lock memory: the letter L of a page's flags is PG_mlocked of its folio. */
import { describe, expect, it } from "vitest";
import { type OpRecord, type OpsSpec, runScript } from "../../../src/study/ops/run.ts";
import { parseScript } from "../../../src/study/ops/script.ts";

function run(text: string, spec: OpsSpec = { arch: "x86-64" }): OpRecord[] {
  const script = parseScript(text, "x.ops");
  expect(script.bad).toBeNull();
  return [...runScript(script, spec)].slice(1) as OpRecord[];
}

/** The pages of a region after the last operation, without index and map count: "4 P0 xL, 2 guard". */
function pages(text: string, { p = 0, r = "A", spec }: { p?: number; r?: string; spec?: OpsSpec } = {}): string {
  const last = run(text, spec).at(-1)!;
  const { runs } = last.procs.find((row) => row.p === p)!.regions.find((row) => row.r === r)!;
  return runs.map(([, n, cls, order, , , fl]) => `${n} ${cls}${order ?? ""} ${fl ?? ""}`.trim()).join(", ");
}

const ends = (text: string, spec?: OpsSpec) => run(text, spec).map(({ err, flt }) => [err, flt]);
const K64 = "knob hugepages-64kB/enabled always\nmap A 256K\ntouch A\n";
const THP = "knob enabled always\nmap A 4M at=0x200000000000\ntouch A\n";
const V6_12: OpsSpec = { arch: "arm64-4k", kernel: "6.12" };

describe("mlock", () => {
  it("brings every page in, by a write fault where the VMA is writable and by zero pages where it is not", () => {
    expect(ends("map A 64K\nlock A")[1]).toEqual([null, 16]);
    expect(pages("map A 64K\nlock A")).toBe("16 P0 xL");
    expect(pages("map A 64K prot=r\nlock A")).toBe("16 zero");
    expect(pages("map A 64K prot=r\nlock A\nprotect A 4K 8K rw")).toBe("1 zero, 2 P0 xL, 13 zero");
  });

  it("fails at a guard and at PROT_NONE, with the VMA locked and the pages before the guard brought in", () => {
    const guarded = "map A 64K\nguard A 16K 8K\nlock A";
    expect(ends(guarded)[2]).toEqual(["ENOMEM", 4]);
    expect(pages(guarded)).toBe("4 P0 xL, 2 guard, 10 none");
    expect(ends("map A 64K prot=none\nlock A\nguard A")).toEqual([
      [null, 0],
      ["ENOMEM", 0],
      ["EINVAL", 0],
    ]);
  });

  it("marks what lies before a hole, brings nothing in, and takes addresses inside a page", () => {
    const hole = "map A 64K\nunmap A 16K 16K\nlock A";
    expect(ends(hole)[2]).toEqual(["ENOMEM", 0]);
    expect(ends(`${hole}\nguard A 0 4K\nguard A 32K 4K`).slice(3)).toEqual([
      ["EINVAL", 0],
      [null, 0],
    ]);
    expect(pages("map A 64K\nlock A 4095 2")).toBe("2 P0 xL, 14 none");
    expect(ends("map A 64K\nlock A 0 0")[1]).toEqual([null, 0]);
  });

  it("locks a large folio only if one walk finds it whole", () => {
    expect(pages(`${K64}lock A 32K 100K`)).toBe("16 P4 x, 16 P4 xL, 32 P4 x");
    // Nine pages more, in a VMA that is then locked whole; but no walk went over all sixteen.
    expect(pages(`${K64}lock A 0 28K\nlock A 28K 36K`)).toBe("64 P4 x");
    expect(pages(`${THP}unlock A 4K 8K\nlock A\nunlock A 1M 4K\nlock A`)).toBe("512 P9 x, 512 H9 xL");
  });
});

describe("munlock and what unlocks besides", () => {
  it("unlocks a large folio for the sake of one page", () => {
    expect(pages(`${K64}lock A\nunlock A 36K 4K`)).toBe("16 P4 x, 48 P4 xL");
    expect(pages(`${K64}lock A\ndontneed_locked A 64K 4K`)).toBe("16 P4 xL, 1 none, 15 P4 x, 32 P4 xL");
  });

  it("shows of a page copied from only when the batch of thirty-one is full", () => {
    const forked = "map A 256K\ntouch A\nlock A\nfork\n";
    // A copy puts two into the batch: the new page, then the old.
    expect(pages(`${forked}touch A 0 60K`, { p: 1 })).toBe("15 P0 xL, 49 P0 L");
    expect(pages(`${forked}touch A 0 64K`, { p: 1 })).toBe("15 P0 x, 1 P0 xL, 48 P0 L");
    expect(pages(`${forked}touch A 0 124K`, { p: 1 })).toBe("31 P0 x, 33 P0 L");
  });

  it("shows of a page copied from once something drains the batch", () => {
    const forked = "map A 64K\nmap B 64K at=0x208000020000\ntouch A\nlock A\nfork\ntouch A 0 8K\n";
    const waits = "2 P0 xL, 14 P0 L";
    const done = "2 P0 x, 14 P0 L";
    for (const op of ["lock B 0 4K", "cold B", "free B", "fork", "populate_read B 0 4K", "@1 populate_write B"])
      expect(`${op}: ${pages(`${forked}${op}`, { p: 1 })}`).toBe(`${op}: ${done}`);
    for (const op of ["unlock B", "dontneed B", "unmap B", "touch B", "guard B", "remap A 0 4K 4K C"])
      expect(`${op}: ${pages(`${forked}${op}`, { p: 1 })}`).toBe(`${op}: ${waits}`);
    expect(pages(`${forked.replace("fork\n", "fork\nfork\n")}@2 exit`, { p: 1 })).toBe(waits);
    for (const op of ["dontneed B", "unmap B"])
      expect(`${op}: ${pages(`${forked}${op}`, { p: 1, spec: V6_12 })}`).toBe(`${op}: ${done}`);
  });

  it("holds a reference while it waits, so the other process copies what it could have re-used", () => {
    // Re-used, the page would still be the locked one.
    expect(pages("map A 64K\ntouch A\nlock A\nfork\ntouch A 0 8K\n@1 touch A 0 4K", { p: 1 })).toBe(
      "1 P0 x, 1 P0 xL, 14 P0 L",
    );
  });

  it("counts the VMAs that lock a page", () => {
    const both = "map A 64K prot=r\nprotect A rw\ntouch A\nprotect A r\nlock A\nfork\n@1 lock A\n";
    expect(pages(`${both}unlock A`)).toBe("16 P0 L");
    expect(pages(`${both}unlock A\n@1 unlock A`)).toBe("16 P0");
  });
});

describe("VMAs that are locked", () => {
  it("refuse advice that would give pages up, but for dontneed_locked", () => {
    const asked = ["dontneed", "free", "cold", "guard"].map((advice) => `${advice} A`).join("\n");
    expect(ends(`map A 64K\nlock A\n${asked}\nunguard A\ndontneed_locked A`).map(([err]) => err)).toEqual([
      ...[null, null, "EINVAL", "EINVAL", "EINVAL", "EINVAL", null, null],
    ]);
  });

  it("are not locked in a child", () => {
    expect(ends("map A 64K\nlock A\nfork\n@1 dontneed A")[3]).toEqual([null, 0]);
  });

  it("keep their pages when a folio is split, zeros or not", () => {
    const split = "lock A 0 1M\ncold A 1M 4K";
    expect(pages(`knob enabled always\nmap A 2M\ntouch A 0 4K\n${split}`)).toBe("256 P0 xL, 256 zero");
  });

  it("keep a huge page locked when its mapping is split, from 6.18 on", () => {
    const split = `${THP}lock A\nmap B 4K\nprotect A 4K 4K r`;
    expect(pages(split)).toBe("512 P9 xL, 512 H9 xL");
    expect(pages(split, { spec: V6_12 })).toBe("512 P9 x, 512 H9 xL");
  });

  it("bring pages in when mremap makes them grow", () => {
    expect(ends("map A 64K\nlock A\nremap A 0 64K 128K B")[2]).toEqual([null, 16]);
  });

  it("are unlocked where MREMAP_DONTUNMAP leaves them empty, and up to 6.18 all around", () => {
    const moved = "map A 64K\nlock A\nremap A 0 16K 16K B dontunmap\ndontneed A 32K 4K";
    expect(ends(moved)[3]![0]).toBe(null);
    expect(ends(moved, { arch: "arm64-4k", kernel: "7.2" })[3]![0]).toBe("EINVAL");
  });
});
