import fc from "fast-check";
import { expect, test } from "vitest";
import { figure } from "../../src/figure/create.ts";
import type { Basis, Cell, Column, Figure, FigureSpec } from "../../src/figure/figure.ts";
import { stampLine } from "../../src/figure/stamp.ts";
import { toText } from "../../src/figure/text.ts";
import { expectGolden } from "./golden.ts";
import { groupedBars, logDots, severalLines } from "./samples.ts";

const build = { version: "0.0.0", source: "0123456789abcdef" };
const linesOf = (f: Figure) => toText(f, build).split("\n");

for (const [name, make] of Object.entries({ groupedBars, severalLines, logDots }))
  test(`${name} as text is its stored table`, () => {
    expectGolden(`${name}.txt`, toText(make(), build));
  });

test("the first line says what better means and the last lines are the stamp", () => {
  const text = toText(groupedBars(), build);
  expect(text.split("\n")[0]).toBe("Better: fewer slots written");
  const stamp = text.trimEnd().split("\n\n").at(-1)!;
  expect(stamp.replace(/\n */g, " ")).toBe(stampLine(groupedBars(), build));
});

test("the baseline stands first at 0.0 %, and each further row shows its change", () => {
  const rows = linesOf(groupedBars({ compareWithin: undefined })).filter((line) => line.endsWith("%"));
  expect(rows[0]).toMatch(/^fork .* 262144 +0\.0 %$/);
  expect(rows[1]).toMatch(/ -93\.8 %$/);
});

test("within groups each group has its own baseline", () => {
  const rows = linesOf(groupedBars()).filter((line) => line.includes("base pages"));
  expect(rows.map((line) => line.endsWith(" 0.0 %"))).toEqual([true, true, true]);
});

test("a change from a baseline of 0 is not a number of per cent", () => {
  const [first, second] = groupedBars().rows;
  const lines = linesOf(groupedBars({ rows: [{ ...first!, slots: 0 }, second!], compareWithin: undefined }));
  expect(lines.filter((line) => line.endsWith(" n/a")).length).toBe(1);
});

test("a label that is too long is cut with a mark, and the legend has it whole", () => {
  const long = "a policy whose name goes on and on until no table of any width could hold it";
  const text = toText(groupedBars({ rows: [{ op: "fork", policy: long, slots: 1 }] }), build);
  expect(text).toMatch(/\.\.\[1\]/);
  expect(text.replace(/\n */g, " ")).toContain(`[1] ${long}`);
});

test("characters beyond ASCII are spelled, not dropped", () => {
  const text = toText(groupedBars({ title: "4 µs → 2 µs, café, 页" }), build);
  expect(text).toContain("4 us -> 2 us, cafe, \\u{9875}");
});

const label = fc.string({ unit: "binary", minLength: 1, maxLength: 90 }).filter((text) => text.trim() !== "");
const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.constant(0));
const resultColumn = fc.record({
  label,
  definition: label,
  basis: fc.constantFrom<Basis>("counted", "modelled", "measured"),
  unit: fc.option(label, { nil: undefined }),
  digits: fc.option(fc.nat(9), { nil: undefined }),
});

const anyFigure = fc
  .record({
    labels: fc.array(fc.record({ label, definition: label }), { minLength: 1, maxLength: 4 }),
    results: fc.array(resultColumn, { minLength: 1, maxLength: 7 }),
    count: fc.integer({ min: 1, max: 5 }),
    texts: fc.array(label, { minLength: 40, maxLength: 40 }),
    numbers: fc.array(number, { minLength: 40, maxLength: 40 }),
    words: fc.array(label, { minLength: 4, maxLength: 4 }),
    compare: fc.boolean(),
  })
  .map(({ labels, results, count, texts, numbers, words, compare }) => {
    const keyed = [...labels, ...results].map((c, i) => ({ ...c, key: `c${i}` })) as Column[];
    const cell = (c: Column, i: number): Cell => (c.basis ? numbers[i % 40]! : texts[i % 40]!);
    const rows = Array.from({ length: count }, (_, r) =>
      Object.fromEntries(keyed.map((c, i) => [c.key, cell(c, r * keyed.length + i)])),
    );
    const [title, alt, better, workload] = words as [string, string, string, string];
    const origin = { designs: texts.slice(0, 3), workload, params: {}, seed: 1, input: null };
    const spec: FigureSpec = { title, caption: alt, alt, better, columns: keyed, rows, origin, plot: () => ({}) };
    return figure(compare ? { ...spec, compare: `c${labels.length}` } : spec);
  });

test("whatever the labels and numbers, every line is printable ASCII of at most 72 columns", () => {
  fc.assert(
    fc.property(anyFigure, (f) => {
      for (const line of linesOf(f)) expect(line).toMatch(/^[ -~]{0,72}$/);
    }),
    { numRuns: 300 },
  );
});

test("whatever the labels and numbers, every number stands in the table with its digits", () => {
  fc.assert(
    fc.property(anyFigure, (f) => {
      const words = new Set(toText(f, build).split(/\s+/));
      for (const column of f.columns.filter((c) => c.digits !== undefined))
        for (const row of f.rows) {
          const shown = Number(row[column.key]).toFixed(column.digits);
          expect(words).toContain(Number(shown) === 0 ? shown.replace("-", "") : shown);
        }
    }),
    { numRuns: 100 },
  );
});
