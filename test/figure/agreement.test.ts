import { expect, test } from "vitest";
import { agreementFigure, FIELD_MEANINGS, fieldsFigure } from "../../src/figure/agreement.ts";
import { NARROW, toSvg } from "../../src/figure/render.ts";
import { toText } from "../../src/figure/text.ts";
import { type Agreement, noFieldCounts } from "../../src/study/ops/summary.ts";
import { testHost } from "./samples.ts";

const host = testHost();

function row(kernel: string, arch: string, compared: number, different: number): Agreement {
  const perField = noFieldCounts();
  perField.rc = { compared, different: 0 };
  perField.runs = { compared, different };
  return { kernel, arch, scripts: 3, ops: compared, cut: 1, perField };
}

const rows = [row("6.18.44", "x86-64", 100, 0), row("6.12.95", "arm64-4k", 50, 2)];

test("agreement has a row for each kernel and format, with the sums over all fields", () => {
  const cells = agreementFigure(rows).rows.map((r) => [r.kernel, r.scripts, r.left, r.ops, r.compared, r.different]);
  expect(cells).toEqual([
    ["6.18.44", 3, 1, 100, 200, 0],
    ["6.12.95", 3, 1, 50, 100, 2],
  ]);
});

test("a difference is in the words for those who do not see the picture, and in the picture", () => {
  const made = agreementFigure(rows);
  expect(made.alt).toContain("300 fields in all, 2 different");
  expect(toSvg(made, host, { width: NARROW })).toContain(">2</text>");
});

test("every field is named with what it is, also one that no recording has", () => {
  const made = fieldsFigure(rows);
  expect(made.rows.map((r) => r.field)).toEqual(Object.keys(FIELD_MEANINGS));
  expect(made.rows.find((r) => r.field === "runs")).toMatchObject({ compared: 150, different: 2 });
  expect(made.rows.find((r) => r.field === "cont")).toMatchObject({ compared: 0, different: 0 });
  expect(toSvg(made, host)).toContain("2 different");
});

test.each([agreementFigure(rows), fieldsFigure(rows)])("the table '$title' fits a mail", (made) => {
  for (const line of toText(made, host.build).split("\n")) expect(line.length).toBeLessThanOrEqual(72);
});
