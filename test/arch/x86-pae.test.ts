import { expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { rootOf, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { x86_pae as f } from "../../src/arch/x86-pae.ts";

const join = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const leaf = (pfn: number, attrs: number, level = 0) => join(f.leafLo(pfn, attrs, level), f.leafHi(pfn, attrs, level));

test("an entry of level 2 carries present and nothing else beside its frame; the levels below end in 067", () => {
  expect(join(f.tableLo(0x999, 2), f.tableHi(0x999, 2))).toBe(0x999001n);
  expect(join(f.tableLo(0x999, 1), f.tableHi(0x999, 1))).toBe(0x999067n);
});

test("no bit turns an entry of level 2 into a leaf", () => {
  for (let bit = 0; bit < 12; bit++) expect(f.kind(1 | (1 << bit), 0, 2)).toBe(Kind.table);
  expect(f.kind(0x100, 0, 2)).toBe(Kind.softleaf);
});

test("a written page has NX in bit 63, and a frame above 4 GiB in the high word", () => {
  expect(leaf(0x123456, A.write | A.dirty | A.young)).toBe(0x8000000123456067n);
  expect(leaf(0x123456, A.exec | A.young)).toBe(0x123456025n);
  expect(leaf(0x200, A.write | A.dirty | A.young, 1)).toBe(0x80000000002000e7n);
});

test("a PROT_NONE entry stores its frame number inverted", () => {
  expect(leaf(0x12345, A.protnone | A.young)).toBe(0x000fffffedcba120n);
});

test("dirty without write is kept in bit 10", () => {
  expect(leaf(0, A.dirty | A.exec | A.young)).toBe(0x425n);
});

test("a guard marker is the word of x86-64, whose layout this one shares", () => {
  expect(join(f.swapLo(SWP_PTE_MARKER, Marker.guard), f.swapHi(SWP_PTE_MARKER, Marker.guard))).toBe(
    0xfffffffffffff600n,
  );
});

test("each gibibyte has a root of its own", () => {
  const names = [0, 1, 2, 3].flatMap((i) => [rootOf(f, i * 2 ** 18), rootOf(f, (i + 1) * 2 ** 18 - 1)]);
  expect(names.map((root) => root?.name)).toEqual([0, 0, 1, 1, 2, 2, 3, 3].map((i) => `PDPTE${i}`));
  expect(rootOf(f, 2 ** 20)).toBeNull();
});
