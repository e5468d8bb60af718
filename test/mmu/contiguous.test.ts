/**
 * Blocks of contiguous entries at level 0 and above it, and runs of entries that hardware finds contiguous by itself.
 */
import { describe, expect, test } from "vitest";
import { A } from "../../src/arch/entry.ts";
import { levelsOf, spanLg2 } from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { AccessKind, accessesOf } from "../../src/mmu/access-words.ts";
import { leafSizes } from "../../src/mmu/generic.ts";
import { Mmu } from "../../src/mmu/simulate.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";

const USED = A.write | A.dirty | A.young;

function emptyTree(name: string): PageTable {
  const format = formatNamed(name);
  const tables = new Tables(Math.max(...format.indexLg2), 2 ** 22);
  return new PageTable({ format, tables, frames: new Frames(1024), tally: newTally(), contpte: false });
}

/** Writes `n` leaves of a level, word by word as the format has them, to frames that follow one another. */
function putLeaves(pt: PageTable, vpn: number, level: number, pfn: number, n: number, attrs: number): void {
  const { format: f, tables } = pt;
  const span = 2 ** spanLg2(f, level);
  for (let i = 0; i < n; i++) {
    const slot = pt.findOrMake(vpn + i * span, level);
    tables.fill(slot, 1, f.leafLo(pfn + i * span, attrs, level), f.leafHi(pfn + i * span, attrs, level));
  }
}

/** Format and level of every kind of contiguous block. */
const BLOCKS = formats.flatMap((f) =>
  Array.from({ length: levelsOf(f) }, (_, level) => level)
    .filter((level) => f.contLg2[level]! > 0)
    .map((level) => [f.name, level] as const),
);

test("arm64 has contiguous blocks at levels 0 and 1 and riscv at level 0", () => {
  expect(BLOCKS).toContainEqual(["arm64-4k", 1]);
  expect(BLOCKS).toContainEqual(["riscv-sv39", 0]);
  expect(BLOCKS).not.toContainEqual(["riscv-sv39", 1]);
});

describe.each(BLOCKS)("a contiguous block of %s at level %i", (name, level) => {
  const format = formatNamed(name);
  const lg2 = spanLg2(format, level) + format.contLg2[level]!;
  const base = 2 ** lg2;
  const slots = 2 ** format.contLg2[level]!;
  const pages = Array.from({ length: slots }, (_, i) => base + i * 2 ** spanLg2(format, level) + (level > 0 ? 5 : 0));
  const tree = () => {
    const pt = emptyTree(name);
    putLeaves(pt, base, level, 3 * base, slots, USED | A.cont);
    return pt;
  };
  const run = (pt: PageTable, holds: readonly number[]) => {
    const mmu = new Mmu(pt, { tlb: [[{ name: "TLB", sets: 1, ways: 2, holds }]], walkCache: [], accessDirty: "fault" });
    const out = new Float64Array(pages.length);
    mmu.run(accessesOf(pages, format.pageLg2), out);
    expect(Array.from(out)).toEqual(pages.map((vpn) => vpn - base + 3 * base));
    return { mmu, out };
  };

  test("takes one walk and one entry, and every page of it reaches its own frame", () => {
    expect(run(tree(), leafSizes(format, true)).mmu.counts().walks).toBe(1);
  });

  test("takes a walk for each slot where the TLB knows no blocks", () => {
    expect(run(tree(), leafSizes(format, false)).mmu.counts().walks).toBe(slots);
  });

  test("goes from the TLB as a whole when one page of it is invalidated", () => {
    const { mmu } = run(tree(), leafSizes(format, true));
    mmu.flush(pages.at(-1)!, pages.at(-1)! + 1);
    mmu.run(accessesOf(pages, format.pageLg2));
    expect(mmu.counts().walks).toBe(2);
  });
});

/** Four PTEs and a core whose TLB coalesces four. */
function four(change: (pt: PageTable, put: (i: number, pfn: number, attrs: number) => void) => void) {
  const pt = emptyTree("x86-64");
  putLeaves(pt, 64, 0, 128, 4, USED);
  change(pt, (i, pfn, attrs) => putLeaves(pt, 64 + i, 0, pfn, 1, attrs));
  const tlb = [[{ name: "TLB", sets: 4, ways: 4, holds: [0], coalesce: 2 }]];
  const mmu = new Mmu(pt, { tlb, walkCache: [], accessDirty: "hardware" });
  mmu.run(accessesOf([64, 65, 66, 67], 12));
  return mmu;
}

describe("four neighbours", () => {
  test("that map one aligned run of memory alike share one entry", () => {
    expect(four(() => {}).counts().walks).toBe(1);
  });

  test.each([
    ["are not one run of memory", 200, USED],
    ["differ in what they allow", 130, USED & ~A.write],
    ["have a clean page among them", 130, USED & ~A.dirty],
  ])("that %s do not", (_why, pfn, attrs) => {
    expect(four((_pt, put) => put(2, pfn, attrs)).counts().walks).toBe(4);
  });

  test("of which one was never used do not, until its own walk notes accessed", () => {
    const { walks } = four((_pt, put) => put(2, 130, USED & ~A.young)).counts();
    expect(walks).toBe(3);
  });

  test("whose memory begins at an odd place do not", () => {
    expect(four((pt) => putLeaves(pt, 64, 0, 129, 4, USED)).counts().walks).toBe(4);
  });

  test("that are all clean but may be written do not, so that each first store sets its own dirty bit", () => {
    const mmu = four((pt) => putLeaves(pt, 64, 0, 128, 4, USED & ~A.dirty));
    mmu.run(accessesOf([64, 65, 66, 67], 12, AccessKind.store));
    expect(mmu.counts()).toMatchObject({ walks: 4, dirtyWalks: 4 });
  });

  test("that may only be read share one", () => {
    expect(four((pt) => putLeaves(pt, 64, 0, 128, 4, A.young)).counts().walks).toBe(1);
  });
});

test("a run longer than a line of the table is refused", () => {
  const tlb = [[{ name: "TLB", sets: 4, ways: 4, holds: [0], coalesce: 4 }]];
  const make = () => new Mmu(emptyTree("x86-64"), { tlb, walkCache: [], accessDirty: "hardware" });
  expect(make).toThrow("bad coalesce '4': 1 to 3, since a line of tables has 8 entries");
});
