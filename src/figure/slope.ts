/**
 * Slope charts: a few stations side by side - before and after, design A and design B - and a line for each cause, so that what
 * rises, falls or stays is seen by its slope. Lines are named at their end, where no name lies on another.
 */
import type * as Plot from "@observablehq/plot";
import type { Frame, Row } from "./figure.ts";
import { LINE_HEIGHT, textWidth, wrapPixels } from "./measure.ts";
import { look } from "./series.ts";

/** What a slope chart needs: rows with `station`, `line` and a `value` of 0 or more, and the columns that these came from. */
export interface SlopeChannels {
  readonly rows: readonly Row[];
  readonly keys: readonly string[];
  /** What the axis shows. */
  readonly label: string;
  /** Digits after the point, and the unit, of the number beside a name. */
  readonly digits: number;
  readonly unit?: string;
}

const TOP = 28;
const BOTTOM = 44;
const LEFT = 44;
/** From the last station to the names: a symbol stands between. */
const BESIDE = 24;
/** The widest column of names, as a part of the picture's width. */
const WIDEST = 0.45;
const LEAST_HEIGHT = 230;

/** One drawn line: series whose lines would lie on one another are one, under all their names. */
interface Line {
  readonly names: readonly string[];
  readonly values: readonly number[];
}

/** A line for each series from station to station, with its name and last value at its end. */
export function slopes(plot: typeof Plot, frame: Frame, channels: SlopeChannels): Plot.PlotOptions {
  const stations = [...new Set(channels.rows.map((row) => String(row.station)))];
  const lines = joined(channels.rows, stations);
  const most = Math.max(...lines.flatMap(({ values }) => values)) || 1;
  const words = lines.map((line) => wordsOf(line, channels, frame.width * WIDEST));
  const sizes = words.map((text) => text.length * LINE_HEIGHT);
  const plotted = Math.max(
    LEAST_HEIGHT,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  const wanted = lines.map(({ values }) => plotted * (1 - values.at(-1)! / most));
  const places = placeLabels(wanted, sizes, plotted).map((y) => most * (1 - y / plotted));
  return {
    height: TOP + plotted + BOTTOM,
    ...{ marginTop: TOP, marginBottom: BOTTOM, marginLeft: LEFT },
    marginRight: BESIDE + 6 + Math.max(...words.flat().map(textWidth)),
    x: { type: "point", domain: stations, label: null, padding: 0.15 },
    y: frame.axis(channels.keys, { label: channels.label, domain: [0, most] }),
    marks: [
      plot.ruleX(stations, { strokeOpacity: 0.3 }),
      ...lines.flatMap((line, i) => lineMarks(plot, line, stations, i, { y: places[i]!, words: words[i]! })),
    ],
  };
}

function joined(rows: readonly Row[], stations: readonly string[]): Line[] {
  const lines = new Map<string, { names: string[]; values: readonly number[] }>();
  for (const name of new Set(rows.map((row) => String(row.line)))) {
    const own = rows.filter((row) => row.line === name);
    const values = stations.map((station) => Number(own.find((row) => row.station === station)!.value));
    const key = values.map((value) => value.toPrecision(3)).join(" ");
    const line = lines.get(key);
    if (line === undefined) lines.set(key, { names: [name], values });
    else line.names.push(name);
  }
  return [...lines.values()];
}

function wordsOf({ names, values }: Line, { digits, unit = "" }: SlopeChannels, width: number): string[] {
  return wrapPixels(`${names.join("; ")} ${values.at(-1)!.toFixed(digits)}${unit}`, width);
}

interface Label {
  readonly y: number;
  readonly words: readonly string[];
}

function lineMarks(plot: typeof Plot, line: Line, stations: readonly string[], i: number, label: Label) {
  const { colour, dash, symbol } = look(i);
  const points = stations.map((station, n) => ({ station, value: line.values[n]! }));
  const at = [{ station: stations.at(-1)!, value: label.y }];
  const place = { x: "station", y: "value" } as const;
  return [
    plot.line(points, { ...place, stroke: colour, strokeDasharray: dash, strokeWidth: 2 }),
    plot.dot(points, { ...place, fill: colour, symbol, r: 4 }),
    // The symbol again before the name, for a name may have been moved away from its line.
    plot.dot(at, { ...place, fill: colour, symbol, r: 4, dx: BESIDE - 10 }),
    plot.text(at, { ...place, text: () => label.words.join("\n"), textAnchor: "start", dx: BESIDE - 2 }),
  ];
}

/**
 * Middles of labels on a line of length `room`, as near as can be to where they are wanted (least squares), in the same order, and no
 * label on another or outside. `sizes` must not add up to more than `room`.
 */
export function placeLabels(wanted: readonly number[], sizes: readonly number[], room: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  const groups: { members: number[]; size: number; top: number }[] = [];
  for (const i of order) {
    let group = { members: [i], size: sizes[i]!, top: bestTop([i], wanted, sizes, room) };
    for (let last = groups.at(-1); last !== undefined && last.top + last.size > group.top; last = groups.at(-1)) {
      groups.pop();
      const members = [...last.members, ...group.members];
      group = { members, size: last.size + group.size, top: bestTop(members, wanted, sizes, room) };
    }
    groups.push(group);
  }
  const middles = new Array<number>(wanted.length);
  for (const { members, top } of groups) {
    let y = top;
    for (const i of members) {
      middles[i] = y + sizes[i]! / 2;
      y += sizes[i]!;
    }
  }
  return middles;
}

/** Where labels that touch begin, so that they are nearest to their places together. */
function bestTop(
  members: readonly number[],
  wanted: readonly number[],
  sizes: readonly number[],
  room: number,
): number {
  let [above, sum] = [0, 0];
  for (const i of members) {
    sum += wanted[i]! - above - sizes[i]! / 2;
    above += sizes[i]!;
  }
  return Math.max(0, Math.min(sum / members.length, room - above));
}
