import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { formatNamed } from "../../../src/arch/formats.ts";
import { GiB } from "../../../src/base/size.ts";
import { recordings } from "../../../src/jupyter/show/recordings.ts";
import { namedCorpus, survey } from "../../../src/study/ops/corpora.ts";
import { isHeader, type OpRecord, runScript } from "../../../src/study/ops/run.ts";
import { parseScript } from "../../../src/study/ops/script.ts";

/** A recording as the model itself would give it, changed here and there. */
function recorded(text: string, change: (record: OpRecord) => object = (record) => record): string {
  const records = [...runScript(parseScript(text, "s.ops"), { arch: "x86-64" })];
  return records.map((record) => `${JSON.stringify(isHeader(record) ? record : change(record))}\n`).join("");
}

describe("the machine of a recording", () => {
  it("is told by its name, and its raw entries say that it was a small guest", () => {
    const lines = recorded("map a 4K");
    expect(namedCorpus("x86-64-la57-6.18-hand", lines).spec).toMatchObject({ arch: "x86-64-la57", kernel: "6.18" });
    expect(namedCorpus("arm64-4k-52-7.2-x", lines).spec.memory).toBeLessThan(GiB);
    const host = recorded("map a 4K", ({ pt, ...rest }) => rest);
    expect(namedCorpus("arm64-16k-6.12-random-all", host).spec).toEqual({ arch: "arm64-16k", kernel: "6.12" });
  });

  it("is the header's where that says it", () => {
    const machine = { arch: "arm64-64k", kernel: "7.2", memory: 2 * GiB };
    const lines = recorded("map a 4K").replace('{"mmops":2', `{"mmops":2,"machine":${JSON.stringify(machine)}`);
    expect(namedCorpus("x86-64-6.18-hand", lines).spec).toEqual(machine);
  });

  it("cannot be told from another name", () => {
    expect(() => namedCorpus("summary", recorded("map a 4K"))).toThrow("names such as x86-64-6.18-hand are allowed");
  });

  it("is known of every recording of the project", () => {
    const files = readdirSync(new URL("../../golden/oracle/", import.meta.url)).filter((name) => name.endsWith(".gz"));
    const all = recordings();
    expect(new Set(all.map(({ name }) => `${name}.jsonl.gz`))).toEqual(new Set(files));
    for (const { spec, recorded } of all) {
      expect(recorded.length).toBeGreaterThan(0);
      expect(2 ** formatNamed(spec.arch).pageLg2).toBe(recorded[0]!.header.page);
      expect(`${recorded[0]!.header.kernel}.`.startsWith(`${spec.kernel}.`)).toBe(true);
    }
  });
});

describe("a survey of corpora", () => {
  const text = "map a 4M\ntouch a 0 8K\ntouch a 0 4K r\nguard a 0 4K\nprotect a 0 8M none";
  const corpus = (lines: string) =>
    namedCorpus("x86-64-6.18-x", lines.replaceAll('"kernel":"6.18"', '"kernel":"6.18.1"'));

  it("counts each operation and variant that was compared, and those that the kernel refused", () => {
    const { operations, agreements, different } = survey([corpus(recorded(text)), corpus(recorded(text))]);
    const of = (name: string) => operations.find(({ operation }) => operation === name);
    expect(of("touch")).toEqual({ operation: "touch", ops: 4, scripts: 2, refused: 0 });
    expect(of("touch (read)")).toEqual({ operation: "touch (read)", ops: 2, scripts: 2, refused: 0 });
    expect(of("protect none")).toEqual({ operation: "protect none", ops: 2, scripts: 2, refused: 2 });
    expect(of("fork")).toEqual({ operation: "fork", ops: 0, scripts: 0, refused: 0 });
    expect(agreements.map(({ kernel, arch, scripts, ops }) => [kernel, arch, scripts, ops])).toEqual([
      ["6.18.1", "x86-64", 2, 10],
    ]);
    expect(different).toEqual([]);
  });

  it("names the first operation in which a kernel did otherwise, and counts nothing behind it", () => {
    const otherwise = recorded(text, (record) => (record.i === 1 ? { ...record, flt: 99 } : record));
    const { different, operations } = survey([corpus(otherwise)]);
    expect(
      different.map(({ corpus, script, at }) => [corpus, script, at.record.i, at.fields.map((f) => f.field)]),
    ).toEqual([["x86-64-6.18-x", "s.ops", 1, ["flt"]]]);
    expect(operations.find(({ operation }) => operation === "guard")!.ops).toBe(0);
  });
});
