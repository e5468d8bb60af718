/**
 * The part of the format contract that needs a tree: words in tables reach the memory that they name. The cases are those
 * of the kernel's generic page-table tests (table_ptr, table_radix, entry_oa, attr_from_entry, dirty), done through the walk of
 * hardware, and those of mm/debug_vm_pgtable.c that change entries in place (advanced, clear, populate, huge, hugetlb).
 */
import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { type Format, levelsOf, type PageSize, pageSizes, type Root, spanLg2, vaBits } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { translate } from "../../src/mmu/translate.ts";
import { changeLeaf, clearLeaf, mapLeaf } from "../../src/pgtable/huge.ts";
import { hugePteClear, hugePteGet, hugetlbSizes, mapHugetlb } from "../../src/pgtable/hugetlb.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import {
  clearPtes,
  getAndClearPtes,
  ptepGet,
  ptepSetAccessFlags,
  ptepSetWrprotect,
  ptepTestAndClearYoung,
  setPtes,
} from "../../src/pgtable/ptep.ts";

const RWYD = A.write | A.dirty | A.young;

function newTree(f: Format): PageTable {
  const total = 2 ** 15;
  const tables = new Tables(Math.max(...f.indexLg2), total);
  return new PageTable({ format: f, tables, frames: new Frames(total), tally: newTally(), contpte: false });
}

/** Pages that one tree covers. */
function treePages(f: Format): number {
  return 2 ** (vaBits(f) - f.pageLg2);
}

/** Writes one translation of a size, word by word, for the aligned block around a page. Returns the block's first page. */
function mapSize(pt: PageTable, vpn: number, pfn: number, { lg2, level, cont }: PageSize): number {
  const { format: f } = pt;
  const first = vpn - (vpn % 2 ** lg2);
  const attrs = RWYD | (cont ? A.cont : 0);
  const slot = pt.findOrMake(first, level);
  for (let i = 0; i < (cont ? 2 ** f.contLg2[level]! : 1); i++) {
    const frame = pfn + i * pt.span[level]!;
    pt.write(slot + i, f.leafLo(frame, attrs, level), f.leafHi(frame, attrs, level));
  }
  return first;
}

/** The last frame that entries can name, as far down as a size must be aligned. */
function lastFrames(f: Format, lg2: number): number {
  return 2 ** (f.paBits - f.pageLg2) - 2 ** lg2;
}

function edges(root: Root, f: Format): number[] {
  return [root.first, root.last].map((vpn) => vpn % treePages(f));
}

