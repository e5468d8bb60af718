import { expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { decode, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { x86_64 as f, x86_64_la57 } from "../../src/arch/x86-64.ts";
import { random } from "../../src/base/random.ts";

const join = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const leaf = (pfn: number, attrs: number, level = 0) => join(f.leafLo(pfn, attrs, level), f.leafHi(pfn, attrs, level));
const FRAME = 0x000ffffffffff000n;
const NX = 1n << 63n;
const SAVED_DIRTY = 1n << 58n;

test("a guard marker is the word 0xfffffffffffff600 that real kernels show", () => {
  const [lo, hi] = [f.swapLo(SWP_PTE_MARKER, Marker.guard), f.swapHi(SWP_PTE_MARKER, Marker.guard)];
  expect(join(lo, hi)).toBe(0xfffffffffffff600n);
  expect(decode(f, 0xfffff600 | 0, -1, 0)).toEqual({ kind: "marker", marker: Marker.guard });
});

test("a written anonymous page ends in 067 and cannot be executed; program text ends in 025", () => {
  expect(leaf(0x12345, A.write | A.dirty | A.young)).toBe(NX | (0x12345n << 12n) | 0x067n);
  expect(leaf(0x12345, A.exec | A.young)).toBe((0x12345n << 12n) | 0x025n);
});

test("a table entry ends in 067", () => {
  expect(join(f.tableLo(0x999, 1), f.tableHi(0x999, 1))).toBe((0x999n << 12n) | 0x067n);
});

test("a leaf above level 0 has the page-size bit", () => {
  expect(leaf(512, A.young, 1) & 0x80n).toBe(0x80n);
  expect(leaf(512, A.young, 0) & 0x80n).toBe(0n);
});

test("a PROT_NONE entry stores its frame number inverted, so that speculation finds no memory there", () => {
  const rng = random(4);
  for (const pfn of [
    0,
    1,
    0x12345,
    2 ** 20,
    2 ** 32 + 5,
    2 ** 40 - 1,
    ...Array.from({ length: 50 }, () => rng.next()),
  ]) {
    const word = leaf(pfn, A.protnone);
    expect(word & FRAME).toBe(~(BigInt(pfn) << 12n) & FRAME);
    expect(word & 0x101n).toBe(0x100n);
    expect(f.pfn(f.leafLo(pfn, A.protnone, 0), f.leafHi(pfn, A.protnone, 0), 0)).toBe(pfn);
  }
});

test("frame numbers reach 40 bits, those of 52-bit physical addresses", () => {
  const pfn = 2 ** 40 - 1;
  expect(leaf(pfn, 0) & FRAME).toBe(FRAME);
  expect(f.pfn(f.leafLo(pfn, 0, 0), f.leafHi(pfn, 0, 0), 0)).toBe(pfn);
});

test("dirty without write is kept in the saved-dirty bit, for the hardware bit would make it a shadow stack", () => {
  const hardware = 1n << 6n;
  expect(leaf(0, A.dirty) & (hardware | SAVED_DIRTY)).toBe(SAVED_DIRTY);
  expect(leaf(0, A.dirty | A.write) & (hardware | SAVED_DIRTY)).toBe(hardware);
});

test("a swap entry stores its offset inverted and leaves bits 0, 7 and 8 clear", () => {
  const rng = random(9);
  for (let i = 0; i < 200; i++) {
    const [type, offset] = [rng.below(32), rng.next() * 2 ** 10 + rng.below(1024)];
    const word = join(f.swapLo(type, offset), f.swapHi(type, offset));
    expect(word & 0x181n).toBe(0n);
    expect(word >> 59n).toBe(BigInt(type));
    expect((~word >> 9n) & ((1n << 50n) - 1n)).toBe(BigInt(offset));
  }
});

test("PROT_NONE and swap entries are told apart by bit 8 alone", () => {
  const swap = join(f.swapLo(1, 2 ** 30), f.swapHi(1, 2 ** 30));
  expect(f.kind(Number(BigInt.asIntN(32, swap)), Number(BigInt.asIntN(32, swap >> 32n)), 0)).toBe(Kind.softleaf);
  expect(f.kind(Number(BigInt.asIntN(32, swap | 0x100n)), Number(BigInt.asIntN(32, swap >> 32n)), 0)).toBe(Kind.leaf);
});

test("five levels change no word: every function is that of four", () => {
  for (const name of ["kind", "pfn", "attrs", "leafLo", "leafHi", "tableLo", "swapLo", "swapHi"] as const)
    expect(x86_64_la57[name]).toBe(f[name]);
});

test("five levels have a P4D between PUD and PGD, and 56 bits for user space, of which 47 are handed out unasked", () => {
  expect(x86_64_la57.levelNames).toEqual(["PTE", "PMD", "PUD", "P4D", "PGD"]);
  expect([x86_64_la57.userVaBits, x86_64_la57.windowVaBits]).toEqual([56, 47]);
});

test("a huge PROT_NONE leaf inverts the bits of its own frame number and no lower ones, where bit 12 would be PAT", () => {
  const written = A.protnone | A.young;
  expect(leaf(0x200, written, 1)).toBe(0x000fffffffc001a0n);
  expect(leaf(0x40000, written, 2)).toBe(0x000fffff800001a0n);
  expect([f.pfn(0xffc001a0 | 0, 0x000fffff, 1), f.pfn(0x800001a0 | 0, 0x000fffff, 2)]).toEqual([0x200, 0x40000]);
});
