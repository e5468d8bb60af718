import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { A, Kind } from "../../../src/arch/entry.ts";
import { random } from "../../../src/base/random.ts";
import { madvise } from "../../../src/mm/madvise.ts";
import type { Mm } from "../../../src/mm/mm.ts";
import { mprotect } from "../../../src/mm/mprotect.ts";
import { Vm } from "../../../src/mm/vma.ts";
import { type Capture, isAnon } from "../../../src/study/capture/format.ts";
import { readCapture } from "../../../src/study/capture/read.ts";
import { coverageOf, coveredPercent } from "../../../src/study/coverage/coverage.ts";
import { coverageDecay, coverageDecayMap, type DecayRow, WEAR } from "../../../src/study/coverage/decay.ts";
import { coveragePolicies, recordedCoverage } from "../../../src/study/coverage/policies.ts";
import { replayCapture, THP_POLICIES } from "../../../src/study/coverage/replay.ts";
import { filledMm, kernelFor, STUDY_VPN } from "../../../src/study/layout.ts";

const FILES = ["node-json", "node-json-mthp64k", "python-sqlite", "python-sqlite-thp"];
const captures = new Map<string, Capture>();

beforeAll(async () => {
  for (const name of FILES) {
    const file = new URL(`../../../notebooks/data/${name}.json.gz`, import.meta.url);
    captures.set(name, await readCapture(readFileSync(file), name));
  }
});

/** Page by page, by asking for each page's slot: slow and obvious. */
function slowCoverage(mm: Mm) {
  const sum = { mapped: 0, cont: 0, huge: 0 };
  for (const vma of mm.vmas.all) for (let vpn = vma.start; vpn < vma.end; vpn++) countPage(mm, vpn, sum);
  return sum;
}

function countPage({ pt }: Mm, vpn: number, sum: { mapped: number; cont: number; huge: number }): void {
  for (const level of [1, 0]) {
    const slot = pt.find(vpn, level);
    if (slot < 0 || pt.kind(slot, level) !== Kind.leaf || pt.attrs(slot) & A.special) continue;
    sum.mapped++;
    if (level === 1) sum.huge++;
    else if (pt.attrs(slot) & A.cont) sum.cont++;
  }
}

describe("coverage", () => {
  it("is what a look at every single page says, after random operations", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rng = random(seed);
      const mm = filledMm(kernelFor(rng.pick(["4K pages", "mTHP 64K", "THP 2M"]), { arch: "arm64-4k" }), 2048);
      for (let i = 0; i < 20; i++) {
        const start = STUDY_VPN + rng.below(2000);
        const end = start + 1 + rng.below(40);
        if (rng.below(2)) madvise(mm, start, end, rng.pick(["dontneed", "guard", "cold"]));
        else mprotect(mm, start, end, rng.pick([Vm.read, Vm.read | Vm.write]));
      }
      expect(coverageOf(mm), `seed ${seed}`).toMatchObject(slowCoverage(mm));
    }
  });

  it("counts a block and a huge leaf as one TLB entry each", () => {
    const entries = (policy: string) => coverageOf(filledMm(kernelFor(policy, { arch: "arm64-4k" }), 1024)).entries;
    expect([entries("4K pages"), entries("mTHP 64K"), entries("THP 2M")]).toEqual([1024, 64, 2]);
  });
});

