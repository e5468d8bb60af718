/**
 * How contpte coverage decays: a mapping full of contiguous blocks, and one kind of small operation after another at
 * random places, each doing what programs and the kernel do all day.
 */
import { type Random, random } from "../../base/random.ts";
import { MiB } from "../../base/size.ts";
import { access } from "../../mm/fault.ts";
import { fork } from "../../mm/fork.ts";
import { madvise } from "../../mm/madvise.ts";
import type { Mm } from "../../mm/mm.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { Vm } from "../../mm/vma.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { filledMm, kernelFor, studyVpn } from "../layout.ts";
import { mmSpace } from "../map/mm-space.ts";
import { kindIndex, type MapKind, pagesByKind } from "../map/space.ts";
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

/** Points on each line, and columns of the map, the start not counted. */
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
  const worn = fill(wear, params, params.seed * WEAR.length + index);
  const rows: DecayRow[] = [];
  wearSteps(worn, params.ops, anywhere, (ops) => rows.push(point(wear, ops, worn.mm)));
  return rows;
}

/** Memory under wear of one kind. */
interface Worn {
  readonly wear: Wear;
  /** The process that is looked at. */
  readonly mm: Mm;
  readonly pages: number;
  readonly rng: Random;
}

function fill(wear: Wear, { policy, mib, kernel }: ParamsOf<typeof PARAMS>, seed: number): Worn {
  const pages = mib * 256;
  const filled = filledMm(kernelFor(policy, { arch: "arm64-4k", kernel }), pages);
  return { wear, mm: wear.subject?.(filled) ?? filled, pages, rng: random(seed) };
}

/** Which of so many places an operation takes. */
type Choose = (rng: Random, places: number) => number;

const anywhere: Choose = (rng, places) => rng.below(places);
/** Nine of ten in the second quarter, the others anywhere. */
const mostlyInAQuarter: Choose = (rng, places) =>
  rng.below(10) === 0 ? rng.below(places) : Math.floor(places / 4) + rng.below(Math.floor(places / 4));

/** So many operations in equal steps; `look` is called before the first step and after each. */
function wearSteps({ wear, mm, pages, rng }: Worn, ops: number, choose: Choose, look: (done: number) => void): void {
  look(0);
  for (let step = 1; step <= STEPS; step++) {
    for (let i = 0; i < ops / STEPS; i++) {
      const start = studyVpn(mm.kernel.format) + choose(rng, pages / wear.pages) * wear.pages;
      wear.act(mm, start, start + wear.pages);
    }
    look((step * ops) / STEPS);
  }
}

function point(wear: Wear, ops: number, mm: Mm): DecayRow {
  return { wear: wear.name, ops, covered: coveredPercent(coverageOf(mm)) };
}

/** Coverage of one range of the memory after so many operations. */
export interface DecayMapRow {
  readonly ops: number;
  /** Where the range begins, in MiB from the start of the memory. */
  readonly from: number;
  /** Null where nothing is mapped any more. */
  readonly covered: number | null;
}

const MAP_PARAMS = {
  wear: {
    kind: "choice",
    label: "operation",
    options: WEAR.map(({ name }) => name),
    default: "DONTNEED 4K, write again",
  },
  places: {
    kind: "choice",
    label: "places",
    options: ["90 % in one quarter", "anywhere"],
    default: "90 % in one quarter",
  },
  ...PARAMS,
} as const;

/** Ranges into which the memory is divided. */
const RANGES = 16;

/** "Where does contpte coverage decay?" One kind of operation, looked at by address. */
export const coverageDecayMap: Experiment<typeof MAP_PARAMS, DecayMapRow> = {
  id: "contpte-decay-map",
  question: "Where does contpte coverage decay under small operations?",
  params: MAP_PARAMS,
  run: (params) => {
    const wear = WEAR.find(({ name }) => name === params.wear)!;
    const worn = fill(wear, params, params.seed);
    const rows: DecayMapRow[] = [];
    const choose = params.places === "anywhere" ? anywhere : mostlyInAQuarter;
    wearSteps(worn, params.ops, choose, (ops) => rows.push(...rangesAt(ops, worn)));
    return rows;
  },
};

function rangesAt(ops: number, { mm, pages }: Worn): DecayMapRow[] {
  const first = studyVpn(mm.kernel.format);
  const bounds = Array.from({ length: RANGES + 1 }, (_, i) => first + (i * pages) / RANGES);
  const cells = pagesByKind(mmSpace(mm, "worn").vmas, bounds);
  return cells.map((cell, i) => ({ ops, from: ((bounds[i]! - first) * 4096) / MiB, covered: coveredOf(cell) }));
}

function coveredOf(cell: readonly number[]): number | null {
  const of = (...kinds: readonly MapKind[]) => kinds.reduce((sum, kind) => sum + cell[kindIndex(kind)]!, 0);
  const covered = of("contpte block", "PMD leaf");
  const mapped = covered + of("large folio", "single page");
  return mapped === 0 ? null : (100 * covered) / mapped;
}
