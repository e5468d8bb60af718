/**
 * The legend as part of the picture, so that a downloaded picture is whole, and the textures its swatches and areas use.
 */
import * as Plot from "@observablehq/plot";
import { fixed } from "./cells.ts";
import { fillId, type LegendEntry, type RampEntry } from "./frame.ts";
import { IN_PIXELS } from "./marks.ts";
import { FONT_SIZE, LINE_HEIGHT, textWidth, wrapPixels } from "./measure.ts";
import { RAMP } from "./ramp.ts";
import type { Texture } from "./series.ts";
import { type Element, el, fromDom } from "./xml.ts";

const SWATCH = { fill: 14, dot: 10, line: 32 } as const;
const GAP = 6;
const BETWEEN = 18;
/** Keeps the outline of the first swatch inside the picture. */
const EDGE = 1;

/** A legend drawn at the origin, and how much height it takes. */
export interface Legend {
  readonly content: Element;
  readonly height: number;
}

interface Placed {
  readonly entry: LegendEntry;
  readonly lines: readonly string[];
  readonly x: number;
  readonly y: number;
}

/** The legend of the given series in rows as wide as the picture; no legend for none. */
export function drawLegend(entries: readonly LegendEntry[], width: number, document: Document): Legend {
  if (entries.length === 0) return { content: el("g"), height: 0 };
  const placed = place(entries, width);
  const height = Math.max(...placed.map((p) => p.y + p.lines.length * LINE_HEIGHT)) + 9;
  const svg = Plot.plot({
    document,
    width,
    height,
    ...IN_PIXELS,
    marks: placed.flatMap(drawEntry),
  });
  const children = fromDom(svg).children.filter((child) => typeof child !== "string" && child.name !== "style");
  return { content: el("g", { class: "ptlab-legend" }, children), height };
}

function place(entries: readonly LegendEntry[], width: number): Placed[] {
  const placed: Placed[] = [];
  let [x, y, rowHeight] = [EDGE, 2, 0];
  for (const entry of entries) {
    const swatch = SWATCH[entry.kind] + GAP;
    const lines = wrapPixels(entry.name, width - swatch - EDGE);
    const needed = swatch + Math.max(...lines.map(textWidth));
    if (x > EDGE && x + needed > width) [x, y, rowHeight] = [EDGE, y + rowHeight + 4, 0];
    placed.push({ entry, lines, x, y });
    x += needed + BETWEEN;
    rowHeight = Math.max(rowHeight, lines.length * LINE_HEIGHT);
  }
  return placed;
}

function drawEntry({ entry, lines, x, y }: Placed): Plot.Markish[] {
  const middle = y + LINE_HEIGHT / 2;
  const width = SWATCH[entry.kind];
  const text = Plot.text([lines.join("\n")], {
    x: x + width + GAP,
    y: middle,
    text: (d: string) => d,
    textAnchor: "start",
    lineAnchor: "top",
    dy: -FONT_SIZE / 2,
    fontSize: FONT_SIZE,
  });
  return [...swatchMarks(entry, x, middle, width), text];
}

function swatchMarks(entry: LegendEntry, x: number, middle: number, width: number): Plot.Markish[] {
  const { colour, fill, dash, symbol, kind } = entry;
  const edges = { x1: x, x2: x + width };
  if (kind === "fill") return [Plot.rect([0], { ...edges, y1: middle - 6, y2: middle + 6, fill, stroke: colour })];
  const dot = Plot.dot([0], { x: x + width / 2, y: middle, symbol, fill: colour, r: 4 });
  if (kind === "dot") return [dot];
  return [
    Plot.link([0], { ...edges, y1: middle, y2: middle, stroke: colour, strokeDasharray: dash, strokeWidth: 2 }),
    dot,
  ];
}

const BAR = { width: 200, height: 12 } as const;

/** Under the label of its column, a bar of all shades with the values at its ends and in its middle. */
export function drawRamp(ramp: RampEntry, width: number, idPrefix: string): Legend {
  return {
    content: el("g", { class: "ptlab-legend" }, rampParts(ramp, width, idPrefix)),
    height: 3 * LINE_HEIGHT + 12,
  };
}

function rampParts({ label, domain: [from, to] }: RampEntry, width: number, idPrefix: string): Element[] {
  const wide = Math.min(BAR.width, width - 2 * BETWEEN);
  const words = (text: string, x: number, y: number, anchor: string) =>
    el("text", { transform: `translate(${x},${y})`, "text-anchor": anchor }, [text]);
  const digits = to - from <= 2 ? 1 : 0;
  const below = LINE_HEIGHT + BAR.height + LINE_HEIGHT + 4;
  return [
    words(label, EDGE, FONT_SIZE, "start"),
    el("rect", { x: EDGE, y: LINE_HEIGHT + 4, width: wide, height: BAR.height, fill: `url(#${rampId(idPrefix)})` }),
    words(fixed(from, digits), EDGE, below, "start"),
    words(fixed((from + to) / 2, digits), EDGE + wide / 2, below, "middle"),
    words(fixed(to, digits), EDGE + wide, below, "end"),
  ];
}

const rampId = (idPrefix: string): string => `${idPrefix}-ramp`;

/** The gradient that the bar of shades names. */
export function gradient(idPrefix: string): Element {
  const stops = RAMP.map((colour, i) => el("stop", { offset: i, "stop-color": colour }));
  return el("linearGradient", { id: rampId(idPrefix) }, stops);
}

/** The pattern elements that the fills of the given series name; solid fills need none. */
export function textures(entries: readonly LegendEntry[], idPrefix: string): Element[] {
  const textured = entries.filter((entry) => entry.kind === "fill" && entry.texture !== "solid");
  const byIndex = new Map(textured.map((entry) => [entry.index, entry]));
  return [...byIndex.values()].map((entry) => pattern(fillId(idPrefix, entry.index), entry));
}

const STROKES: Readonly<Record<Exclude<Texture, "solid" | "dots">, string>> = {
  rising: "M-2,2L2,-2M0,8L8,0M6,10L10,6",
  falling: "M-2,6L2,10M0,0L8,8M6,-2L10,2",
  level: "M0,4H8",
  upright: "M4,0V8",
  grid: "M0,4H8M4,0V8",
};

function pattern(id: string, { colour, texture }: LegendEntry): Element {
  const size = { width: 8, height: 8 };
  // White on the colour, whatever the page's background is: the palette's contrast to white is tested.
  const ink =
    texture === "dots"
      ? el("circle", { cx: 4, cy: 4, r: 1.7, fill: "#fff" })
      : el("path", { d: STROKES[texture as keyof typeof STROKES], stroke: "#fff", "stroke-width": 1.6, fill: "none" });
  return el("pattern", { id, ...size, patternUnits: "userSpaceOnUse" }, [el("rect", { ...size, fill: colour }), ink]);
}
