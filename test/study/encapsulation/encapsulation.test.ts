import { describe, expect, test } from "vitest";
import { formatNamed, formats } from "../../../src/arch/formats.ts";
import { random } from "../../../src/base/random.ts";
import { E } from "../../../src/base/tally.ts";
import { encapsulation } from "../../../src/study/encapsulation/experiment.ts";
import { FAILURE_NAMES, type Failure, findingText } from "../../../src/study/encapsulation/finding.ts";
import { runProgram, STORIES, storyOf, tellStory } from "../../../src/study/encapsulation/program.ts";
import { World } from "../../../src/study/encapsulation/world.ts";

const folding = formats.filter((f) => f.contpte);
const others = formats.filter((f) => !f.contpte);
const SEEDS = [11, 12, 13];
const STEPS = 1500;

/** What hardware that notes can do to a format without contpte, if it can note at all. */
function failuresWithout(machine: string): Failure[] {
  return machine === "s390x" ? [] : ["racing store"];
}

describe.each(folding.map((f) => [f.name, f] as const))("%s", (_name, format) => {
  test.each(FAILURE_NAMES)("the story of '%s' ends in that failure when entries are dereferenced", (failure) => {
    const found = tellStory(storyOf(failure), { format, access: "raw" });
    expect(found.map((f) => f.failure)).toContain(failure);
  });

  test("random programs over raw dereferences run into every failure", () => {
    const found = SEEDS.flatMap((seed) => runProgram({ format, access: "raw" }, seed, STEPS));
    expect(new Set(found.map(({ finding }) => finding.failure))).toEqual(new Set(FAILURE_NAMES));
  });
});

describe.each(others.map((f) => [f.name, f] as const))("%s, which has no contpte", (_name, format) => {
  test("raw dereferences fail by a racing store alone, and not at all where faults note accessed and dirty", () => {
    const random = SEEDS.flatMap((seed) => runProgram({ format, access: "raw" }, seed, STEPS)).map((f) => f.finding);
    const told = STORIES.flatMap((story) => tellStory(story, { format, access: "raw" }));
    expect([...new Set([...random, ...told].map((f) => f.failure))]).toEqual(failuresWithout(format.machine));
  });
});

describe.each(formats.map((f) => [f.name, f] as const))("%s through the helpers", (_name, format) => {
  test.each(SEEDS)("nothing fails in a random program, whoever notes accessed and dirty (seed %d)", (seed) => {
    for (const accessDirty of ["hardware", "fault"] as const) {
      const found = runProgram({ format, access: "encapsulated", accessDirty }, seed, STEPS);
      const story = found.map(
        ({ step, what, finding }) => `seed ${seed} step ${step} ${what}: ${findingText(finding)}`,
      );
      expect(story).toEqual([]);
    }
  });

  test("no story ends in a failure", () => {
    for (const story of STORIES) expect(tellStory(story, { format, access: "encapsulated" })).toEqual([]);
  });
});

describe("what the programs exercise", () => {
  test("the helpers fold and unfold, hardware holds blocks, and notes on entries other than the page's own", () => {
    const world = new World({ format: formatNamed("arm64-4k"), access: "encapsulated" });
    const rng = random(3);
    let held = 0;
    for (let i = 0; i < 500; i++) {
      const page = world.start + rng.below(world.pages);
      world.step(() =>
        rng.below(3) ? world.touch(page, true, page ^ 1) : world.protectBlock(page, rng.below(2) === 0),
      );
      held = Math.max(held, ...world.hardware.held.map((h) => h.pages));
    }
    expect(held).toBe(16);
    expect(world.pt.tally[E.contpteUnfolds]).toBeGreaterThan(10);
    expect(world.pt.tally[E.contpteFolds]).toBeGreaterThan(3);
  });

  test("both accesses run the same program: the steps at which anything is found depend on the seed alone", () => {
    const spec = { format: formatNamed("arm64-4k"), access: "raw" } as const;
    expect(runProgram(spec, 5, 400)).toEqual(runProgram(spec, 5, 400));
    expect(runProgram(spec, 5, 400)).not.toEqual(runProgram(spec, 6, 400));
  });

  test("leaving out the invalidation of a fold on a CPU without BBML2 is a size conflict, helpers or not", () => {
    const fold = (bbml2: boolean) => {
      const world = new World({ format: formatNamed("arm64-4k"), access: "encapsulated", contpteRules: { bbml2 } });
      const [first, last] = [world.start, world.start + world.block - 1];
      const steps = [
        () => world.mapBlock(first),
        () => world.protect(first + 3, false),
        () => world.protect(first + 3, true),
        () => world.touch(first + 1, false),
        // The last store of the block folds it while the translation of one page is still held.
        () => world.protect(last, true),
        () => world.touch(first, false),
      ];
      return steps.flatMap((step) => world.step(step)).map((f) => f.failure);
    };
    expect([fold(false), fold(true)]).toEqual([[], ["size conflict"]]);
  });
});

