/**
 * A live figure: a figure that can be made again with other parameters, in a notebook, in a test, and in a worker of the
 * reader's browser. The worker makes the data; the page, which has a document, draws it with the same `plot`.
 */
import { fileDigest } from "../base/digest.ts";
import { invariant, oneOf, UserError } from "../base/errors.ts";
import type { ParamSpec, ParamSpecs, ParamsOf, RunEffects } from "../study/experiment.ts";
import { figure } from "./create.ts";
import { type Drawing, type Figure, type FigureData, type LooseData, MADE_BY } from "./figure.ts";
import { OWN_CAPTURE } from "./live/own-capture.ts";

/** Parameter values by name, as controls and addresses carry them. */
export type LiveParams = Readonly<Record<string, string | number | boolean>>;

/** Contents of input files by name. */
export type LiveInputs = Readonly<Record<string, string | Uint8Array>>;

/** An input as `make` takes it: what is packed or binary by its name, or may be, as bytes, everything else as text. */
export function inputContent(name: string, bytes: Uint8Array): string | Uint8Array {
  return name === OWN_CAPTURE.input || /\.(gz|ptt)$/.test(name) ? bytes : new TextDecoder().decode(bytes);
}

/** Everything needed to redraw a figure with other parameters. */
export interface LiveFigure {
  readonly id: string;
  readonly title: string;
  readonly params: ParamSpecs;
  /** Names of the files in `notebooks/data/` that `make` may need. */
  readonly inputs: readonly string[];
  /** Names of those that it needs for these parameters; with wrong ones, all. */
  inputsFor(params: LiveParams): readonly string[];
  /** Parameters left out take their defaults; wrong ones, and missing inputs, are a {@link UserError}. */
  make(params: LiveParams, inputs: LiveInputs, effects?: RunEffects): Promise<Figure>;
  /** How the made data is drawn; what `make` returns carries the same function. */
  readonly plot: Drawing;
}

/** What a figure was made by, kept under {@link MADE_BY}, so that it can be made again with other parameters from the same inputs. */
export interface MadeBy {
  readonly live: LiveFigure;
  readonly params: LiveParams;
  readonly inputs: LiveInputs;
}

/**
 * What {@link defineLive} takes: `run` gets all parameters filled in and returns the data alone, in time if it has to
 * wait, as it has to for the content of a compressed capture.
 */
export interface LiveSpec<S extends ParamSpecs> {
  readonly id: string;
  readonly title: string;
  readonly params: S;
  readonly inputs: readonly string[];
  /** Which of the inputs are needed for these parameters, where that is not all. */
  readonly needs?: (params: ParamsOf<S>) => readonly string[];
  run(params: ParamsOf<S>, inputs: LiveInputs, effects?: RunEffects): LooseData | Promise<LooseData>;
  readonly plot: Drawing;
}

/** A live figure whose every made figure knows by which parameters it can be made again. */
export function defineLive<S extends ParamSpecs>(spec: LiveSpec<S>): LiveFigure {
  const { id, title, params, inputs, plot, needs = () => inputs } = spec;
  invariant(
    Object.keys(params).length > 0,
    `live figure '${id}' has no parameter: it would be a form without controls`,
  );
  const make: LiveFigure["make"] = async (given, files, effects) => {
    const filled = fillParams(params, given);
    const read = needs(filled);
    for (const name of read)
      if (files[name] === undefined) throw new UserError(`live figure '${id}' needs the input file '${name}'`);
    const digests = Object.fromEntries(read.map((name) => [name, fileDigest(files[name]!)]));
    const [data, used] = [await spec.run(filled, files, effects), filled as LiveParams];
    const made = figure({ ...data, live: { id, params: used, inputs: digests }, plot });
    return Object.defineProperty(made, MADE_BY, { value: { live, params: used, inputs: files } satisfies MadeBy });
  };
  const inputsFor: LiveFigure["inputsFor"] = (given) => {
    try {
      return needs(fillParams(params, given));
    } catch (error) {
      // What is wrong with the parameters is for `make` to say.
      if (error instanceof UserError) return inputs;
      throw error;
    }
  };
  const live: LiveFigure = { id, title, params, inputs, inputsFor, make, plot };
  return live;
}

/** The figure that a worker made, drawable again on this side. */
export function revive(data: FigureData, live: LiveFigure): Figure {
  return figure({ ...data, plot: live.plot });
}

/** All parameters, defaults filled in. Throws {@link UserError} on an unknown name or a value that is not allowed. */
export function fillParams<S extends ParamSpecs>(specs: S, given: LiveParams): ParamsOf<S> {
  for (const name of Object.keys(given)) oneOf("parameter", name, Object.keys(specs));
  const filled = Object.entries(specs).map(([name, spec]) => [name, checkParam(name, spec, given[name])]);
  return Object.fromEntries(filled) as ParamsOf<S>;
}

function checkParam(name: string, spec: ParamSpec, value: LiveParams[string] | undefined): LiveParams[string] {
  if (value === undefined) return spec.default;
  if (spec.kind === "choice") return oneOf(name, String(value), spec.options);
  if (spec.kind === "range") return checkRange(name, spec, value);
  if (spec.kind === "text") return checkText(name, spec, value);
  if (typeof value !== "boolean") throw new UserError(`bad ${name} '${value}': true or false is allowed`);
  return value;
}

function checkText(name: string, { max }: ParamSpec & { kind: "text" }, value: LiveParams[string]): string {
  if (typeof value !== "string") throw new UserError(`bad ${name} '${value}': text is allowed`);
  if (value.length > max) throw new UserError(`${name} of ${value.length} characters: at most ${max} are allowed`);
  return value;
}

function checkRange(name: string, spec: ParamSpec & { kind: "range" }, value: LiveParams[string]): number {
  const { min, max, step } = spec;
  const steps = typeof value === "number" ? (value - min) / step : Number.NaN;
  // A step such as 0.1 has no exact double; the tolerance is far below any step that a control can make.
  const onStep = Math.abs(steps - Math.round(steps)) < 1e-6;
  if (typeof value === "number" && value >= min && value <= max && onStep) return value;
  throw new UserError(`bad ${name} '${value}': ${min} to ${max} in steps of ${step} is allowed`);
}
