import { describe, expect, test } from "vitest";
import { LEAVES, Leaves } from "../../src/arch/pte-words.ts";
import { type Random, random } from "../../src/base/random.ts";
import { MAPPED_ONCE } from "../../src/machine/frame-runs.ts";
import { FrameFlag, Frames } from "../../src/machine/frames.ts";

const TOTAL = 2 ** 16;
const SEEDS = [1, 2, 3, 4, 5, 6];

/** What the methods for lists do, one frame after the other. */
const slow = {
  isSingle: (f: Frames, pfn: number) => f.holds(pfn) && f.order(pfn) === 0,
  isAnon: (f: Frames, pfn: number) => slow.isSingle(f, pfn) && !f.hasFlag(pfn, FrameFlag.file),
  dup(f: Frames, pfns: readonly number[]): number {
    const n = prefix(pfns, (pfn) => slow.isAnon(f, pfn));
    for (const pfn of pfns.slice(0, n)) {
      f.addMapcount(pfn, 1, 1);
      f.setFlag(pfn, 1, FrameFlag.exclusive, false);
    }
    return n;
  },
  unmap(f: Frames, pfns: readonly number[]): [n: number, gone: number[]] {
    const gone: number[] = [];
    let n = 0;
    for (; n < pfns.length; n++) {
      const pfn = pfns[n]!;
      if (!slow.isAnon(f, pfn) || f.mapcount(pfn) === 0) break;
      f.addMapcount(pfn, 1, -1);
      if (!f.mapped(pfn)) gone.push(pfn);
    }
    return [n, gone];
  },
};

function prefix(pfns: readonly number[], holds: (pfn: number) => boolean): number {
  const stop = pfns.findIndex((pfn) => !holds(pfn));
  return stop < 0 ? pfns.length : stop;
}

/** Two machines with the same memory in use: singles of all kinds, and some large folios. */
function twins(seed: number): { fast: Frames; other: Frames; pfns: number[]; rng: Random } {
  const [fast, other] = [new Frames(TOTAL), new Frames(TOTAL)];
  const rng = random(seed);
  const pfns: number[] = [];
  for (let i = 0; i < 5000; i++) {
    const order = rng.below(40) === 0 ? 2 : 0;
    const flags = [
      FrameFlag.exclusive,
      FrameFlag.exclusive,
      FrameFlag.written,
      0,
      rng.below(30) === 0 ? FrameFlag.file : 0,
    ];
    const [flag, count] = [rng.pick(flags), rng.below(3)];
    for (const f of [fast, other]) {
      const pfn = f.alloc(order);
      if (f === fast) pfns.push(pfn);
      if (flag) f.setFlag(pfn, 1, flag, true);
      f.addMapcount(pfn, 1, count);
    }
  }
  return { fast, other, pfns, rng };
}

/** A run as a list, or as a row where it is one. */
function runOf(rng: Random, pfns: readonly number[]): Leaves {
  const run = new Leaves();
  run.pfns.set(pfns.slice(0, LEAVES));
  run.first = pfns[0] ?? 0;
  run.inRow = pfns.every((pfn, i) => pfn === run.first + i) && rng.below(4) > 0;
  return run;
}

/** Frames in a row, a few of them left out or moved, as a table of entries has them. */
function someOf(rng: Random, pfns: readonly number[]): number[] {
  const from = rng.below(pfns.length - 200);
  const some = pfns.slice(from, from + 1 + rng.below(128));
  if (rng.below(2)) return some;
  return rng.below(2) ? some.filter(() => rng.below(8) > 0) : some.sort(() => rng.below(3) - 1);
}

function expectAlike(fast: Frames, other: Frames): void {
  const say = (f: Frames) => (pfn: number) =>
    f.holds(pfn)
      ? [f.order(pfn), f.mapcount(pfn), f.hasFlag(pfn, FrameFlag.exclusive), f.hasFlag(pfn, FrameFlag.written)]
      : null;
  const all = Array.from({ length: 6000 }, (_, pfn) => pfn);
  expect(all.map(say(fast))).toEqual(all.map(say(other)));
  expect(fast.used).toBe(other.used);
}

