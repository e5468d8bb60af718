/**
 * The contract that every format of the list keeps. Includes what of mm/debug_vm_pgtable.c is about the bits of an entry:
 * each helper changes its own attribute and leaves the rest alone.
 */
import { describe, expect, test } from "vitest";
import { A, attrText, Kind, Marker } from "../../src/arch/entry.ts";
import {
  bestPageSize,
  decode,
  type Format,
  isGuard,
  levelsOf,
  type PageSize,
  pageSizes,
  pmdOrder,
  rootOf,
  SWP_PTE_MARKER,
  spanLg2,
  vaBits,
} from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { UserError } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";
import { formatSize } from "../../src/base/size.ts";

const SEED = 20260;
const ALL = Object.values(A).reduce((all, bit) => all | bit, 0);

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

/** Attributes that a leaf of the level can store: others are dropped, or always there, without harm. */
function kept(f: Format, level = 0): number {
  return Object.values(A)
    .filter((bit) => attrsOf(f, leaf(f, 0, bit, level), level) & bit)
    .filter((bit) => !(attrsOf(f, leaf(f, 0, ALL & ~(bit | A.protnone), level), level) & bit))
    .reduce((all, bit) => all | bit, 0);
}

/** Every set of attributes that a leaf of the level can store. What is refused to all is neither refused to programs alone nor global. */
function attrSets(f: Format, level = 0): number[] {
  const mask = kept(f, level);
  const refused = (a: number) => (a & A.protnone) !== 0 && (a & (A.noUser | A.global)) !== 0;
  return Array.from({ length: ALL + 1 }, (_, a) => a).filter((a) => (a & ~mask) === 0 && !refused(a));
}

/** What may be executed does not matter where nothing may be done, or where entries cannot forbid it. */
function same(f: Format, a: number, b: number): boolean {
  const ignored = (a & A.protnone) !== 0 || !f.noExec ? A.exec : 0;
  return (a & ~ignored) === (b & ~ignored);
}

/** Bits that a frame number has in a format; numbers beyond 53 bits are not exact. */
function pfnLg2(f: Format): number {
  return f.paBits - f.pageLg2;
}

function randomBelow(rng: Random, lg2: number): number {
  return lg2 <= 20 ? rng.below(2 ** lg2) : rng.below(2 ** (lg2 - 20)) * 2 ** 20 + rng.below(2 ** 20);
}

function somePfn(f: Format, rng: Random): number {
  return randomBelow(rng, pfnLg2(f));
}

/** Where carries and words end, every single bit, and the last frame. */
function edgePfns(f: Format): number[] {
  const edges = [0, 1, 2 ** 19, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32];
  const bits = Array.from({ length: pfnLg2(f) }, (_, i) => 2 ** i);
  return [...edges, ...bits, 2 ** pfnLg2(f) - 1].filter((pfn) => pfn < 2 ** pfnLg2(f));
}

function leafLevels(f: Format): number[] {
  return Array.from({ length: f.maxLeafLevel + 1 }, (_, level) => level);
}

/** A frame number as aligned as an entry of a level needs it, or the block that it is part of where all entries are alike. */
function alignPfn(f: Format, pfn: number, level: number, attrs = 0): number {
  const block = f.napot && attrs & A.cont ? f.contLg2[level]! : 0;
  return pfn - (pfn % 2 ** (spanLg2(f, level) + block));
}

/** Low words as they come: all bits random, few bits set, and edges. */
function someLo(rng: Random): number {
  return rng.pick([rng.next() | 0, 1 << rng.below(32), rng.below(4096), (rng.next() & rng.next() & rng.next()) | 0, 0]);
}

function someHi(rng: Random): number {
  return rng.pick([rng.next() | 0, 1 << rng.below(32), 0, 0]);
}

/** What `decode` calls each kind. */
const KIND_NAMES: readonly RegExp[] = [/^none$/, /^table$/, /^leaf$/, /^(marker|swap)$/];

/** A level whose entries are not swapped out, so that a swapped PTE's word may mean something else there: s390's upper ones. */
function sharesWord(f: Format, level: number): boolean {
  return f.machine === "s390x" && level > 2;
}

/** The largest of all sizes that a run's start allows, found without any list of sizes. */
function slowBest(f: Format, vpn: number, pfn: number, pages: number): PageSize {
  let best: PageSize = { lg2: 0, level: 0, cont: false };
  for (let level = 0; level <= f.maxLeafLevel; level++)
    for (const cont of f.contLg2[level]! > 0 ? [false, true] : [false]) {
      let size = cont ? 2 ** f.contLg2[level]! : 1;
      for (let l = 0; l < level; l++) size *= 2 ** f.indexLg2[l]!;
      const divides = Number(BigInt(vpn) % BigInt(size)) === 0 && Number(BigInt(pfn) % BigInt(size)) === 0;
      if (divides && size <= pages && size > 2 ** best.lg2) best = { lg2: Math.log2(size), level, cont };
    }
  return best;
}

