/**
 * The part of the format contract that is about places: every field of every kind of entry lies in the bits that the kernel's
 * headers give it, and entries that Linux changes in passing keep their kind.
 */
import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { type Format, levelsOf, spanLg2 } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { random } from "../../src/base/random.ts";
import { layoutOf, wordOf } from "./layouts.ts";

const WRITTEN = A.write | A.dirty | A.young;

const join = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const low = (word: bigint) => Number(BigInt.asIntN(32, word));
const high = (word: bigint) => Number(BigInt.asIntN(32, word >> 32n));
const leaf = (f: Format, pfn: number, attrs: number, level: number) =>
  join(f.leafLo(pfn, attrs, level), f.leafHi(pfn, attrs, level));
const table = (f: Format, pfn: number, level: number) => join(f.tableLo(pfn, level), f.tableHi(pfn, level));
const swap = (f: Format, type: number, offset: number) => join(f.swapLo(type, offset), f.swapHi(type, offset));
const kind = (f: Format, word: bigint, level: number) => f.kind(low(word), high(word), level);

const pfnOf = (f: Format, word: bigint, level: number) => f.pfn(low(word), high(word), level);

/** Bits for a message: the shortest way to see which one is elsewhere. */
function bits(word: bigint): string {
  return Array.from({ length: 64 }, (_, i) => i)
    .filter((i) => (word >> BigInt(i)) & 1n)
    .join(" ");
}

/** The last frame number that is a multiple of a leaf's size. */
function lastFrame(f: Format, level: number): number {
  return 2 ** (f.paBits - f.pageLg2) - 2 ** spanLg2(f, level);
}

