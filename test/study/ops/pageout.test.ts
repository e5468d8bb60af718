/** MADV_PAGEOUT on a machine without swap: small scripts and what real kernels answered to them. */
import { describe, expect, it } from "vitest";
import { type OpRecord, type OpsSpec, runScript } from "../../../src/study/ops/run.ts";
import { parseScript } from "../../../src/study/ops/script.ts";

const HOST: OpsSpec = { arch: "x86-64" };
const ARM: OpsSpec = { arch: "arm64-4k", memory: 2 ** 30 };
const ARM_6_12: OpsSpec = { ...ARM, kernel: "6.12" };

function last(text: string, spec: OpsSpec = HOST): OpRecord {
  const script = parseScript(text, "x.ops");
  expect(script.bad).toBeNull();
  return [...runScript(script, spec)].at(-1) as OpRecord;
}

/** The runs of region A in the first process after the last operation: page, count, class, order. */
function runs(text: string, spec?: OpsSpec): (readonly (number | string)[])[] {
  return last(text, spec).procs[0]!.regions[0]!.runs.map((run) => run.slice(0, 4));
}

/** The raw entries of region A after the last operation. */
function entries(text: string, spec: OpsSpec): string {
  return last(text, spec)
    .pt![0]!.regions[0]!.e.map(([page, n, kind, flags]) => `${page}+${n}:${kind}${flags}`)
    .join(" ");
}

const LARGE = "knob hugepages-64kB/enabled always\nmap A 128K\ntouch A\n";
const HUGE = "map A 2M at=0x200000000000\nhugepage A\ntouch A\n";

describe("pageout without swap", () => {
  it("leaves a small page where it is, accessed as it was", () => {
    expect(entries("map A 16K\ntouch A\npageout A", ARM)).toBe("0+4:Pwda");
  });

  it("cuts a large folio into pages, for a large one was to find room in swap first", () => {
    expect(runs(`${LARGE}pageout A 0 64K`)).toEqual([
      [0, 16, "P", 0],
      [16, 16, "P", 4],
    ]);
    expect(runs(`${HUGE}pageout A`)).toEqual([[0, 512, "P", 0]]);
  });

  it("leaves a folio alone that another process maps", () => {
    expect(runs(`${LARGE}fork\npageout A\npageout A 0 4K`)).toEqual([[0, 32, "P", 4]]);
  });

  it("takes what MADV_FREE gave up, and keeps what was written to after that", () => {
    expect(runs("map A 16K\ntouch A\nfree A\ntouch A 4K 4K\npageout A")).toEqual([
      [0, 1, "none"],
      [1, 1, "P", 0],
      [2, 2, "none"],
    ]);
  });

  it("of a given-up large folio with one dirty page keeps all, which the next pageout splits", () => {
    const kept = `${LARGE}free A 0 64K\ntouch A 20K 4K\npageout A 0 64K\n`;
    expect(runs(kept)).toEqual([[0, 32, "P", 4]]);
    expect(runs(`${kept}pageout A 0 64K`)[0]).toEqual([0, 16, "P", 0]);
  });

  it("takes the clean part before that page where write permission changes, in kernels that have the fix", () => {
    const mixed = `${LARGE}fork\n@1 exit\ntouch A 20K 4K\nfree A 0 64K\ntouch A 20K 4K\npageout A 0 64K`;
    expect(runs(mixed)[0]).toEqual([0, 5, "none"]);
    expect(runs(mixed, { ...ARM, kernel: "7.2" })[0]).toEqual([0, 5, "none"]);
    // 6.18.15 put all entries back with the permission of the first.
    expect(entries(mixed, ARM)).toBe("0+32:Coda");
  });

  it("takes a given-up huge page by its one entry or by 512, as the kernel goes", () => {
    const gone = `${HUGE}free A\npageout A`;
    expect([HOST, ARM, ARM_6_12].map((spec) => last(gone, spec).procs[0]!.dpte)).toEqual([3, 2, 2]);
    const dirty = `${HUGE}free A\ntouch A 0 4K\npageout A`;
    expect([HOST, ARM, ARM_6_12].map((spec) => runs(dirty, spec)[0]![2])).toEqual(["P", "H", "P"]);
    expect(entries(dirty, ARM_6_12)).toBe("0+16:Pwda 16+496:Cwda");
  });

  it("unmaps shared memory; what was written stays in the cache, what was only read is gone", () => {
    const shared = "map A 64K shared\ntouch A r\ntouch A 0 8K\npageout A\n";
    expect(runs(shared)).toEqual([[0, 16, "none"]]);
    expect(last(`${shared}mincore A`).res).toEqual([
      [0, 8192, 1],
      [8192, 57344, 0],
    ]);
    expect(last(`${shared}peek A 0 8K`).vals).toEqual([[0, 8192, 1]]);
  });

  it("is refused for locked memory", () => {
    expect(last("map A 16K\nlock A\npageout A").err).toBe("EINVAL");
  });
});
