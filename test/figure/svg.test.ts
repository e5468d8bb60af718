import * as Plot from "@observablehq/plot";
import { Window } from "happy-dom";
import { expect, test } from "vitest";
import type { Figure, Frame } from "../../src/figure/figure.ts";
import { textWidth } from "../../src/figure/measure.ts";
import { recipeOf } from "../../src/figure/recipe.ts";
import { NARROW, toSvg, WIDE } from "../../src/figure/render.ts";
import { expectGolden } from "./golden.ts";
import {
  clippedStack,
  groupedBars,
  heatMap,
  logDots,
  processMap,
  severalLines,
  slopeChart,
  testHost,
} from "./samples.ts";

const SAMPLES: Readonly<Record<string, () => Figure>> = {
  groupedBars,
  severalLines,
  logDots,
  clippedStack,
  slopeChart,
  heatMap,
  mapOfVmas: () => processMap(),
  mapOfRanges: () => processMap("3"),
  mapOfPages: () => processMap("heap.4"),
};

function parsed(svg: string): Document {
  const document = new Window().document as unknown as Document;
  document.body.innerHTML = svg;
  return document;
}

for (const [name, make] of Object.entries(SAMPLES)) {
  test(`${name} is drawn as its stored pictures, wide and narrow`, () => {
    expectGolden(`${name}.svg`, toSvg(make(), testHost(), { width: WIDE }));
    expectGolden(`${name}-narrow.svg`, toSvg(make(), testHost(), { width: NARROW }));
  });

  test(`${name} drawn twice, and after other figures, has the same bytes`, () => {
    const first = toSvg(make(), testHost());
    const host = testHost();
    for (const other of Object.values(SAMPLES)) toSvg(other(), host);
    expect(toSvg(make(), host)).toBe(first);
  });

  test(`${name} carries title, alternative text and its recipe`, () => {
    const host = testHost();
    const svg = parsed(toSvg(make(), host)).querySelector("svg")!;
    const [title, desc] = svg.getAttribute("aria-labelledby")!.split(" ");
    expect(svg.getAttribute("role")).toBe("img");
    expect(svg.querySelector(`#${title}`)!.textContent).toBe(make().title);
    expect(svg.querySelector(`#${desc}`)!.textContent).toBe(make().alt);
    expect(JSON.parse(svg.querySelector("metadata")!.textContent!)).toEqual(recipeOf(make(), host, WIDE));
  });

  test(`every reference in ${name} finds its target, and every id begins with the figure's own prefix`, () => {
    const svg = toSvg(make(), testHost());
    const ids = [...svg.matchAll(/ id="([^"]+)"/g)].map((m) => m[1]!);
    const prefix = ids[0]!.replace(/-title$/, "");
    expect(ids.filter((id) => !id.startsWith(`${prefix}-`))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of svg.matchAll(/url\(#([^)]+)\)/g)) expect(ids).toContain(id);
  });

  test(`${name} has no ink that vanishes on a dark or a white page`, () => {
    const svg = toSvg(make(), testHost());
    const rest = svg.replace(/<defs>.*<\/defs>/s, "");
    expect(rest).not.toMatch(/(fill|stroke)="(black|white|#000|#fff)[a-f0-9]*"/i);
  });
}

test("two widths of one figure can stand in one page: they share no id", () => {
  const ids = [WIDE, NARROW].flatMap((width) =>
    [...toSvg(clippedStack(), testHost(), { width }).matchAll(/ id="([^"]+)"/g)].map((m) => m[1]),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

test("the legend names every series, in the order of the rows", () => {
  const legend = (figure: Figure) => {
    const texts = parsed(toSvg(figure, testHost(), { width: NARROW })).querySelectorAll(".ptlab-legend text");
    return [...texts].map((t) => t.textContent);
  };
  expect(legend(groupedBars())).toEqual(["base pages", "contpte", "PMD THP"]);
  expect(legend(severalLines())).toEqual([...new Set(severalLines().rows.map((row) => row.design))]);
  expect(legend(logDots())).toEqual(["4K pages", "with contpte"]);
});

test("the text of a label cannot become markup", () => {
  const hostile = `</text><script>alert("1")</script>&amp;`;
  const figure = groupedBars({ title: hostile, rows: [{ op: hostile, policy: hostile, slots: 1 }] });
  const svg = toSvg(figure, testHost());
  expect(svg).not.toContain("<script");
  expect(parsed(svg).querySelector("title")!.textContent).toBe(hostile);
});

function drawn(plot: (frame: Frame) => object): () => string {
  const figure = groupedBars({
    plot: (Plot, frame) => ({
      x: { label: null },
      marks: [Plot.dot(frame.rows, { x: "op", y: "slots" })],
      ...plot(frame),
    }),
  });
  return () => toSvg(figure, testHost());
}

test("a numeric axis that does not say how its numbers came about is refused", () => {
  expect(drawn(() => ({ y: { label: null } }))).toThrow("the numeric y axis has no label");
  expect(drawn(() => ({ y: { label: "Slots" } }))).toThrow("the y axis is labelled 'Slots'");
  expect(drawn((frame) => ({ y: frame.axis("slots") }))).not.toThrow();
});

test("an axis ends with the basis of its column in words", () => {
  expect(drawn((frame) => ({ x: frame.axis("op"), y: frame.axis("slots") }))()).toContain("Slots written (counted)");
});

test("an axis for an unknown column is refused with the columns there are", () => {
  expect(drawn((frame) => ({ y: frame.axis("slot") }))).toThrow("no column 'slot'; columns are op, policy, slots");
});

test("a colour that no legend explains is refused", () => {
  const figure = groupedBars({
    plot: (Plot, frame) => ({
      x: { label: null },
      y: frame.axis("slots"),
      marks: [Plot.dot(frame.rows, { x: "op", y: "slots", fill: "policy" })],
    }),
  });
  expect(() => toSvg(figure, testHost())).toThrow("has no legend");
});

test("shades that no legend explains are refused", () => {
  const shaded = (color: (frame: Frame) => object) =>
    drawn((frame) => ({
      y: frame.axis("slots"),
      color: color(frame),
      marks: [Plot.dot(frame.rows, { x: "op", y: "slots", fill: "slots" })],
    }));
  expect(shaded(() => ({ scheme: "blues" }))).toThrow("the color of a linear scale has no legend");
  expect(shaded((frame) => ({ ...frame.ramp("slots", [0, 9]), domain: [0, 5] }))).toThrow("has no legend");
  expect(shaded((frame) => frame.ramp("slots", [0, 300_000]))()).toContain("Slots written (counted)");
});

test("shades and series together are refused: there is one legend", () => {
  const both = drawn((frame) => ({
    y: frame.axis("slots"),
    color: frame.ramp("slots", [0, 9]),
    marks: [frame.series("op", "dot")].slice(1),
  }));
  expect(both).toThrow("no common legend");
});

/** The horizontal extent of every text by the estimate of widths, transforms and anchors added up. */
function extents(e: Element, left = 0, anchor = "middle"): { text: string; from: number; to: number }[] {
  const x = left + Number(/translate\((-?[\d.]+)/.exec(e.getAttribute("transform") ?? "")?.[1] ?? 0);
  const own = e.getAttribute("text-anchor") ?? anchor;
  if (e.localName !== "text") return [...e.children].flatMap((child) => extents(child, x, own));
  if (e.getAttribute("transform")?.includes("rotate")) return [];
  const lines = e.children.length === 0 ? [e.textContent!] : [...e.children].map((line) => line.textContent!);
  return lines.map((text) => {
    const from = x - textWidth(text) * { start: 0, middle: 0.5, end: 1 }[own]!;
    return { text, from, to: from + textWidth(text) };
  });
}

test.each(Object.keys(SAMPLES))("no words of %s are cut off at the sides, on a phone or on a desktop", (name) => {
  for (const width of [320, NARROW, WIDE, 1000]) {
    const svg = parsed(toSvg(SAMPLES[name]!(), testHost(), { width })).querySelector("svg")!;
    expect(extents(svg).filter(({ from, to }) => from < -2 || to > width + 2)).toEqual([]);
  }
});
