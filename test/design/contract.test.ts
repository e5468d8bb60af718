/**
 * The one contract: random programs of map, unmap, protect, visit, install and split run over every design and every format.
 * After every step the tables say what a flat map of pages says, and no lock is left held. `PTLAB_SEED` runs other programs,
 * or the one whose seed a failure names first of all; `PTLAB_CONTRACT_OPS` more or fewer.
 */
import { afterAll, describe, expect, test } from "vitest";
import type { Format } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { cursorOverFolded } from "../../src/design/cursor-over-folded.ts";
import type { Design } from "../../src/design/design.ts";
import { designs } from "../../src/design/designs.ts";
import { plain } from "./plain.ts";
import { newSeen, OPS, Program, type Seen } from "./program.ts";

const SEED = Number(process.env.PTLAB_SEED ?? 20261121);
/** Operations of a whole run, over all designs and formats. */
const TOTAL = Number(process.env.PTLAB_CONTRACT_OPS ?? 200_000);
/** Steps of one program: tables fill up, and what a longer one would do first happens to an emptier address space. */
const STEPS = 60;

/** Larger tables take longer to read after each step, so their formats get fewer steps and the others more. */
function share(f: Format): number {
  return 1024 / Math.max(1024, 2 ** f.indexLg2[0]!);
}

const shares = formats.reduce((sum, f) => sum + share(f), 0) * designs.length;

function stepsFor(f: Format): number {
  return Math.ceil((TOTAL * share(f)) / shares);
}

/** What ran, by design and format; counted as it ran. */
const seen = new Map<string, Seen>();
const seenOf = (design: Design, f: Format) => seen.get(`${design.name} ${f.name}`) ?? newSeen();
const opsIn = ({ ops }: Seen) => Object.values(ops).reduce((sum, n) => sum + n, 0);
const ran = (design: Design, f: Format) => opsIn(seenOf(design, f));

function runPrograms(design: Design, f: Format, steps: number): void {
  const own = newSeen();
  seen.set(`${design.name} ${f.name}`, own);
  for (let done = 0; done < steps; done += STEPS) {
    const seed = SEED + done;
    // A second tree doubles what there is to compare after each step, so not every program has one.
    const program = new Program(design, f, seed, own, done % (4 * STEPS) === STEPS);
    try {
      for (let i = done; i < Math.min(steps, done + STEPS); i++) program.step();
    } catch (error) {
      const tail = program.log.slice(-8).join("\n  ");
      throw new Error(`seed ${seed}, step ${program.log.length}, ${design.name} on ${f.name}:\n  ${tail}`, {
        cause: error,
      });
    }
  }
}

/** No rows of the matrix: the cursor over Linux's own functions, and the slow twin. They run fewer steps of the same programs. */
const others: readonly [name: string, design: Design][] = [
  ["cursor over the old functions", { ...cursorOverFolded, name: "cursorOverFolded" as never }],
  ["plain", plain],
];

describe.each([...designs.map((d) => [d.name, d] as const), ...others])("%s", (_name, design) => {
  test.each(formats.map((f) => [f.name, f] as const))(
    "gives the translations of a flat map after every step of random programs on %s",
    (_f, f) => runPrograms(design, f, Math.ceil(stepsFor(f) / (designs.includes(design) ? 1 : 20))),
    120_000,
  );
});

test("the operations that ran were at least two hundred thousand, and of each kind some on every design and format", () => {
  const total = designs.reduce((sum, d) => sum + formats.reduce((n, f) => n + ran(d, f), 0), 0);
  expect(total).toBeGreaterThanOrEqual(TOTAL);
  for (const d of designs)
    for (const f of formats)
      for (const op of OPS) expect(seenOf(d, f).ops[op], `${op}: ${d.name} on ${f.name}`).toBeGreaterThan(0);
});

test("the programs came to addresses of every root, folded blocks where there are any, and met swap entries, on every format", () => {
  for (const d of designs)
    for (const f of formats) {
      const { roots, folds, swapEntries } = seenOf(d, f);
      const text = `${d.name} on ${f.name}`;
      expect([roots.size, folds > 0, swapEntries > 0], text).toEqual([f.roots.length, f.contpte, true]);
    }
});

test("the programs mapped leaves of every level that a machine has, and split some", () => {
  for (const d of designs)
    for (const machine of new Set(formats.map((f) => f.machine))) {
      const family = formats.filter((f) => f.machine === machine);
      const levels = new Set(family.flatMap((f) => [...seenOf(d, f).leafLevels]));
      const splits = family.reduce((sum, f) => sum + seenOf(d, f).splits, 0);
      expect(levels.size, `${d.name} on ${machine}`).toBe(Math.max(...family.map((f) => f.maxLeafLevel)) + 1);
      expect(splits, `${d.name} on ${machine}`).toBeGreaterThan(0);
    }
});

/** The matrix for the log of a run: operations by format and design. */
function matrix(): string {
  const row = (name: string, cells: readonly (string | number)[]) =>
    name.padEnd(14) + cells.map((cell) => String(cell).padStart(12)).join("");
  const sums = designs.map((d) => formats.reduce((sum, f) => sum + ran(d, f), 0));
  const rows = formats.map((f) =>
    row(
      f.name,
      designs.map((d) => ran(d, f)),
    ),
  );
  return [
    row(
      "operations",
      designs.map((d) => d.name),
    ),
    ...rows,
    row("all", sums),
  ].join("\n");
}

afterAll(() => console.log(`contract, seed ${SEED}\n${matrix()}`));
