/**
 * The three pictures that most figures are: lines, dots and bars apart by series, told apart without colour.
 */
import type * as Plot from "@observablehq/plot";
import type { Frame, Row } from "./figure.ts";

/** Which columns a picture shows. `rows` defaults to all rows of the figure. */
export interface Channels {
  readonly x: string;
  readonly y: string;
  readonly series: string;
  readonly rows?: readonly Row[];
}

/** Marks, and those scales that belong to them whatever the axes are. */
export type Picture = Plot.PlotOptions & { readonly marks: Plot.Markish[] };

/** A picture that places its marks itself, in pixels: it has a height of its own and no axes. */
export const IN_PIXELS: Plot.PlotOptions = {
  margin: 0,
  x: { type: "identity", axis: null },
  y: { type: "identity", axis: null },
};

/** The channels of boxes that know their edges. */
export const EDGES = { x1: "x1", x2: "x2", y1: "y1", y2: "y2" } as const;

/** One line with dots for each series. */
export function lines(plot: typeof Plot, frame: Frame, { x, y, series, rows }: Channels): Picture {
  const marks = frame
    .series(series, "line", rows)
    .flatMap((s) => [
      plot.line(s.rows, { x, y, stroke: s.colour, strokeDasharray: s.dash, strokeWidth: 2 }),
      plot.dot(s.rows, { x, y, fill: s.colour, symbol: s.symbol, r: 3.5 }),
    ]);
  return { marks };
}

/** Dots for each series. */
export function dots(plot: typeof Plot, frame: Frame, { x, y, series, rows }: Channels): Picture {
  const all = frame.series(series, "dot", rows);
  return { marks: all.map((s) => plot.dot(s.rows, { x, y, fill: s.colour, symbol: s.symbol, r: 4.5 })) };
}

/** Upright bars side by side: a group for each value of `x`, labelled by the axis `fx`, and in it a bar for each series. */
export function bars(plot: typeof Plot, frame: Frame, { x, y, series, rows }: Channels): Picture {
  const all = frame.series(series, "fill", rows);
  const areas = all.map((s) => plot.barY(s.rows, { fx: x, x: () => s.name, y, fill: s.fill, stroke: s.colour }));
  return { x: { axis: null, domain: all.map((s) => s.name) }, marks: [...areas, plot.ruleY([0])] };
}

/** Bars to the right, one for each value of `y`, with the series behind one another. */
export function stack(plot: typeof Plot, frame: Frame, { x, y, series, rows = frame.rows }: Channels): Picture {
  const color = frame.colours(series, "fill", rows);
  return { color, marks: [plot.barX(rows, { x, y, fill: series }), plot.ruleX([0])] };
}

/** The dashed line on which both axes agree, as far as the values reach; on logarithmic axes by a factor `beyond` them. */
export function diagonal(plot: typeof Plot, values: readonly number[], beyond = 1): Plot.Markish {
  const ends = [Math.min(...values) / beyond, Math.max(...values) * beyond];
  return plot.line(ends, { x: (at) => at, y: (at) => at, strokeDasharray: "2 4", strokeOpacity: 0.5 });
}

/** Sizes of folios whose dots are named: labels of all would lie on one another. */
const NAMED_FOLIOS = ["4K", "16K", "64K", "2M"];

/** Dots for sizes of folios, joined in their order, for each series; some of them named. */
export function folioDots(plot: typeof Plot, frame: Frame, { x, y, series, rows }: Channels): Plot.Markish[] {
  const named = (of: readonly Row[]) => of.filter((row) => NAMED_FOLIOS.includes(String(row.folio)));
  return frame
    .series(series, "line", rows)
    .flatMap((s) => [
      plot.line(s.rows, { x, y, stroke: s.colour, strokeDasharray: s.dash, strokeWidth: 2 }),
      plot.dot(s.rows, { x, y, fill: s.colour, symbol: s.symbol, r: 4 }),
      plot.text(named(s.rows), { x, y, text: "folio", dx: 8, dy: -8, textAnchor: "start" }),
    ]);
}
