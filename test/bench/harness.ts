/**
 * The bench: runs the variants of a case in turns and compares them. What one machine says in nanoseconds another does not, so
 * every comparison is a ratio of two variants within one round, given as the median of all rounds with its spread.
 *
 * A case is data. A variant does a fixed amount of work per round; it is timed here by the CPU time of the process, or, where it
 * runs elsewhere (a C program, the real kernel), says its time itself. A file of cases exports `cases`, see `main.ts`.
 */

/** What one round of a variant did. */
export interface Round {
  /** Units of work: accesses, pages, entries. */
  readonly units: number;
  /** Nanoseconds of CPU time, or another amount that the case names; without it the harness' own clock counts. */
  readonly amount?: number;
  /** What all variants of the case must agree on, round by round. Left out where there is nothing to compare. */
  readonly counts?: unknown;
}

/** One way of doing the work of a case. */
export interface Variant {
  readonly name: string;
  round(): Round | Promise<Round>;
}

/** What a case is given: where to work, and whether to be brief. */
export interface Context {
  /** An empty folder of the run, removed at its end. */
  readonly temp: string;
  /** Smaller inputs, for a first look. */
  readonly quick: boolean;
  /** Inputs that take gibibytes of memory and minutes. */
  readonly big: boolean;
  /** Registers what must be stopped when the case is over or the user interrupts. */
  onStop(stop: () => void): void;
}

/** A limit on one variant: on its ratio to the baseline, or, with `of` null, on its amount per unit. */
export interface Goal {
  readonly variant: string;
  readonly atMost: number;
  readonly of?: null;
}

/** One comparison. */
export interface BenchCase {
  readonly group: string;
  readonly name: string;
  /** What the amount is divided by: "access", "page". */
  readonly unit: string;
  /** What is measured, if not nanoseconds: "bytes". */
  readonly measures?: string;
  /** Name of the variant that ratios are taken to; the first one that runs if it is left out or not there. */
  readonly baseline?: string;
  readonly goals?: readonly Goal[];
  /** Units of work that each variant does before it counts. Fixed work and not fixed time, so that every run is alike. */
  readonly warmUp?: number;
  /** Rounds, if the default is too many. */
  readonly rounds?: number;
  /** Rounds to each round asked for, where they are short: 1 if left out. */
  readonly roundsPer?: number;
  /** Builds what is to be compared. Strings are variants that had to be left out, with the reason. */
  variants(context: Context): readonly (Variant | string)[] | Promise<readonly (Variant | string)[]>;
}

/** Median and spread. */
export interface Spread {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

/** What came of one variant. */
export interface VariantResult {
  readonly name: string;
  /** Per unit. */
  readonly amount: Spread;
  /** To the baseline, taken round by round. */
  readonly ratio: Spread;
  readonly goal: { readonly of: string | null; readonly atMost: number } | null;
  readonly met: boolean | null;
}

/** What came of one case. */
export interface CaseResult {
  readonly group: string;
  readonly name: string;
  readonly unit: string;
  readonly measures: string;
  readonly baseline: string;
  readonly rounds: number;
  readonly warmUp: number;
  readonly unitsPerRound: number;
  readonly variants: readonly VariantResult[];
  readonly leftOut: readonly string[];
}

/** How a run goes. */
export interface RunOptions {
  readonly rounds: number;
  readonly signal: AbortSignal;
  progress(done: number, of: number): void;
  /** Microseconds of CPU time so far. */
  cpu(): number;
}

const WARM_UP = 2 ** 23;

/** Runs one case. Throws if two variants disagree on what they counted. */
export async function runCase(c: BenchCase, context: Context, options: RunOptions): Promise<CaseResult> {
  const all = await c.variants(context);
  const leftOut = all.filter((v) => typeof v === "string");
  const variants = all.filter((v) => typeof v !== "string");
  const rounds = Math.min(options.rounds * (c.roundsPer ?? 1), c.rounds ?? Number.POSITIVE_INFINITY);
  const warmUp = c.warmUp ?? WARM_UP;
  const of = variants.length * (rounds + 1);
  let done = 0;
  const step = () => options.progress(done++, of);
  for (const v of variants) {
    step();
    for (let units = 0; units < warmUp; ) units += (await timed(v, options)).units;
  }
  const table: number[][] = variants.map(() => []);
  let unitsPerRound = 0;
  for (let round = 0; round < rounds; round++) {
    const outcomes: (Round & { amount: number })[] = [];
    // Every second round runs backwards, so that no variant is always the one behind a certain other.
    for (const i of order(variants.length, round)) {
      step();
      outcomes[i] = await timed(variants[i]!, options);
      table[i]!.push(outcomes[i]!.amount / outcomes[i]!.units);
      unitsPerRound = outcomes[i]!.units;
    }
    checkAgreement(c, variants, outcomes);
  }
  return { ...summary(c, variants, table), rounds, warmUp, unitsPerRound, leftOut };
}

function order(n: number, round: number): number[] {
  const ascending = Array.from({ length: n }, (_, i) => i);
  return round % 2 === 0 ? ascending : ascending.reverse();
}

async function timed(variant: Variant, { signal, cpu }: RunOptions): Promise<Round & { amount: number }> {
  // A turn of the event loop, in which an interrupt is heard.
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
  const start = cpu();
  const round = await variant.round();
  return { ...round, amount: round.amount ?? (cpu() - start) * 1000 };
}

/** Variants that did not do the same work are not comparable. */
export function checkAgreement(
  c: Pick<BenchCase, "group" | "name">,
  variants: readonly Pick<Variant, "name">[],
  outcomes: readonly Round[],
): void {
  const told = variants.flatMap(({ name }, i) =>
    outcomes[i]!.counts === undefined ? [] : [{ name, text: JSON.stringify(outcomes[i]!.counts) }],
  );
  const other = told.find(({ text }) => text !== told[0]!.text);
  if (other === undefined) return;
  throw new Error(
    `${c.group} ${c.name}: counts differ\n  ${told[0]!.name}: ${told[0]!.text}\n  ${other.name}: ${other.text}`,
  );
}

/** From amounts per unit, a row for each variant and a column for each round, to what is reported. */
export function summary(
  c: BenchCase,
  variants: readonly Pick<Variant, "name">[],
  table: readonly (readonly number[])[],
): Pick<CaseResult, "group" | "name" | "unit" | "measures" | "baseline" | "variants"> {
  const base = Math.max(
    0,
    variants.findIndex(({ name }) => name === c.baseline),
  );
  const results = variants.map(({ name }, i) => {
    const amount = spread(table[i]!);
    const ratio = spread(table[i]!.map((value, round) => value / table[base]![round]!));
    const goal = c.goals?.find((g) => g.variant === name);
    // A ratio to something that could not be run is no ratio to the baseline.
    const known = goal?.of === null || c.baseline === undefined || variants[base]!.name === c.baseline;
    if (goal === undefined || !known) return { name, amount, ratio, goal: null, met: null };
    const of = goal.of === null ? null : variants[base]!.name;
    const met = (of === null ? amount : ratio).median <= goal.atMost;
    return { name, amount, ratio, goal: { of, atMost: goal.atMost }, met };
  });
  const { group, name, unit, measures = "ns" } = c;
  return { group, name, unit, measures, baseline: variants[base]?.name ?? "", variants: results };
}

/** Median and the tenths from both ends, between neighbours where there is no middle one. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number) => {
    const x = q * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(x)]!, sorted[Math.ceil(x)]!];
    return low + (high - low) * (x - Math.floor(x));
  };
  return { median: at(0.5), p10: at(0.1), p90: at(0.9) };
}
