import { describe, expect, test } from "vitest";
import { A } from "../../../src/arch/entry.ts";
import type { Format } from "../../../src/arch/format.ts";
import { formatNamed, formats } from "../../../src/arch/formats.ts";
import { random } from "../../../src/base/random.ts";
import { E } from "../../../src/base/tally.ts";
import { encapsulation } from "../../../src/study/encapsulation/experiment.ts";
import { FAILURE_NAMES, type Failure, findingText } from "../../../src/study/encapsulation/finding.ts";
import { type FoundAt, runProgram, STORIES, storyOf, tellStory } from "../../../src/study/encapsulation/program.ts";
import { World } from "../../../src/study/encapsulation/world.ts";

const folding = formats.filter((f) => f.contpte);
const others = formats.filter((f) => !f.contpte);
const SEEDS = [11, 12, 13];
const STEPS = 1500;

const raw = new Map<string, readonly FoundAt[]>();

/** What random programs over raw dereferences run into. They are run once, since several tests look at it. */
function rawFindings(format: Format): readonly FoundAt[] {
  const known = raw.get(format.name) ?? SEEDS.flatMap((seed) => runProgram({ format, access: "raw" }, seed, STEPS));
  raw.set(format.name, known);
  return known;
}

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
    const found = rawFindings(format);
    expect(new Set(found.map(({ finding }) => finding.failure))).toEqual(new Set(FAILURE_NAMES));
  });
});

describe.each(others.map((f) => [f.name, f] as const))("%s, which has no contpte", (_name, format) => {
  test("raw dereferences fail by a racing store alone, and not at all where faults note accessed and dirty", () => {
    const random = rawFindings(format).map((f) => f.finding);
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

  test("nothing fails by the rules of older and newer kernels either", () => {
    const [seed] = SEEDS;
    for (const rule of format.contpte ? (["gatherStops", "noopByEntry", "contMakesValid"] as const) : []) {
      const spec = { format, access: "encapsulated", contpteRules: { [rule]: true } } as const;
      expect([rule, seed, runProgram(spec, seed!, STEPS)]).toEqual([rule, seed, []]);
    }
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

describe.each(formats.map((f) => [f.name, f] as const))("findings of random programs on %s", (_name, format) => {
  const found = rawFindings(format);
  const { block, pages, start } = new World({ format, access: "raw" });
  const blockOf = (page: number) => Math.floor(page / block);
  /** Where a finding lies, and the page on which the step worked; both counted from the program's first. */
  const placeOf = ({ what, finding }: FoundAt) => {
    const [kind, worked] = what.split(" ");
    const page = Number(BigInt(finding.va) >> BigInt(format.pageLg2)) - start;
    return { kind: kind!, worked: Number(worked), page };
  };
  const of = (failure: Failure) => found.filter((f) => f.finding.failure === failure);

  test("are at a page of the program, and say in which word, on which level and in which slot", () => {
    for (const f of found) {
      const { page } = placeOf(f);
      expect([f.what, page >= 0 && page < pages]).toEqual([f.what, true]);
      expect(f.finding.level).toBe(f.finding.failure === "stray pointer" ? -1 : 0);
      // A program's pages are the first of one PTE table, whose first slot is a multiple of its length.
      if (f.finding.level === 0) expect(f.finding.slot % 2 ** format.indexLg2[0]!).toBe(page);
    }
  });

  test("of a racing store are on the very page that the step stored to", () => {
    for (const f of of("racing store")) {
      const { kind, worked, page } = placeOf(f);
      const at = kind === "block" ? [blockOf(page), blockOf(worked)] : [page, worked];
      expect([f.what, at[0]]).toEqual([f.what, at[1]]);
    }
  });

  test("of a leaked contiguous bit show a word that has it", () => {
    for (const { finding } of of("leaked contiguous bit")) {
      const word = BigInt(finding.word);
      const attrs = format.attrs(Number(word & 0xffffffffn) | 0, Number(word >> 32n) | 0, 0);
      expect([finding.word, attrs & A.cont]).toEqual([finding.word, A.cont]);
    }
  });

  test("of a stray pointer come from installing, and name the page that was installed", () => {
    for (const f of of("stray pointer")) {
      const { kind, worked, page } = placeOf(f);
      expect([kind, page]).toEqual(["install", worked]);
    }
  });

  test("of a loss on a block are in a block on which the step worked, or where it moved a page to", () => {
    for (const f of of("lost on block")) {
      const { kind, worked, page } = placeOf(f);
      if (kind === "move") continue;
      // What is unmapped at once may reach into the next block.
      const last = blockOf(kind === "unmap" ? worked + block - 1 : worked);
      expect([f.what, blockOf(page) >= blockOf(worked) && blockOf(page) <= last]).toEqual([f.what, true]);
    }
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
