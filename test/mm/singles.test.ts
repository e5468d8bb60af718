/**
 * Runs of single pages against the same operations one entry at a time: a machine whose frames say of every run that it has none
 * goes the other way. Both run one random program, and must leave the same words in tables, the same counts and the same frames.
 */
import { describe, expect, test } from "vitest";
import { Kind } from "../../src/arch/entry.ts";
import { FrameFlag } from "../../src/machine/frames.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import { Kernel, type KernelSpec } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap, munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { Vm } from "../../src/mm/vma.ts";
import { World } from "./world.ts";

const SPECS: KernelSpec[] = [
  { arch: "x86-64" },
  { arch: "x86-64", design: "ptp", accessDirty: "fault" },
  { arch: "x86-64", kernel: "6.12", design: "cursor" },
  { arch: "x86-pae", batching: false },
  { arch: "x86-32" },
  { arch: "arm64-4k" },
  { arch: "arm64-4k", kernel: "7.2", accessDirty: "hardware", design: "pagewalk" },
  { arch: "arm64-4k", kernel: "6.12" },
  { arch: "arm64-4k-52", remapLooksUpFolios: true },
  { arch: "arm64-16k", design: "ptRangeWalk" },
  { arch: "riscv-sv39" },
  { arch: "s390" },
];
const SEEDS = [31, 32, 33];
const STEPS = 50;
const PAGES_COMPARED = 2 ** 14;

/** Nothing is ever a single page to this machine's loops, so every entry goes its own way. */
function oneByOne(kernel: Kernel): void {
  Object.assign(kernel.frames.runs, { singles: () => 0, dup: () => 0, unmap: () => 0 });
}

/** All that a machine's frames say, as one list of numbers. */
function framesOf({ frames }: Kernel): number[] {
  const flags = Object.values(FrameFlag);
  const pfns = Array.from({ length: PAGES_COMPARED }, (_, pfn) => pfn);
  return pfns.map((pfn) => {
    if (!frames.holds(pfn)) return -1;
    const bits = flags.reduce((sum, flag, i) => sum + (frames.hasFlag(pfn, flag) ? 2 ** i : 0), 0);
    return frames.order(pfn) + 2 ** 4 * frames.mapcount(pfn) + 2 ** 24 * bits;
  });
}

/** The words of all tables, free ones with them. */
const wordsOf = ({ tables }: Kernel) =>
  [...tables.lo, ...tables.hi].map((words) => Buffer.from(words.buffer).toString("latin1"));

function expectAlike(fast: Kernel, slow: Kernel, story: () => string): void {
  expect([...fast.tally], story()).toEqual([...slow.tally]);
  const words = wordsOf(slow);
  expect(
    wordsOf(fast).every((text, i) => text === words[i]),
    story(),
  ).toBe(true);
  expect(framesOf(fast), story()).toEqual(framesOf(slow));
}

describe.each(SPECS)("%o", (spec) => {
  test.each(SEEDS)("a random program leaves the same as entry by entry (seed %d)", (seed) => {
    const [fast, slow] = [new World(seed, spec), new World(seed, spec)];
    oneByOne(slow.kernel);
    for (let i = 0; i < STEPS; i++) {
      fast.step();
      slow.step();
      expect([...fast.kernel.tally], fast.story()).toEqual([...slow.kernel.tally]);
      if (i % 10 === 9) expectAlike(fast.kernel, slow.kernel, () => fast.story());
    }
    expect(fast.end(), fast.story()).toEqual([]);
    expect(slow.end()).toEqual([]);
    expectAlike(fast.kernel, slow.kernel, () => fast.story());
  });

  test("whole tables of single pages are forked, protected, shared in part and given back alike", () => {
    const [fast, slow] = [new Kernel(spec), new Kernel(spec)];
    oneByOne(slow);
    for (const kernel of [fast, slow]) {
      const mm = new Mm(kernel);
      const span = mm.pt.span[1]!;
      const [start, pages] = [span - 3, 2 * span + 7];
      mmap(mm, { start, pages, flags: Vm.read | Vm.write });
      madvise(mm, start, start + pages, "populate_write");
      const child = fork(mm);
      mprotect(child, start + 5, start + pages, Vm.read);
      mprotect(child, start + 5, start + pages, Vm.read | Vm.write);
      munmap(child, start + 9, start + span);
      mprotect(mm, start, start + pages - 1, 0);
      mprotect(mm, start, start + pages, Vm.read | Vm.write | Vm.exec);
      madvise(mm, start + 1, start + pages - 1, "dontneed");
      exit(child);
      const slot = mm.pt.find(start + pages - 1, 0);
      expect(mm.pt.kind(slot, 0)).toBe(Kind.leaf);
      expect(mm.anonPages).toBe(2);
    }
    expectAlike(fast, slow, () => "");
  });
});

test("fork asks between entries whether somebody waits only where somebody may", () => {
  let asked = 0;
  const kernel = new Kernel({ arch: "x86-64", needResched: () => ++asked < 0 });
  const mm = new Mm(kernel);
  mmap(mm, { start: 512, pages: 512, flags: Vm.read | Vm.write });
  madvise(mm, 512, 1024, "populate_write");
  fork(mm);
  expect(asked).toBe(512 / 4 - 1);
});
