/**
 * The parts of a drawn walk: the address in its bits, and one table that is read - a bar with the slot marked where it lies, the
 * slots around, and the entry bit by bit.
 */
import { fieldValue } from "../arch/bit-fields.ts";
import { hex } from "../base/size.ts";
import { SLOT_LETTERS } from "../mmu/describe-walk.ts";
import { LINE_HEIGHT, wrapPixels } from "./measure.ts";
import { look } from "./series.ts";
import { addressParts, setBits, type WalkLevel, type WalkRead } from "./walk-data.ts";
import { type Element, el } from "./xml.ts";

/** Left of everything, for arrows from one table to the next. */
export const GUTTER = 16;
/** Height of the bar that is a table. */
export const BAR = 8;
/** Height of a part of the address. */
const PART = 10;
/** Least width of a part of the address, for its words. */
const LEAST_PART = 38;
/** From a bar down to the slots around its mark. */
const LENS = 10;
/** Height and greatest width of a slot that is drawn as a box. */
const BOX = { height: 30, width: 66 } as const;
const BITS = 10;
/** Least width of a mark: one slot of 512 would not be seen. */
const LEAST_MARK = 4;
const FAINT = { stroke: "currentColor", "stroke-opacity": 0.5, fill: "none" } as const;

interface Point {
  readonly x: number;
  readonly y: number;
}

interface TextLook {
  readonly bold?: boolean;
  readonly middle?: boolean;
}

/** A line of text whose top is at `y`. */
export function textMark(text: string, x: number, y: number, { bold = false, middle = false }: TextLook = {}): Element {
  const weight = bold ? { "font-weight": "bold" } : {};
  const place = { x, y: y + LINE_HEIGHT / 2, dy: "0.32em", "text-anchor": middle ? "middle" : "start" };
  return el("text", { ...place, ...weight }, [text]);
}

const rect = (x: number, y: number, width: number, height: number, more: Readonly<Record<string, string | number>>) =>
  el("rect", { x, y, width, height, ...more });

/** From a slot down, left, and down the gutter to the bar of the next table. */
export function arrowMark({ x, y }: Point, to: number): Element {
  const gutter = GUTTER / 2;
  const head = `M${GUTTER - 6},${to - 4}L${GUTTER - 1},${to}L${GUTTER - 6},${to + 4}`;
  return el("path", {
    d: `M${x},${y}V${y + 4}H${gutter}V${to}H${GUTTER - 1}${head}`,
    ...{ class: "ptlab-arrow", fill: "none", stroke: "currentColor" },
  });
}

/** The colour of a level is that of its part of the address; the words beside it say the same. */
const colourOf = (walk: WalkRead, level: number): string => look(walk.format.indexLg2.length - 1 - level).colour;

/** The address as a row of parts, each as wide as its bits where its words leave that room. */
export function addressMarks(walk: WalkRead, width: number): { readonly marks: Element[]; readonly bottom: number } {
  const parts = addressParts(walk);
  const widths = partWidths(
    parts.map(({ high, low }) => high - low + 1),
    width - GUTTER,
  );
  let x = GUTTER;
  const marks = parts.flatMap(({ name, level, high, low, value }, i) => {
    const [left, middle] = [x, x + widths[i]! / 2];
    x += widths[i]!;
    const fill = level < 0 ? "none" : colourOf(walk, level);
    const lines = [name, `${high}-${low}`, level < 0 ? hex(value) : `${value}`];
    return [
      rect(left, 1, widths[i]! - 2, PART, { fill, stroke: level < 0 ? "currentColor" : fill }),
      ...lines.map((line, n) => textMark(line, middle, PART + 3 + n * LINE_HEIGHT, { middle: true, bold: n !== 1 })),
    ];
  });
  return { marks, bottom: PART + 3 + 3 * LINE_HEIGHT };
}

/** Widths by bits, with none too narrow for its words. */
function partWidths(bits: readonly number[], width: number): number[] {
  const all = bits.reduce((sum, n) => sum + n, 0);
  const wide = bits.map((n) => Math.max(LEAST_PART, (n * width) / all));
  const over = wide.reduce((sum, w) => sum + w, 0) - width;
  const spare = wide.reduce((sum, w) => sum + w - LEAST_PART, 0);
  return wide.map((w) => w - (over * (w - LEAST_PART)) / spare);
}

/** One table that is read; `slot` is where an arrow to the next begins. */
export function levelMarks(walk: WalkRead, level: WalkLevel, width: number, top: number) {
  const colour = colourOf(walk, level.level);
  const bar = barMarks(walk, level, width, top + LINE_HEIGHT + 2, colour);
  const around = aroundMarks(level, width, top + LINE_HEIGHT + 2 + BAR + LENS, bar.middle, colour);
  const lens = lensMarks(bar, around, top + LINE_HEIGHT + 2 + BAR);
  const entry = entryMarks(level, 8 * walk.format.entryBytes, width, around.bottom + 8, colour);
  const { name, index, bits } = level;
  const heading = textMark(`level ${level.level}, ${name}[${index}]: bits ${bits}`, GUTTER, top, { bold: true });
  return {
    marks: [heading, ...bar.marks, ...lens, ...around.marks, ...entry.marks],
    slot: { x: around.middle, y: around.bottom },
    bottom: entry.bottom,
  };
}

