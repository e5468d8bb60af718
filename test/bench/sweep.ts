/**
 * Sweeps in one pass beside what they replace: 80 runs of the twin in C, of which one is timed and taken 80 times.
 */
import { accessCount } from "../../src/mmu/access-words.ts";
import { sweepSecondLevel, sweepTlb, sweepWalkCaches } from "../../src/study/sweep/sweep.ts";
import type { BenchCase, Context, Variant } from "./harness.ts";
import { BENCH_CORE, type Input, realTrace, synthetic, treeOf } from "./inputs.ts";
import { cVariant } from "./translate.ts";

const RUNS = 80;
const C = "80 runs of C -O2";
const AT_MOST = 1 / 20;

const FIRST = "80 first levels";
const SECOND = "80 second levels behind 64x4";
const WALK = "walk caches, 32 entries a level";

async function variants(context: Context, input: Input): Promise<(Variant | string)[]> {
  const c = cVariant(context, input);
  const { words, pages } = input;
  const units = accessCount(words);
  const tree = treeOf(pages);
  const first = () => sweepTlb(words, 12, { sets: [16, 32, 64, 128, 256], ways: 16 });
  if (typeof c !== "string") await checkFirst(c, units, first().hits(16, 4));
  const shapes = BENCH_CORE.tlb.map(([array]) => array!);
  const passes: [string, () => unknown][] = [
    [FIRST, first],
    [
      SECOND,
      () => sweepSecondLevel(tree, shapes[0]!, "hardware", words, { sets: [64, 128, 256, 512, 1024], ways: 16 }),
    ],
    [WALK, () => sweepWalkCaches(tree, shapes, "hardware", words, 32)],
  ];
  return [typeof c === "string" ? c : eightyTimes(c), ...passes.map(([name, pass]) => onePass(name, units, pass))];
}

function onePass(name: string, units: number, pass: () => unknown): Variant {
  return {
    name,
    round: () => {
      pass();
      return { units };
    },
  };
}

function eightyTimes(c: Variant): Variant {
  return {
    name: C,
    round: async () => {
      const { units, amount } = await c.round();
      return { units, amount: amount! * RUNS };
    },
  };
}

/** A first run over all parts begins with nothing held, as a sweep does. */
async function checkFirst(c: Variant, accesses: number, hits: number): Promise<void> {
  let sum = 0;
  for (let n = 0; n < accesses; ) {
    const { units, counts } = (await c.round()) as { units: number; counts: { tlbHits: number[] } };
    n += units;
    sum += counts.tlbHits[0]!;
  }
  if (sum !== hits) throw new Error(`the sweep counts ${hits} hits, C ${sum}`);
}

const lengthOf = ({ quick }: Context) => (quick ? 2 ** 19 : 2 ** 21);

function onStream(name: string, make: (n: number) => Input | Promise<Input>): BenchCase {
  return {
    group: "sweep",
    name,
    unit: "access",
    baseline: C,
    warmUp: 2 ** 22,
    goals: [FIRST, SECOND, WALK].map((variant) => ({ variant, atMost: AT_MOST })),
    variants: async (context) => variants(context, await make(lengthOf(context))),
  };
}

/** The cases of the group. */
export const cases: readonly BenchCase[] = [
  onStream("recorded sqlite", (n) => realTrace("sqlite", n)),
  onStream("zipf over 1 GiB", (n) => synthetic("zipf", n)),
  onStream("random over 1 GiB", (n) => synthetic("random", n)),
];
