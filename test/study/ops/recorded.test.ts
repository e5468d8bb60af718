import { describe, expect, it } from "vitest";
import { designs } from "../../../src/design/designs.ts";
import { recordings } from "../../../src/jupyter/show/recordings.ts";
import { differences, RECORD_FIELDS, type Recorded } from "../../../src/study/ops/compare.ts";
import type { NamedCorpus } from "../../../src/study/ops/corpora.ts";
import type { OpRecord, OpsSpec } from "../../../src/study/ops/run.ts";
import { AgreementTable, type FirstDifference, type Replay, replayRecorded } from "../../../src/study/ops/summary.ts";

/** Every file of test/golden/oracle, with the machine on which the model is held against it. */
const corpora = recordings();

/** What the replays of a corpus came to; each is replayed once, whichever test asks first. */
const replayed = new Map<string, Replay[]>();

function replays({ name, recorded, spec }: NamedCorpus): Replay[] {
  const known = replayed.get(name) ?? recorded.map((r) => check(r, spec));
  replayed.set(name, known);
  return known;
}

/** Equal means equal, in every field that the recording has. */
function check(recorded: Recorded, spec: OpsSpec): Replay {
  const result = replayRecorded(recorded, spec);
  if (result.different) expect.fail(`${recorded.header.script} ${differenceText(result.different)}`);
  expect(result.whole, `${recorded.header.script} was replayed to its end`).toBe(true);
  return result;
}

function differenceText({ record, fields }: FirstDifference): string {
  const lines = fields.map((d) => `  ${d.field}\n    kernel ${d.kernel}\n    model  ${d.model}`);
  return `operation ${record.i}: ${record.op}\n${lines.join("\n")}`;
}

describe("a recorded kernel run", () => {
  it.each(corpora)("is reproduced by the model in every field: $name", (corpus) => {
    expect(replays(corpus).length).toBe(corpus.recorded.length);
  });

  it("is there for every kernel and format that the model claims to have been held against, with every field", () => {
    const table = new AgreementTable();
    for (const corpus of corpora) {
      const version = corpus.spec.kernel!.split(".").slice(0, 2).join(".");
      for (const result of replays(corpus)) table.add(version, corpus.spec.arch, result);
    }
    const rows = table.rows();
    const claimed = ["6.18 x86-64", "6.18 x86-64-la57", "6.12 arm64-4k", "6.18 arm64-4k", "7.2 arm64-4k"];
    expect(rows.map((r) => `${r.kernel} ${r.arch}`)).toEqual(expect.arrayContaining(claimed));
    for (const { perField } of rows) {
      expect(RECORD_FIELDS.filter((name) => perField[name].different > 0)).toEqual([]);
      expect(perField.rc.compared).toBeGreaterThan(30);
    }
    const never = RECORD_FIELDS.filter((name) => rows.every(({ perField }) => perField[name].compared === 0));
    expect(never).toEqual([]);
  });

  it.each(designs.filter((d) => d.name !== "folded").map((d) => d.name))(
    "is reproduced as well by a kernel that reaches its entries by %s",
    (design) => {
      let ops = 0;
      // A part of each corpus: the design changes the way to an entry and nothing of what is done with it.
      for (const { recorded, spec } of corpora)
        for (const r of recorded.filter((_, i) => i % 8 === 0)) ops += check(r, { ...spec, design }).ops;
      expect(ops).toBeGreaterThan(5000);
    },
  );

  it("would be told apart from one that differs in one page's class", () => {
    const [hand] = recordings("x86-64-6.18-hand");
    const record = hand!.recorded[0]!.records.find((r) => r.procs[0]!.regions[0]?.runs.some((run) => run[2] === "P"))!;
    const changed = structuredClone(record) as { procs: { regions: { runs: (number | string)[][] }[] }[] } & OpRecord;
    changed.procs[0]!.regions[0]!.runs.find((run) => run[2] === "P")![2] = "H";
    const found = differences(record, changed);
    expect(found.map((d) => d.name)).toEqual(["runs"]);
    expect(found[0]!.kernel).not.toBe(found[0]!.model);
  });
});
