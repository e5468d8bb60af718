import { describe, expect, it } from "vitest";
import { MiB } from "../../../src/base/size.ts";
import { designs } from "../../../src/design/designs.ts";
import { differences, type Recorded } from "../../../src/study/ops/compare.ts";
import type { OpRecord, OpsSpec } from "../../../src/study/ops/run.ts";
import { AgreementTable, type FirstDifference, type Replay, replayRecorded } from "../../../src/study/ops/summary.ts";
import { expectGolden } from "../../figure/golden.ts";
import { readRecorded } from "./recorded.ts";

/**
 * The recorded corpora, the machine each was recorded on, and how much of each the model must reproduce: scripts that need
 * only what is built, and operations compared (in scripts that need more, those before the first that is not built).
 * The numbers are floors: what is built later raises them, nothing lowers them.
 */
const CORPORA: readonly { name: string; spec: OpsSpec; scripts: number; ops: number }[] = [
  { name: "x86-64-6.18-hand", spec: { arch: "x86-64" }, scripts: 26, ops: 267 },
  {
    name: "x86-64-6.18-hand-entries",
    spec: { arch: "x86-64", memory: 960 * MiB, softDirty: true },
    scripts: 26,
    ops: 267,
  },
  { name: "x86-64-6.18-random-base", spec: { arch: "x86-64" }, scripts: 200, ops: 6561 },
  { name: "x86-64-6.18-random-fork-guard", spec: { arch: "x86-64" }, scripts: 200, ops: 6543 },
  { name: "x86-64-6.18-random-all", spec: { arch: "x86-64" }, scripts: 17, ops: 1181 },
  {
    name: "x86-64-la57-6.18-hand-entries",
    spec: { arch: "x86-64-la57", memory: 960 * MiB, softDirty: true },
    scripts: 26,
    ops: 267,
  },
  { name: "arm64-4k-6.18-hand", spec: { arch: "arm64-4k", memory: 960 * MiB }, scripts: 26, ops: 267 },
  { name: "arm64-4k-6.18-contpte", spec: { arch: "arm64-4k", memory: 960 * MiB }, scripts: 20, ops: 213 },
  { name: "arm64-4k-6.18-random-base", spec: { arch: "arm64-4k", memory: 960 * MiB }, scripts: 100, ops: 3274 },
  { name: "arm64-4k-6.18-random-all", spec: { arch: "arm64-4k", memory: 960 * MiB }, scripts: 31, ops: 1829 },
  {
    name: "arm64-4k-6.18-random-move-collapse",
    spec: { arch: "arm64-4k", memory: 960 * MiB },
    scripts: 100,
    ops: 3259,
  },
  {
    name: "arm64-4k-52-6.18-contpte",
    spec: { arch: "arm64-4k-52", memory: 960 * MiB, accessDirty: "hardware" },
    scripts: 20,
    ops: 213,
  },
  { name: "arm64-16k-6.18-contpte", spec: { arch: "arm64-16k", memory: 960 * MiB }, scripts: 4, ops: 39 },
  { name: "arm64-4k-7.2-hand", spec: { arch: "arm64-4k", kernel: "7.2", memory: 960 * MiB }, scripts: 26, ops: 267 },
  { name: "arm64-4k-7.2-contpte", spec: { arch: "arm64-4k", kernel: "7.2", memory: 960 * MiB }, scripts: 20, ops: 213 },
  {
    name: "arm64-4k-7.2-random-all",
    spec: { arch: "arm64-4k", kernel: "7.2", memory: 960 * MiB },
    scripts: 17,
    ops: 1181,
  },
  {
    name: "arm64-4k-6.12-random-fork-guard",
    spec: { arch: "arm64-4k", kernel: "6.12", memory: 960 * MiB },
    scripts: 83,
    ops: 2605,
  },
  {
    name: "arm64-4k-6.12-contpte",
    spec: { arch: "arm64-4k", kernel: "6.12", memory: 960 * MiB },
    scripts: 20,
    ops: 213,
  },
];

