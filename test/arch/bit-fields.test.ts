/**
 * The names of bits, held against the functions that make and read entries: nobody decodes with the names, so nobody else would see
 * one in the wrong place.
 */
import { expect, test } from "vitest";
import { type BitField, fieldValue, wholeWord } from "../../src/arch/bit-fields.ts";
import { A } from "../../src/arch/entry.ts";
import { type Format, SWP_PTE_MARKER, spanLg2 } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";

const SEED = 7;
const ATTRS = Object.values(A);
const levels = (f: Format) => [...f.indexLg2.keys()];

const mask = ({ high, low }: BitField): bigint => ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
const union = (fields: readonly BitField[]): bigint => fields.reduce((all, field) => all | mask(field), 0n);
const isFrame = ({ name }: BitField) => name === "frame" || name === "top";

/** A leaf's word and the names of its bits. */
function leaf(f: Format, pfn: number, attrs: number, level: number) {
  const [lo, hi] = [f.leafLo(pfn, attrs, level), f.leafHi(pfn, attrs, level)];
  return { word: wholeWord(lo, hi), fields: f.fields(lo, hi, level) };
}

function randomLeaf(f: Format, chance: Random) {
  const level = chance.below(f.maxLeafLevel + 1);
  const attrs = ATTRS.filter(() => chance.below(2) === 1).reduce((sum, bit) => sum | bit, 0);
  const known = f.name.startsWith("x86") && attrs & A.protnone ? attrs & ~A.global : attrs;
  const pfn = chance.below(2 ** Math.min(30, f.paBits - f.pageLg2 - spanLg2(f, level))) * 2 ** spanLg2(f, level);
  return { level, attrs: known & ~(f.napot ? A.cont : 0), pfn };
}

test.each(formats.map((f) => [f.name, f] as const))("%s names no bit twice, and none outside its word", (_, f) => {
  const chance = random(SEED);
  for (let i = 0; i < 200; i++) {
    const { level, attrs, pfn } = randomLeaf(f, chance);
    const { fields } = leaf(f, pfn, attrs, level);
    expect(fields.reduce((bits, { high, low }) => bits + high - low + 1, 0)).toBe(
      union(fields).toString(2).replaceAll("0", "").length,
    );
    expect(Math.max(...fields.map(({ high }) => high))).toBeLessThan(8 * f.entryBytes);
    for (const { means } of fields) expect(means).not.toBe("");
  }
});

test.each(formats.map((f) => [f.name, f] as const))("%s names every bit that is set in any entry", (_, f) => {
  const chance = random(SEED);
  const named = (lo: number, hi: number, level: number) =>
    expect(wholeWord(lo, hi) & ~union(f.fields(lo, hi, level)), `seed ${SEED}, level ${level}`).toBe(0n);
  for (let i = 0; i < 200; i++) {
    const { level, attrs, pfn } = randomLeaf(f, chance);
    named(f.leafLo(pfn, attrs, level), f.leafHi(pfn, attrs, level), level);
    const offset = chance.below(2 ** Math.min(30, f.swapOffsetBits));
    named(f.swapLo(i % 32, offset), f.swapHi(i % 32, offset), 0);
  }
  for (const level of levels(f)) {
    named(f.empty[level]!, 0, level);
    if (level > 0) named(f.tableLo(0x12345, level), f.tableHi(0x12345, level), level);
  }
});

test.each(formats.map((f) => [f.name, f] as const))(
  "of %s, another frame changes the bits named frame and no others",
  (_, f) => {
    const chance = random(SEED);
    for (let i = 0; i < 200; i++) {
      const { level, attrs, pfn } = randomLeaf(f, chance);
      const [one, two] = [leaf(f, pfn, attrs, level), leaf(f, 0, attrs, level)];
      expect((one.word ^ two.word) & ~union(one.fields.filter(isFrame)), `seed ${SEED}`).toBe(0n);
    }
  },
);

test.each(formats.map((f) => [f.name, f] as const))(
  "of %s, the bits named frame are the frame's number in its place",
  (_, f) => {
    const chance = random(SEED);
    for (let i = 0; i < 200; i++) {
      const { level, attrs, pfn } = randomLeaf(f, chance);
      // Far frames have their top bits elsewhere on some formats.
      const near = pfn % 2 ** 30;
      const { word, fields } = leaf(f, near, attrs & ~A.protnone, level);
      const frame = fields.find(({ name }) => name === "frame")!;
      expect((fieldValue(word, frame) << BigInt(frame.low)) >> BigInt(f.pfnPteShift)).toBe(BigInt(near));
    }
  },
);

test.each(formats.map((f) => [f.name, f] as const))(
  "of %s, the bits named type and offset are those of a swap entry",
  (_, f) => {
    for (const [type, offset] of [
      [0, 1],
      [3, 0x1234],
      [SWP_PTE_MARKER, 4],
    ] as const) {
      const [lo, hi] = [f.swapLo(type, offset), f.swapHi(type, offset)];
      const fields = f.fields(lo, hi, 0);
      const value = (name: string) => fieldValue(wholeWord(lo, hi), fields.find((field) => field.name === name)!);
      expect(value("type")).toBe(BigInt(type));
      const at = fields.find(({ name }) => name === "offset")!;
      const inverted = at.means.includes("inverted");
      expect(inverted ? BigInt.asUintN(at.high - at.low + 1, ~value("offset")) : value("offset")).toBe(BigInt(offset));
    }
  },
);
