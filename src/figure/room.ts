/**
 * Room for the words: a drawn picture's tick labels and axis labels are measured, and the options of the next drawing
 * get the margins, line breaks, turned labels and height that these words need. What the figure's author set stays.
 */
import type * as Plot from "@observablehq/plot";
import { FONT_SIZE, LINE_HEIGHT, textWidth, wrapPixels } from "./measure.ts";
import { type Element, elements, texts } from "./xml.ts";

/** A drawn picture: its elements and its scales. */
export interface Drawn {
  readonly root: Element;
  scale(name: Plot.ScaleName): Plot.Scale | undefined;
}

type Position = "x" | "y" | "fx" | "fy";
type Margins = { marginTop: number; marginRight: number; marginBottom: number; marginLeft: number };

/** Degrees by which category labels are turned where they do not fit side by side. */
const TURN = -40;
const TICK = 12;
/** The widest column of category labels at the left or right, as a part of the picture's width. */
const WIDEST = 0.36;

/** Options like `current` with room for the words that `drawn` shows; the author's options win. */
export function makeRoom(
  author: Plot.PlotOptions,
  current: Plot.PlotOptions,
  drawn: Drawn,
  width: number,
): Plot.PlotOptions {
  const wrapped = { ...current };
  for (const name of ["x", "y", "fx", "fy"] as const) wrapped[name] = wrapScale(name, author, current, drawn, width);
  // The facets' label stands right above their names: at the very top it would run into that of the inner axis.
  if (wrapped.fx && tickLabels(drawn, "x").length > 0)
    wrapped.fx = { ...wrapped.fx, labelOffset: author.fx?.labelOffset ?? levelHeight("fx", wrapped, drawn) };
  const margins = { ...marginsFor(wrapped, drawn, width), ...ownMargins(author) };
  const height = author.height ?? heightFor(drawn, width, margins);
  return { ...wrapped, ...margins, height };
}

function ownMargins(author: Plot.PlotOptions): Partial<Margins> {
  const { margin } = author;
  const sides = { marginTop: margin, marginRight: margin, marginBottom: margin, marginLeft: margin };
  for (const side of ["marginTop", "marginRight", "marginBottom", "marginLeft"] as const)
    if (author[side] !== undefined) sides[side] = author[side];
  return Object.fromEntries(Object.entries(sides).filter(([, value]) => value !== undefined));
}

/** The tick labels of an axis, each a list of lines. */
export function tickLabels(drawn: Drawn, name: Position): string[][] {
  const groups = [...elements(drawn.root)].filter((e) => e.attributes["aria-label"] === `${name}-axis tick label`);
  return groups.flatMap((g) => [...elements(g)].filter((e) => e.name === "text").map(texts));
}

/** The label of an axis in one line, without Plot's arrow, or undefined where it has none. */
export function shownAxisLabel(drawn: Drawn, name: Position): string | undefined {
  const group = [...elements(drawn.root)].find((e) => e.attributes["aria-label"] === `${name}-axis label`);
  return group === undefined
    ? undefined
    : texts(group)
        .join(" ")
        .replace(/^[↑↓←→] | [↑↓←→]$/g, "");
}

/** Whether a scale shows numbers along a length rather than categories side by side. */
export function isContinuous(scale: Plot.Scale | undefined): boolean {
  return scale !== undefined && !["band", "point", "ordinal"].includes(scale.type ?? "");
}

function wrapScale(name: Position, author: Plot.PlotOptions, current: Plot.PlotOptions, drawn: Drawn, width: number) {
  const own = current[name];
  if (own === undefined || own === null) return own;
  const label = wrapLabel(drawn, name, width) ?? own.label;
  if (isContinuous(drawn.scale(name))) return { ...own, label, ...(name === "x" ? fewerTicks(own, drawn) : {}) };
  const room = roomFor(name, drawn, width);
  const turn = name.endsWith("x") && author[name]?.tickRotate === undefined && mustTurn(drawn, name, room);
  if (turn) return { ...own, label, tickRotate: TURN };
  if (author[name]?.tickFormat !== undefined) return { ...own, label };
  return { ...own, label, tickFormat: (value: unknown) => wrapPixels(String(value), room).join("\n") };
}

/** Every second of given ticks, or wider steps of computed ones, where labels run into each other. */
function fewerTicks({ ticks, tickSpacing }: Plot.ScaleOptions, drawn: Drawn): Plot.ScaleOptions {
  if (!labelsCollide(drawn)) return {};
  if (Array.isArray(ticks)) return { ticks: ticks.filter((_, i) => i % 2 === (ticks.length - 1) % 2) };
  return ticks === undefined ? { tickSpacing: (tickSpacing ?? 80) * 1.5 } : {};
}

function labelsCollide(drawn: Drawn): boolean {
  const groups = [...elements(drawn.root)].filter((e) => e.attributes["aria-label"] === "x-axis tick label");
  const boxes = groups.flatMap((group) => placedTexts(group, 0)).sort((a, b) => a.middle - b.middle);
  return boxes.some(
    ({ middle, width }, i) => i > 0 && middle - boxes[i - 1]!.middle < (width + boxes[i - 1]!.width) / 2 + 5,
  );
}

