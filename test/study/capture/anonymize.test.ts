import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { random } from "../../../src/base/random.ts";
import { anonymize } from "../../../src/study/capture/anonymize.ts";
import type { CapturedVma } from "../../../src/study/capture/format.ts";
import { isMapped, NO_PFN } from "../../../src/study/capture/format.ts";
import { randomCapture, runsOf, vmaOf } from "./random-layout.ts";

/** Spans of one table, in bytes, of kernels with 4K, 16K and 64K pages. */
const TABLE_BITS = [21, 30, 39, 25, 36, 47, 29, 42];

/** A random layout spread over the address space as a process's is: clusters far apart, some across table boundaries. */
function scattered(seed: number): { before: CapturedVma[]; pmdOrder: number } {
  const rng = random(seed);
  const { vmas, pmdOrder } = randomCapture(seed);
  let end = rng.below(2 ** 30);
  const before = vmas.map((vma) => {
    const bits = rng.pick([0, 3, 9, 13, 17, 18, 24, 27, 30]);
    const edge = rng.below(3) === 0 ? Math.ceil(end / 2 ** bits) * 2 ** bits - rng.below(40) : end;
    const start = Math.max(end, edge) + (rng.below(2) === 0 ? rng.below(2 ** 30) % 2 ** bits : 0);
    end = start + vma.end - vma.start;
    return { ...vma, start, end };
  });
  return { before, pmdOrder };
}

function property(check: (before: CapturedVma[], after: CapturedVma[], pmdOrder: number) => void, numRuns = 300): void {
  const program = (seed: number) => {
    const { before, pmdOrder } = scattered(seed);
    check(before, anonymize(before, 4096, pmdOrder), pmdOrder);
  };
  fc.assert(fc.property(fc.nat(2 ** 32 - 1), program), { numRuns });
}

function ends(vmas: readonly CapturedVma[]): number[] {
  return vmas.flatMap((vma) => [vma.start, vma.end - 1]);
}

/** Which pages share a table: the number of the first page that is in the same one. */
function sharing(pages: readonly number[], table: number): number[] {
  return pages.map((page) => pages.findIndex((p) => Math.floor(p / table) === Math.floor(page / table)));
}

describe("addresses", () => {
  test("pages share a table of any page size and level afterwards if and only if they did before", () => {
    property((before, after) => {
      for (const bits of TABLE_BITS)
        expect(sharing(ends(after), 2 ** (bits - 12))).toEqual(sharing(ends(before), 2 ** (bits - 12)));
    });
  });

  test("a VMA keeps its length, its place in a PMD-sized block, and its order among the others", () => {
    property((before, after, pmdOrder) => {
      after.forEach((vma, i) => {
        expect(vma.end - vma.start).toBe(before[i]!.end - before[i]!.start);
        expect(vma.start % 2 ** pmdOrder).toBe(before[i]!.start % 2 ** pmdOrder);
        if (i > 0) expect(vma.start).toBeGreaterThanOrEqual(after[i - 1]!.end);
      });
    });
  });

  test("VMAs touch afterwards if and only if they did before", () => {
    const gaps = (vmas: readonly CapturedVma[]) => vmas.slice(1).map((vma, i) => vma.start === vmas[i]!.end);
    property((before, after) => expect(gaps(after)).toEqual(gaps(before)));
  });

  test("VMAs that fill their tables to the edge do not come to touch", () => {
    const tables = [3, 7, 8, 12, 40, 16 * 50 + 15, 16 * 51 + 1].map((table) =>
      vmaOf(512 * table, new Array(512).fill(undefined)),
    );
    const after = anonymize(tables, 4096, 9);
    expect(after.slice(1).map((vma, i) => vma.start === after[i]!.end)).toEqual([
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  test("a process that is moved as a whole by the kernel's randomisation gives the same capture", () => {
    const vmas = (base: number) => [vmaOf(base, [{ cls: "G", pfn: NO_PFN, order: 0 }]), vmaOf(base + 90, [undefined])];
    const first = anonymize(vmas(0x55d1a2c00), 4096, 9);
    for (const base of [0x55d1a2c00 + 512 * 3, 0x55db6a600, 0x56f326e00])
      expect(anonymize(vmas(base), 4096, 9)).toEqual(first);
  });
});

describe("frames", () => {
  const frames = (vmas: readonly CapturedVma[]) =>
    vmas.flatMap((v) => v.runs.filter((r) => r.pfn !== NO_PFN).flatMap((r) => [r.pfn, r.pfn + r.n - 1]));

  test("distances in one PMD-sized block stay, and blocks are neighbours if and only if they were", () => {
    property((before, after, pmdOrder) => {
      const [old, now] = [frames(before), frames(after)];
      const block = (pfn: number) => Math.floor(pfn / 2 ** pmdOrder);
      for (const i of old.keys())
        for (const j of old.keys()) {
          const apart = block(old[i]!) - block(old[j]!);
          if (Math.abs(apart) <= 1) expect(now[i]! - now[j]!).toBe(old[i]! - old[j]!);
          else expect(Math.abs(block(now[i]!) - block(now[j]!))).toBeGreaterThan(1);
        }
    }, 30);
  });

  test("where the machine had put the memory makes no difference", () => {
    const vma = (pfn: number) =>
      vmaOf(
        0,
        [pfn, pfn + 512 * 7, pfn + 1].map((p) => ({ cls: "A" as const, pfn: p, order: 0 })),
      );
    const first = anonymize([vma(1_000_000)], 4096, 9);
    expect(anonymize([vma(1_000_000 + 512 * 1234)], 4096, 9)).toEqual(first);
    expect(first[0]!.runs[0]!.pfn).toBeLessThan(1024);
  });

  test("pages without a frame stay without one", () => {
    property((before, after) => {
      const none = (vmas: readonly CapturedVma[]) => vmas.map((v) => v.runs.map((r) => r.pfn === NO_PFN));
      expect(none(after)).toEqual(none(before));
    });
  });
});

test("runs stay as long as possible: renumbering neither joins nor cuts any", () => {
  property((before, after) => {
    const length = (vmas: readonly CapturedVma[]) => vmas.map((v) => v.runs.length);
    expect(length(after)).toEqual(length(before));
    for (const vma of after) {
      const pages = vma.runs.filter((r) => isMapped(r.cls));
      expect(pages.every((r) => r.pfn === NO_PFN || r.pfn % 2 ** r.order === r.index)).toBe(true);
    }
  });
  expect(runsOf([])).toEqual([]);
});
