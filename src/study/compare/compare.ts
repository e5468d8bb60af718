/**
 * Two designs under one operation: first the proof that both give the same answer and the same translations, then what each
 * counted, by cause, with the difference attributed.
 */
import { A } from "../../arch/entry.ts";
import { oneOf, UserError } from "../../base/errors.ts";
import { counts, type EventName } from "../../base/tally.ts";
import type { KernelSpec } from "../../mm/kernel.ts";
import { kernelFor } from "../layout.ts";
import { CAUSES, pricedNs } from "./causes.ts";
import { firstDifference, type TranslationRun, translationsOf } from "./translations.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

/** One side of a comparison: a name for it, and what of the machine it changes. */
export interface Side {
  readonly label: string;
  readonly spec: Partial<KernelSpec>;
  /** What this side does in place of the common operation, where two ways to one end are compared. Both must leave the same. */
  readonly workload?: Workload;
}

/** Where both sides run. */
export interface Setting {
  /** Format. Default x86-64. */
  readonly arch?: string;
  /** Kernel profile. Default 6.18. */
  readonly kernel?: string;
  /** How memory is allocated: a policy of `kernelFor`. Default "base pages". */
  readonly policy?: string;
  /** Base pages of the mapping. Default 4096. */
  readonly pages?: number;
}

/** What one side counted. */
export interface SideCounts {
  readonly label: string;
  readonly counts: Readonly<Record<EventName, number>>;
  /** Modelled nanoseconds of the causes that have a weight (see `CAUSES`). */
  readonly pricedNs: number;
}

/** One cause on both sides. `ns` is the modelled time of the difference, null for a cause without a weight. */
export interface CauseRow {
  readonly cause: string;
  readonly event: EventName;
  readonly a: number;
  readonly b: number;
  readonly difference: number;
  readonly ns: number | null;
}

/** The outcome: sides that were proven equal in what they do, and the causes in which they differ or which both have. */
export interface Comparison {
  readonly workload: string;
  readonly setting: Required<Setting>;
  readonly a: SideCounts;
  readonly b: SideCounts;
  readonly rows: readonly CauseRow[];
  /** What both sides answered: null of a system call that succeeded, its error (`EINVAL`), or what was read. */
  readonly answer: unknown;
  /** Runs of pages that were found equal on both sides, over all processes. */
  readonly equalRuns: number;
}

/** A name of a design stands for a side that differs in nothing but the design. */
export function sideOf(side: Side | string): Side {
  return typeof side === "string" ? { label: side, spec: { design: side } } : side;
}

/** The workload of that name; a UserError lists the known ones otherwise. */
export function workloadNamed(name: string): Workload {
  const known = oneOf(
    "operation",
    name,
    WORKLOADS.map((w) => w.name),
  );
  return WORKLOADS.find((w) => w.name === known)!;
}

function total(setting: Setting): Required<Setting> {
  const full = { arch: "x86-64", kernel: "6.18", policy: "base pages", pages: 4096, ...setting };
  if (!Number.isSafeInteger(full.pages) || full.pages < 1)
    throw new UserError(`bad number of pages '${full.pages}': a whole number from 1 on is allowed`);
  return full;
}

/** What one side did: its counts, its answer, and what its processes translate to. */
interface Outcome extends SideCounts {
  readonly answer: string;
  readonly translations: readonly (readonly TranslationRun[])[];
}

/**
 * Carries an operation out on both sides. Throws a {@link UserError} where they do not do the same, with the two answers or
 * the first page that differs: a comparison of costs would mean nothing. `a` and `b` are sides, or names of designs.
 */