/** The table, and the slot in it; of a contiguous block all its slots. */
function barMarks({ format }: WalkRead, { level, block }: WalkLevel, width: number, y: number, colour: string) {
  const scale = (width - GUTTER - 2) / 2 ** format.indexLg2[level]!;
  const size = Math.max(LEAST_MARK, block.slots * scale);
  const x = GUTTER + 1 + Math.min(block.first * scale, width - GUTTER - 2 - size);
  const marks = [
    rect(GUTTER + 1, y, width - GUTTER - 2, BAR, { class: "ptlab-table", ...FAINT }),
    rect(x, y, size, BAR, { class: "ptlab-mark", fill: colour, stroke: colour }),
  ];
  return { marks, left: x, right: x + size, middle: x + size / 2 };
}

/** The slots around as boxes, as near below the mark as there is room. */
function aroundMarks(
  { around, index, level, name }: WalkLevel,
  width: number,
  y: number,
  under: number,
  colour: string,
) {
  const n = around.length;
  const box = Math.min(BOX.width, (width - GUTTER - 4) / n);
  const left = Math.max(GUTTER + 2, Math.min(under - (n * box) / 2, width - 2 - n * box));
  const marks = [...around].map((letter, i) => {
    const slot = index - (index % n) + i;
    const at = left + i * box;
    const read = slot === index;
    const edge = { stroke: read ? colour : "currentColor", "stroke-width": read ? 3 : 0.5 };
    return el("g", { class: `ptlab-slot ptlab-level-${level} ptlab-index-${slot}` }, [
      el("title", {}, [`${name}[${slot}]: ${SLOT_LETTERS[letter as keyof typeof SLOT_LETTERS]}`]),
      // Filled with nothing that shows, so that the whole box can be clicked.
      rect(at + 1, y, box - 2, BOX.height, {
        fill: "currentColor",
        "fill-opacity": letter === "." ? 0 : 0.08,
        ...edge,
      }),
      textMark(String(slot), at + box / 2, y + 1, { middle: true, bold: read }),
      textMark(BOX_WORDS[letter as keyof typeof SLOT_LETTERS], at + box / 2, y + 14, { middle: true }),
    ]);
  });
  const middle = left + ((index % n) + 0.5) * box;
  return { marks, middle, left, right: left + n * box, bottom: y + BOX.height };
}

/** What a slot holds, in five letters. */
const BOX_WORDS: Readonly<Record<keyof typeof SLOT_LETTERS, string>> = {
  ...{ t: "table", p: "page", C: "cont", n: "none", s: "swap", g: "guard", m: "mark", ".": "-" },
};

/** Lines from the mark to the boxes: these are the same slots, larger. */
function lensMarks(
  bar: { left: number; right: number },
  around: { left: number; right: number },
  y: number,
): Element[] {
  const line = (from: number, to: number) =>
    el("path", { d: `M${from},${y}L${to},${y + LENS}`, ...FAINT, "stroke-opacity": 0.35 });
  return [line(bar.left, around.left), line(bar.right, around.right)];
}

/** The entry: its word and what that says, its bits in a row, and these by name. */
function entryMarks(level: WalkLevel, entryBits: number, width: number, top: number, colour: string) {
  const room = width - GUTTER - 8;
  const lines = wrapPixels(`${level.word}: ${level.meaning}`, room);
  const bits = top + lines.length * LINE_HEIGHT + 2;
  const names = wrapPixels(bitWords(level), room);
  const marks = [
    ...lines.map((line, i) => textMark(line, GUTTER, top + i * LINE_HEIGHT)),
    ...bitMarks(level, entryBits, width, bits, colour),
    ...names.map((line, i) => textMark(line, GUTTER, bits + BITS + 2 + i * LINE_HEIGHT)),
  ];
  return { marks, bottom: bits + BITS + 2 + names.length * LINE_HEIGHT };
}

/** Each named field as an outline, and in it the bits that are set. */
function bitMarks({ fields, raw }: WalkLevel, entryBits: number, width: number, y: number, colour: string): Element[] {
  const bit = (width - GUTTER - 2) / entryBits;
  const left = (high: number) => GUTTER + 1 + (entryBits - 1 - high) * bit;
  return fields.flatMap((field) => {
    const { name, high, low, means } = field;
    const fill = low === high ? "currentColor" : colour;
    const value = fieldValue(raw, field);
    const on = Array.from({ length: high - low + 1 }, (_, i) => low + i).filter((at) => (raw >> BigInt(at)) & 1n);
    return [
      el("g", {}, [
        el("title", {}, [`${low === high ? low : `${high}-${low}`} ${name}, ${means}: ${hex(value)}`]),
        rect(left(high), y, (high - low + 1) * bit, BITS, FAINT),
        ...on.map((at) => rect(left(at) + 0.5, y, bit - 1, BITS, { fill })),
      ]),
    ];
  });
}

/** `bits 51-12 frame 0x40001; set: RW US`. */
function bitWords(level: WalkLevel): string {
  const { fields, raw } = level;
  const numbers = fields.filter((field) => field.high > field.low && fieldValue(raw, field) !== 0n);
  const told = numbers.map((field) => `bits ${field.high}-${field.low} ${field.name} ${hex(fieldValue(raw, field))}`);
  return [...told, `set: ${setBits(level)}`].join("; ");
}