test("an unknown architecture is a user's mistake that names the known ones", () => {
  expect(() => formatNamed("arm64-4j")).toThrow(UserError);
  expect(() => formatNamed("arm64-4j")).toThrow("did you mean arm64-4k?");
});

test("the names of all formats are those that scripts and captures may give", () => {
  expect(formats.map((f) => f.name)).toEqual([
    ...["x86-64", "x86-64-la57", "x86-pae", "x86-32"],
    ...["arm64-4k", "arm64-4k-39", "arm64-4k-52", "arm64-16k", "arm64-16k-36", "arm64-16k-47", "arm64-16k-52"],
    ...["arm64-64k", "arm64-64k-42", "arm64-64k-52", "riscv-sv39", "riscv-sv48", "riscv-sv57"],
    ...["s390", "s390-53", "s390-64"],
  ]);
});

test("the bits of address are those of each name, and the index bits those of the manuals", () => {
  const va = Object.fromEntries(formats.map((f) => [f.name, [vaBits(f), ...f.indexLg2.toReversed()]]));
  expect(va).toEqual({
    "x86-64": [48, 9, 9, 9, 9],
    "x86-64-la57": [57, 9, 9, 9, 9, 9],
    "x86-pae": [32, 2, 9, 9],
    "x86-32": [32, 10, 10],
    "arm64-4k": [48, 9, 9, 9, 9],
    "arm64-4k-39": [39, 9, 9, 9],
    "arm64-4k-52": [52, 4, 9, 9, 9, 9],
    "arm64-16k": [48, 1, 11, 11, 11],
    "arm64-16k-36": [36, 11, 11],
    "arm64-16k-47": [47, 11, 11, 11],
    "arm64-16k-52": [52, 5, 11, 11, 11],
    "arm64-64k": [48, 6, 13, 13],
    "arm64-64k-42": [42, 13, 13],
    "arm64-64k-52": [52, 10, 13, 13],
    "riscv-sv39": [39, 9, 9, 9],
    "riscv-sv48": [48, 9, 9, 9, 9],
    "riscv-sv57": [57, 9, 9, 9, 9, 9],
    s390: [42, 11, 11, 8],
    "s390-53": [53, 11, 11, 11, 8],
    "s390-64": [64, 11, 11, 11, 11, 8],
  });
});

test("the sizes of pages are those that Linux makes on each: leaves, and contiguous blocks of them", () => {
  const family = (name: string) => name.replace(/^(x86-64|arm64-(?:4k|16k|64k)|riscv|s390)(?:-.*)?$/, "$1");
  const sizes = (f: Format) =>
    pageSizes(f).map(({ lg2, cont }) => formatSize(2 ** (lg2 + f.pageLg2)) + (cont ? "*" : ""));
  const expected: Record<string, string> = {
    "x86-64": "4K 2M 1G",
    "x86-pae": "4K 2M",
    "x86-32": "4K 4M",
    "arm64-4k": "4K 64K* 2M 32M* 1G",
    "arm64-16k": "16K 2M* 32M 1G*",
    "arm64-64k": "64K 2M* 512M 16G*",
    riscv: "4K 64K* 2M 1G",
    s390: "4K 1M 2G",
  };
  for (const f of formats) expect(sizes(f).join(" "), f.name).toBe(expected[family(f.name)]);
});

