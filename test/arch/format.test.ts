/**
 * The contract that every format of the list keeps. Includes what of mm/debug_vm_pgtable.c is about the bits of an entry:
 * each helper changes its own attribute and leaves the rest alone.
 */
import { describe, expect, test } from "vitest";
import { A, attrText, Kind, Marker } from "../../src/arch/entry.ts";
import {
  decode,
  type Format,
  isGuard,
  levelsOf,
  pmdOrder,
  SWP_PTE_MARKER,
  spanLg2,
  vaBits,
} from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { UserError } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";

const SEED = 20260;
const ALL = Object.values(A).reduce((all, bit) => all | bit, 0);
/** Attributes that every format has. */
const COMMON = A.write | A.dirty | A.young | A.exec | A.special | A.protnone;

interface Word {
  readonly lo: number;
  readonly hi: number;
}

function leaf(f: Format, pfn: number, attrs: number, level: number): Word {
  return { lo: f.leafLo(pfn, attrs, level), hi: f.leafHi(pfn, attrs, level) };
}

function swap(f: Format, type: number, offset: number): Word {
  return { lo: f.swapLo(type, offset), hi: f.swapHi(type, offset) };
}

function attrsOf(f: Format, w: Word, level = 0): number {
  return f.attrs(w.lo, w.hi, level);
}

/** Attributes that the format can store: others are dropped without harm. */
function kept(f: Format): number {
  return Object.values(A)
    .filter((bit) => attrsOf(f, leaf(f, 0, bit, 0)) & bit)
    .reduce((all, bit) => all | bit, 0);
}

/** Every set of attributes that the format can store. What may be executed does not matter where nothing may be done. */
function attrSets(f: Format): number[] {
  const mask = kept(f);
  return Array.from({ length: ALL + 1 }, (_, a) => a).filter((a) => (a & ~mask) === 0);
}

function same(a: number, b: number): boolean {
  return (a & A.protnone ? a & ~A.exec : a) === (b & A.protnone ? b & ~A.exec : b);
}

/** Bits that a frame number has at least in every format: 48 bits of physical address in pages of 4K. */
const PFN_LG2 = 36;

function somePfn(rng: Random): number {
  return rng.below(2 ** (PFN_LG2 - 20)) * 2 ** 20 + rng.below(2 ** 20);
}

function edgePfns(): number[] {
  const edges = [0, 1, 2 ** 19, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** PFN_LG2 - 1];
  return [...edges, ...Array.from({ length: PFN_LG2 }, (_, i) => 2 ** i)];
}

function leafLevels(f: Format): number[] {
  return Array.from({ length: f.maxLeafLevel + 1 }, (_, level) => level);
}

/** A frame number as aligned as an entry of a level needs it. */
function alignPfn(f: Format, pfn: number, level: number): number {
  return pfn - (pfn % 2 ** spanLg2(f, level));
}

test("an unknown architecture is a user's mistake that names the known ones", () => {
  expect(() => formatNamed("arm64-4j")).toThrow(UserError);
  expect(() => formatNamed("arm64-4j")).toThrow("did you mean arm64-4k?");
});

