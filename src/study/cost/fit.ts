/**
 * Calibration: the weights that bring the counts of the simulated kernel nearest to the recorded times of a real one.
 *
 * What is made small is the sum over rows of the relative residual, in units of how well the row can be known: the error of its
 * median, and a tenth of its time for what the model leaves out. A row that is far off all the same counts less than its square
 * (Huber), so that an operation whose cost has a cause that is not counted bends no weight of the others.
 */
import { UserError } from "../../base/errors.ts";
import { E, EVENT_NAMES, type EventName, newTally } from "../../base/tally.ts";
import type { RunEffects } from "../experiment.ts";
import { type FittedWeight, NOT_FITTED } from "./costs.ts";
import type { LimitRow, Limits } from "./limits.ts";
import { countsPerPage, limitOp, rowWithin } from "./limits-ops.ts";
import { nonNegativeLeastSquares } from "./solve.ts";

/** One row beside what the fitted weights say of it, in the row's unit. */
export interface FittedRow {
  readonly name: string;
  readonly what: string;
  readonly measured: number;
  readonly modelled: number;
  /** (modelled - measured) / measured. */
  readonly residual: number;
  /** Events by unit: counted, for whoever wants to see why. */
  readonly counts: Float64Array;
}

/** A calibration: weights, every row that they were fitted to, and the rows that are no operation of the kernel's. */
export interface Fit {
  readonly weights: readonly FittedWeight[];
  readonly rows: readonly FittedRow[];
  readonly others: readonly LimitRow[];
  /** Root of the mean square of the relative residuals, and their median without sign. */
  readonly rms: number;
  readonly median: number;
}

/** A row made ready: counts of the events to be fitted. */
interface Sample {
  readonly row: LimitRow;
  readonly measured: number;
  readonly sigma: number;
  readonly counts: Float64Array;
}

/** What the model may be wrong by before a row counts as far off. */
const MODEL_ERROR = 0.1;

/** Residuals beyond so many sigmas count by their size and no longer by its square (Huber's k). */
const FAR = 1.5;

/** Rounds of weighing anew; the weights move by less than a part in a million long before. */
const ROUNDS = 60;

/** Events with a weight to be found. */
const FITTED: readonly EventName[] = EVENT_NAMES.filter((event) => NOT_FITTED[event] === undefined);

/** Base pages in a MiB. */
const PAGES_PER_MIB = 256;

/** How far a calibration has come. */
export interface FitStep {
  readonly done: number;
  readonly total: number;
}

/** Fits the weights to recorded times. A file without any operation that is modelled is a {@link UserError}. */
export function fitCosts(limits: Limits, { signal, progress }: RunEffects = {}): Fit {
  const steps = fitSteps(limits);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    signal?.throwIfAborted();
    progress?.(step.value.done, step.value.total);
  }
}

/** The same one row at a time, for a caller that has other things to see to in between. */
export function* fitSteps(limits: Limits, file = "recorded times"): Generator<FitStep, Fit> {
  const own = limits.rows.filter(({ name }) => isOperation(name));
  if (own.length === 0)
    throw new UserError(`${file}: no row is an operation that ptlab models, such as fork_4k or munmap_4k`);
  const total = 2 * own.length;
  const samples: Sample[] = [];
  for (const row of own) {
    yield { done: samples.length, total };
    samples.push(sampleOf(row, limits));
  }
  const ns = solve(samples);
  const without: Float64Array[] = [];
  for (const sample of samples) {
    yield { done: own.length + without.length, total };
    without.push(solve(samples.filter((other) => other !== sample)));
  }
  const rows = samples.map((sample) => fittedRow(sample, ns));
  const weights = FITTED.flatMap((event, i): FittedWeight[] => {
    if (samples.every(({ counts }) => counts[E[event]] === 0)) return [];
    const values = [ns[i]!, ...without.map((w) => w[i]!)];
    return [
      { event, ns: ns[i]!, low: Math.min(...values), high: Math.max(...values), ...largest(rows, event, ns[i]!) },
    ];
  });
  return { weights, rows, others: limits.rows.filter(({ name }) => !isOperation(name)), ...summaryOf(rows) };
}

