/**
 * Must installing split a huge page? Ranges in several states, and in each the holes are filled by walks that bring different
 * callbacks under the two rules; counted is what each did to get there.
 */
import { invariant, oneOf } from "../../base/errors.ts";
import { countsOf, type EventName } from "../../base/tally.ts";
import { Kernel } from "../../mm/kernel.ts";
import type { Side } from "../compare/compare.ts";
import { firstDifference, translationsOf } from "../compare/translations.ts";
import type { Place, Workload } from "../compare/workloads.ts";
import type { Experiment, ParamsOf, RunEffects } from "../experiment.ts";
import { emptyPlace, hugePages, tablesAlone, touch } from "./states.ts";
import { INSTALL_WALKERS, type InstallOutcome, type InstallWalker } from "./walkers.ts";

/** A state of the range before the walk. */
interface InstallState {
  readonly name: string;
  prepare(place: Place): void;
}

/** A small page in the middle of every block. */
function smallPages(place: Place): void {
  const huge = place.mm.pt.span[1]!;
  for (let vpn = place.start + huge / 2; vpn < place.end; vpn += huge) touch(place, vpn);
}

/** The states, in the order in which figures show them. */
export const INSTALL_STATES: readonly InstallState[] = [
  { name: "no tables", prepare: () => {} },
  { name: "empty tables", prepare: tablesAlone },
  { name: "a small page in each", prepare: smallPages },
  { name: "huge pages", prepare: (place) => hugePages(place) },
  { name: "huge pages and holes", prepare: (place) => hugePages(place, 2) },
];

/** Counts that a row shows, all of them {@link EventName}s. */
export const INSTALL_EVENTS = [
  "mappingSplits",
  "indirectCalls",
  "pteLocks",
  "upperLocks",
  "slotsRead",
  "slotsWritten",
  "tablesAllocated",
  "flushRanges",
] as const satisfies readonly EventName[];

/** One walk over one state. */
export type InstallRow = { readonly state: string; readonly walker: string } & InstallOutcome & {
    readonly [K in (typeof INSTALL_EVENTS)[number]]: number;
  };

const PARAMS = {
  arch: {
    kind: "choice",
    label: "format",
    options: ["x86-64", "arm64-4k", "arm64-16k", "riscv-sv39", "s390"],
    default: "x86-64",
  },
  state: {
    kind: "choice",
    label: "before",
    options: INSTALL_STATES.map((state) => state.name),
    default: "huge pages and holes",
  },
  blocks: { kind: "range", label: "range", min: 1, max: 16, step: 1, default: 4, unit: "huge pages" },
} as const;

/** "Must installing split a huge page?" */
export const installSplit: Experiment<typeof PARAMS, InstallRow> = {
  id: "install-split",
  question: "Must a walk that fills the holes of a range split the huge pages in it?",
  params: PARAMS,
  run: (params, _input, effects) => walkAll(INSTALL_STATES.find((s) => s.name === params.state)!, params, effects),
};

/** Every walker on its own machine. Those that fill holes must all leave the same behind; tables apart. */
function walkAll(
  state: InstallState,
  { arch, blocks }: ParamsOf<typeof PARAMS>,
  effects: RunEffects | undefined,
): InstallRow[] {
  const done = INSTALL_WALKERS.map((walker, i) => {
    effects?.signal?.throwIfAborted();
    effects?.progress?.(i, INSTALL_WALKERS.length);
    const place = emptyPlace(new Kernel({ arch }), blocks);
    state.prepare(place);
    return { place, row: walkOnce(state, walker, place) };
  });
  const filled = done.filter(({ row }) => row.ended === "holes filled").map(({ place }) => translationsOf(place.mm.pt));
  for (const other of filled) {
    const difference = firstDifference(filled[0]!, other);
    invariant(difference === null, `${state.name}: two ways to fill the holes differ: ${difference}`);
  }
  return done.map(({ row }) => row);
}

function walkOnce(state: InstallState, walker: InstallWalker, { mm, start, end }: Place): InstallRow {
  const { tally } = mm.kernel;
  const before = tally.slice();
  const outcome = walker.run(mm, start, end);
  return { state: state.name, walker: walker.name, ...outcome, ...countsOf(INSTALL_EVENTS, tally, before) };
}

/**
 * The state "huge pages and holes" with its holes filled by one of the ways, as a side of `compare`. Pages are those of the
 * setting; they are to be whole huge pages.
 */
export function installSide(walker: string): Side {
  const known = oneOf(
    "walker",
    walker,
    INSTALL_WALKERS.map((w) => w.name),
  );
  const { run } = INSTALL_WALKERS.find((w) => w.name === known)!;
  return { label: walker, spec: {}, workload: fillWorkload(run) };
}

function fillWorkload(run: InstallWalker["run"]): Workload {
  return {
    name: "fill the holes",
    what: "Fills the holes of a range in which every other block is a huge page.",
    prepare: (kernel, pages) => {
      const place = emptyPlace(kernel, 1);
      const blocks = pages / place.mm.pt.span[1]!;
      invariant(Number.isInteger(blocks), `${pages} pages are not whole huge pages`);
      const whole = emptyPlace(kernel, blocks);
      hugePages(whole, 2);
      return whole;
    },
    act: ({ mm, start, end }) => {
      const { ended, pages } = run(mm, start, end);
      return { processes: [mm], answer: { ended, pages } };
    },
  };
}
