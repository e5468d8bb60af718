/**
 * Translation: the engine, its reference and its twin in C on four streams. Each variant has tables of its own, equal at the start,
 * and runs the same accesses again and again, so that their counts must be equal in every round.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type AccessWords, accessCount } from "../../src/mmu/access-words.ts";
import { newEngine, type TranslationEngine } from "../../src/mmu/engine/engine.ts";
import { filterFor, StreamFilter, withDropped } from "../../src/mmu/engine/filter.ts";
import type { MmuCounts, MmuSpec } from "../../src/mmu/simulate.ts";
import { buildC, startC } from "./c-program.ts";
import type { BenchCase, Context, Goal, Round, Variant } from "./harness.ts";
import { BENCH_CORE, type Input, pageWords, REAL, realTrace, synthetic, treeOf } from "./inputs.ts";

const C = "C -O2";
const WASM = "engine";
const REFERENCE = "reference model";
const FILTERED = "engine, filtered stream";
const PAGE_LG2 = 12;

/**
 * Accesses of a round. Rounds are short, so that variants meet the same moods of a machine that others use too, and each runs the next
 * part of the stream.
 */
const PART = 2 ** 18;

/** The parts of a stream; shorter ones at its end are left out. */
function partsOf(words: AccessWords): AccessWords[] {
  const n = Math.max(1, Math.floor(accessCount(words) / PART));
  return Array.from({ length: n }, (_, i) => words.subarray(2 * PART * i, 2 * PART * (i + 1)));
}

/** Members of a list in turn, for ever. */
function inTurn<T>(list: readonly T[]): () => T {
  let next = 0;
  return () => list[next++ % list.length]!;
}

/** Runs of an engine over a stream, a part of it each round. */
export function engineVariant(name: string, engine: TranslationEngine, { words }: Input): Variant {
  const part = inTurn(partsOf(words));
  return {
    name,
    round(): Round {
      const now = part();
      engine.reset();
      engine.run(now);
      return { units: accessCount(now), counts: told(engine.counts()) };
    },
  };
}

/** Counts in the order in which `translate.c` prints them. */
export function told({ accesses, tlbHits, walks, dirtyWalks, faults, reads, lines }: MmuCounts): MmuCounts {
  return { accesses, tlbHits, walks, dirtyWalks, faults, reads, lines };
}

/** The twin in C, or why it cannot run. */
export function cVariant(context: Context, { name, words, pages }: Input): Variant | string {
  const program = buildC(context, "translate.c");
  if (program === null) return `${C}: there is no gcc`;
  const file = (what: string) => path.join(context.temp, `${name}.${what}`);
  writeFileSync(file("words"), words);
  writeFileSync(file("pages"), pageWords(pages));
  const c = startC(context, program, [file("words"), file("pages")]);
  const part = inTurn(partsOf(words));
  return {
    name: C,
    round: () => {
      const now = part();
      return c.ask(`run ${(now.byteOffset - words.byteOffset) / 8} ${accessCount(now)}`);
    },
  };
}

/** Each part filtered once, then run on the engine; and what filtering it takes. */
function filtered({ words, pages }: Input): Variant[] {
  const choice = filterFor(BENCH_CORE, { leafLg2: [0] });
  const filterPart = (now: AccessWords) => {
    const filter = new StreamFilter(choice, PAGE_LG2);
    // What is left at the end is made there, so that a part ends as the whole one does.
    return { kept: [filter.keep(now), filter.settle()], dropped: filter.dropped };
  };
  const engine = newEngine(treeOf(pages), BENCH_CORE, "wasm");
  const made = inTurn(partsOf(words).map(filterPart));
  const part = inTurn(partsOf(words));
  return [
    {
      name: FILTERED,
      round(): Round {
        const { kept, dropped } = made();
        engine.reset();
        for (const some of kept) engine.run(some);
        const counts = withDropped(engine.counts(), dropped);
        return { units: counts.accesses, counts: told(counts) };
      },
    },
    {
      name: "the filter itself, once a stream",
      round(): Round {
        const now = part();
        filterPart(now);
        return { units: accessCount(now) };
      },
    },
  ];
}

function variants(context: Context, input: Input): (Variant | string)[] {
  const engines = ([WASM, REFERENCE] as const).map((name) =>
    engineVariant(name, newEngine(treeOf(input.pages), BENCH_CORE, name === WASM ? "wasm" : "reference"), input),
  );
  return [cVariant(context, input), ...engines, ...filtered(input)];
}

const lengthOf = ({ quick }: Context) => (quick ? 2 ** 20 : 2 ** 22);

function onStream(name: string, goals: readonly Goal[], make: (n: number) => Input | Promise<Input>): BenchCase {
  return {
    group: "translate",
    name: `${name}, TLB 64x4 + 1536x12, walk caches, 4 levels`,
    unit: "access",
    baseline: C,
    goals,
    roundsPer: 6,
    variants: async (context) => variants(context, await make(lengthOf(context))),
  };
}

/** Geometries that run before the one that is measured. */
const OTHERS: readonly MmuSpec[] = [1, 2, 8, 16].map((ways) => ({
  tlb: [
    [
      { name: "a", sets: 4, ways, holds: [0, 9] },
      { name: "b", sets: 1, ways: 4, holds: [18] },
    ],
    [{ name: "c", sets: 64, ways, holds: [0, 4, 9] }],
  ],
  walkCache: [null, { sets: 2, ways }],
  accessDirty: "hardware",
}));

const afterOthers: BenchCase = {
  group: "translate",
  name: "the same configuration after four others in one process, zipf",
  unit: "access",
  baseline: "before",
  goals: [{ variant: "after", atMost: 1.1 }],
  variants: ({ quick }) => {
    const input = synthetic("zipf", quick ? 2 ** 19 : 2 ** 21);
    const make = (spec: MmuSpec) => newEngine(treeOf(input.pages), spec, "wasm");
    const before = engineVariant("before", make(BENCH_CORE), input);
    for (let i = 0; i < 4; i++) before.round();
    for (const spec of OTHERS) make(spec).run(input.words);
    const after = engineVariant("after", make(BENCH_CORE), input);
    for (let i = 0; i < 4; i++) after.round();
    return [before, after];
  },
};

const atMost = (limit: number): Goal[] => [{ variant: WASM, atMost: limit }];

/** The cases of the group. */
export const cases: readonly BenchCase[] = [
  onStream("sequential", atMost(1.5), (n) => synthetic("sequential", n)),
  onStream("zipf", atMost(1.25), (n) => synthetic("zipf", n)),
  onStream("random", atMost(1.25), (n) => synthetic("random", n)),
  ...REAL.map((name) =>
    onStream(`recorded ${name}`, [...atMost(1.25), { variant: FILTERED, atMost: 0.4 }], (n) => realTrace(name, n)),
  ),
  afterOthers,
];
