import { expect, test } from "vitest";
import { dataOf, figure } from "../../src/figure/create.ts";
import { DISPLAY, FIGURE_MIME, type FigureSpec } from "../../src/figure/figure.ts";
import { groupedBars, testHost } from "./samples.ts";

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