test("no two formats have the same name", () => {
  expect(new Set(formats.map((f) => f.name)).size).toBe(formats.length);
  expect(formats.map((f) => formatNamed(f.name))).toEqual(formats);
});

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, f) => {
  const rng = random(SEED);

  test("one number per level describes the geometry", () => {
    const n = levelsOf(f);
    expect([f.contLg2.length, f.levelNames.length, f.empty.length]).toEqual([n, n, n]);
    expect(f.maxLeafLevel).toBeLessThan(n);
    expect(f.accountedLevel).toBeLessThan(n - 1);
    expect(f.userVaBits).toBeLessThanOrEqual(vaBits(f));
    expect(f.indexLg2.every((lg2, l) => lg2 > f.contLg2[l]!)).toBe(true);
  });

  test("levels have Linux's names: PTE first, PGD last, and none that is folded away", () => {
    const names = ["PTE", "PMD", "PUD", "P4D"].slice(0, levelsOf(f) - 1);
    expect(f.levelNames).toEqual([...names, "PGD"]);
    expect(f.levelNames[f.accountedLevel]).not.toBe("PGD");
    expect(f.levelNames[f.accountedLevel + 1]).toMatch(/^(PGD|P4D)$/);
  });

  test("the bits of the virtual address go to one level each, without gap or overlap", () => {
    for (let l = 0; l < levelsOf(f); l++) expect(spanLg2(f, l + 1) - spanLg2(f, l)).toBe(f.indexLg2[l]);
    expect(vaBits(f)).toBe(f.pageLg2 + f.indexLg2.reduce((sum, lg2) => sum + lg2, 0));
    expect(pmdOrder(f)).toBe(f.indexLg2[0]);
  });

  test("the roots cover whole halves, and user space lies in the first", () => {
    const tree = 2 ** (vaBits(f) - f.pageLg2);
    const user = 2 ** (f.userVaBits - f.pageLg2) - f.userKeptFree;
    for (const root of f.roots) expect([root.first <= root.last, root.last - root.first < tree]).toEqual([true, true]);
    // s390's two trees are for the same addresses; all others divide them.
    for (const [i, root] of f.roots.slice(1).entries())
      expect(root.first > f.roots[i]!.last || root.first === 0, root.name).toBe(true);
    for (const vpn of [0, 1, user - 1])
      expect(rootOf(f, vpn)?.name).toMatch(/^(CR3|PDPTE\d|TTBR0_EL1|satp|user ASCE)$/);
    expect(rootOf(f, f.roots.at(-1)!.last + 1)).toBeNull();
  });

  test("the empty word is none at every level", () => {
    for (let l = 0; l < levelsOf(f); l++) {
      expect(f.kind(f.empty[l]!, 0, l)).toBe(Kind.none);
      expect(decode(f, f.empty[l]!, 0, l)).toEqual({ kind: "none" });
    }
  });

  test("any word at any level is of exactly one kind, a table only above level 0, and none only as the empty word", () => {
    for (let i = 0; i < 4000; i++) {
      const [lo, hi, l] = [someLo(rng), f.entryBytes === 8 ? someHi(rng) : 0, rng.below(levelsOf(f))];
      const kind = f.kind(lo, hi, l);
      expect(Object.values(Kind), `${lo} ${hi} level ${l}`).toContain(kind);
      if (kind === Kind.none) expect([lo, hi]).toEqual([f.empty[l], 0]);
      if (kind === Kind.table) expect(l).toBeGreaterThan(0);
      expect(decode(f, lo, hi, l).kind).toMatch(KIND_NAMES[kind]!);
    }
  });

  test("every set of attributes comes back from a leaf, at every level that may hold one", () => {
    for (const level of leafLevels(f))
      for (const attrs of attrSets(f, level)) {
        const pfn = alignPfn(f, somePfn(f, rng), level, attrs);
        const w = leaf(f, pfn, attrs, level);
        const text = `attrs ${attrText(attrs)} -> ${attrText(attrsOf(f, w, level))} pfn ${pfn} level ${level}`;
        expect(f.kind(w.lo, w.hi, level), text).toBe(Kind.leaf);
        expect(f.pfn(w.lo, w.hi, level), text).toBe(pfn);
        expect(same(f, attrsOf(f, w, level), attrs), text).toBe(true);
      }
  });

  test("the format stores at least write, dirty, accessed, PROT_NONE, and exec where it can forbid it", () => {
    const common = A.write | A.dirty | A.young | A.protnone | (f.noExec ? A.exec : 0);
    for (const level of leafLevels(f)) expect(kept(f, level) & common).toBe(common);
    expect(kept(f, 0) & A.special).toBe(A.special);
  });

  test("the contiguous bit is stored exactly where the format has contiguous blocks", () => {
    for (const level of leafLevels(f)) expect((kept(f, level) & A.cont) !== 0).toBe(f.contLg2[level]! > 0);
  });

  test("the entries of a block each name their frame, or all the first one where one word says the size", () => {
    for (const level of leafLevels(f)) {
      const n = 2 ** f.contLg2[level]!;
      const span = 2 ** spanLg2(f, level);
      const words = Array.from({ length: n }, (_, i) => leaf(f, (n + i) * span, A.cont | A.young, level));
      const frames = words.map((w) => f.pfn(w.lo, w.hi, level));
      expect(frames).toEqual(words.map((_, i) => (f.napot ? n * span : (n + i) * span)));
      if (f.napot) expect(new Set(words.map((w) => `${w.lo} ${w.hi}`)).size).toBe(1);
    }
  });

  test("every frame number comes back from leaves and from tables, edges, the last one and random ones", () => {
    const pfns = [...edgePfns(f), ...Array.from({ length: 2000 }, () => somePfn(f, rng))];
    for (const pfn of pfns) {
      for (const level of leafLevels(f)) {
        const aligned = alignPfn(f, pfn, level);
        for (const attrs of [A.write | A.dirty, A.protnone, 0]) {
          const w = leaf(f, aligned, attrs, level);
          expect(f.pfn(w.lo, w.hi, level), `pfn ${aligned} level ${level}`).toBe(aligned);
        }
      }
      for (let l = 1; l < levelsOf(f); l++) expect(f.tablePfn(f.tableLo(pfn, l), f.tableHi(pfn, l), l)).toBe(pfn);
    }
  });

  test("an entry rewritten from what it decodes to is the same word", () => {
    for (let i = 0; i < 4000; i++) {
      const level = rng.pick(leafLevels(f));
      const attrs = rng.below(ALL + 1) & kept(f, level);
      const w = leaf(f, alignPfn(f, somePfn(f, rng), level, attrs), attrs, level);
      expect(leaf(f, f.pfn(w.lo, w.hi, level), attrsOf(f, w, level), level)).toEqual(w);
    }
  });

  test("attributes that the format lacks are dropped, and touch neither the frame nor what the format has", () => {
    for (const level of leafLevels(f))
      for (const attrs of attrSets(f, level)) {
        const pfn = alignPfn(f, somePfn(f, rng), level, attrs);
        const [w, more] = [leaf(f, pfn, attrs, level), leaf(f, pfn, attrs | (ALL & ~kept(f, level)), level)];
        expect(more, attrText(attrs)).toEqual(w);
      }
  });

  test("a table entry is a table at every level above 0, and never a leaf there", () => {
    for (let l = 1; l < levelsOf(f); l++)
      for (const pfn of edgePfns(f)) expect(f.kind(f.tableLo(pfn, l), f.tableHi(pfn, l), l)).toBe(Kind.table);
  });

  test("a leaf above level 0 is told from a table by the entry alone", () => {
    for (const level of leafLevels(f).slice(1)) {
      const w = leaf(f, 0, A.write | A.dirty | A.young, level);
      expect(decode(f, w.lo, w.hi, level).kind).toBe("leaf");
    }
  });

  test("PROT_NONE is a leaf with its frame number at every level, whatever else it carries", () => {
    for (const level of leafLevels(f))
      for (const attrs of attrSets(f, level)) {
        const pfn = alignPfn(f, somePfn(f, rng), level, attrs);
        const w = leaf(f, pfn, attrs | A.protnone, level);
        expect([f.kind(w.lo, w.hi, level), f.pfn(w.lo, w.hi, level)]).toEqual([Kind.leaf, pfn]);
        expect(attrsOf(f, w, level) & A.protnone).toBe(A.protnone);
      }
  });

  test("swap entries of every type come back, and are neither none, table nor leaf at any level", () => {
    const bits = f.swapOffsetBits;
    const edges = [1, 2, 2 ** 20, 2 ** 31, 2 ** 32, 2 ** 45 - 1, 2 ** bits - 1].filter((offset) => offset < 2 ** bits);
    const offsets = [...edges, ...Array.from({ length: 200 }, () => randomBelow(rng, bits))];
    for (let type = 0; type < 32; type++)
      for (const offset of offsets) {
        const w = swap(f, type, offset);
        // One type and offset make the word of all zeros: 0 and 0, or with inverted offsets the last. Linux uses neither.
        if (w.lo === 0 && w.hi === 0) continue;
        const text = `type ${type} offset ${offset}`;
        expect([f.swapType(w.lo, w.hi), f.swapOffset(w.lo, w.hi)], text).toEqual([type, offset]);
        for (let l = 0; l < levelsOf(f); l++)
          if (!sharesWord(f, l)) expect(f.kind(w.lo, w.hi, l), text).toBe(Kind.softleaf);
        expect(f.kind(w.lo | f.swapSoftDirtyLo, w.hi, 0), text).toBe(Kind.softleaf);
        expect(f.swapOffset(w.lo | f.swapSoftDirtyLo, w.hi), text).toBe(offset);
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

  test.each(["write", "dirty", "young", "exec", "special", "cont", "softDirty", "uffdWp", "global"] as const)(
    "setting and clearing %s changes that attribute and nothing else",
    (name) => {
      const bit = A[name];
      for (const level of leafLevels(f).filter((l) => kept(f, l) & bit))
        for (const attrs of attrSets(f, level)) {
          if (attrs & A.protnone && bit & (A.exec | A.global)) continue;
          const on = leaf(f, 0, attrs | bit, level);
          const off = leaf(f, 0, attrsOf(f, on, level) & ~bit, level);
          const again = leaf(f, 0, attrsOf(f, off, level) | bit, level);
          expect(same(f, attrsOf(f, off, level), attrs & ~bit), attrText(attrs)).toBe(true);
          expect(again, attrText(attrs)).toEqual(on);
        }
    },
  );

  test("write protection loses neither dirty nor accessed, and permission that comes back finds both", () => {
    for (const level of leafLevels(f)) {
      const w = leaf(f, 0, A.write | A.dirty | A.young, level);
      const protectedWord = leaf(f, 0, attrsOf(f, w, level) & ~A.write, level);
      expect(attrsOf(f, protectedWord, level) & (A.write | A.dirty | A.young)).toBe(A.dirty | A.young);
      expect(leaf(f, 0, attrsOf(f, protectedWord, level) | A.write, level)).toEqual(w);
    }
  });

  test("the letters of a raw entry name exactly what its attributes are, at every level", () => {
    const letters = { w: A.write, d: A.dirty, a: A.young, x: A.exec, s: A.special, n: A.protnone };
    for (const level of leafLevels(f))
      for (const attrs of attrSets(f, level)) {
        const w = leaf(f, 0, attrs, level);
        const text = f.rawFlags(w.lo, w.hi, level);
        for (const [letter, bit] of Object.entries(letters))
          expect(text.includes(letter), `${text} ${letter}`).toBe((attrsOf(f, w, level) & bit) !== 0);
      }
  });

  test("words are whole numbers of 32 bits whatever they are made from, and an entry of 4 bytes has no high word", () => {
    for (let i = 0; i < 500; i++) {
      const w = leaf(f, somePfn(f, rng), rng.below(ALL + 1), 0);
      const s = swap(f, rng.below(32), randomBelow(rng, f.swapOffsetBits));
      const t = { lo: f.tableLo(somePfn(f, rng), 1), hi: f.tableHi(somePfn(f, rng), 1) };
      for (const n of [w, s, t].flatMap(({ lo, hi }) => [lo, hi]))
        expect(Number.isInteger(n) && Math.abs(n) < 2 ** 32).toBe(true);
      if (f.entryBytes === 4) expect([w.hi, s.hi, t.hi]).toEqual([0, 0, 0]);
    }
  });

  test("the best page size is the largest that divides both addresses and fits, as trying all of them says", () => {
    const starts = Array.from({ length: 64 }, (_, i) => (i < 53 ? 2 ** i : 0));
    for (let i = 0; i < 4000; i++) {
      const [a, b] = [rng.pick(starts) % 2 ** 44, rng.pick(starts) % 2 ** 36];
      const vpn = a + (rng.below(2) ? rng.pick(starts) % 2 ** 44 : 0);
      const pages = Math.max(1, rng.pick(starts) - rng.below(3)) % 2 ** 45 || 1;
      const best = bestPageSize(f, vpn, b, pages);
      expect(best, `vpn ${vpn} pfn ${b} pages ${pages}`).toEqual(slowBest(f, vpn, b, pages));
    }
  });

  test("every page size is the best one where it just fits, and the next smaller one when it is a page short or shifted", () => {
    const sizes = pageSizes(f);
    for (const [i, size] of sizes.entries()) {
      const n = 2 ** size.lg2;
      expect(bestPageSize(f, n, 3 * n, n)).toEqual(size);
      if (i === 0) continue;
      const smaller = sizes[i - 1]!;
      expect(bestPageSize(f, n, 3 * n, n - 1)).toEqual(smaller);
      expect(bestPageSize(f, n + 2 ** smaller.lg2, 3 * n, n)).toEqual(smaller);
      expect(bestPageSize(f, n, n + 2 ** smaller.lg2, n)).toEqual(smaller);
      expect(bestPageSize(f, n + 1, n, n)).toEqual(sizes[0]);
    }
  });

  test("page sizes grow, none is as large as a table of its level, and no block fills a table", () => {
    const sizes = pageSizes(f);
    for (const [i, { lg2, level, cont }] of sizes.entries()) {
      expect(lg2).toBeGreaterThan(i === 0 ? -1 : sizes[i - 1]!.lg2);
      expect(lg2).toBeLessThan(spanLg2(f, level + 1));
      if (cont) expect(f.contLg2[level]!).toBeLessThan(f.indexLg2[level]!);
    }
  });
});