export function compare(
  a: Side | string,
  b: Side | string,
  workload: Workload | string,
  setting: Setting = {},
): Comparison {
  const w = typeof workload === "string" ? workloadNamed(workload) : workload;
  const full = total(setting);
  const [sideA, sideB] = [sideOf(a), sideOf(b)];
  const ignore = ignored(sideA, sideB);
  const [x, y] = [runSide(sideA, w, full, ignore), runSide(sideB, w, full, ignore)];
  const where = described(full, sideA, sideB);
  const parted = outcomesApart(x, y);
  if (parted !== null) throw new UserError(differentText(w, x, y, where, parted));
  return {
    workload: w.name,
    setting: where,
    a: summary(x),
    b: summary(y),
    rows: rowsOf(x, y),
    answer: JSON.parse(x.answer),
    equalRuns: x.translations.flat().length,
  };
}

/** The setting as it was: where a side brought its own kernel or format, those of both are named. */
function described(setting: Required<Setting>, a: Side, b: Side): Required<Setting> {
  const both = (key: "arch" | "kernel") => {
    const [x, y] = [a.spec[key] ?? setting[key], b.spec[key] ?? setting[key]];
    return x === y ? x : `${x} / ${y}`;
  };
  return { ...setting, arch: both("arch"), kernel: both("kernel") };
}

/** A folded block has one accessed and one dirty state, so those of single pages agree only if both sides fold alike. */
function ignored(a: Side, b: Side): number {
  const alike = a.spec.contpte === b.spec.contpte && a.spec.batching === b.spec.batching;
  return alike ? 0 : A.young | A.dirty;
}

/** Carries an operation out on one side, and counts. */
export function runSide(side: Side, w: Workload, setting: Required<Setting>, ignore = 0): Outcome {
  const { arch, kernel: version, policy, pages } = setting;
  const kernel = kernelFor(policy, { arch, kernel: version, ...side.spec });
  const { prepare, act } = side.workload ?? w;
  const place = prepare(kernel, pages);
  const before = kernel.tally.slice();
  const { processes, answer } = act(place);
  const counted = counts(kernel.tally, before);
  return {
    label: side.label,
    counts: counted,
    pricedNs: pricedNs(counted),
    answer: JSON.stringify(answer ?? null),
    translations: processes.map((mm) => translationsOf(mm.pt, ignore)),
  };
}

/** In what two sides differ in what they do, or null. */
function outcomesApart(x: Outcome, y: Outcome): string | null {
  if (x.answer !== y.answer) return `answers ${shortened(x.answer)} against ${shortened(y.answer)}`;
  const [mine, theirs] = [x.translations, y.translations];
  if (mine.length !== theirs.length) return `${mine.length} processes against ${theirs.length}`;
  const differences = mine.map((runs, p) => [p, firstDifference(runs, theirs[p]!)] as const);
  const first = differences.find(([, difference]) => difference !== null);
  return first === undefined ? null : `process ${first[0]}, ${first[1]}`;
}

function differentText(w: Workload, x: Outcome, y: Outcome, { arch, kernel }: Required<Setting>, parted: string) {
  const where = `${w.name} on ${arch}, kernel ${kernel}`;
  return `costs of different outcomes are not compared: ${where}, ${x.label} against ${y.label}: ${parted}`;
}

/** Answers may be long: a word for each page. */
function shortened(answer: string): string {
  return answer.length <= 40 ? answer : `${answer.slice(0, 40)}...`;
}

function summary({ label, counts: counted, pricedNs: ns }: Outcome): SideCounts {
  return { label, counts: counted, pricedNs: ns };
}

function rowsOf(x: Outcome, y: Outcome): CauseRow[] {
  return CAUSES.map(({ event, label, ns }) => {
    const [a, b] = [x.counts[event], y.counts[event]];
    return { cause: label, event, a, b, difference: b - a, ns: ns === null ? null : (b - a) * ns };
  }).filter((row) => row.a !== 0 || row.b !== 0);
}

/** Every side beside the first, proven equal to it, in the order given: what a table of several designs shows. */
export function compareAll(
  sides: readonly (Side | string)[],
  workload: Workload | string,
  setting: Setting = {},
): SideCounts[] {
  const comparisons = sides.slice(1).map((side) => compare(sides[0]!, side, workload, setting));
  return comparisons.length === 0 ? [] : [comparisons[0]!.a, ...comparisons.map((c) => c.b)];
}
