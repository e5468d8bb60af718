/** What real kernels answered to scripts on shared anonymous memory. */
import { describe, expect, it } from "vitest";
import { type OpRecord, type OpsSpec, runScript } from "../../../src/study/ops/run.ts";
import { parseScript } from "../../../src/study/ops/script.ts";

/** The runs of region A of a process after the last operation, as the recorder prints them. */
function pages(text: string, p = 0, spec: OpsSpec = { arch: "x86-64" }): string {
  const script = parseScript(text, "x.ops");
  expect(script.bad).toBeNull();
  const last = [...runScript(script, spec)].at(-1) as OpRecord;
  const region = last.procs.find((row) => row.p === p)!.regions.find((row) => row.r === "A")!;
  return region.runs.map((run) => run.join(",")).join(" ");
}

describe("shared memory in scripts", () => {
  it("pages that an exiting process wrote to are unlocked after those it only read, so theirs wait in the CPU's batch", () => {
    const text = "map A 1M shared\ntouch A 0 272K\nfork\n@1 lock A\n@1 exit";
    expect(pages(text)).toBe("0,60,P,0,0,1,xf 60,8,P,0,0,1,xfL 68,188,none");
  });

  it("a guard beside them keeps a huge page's small entries one by one", () => {
    const text = "map A 2M shared\ntouch A 0 4K\ncollapse A\nguard A 4K 4K\ntouch A 16K 4K";
    expect(pages(text)).toBe("0,1,none 1,1,guard 2,2,none 4,1,P,9,4,1,xf 5,507,none");
    expect(pages(`${text}\ntouch A 24K 4K r`)).toBe("0,1,P,9,0,1,xf 1,1,guard 2,510,P,9,2,1,xf");
  });

  it("neighbours of a page that a process reads are mapped there too, and counted twice", () => {
    const text = "map A 4M shared\ntouch A 0 128K\nfork\n@1 touch A 0 16K r";
    expect(pages(text)).toBe("0,16,P,0,0,2,f 16,16,P,0,0,1,xf 32,992,none");
    expect(pages(text, 1)).toBe("0,16,P,0,0,2,f 16,1008,none");
  });
});
