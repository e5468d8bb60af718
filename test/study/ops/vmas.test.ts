/** What real kernels of several versions answered to scripts about VMAs: what joins, what mremap does to its neighbours. */
import { describe, expect, it } from "vitest";
import { type OpRecord, type OpsSpec, runScript } from "../../../src/study/ops/run.ts";
import { parseScript } from "../../../src/study/ops/script.ts";

const V6_12: OpsSpec = { arch: "arm64-4k", kernel: "6.12" };
const V6_18: OpsSpec = { arch: "arm64-4k", kernel: "6.18" };
const V7_2: OpsSpec = { arch: "arm64-4k", kernel: "7.2" };

function run(text: string, spec: OpsSpec): OpRecord {
  const script = parseScript(text, "x.ops");
  expect(script.bad).toBeNull();
  return [...runScript(script, spec)].at(-1) as OpRecord;
}

/** Lengths in pages of a region's VMAs, with their permissions, after the last operation. */
function areas(text: string, region: string, spec: OpsSpec, p = 0): string {
  const rows = run(text, spec).procs.find((row) => row.p === p)!.regions;
  const vmas = rows.find(({ r }) => r === region)?.vmas ?? [];
  return vmas.map(({ off, len, perm }) => `${off / 4096}+${len / 4096} ${perm.slice(0, 2)}`).join(", ");
}

describe("a VMA whose flags become those of its neighbour again", () => {
  it("joins it, or, before 6.16, does not if it alone has pages", () => {
    const script = "map A 64K\nlock A 0 4K\nunlock A";
    expect(areas(script, "A", V6_18)).toBe("0+16 rw");
    expect(areas(script, "A", V6_12)).toBe("0+1 rw, 1+15 rw");
    expect(areas("map A 64K\ntouch A 32K 4K\nprotect A 0 4K r\nprotect A 0 4K rw", "A", V6_12)).toBe("0+16 rw");
  });
});

describe("mremap to a smaller place", () => {
  const three = "map A 256K\ntouch A\nprotect A 64K 64K r\nmap B 256K\n";

  it("moves what is left, though what shrinks away is of other VMAs", () => {
    for (const spec of [V6_12, V6_18]) expect(areas(`${three}remap A 0 192K 64K B`, "A", spec)).toBe("48+16 rw");
  });

  it("fails if what is left is of two; 6.12 has then unmapped what shrank away and what was at the new place", () => {
    const failed = `${three}remap A 0 192K 96K B`;
    expect([V6_12, V6_18].map((spec) => run(failed, spec).err)).toEqual(["EFAULT", "EFAULT"]);
    expect(areas(failed, "A", V6_18)).toBe("0+16 rw, 16+16 r-, 32+32 rw");
    expect(areas(failed, "A", V6_12)).toBe("0+16 rw, 16+8 r-, 48+16 rw");
    expect([areas(failed, "B", V6_18), areas(failed, "B", V6_12)]).toEqual(["0+64 rw", ""]);
  });
});

describe("MREMAP_DONTUNMAP of a part of a locked VMA", () => {
  it("leaves the VMA in one piece that is not locked, or, in 7.2, in two of which one is", () => {
    const script = "map A 4M at=0x200000000000\nlock A\nremap A 0 2M 2M B at=0x208000000000 dontunmap";
    expect(areas(script, "A", V6_18)).toBe("0+1024 rw");
    expect(areas(script, "A", V7_2)).toBe("0+512 rw, 512+512 rw");
  });

  it("joins what it leaves with no neighbour, though nothing keeps them apart", () => {
    const script = "map A 64K\nlock A 0 4K\nremap A 0 4K 4K B dontunmap";
    for (const spec of [V6_18, V7_2]) expect(areas(script, "A", spec)).toBe("0+1 rw, 1+15 rw");
  });
});

describe("MADV_COLLAPSE of pages that fork made read-only", () => {
  it("makes a huge page of them, but not in 6.12, which wants a writable entry", () => {
    const script = "map A 2M at=0x200000000000\ntouch A 0 64K\nfork\n";
    expect(run(`${script}collapse A`, V6_18).err).toBe(null);
    expect(run(`${script}collapse A`, V6_12).err).toBe("EINVAL");
    expect(run(`${script}touch A 0 4K\ncollapse A`, V6_12).err).toBe(null);
  });
});

describe("fork of a VMA that had guards, after its pages moved away with MREMAP_DONTUNMAP", () => {
  it("copies its tables where a flag remembers the guards, and not where an anon_vma did that has gone", () => {
    const script =
      "map A 4M at=0x200000000000\nguard A 0 4K\ntouch A 2M 4K\nremap A 0 4M 4M B at=0x208000001000 dontunmap\nfork";
    const tables = (spec: OpsSpec) => run(script, spec).procs.map(({ dpte }) => dpte);
    expect(tables(V7_2)).toEqual([9, 9]);
    expect(tables(V6_18)).toEqual([9, 5]);
  });
});
