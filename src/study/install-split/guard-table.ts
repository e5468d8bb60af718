/**
 * What MADV_GUARD_INSTALL does to a range, by what the range held before: how often it walks, whether it zaps, and what is
 * split where. The kernel's loop runs over real VMAs, folios and zaps; the simulated system call must leave the same behind.
 */
import { invariant } from "../../base/errors.ts";
import { countsOf, type EventName } from "../../base/tally.ts";
import { Kernel } from "../../mm/kernel.ts";
import { madvise } from "../../mm/madvise.ts";
import { guardInstallByWalk } from "../../mm/walk-mm.ts";
import { firstDifference, translationsOf } from "../compare/translations.ts";
import type { Place } from "../compare/workloads.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { emptyPlace, hugePages, middleFolio, middleOrder, tablesAlone, touch } from "./states.ts";

/** A state, and the part of the mapping that becomes guards: pages from its start, half open. */
interface GuardState {
  readonly name: string;
  prepare(place: Place): void;
  part(place: Place): readonly [from: number, to: number];
}

/** Ten pages, the fifth from the start of them at a place where nothing is aligned. */
const SMALL = [10, 20] as const;

const small = (): readonly [number, number] => SMALL;
const hugeSpan = ({ mm }: Place) => mm.pt.span[1]!;

/** The states, in the order in which the table shows them. */
export const GUARD_STATES: readonly GuardState[] = [
  { name: "empty, no tables", prepare: () => {}, part: small },
  { name: "empty tables", prepare: tablesAlone, part: small },
  { name: "guards already", prepare: (p) => void madvise(p.mm, p.start + 10, p.start + 20, "guard"), part: small },
  { name: "some small pages", prepare: (p) => void [15, 16].map((page) => touch(p, p.start + page)), part: small },
  { name: "huge page, inside", prepare: (p) => hugePages(p), part: (p) => [0, hugeSpan(p)] },
  { name: "huge page, cut", prepare: (p) => hugePages(p), part: (p) => [hugeSpan(p) / 8, hugeSpan(p) / 4] },
  { name: "two huge pages, cut", prepare: (p) => hugePages(p), part: (p) => [hugeSpan(p) - 32, hugeSpan(p) + 32] },
  {
    name: "mTHP folio, cut",
    prepare: (p) => middleFolio(p, p.start),
    part: (p) => [1, 2 ** middleOrder(p.mm.kernel) / 2],
  },
];

/** Counts that a row shows, all of them {@link EventName}s. */
export const GUARD_EVENTS = [
  "mappingSplits",
  "contpteUnfolds",
  "deferredSplits",
  "folioSplits",
  "vmaSplits",
  "tablesAllocated",
  "tablesFreed",
] as const satisfies readonly EventName[];

/** One state. `pages` become guards. */
export type GuardRow = {
  readonly state: string;
  readonly pages: number;
  readonly attempts: number;
  readonly zaps: number;
} & {
  readonly [K in (typeof GUARD_EVENTS)[number]]: number;
};

const PARAMS = {
  arch: { kind: "choice", label: "format", options: ["x86-64", "arm64-4k", "arm64-16k"], default: "x86-64" },
  contpte: { kind: "toggle", label: "contpte", default: true },
} as const;

/** "What does installing a guard take?" */
export const guardTable: Experiment<typeof PARAMS, GuardRow> = {
  id: "guard-table",
  question: "What does installing guards take, by what the range held before?",
  params: PARAMS,
  run: (params) => GUARD_STATES.map((state) => guardRow(state, params)),
};

function guardRow(state: GuardState, { arch, contpte }: ParamsOf<typeof PARAMS>): GuardRow {
  const make = (): Place => {
    const place = emptyPlace(new Kernel({ arch, contpte }), 2);
    state.prepare(place);
    const [from, to] = state.part(place);
    return { mm: place.mm, start: place.start + from, end: place.start + to };
  };
  const { mm, start, end } = make();
  const before = mm.kernel.tally.slice();
  const { err, attempts, zaps } = guardInstallByWalk(mm, start, end);
  const counted = countsOf(GUARD_EVENTS, mm.kernel.tally, before);
  invariant(err === 0, `${state.name}: guards were not installed: ${err}`);
  checkAgainstSystemCall(state.name, mm, make());
  return { state: state.name, pages: end - start, attempts, zaps, ...counted };
}

function checkAgainstSystemCall(name: string, walked: Place["mm"], { mm, start, end }: Place): void {
  invariant(madvise(mm, start, end, "guard") === null, `${name}: the system call failed`);
  const difference = firstDifference(translationsOf(walked.pt), translationsOf(mm.pt));
  invariant(difference === null, `${name}: the walk and the system call differ: ${difference}`);
}
