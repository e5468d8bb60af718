import { describe, expect, it } from "vitest";
import type { Recorded, RecordedHeader } from "../../src/study/ops/compare.ts";
import { type OpRecord, type OpsSpec, runScript } from "../../src/study/ops/run.ts";
import { parseScript } from "../../src/study/ops/script.ts";
import { runLive } from "./live.ts";
import { resultText } from "./print.ts";
import type { KernelUnderTest, NamedScript } from "./recording.ts";
import { shrink } from "./shrink.ts";

/** A "kernel" that is the model, but for the records that are changed. `run` counts recordings from 1. */
function pretend(change: (record: OpRecord, run: number) => OpRecord = (r) => r): KernelUnderTest {
  let run = 0;
  const machine: OpsSpec = { arch: "x86-64", kernel: "6.18" };
  const recordOne = ({ name, text }: NamedScript): Recorded => {
    const [header, ...records] = [...runScript(parseScript(text, name), machine)];
    const changed = records.map((r) => change(r as OpRecord, run));
    return { header: { ...(header as RecordedHeader), machine }, records: changed, text };
  };
  return {
    what: "the model",
    batch: 3,
    repeats: false,
    record: async (scripts, done) => {
      run++;
      for (const script of scripts) done(recordOne(script));
    },
  };
}

/** A kernel that never has the memory to collapse. */
const poor = (r: OpRecord): OpRecord => (/^collapse/.test(r.op) ? { ...r, rc: -1, err: "ENOMEM" } : r);

const nothing = () => {};
const plain = { name: "plain", text: "map A 64K\ntouch A\n" };
const collapse = {
  name: "collapse",
  text: "map A 8M at=0x200000200000\nmap B 64K\nfork\ntouch A 2M 2M\ntouch B\n@1 touch B 0 4K\n@1 exit\nfork\n@2 touch B 0 4K\ncollapse A 2M 64K\npeek B\nunmap B\n",
};

describe("a live run", () => {
  it("of a kernel that is like the model finds nothing, and counts every field of every operation", async () => {
    const result = await runLive(pretend(), [plain, collapse, plain, plain], false, nothing);
    expect(result.findings).toEqual([]);
    expect(result.agreement).toHaveLength(1);
    expect(result.agreement[0]).toMatchObject({ arch: "x86-64", scripts: 4, ops: 18, cut: 0 });
    expect(result.agreement[0]!.perField.rc).toEqual({ compared: 18, different: 0 });
  });

  it("names the script, the operation and the field in which another kernel differs", async () => {
    const result = await runLive(pretend(poor), [plain, collapse], false, nothing);
    expect(result.findings.map((f) => f.script.name)).toEqual(["collapse"]);
    const text = resultText(result, [], 5);
    expect(text).toContain("collapse, operation 9 of 12: collapse A 2M 64K\n");
    expect(text).toContain("  err\n    kernel ENOMEM\n    model  null\n");
    expect(text).toMatch(/^err +12 +1$/m);
  });

  it("leaves out a script that the kernel does not repeat", async () => {
    const moody = pretend((r, run) => (r.op === "touch B" ? { ...r, flt: r.flt + run } : r));
    const result = await runLive(moody, [plain, collapse], false, nothing);
    expect(result.unsteady).toEqual(["collapse"]);
    expect(result.findings).toEqual([]);
    expect(result.agreement[0]!.scripts).toBe(1);
    expect(resultText(result, [], 5)).toContain("not alike: collapse");
  });

  it("asked to keep recordings, leaves out also a script that only the second recording shows to be unsteady", async () => {
    const late = pretend((r, run) => (r.op === "touch B" && run > 1 ? { ...r, flt: r.flt + 1 } : r));
    const result = await runLive(late, [plain, collapse], true, nothing);
    expect(result.recordings.map((r) => r.header.script)).toEqual(["plain"]);
  });
});

describe("shrinking", () => {
  it("ends with the operations without which the difference is not there", async () => {
    const kernel = pretend(poor);
    const { findings } = await runLive(kernel, [collapse], false, nothing);
    const least = await shrink(kernel, findings[0]!, nothing);
    expect(least.script.text).toBe("map A 8M at=0x200000200000\ncollapse A 2M 64K\n");
    expect(resultText({ agreement: [], findings, unsteady: [], recordings: [] }, [least], 5)).toContain(
      "the least that shows it, collapse, operation 1 of 2: collapse A 2M 64K\n",
    );
  });

  it("never tries a script whose operations speak of a region or a process that is not there", async () => {
    const tried: string[] = [];
    const kernel = pretend(poor);
    const { findings } = await runLive(kernel, [collapse], false, nothing);
    const watching: KernelUnderTest = {
      ...kernel,
      record: (scripts, done) => {
        tried.push(...scripts.map((s) => s.text));
        return kernel.record(scripts, done);
      },
    };
    await shrink(watching, findings[0]!, nothing);
    expect(tried.length).toBeGreaterThan(3);
    for (const text of tried) {
      expect(parseScript(text, "trial").bad, text).toBeNull();
      if (text.includes("@1")) expect(text).toMatch(/fork(.|\n)*@1/);
      if (text.includes("@2")) expect(text).toMatch(/fork(.|\n)*fork\n(.|\n)*@2/);
      expect(text).not.toMatch(/@1 exit(.|\n)*@1/);
    }
  });
});
