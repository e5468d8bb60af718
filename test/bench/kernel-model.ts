/**
 * The simulated side of the kernel's operations: through all of `mm`, with accounting and tally, on x86-64 with 4K pages.
 *
 * What is timed is the operation alone, as in `kernel.c`: the CPU time of the process, in which helpers of the engine (compiler,
 * garbage collector) are counted too. Most operations take a millisecond, so one is done several times a round, and the median counts.
 */
import { GiB } from "../../src/base/size.ts";
import { designNamed } from "../../src/design/designs.ts";
import { access } from "../../src/mm/fault.ts";
import { accessRange } from "../../src/mm/fault-run.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { mincore } from "../../src/mm/mincore.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap, munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { Vm } from "../../src/mm/vma.ts";
import { type Round, spread, type Variant } from "./harness.ts";

const RW = Vm.read | Vm.write;
/** First page of the range, aligned to every table that the range can need. */
const START = 2 ** 27;
/**
 * Pages that an operation goes over before it counts, at least. Node's last compiler comes late, and what goes from table to table has
 * made few steps after millions of pages.
 */
export const WARM_UP = 2 ** 26;

/** One process with one area, in which operations are done. */
export class Place {
  mm = newMachine();
  readonly pages: number;
  readonly start = START;
  readonly end: number;
  /** What mincore answers, as in C in an array of the caller's. */
  readonly vec: Uint8Array;

  constructor(pages: number) {
    this.pages = pages;
    this.end = START + pages;
    this.vec = new Uint8Array(pages);
  }

  /** Forgets everything. */
  replace(): void {
    this.mm = newMachine();
  }

  /** Maps the area anew, with pages or without. */
  fresh(populated: boolean): void {
    const { mm, start, end, pages } = this;
    this.gone();
    check(mmap(mm, { start, pages, flags: RW }) ?? (populated ? madvise(mm, start, end, "populate_write") : null));
  }

  gone(): void {
    if (this.mm.vmas.at(this.start) !== undefined) check(munmap(this.mm, this.start, this.end));
  }
}

function newMachine(): Mm {
  return new Mm(new Kernel({ arch: "x86-64", memory: 512 * GiB }));
}

function check(err: string | null): void {
  if (err !== null) throw new Error(err);
}

/** One operation. `prepare` and `restore` are not timed. */
export interface Op {
  prepare(place: Place): void;
  act(place: Place): void;
  restore?(place: Place): void;
}

const present = (place: Place) => {
  if (place.mm.anonPages !== place.pages) place.fresh(true);
};
const advise =
  (advice: string): Op["act"] =>
  ({ mm, start, end }) =>
    check(madvise(mm, start, end, advice));
const protect =
  (flags: number): Op["act"] =>
  ({ mm, start, end }) =>
    check(mprotect(mm, start, end, flags));
const readOnly = (place: Place) => {
  present(place);
  protect(Vm.read)(place);
};
const count =
  (design: string): Op["act"] =>
  ({ mm, start, end, pages }) => {
    const counts = designNamed(design).countPages(mm.pt, start, end);
    if (counts.present !== pages) throw new Error(`${counts.present} of ${pages} pages`);
  };

const children = new WeakMap<Place, Mm>();

/** The operations by name. */
export const OPS = {
  guard: { prepare: (p) => p.fresh(false), act: advise("guard"), restore: (p) => p.gone() },
  populate: { prepare: (p) => p.fresh(false), act: advise("populate_write") },
  populateNew: {
    prepare: (p) => {
      p.replace();
      p.fresh(false);
    },
    act: advise("populate_write"),
  },
  touch: {
    prepare: (p) => p.fresh(false),
    act: ({ mm, start, end }) => {
      for (let vpn = start; vpn < end; vpn++) access(mm, vpn, true);
    },
  },
  touchRange: { prepare: (p) => p.fresh(false), act: ({ mm, start, end }) => void accessRange(mm, start, end, true) },
  fork: {
    prepare: (p) => p.fresh(true),
    act: (p) => void children.set(p, fork(p.mm)),
    restore: (p) => exit(children.get(p)!),
  },
  unmap: { prepare: (p) => p.fresh(true), act: (p) => p.gone() },
  dontneed: { prepare: present, act: advise("dontneed") },
  protect: { prepare: present, act: protect(Vm.read), restore: protect(RW) },
  unprotect: { prepare: readOnly, act: protect(RW) },
  mincore: { prepare: present, act: ({ mm, start, end, vec }) => void mincore(mm, start, end, vec) },
  mincoreByRuns: {
    prepare: present,
    act: ({ mm, start, end, vec }) => void designNamed("ptRangeWalk").mincore(mm.pt, start, end, vec),
  },
  countByCallback: { prepare: present, act: count("pagewalk") },
  countByRuns: { prepare: present, act: count("ptRangeWalk") },
} satisfies Record<string, Op>;

/** An operation as a variant, done `times` times a round, by an own process. */
export function modelVariant(name: string, op: Op, pages: number, times: number, warmUp = WARM_UP): Variant {
  let place: Place | null = null;
  return {
    name,
    round: () => {
      if (place === null) {
        place = new Place(pages);
        for (let done = 0; done < warmUp; done += pages) once(place, op);
      }
      const all: number[] = [];
      for (let i = 0; i < times; i++) all.push(once(place, op));
      return { units: pages, amount: spread(all).median } satisfies Round;
    },
  };
}

/** Nanoseconds of one operation. */
function once(place: Place, op: Op): number {
  op.prepare(place);
  const start = process.cpuUsage();
  op.act(place);
  const { user, system } = process.cpuUsage(start);
  op.restore?.(place);
  return (user + system) * 1000;
}