describe("a finding", () => {
  const found = (failure: Failure) =>
    tellStory(storyOf(failure), { format: formatNamed("arm64-4k"), access: "raw" }).find((f) => f.failure === failure)!;

  test("names its failure, address, level, slot, word and what was expected, in one line", () => {
    const f = found("leaked contiguous bit");
    expect(findingText(f)).toMatch(
      /^leaked contiguous bit: va 0x[0-9a-f]+, level 0, slot \d+, word 0x[0-9a-f]+: all 16 entries of its block alike/,
    );
    expect(findingText(f)).not.toContain("\n");
  });

  test("of a stray pointer lies in no table and tells how many words around it were rewritten", () => {
    const f = found("stray pointer");
    expect(f.level).toBe(-1);
    expect(f.expected).toMatch(/15 words were rewritten/);
  });

  test("of a lost note is at the page that was written, not at the entry on which hardware noted it", () => {
    const world = new World({ format: formatNamed("arm64-4k"), access: "raw" });
    const page = world.start + 2;
    world.step(() => world.mapBlock(page));
    world.step(() => world.touch(page, true, page + 3));
    const [f] = world.step(() => world.reclaim(page));
    expect([f!.failure, Number(BigInt(f!.va) >> 12n)]).toEqual(["lost on block", page]);
  });

  test("is reported once while it stands, and again when it comes again", () => {
    const world = new World({ format: formatNamed("arm64-4k"), access: "raw" });
    const [p, leaks] = [world.start, (act: () => void) => world.step(act).length];
    world.step(() => world.mapBlock(p));
    expect(leaks(() => world.protect(p, false))).toBe(1);
    expect(leaks(() => {})).toBe(0);
    expect(leaks(() => world.protect(p, true))).toBe(0);
    expect(leaks(() => world.protect(p, false))).toBe(1);
  });
});

describe("the experiment", () => {
  const run = (access: string, change = {}) =>
    encapsulation.run(
      { access, arch: "arm64-4k", accessDirty: "hardware", bbml2: false, steps: 1000, seed: 1, ...change },
      undefined,
    );

  test("has one row for each failure: all of them raw, none through the helpers", () => {
    expect(run("raw").map((r) => r.failure)).toEqual(FAILURE_NAMES);
    for (const row of run("raw")) expect([row.failure, row.story, row.found > 0]).toEqual([row.failure, 1, true]);
    for (const row of run("encapsulated"))
      expect(row).toEqual({ failure: row.failure, story: 0, found: 0, firstStep: -1, first: "" });
  });

  test("finds no racing store where faults note accessed and dirty", () => {
    const row = run("raw", { accessDirty: "fault" }).find((r) => r.failure === "racing store")!;
    expect([row.story, row.found]).toEqual([0, 0]);
  });

  test("gives the same rows whenever it runs, and stops when it is interrupted", () => {
    expect(run("raw")).toEqual(run("raw"));
    const params = { access: "raw", arch: "x86-64", accessDirty: "hardware", bbml2: false, steps: 100, seed: 1 };
    expect(() => encapsulation.run(params, undefined, { signal: AbortSignal.abort() })).toThrow(/abort/i);
  });
});
