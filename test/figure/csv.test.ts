import fc from "fast-check";
import { expect, test } from "vitest";
import { figure } from "../../src/figure/create.ts";
import { toCsv } from "../../src/figure/csv.ts";
import type { Cell, Row } from "../../src/figure/figure.ts";
import { expectGolden } from "./golden.ts";
import { groupedBars, logDots, severalLines } from "./samples.ts";

/** A plain reader of RFC 4180, character by character; a field is its text and whether it was quoted. */
function readCsv(csv: string): { text: string; quoted: boolean }[][] {
  const records: { text: string; quoted: boolean }[][] = [[]];
  let field = { text: "", quoted: false };
  let inside = false;
  for (let i = 0; i < csv.length; i++) {
    const c = csv[i]!;
    if (inside && c === '"' && csv[i + 1] === '"') field.text += csv[++i];
    else if (c === '"') {
      inside = !inside;
      field.quoted = true;
    } else if (!inside && (c === "," || c === "\r")) {
      records.at(-1)!.push(field);
      field = { text: "", quoted: false };
      if (c === "\r" && csv[++i] === "\n") records.push([]);
    } else field.text += c;
  }
  return records.slice(0, -1);
}

function figureOf(rows: readonly Row[]) {
  const text = { key: "text", label: "Text", definition: "Any text." };
  const number = { key: "number", label: "Number", definition: "Any number.", basis: "counted" as const };
  return figure({ ...groupedBars(), compare: undefined, compareWithin: undefined, columns: [text, number], rows });
}

for (const [name, make] of Object.entries({ groupedBars, severalLines, logDots }))
  test(`${name} as CSV is its stored file`, () => {
    expectGolden(`${name}.csv`, toCsv(make()));
  });

test("a reader of RFC 4180 gets back every cell, and can tell null from empty text", () => {
  const cell = fc.record({
    text: fc.option(fc.string({ unit: fc.constantFrom("a", '"', ",", "\r", "\n", " ", "é", "#") })),
    number: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  });
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1, maxLength: 6 }), (rows) => {
      const [head, ...body] = readCsv(toCsv(figureOf(rows)));
      expect(head!.map((f) => f.text)).toEqual(["text", "number"]);
      const value = (f: { text: string; quoted: boolean }): Cell => (f.text === "" && !f.quoted ? null : f.text);
      const back = body.map(([text, number]) => ({ text: value(text!), number: value(number!) }));
      // Numbers are compared as text is read: -0 is written as 0.
      expect(back).toEqual(rows.map((r) => ({ ...r, number: r.number === null ? null : String(r.number) })));
    }),
  );
});