/** What `pmd_mkinvalid`, or s390's `pmdp_invalidate`, makes of a leaf of level 1. On x86 the frame number turns over with P. */
const INVALIDATE: Readonly<Record<string, (f: Format, pfn: number, attrs: number) => bigint>> = {
  x86_64: (f, pfn, attrs) => (leaf(f, pfn, attrs | A.protnone, 1) & ~0x100n) | 4n,
  i686: (f, pfn, attrs) => (leaf(f, pfn, attrs | A.protnone, 1) & ~0x100n) | 4n,
  aarch64: (f, pfn, attrs) => (leaf(f, pfn, attrs, 1) & ~1n) | 0x800n,
  riscv64: (f, pfn, attrs) => leaf(f, pfn, attrs, 1) & ~0x21n,
  s390x: (f, pfn, attrs) => leaf(f, pfn, attrs, 1) | 0x20n,
};

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, f) => {
  const layout = layoutOf(f);

  test("leaves are there at as many levels as the headers say", () => {
    expect(layout.leaves.length).toBe(f.maxLeafLevel + 1);
  });

  test("a written page has the bits of the kernel's headers, and each attribute changes its own and no others", () => {
    for (const [level, at] of layout.leaves.entries()) {
      const written = leaf(f, 0, WRITTEN, level);
      expect(bits(written), `level ${level}`).toBe(bits(wordOf(at.written)));
      for (const [name, bit] of Object.entries(A))
        expect(bits(leaf(f, 0, WRITTEN ^ bit, level) ^ written), `${name} at level ${level}`).toBe(
          bits(wordOf(at[name as keyof typeof A])),
        );
    }
  });

  test("the frame number of a leaf, of a large one and of a table lies where the headers put it", () => {
    for (const [level, { frame }] of layout.leaves.entries())
      expect(bits(leaf(f, lastFrame(f, level), WRITTEN, level) ^ leaf(f, 0, WRITTEN, level)), `level ${level}`).toBe(
        bits(wordOf(frame)),
      );
    for (let level = 1; level < levelsOf(f); level++) {
      expect(bits(table(f, 0, level)), `table at level ${level}`).toBe(bits(wordOf(layout.tables[level - 1]!)));
      expect(bits(table(f, lastFrame(f, 0), level) ^ table(f, 0, level))).toBe(bits(wordOf(layout.tableFrame)));
    }
  });

  test("no bit beside the frame number changes it: of a page, and where a large leaf has other bits below its frame, of that", () => {
    // P turns the frame number of x86 over, and N says how many bits of riscv's are one.
    const decides = { x86_64: 0, i686: 0, riscv64: 63 }[f.machine as string] ?? -1;
    const large = f.machine === "s390x" || f.machine === "x86_64" || f.name === "x86-pae";
    for (const [level, { frame }] of layout.leaves.slice(0, large ? undefined : 1).entries()) {
      const half = Math.floor(lastFrame(f, level) / 2);
      const word = leaf(f, half - (half % 2 ** spanLg2(f, level)), WRITTEN, level);
      for (let bit = 0; bit < 8 * f.entryBytes; bit++) {
        const other = word ^ (1n << BigInt(bit));
        if (bit === decides || wordOf(frame) & (1n << BigInt(bit)) || kind(f, other, level) !== Kind.leaf) continue;
        // What lies between a page's bits of frame number and paBits is reserved, and read as part of it.
        if (BigInt(bit) >= BigInt(f.paBits) && f.machine === "aarch64") continue;
        expect(pfnOf(f, other, level), `bit ${bit} at level ${level}`).toBe(pfnOf(f, word, level));
      }
    }
  });

  test("above the levels that have leaves a table entry stays one whatever further bit it has, but on riscv, where every level may have leaves", () => {
    for (let level = f.maxLeafLevel + 1; level < levelsOf(f); level++)
      for (let bit = 0n; bit < 64n && f.machine !== "riscv64"; bit++) {
        const word = table(f, 0, level) | (1n << bit);
        const invalid = f.machine === "s390x" && bit === 5n;
        expect(kind(f, word, level), bits(word)).toBe(invalid ? Kind.softleaf : Kind.table);
      }
  });

  test("the empty entry of each level is that of the headers: zero but on s390", () => {
    expect(f.empty.map((lo) => bits(join(lo, 0)))).toEqual(layout.empty.map((text) => bits(wordOf(text))));
  });

  test("type, offset, soft-dirty, exclusive and uffd-wp of a swap entry lie where the headers put them", () => {
    const zero = swap(f, 0, 0);
    expect(bits(zero)).toBe(bits(wordOf(layout.swap)));
    expect(bits(swap(f, 31, 0) ^ zero)).toBe(bits(wordOf(layout.type)));
    expect(bits(swap(f, 0, 2 ** f.swapOffsetBits - 1) ^ zero)).toBe(bits(wordOf(layout.offset)));
    expect([f.swapSoftDirtyLo, f.swapExclusiveLo, f.swapUffdWpLo].map((lo) => bits(join(lo, 0)))).toEqual(
      [layout.swapSoftDirty, layout.swapExclusive, layout.swapUffdWp].map((text) => bits(wordOf(text))),
    );
  });

  test("soft-dirty, exclusive and uffd-wp are bits that no swap entry has by itself, in any mix, and leave type and offset alone", () => {
    const flags = [f.swapSoftDirtyLo, f.swapExclusiveLo, f.swapUffdWpLo];
    const rng = random(7);
    for (let i = 0; i < 400; i++) {
      const [type, offset] = [rng.below(32), 1 + rng.below(2 ** 20) * 2 ** (f.swapOffsetBits - 21)];
      const own = f.swapLo(type, offset);
      const set = flags.filter(() => rng.below(2)).reduce((all, lo) => all | lo, 0);
      expect(own & flags.reduce((all, lo) => all | lo, 0), `type ${type} offset ${offset}`).toBe(0);
      const [lo, hi] = [own | set, f.swapHi(type, offset)];
      expect([f.kind(lo, hi, 0), f.swapType(lo, hi), f.swapOffset(lo, hi)]).toEqual([Kind.softleaf, type, offset]);
    }
    expect(f.swapExclusiveLo).not.toBe(0);
  });

  test("an entry of a page that is poisoned, migrating or a device's names it by its frame, up to the last one that memory can have", () => {
    // On PAE, memory ends at 36 bits of address (MAX_PHYSMEM_BITS); the entry's offset has 27 bits.
    const frames = Math.min(2 ** (f.paBits - f.pageLg2), f.name === "x86-pae" ? 2 ** 24 : Infinity);
    // The types below the marker's: SWP_HWPOISON, three SWP_MIGRATION_*, and those of devices.
    for (let type = 23; type < 31; type++)
      for (const pfn of [1, frames / 2, frames - 1]) {
        const word = swap(f, type, pfn);
        expect([kind(f, word, 0), f.swapType(low(word), high(word)), f.swapOffset(low(word), high(word))]).toEqual([
          Kind.softleaf,
          type,
          pfn,
        ]);
      }
  });

  test("a huge leaf that is made invalid for its split stays a leaf, with its frame, and hardware refuses it", () => {
    const pfn = lastFrame(f, 1);
    for (const attrs of [WRITTEN, A.young, A.write, 0]) {
      const word = INVALIDATE[f.machine]!(f, pfn, attrs);
      expect(kind(f, word, 1), bits(word)).toBe(Kind.leaf);
      expect(pfnOf(f, word, 1)).toBe(pfn);
      // s390's hardware has a bit of its own to refuse by; Linux's bits beside it stay as they are.
      if (f.machine !== "s390x") expect(f.attrs(low(word), high(word), 1) & A.protnone).toBe(A.protnone);
    }
  });

  test("the leaf made from what a random word decodes to is of the same frame, and decoding it once more changes nothing", () => {
    const rng = random(11);
    for (let i = 0; i < 6000; i++) {
      const level = rng.below(f.maxLeafLevel + 1);
      const [lo, hi] = [rng.next() | 0, f.entryBytes === 8 ? rng.next() | 0 : 0];
      if (f.kind(lo, hi, level) !== Kind.leaf) continue;
      const text = `${bits(join(lo, hi))} at level ${level}`;
      const word = leaf(f, f.pfn(lo, hi, level), f.attrs(lo, hi, level), level);
      expect([kind(f, word, level), pfnOf(f, word, level)], text).toEqual([Kind.leaf, f.pfn(lo, hi, level)]);
      expect(leaf(f, pfnOf(f, word, level), f.attrs(low(word), high(word), level), level), text).toBe(word);
    }
  });
});
