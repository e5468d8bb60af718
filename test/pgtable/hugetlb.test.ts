import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import type { Format } from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { BrokenInvariant } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";
import { counts } from "../../src/base/tally.ts";
import { translate } from "../../src/mmu/translate.ts";
import {
  type HugeSize,
  hugePteAlloc,
  hugePteClear,
  hugePteGet,
  hugePteGetAndClear,
  hugeSetAccessFlags,
  hugeSizeName,
  hugetlbSizes,
  mapHugetlb,
  setHugePteAt,
} from "../../src/pgtable/hugetlb.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { newPageTable } from "./bench.ts";

const WRITABLE = A.write | A.young;
const cases = formats.flatMap((f) =>
  hugetlbSizes(f).map((size) => [`${f.name}, ${hugeSizeName(f, size)}`, f, size] as const),
);
const blocks = cases.filter(([, , size]) => size.entries > 1);

/** A place for a page of that size somewhere in user space, away from its start. */
function place(rng: Random, f: Format, size: HugeSize): number {
  const places = 2 ** (f.userVaBits - f.pageLg2 - size.pagesLg2);
  return Math.floor((rng.next() / 2 ** 32) * places) * 2 ** size.pagesLg2;
}

/** A frame at which a page of that size may lie. */
function frame(rng: Random, f: Format, size: HugeSize): number {
  return rng.below(2 ** Math.min(30, f.paBits - f.pageLg2 - size.pagesLg2)) * 2 ** size.pagesLg2;
}

function locked<T>(pt: PageTable, slot: number, size: HugeSize, act: () => T): T {
  pt.locks.take(pt.tableOf(slot), size.level);
  const result = act();
  pt.locks.drop(pt.tableOf(slot), size.level);
  return result;
}

test.each([
  ["x86-64", "2M PMD, 1G PUD"],
  ["x86-32", "4M PGD"],
  ["arm64-4k", "64K contiguous PTE, 2M PMD, 32M contiguous PMD, 1G PUD"],
  ["arm64-16k", "2M contiguous PTE, 32M PMD, 1G contiguous PMD"],
  ["arm64-64k", "2M contiguous PTE, 512M PMD, 16G contiguous PMD"],
  ["riscv-sv48", "64K contiguous PTE, 2M PMD, 1G PUD"],
  ["s390-53", "1M PMD, 2G PUD"],
])("the hugetlb sizes of %s are those of Linux's support matrix", (name, want) => {
  const f = formatNamed(name);
  expect(
    hugetlbSizes(f)
      .map((size) => hugeSizeName(f, size))
      .join(", "),
  ).toBe(want);
});

