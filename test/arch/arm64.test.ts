import { expect, test } from "vitest";
import { arm64_4k as f } from "../../src/arch/arm64.ts";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { decode, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formatNamed } from "../../src/arch/formats.ts";

const split = (word: bigint) => ({ lo: Number(BigInt.asIntN(32, word)), hi: Number(BigInt.asIntN(32, word >> 32n)) });
const join = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const bit = (n: number) => 1n << BigInt(n);
const [VALID, PAGE, USER, RDONLY, AF, NG] = [bit(0), bit(1), bit(6), bit(7), bit(10), bit(11)];
const [DBM, CONT, PXN, UXN, SW_DIRTY] = [bit(51), bit(52), bit(53), bit(54), bit(55)];
const BASE = VALID | PAGE | USER | (3n << 8n) | AF | NG | PXN | UXN;

test("a guard marker is the word 0x47c0 that real kernels show", () => {
  expect(join(f.swapLo(SWP_PTE_MARKER, Marker.guard), f.swapHi(SWP_PTE_MARKER, Marker.guard))).toBe(0x47c0n);
  expect(decode(f, 0x47c0, 0, 0)).toEqual({ kind: "marker", marker: Marker.guard });
});

test.each([
  // write, read-only, software dirty -> pte_write, pte_dirty
  [0, 0, 0, false, false],
  [0, 0, 1, false, true],
  [0, 1, 0, false, false],
  [0, 1, 1, false, true],
  [1, 0, 0, true, true],
  [1, 0, 1, true, true],
  [1, 1, 0, true, false],
  [1, 1, 1, true, true],
])(
  "with write %d, read-only %d and software dirty %d an entry is writable: %s, dirty: %s",
  (w, ro, sw, write, dirty) => {
    const word = BASE | (w ? DBM : 0n) | (ro ? RDONLY : 0n) | (sw ? SW_DIRTY : 0n);
    const { lo, hi } = split(word);
    const attrs = f.attrs(lo, hi, 0);
    expect([(attrs & A.write) !== 0, (attrs & A.dirty) !== 0]).toEqual([write, dirty]);
  },
);

test("a clean writable entry is read-only to hardware, so that the first write is noticed", () => {
  expect(join(f.leafLo(0, A.write, 0), 0) & RDONLY).toBe(RDONLY);
  expect(join(f.leafLo(0, A.write | A.dirty, 0), 0) & RDONLY).toBe(0n);
});

test("write protection moves what hardware noted as dirty into the software bit", () => {
  const { lo, hi } = split(BASE | DBM);
  const attrs = f.attrs(lo, hi, 0) & ~A.write;
  const word = join(f.leafLo(0, attrs, 0), f.leafHi(0, attrs, 0));
  expect([word & DBM, word & RDONLY, word & SW_DIRTY]).toEqual([0n, RDONLY, SW_DIRTY]);
});

test("an ordinary written anonymous page has the bits of PAGE_SHARED and the dirty bit, and no other", () => {
  const attrs = A.write | A.dirty | A.young;
  const word = join(f.leafLo(0x12345, attrs, 0), f.leafHi(0x12345, attrs, 0));
  expect(word).toBe(BASE | DBM | SW_DIRTY | (0x12345n << 12n));
});

test("a PROT_NONE entry is invalid to hardware and keeps the bit that makes it present", () => {
  const word = join(f.leafLo(5, A.protnone, 0), f.leafHi(5, A.protnone, 0));
  expect([word & VALID, word & NG]).toEqual([0n, NG]);
  expect(f.kind(f.leafLo(5, A.protnone, 0), f.leafHi(5, A.protnone, 0), 0)).toBe(Kind.leaf);
});

test("only one bit tells an entry of a contiguous block from a plain one", () => {
  const attrs = A.write | A.dirty | A.young;
  const plain = join(f.leafLo(16, attrs, 0), f.leafHi(16, attrs, 0));
  expect(join(f.leafLo(16, attrs | A.cont, 0), f.leafHi(16, attrs | A.cont, 0)) ^ plain).toBe(CONT);
});

test("a block above level 0 lacks the page bit, and a page at level 0 has it", () => {
  expect([f.leafLo(512, 0, 0) & 3, f.leafLo(512, 0, 1) & 3, f.tableLo(512, 1) & 3]).toEqual([3, 1, 3]);
});

test("frame numbers reach 38 bits, those of 50-bit physical addresses", () => {
  const pfn = 2 ** 38 - 1;
  expect(f.pfn(f.leafLo(pfn, 0, 0), f.leafHi(pfn, 0, 0), 0)).toBe(pfn);
});

const wordOf = (name: string, pfn: number, attrs = 0, level = 0) => {
  const g = formatNamed(name);
  return join(g.leafLo(pfn, attrs, level), g.leafHi(pfn, attrs, level));
};
/** Address bits of a word whose frame is all ones, found by what differs from frame 0. */
const addressBits = (name: string) => {
  const g = formatNamed(name);
  return wordOf(name, 2 ** (g.paBits - g.pageLg2) - 1) ^ wordOf(name, 0);
};
const mask = (first: number, last: number) => (1n << BigInt(last + 1)) - (1n << BigInt(first));

test("an output address starts at the size of the page: bit 12, 14 or 16, and ends at bit 47", () => {
  expect(addressBits("arm64-4k")).toBe(mask(12, 47));
  expect(addressBits("arm64-16k")).toBe(mask(14, 47));
  expect(addressBits("arm64-64k")).toBe(mask(16, 47));
});

test("with LPA2 address bits 50 and 51 are in bits 8 and 9, where others say shareable", () => {
  expect(addressBits("arm64-4k-52")).toBe(mask(12, 49) | mask(8, 9));
  expect(addressBits("arm64-16k-52")).toBe(mask(14, 49) | mask(8, 9));
  expect(wordOf("arm64-4k-52", 2 ** 38) & mask(8, 9)).toBe(mask(8, 8));
  expect([wordOf("arm64-4k-52", 0) & mask(8, 9), wordOf("arm64-4k", 0) & mask(8, 9)]).toEqual([0n, mask(8, 9)]);
});

test("with 64K pages and 52 bits address bits 48 to 51 are in bits 12 to 15", () => {
  expect(addressBits("arm64-64k-52")).toBe(mask(16, 47) | mask(12, 15));
  expect(wordOf("arm64-64k-52", 2 ** 32) & mask(12, 15)).toBe(mask(12, 12));
});

test("blocks of contiguous entries are 64K and 32M with 4K pages, 2M and 1G with 16K, 2M and 16G with 64K", () => {
  const sizes = ["arm64-4k", "arm64-16k", "arm64-64k"].map(formatNamed).map((g) => {
    const pte = 2 ** (g.pageLg2 + g.contLg2[0]!);
    return [pte, 2 ** (g.pageLg2 + g.indexLg2[0]! + g.contLg2[1]!)];
  });
  expect(sizes).toEqual([
    [2 ** 16, 2 ** 25],
    [2 ** 21, 2 ** 30],
    [2 ** 21, 2 ** 34],
  ]);
});

test("1G leaves are made with 4K pages alone, whatever the address size", () => {
  const large = ["arm64-4k-39", "arm64-4k-52", "arm64-16k-47", "arm64-64k"].map(
    (name) => formatNamed(name).maxLeafLevel,
  );
  expect(large).toEqual([2, 2, 1, 1]);
});

test("all granules have one layout of swap entries", () => {
  for (const name of ["arm64-16k", "arm64-64k-52", "arm64-4k-52"])
    expect(formatNamed(name).swapLo(SWP_PTE_MARKER, Marker.guard)).toBe(0x47c0);
});