describe("a capture replayed under a policy", () => {
  it("has at least the pages that the process had written, and no coverage with small pages", () => {
    for (const row of coveragePolicies.run({ readFirst: 0, order: "by address", seed: 1 }, captures)) {
      expect(row.bloat, `${row.capture} ${row.policy}`).toBeGreaterThanOrEqual(0);
      if (row.policy === "4K only") expect([row.covered, row.bloat]).toEqual([0, 0]);
    }
  });

  it("ends alike in whatever order its pages are first written, because the largest free block is taken each time", () => {
    const run = (order: string, seed: number) => coveragePolicies.run({ readFirst: 0, order, seed }, captures);
    expect(run("shuffled", 7)).toEqual(run("by address", 1));
  });

  it("loses coverage with 64K folios when some pages are read first", () => {
    const covered = (readFirst: number) =>
      coveragePolicies
        .run({ readFirst, order: "by address", seed: 1 }, captures)
        .filter((row) => row.policy === "mTHP 64K")
        .map((row) => row.covered);
    const [none, some] = [covered(0), covered(20)];
    for (const [i, value] of none.entries()) expect(some[i]).toBeLessThan(value);
  });

  it("maps every page that the capture has", () => {
    const capture = captures.get("python-sqlite")!;
    const mm = replayCapture(capture, THP_POLICIES[2]!, { shuffled: false, readFirst: 0.1, seed: 3 });
    for (const vma of capture.vmas)
      for (const run of vma.runs.filter((r) => isAnon(r.cls)))
        for (let i = 0; i < run.n; i++) {
          const sum = { mapped: 0, cont: 0, huge: 0 };
          countPage(mm, vma.start + run.page + i, sum);
          expect(sum.mapped).toBe(1);
        }
  });
});

describe("the recorded processes", () => {
  it("have coverage only where large folios were allowed", () => {
    const covered = Object.fromEntries(recordedCoverage(captures).map((row) => [row.capture, row.covered]));
    expect([covered["node-json"], covered["python-sqlite"]]).toEqual([0, 0]);
    expect(covered["node-json-mthp64k"]).toBeGreaterThan(90);
    expect(covered["python-sqlite-thp"]).toBeGreaterThan(40);
  });
});

describe("the decay of coverage", () => {
  const PARAMS = { policy: "mTHP 64K", mib: 4, ops: 128, kernel: "6.18", seed: 1 };
  const line = (rows: readonly DecayRow[], wear: string) => rows.filter((r) => r.wear === wear).map((r) => r.covered);

  it("does not touch what is worn by whole blocks, in any kernel", () => {
    for (const kernel of ["6.12", "6.18", "7.2"]) {
      const rows = coverageDecay.run({ ...PARAMS, kernel }, undefined);
      for (const wear of ["mprotect 64K and back", "DONTNEED 64K, write again"])
        expect(new Set(line(rows, wear)), `${wear} ${kernel}`).toEqual(new Set([100]));
    }
  });

  it("goes one way only, except for mprotect, which may fold a block again", () => {
    const rows = coverageDecay.run(PARAMS, undefined);
    for (const wear of ["DONTNEED 4K, write again", "COLD 4K", "child writes 4K"]) {
      const values = line(rows, wear);
      expect(
        values.toSorted((a, b) => b - a),
        wear,
      ).toEqual(values);
      expect(values.at(-1), wear).toBeLessThan(50);
    }
  });

  it("is the same for the same seed and another for another", () => {
    expect(coverageDecay.run(PARAMS, undefined)).toEqual(coverageDecay.run(PARAMS, undefined));
    expect(coverageDecay.run({ ...PARAMS, seed: 2 }, undefined)).not.toEqual(coverageDecay.run(PARAMS, undefined));
  });

  it("by address adds up to the line of the same operations", () => {
    const wear = "mprotect 4K and back";
    const index = WEAR.findIndex(({ name }) => name === wear);
    const map = coverageDecayMap.run({ ...PARAMS, wear, places: "anywhere", seed: WEAR.length + index }, undefined);
    const steps = [...new Set(map.map((row) => row.ops))];
    const means = steps.map((ops) => {
      const ranges = map.filter((row) => row.ops === ops);
      return ranges.reduce((sum, row) => sum + row.covered!, 0) / ranges.length;
    });
    expect(means).toEqual(line(coverageDecay.run(PARAMS, undefined), wear));
  });

  it("falls on the quarter in which most operations are", () => {
    const wear = "DONTNEED 4K, write again";
    const map = coverageDecayMap.run({ ...PARAMS, wear, places: "90 % in one quarter", ops: 64 }, undefined);
    const last = map.filter((row) => row.ops === 64).map((row) => row.covered!);
    expect(Math.max(...last.slice(4, 8))).toBeLessThan(Math.min(...last.slice(0, 4), ...last.slice(8)));
  });

  it("is per cent of what is mapped, and nothing mapped is not covered", () => {
    expect(coveredPercent({ mapped: 0, cont: 0, huge: 0, entries: 0 })).toBe(0);
  });
});
