/**
 * Which operations split what: each operation of a list is carried out on a freshly filled mapping, and the four splits it
 * causes are counted apart, with what they cost beside them.
 */
import { countsOf, type EventName } from "../../base/tally.ts";
import { access } from "../../mm/fault.ts";
import { exit, fork } from "../../mm/fork.ts";
import { madvise } from "../../mm/madvise.ts";
import type { Mm } from "../../mm/mm.ts";
import { munmap } from "../../mm/mmap.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { profiles } from "../../mm/profile.ts";
import { Vm } from "../../mm/vma.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { filledMm, kernelFor, POLICIES, STUDY_VPN } from "../layout.ts";

/** The part of the mapping that an operation is given: pages, half open. */
interface Part {
  readonly start: number;
  readonly end: number;
}

/** An operation of the list. `prepare` is done before the counting starts; what it returns is handed to `act`. */
interface SplitOp {
  readonly name: string;
  readonly act: (mm: Mm, part: Part, child: Mm) => void;
  readonly prepare?: (mm: Mm) => Mm;
}

const touchAll = (mm: Mm, { start, end }: Part) => {
  for (let vpn = start; vpn < end; vpn++) access(mm, vpn, true);
};

/** A child that has already gone: its parent is alone again, with write-protected entries. */
const childCameAndWent = (mm: Mm): Mm => {
  exit(fork(mm));
  return mm;
};

const advise =
  (advice: string) =>
  (mm: Mm, { start, end }: Part) =>
    void madvise(mm, start, end, advice);

/** The operations, in the order in which figures show them. */
export const SPLIT_OPS: readonly SplitOp[] = [
  { name: "mprotect", act: (mm, { start, end }) => void mprotect(mm, start, end, Vm.read) },
  {
    name: "mprotect, and back",
    act: (mm, { start, end }) => {
      mprotect(mm, start, end, Vm.read);
      mprotect(mm, start, end, Vm.read | Vm.write);
    },
  },
  { name: "munmap", act: (mm, { start, end }) => void munmap(mm, start, end) },
  { name: "DONTNEED", act: advise("dontneed") },
  { name: "GUARD_INSTALL", act: advise("guard") },
  { name: "FREE", act: advise("free") },
  { name: "COLD", act: advise("cold") },
  { name: "DONTFORK", act: advise("dontfork") },
  { name: "fork", act: (mm) => void fork(mm) },
  { name: "write in the child", prepare: fork, act: (_mm, part, child) => touchAll(child, part) },
  { name: "write after the child", prepare: childCameAndWent, act: (mm, part) => touchAll(mm, part) },
];

/** Counts that a row shows, all of them {@link EventName}s. */
export const SPLIT_EVENTS = [
  "vmaSplits",
  "mappingSplits",
  "folioSplits",
  "contpteUnfolds",
  "contpteFolds",
  "deferredSplits",
  "slotsWritten",
  "flushRanges",
  "foliosTouched",
] as const satisfies readonly EventName[];

/** One operation and what it counted. */
export type SplitRow = { readonly op: string } & { readonly [K in (typeof SPLIT_EVENTS)[number]]: number };

/** Pages of the mapping: four PMD-sized blocks. */
export const SPLIT_PAGES = 2048;

const PARAMS = {
  arch: { kind: "choice", label: "format", options: ["arm64-4k", "x86-64"], default: "arm64-4k" },
  policy: { kind: "choice", label: "mapped as", options: POLICIES, default: "THP 2M" },
  pages: { kind: "range", label: "pages operated on", min: 1, max: 1024, step: 1, default: 1, unit: "pages" },
  at: { kind: "range", label: "first page", min: 0, max: 1024, step: 1, default: 100 },
  kernel: { kind: "choice", label: "kernel", options: profiles.map((p) => p.name), default: "6.18" },
  contpte: { kind: "toggle", label: "contpte", default: true },
} as const;

/** "Which operations split what?" */
export const splitCounts: Experiment<typeof PARAMS, SplitRow> = {
  id: "split-counts",
  question: "Which operations split a mapping, a folio, a contiguous block or a VMA?",
  params: PARAMS,
  run: (params, _input, effects) =>
    SPLIT_OPS.map((op, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, SPLIT_OPS.length);
      return runOp(op, params);
    }),
};

function runOp(op: SplitOp, params: ParamsOf<typeof PARAMS>): SplitRow {
  const { arch, kernel: version, contpte, policy } = params;
  const kernel = kernelFor(policy, { arch, kernel: version, contpte });
  const mm = filledMm(kernel, SPLIT_PAGES);
  const part = { start: STUDY_VPN + params.at, end: STUDY_VPN + params.at + params.pages };
  const child = op.prepare?.(mm) ?? mm;
  const before = kernel.tally.slice();
  op.act(mm, part, child);
  return { op: op.name, ...countsOf(SPLIT_EVENTS, kernel.tally, before) };
}
