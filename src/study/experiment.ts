/**
 * An experiment: a question with a few parameters whose answer is rows of numbers. The same experiment runs in a notebook
 * cell, in a test, and in a worker of the reader's browser; what it returns depends on its parameters alone.
 */

/** One parameter of an experiment, described well enough to draw a control for it. */
export type ParamSpec =
  | {
      readonly kind: "choice";
      readonly label: string;
      readonly options: readonly string[];
      readonly default: string;
    }
  | {
      readonly kind: "range";
      readonly label: string;
      readonly min: number;
      readonly max: number;
      readonly step: number;
      readonly default: number;
      /** Unit shown after the value, for example "MiB". */
      readonly unit?: string;
    }
  | {
      readonly kind: "toggle";
      readonly label: string;
      readonly default: boolean;
    }
  | {
      /** Several lines that a reader writes. */
      readonly kind: "text";
      readonly label: string;
      readonly default: string;
      /** Most characters. */
      readonly max: number;
      /** Texts to begin with, by name. */
      readonly samples: Readonly<Record<string, string>>;
      /** Whether one line is enough for it. */
      readonly oneLine?: true;
    };

/** Descriptions of all parameters, by name. */
export type ParamSpecs = Readonly<Record<string, ParamSpec>>;

/** The value type that a parameter description asks for. */
export type ParamValue<S extends ParamSpec> = S["kind"] extends "choice" | "text"
  ? string
  : S["kind"] extends "range"
    ? number
    : boolean;

/** All parameters of an experiment, filled in. */
export type ParamsOf<S extends ParamSpecs> = {
  readonly [K in keyof S]: ParamValue<S[K]>;
};

/** Something that wants to hear how far a long run has come; `done` counts up to `total`. */
export type Progress = (done: number, total: number) => void;

/** What an experiment may use besides its parameters. `input` is the text of a capture where the experiment reads one. */
export interface RunEffects {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** A question that can be asked again with other parameters. `Row` is one row of its answer. */
export interface Experiment<S extends ParamSpecs, Row, Input = undefined> {
  readonly id: string;
  /** The question in one sentence. */
  readonly question: string;
  readonly params: S;
  run(params: ParamsOf<S>, input: Input, effects?: RunEffects): readonly Row[];
}
