/** Small scripts and what real kernels answered to them, each a fact of its own. */
import { describe, expect, it } from "vitest";
import { type OpRecord, type OpsSpec, runScript } from "../../../src/study/ops/run.ts";
import { parseScript } from "../../../src/study/ops/script.ts";

function run(text: string, spec: OpsSpec = { arch: "x86-64" }): OpRecord[] {
  const script = parseScript(text, "x.ops");
  expect(script.bad).toBeNull();
  return [...runScript(script, spec)].slice(1) as OpRecord[];
}

/** The runs of a region after the last operation. */
function runsAtEnd(
  text: string,
  proc: number,
  region: string,
  spec?: OpsSpec,
): OpRecord["procs"][0]["regions"][0]["runs"] {
  const last = run(text, spec).at(-1)!;
  return last.procs.find((p) => p.p === proc)!.regions.find((r) => r.r === region)!.runs;
}

describe("a large folio that three processes mapped", () => {
  const THREE = "knob hugepages-64kB/enabled always\nmap A 64K\ntouch A\nfork\nfork\n@1 exit\ndontneed A";

  it("is copied from by the third, when the other two have left: the kernel never knew it as an owner", () => {
    expect(runsAtEnd(`${THREE}\n@2 touch A 0 4K`, 2, "A")).toEqual([
      [0, 1, "P", 0, 0, 1, "x"],
      [1, 15, "P", 4, 1, 1, "x"],
    ]);
  });

  it("is re-used by the first, when the other two have left", () => {
    const first = THREE.replace("@1 exit\ndontneed A", "@1 exit\n@2 exit");
    expect(runsAtEnd(`${first}\ntouch A 0 4K`, 0, "A")).toEqual([[0, 16, "P", 4, 0, 1, "x"]]);
  });
});

describe("the last page that is mapped of a large folio", () => {
  it("is copied when it is written to, so that the rest of the folio can go", () => {
    const last = "knob hugepages-64kB/enabled always\nmap A 64K\ntouch A\nfork\n@1 exit\nunmap A 0 60K\ntouch A 60K 4K";
    expect(runsAtEnd(last, 0, "A")).toEqual([[15, 1, "P", 0, 0, 1, "x"]]);
  });
});

describe("the knobs of shared memory", () => {
  const errs = (text: string) => run(text).map((r) => r.err);

  it("cannot be forced to the PMD size unless that size follows, and no other", () => {
    expect(errs("knob shmem_enabled force\nknob hugepages-64kB/shmem_enabled inherit")).toEqual([null, "EINVAL"]);
    expect(errs("knob hugepages-64kB/shmem_enabled inherit\nknob shmem_enabled force")).toEqual([null, "EINVAL"]);
    expect(errs("knob hugepages-2048kB/shmem_enabled always\nknob shmem_enabled force")).toEqual([null, "EINVAL"]);
    expect(errs("knob shmem_enabled deny\nknob hugepages-64kB/shmem_enabled inherit")).toEqual([null, null]);
  });

  it("are there for two pages, where those of anonymous memory are not", () => {
    expect(errs("knob hugepages-8kB/shmem_enabled always\nknob hugepages-8kB/enabled always")).toEqual([
      null,
      "ENOENT",
    ]);
  });
});

describe("a word that lies across two pages", () => {
  it("faults in both, and is read back whole", () => {
    const records = run("map A 64K\ntouch A 4092 4K val=0x1122334455667788\npeek A 4092 4K\npeek A 0 12K");
    expect(records[1]!.flt).toBe(2);
    expect(records[2]!.vals).toEqual([[4092, 4096, 0x1122334455667788n]]);
    expect(records[3]!.vals).toEqual([
      [0, 4096, 0],
      [4096, 4096, 0x11223344],
      [8192, 4096, 0],
    ]);
  });

  it("is SIGSEGV where the second page is out of reach, but the first is there afterwards", () => {
    const records = run("map A 64K\ntouch A 65532 4\ntouch A 65528 8");
    expect([records[1]!.segv, records[1]!.flt, records[2]!.flt]).toEqual([[[65532, 4096]], 1, 0]);
  });

  it("of smaller steps overwrites what lies under it and nothing else", () => {
    expect(
      run("map A 4K\ntouch A 0 1 val=0x0102030405060708\ntouch A 1 1 val=7\npeek A 0 1\npeek A 8 1").slice(3),
    ).toMatchObject([{ vals: [[0, 4096, 0x0708]] }, { vals: [[8, 4096, 0]] }]);
  });
});

