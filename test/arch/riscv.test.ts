import { expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { decode, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formatNamed } from "../../src/arch/formats.ts";

const f = formatNamed("riscv-sv39");
const join = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const leaf = (pfn: number, attrs: number, level = 0) => join(f.leafLo(pfn, attrs, level), f.leafHi(pfn, attrs, level));

test("a written page is D A U W R V, program text A U X R V, with the frame from bit 10 on", () => {
  expect(leaf(0x12345, A.write | A.dirty | A.young)).toBe((0x12345n << 10n) | 0xd7n);
  expect(leaf(0x12345, A.exec | A.young)).toBe((0x12345n << 10n) | 0x5bn);
});

test("V alone is a table above level 0, and at level 0 an encoding that ends every walk", () => {
  expect(join(f.tableLo(0x999, 1), f.tableHi(0x999, 1))).toBe((0x999n << 10n) | 1n);
  expect([f.kind(1, 0, 2), f.kind(1, 0, 1), f.kind(1, 0, 0)]).toEqual([Kind.table, Kind.table, Kind.softleaf]);
});

test.each([
  ["R", 0x2],
  ["W R", 0x6],
  ["X", 0x8],
  ["X R", 0xa],
  ["X W R", 0xe],
])("V with %s is a leaf at every level", (_rights, bits) => {
  for (const level of [0, 1, 2]) expect(f.kind(1 | bits, 0, level)).toBe(Kind.leaf);
});

test("a PROT_NONE entry has the global bit and R, and not V", () => {
  expect(leaf(5, A.protnone | A.young)).toBe((5n << 10n) | 0x62n);
  expect(f.kind(0x20, 0, 0)).toBe(Kind.leaf);
});

test("an entry of a 64K block has N and frame bits 1000, whichever of the 16 pages it is written for", () => {
  const words = Array.from({ length: 16 }, (_, i) => leaf(0x1230 + i, A.cont | A.young));
  expect(new Set(words)).toEqual(new Set([(1n << 63n) | (0x1238n << 10n) | 0x53n]));
  expect(f.pfn(f.leafLo(0x123f, A.cont, 0), f.leafHi(0x123f, A.cont, 0), 0)).toBe(0x1230);
});

test("large leaves have no N: Svnapot is defined for level 0 alone", () => {
  expect(leaf(512, A.cont, 1)).toBe(leaf(512, 0, 1));
});

test("a guard marker is type 31 in bits 7 to 11 and the marker from bit 12 on; bits 0 to 5 stay clear", () => {
  expect(join(f.swapLo(SWP_PTE_MARKER, Marker.guard), f.swapHi(SWP_PTE_MARKER, Marker.guard))).toBe(0x4f80n);
  expect(decode(f, 0x4f80, 0, 0)).toEqual({ kind: "marker", marker: Marker.guard });
  expect(f.swapLo(31, 2 ** 52 - 1) & 0x3f).toBe(0);
});

test.each([
  ["riscv-sv39", 38],
  ["riscv-sv48", 47],
  ["riscv-sv57", 56],
])("%s gives user space the lower half, %d bits, and the kernel the upper end of all 64", (name, bits) => {
  const { userVaBits, roots } = formatNamed(name);
  expect(userVaBits).toBe(bits);
  expect(roots.map((r) => [r.first, r.last])).toEqual([
    [0, 2 ** (bits - 12) - 1],
    [2 ** 52 - 2 ** (bits - 12), 2 ** 52 - 1],
  ]);
});
