import { expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { decode, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { x86_32 as f } from "../../src/arch/x86-32.ts";

const leaf = (pfn: number, attrs: number, level = 0) => f.leafLo(pfn, attrs, level) >>> 0;

test("a written page ends in 067, program text in 025, and nothing forbids execution", () => {
  expect(leaf(0x12345, A.write | A.dirty | A.young)).toBe(0x12345067);
  expect(leaf(0x12345, A.exec | A.young)).toBe(0x12345025);
  expect(f.attrs(f.leafLo(5, A.write, 0), 0, 0) & A.exec).toBe(A.exec);
});

test("a 4M leaf has the page-size bit and its frame in bits 22 to 31", () => {
  expect(leaf(0xff400, A.write | A.dirty | A.young, 1)).toBe(0xff4000e7);
  expect(f.kind(0x000000e7, 0, 1)).toBe(Kind.leaf);
  expect(f.kind(0x00000067, 0, 1)).toBe(Kind.table);
});

test("a PROT_NONE entry keeps its frame number as it is: two levels invert none", () => {
  expect(leaf(0x12345, A.protnone | A.young)).toBe(0x12345120);
});

test("dirty without write is kept in bit 10, which 32-bit does not need for userfaultfd", () => {
  expect(leaf(0, A.dirty | A.young)).toBe(0x425);
  expect(leaf(0, A.dirty | A.young | A.uffdWp | A.softDirty)).toBe(0x425);
});

test("a guard marker is type 31 in bits 1 to 5 and the marker from bit 9 on", () => {
  expect(f.swapLo(SWP_PTE_MARKER, Marker.guard) >>> 0).toBe(0x83e);
  expect(decode(f, 0x83e, 0, 0)).toEqual({ kind: "marker", marker: Marker.guard });
});

test("a swap entry leaves bits 0, 7 and 8 clear and reaches 23 bits of offset", () => {
  for (let type = 0; type < 32; type++) {
    const word = f.swapLo(type, 2 ** 23 - 1);
    expect([word & 0x181, f.swapOffset(word, 0)]).toEqual([0, 2 ** 23 - 1]);
  }
});
