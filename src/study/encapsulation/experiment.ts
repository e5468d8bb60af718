/**
 * The encapsulation question as an experiment: the same program over raw dereferences or over `ptep_get` and the setters, and
 * what breaks, failure by failure.
 */
import { formatNamed, formats } from "../../arch/formats.ts";
import { oneOf } from "../../base/errors.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { FAILURE_NAMES, type Failure, findingText } from "./finding.ts";
import { type ProgramSpec, runProgram, storyOf, tellStory } from "./program.ts";
import { ACCESSES, notesBy } from "./world.ts";

/** One failure: whether its story leads into it, and how often a random program does. */
export interface EncapsulationRow {
  readonly failure: Failure;
  /** The story of the failure ends in it: 1, or 0. */
  readonly story: number;
  /** Findings in the random program. */
  readonly found: number;
  /** Step of the random program that led into it first, from 0; -1 if none did. */
  readonly firstStep: number;
  /** The first finding, of the story or of the program, as one line; empty if there is none. */
  readonly first: string;
}

const AD = ["hardware", "fault", "as the format has it"] as const;

const PARAMS = {
  access: { kind: "choice", label: "entries reached by", options: ACCESSES, default: "raw" },
  arch: { kind: "choice", label: "format", options: formats.map((f) => f.name), default: "arm64-4k" },
  accessDirty: { kind: "choice", label: "accessed and dirty noted by", options: AD, default: "hardware" },
  bbml2: { kind: "toggle", label: "folds without invalidation (BBML2)", default: false },
  steps: { kind: "range", label: "steps", min: 100, max: 20_000, step: 100, default: 2000 },
  seed: { kind: "range", label: "seed", min: 1, max: 99, step: 1, default: 1 },
} as const;

/** "What breaks when entries are dereferenced?" */
export const encapsulation: Experiment<typeof PARAMS, EncapsulationRow> = {
  id: "encapsulation",
  question: "What breaks when entries are dereferenced instead of asked for?",
  params: PARAMS,
  run: (params, _input, effects) => {
    const spec = specOf(params);
    const found = runProgram(spec, params.seed, params.steps);
    return FAILURE_NAMES.map((failure, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, FAILURE_NAMES.length);
      const told = tellStory(storyOf(failure), spec).filter((f) => f.failure === failure);
      const hits = found.filter(({ finding }) => finding.failure === failure);
      const first = told[0] ?? hits[0]?.finding;
      return {
        failure,
        story: told.length > 0 ? 1 : 0,
        found: hits.length,
        firstStep: hits[0]?.step ?? -1,
        first: first === undefined ? "" : findingText(first),
      };
    });
  },
};

/** Where hardware notes nothing, faults do, whatever is asked for. */
function specOf(params: ParamsOf<typeof PARAMS>): ProgramSpec {
  const format = formatNamed(params.arch);
  const wanted = oneOf("who notes accessed and dirty", params.accessDirty, AD);
  const able = notesBy(format);
  const accessDirty = wanted === "fault" ? wanted : wanted === "hardware" ? able : format.accessDirty;
  const access = oneOf("access", params.access, ACCESSES);
  return { format, access, accessDirty, contpteRules: { bbml2: params.bbml2 } };
}
