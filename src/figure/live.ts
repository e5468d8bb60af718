/**
 * A live figure: all that is needed to draw a figure again with other parameters, in a notebook, in a test, or in a
 * reader's browser. It is in two steps because the first, the simulation, runs in a worker that has no document, and
 * only plain data travels from there to the second, which draws.
 */
import type { ParamSpecs, ParamsOf, RunEffects } from "../study/experiment.ts";
import type { Figure } from "./figure.ts";

/** Values of a live figure's parameters, by name. */
export type LiveParams = Readonly<Record<string, string | number | boolean>>;

/** Contents of the input files by name: text, or bytes where the file is not text (gzip). */
export type LiveInputs = Readonly<Record<string, string | Uint8Array>>;

/**
 * A figure that can be redrawn. `Result` is what `compute` hands to `figure`: plain data that survives a structured
 * clone. Both are pure: the same parameters and inputs give the same figure.
 */
export interface LiveFigure<S extends ParamSpecs = ParamSpecs, Result = unknown> {
  /** Unique name; a figure refers to it by `Figure.live.id`. */
  readonly id: string;
  readonly title: string;
  readonly params: S;
  /** Names of files in `notebooks/data/` that `compute` reads. */
  readonly inputs: readonly string[];
  compute(params: ParamsOf<S>, inputs: LiveInputs, effects?: RunEffects): Result | Promise<Result>;
  figure(result: Result, params: ParamsOf<S>): Figure;
}

/** The parameters' defaults. */
export function liveDefaults(specs: ParamSpecs): LiveParams {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, spec.default]));
}

/** Both steps at once, for notebooks and tests. Parameters that are not given take their defaults. */
export async function makeLive(
  live: LiveFigure,
  params: LiveParams,
  inputs: LiveInputs,
  effects?: RunEffects,
): Promise<Figure> {
  const filled = { ...liveDefaults(live.params), ...params } as ParamsOf<ParamSpecs>;
  return live.figure(await live.compute(filled, inputs, effects), filled);
}
