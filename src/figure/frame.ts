/**
 * The helpers that a drawing is given, and a record of what it used: which axis labels came from columns, and which
 * series the legend must name.
 */
import type * as Plot from "@observablehq/plot";
import { axisLabel, columnOf, sharedAxisLabel } from "./axis.ts";
import { dataOf } from "./create.ts";
import type { AxisOptions, FigureData, Frame, Row } from "./figure.ts";
import { RAMP } from "./ramp.ts";
import { look, type Series, type SeriesKind, type Texture } from "./series.ts";

/** One line of the legend: a series, what it is drawn as, and the texture behind its `fill`. */
export interface LegendEntry extends Series {
  readonly kind: SeriesKind;
  readonly texture: Texture;
  /** The place that its look goes by. */
  readonly index: number;
}

/** What a drawing used of its frame. */
export interface FrameRecord {
  readonly axisLabels: Set<string>;
  /** By series name, in the order of first use. */
  readonly legend: Map<string, LegendEntry>;
  /** What shades show; a picture has one scale of them. */
  ramp: RampEntry | null;
}

/** The part of the legend that explains shades. */
export interface RampEntry {
  readonly label: string;
  readonly domain: readonly [number, number];
}

/** A frame and the record of its use. `idPrefix` makes the ids of fills unique in a page. */
export function makeFrame(figure: FigureData, width: number, idPrefix: string): { frame: Frame; used: FrameRecord } {
  const used: FrameRecord = { axisLabels: new Set(), legend: new Map(), ramp: null };
  const series: Frame["series"] = (key, kind, rows = figure.rows, names) => {
    const place = (name: string, i: number) => (names === undefined ? i : names.indexOf(name));
    const groups = [...Map.groupBy(rows, (row) => String(row[key]))];
    const entries = groups.map(([name, own], i) => entry(name, own, kind, place(name, i), idPrefix));
    // The first kind of a name stays: a line whose dots are drawn as well is a line in the legend.
    for (const e of entries) if (!used.legend.has(e.name)) used.legend.set(e.name, e);
    return entries;
  };
  const frame: Frame = {
    width,
    figure: dataOf(figure),
    rows: figure.rows,
    series,
    axis: (key, options) => axis(figure, used, typeof key === "string" ? [key] : key, options),
    colours: (key, kind, rows) => colourScale(series(key, kind, rows), kind),
    ramp: (key, domain) => {
      used.ramp = { label: axisLabel(columnOf(figure, key)), domain };
      return { type: "linear", domain: [...domain], range: [...RAMP], interpolate: "rgb", clamp: true };
    },
    unpivot: (keys) => unpivot(figure, keys),
  };
  return { frame, used };
}

function axis(
  figure: FigureData,
  used: FrameRecord,
  keys: readonly string[],
  options: AxisOptions = {},
): Plot.ScaleOptions {
  const defaults = axisDefaults(figure, keys, options);
  if (options.label === null) return { ...defaults, ...options, label: null };
  const label = sharedAxisLabel(figure, keys, options.label);
  used.axisLabels.add(label);
  return { ...defaults, ...options, label };
}

function axisDefaults(figure: FigureData, keys: readonly string[], options: AxisOptions): Plot.ScaleOptions {
  const column = columnOf(figure, keys[0]!);
  const values = [...new Set(figure.rows.map((row) => row[column.key]!))];
  // Dots at the very edge of a logarithmic scale would hide the axis.
  if (column.basis !== undefined)
    return { grid: true, tickFormat: compact, ...(options.type === "log" && { nice: true }) };
  if (values.every((value) => typeof value === "number")) return parameterTicks(values, options);
  return { domain: values.filter((value) => value !== null) };
}

/** Thousands as k, millions as M and so on, for tick labels that fit a phone: `0`, `500`, `25k`, `1.5M`. */
function compact(value: number): string {
  const power = Math.abs(value) < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(Math.abs(value)) / 3));
  return `${Number((value / 1000 ** power).toPrecision(6))}${["", "k", "M", "G", "T"][power]}`;
}

/** The values that were run, where there are few enough whole ones that their labels stand apart. */
function parameterTicks(values: readonly number[], { type }: AxisOptions): Plot.ScaleOptions {
  const whole = values.every(Number.isInteger);
  // D3 leaves out labels of a logarithmic scale that are not near a power of its base.
  if (type === "log")
    return whole && values.every(isPowerOfTwo) ? { base: 2, ticks: [...values], tickFormat: String } : {};
  const sorted = [...values].sort((a, b) => a - b);
  const closest = Math.min(...sorted.slice(1).map((v, i) => v - sorted[i]!));
  const apart = closest / (sorted.at(-1)! - sorted[0]!) >= 1 / 12;
  return apart && whole ? { ticks: [...values], tickFormat: String } : {};
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}

function colourScale(series: readonly Series[], kind: SeriesKind): Plot.ScaleOptions {
  const range = series.map((s) => (kind === "fill" ? s.fill : s.colour));
  return { type: "ordinal", domain: series.map((s) => s.name), range };
}

function entry(name: string, rows: readonly Row[], kind: SeriesKind, index: number, idPrefix: string): LegendEntry {
  const { texture, ...rest } = look(index);
  const fill = texture === "solid" ? rest.colour : `url(#${fillId(idPrefix, index)})`;
  return { name, rows, ...rest, fill, kind, texture, index };
}

/** The id of the textured fill of a series by its place. */
export function fillId(idPrefix: string, index: number): string {
  return `${idPrefix}-fill-${index}`;
}

function unpivot(figure: FigureData, keys: readonly string[]): readonly Row[] {
  const columns = keys.map((key) => columnOf(figure, key));
  return figure.rows.flatMap((row) => columns.map((c) => ({ ...row, series: c.label, value: row[c.key]! })));
}
