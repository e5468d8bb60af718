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