describe.each(SEEDS)("seed %d", (seed) => {
  test("a run is shared and unmapped as frame by frame, up to the first that is no single anonymous page", () => {
    const { fast, other, pfns, rng } = twins(seed);
    for (let round = 0; round < 200; round++) {
      const some = someOf(rng, pfns);
      const run = runOf(rng, some);
      if (rng.below(2)) {
        expect(fast.runs.dup(run, some.length)).toBe(slow.dup(other, some));
        continue;
      }
      for (let at = 0; at < some.length; ) {
        const rest = some.slice(at);
        const part = at === 0 ? run : runOf(rng, rest);
        const done = fast.runs.unmap(part, rest.length);
        const gone = Array.from({ length: fast.runs.unmapped }, (_, i) => part.pfn(i));
        expect(slow.unmap(other, rest.slice(0, done))).toEqual([done, gone]);
        if (done === 0) expect(slow.unmap(other, rest.slice(0, 1))[0]).toBe(0);
        // Of a row the part whose frames all have entries left, or none of which has, may be all that is done.
        else if (!part.inRow && done < rest.length) expect(slow.unmap(other, rest.slice(done, done + 1))[0]).toBe(0);
        at += Math.max(1, done);
      }
    }
    expectAlike(fast, other);
  });

  test("singles with the flags that are asked for are counted from any place in the run", () => {
    const { fast, pfns, rng } = twins(seed);
    for (let round = 0; round < 200; round++) {
      const some = someOf(rng, pfns);
      const from = rng.below(some.length);
      const [mask, flags] = rng.pick([
        [0, 0],
        [FrameFlag.exclusive, FrameFlag.exclusive],
        [FrameFlag.exclusive, 0],
        [MAPPED_ONCE.mask, MAPPED_ONCE.flags],
      ]) as [number, number];
      const agrees = (pfn: number) =>
        mask === MAPPED_ONCE.mask ? fast.mapcount(pfn) === 1 : mask === 0 || fast.hasFlag(pfn, mask) === (flags !== 0);
      const fits = (pfn: number) => slow.isSingle(fast, pfn) && agrees(pfn);
      expect(fast.runs.singles(runOf(rng, some), from, some.length, mask, flags)).toBe(prefix(some.slice(from), fits));
    }
  });

  test("what is given back as a run is handed out again in the order as if given back one by one", () => {
    const { fast, other, pfns, rng } = twins(seed);
    const free = new Set<number>();
    for (let round = 0; round < 60; round++) {
      const some = someOf(rng, pfns).filter((pfn) => slow.isSingle(fast, pfn) && !free.has(pfn));
      for (const f of [fast, other]) for (const pfn of some) f.addMapcount(pfn, 1, -f.mapcount(pfn));
      fast.freeRun(runOf(rng, some), some.length);
      for (const pfn of some) other.free(pfn);
      for (const pfn of some) free.add(pfn);
      for (let i = rng.below(40); i > 0; i--) {
        const order = rng.pick([0, 0, 0, 2, 4]);
        const pfn = fast.alloc(order);
        expect(pfn).toBe(other.alloc(order));
        for (let p = pfn; p < pfn + 2 ** order; p++) free.delete(p);
      }
    }
    expectAlike(fast, other);
  });
});

test("a row ends with its chunk, and goes on in the next", () => {
  const f = new Frames(TOTAL);
  const chunk = 2 ** 15;
  for (let i = 0; i < chunk + 50; i++) f.addMapcount(f.alloc(0), 1, 1);
  const run = new Leaves();
  run.inRow = true;
  run.first = chunk - 30;
  expect(f.runs.singles(run, 0, 80, 0, 0)).toBe(30);
  expect(f.runs.singles(run, 30, 80, 0, 0)).toBe(50);
  expect(f.runs.dup(run, 80)).toBe(30);
  expect(f.mapcount(chunk - 1)).toBe(2);
  expect(f.mapcount(chunk)).toBe(1);
  expect(f.runs.unmap(run, 80)).toBe(30);
  for (let pfn = run.first; pfn < run.first + 80; pfn++) f.addMapcount(pfn, 1, -1);
  const { used } = f;
  f.freeRun(run, 80);
  expect(f.used).toBe(used - 80);
  expect([chunk - 31, chunk - 30, chunk + 49, chunk + 50].map((pfn) => f.holds(pfn))).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test("frames that were never handed out are no singles", () => {
  const f = new Frames(TOTAL);
  const run = new Leaves();
  run.pfns.set([TOTAL * 4, TOTAL * 4 + 7]);
  expect([f.runs.singles(run, 0, 2, 0, 0), f.runs.dup(run, 2), f.runs.unmap(run, 2)]).toEqual([0, 0, 0]);
});

test("a frame that is mapped more often than its word can count is left to others", () => {
  const f = new Frames(TOTAL);
  const pfn = f.alloc(0);
  const run = new Leaves();
  run.pfns[0] = pfn;
  f.addMapcount(pfn, 1, 70_000);
  expect(f.runs.dup(run, 1)).toBe(0);
  expect(f.runs.unmap(run, 1)).toBe(0);
  expect(f.mapcount(pfn)).toBe(70_000);
  f.addMapcount(pfn, 1, 2 ** 13 - 1 - 70_000);
  expect(f.runs.dup(run, 1)).toBe(1);
  expect(f.runs.dup(run, 1)).toBe(0);
  expect(f.mapcount(pfn)).toBe(2 ** 13);
});
