/**
 * Raw dereferences against the helpers as sides of one comparison: the same random program with each, what was found, and what
 * the accesses to entries counted. Where something was found the two have not done the same, so fewer counts are no gain.
 */
import { formatNamed, formats } from "../../arch/formats.ts";
import { countsOf, type EventName, newTally } from "../../base/tally.ts";
import type { Experiment } from "../experiment.ts";
import { FAILURE_NAMES, type Failure } from "./finding.ts";
import { runProgram } from "./program.ts";
import { type AccessName, notesBy } from "./world.ts";

/** Counts that a row shows, all of them {@link EventName}s. */
export const SIDE_EVENTS = [
  "slotsRead",
  "slotsWritten",
  "contpteUnfolds",
  "contpteFolds",
  "flushRanges",
  "foliosTouched",
] as const satisfies readonly EventName[];

/** One side: how often anything went wrong, and what its accesses counted. */
export type SideRow = {
  readonly side: string;
  readonly findings: number;
  /** Findings by failure. */
  readonly found: Readonly<Record<Failure, number>>;
} & { readonly [K in (typeof SIDE_EVENTS)[number]]: number };

/** The baseline first; the last two with contpte switched off. */
const SIDES: readonly { readonly side: string; readonly access: AccessName; readonly contpte: boolean }[] = [
  { side: "raw", access: "raw", contpte: true },
  { side: "helpers", access: "encapsulated", contpte: true },
  { side: "raw off", access: "raw", contpte: false },
  { side: "helpers off", access: "encapsulated", contpte: false },
];

const PARAMS = {
  arch: { kind: "choice", label: "format", options: formats.map((f) => f.name), default: "arm64-4k" },
  notes: { kind: "toggle", label: "hardware notes accessed and dirty", default: true },
  steps: { kind: "range", label: "steps", min: 100, max: 10_000, step: 100, default: 2000 },
  seed: { kind: "range", label: "seed", min: 1, max: 99, step: 1, default: 1 },
} as const;

/** "What does it cost to be right?" */
export const encapsulationSides: Experiment<typeof PARAMS, SideRow> = {
  id: "encapsulation-costs",
  question: "What do accesses through the helpers cost, and what do raw dereferences break?",
  params: PARAMS,
  run: ({ arch, notes, steps, seed }, _input, effects) =>
    SIDES.map(({ side, access, contpte }, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, SIDES.length);
      const format = formatNamed(arch);
      const spent = newTally();
      const accessDirty = notes ? notesBy(format) : "fault";
      const findings = runProgram({ format, access, accessDirty, contpte, spent }, seed, steps);
      const times = (failure: Failure) => findings.filter((f) => f.finding.failure === failure).length;
      const found = Object.fromEntries(FAILURE_NAMES.map((f) => [f, times(f)])) as Record<Failure, number>;
      return { side, findings: findings.length, found, ...countsOf(SIDE_EVENTS, spent) };
    }),
};
