import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type BeyondProc, type BeyondRecord, runBeyond } from "./beyond.ts";

/** Recorded, but the model registers no VMAs that show files. */
const UFFD_ON_FILES = ["u12-errors", "f09-uffd-shmem"];

interface Recording {
  readonly script: string;
  readonly records: BeyondRecord[];
}

/** A recording is a header line for each script, then a record for each of its lines. */
function readRecordings(name: string): Recording[] {
  const file = new URL(`../golden/beyond/${name}.jsonl.gz`, import.meta.url);
  const out: Recording[] = [];
  for (const line of gunzipSync(readFileSync(file)).toString().trimEnd().split("\n")) {
    const object = JSON.parse(line);
    if (object.beyond) out.push({ script: object.script, records: [] });
    else out.at(-1)!.records.push(object);
  }
  return out;
}

/** Without the VMA flag of guards (`gu`), which this kernel shows and others of its version do not. */
function comparable(record: BeyondRecord): unknown {
  const withoutGuardFlag = (flags: number | string | undefined) =>
    `${flags}`
      .split(" ")
      .filter((f) => f !== "gu")
      .join(" ");
  const proc = (p: BeyondProc) => ({
    ...p,
    regions: p.regions.map((r) => ({ ...r, vmas: r.vmas.map((v) => [...v.slice(0, 5), withoutGuardFlag(v[5])]) })),
  });
  return { ...record, procs: record.procs.map(proc) };
}

describe("what Linux 6.18 on x86-64 was asked beyond op scripts", () => {
  const recordings = readRecordings("x86-64-6.18").filter(({ script }) => !UFFD_ON_FILES.includes(script));

  test("the recordings are there", () => {
    expect(recordings.length).toBe(52);
  });

  test.each(recordings.map((r) => [r.script, r] as const))(
    "%s: the model gives every record of the kernel's run",
    (_, { records }) => {
      const model = runBeyond(records.map((r) => r.op));
      for (const [i, record] of records.entries())
        if ("procs" in record) expect(comparable(model[i]!), record.op).toEqual(comparable(record));
    },
  );
});
