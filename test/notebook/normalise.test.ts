import { readFileSync } from "node:fs";
import { Window } from "happy-dom";
import { describe, expect, test } from "vitest";
import { display } from "../../src/figure/display.ts";
import { FIGURE_MIME } from "../../src/figure/figure.ts";
import { toSvg } from "../../src/figure/render.ts";
import { toText } from "../../src/figure/text.ts";
import { figuresOf } from "../../src/notebook/figures.ts";
import { type MimeBundle, type NbOutput, parseNotebook } from "../../src/notebook/format.ts";
import { normaliseSvg, normaliseText, outputParts as partsOf } from "../../src/notebook/normalise.ts";
import { groupedBars } from "../figure/samples.ts";

const document = new Window().document as unknown as Document;
const drawnBy = (version: string, source: string) => ({ document, build: { version, source } });
const A = drawnBy("0.1.0", "0123456789abcdef");
const B = drawnBy("0.10.0-rc.1", "fedcba9876543210");

const shown = (data: MimeBundle): NbOutput => ({
  output_type: "execute_result",
  data: JSON.parse(JSON.stringify(data)),
  metadata: {},
  execution_count: 7,
});
const printed = (text: string): NbOutput => ({ output_type: "stream", name: "stdout", text });

const outputParts = (output: NbOutput, code = "") => partsOf(output, code);

const BARS = groupedBars();

/** The sample with one number changed. */
function moved(by: number) {
  const [first, ...rest] = BARS.rows;
  return groupedBars({ rows: [{ ...first, slots: (first!.slots as number) + by }, ...rest] });
}

describe("one figure drawn by two builds", () => {
  test("has pictures that differ, and are the same once normalised", () => {
    expect(toSvg(BARS, A)).not.toBe(toSvg(BARS, B));
    expect(normaliseSvg(toSvg(BARS, A))).toBe(normaliseSvg(toSvg(BARS, B)));
  });

  test("has text tables that are the same once normalised, also where the longer stamp breaks elsewhere", () => {
    expect(normaliseText(toText(BARS, A.build))).toBe(normaliseText(toText(BARS, B.build)));
  });

  test("is the same output, with all its forms", () => {
    const parts = outputParts(shown(display(BARS, A) as MimeBundle));
    expect(Object.keys(parts).sort()).toEqual(["data", "phone picture", "picture", "text table"]);
    expect(parts).toEqual(outputParts(shown(display(BARS, B) as MimeBundle)));
  });

  test("keeps designs, parameters, seed and spec in the stamp of its picture", () => {
    const stamp = /<metadata>(.*)<\/metadata>/.exec(normaliseSvg(toSvg(BARS, A)))![1]!;
    expect(stamp).toContain('"spec":');
    expect(stamp).not.toContain("0123456789abcdef");
  });
});

describe("one number that changes", () => {
  test("changes picture, text table and data", () => {
    const before = outputParts(shown(display(BARS, A) as MimeBundle));
    const after = outputParts(shown(display(moved(1000), A) as MimeBundle));
    expect(
      Object.keys(before)
        .filter((name) => before[name] !== after[name])
        .sort(),
    ).toEqual(["data", "phone picture", "picture", "text table"]);
  });

  test("is seen in the data also where the picture and the table round it away", () => {
    const before = outputParts(shown(display(moved(0.5), A) as MimeBundle));
    const after = outputParts(shown(display(moved(0.5 + 1e-9), A) as MimeBundle));
    expect(Object.keys(before).filter((name) => before[name] !== after[name])).toEqual(["data"]);
  });
});

describe("a picture that code drew without a figure", () => {
  const plot = (clip: number, x: string, text: string) =>
    `<svg><clipPath id="plot-clip-${clip}"></clipPath><g clip-path="url(#plot-clip-${clip})"><circle cx="${x}"></circle><text fill-opacity="0.12345">${text}</text></g></svg>`;

  test("is the same whatever number the process gave its clip path, and in the third digit of a place", () => {
    expect(normaliseSvg(plot(3, "1.23000001", "a"))).toBe(normaliseSvg(plot(12, "1.2299999", "a")));
  });

  test("is another one in the second digit of a place, and in any digit of a text", () => {
    expect(normaliseSvg(plot(3, "1.23", "a"))).not.toBe(normaliseSvg(plot(3, "1.24", "a")));
    expect(normaliseSvg(plot(3, "1.23", "0.1234567"))).not.toBe(normaliseSvg(plot(3, "1.23", "0.1234568")));
  });

  test("is another one if a text of it looks like an id", () => {
    const id = (digit: number) => `ptlab-012345678abcde${digit}0`;
    expect(normaliseSvg(plot(3, "1", id(1)))).not.toBe(normaliseSvg(plot(3, "1", id(2))));
  });

  test("keeps two clip paths apart", () => {
    const two = (a: number, b: number) =>
      `<svg><g id="plot-clip-1"></g><g id="plot-clip-2"></g><g a="url(#plot-clip-${a})" b="url(#plot-clip-${b})"></g></svg>`;
    expect(normaliseSvg(two(1, 2))).not.toBe(normaliseSvg(two(2, 1)));
  });

  test("has a line for each element, and no white space that shows", () => {
    expect(normaliseSvg("<svg><g><text><tspan>a</tspan> <tspan>b</tspan></text></g></svg>")).toBe(
      "<svg>\n<g>\n<text><tspan>a</tspan> <tspan>b</tspan></text>\n</g>\n</svg>",
    );
  });

  test("is found in HTML too, where the text beside it keeps its digits", () => {
    const parts = (cx: string, text: string) =>
      outputParts(shown({ "text/html": `<p>${text}</p><svg><circle cx="${cx}"></circle></svg>` }));
    expect(parts("0.123456", "1")).toEqual(parts("0.1234", "1"));
    expect(parts("1", "0.123456")).not.toEqual(parts("1", "0.1234"));
  });
});

