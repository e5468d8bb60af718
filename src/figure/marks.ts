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

type Marks = Plot.Markish[];

/** One line with dots for each series. */
export function lines(plot: typeof Plot, frame: Frame, { x, y, series, rows }: Channels): Marks {
  return frame
    .series(series, "line", rows)
    .flatMap((s) => [
      plot.line(s.rows, { x, y, stroke: s.colour, strokeDasharray: s.dash, strokeWidth: 2 }),
      plot.dot(s.rows, { x, y, fill: s.colour, symbol: s.symbol, r: 3.5 }),
    ]);
}

/** Dots for each series. */
export function dots(plot: typeof Plot, frame: Frame, { x, y, series, rows }: Channels): Marks {
  return frame
    .series(series, "dot", rows)
    .map((s) => plot.dot(s.rows, { x, y, fill: s.colour, symbol: s.symbol, r: 4.5 }));
}

/**
 * Upright bars side by side: a group for each value of `x`, in it a bar for each series. The options of the group axis
 * belong to `fx`, and those of `x` must be `{ axis: null }`.
 */
export function bars(plot: typeof Plot, frame: Frame, { x, y, series, rows }: Channels): Marks {
  const all = frame.series(series, "fill", rows);
  const areas = all.map((s) => plot.barY(s.rows, { fx: x, x: () => s.name, y, fill: s.fill, stroke: s.colour }));
  return [...areas, plot.ruleY([0])];
}
