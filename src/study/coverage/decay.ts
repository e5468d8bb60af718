/**
 * How contpte coverage decays: a mapping full of contiguous blocks, and one kind of small operation after another at
 * random places, each doing what programs and the kernel do all day.
 */
import { type Random, random } from "../../base/random.ts";
import { access } from "../../mm/fault.ts";
import { fork } from "../../mm/fork.ts";
import { madvise } from "../../mm/madvise.ts";
import type { Mm } from "../../mm/mm.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { Vm } from "../../mm/vma.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { filledMm, kernelFor, studyVpn } from "../layout.ts";
import { coverageOf, coveredPercent } from "./coverage.ts";

/** One kind of wear: an operation on `[start, end)` of the process that is looked at. */
interface Wear {
  readonly name: string;
  /** Pages that one operation takes; it starts at a multiple of them. */
  readonly pages: number;
  readonly act: (mm: Mm, start: number, end: number) => void;
  /** The process that is worn, where it is not the one that filled the memory. */
  readonly subject?: (mm: Mm) => Mm;
}

const rw = Vm.read | Vm.write;
const thereAndBack = (mm: Mm, start: number, end: number) => {
  mprotect(mm, start, end, Vm.read);
  mprotect(mm, start, end, rw);
};
const dropAndRefill = (mm: Mm, start: number, end: number) => {
  madvise(mm, start, end, "dontneed");
  for (let vpn = start; vpn < end; vpn++) access(mm, vpn, true);
};

/** Pages of a contiguous block of 64K. */
const BLOCK = 16;

/** The kinds of wear that are compared. */
export const WEAR: readonly Wear[] = [
  { name: "mprotect 64K and back", pages: BLOCK, act: thereAndBack },
  { name: "mprotect 4K and back", pages: 1, act: thereAndBack },
  { name: "DONTNEED 64K, write again", pages: BLOCK, act: dropAndRefill },
  { name: "DONTNEED 4K, write again", pages: 1, act: dropAndRefill },
  { name: "guard 4K", pages: 1, act: (mm, start, end) => void madvise(mm, start, end, "guard") },
  { name: "COLD 4K", pages: 1, act: (mm, start, end) => void madvise(mm, start, end, "cold") },
  { name: "child writes 4K", pages: 1, subject: fork, act: (mm, start) => void access(mm, start, true) },
];

/** Coverage after so many operations of one kind. */
export interface DecayRow {
  readonly wear: string;
  readonly ops: number;
  readonly covered: number;
}

const PARAMS = {
  policy: { kind: "choice", label: "mapped as", options: ["mTHP 64K", "THP 2M"], default: "mTHP 64K" },
  mib: { kind: "range", label: "memory", min: 4, max: 64, step: 4, default: 16, unit: "MiB" },
  ops: { kind: "range", label: "operations", min: 64, max: 2048, step: 64, default: 512 },
  kernel: { kind: "choice", label: "kernel", options: ["6.12", "6.18", "7.2"], default: "6.18" },
  seed: { kind: "range", label: "seed", min: 1, max: 99, step: 1, default: 1 },
} as const;

/** Points on each line, the start not counted. */
const STEPS = 16;

/** "How does contpte coverage decay?" Guards and others that a kernel lacks leave its line flat. */
export const coverageDecay: Experiment<typeof PARAMS, DecayRow> = {
  id: "contpte-decay",
  question: "How does contpte coverage decay under small operations?",
  params: PARAMS,
  run: (params, _input, effects) =>
    WEAR.flatMap((wear, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, WEAR.length);
      return wearDown(wear, params, i);
    }),
};

function wearDown(wear: Wear, params: ParamsOf<typeof PARAMS>, index: number): DecayRow[] {
  const pages = params.mib * 256;
  const kernel = kernelFor(params.policy, { arch: "arm64-4k", kernel: params.kernel });
  const filled = filledMm(kernel, pages);
  const mm = wear.subject?.(filled) ?? filled;
  const rng = random(params.seed * WEAR.length + index);
  const rows: DecayRow[] = [point(wear, 0, mm)];
  for (let step = 1; step <= STEPS; step++) {
    for (let i = 0; i < params.ops / STEPS; i++) wearOnce(wear, mm, pages, rng);
    rows.push(point(wear, (step * params.ops) / STEPS, mm));
  }
  return rows;
}

function wearOnce(wear: Wear, mm: Mm, pages: number, rng: Random): void {
  const start = studyVpn(mm.kernel.format) + rng.below(pages / wear.pages) * wear.pages;
  wear.act(mm, start, start + wear.pages);
}

function point(wear: Wear, ops: number, mm: Mm): DecayRow {
  return { wear: wear.name, ops, covered: coveredPercent(coverageOf(mm)) };
}
