/**
 * The part of the format contract that needs a tree: words in tables reach the memory that they name. The cases are those
 * of the kernel's generic page-table tests (table_radix, entry_oa, attr_from_entry), done through the walk of hardware.
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
import { PageTable } from "../../src/pgtable/pagetable.ts";

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
});