/** The operations that were there from the beginning: no script of these alone may ever be out of scope. */
const FLOOR = /^(map(?!.* shared)|touch|peek|state|knob|sleep|unmap|protect|dontneed|hugepage|nohugepage) ?/;

/** What the replays of a corpus came to; each is replayed once, whichever test asks first. */
const replayed = new Map<string, Replay[]>();

function replays(name: string, spec: OpsSpec): Replay[] {
  const known = replayed.get(name) ?? readRecorded(name).map((r) => check(r, spec));
  replayed.set(name, known);
  return known;
}

/** Equal means equal, in every field that the recording has. */
function check(recorded: Recorded, spec: OpsSpec): Replay {
  const result = replayRecorded(recorded, spec);
  if (result.different) expect.fail(`${recorded.header.script} ${differenceText(result.different)}`);
  return result;
}

function differenceText({ record, fields }: FirstDifference): string {
  const lines = fields.map((d) => `  ${d.field}\n    kernel ${d.kernel}\n    model  ${d.model}`);
  return `operation ${record.i}: ${record.op}\n${lines.join("\n")}`;
}

/** A field that was never compared is left out. */
function summaryText(): string {
  const table = new AgreementTable();
  for (const { name, spec } of CORPORA) {
    const kernels = readRecorded(name).map((r) => r.header.kernel);
    for (const [i, result] of replays(name, spec).entries()) table.add(kernels[i]!, spec.arch, result);
  }
  return `${JSON.stringify(table.rows(), null, 1).replace(/\{\s+("compared": \d+),\s+("different": \d+)\s+\}/g, "{ $1, $2 }")}\n`;
}

describe("a recorded kernel run", () => {
  for (const { name, spec, scripts, ops } of CORPORA)
    it(`is reproduced by the model in every field: ${name}`, () => {
      const results = replays(name, spec);
      const whole = results.filter((r) => r.whole).length;
      const compared = results.reduce((sum, r) => sum + r.ops, 0);
      expect(whole).toBeGreaterThanOrEqual(scripts);
      expect(compared).toBeGreaterThanOrEqual(ops);
    });

  it.runIf(process.env.UPDATE_GOLDEN === "1")(
    "gives the figures of agreement that the site shows, and that lie beside the recordings",
    () => {
      expectGolden("summary.json", summaryText(), "oracle");
    },
  );

  it.each(designs.filter((d) => d.name !== "folded").map((d) => d.name))(
    "is reproduced as well by a kernel that reaches its entries by %s",
    (design) => {
      let ops = 0;
      // A part of each corpus: the design changes the way to an entry and nothing of what is done with it.
      for (const { name, spec } of CORPORA)
        for (const r of readRecorded(name).filter((_, i) => i % 6 === 0)) ops += check(r, { ...spec, design }).ops;
      expect(ops).toBeGreaterThan(4000);
    },
  );

  it("of the first operations only is never out of scope", () => {
    for (const { name, spec } of CORPORA)
      for (const r of readRecorded(name))
        if (r.records.every((op) => FLOOR.test(op.op))) expect(check(r, spec).whole, r.header.script).toBe(true);
  });

  it("would be told apart from one that differs in one page's class", () => {
    const [script] = readRecorded("x86-64-6.18-hand");
    const record = script!.records.find((r) => r.procs[0]!.regions[0]?.runs.some((run) => run[2] === "P"))!;
    const changed = structuredClone(record) as { procs: { regions: { runs: (number | string)[][] }[] }[] } & OpRecord;
    changed.procs[0]!.regions[0]!.runs.find((run) => run[2] === "P")![2] = "H";
    const found = differences(record, changed);
    expect(found.map((d) => d.name)).toEqual(["runs"]);
    expect(found[0]!.kernel).not.toBe(found[0]!.model);
  });
});
