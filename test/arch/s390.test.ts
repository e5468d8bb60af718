import { expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { decode, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formatNamed } from "../../src/arch/formats.ts";

const f = formatNamed("s390-64");
const join = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const leaf = (pfn: number, attrs: number, level = 0) => join(f.leafLo(pfn, attrs, level), f.leafHi(pfn, attrs, level));
const INVALID = 0x400;
const READ_ONLY = 0x200;

test("empty entries: 0x400 in page tables, 0x20 above, with the table type of each region table", () => {
  expect(f.empty).toEqual([0x400, 0x20, 0x24, 0x28, 0x2c]);
});

test("a word of all zeros is empty at no level", () => {
  for (let level = 0; level < 5; level++) expect(f.kind(0, 0, level)).not.toBe(Kind.none);
});

test("table entries: present alone in segment tables, type and full length in region tables", () => {
  expect([1, 2, 3, 4].map((level) => f.tableLo(0, level))).toEqual([0x1, 0x7, 0xb, 0xf]);
});

// The table in arch/s390/include/asm/pgtable.h: what hardware is told of each state.
test.each([
  ["PROT_NONE, clean, old", A.protnone, INVALID | READ_ONLY],
  ["PROT_NONE, dirty, young", A.protnone | A.dirty | A.young, INVALID | READ_ONLY],
  ["read-only, clean, old", 0, INVALID | READ_ONLY],
  ["read-only, clean, young", A.young, READ_ONLY],
  ["read-only, dirty, old", A.dirty, INVALID | READ_ONLY],
  ["read-only, dirty, young", A.dirty | A.young, READ_ONLY],
  ["read-write, clean, old", A.write, INVALID | READ_ONLY],
  ["read-write, clean, young", A.write | A.young, READ_ONLY],
  ["read-write, dirty, old", A.write | A.dirty, INVALID],
  ["read-write, dirty, young", A.write | A.dirty | A.young, 0],
])("%s: invalid and read-only to hardware as in Linux's table, at level 0 and above", (_state, attrs, bits) => {
  expect(f.leafLo(5, attrs, 0) & (INVALID | READ_ONLY)).toBe(bits);
  const above = f.leafLo(256, attrs, 1);
  expect(above & READ_ONLY).toBe(bits & READ_ONLY);
  expect((above & 0x20) !== 0).toBe((bits & INVALID) !== 0);
  expect([f.kind(f.leafLo(5, attrs, 0), 0, 0), f.kind(above, 0, 1)]).toEqual([Kind.leaf, Kind.leaf]);
});

test("a written page is present, read, write, dirty, young and no-execute: 13d", () => {
  expect(leaf(0x12345, A.write | A.dirty | A.young)).toBe(0x1234513dn);
  expect(leaf(0x12345, A.exec | A.young)).toBe(0x12345215n);
});

test("a large leaf is at level 1 f501 with the frame from bit 20 on, at level 2 f505 with it from bit 31 on", () => {
  expect(leaf(0x12300, A.write | A.dirty | A.young, 1)).toBe(0x1230f501n);
  expect(leaf(0x80000, A.write | A.dirty | A.young, 2)).toBe(0x8000f505n);
});

test("software bits above the access key do not reach into the frame number of a large leaf", () => {
  const w = [f.leafLo(256, A.write | A.dirty | A.young, 1), f.leafHi(256, 0, 1)] as const;
  expect(f.pfn(...w, 1)).toBe(256);
});

test("a guard marker has invalid and read-only set, present clear, type 31 from bit 2 and the marker from bit 12", () => {
  expect(join(f.swapLo(SWP_PTE_MARKER, Marker.guard), f.swapHi(SWP_PTE_MARKER, Marker.guard))).toBe(0x467cn);
  expect(decode(f, 0x467c, 0, 0)).toEqual({ kind: "marker", marker: Marker.guard });
});

test.each([
  ["s390", 42],
  ["s390-53", 53],
  ["s390-64", 64],
])("%s has user addresses of %d bits, and another tree of the same addresses for the kernel", (name, bits) => {
  const { userVaBits, roots } = formatNamed(name);
  expect(userVaBits).toBe(bits);
  expect(roots.map((r) => [r.name, r.first, r.last])).toEqual([
    ["user ASCE", 0, 2 ** (bits - 12) - 1],
    ["kernel ASCE", 0, 2 ** (bits - 12) - 1],
  ]);
});
