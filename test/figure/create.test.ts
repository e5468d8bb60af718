import { expect, test } from "vitest";
import { dataOf, figure } from "../../src/figure/create.ts";
import { DISPLAY, FIGURE_MIME, type Figure, type FigureSpec } from "../../src/figure/figure.ts";
import { defineLive } from "../../src/figure/live.ts";
import { toSvg } from "../../src/figure/render.ts";
import { groupedBars, powers, testHost } from "./samples.ts";

const spec: FigureSpec = { ...groupedBars() };

function refusal(change: Partial<FigureSpec>): string {
  try {
    figure({ ...spec, ...change });
    return "accepted";
  } catch (error) {
    return (error as Error).message;
  }
}

test("a figure without alternative text is refused", () => {
  expect(refusal({ alt: " " })).toContain("alt is missing");
});

test("the type asks for alternative text and for the table, as the constructor does", () => {
  const { alt: _alt, ...silent } = spec;
  const { rows: _rows, ...empty } = spec;
  const { columns: _columns, ...unnamed } = spec;
  // @ts-expect-error: no alternative text
  expect(() => figure(silent)).toThrow("alt is missing");
  // @ts-expect-error: no rows
  expect(() => figure(empty)).toThrow("has no rows");
  // @ts-expect-error: no columns
  expect(() => figure(unnamed)).toThrow("has no columns");
  // @ts-expect-error: alternative text that may be missing
  expect(() => figure({ ...spec, alt: undefined as string | undefined })).toThrow("alt is missing");
  expect(refusal({ rows: [] })).toContain("has no rows");
  expect(refusal({ columns: [] })).toContain("has no columns");
});

test("nothing but the constructor's own figures can be drawn, by type", () => {
  const draw = (one: Figure) => toSvg(one, testHost());
  // @ts-expect-error: data with a way to draw is not yet a figure
  const unchecked: () => string = () => draw(spec);
  expect(unchecked).toBeTypeOf("function");
  expect(draw(figure(spec))).toContain("<svg");
});

test("a live figure cannot be defined to make figures without alternative text or table", async () => {
  const { alt: _alt, live: _live, ...data } = dataOf(await powers.make({}, { "names.txt": "one" }));
  // @ts-expect-error: what it makes has no alternative text
  const silent = defineLive({ ...powers, run: () => data });
  await expect(silent.make({}, { "names.txt": "one" })).rejects.toThrow("alt is missing");
});

test("a column without a definition is refused by name", () => {
  const [op, ...rest] = spec.columns;
  expect(refusal({ columns: [{ ...op!, definition: "" }, ...rest] })).toContain("column 'op' has no definition");
});

test("a row that lacks a column is refused with the row's number and the key", () => {
  expect(refusal({ rows: [...spec.rows, { op: "zap", policy: "4K" }] })).toContain("row 10 has no 'slots'");
});

test("a row with a cell that no column defines is refused", () => {
  expect(refusal({ rows: [{ ...spec.rows[0]!, extra: 1 }] })).toContain("'extra', which no column defines");
});

test("a column of numbers without basis is refused unless it is a parameter", () => {
  const [op, policy, slots] = spec.columns;
  const bare = { key: slots!.key, label: slots!.label, definition: slots!.definition };
  expect(refusal({ compare: undefined, columns: [op!, policy!, bare] })).toContain("needs a basis");
  expect(refusal({ compare: undefined, columns: [op!, policy!, { ...bare, role: "parameter" }] })).toBe("accepted");
});

test("a cell that is not a finite number is refused", () => {
  expect(refusal({ rows: [{ ...spec.rows[0]!, slots: Number.NaN }] })).toContain("'slots' is NaN");
});

test("a comparison needs a column with a basis and a number in the baseline", () => {
  expect(refusal({ compare: "op" })).toContain("compare is 'op'");
  expect(refusal({ rows: [{ ...spec.rows[0]!, slots: null }] })).toContain("the baseline, has no number");
});

test("a figure shows itself as picture, text and data", async () => {
  const host = testHost();
  const bundle = await groupedBars()[DISPLAY](host);
  expect(Object.keys(bundle)).toEqual(["image/svg+xml", "text/plain", FIGURE_MIME]);
  expect(bundle[FIGURE_MIME]).toMatchObject({ alt: spec.alt, rows: spec.rows, stamp: { tool: "ptlab" } });
});

test("the data of a figure survives JSON and the cloning between threads unchanged", () => {
  const data = dataOf(groupedBars());
  expect(structuredClone(data)).toEqual(data);
  expect(JSON.parse(JSON.stringify(data))).toEqual(data);
});