describe.each(cases)("%s", (_name, f, size) => {
  test("hardware finds each page of it in the frame that lies as far into it, and nothing beside it", () => {
    for (let seed = 900; seed < 908; seed++) {
      const rng = random(seed);
      const pt = newPageTable(f);
      const [vpn, pfn] = [place(rng, f, size), frame(rng, f, size)];
      mapHugetlb(pt, vpn, size, pfn, WRITABLE);
      const pages = 2 ** size.pagesLg2;
      for (const i of [0, 1, pages - 1, ...Array.from({ length: 20 }, () => rng.below(pages))]) {
        const walk = translate(pt, vpn + i, false, f.accessDirty);
        expect([seed, i, walk.fault, walk.pfn, walk.level]).toEqual([seed, i, null, pfn + i, size.level]);
      }
      if (vpn > 0) expect(translate(pt, vpn - 1, false, f.accessDirty).fault).toBe("translation");
      expect(translate(pt, vpn + pages, false, f.accessDirty).fault).toBe("translation");
      expect(pt.locks.held).toBe(0);
    }
  });

  test("a store writes each of its entries once, folds nothing and puts no table aside", () => {
    const pt = newPageTable(f, true);
    const slot = hugePteAlloc(pt, 0, size);
    const [tables, before] = [pt.tablesAt.join(), pt.tally.slice()];
    locked(pt, slot, size, () => setHugePteAt(pt, slot, size, 0, WRITABLE));
    const done = counts(pt.tally, before);
    expect([done.slotsWritten, done.contpteFolds, done.flushRanges]).toEqual([size.entries, 0, 0]);
    expect(pt.tablesAt.join()).toBe(tables);
  });

  test("accessed and dirty that hardware noted on any entry are those of the page, also when it is taken out", () => {
    const pages = 2 ** size.pagesLg2;
    for (let seed = 920; seed < 928; seed++) {
      const rng = random(seed);
      const pt = newPageTable(f);
      const slot = hugePteAlloc(pt, pages, size);
      locked(pt, slot, size, () => setHugePteAt(pt, slot, size, frame(rng, f, size), A.write));
      expect(hugePteGet(pt, slot, size).attrs & (A.young | A.dirty)).toBe(0);
      translate(pt, pages + rng.below(pages), true, "hardware");
      expect(hugePteGet(pt, slot, size).attrs & (A.young | A.dirty)).toBe(A.young | A.dirty);
      const taken = locked(pt, slot, size, () => hugePteGetAndClear(pt, slot, size));
      expect([taken.kind, taken.attrs & (A.young | A.dirty)]).toEqual([Kind.leaf, A.young | A.dirty]);
      for (let i = 0; i < size.entries; i++) expect(pt.kind(slot + i, size.level)).toBe(Kind.none);
    }
  });

  test("a fault's fix-up reaches every entry, keeps what was noted, and does nothing where nothing is to do", () => {
    const pt = newPageTable(f);
    const slot = hugePteAlloc(pt, 0, size);
    locked(pt, slot, size, () => setHugePteAt(pt, slot, size, 0, 0));
    expect(locked(pt, slot, size, () => hugeSetAccessFlags(pt, slot, size, A.young))).toBe(true);
    expect(locked(pt, slot, size, () => hugeSetAccessFlags(pt, slot, size, A.write | A.dirty))).toBe(true);
    for (let i = 0; i < size.entries; i++) {
      expect(pt.attrs(slot + i, size.level) & (A.young | A.dirty | A.write)).toBe(A.young | A.dirty | A.write);
      expect(pt.pfn(slot + i, size.level)).toBe(i * pt.span[size.level]!);
    }
    const before = pt.tally.slice();
    expect(locked(pt, slot, size, () => hugeSetAccessFlags(pt, slot, size, A.write | A.young))).toBe(false);
    expect([counts(pt.tally, before).slotsWritten, counts(pt.tally, before).flushRanges]).toEqual([0, 0]);
  });

  test("a change without the lock of its table is a broken invariant", () => {
    const pt = newPageTable(f);
    const slot = hugePteAlloc(pt, 0, size);
    expect(() => setHugePteAt(pt, slot, size, 0, 0)).toThrow(BrokenInvariant);
    expect(() => hugePteAlloc(pt, 1, size)).toThrow(BrokenInvariant);
  });
});

describe.each(blocks)("%s", (_name, f, size) => {
  const pages = 2 ** size.pagesLg2;

  test("replacing one block by another empties and flushes it first; filling an empty one does not", () => {
    const pt = newPageTable(f);
    const slot = hugePteAlloc(pt, 0, size);
    locked(pt, slot, size, () => setHugePteAt(pt, slot, size, 0, WRITABLE));
    let before = pt.tally.slice();
    locked(pt, slot, size, () => setHugePteAt(pt, slot, size, pages, WRITABLE));
    const { slotsWritten, flushRanges, flushPages } = counts(pt.tally, before);
    expect([slotsWritten, flushRanges, flushPages]).toEqual([2 * size.entries, 1, pages]);
    before = pt.tally.slice();
    locked(pt, slot, size, () => hugePteClear(pt, slot, size));
    expect(counts(pt.tally, before).slotsWritten).toBe(size.entries);
  });

  test("a block read as one entry costs a read of it and one of each of its entries", () => {
    const pt = newPageTable(f);
    mapHugetlb(pt, 0, size, 0, WRITABLE);
    const slot = pt.find(0, size.level);
    const before = pt.tally.slice();
    hugePteGet(pt, slot, size);
    expect(counts(pt.tally, before).slotsRead).toBe(1 + size.entries);
  });

  test("a slot within a block is not taken for its first", () => {
    const pt = newPageTable(f);
    mapHugetlb(pt, 0, size, 0, WRITABLE);
    const slot = pt.find(0, size.level) + 1;
    locked(pt, slot, size, () => expect(() => hugePteClear(pt, slot, size)).toThrow("not the first"));
  });

  test("its neighbours below and above are left as they were", () => {
    const pt = newPageTable(f);
    mapHugetlb(pt, 0, size, 0, WRITABLE);
    mapHugetlb(pt, 2 * pages, size, pages, WRITABLE);
    const words = [0, 2 * pages].map((vpn) => pt.describe(vpn));
    mapHugetlb(pt, pages, size, 2 * pages, WRITABLE);
    const slot = pt.find(pages, size.level);
    locked(pt, slot, size, () => hugePteClear(pt, slot, size));
    expect([0, 2 * pages].map((vpn) => pt.describe(vpn))).toEqual(words);
  });
});