test("no two formats have the same name", () => {
  expect(new Set(formats.map((f) => f.name)).size).toBe(formats.length);
  expect(formats.map((f) => formatNamed(f.name))).toEqual(formats);
});

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, f) => {
  const rng = random(SEED);

  test("one number per level describes the geometry", () => {
    const n = levelsOf(f);
    expect([f.contLg2.length, f.levelNames.length]).toEqual([n, n]);
    expect(f.maxLeafLevel).toBeLessThan(n);
    expect(f.accountedLevel).toBeLessThan(n);
    expect(f.userVaBits).toBeLessThanOrEqual(vaBits(f));
    expect(f.indexLg2.every((lg2, l) => lg2 > f.contLg2[l]!)).toBe(true);
  });

  test("levels cut the virtual address without gap or overlap", () => {
    for (let l = 0; l < levelsOf(f); l++) expect(spanLg2(f, l + 1) - spanLg2(f, l)).toBe(f.indexLg2[l]);
    expect(vaBits(f)).toBe(f.pageLg2 + f.indexLg2.reduce((sum, lg2) => sum + lg2, 0));
    expect(pmdOrder(f)).toBe(f.indexLg2[0]);
  });

  test("the empty word is none at every level", () => {
    for (let l = 0; l < levelsOf(f); l++) {
      expect(f.kind(f.empty[l]!, 0, l)).toBe(Kind.none);
      expect(decode(f, f.empty[l]!, 0, l)).toEqual({ kind: "none" });
    }
  });

  test("every set of attributes comes back from a leaf, at every level that may hold one", () => {
    for (const level of leafLevels(f))
      for (const attrs of attrSets(f)) {
        const pfn = alignPfn(f, somePfn(rng), level);
        const w = leaf(f, pfn, attrs, level);
        expect(f.kind(w.lo, w.hi, level), `attrs ${attrText(attrs)} level ${level}`).toBe(Kind.leaf);
        expect(f.pfn(w.lo, w.hi, level), `attrs ${attrText(attrs)} pfn ${pfn} level ${level}`).toBe(pfn);
        expect(same(attrsOf(f, w), attrs), `attrs ${attrText(attrs)} -> ${attrText(attrsOf(f, w))}`).toBe(true);
      }
  });

  test("the format stores at least write, dirty, accessed, exec, special and PROT_NONE", () => {
    expect(kept(f) & COMMON).toBe(COMMON);
  });

  test("the contiguous bit is stored exactly where the format has contiguous blocks", () => {
    expect((kept(f) & A.cont) !== 0).toBe(f.contLg2.some((lg2) => lg2 > 0));
  });

  test("every frame number comes back from leaves and from tables, edges and random ones", () => {
    const pfns = [...edgePfns(), ...Array.from({ length: 2000 }, () => somePfn(rng))];
    for (const pfn of pfns) {
      for (const level of leafLevels(f)) {
        const aligned = alignPfn(f, pfn, level);
        for (const attrs of [A.write | A.dirty, A.protnone, 0]) {
          const w = leaf(f, aligned, attrs, level);
          expect(f.pfn(w.lo, w.hi, level), `pfn ${aligned} level ${level}`).toBe(aligned);
        }
      }
      expect(f.tablePfn(f.tableLo(pfn, 1), f.tableHi(pfn, 1), 1)).toBe(pfn);
    }
  });

  test("an entry rewritten from what it decodes to is the same word", () => {
    for (let i = 0; i < 2000; i++) {
      const level = rng.pick(leafLevels(f));
      const w = leaf(f, alignPfn(f, somePfn(rng), level), rng.below(ALL + 1) & kept(f), level);
      expect(leaf(f, f.pfn(w.lo, w.hi, level), attrsOf(f, w), level)).toEqual(w);
    }
  });

  test("a table entry is a table at every level above 0, and never a leaf there", () => {
    for (let l = 1; l < levelsOf(f); l++)
      for (const pfn of edgePfns()) expect(f.kind(f.tableLo(pfn, l), f.tableHi(pfn, l), l)).toBe(Kind.table);
  });

  test("a leaf above level 0 is told from a table by the entry alone", () => {
    for (const level of leafLevels(f).slice(1)) {
      const w = leaf(f, 0, A.write | A.dirty | A.young, level);
      expect(decode(f, w.lo, w.hi, level).kind).toBe("leaf");
    }
  });

  test("PROT_NONE is a leaf with its frame number at every level, whatever else it carries", () => {
    for (const level of leafLevels(f))
      for (const attrs of attrSets(f)) {
        const pfn = alignPfn(f, somePfn(rng), level);
        const w = leaf(f, pfn, attrs | A.protnone, level);
        expect([f.kind(w.lo, w.hi, level), f.pfn(w.lo, w.hi, level)]).toEqual([Kind.leaf, pfn]);
        expect(attrsOf(f, w) & A.protnone).toBe(A.protnone);
      }
  });

  test("swap entries of every type come back, and are neither none, table nor leaf at any level", () => {
    const offsets = [
      1,
      2,
      2 ** 20,
      2 ** 31,
      2 ** 32,
      2 ** 45 - 1,
      ...Array.from({ length: 200 }, () => somePfn(rng) + 1),
    ];
    for (let type = 0; type < 32; type++)
      for (const offset of offsets) {
        const w = swap(f, type, offset);
        expect([f.swapType(w.lo, w.hi), f.swapOffset(w.lo, w.hi)], `type ${type} offset ${offset}`).toEqual([
          type,
          offset,
        ]);
        for (let l = 0; l < levelsOf(f); l++) expect(f.kind(w.lo, w.hi, l)).toBe(Kind.softleaf);
      }
  });

  test("every set of marker bits comes back as a marker, and only those with the guard bit are guards", () => {
    for (let marker = 1; marker < 8; marker++) {
      const w = swap(f, SWP_PTE_MARKER, marker);
      expect(decode(f, w.lo, w.hi, 0)).toEqual({ kind: "marker", marker });
      expect(isGuard(f, w.lo, w.hi)).toBe((marker & Marker.guard) !== 0);
    }
    const other = swap(f, 3, Marker.guard);
    expect(decode(f, other.lo, other.hi, 0)).toEqual({ kind: "swap", type: 3, offset: Marker.guard });
    expect(isGuard(f, other.lo, other.hi)).toBe(false);
  });

  test.each(["write", "dirty", "young", "exec", "special", "cont", "softDirty", "uffdWp"] as const)(
    "setting and clearing %s changes that attribute and nothing else",
    (name) => {
      const bit = A[name];
      if (!(kept(f) & bit)) return;
      for (const level of leafLevels(f))
        for (const attrs of attrSets(f)) {
          if (attrs & A.protnone && bit === A.exec) continue;
          const on = leaf(f, 0, attrs | bit, level);
          const off = leaf(f, 0, attrsOf(f, on) & ~bit, level);
          const again = leaf(f, 0, attrsOf(f, off) | bit, level);
          expect(same(attrsOf(f, off), attrs & ~bit), attrText(attrs)).toBe(true);
          expect(again, attrText(attrs)).toEqual(on);
        }
    },
  );

  test("write protection loses neither dirty nor accessed, and permission that comes back finds both", () => {
    for (const level of leafLevels(f)) {
      const w = leaf(f, 0, A.write | A.dirty | A.young, level);
      const protectedWord = leaf(f, 0, attrsOf(f, w) & ~A.write, level);
      expect(attrsOf(f, protectedWord) & (A.write | A.dirty | A.young)).toBe(A.dirty | A.young);
      expect(leaf(f, 0, attrsOf(f, protectedWord) | A.write, level)).toEqual(w);
    }
  });

  test("the letters of a raw entry name exactly what its attributes are", () => {
    const letters = { w: A.write, d: A.dirty, a: A.young, x: A.exec, s: A.special, n: A.protnone };
    for (const attrs of attrSets(f)) {
      const w = leaf(f, 0, attrs, 0);
      const text = f.rawFlags(w.lo, w.hi, 0);
      for (const [letter, bit] of Object.entries(letters))
        expect(text.includes(letter), `${text} ${letter}`).toBe((attrsOf(f, w) & bit) !== 0);
    }
  });

  test("words are whole numbers of 32 bits whatever they are made from", () => {
    for (let i = 0; i < 500; i++) {
      const w = leaf(f, somePfn(rng), rng.below(ALL + 1), 0);
      const s = swap(f, rng.below(32), somePfn(rng));
      for (const n of [w.lo, w.hi, s.lo, s.hi]) expect(Number.isInteger(n) && Math.abs(n) < 2 ** 32).toBe(true);
    }
  });
});