describe("a range that is none", () => {
  const errs = (lines: string) =>
    run(`map A 2M\n${lines}`)
      .slice(1)
      .map((r) => r.err ?? r.rc);

  it("because it begins behind the region and has no end is an error of its own for each call", () => {
    expect(errs("protect A 4M r\nunmap A 4M\ndontneed A 4M\npopulate_read A 4M\ncollapse A 4M")).toEqual([
      "ENOMEM",
      "EINVAL",
      "EINVAL",
      "EINVAL",
      "EINVAL",
    ]);
  });

  it("because it is empty is nothing to do, but for munmap", () => {
    expect(errs("protect A 4K 0 r\nunmap A 1M 0\ndontneed A 0 0\nmincore A 0 0\nguard A 0 0")).toEqual([
      0,
      "EINVAL",
      0,
      0,
      0,
    ]);
    expect(errs("dontneed A 100 0\nmincore A 1 0")).toEqual(["EINVAL", "EINVAL"]);
  });
});

describe("an address", () => {
  const err = (words: string) => run(`map A ${words}`)[0]!.err;

  it("beyond user space is ENOMEM, also if it is no page; the very last ones are read as errors", () => {
    for (const at of [
      "0x7ffffffff000",
      "0x800000000000",
      "0xffff800000000000",
      "0xfffffffffffff000",
      "0x20000000000001",
    ])
      expect(err(`4K at=${at}`), at).toBe("ENOMEM");
    expect(err("4K at=0xffffffffffffffff")).toBe("EPERM");
  });

  it("in user space that is no page is EINVAL, and page 1 may be mapped by root", () => {
    expect([err("4K at=0x100"), err("64K at=0x1000")]).toEqual(["EINVAL", null]);
  });

  it("with a length that rounds up to nothing is ENOMEM, with none EINVAL", () => {
    expect([err("0xffffffffffffffff"), err("8388608G"), err("0")]).toEqual(["ENOMEM", "ENOMEM", "EINVAL"]);
  });
});

describe("mremap to less", () => {
  it("may cut off more than the VMA has", () => {
    const records = run("map A 2M\nunmap A 1M 1M\ntouch A\nremap A 0 2M 8K B");
    expect(records[3]!.err).toBeNull();
    expect(records[3]!.procs[0]!.regions.map((r) => r.r)).toEqual(["B"]);
  });
});

describe("mremap from a place that will not do", () => {
  it("leaves what is at the new place, and before 6.17 unmaps it all the same", () => {
    const text = "map A 64K\nmap B 64K\nunmap A 32K 4K\nremap A 0 64K 32K C\nremap C 0 64K 128K B";
    const arm = (kernel: string) => run(text, { arch: "arm64-4k", memory: 2 ** 30, kernel }).at(-1)!;
    expect([arm("6.18").err, arm("6.12").err]).toEqual(["EFAULT", "EFAULT"]);
    expect(arm("6.18").procs[0]!.regions.map((r) => r.r)).toContain("B");
    expect(arm("6.12").procs[0]!.regions.map((r) => r.r)).not.toContain("B");
  });
});

describe("a folio that two processes map in different parts", () => {
  it("is taken for one's own before 6.15 if nothing of its first page says otherwise, and split for both", () => {
    const text = [
      "knob hugepages-64kB/enabled always\nmap A 64K\ntouch A\nfork",
      "unmap A 0 32K\n@1 unmap A 32K 32K\ncold A 36K 4K",
    ].join("\n");
    const orders = (kernel: string) =>
      run(text, { arch: "arm64-4k", memory: 2 ** 30, kernel })
        .at(-1)!
        .procs.map((p) => p.regions[0]!.runs[0]![3]);
    expect([orders("6.12"), orders("6.18")]).toEqual([
      [0, 0],
      [4, 4],
    ]);
  });
});

describe("a script that the recorder would give up", () => {
  const complaint = (text: string) => {
    try {
      run(text);
    } catch (error) {
      return String(error);
    }
    return "none";
  };

  it("for a process that is not there says which are", () => {
    expect(complaint("map A 4K\nfork\n@1 exit\n@1 touch A")).toBe("UserError: line 4: no process 1: there is 0");
    expect(complaint("map A 4K\nexit\ntouch A")).toBe("UserError: line 3: no process 0: all have exited");
  });

  it("for too much says how much is allowed", () => {
    expect(complaint("fork\n".repeat(8))).toMatch(/too many processes: 8 are allowed/);
    expect(complaint(Array.from({ length: 65 }, (_, i) => `map R${i} 4K`).join("\n"))).toMatch(/too many regions: 64/);
    expect(complaint("map A 1G\ntouch A step=1K")).toMatch(
      /range too large: at most 524288 places are allowed, not 1048576/,
    );
    expect(complaint("map A 4K\nmincore A 4M")).toMatch(/range too large/);
  });
});

describe("MREMAP_DONTUNMAP", () => {
  const script = "map A 1M\ntouch A\nremap A 0 63142 64K E dontunmap\nremap A 256K 60001 60001 I dontunmap";
  const errs = (kernel: string) => run(script, { arch: "arm64-4k", kernel }).map((r) => r.err);

  it("wants lengths that are equal to the byte in 6.12, and in whole pages since", () => {
    expect(errs("6.12").slice(2)).toEqual(["EINVAL", null]);
    expect(errs("6.18").slice(2)).toEqual([null, null]);
  });
});