describe("what code printed", () => {
  test.each([
    ["(node:123) Warning: x\n", "(node:4567) Warning: x\n"],
    ["at In[3]:2:5\n", "at In[14]:2:5\n"],
    ["id 6ba7b810-9dad-11d1-80b4-00c04fd430c8", "id 6ba7b811-9dad-11d1-80b4-00c04fd430c9"],
  ])("%j is %j", (a, b) => {
    expect(outputParts(printed(a))).toEqual(outputParts(printed(b)));
  });

  test.each([
    ["12.3 ns a walk\n", "12.4 ns a walk\n"],
    ["walk: 12.3 ms\n", "walk: 12.4 ms\n"],
    ["fork: 12.5ms\n", "fork: 99.5ms\n"],
    ["fork: 1.250s\n", "fork: 9.250s\n"],
    ["In[3]\n", "In[4]\n"],
    ["Out[3]\n", "Out[4]\n"],
    ["ptlab-0123456789abcdef\n", "ptlab-0123456789abcdee\n"],
    ["plot-clip-1\n", "plot-clip-2\n"],
    ["0.1234567", "0.1234568"],
    ["a\n", "a \n"],
  ])("%j is not %j", (a, b) => {
    expect(outputParts(printed(a))).not.toEqual(outputParts(printed(b)));
  });

  const TIMED = 'console.time("walk");\nwork();\nconsole.timeEnd("walk");';

  test.each([
    ["walk: 1.234ms\n", "walk: 99ms\n"],
    ["walk: 1.234s\n", "walk: 2:03.456 (m:ss.mmm)\n"],
  ])("%j is %j only if the cell measures times", (a, b) => {
    expect(outputParts(printed(a), TIMED)).toEqual(outputParts(printed(b), TIMED));
    expect(outputParts(printed(a), "log(n)")).not.toEqual(outputParts(printed(b), "log(n)"));
  });

  test("by a cell that measures times counts to the last digit where it has a space before its unit", () => {
    expect(outputParts(printed("walk: 12.3 ms\n"), TIMED)).not.toEqual(outputParts(printed("walk: 12.4 ms\n"), TIMED));
  });

  test("on standard error is not the same on standard output", () => {
    expect(outputParts(printed("a"))).not.toEqual(outputParts({ output_type: "stream", name: "stderr", text: "a" }));
  });
});

test("a count of executed cells and the controls of a running front end are no part of an output", () => {
  const a = shown({ "text/plain": "1", "application/vnd.jupyter.widget-view+json": { model_id: "x" } });
  expect(outputParts(a)).toEqual({ "text/plain": "1" });
});

test("what Jupyter stores of a figure is what a run without a front end stores", () => {
  const alone = display(BARS, A) as MimeBundle;
  expect(outputParts(shown({ ...alone, "text/html": "<b>also</b>" }))).toEqual(outputParts(shown(alone)));
});

test("a normalised text is its own normal form", () => {
  const once = normaliseSvg(toSvg(BARS, A));
  expect(normaliseSvg(once)).toBe(once);
  const text = normaliseText(toText(BARS, A.build));
  expect(normaliseText(text)).toBe(text);
});

test("figures are numbered in reading order, and a value that only says it is a figure has no number", () => {
  const nb = parseNotebook(readFileSync("notebooks/030-contpte-coverage.ipynb", "utf8"), "030");
  const numbers = figuresOf(nb).map(({ number, stored }) => [number, stored.data.title]);
  expect(numbers[1]).toEqual([2, "Coverage by THP policy"]);
  const broken = {
    ...nb,
    cells: nb.cells.map((c) =>
      c.cell_type === "code"
        ? {
            ...c,
            outputs: c.outputs.map((o) =>
              "data" in o && o.data[FIGURE_MIME] ? { ...o, data: { ...o.data, [FIGURE_MIME]: { title: "x" } } } : o,
            ),
          }
        : c,
    ),
  };
  expect(figuresOf(broken)).toEqual([]);
});