const SYSCALL = "syscall";

function isOperation(name: string): boolean {
  return name === SYSCALL || limitOp(name) !== null;
}

/** The row of which an event is the largest part. */
function largest(
  rows: readonly FittedRow[],
  event: EventName,
  ns: number,
): Pick<FittedWeight, "row" | "share" | "residual"> {
  const shares = rows.map(({ counts, modelled }) => (counts[E[event]]! * ns) / modelled);
  const at = shares.indexOf(Math.max(...shares));
  // A weight of 0 is no part of anything; the row that has most of the event says why it is 0.
  const most = rows.map(({ counts, measured }) => counts[E[event]]! / measured);
  const { name, residual } = rows[ns > 0 ? at : most.indexOf(Math.max(...most))]!;
  return { row: name, share: shares[at]!, residual };
}

function sampleOf(row: LimitRow, { machine, rows }: Limits): Sample {
  const counts = row.name === SYSCALL ? oneCall() : countsPerPage(row.name, machine.MiB * PAGES_PER_MIB);
  const within = rows.find(({ name }) => name === rowWithin(row.name))?.median ?? 0;
  return { row, measured: row.median - within, sigma: sigmaOf(row), counts };
}

function oneCall(): Float64Array {
  const counts = newTally();
  counts[E.systemCalls] = 1;
  return counts;
}

/** Spread of a normal distribution between its tenth and ninetieth percentile, and by how much a median wanders more than a mean. */
const DECILES = 2.563;
const MEDIAN_SPREAD = 1.253;

function sigmaOf({ median, p10, p90, reps }: LimitRow): number {
  const spread = (MEDIAN_SPREAD * (p90 - p10)) / DECILES / median / Math.sqrt(reps);
  return Math.hypot(MODEL_ERROR, spread);
}

/** Time of the events whose weights are not to be found. */
function knownNs(counts: Float64Array): number {
  return EVENT_NAMES.reduce((sum, event) => sum + counts[E[event]]! * (NOT_FITTED[event]?.ns ?? 0), 0);
}

function modelledNs(counts: Float64Array, ns: Float64Array): number {
  return FITTED.reduce((sum, event, i) => sum + counts[E[event]]! * ns[i]!, knownNs(counts));
}

function solve(samples: readonly Sample[]): Float64Array {
  let weights = samples.map(() => 1);
  for (let round = 0; ; round++) {
    const equations = samples.map(({ counts, measured, sigma }, i) => ({
      coefficients: Float64Array.from(FITTED, (event) => (weights[i]! * counts[E[event]]!) / measured / sigma),
      value: (weights[i]! * (measured - knownNs(counts))) / measured / sigma,
    }));
    const ns = nonNegativeLeastSquares(equations, FITTED.length);
    if (round === ROUNDS) return ns;
    weights = samples.map(({ counts, measured, sigma }) => {
      const away = Math.abs(modelledNs(counts, ns) / measured - 1) / sigma;
      return Math.sqrt(Math.min(1, FAR / away));
    });
  }
}

function fittedRow({ row, measured, counts }: Sample, ns: Float64Array): FittedRow {
  const modelled = modelledNs(counts, ns);
  return { name: row.name, what: row.what, measured, modelled, residual: modelled / measured - 1, counts };
}

function summaryOf(rows: readonly FittedRow[]): { rms: number; median: number } {
  const sizes = rows.map(({ residual }) => Math.abs(residual)).sort((a, b) => a - b);
  const rms = Math.sqrt(sizes.reduce((sum, size) => sum + size * size, 0) / sizes.length);
  return { rms, median: sizes[sizes.length >> 1]! };
}
