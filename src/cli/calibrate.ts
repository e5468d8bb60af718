/**
 * `ptlab calibrate [FILE]`: fits the weights of the cost table to recorded times of a real kernel's operations, and prints them with the
 * residual of every row.
 */
import { digest } from "../base/digest.ts";
import { MiB } from "../base/size.ts";
import { EVENT_NAMES } from "../base/tally.ts";
import { costsData, residualsData, translationData } from "../figure/calibration.ts";
import type { Build } from "../figure/figure.ts";
import { toText } from "../figure/text.ts";
import { coreNamed } from "../mmu/cores/cores.ts";
import { costTable } from "../study/cost/costs.ts";
import { type Fit, type FitStep, fitSteps } from "../study/cost/fit.ts";
import { type Limits, parseLimits } from "../study/cost/limits.ts";
import { checkedCore, translationSteps } from "../study/cost/translation.ts";
import { type CommandEffects, progressLine } from "./effects.ts";
import { readBounded } from "./read-file.ts";
import { checkWritable, writeWhole } from "./write-file.ts";

/** Options of the command, as typed. */
export interface CalibrateOptions {
  /** Recorded times as JSON. */
  readonly file: string;
  /** Core of the model that the rows of random loads are held against. */
  readonly core: string;
  /** File for the weights, as JSON; an existing one is replaced. */
  readonly out?: string;
}

/** No recorder writes more. */
const MOST_BYTES = 4 * MiB;

/** Prints the two tables, or throws a {@link UserError}. `build` is for the stamp under them. */
export async function calibrateCommand(
  options: CalibrateOptions,
  effects: CommandEffects,
  build: Build,
): Promise<void> {
  const core = checkedCore(coreNamed(options.core));
  if (options.out !== undefined) await checkWritable(options.out, true);
  const text = (await readBounded(options.file, MOST_BYTES, "recorded times")).toString("utf8");
  const limits = parseLimits(text, options.file);
  const fit = await paced(fitSteps(limits, options.file), "calibrating", effects);
  const translation = await paced(translationSteps(limits.rows, core), "translation", effects);
  const name = machineName(limits);
  const origin = { machine: name, input: digest(text) };
  if (options.out !== undefined)
    await writeWhole(options.out, new TextEncoder().encode(costsJson(name, fit)), effects.signal);
  effects.out(toText(costsData(costTable(name, fit.weights), origin), build));
  effects.out(`\n${toText(residualsData(fit, origin), build)}`);
  if (translation.length > 0) effects.out(`\n${toText(translationData(translation, core.name, origin), build)}`);
}

/** Takes the steps of a long computation, and lets an interrupt in between them. */
async function paced<T>(steps: Generator<FitStep, T>, what: string, effects: CommandEffects): Promise<T> {
  const bar = progressLine(what, effects);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) {
      bar.clear();
      return step.value;
    }
    effects.signal?.throwIfAborted();
    bar.show(step.value.done, step.value.total);
    await new Promise((go) => setImmediate(go));
  }
}

function machineName({ machine: { cpu, kernel, MiB: size } }: Limits): string {
  return `${cpu}, Linux ${kernel}, ${size} MiB`;
}

const digits = (value: number, n: number): number => Number(value.toPrecision(n));

/** The form of `src/study/cost/zen4-6.18.json`, from which the default table is made. */
function costsJson(machine: string, { weights, rows }: Fit): string {
  const weight = ({ event, ns, low, high, row, share, residual }: Fit["weights"][number]) => ({
    ...{ event, ns: digits(ns, 4), low: digits(low, 3), high: digits(high, 3) },
    ...{ row, share: digits(share, 3), residual: digits(residual, 3) },
  });
  const row = ({ name, what, measured, modelled, counts }: Fit["rows"][number]) => ({
    ...{ name, what, measured: digits(measured, 4), modelled: digits(modelled, 4) },
    counts: Object.fromEntries(
      EVENT_NAMES.flatMap((event, i) => (counts[i] === 0 ? [] : [[event, digits(counts[i]!, 6)]])),
    ),
  });
  const lines = (items: readonly unknown[]) => items.map((item) => `  ${JSON.stringify(item)}`).join(",\n");
  return `{\n "machine": ${JSON.stringify(machine)},\n "weights": [\n${lines(weights.map(weight))}\n ],\n "rows": [\n${lines(rows.map(row))}\n ]\n}\n`;
}