/** The texts in a group with their places; facets stand in groups of their own. */
function placedTexts(e: Element, left: number): { middle: number; width: number }[] {
  const middle = left + Number(/^translate\((-?[\d.]+)/.exec(e.attributes.transform ?? "")?.[1] ?? 0);
  if (e.name !== "text") return e.children.flatMap((c) => (typeof c === "string" ? [] : placedTexts(c, middle)));
  const width = Math.max(0, ...texts(e).map(textWidth));
  return width === 0 ? [] : [{ middle, width }];
}

/** The breaks go only where the line is too long for the picture. */
function wrapLabel(drawn: Drawn, name: Position, width: number): string | undefined {
  const label = shownAxisLabel(drawn, name);
  return label === undefined ? undefined : wrapPixels(label, width - 24).join("\n");
}

function roomFor(name: Position, drawn: Drawn, width: number): number {
  if (name.endsWith("y")) return width * WIDEST;
  const scale = drawn.scale(name);
  return scale?.step ?? (scale?.bandwidth || width);
}

function mustTurn(drawn: Drawn, name: Position, room: number): boolean {
  const words = tickLabels(drawn, name).flatMap((lines) => lines.flatMap((line) => line.split(" ")));
  return words.some((word) => textWidth(word) > room - 2);
}

function marginsFor(options: Plot.PlotOptions, drawn: Drawn, width: number): Margins {
  const facets = sideWidth("fy", drawn);
  // Facets stand opposite to the inner axis, unless the author has put them where that one would be.
  const [left, right] = options.fy?.axis === "left" ? [facets, 0] : [sideWidth("y", drawn), facets];
  const x = levelHeight("x", options, drawn);
  const fx = levelHeight("fx", options, drawn);
  // Plot puts the facets' axis opposite to the inner axis, or at the bottom where there is no inner axis.
  const [bottom, top] = x === 0 ? [fx, 0] : [x, fx];
  const yLabel = shownAxisLabel(drawn, "y");
  const lifted = yLabel === undefined || !isContinuous(drawn.scale("y")) ? 0 : labelLines(yLabel, width);
  const overhang = lastTickOverhang(drawn);
  return {
    marginTop: top + (lifted > 0 ? lifted * LINE_HEIGHT + 14 : 8),
    marginRight: Math.max(right, overhang, 8),
    marginBottom: Math.max(bottom, 8),
    marginLeft: Math.max(left, turnedOverhang(options, drawn), 8),
  };
}

function labelLines(label: string, width: number): number {
  return wrapPixels(label, width - 24).length;
}

function sideWidth(name: "y" | "fy", drawn: Drawn): number {
  const lines = tickLabels(drawn, name).flat();
  const label = shownAxisLabel(drawn, name) !== undefined && !isContinuous(drawn.scale(name)) ? LINE_HEIGHT + 4 : 0;
  if (lines.length === 0) return label;
  const widest = Math.max(...lines.map(textWidth));
  return widest + TICK + label;
}

function levelHeight(name: "x" | "fx", options: Plot.PlotOptions, drawn: Drawn): number {
  const labels = tickLabels(drawn, name);
  const label = shownAxisLabel(drawn, name);
  const below = label === undefined ? 0 : label.split("\n").length * LINE_HEIGHT;
  if (labels.length === 0) return below;
  if (options[name]?.tickRotate === TURN) return longest(labels) * sine(TURN) + TICK + LINE_HEIGHT + below;
  return Math.max(...labels.map((lines) => lines.length)) * FONT_SIZE + TICK + below;
}

/** A turned label of the first category reaches to the left of its tick. */
function turnedOverhang(options: Plot.PlotOptions, drawn: Drawn): number {
  const turned = (["x", "fx"] as const).filter((name) => options[name]?.tickRotate === TURN);
  return Math.max(0, ...turned.map((name) => longest(tickLabels(drawn, name)) * cosine(TURN) * 0.8));
}

function lastTickOverhang(drawn: Drawn): number {
  const last = tickLabels(drawn, "x").at(-1);
  return last === undefined || !isContinuous(drawn.scale("x")) ? 0 : Math.max(...last.map(textWidth)) / 2 + 4;
}

function longest(labels: readonly string[][]): number {
  return Math.max(0, ...labels.map((lines) => textWidth(lines.join(" "))));
}

function heightFor(drawn: Drawn, width: number, margins: Margins): number {
  const y = drawn.scale("y");
  const fy = drawn.scale("fy");
  const facets = fy?.domain ? [...fy.domain].length : 1;
  const around = margins.marginTop + margins.marginBottom;
  if (y === undefined || isContinuous(y)) return facets * Math.max(180, Math.min(320, width * 0.45)) + around;
  const lines = Math.max(1, ...tickLabels(drawn, "y").map((l) => l.length));
  return facets * [...(y.domain ?? [])].length * (Math.max(1.6, lines) * LINE_HEIGHT) + around;
}

function sine(degrees: number): number {
  return Math.abs(Math.sin((degrees * Math.PI) / 180));
}

function cosine(degrees: number): number {
  return Math.cos((degrees * Math.PI) / 180);
}
