import { describe, expect, test } from "vitest";
import { formatNamed } from "../../../src/arch/formats.ts";
import { counts, newTally } from "../../../src/base/tally.ts";
import {
  convertCosts,
  ENTRY_OPS,
  type EntryCostRow,
  edgeUnfolds,
  entryCosts,
  FOLDING_FORMATS,
  ptepGetReads,
  setPtesPieces,
} from "../../../src/study/encapsulation/costs.ts";
import { runProgram, STORIES, tellStory } from "../../../src/study/encapsulation/program.ts";
import { retellStory } from "../../../src/study/encapsulation/retell.ts";
import { encapsulationSides } from "../../../src/study/encapsulation/sides.ts";

const DEFAULTS = { arch: "arm64-4k", contpte: true, bbml2: false, gatherStops: false };

function cost(op: string, access: string, change: Partial<typeof DEFAULTS> = {}): EntryCostRow {
  return entryCosts.run({ ...DEFAULTS, ...change }, undefined).find((r) => r.op === op && r.access === access)!;
}

/** Entries of a block, as the manual has them. */
const BLOCK: Readonly<Record<string, number>> = { "arm64-4k": 16, "arm64-16k": 128, "arm64-64k": 32 };
const blockOf = (arch: string) => BLOCK[arch.split("-").slice(0, 2).join("-")]!;

describe.each(FOLDING_FORMATS)("%s", (arch) => {
  const n = blockOf(arch);

  test("ptep_get of a plain entry reads 1 slot, of a contiguous one 1 and its whole block", () => {
    const rows = ptepGetReads(arch);
    expect(rows.map((r) => r.always)).toEqual([1, ...rows.slice(1).map(() => 1 + n)]);
  });

  test("the early stop saves what lies behind the entry at which both accessed and dirty have been seen", () => {
    expect(ptepGetReads(arch).map((r) => r.stops)).toEqual([1, 1 + n, 1 + n, 2, 9, 1 + n]);
  });

  test("a convert clears and stores every entry of its block; a fold compares them first; BBML2 takes the invalidation alone", () => {
    const slots = [
      [n, 2 * n],
      [2 * n, 2 * n + 1],
    ];
    const rows = convertCosts(arch);
    expect(rows.map((r) => [r.slotsRead, r.slotsWritten])).toEqual([...slots, ...slots]);
    expect(rows.map((r) => [r.flushRanges, r.flushPages])).toEqual([
      [1, n],
      [1, n],
      [0, 0],
      [0, 0],
    ]);
  });
});

describe("one set_ptes of 40 pages from page 4 of a table", () => {
  const pieces = (off: number) => setPtesPieces("arm64-4k", 4, 40, off).map((p) => [p.pages, p.contiguous]);

  test("is a plain piece of 12, a contiguous one of 16, a plain one of 12", () => {
    expect(pieces(0)).toEqual([
      [12, false],
      [16, true],
      [12, false],
    ]);
  });

  test("is three plain pieces where the frames are one off", () => {
    expect(pieces(1)).toEqual([
      [12, false],
      [16, false],
      [12, false],
    ]);
  });
});

test("a run unfolds the blocks that it cuts, at most two, and none that it covers", () => {
  const runs = [
    [0, 16],
    [0, 48],
    [0, 15],
    [1, 16],
    [4, 8],
    [4, 40],
    [16, 20],
  ] as const;
  expect(edgeUnfolds("arm64-4k", runs).map((r) => r.unfolds)).toEqual([0, 0, 1, 2, 1, 2, 1]);
});

describe("one thing done to a block", () => {
  test("costs the helpers as much as plain loads and stores where contpte is off", () => {
    const rows = entryCosts.run({ ...DEFAULTS, contpte: false }, undefined);
    for (const { name } of ENTRY_OPS) {
      const [raw, helpers] = rows.filter((r) => r.op === name);
      expect({ ...helpers, access: "raw" }).toEqual(raw);
    }
  });

  test("leaves a whole block or plain entries with the helpers, and a broken block where a plain store changed one entry", () => {
    const rows = entryCosts.run(DEFAULTS, undefined);
    const broken = rows.filter((r) => r.after === "broken").map((r) => [r.access, r.op]);
    expect(broken).toEqual([
      ["raw", "write-protect one"],
      ["raw", "take one out"],
    ]);
  });

  test("unfolds and folds once for a whole block taken out and put back entry by entry, with two invalidations", () => {
    const { contpteUnfolds, contpteFolds, flushRanges } = cost("all out and back", "encapsulated");
    expect([contpteUnfolds, contpteFolds, flushRanges]).toEqual([1, 1, 2]);
    expect(cost("all out and back", "encapsulated", { bbml2: true }).flushRanges).toBe(0);
  });
});

describe("the sides", () => {
  const rows = (arch: string, notes = true, seed = 1) =>
    encapsulationSides.run({ arch, notes, steps: 1000, seed }, undefined);

  test("find something raw and nothing through the helpers, with contpte or without", () => {
    for (const seed of [1, 2, 3]) {
      const found = rows("arm64-4k", true, seed).map((r) => r.findings > 0);
      expect([seed, found]).toEqual([seed, [true, false, true, false]]);
    }
  });

  test("without contpte fold, unfold and flush nothing, and break by racing stores alone", () => {
    for (const row of rows("arm64-4k").slice(2)) {
      expect([row.contpteFolds, row.contpteUnfolds, row.flushRanges]).toEqual([0, 0, 0]);
      expect(row.found["racing store"]).toBe(row.findings);
    }
  });

  test("find what the program itself finds, and measuring changes nothing", () => {
    const spec = { format: formatNamed("arm64-4k"), access: "raw", accessDirty: "hardware" } as const;
    const spent = newTally();
    const found = runProgram(spec, 7, 1000);
    expect(runProgram({ ...spec, spent }, 7, 1000)).toEqual(found);
    expect(rows("arm64-4k", true, 7)[0]!.findings).toBe(found.length);
    expect(counts(spent).slotsRead).toBe(rows("arm64-4k", true, 7)[0]!.slotsRead);
  });

  test("count no read of an upper table: hardware, detector and the way to the entry are left out", () => {
    // Without contpte and races, each access of the helpers reads one slot at most.
    const calls = rows("x86-64", false)[1]!;
    expect(calls.slotsRead).toBeLessThan(2 * 1000);
  });
});

describe("a story retold", () => {
  const spec = { format: formatNamed("arm64-4k"), access: "raw" } as const;

  test("finds what the story finds, step by step", () => {
    for (const story of STORIES)
      expect(retellStory(story, spec).flatMap((s) => s.findings)).toEqual(tellStory(story, spec));
  });

  test("shows each word that a step changed, before and after, and neighbours that changed alike as one", () => {
    const steps = retellStory(STORIES.find((s) => s.failure === "stray pointer")!, spec);
    const places = steps.map((s) => s.changed.map((c) => c.place));
    expect(places).toEqual([["pages 0-15"], ["stack 0-31"], ["page 17", "stack 0", "stack 1-15"]]);
    const harmed = steps[2]!.changed[2]!;
    expect([harmed.before.split(" ")[1], harmed.after.split(" ")[1]]).toEqual(["wC", "w"]);
  });

  test("shows no change of a step that changes nothing", () => {
    const last = retellStory(STORIES.find((s) => s.failure === "stale translation")!, {
      ...spec,
      access: "encapsulated",
    });
    expect(last.at(-1)!.changed).toEqual([]);
  });
});