function somePage(rng: Random, f: Format): number {
  return Math.floor((rng.next() / 2 ** 32) * treePages(f));
}

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, f) => {
  test("the first and the last page of every root reach memory by every page size, up to the last frame that entries name", () => {
    for (const root of f.roots)
      for (const size of pageSizes(f))
        for (const vpn of edges(root, f)) {
          const pt = newTree(f);
          const pfn = lastFrames(f, size.lg2);
          const first = mapSize(pt, vpn, pfn, size);
          const text = `${root.name} page ${vpn} size 2^${size.lg2}`;
          for (const at of new Set([first, vpn, first + 2 ** size.lg2 - 1])) {
            const walk = translate(pt, at, true, "fault");
            expect([walk.fault, walk.pfn, walk.level], text).toEqual([null, pfn + (at - first), size.level]);
          }
        }
  });

  test("the pages before and behind a translation of any size are not there", () => {
    for (const size of pageSizes(f)) {
      const pt = newTree(f);
      const first = mapSize(pt, 2 ** size.lg2 * 3 + 1, 0, size);
      for (const at of [first - 1, first + 2 ** size.lg2])
        expect(translate(pt, at, false, "fault").fault).toBe("translation");
    }
  });

  test("the largest page that stands in a table fills no more than its slots, and two of them lie side by side", () => {
    for (const size of pageSizes(f)) {
      const pt = newTree(f);
      const n = 2 ** size.lg2;
      mapSize(pt, 4 * n, 8 * n, size);
      mapSize(pt, 5 * n, 2 * n, size);
      const reached = [4 * n, 5 * n - 1, 5 * n, 6 * n - 1].map((vpn) => translate(pt, vpn, false, "hardware").pfn);
      expect(reached).toEqual([8 * n, 9 * n - 1, 2 * n, 3 * n - 1]);
    }
  });

  test("each bit of a page's number is the index of one level, and changes the slot of that level and of no level above", () => {
    const pt = newTree(f);
    const rng = random(5);
    for (let bit = 0; bit < vaBits(f) - f.pageLg2; bit++) {
      const vpn = somePage(rng, f);
      const other = Math.floor(vpn / 2 ** bit) % 2 === 0 ? vpn + 2 ** bit : vpn - 2 ** bit;
      const changed = f.indexLg2.flatMap((_, level) =>
        pt.index(vpn, level) === pt.index(other, level) ? [] : [level],
      );
      const owner = f.indexLg2.findIndex((_, level) => bit < spanLg2(f, level + 1));
      expect(changed, `bit ${bit} of page ${vpn}`).toEqual([owner]);
    }
  });

  test("a word that hardware noted an access in is the word that would have been made with it", () => {
    for (const size of pageSizes(f)) {
      const pt = newTree(f);
      const pfn = lastFrames(f, size.lg2);
      const slot = pt.findOrMake(0, size.level);
      const clean = A.write | (size.cont ? A.cont : 0);
      pt.write(slot, f.leafLo(pfn, clean, size.level), f.leafHi(pfn, clean, size.level));
      translate(pt, 0, true, "hardware");
      const want = clean | A.young | A.dirty;
      expect([pt.lo(slot), pt.hi(slot)]).toEqual([f.leafLo(pfn, want, size.level), f.leafHi(pfn, want, size.level)]);
    }
  });

  test("an empty table refuses every page, and its words are those of no other kind", () => {
    const pt = newTree(f);
    const rng = random(6);
    for (let i = 0; i < 20; i++) {
      const vpn = somePage(rng, f);
      const slot = pt.findOrMake(vpn, 0);
      expect(pt.kind(slot, 0)).toBe(Kind.none);
      expect(translate(pt, vpn, false, "hardware")).toMatchObject({
        fault: "translation",
        level: 0,
        reads: levelsOf(f),
      });
    }
  });

  test("an entry of every level above 0 leads to the table that was put there, and to none when it is cleared", () => {
    for (let level = 1; level < levelsOf(f); level++) {
      const pt = newTree(f);
      const slot = pt.findOrMake(0, level);
      expect(pt.kind(slot, level)).toBe(Kind.none);
      const table = pt.makeTable(level - 1);
      pt.link(slot, table, level);
      expect([pt.kind(slot, level), pt.child(slot, level)]).toEqual([Kind.table, table]);
      pt.clear(slot, 1, level);
      expect(pt.kind(slot, level)).toBe(Kind.none);
    }
  });

  test("a page of level 0 is write-protected, made permissive, aged and taken out, with nothing left behind", () => {
    const pt = newTree(f);
    const slot = pt.findOrMake(5, 0);
    setPtes(pt, slot, 8, RWYD, 1);
    ptepSetWrprotect(pt, slot);
    expect(ptepGet(pt, slot).attrs & RWYD).toBe(A.dirty | A.young);
    expect(getAndClearPtes(pt, slot, 1)).toMatchObject({ kind: Kind.leaf, pfn: 8 });
    expect([pt.lo(slot), pt.hi(slot)]).toEqual([f.empty[0], 0]);
    setPtes(pt, slot, 8, A.young, 1);
    expect(ptepSetAccessFlags(pt, slot, A.write | A.dirty)).toBe(true);
    expect(ptepGet(pt, slot).attrs & RWYD).toBe(RWYD);
    expect([ptepTestAndClearYoung(pt, slot), ptepTestAndClearYoung(pt, slot)]).toEqual([true, false]);
    clearPtes(pt, slot, 1);
    expect(pt.kind(slot, 0)).toBe(Kind.none);
  });

  test("a leaf above level 0 goes through the same, and its slot is empty at last", () => {
    for (let level = 1; level <= f.maxLeafLevel; level++) {
      const pt = newTree(f);
      const slot = pt.findOrMake(0, level);
      mapLeaf(pt, slot, level, 0, RWYD);
      changeLeaf(pt, slot, level, 0, A.write | A.young);
      expect([pt.kind(slot, level), pt.attrs(slot, level) & RWYD]).toEqual([Kind.leaf, A.dirty]);
      changeLeaf(pt, slot, level, A.write | A.young, 0);
      expect(pt.attrs(slot, level) & RWYD).toBe(RWYD);
      clearLeaf(pt, slot, level);
      expect([pt.lo(slot), pt.hi(slot)]).toEqual([f.empty[level], 0]);
    }
  });

  test("dirtying any part of a hugetlb page of any size makes all of it dirty, and clearing it leaves every slot empty", () => {
    for (const size of hugetlbSizes(f))
      for (const part of new Set([0, size.entries >> 1, size.entries - 1])) {
        const pt = newTree(f);
        const n = 2 ** size.pagesLg2;
        mapHugetlb(pt, 0, size, 0, A.write | A.young);
        const slot = pt.findOrMake(0, size.level);
        translate(pt, (part * n) / size.entries, true, "hardware");
        expect(hugePteGet(pt, slot, size).attrs & A.dirty, `part ${part} of ${size.entries}`).toBe(A.dirty);
        expect(translate(pt, n - 1, false, "hardware").pfn).toBe(n - 1);
        pt.locks.take(pt.tableOf(slot), size.level);
        hugePteClear(pt, slot, size);
        pt.locks.drop(pt.tableOf(slot), size.level);
        for (let i = 0; i < size.entries; i++) expect(pt.kind(slot + i, size.level)).toBe(Kind.none);
      }
  });
});
