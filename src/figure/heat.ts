/**
 * The heat map: a cell for each pair of values, its shade by a number, which is printed in it where there is room.
 */
import type * as Plot from "@observablehq/plot";
import { columnOf } from "./axis.ts";
import { cellFormat } from "./cells.ts";
import type { Frame, Row } from "./figure.ts";
import type { Picture } from "./marks.ts";
import { textWidth } from "./measure.ts";
import { INKS, inkOn } from "./ramp.ts";

/** Which columns a heat map shows; `domain` is what the lightest and the darkest shade stand for. */
export interface HeatChannels {
  readonly x: string;
  readonly y: string;
  readonly value: string;
  readonly domain: readonly [number, number];
  readonly rows?: readonly Row[];
}

/** Room for the labels at the left: the larger part of what `room.ts` gives them at most. */
const LABELS = 0.3;

/** A cell for each row; one without a number is left out. Axes that need no label are made anew, of the type `band`. */
export function heat(
  plot: typeof Plot,
  frame: Frame,
  { x, y, value, domain, rows = frame.rows }: HeatChannels,
): Picture {
  const given = rows.filter((row) => row[value] !== null);
  const format = cellFormat(frame.figure, columnOf(frame.figure, value));
  const words = (row: Row) => format(row[value]!);
  const columns = new Set(rows.map((row) => row[x])).size;
  const fits = Math.max(...given.map((row) => textWidth(words(row)))) + 4 <= (frame.width * (1 - LABELS)) / columns;
  const on = (ink: string) => given.filter((row) => inkOn(Number(row[value]), domain) === ink);
  return {
    x: frame.axis(x, { type: "band" }),
    y: frame.axis(y, { type: "band" }),
    color: frame.ramp(value, domain),
    marks: [
      plot.cell(given, { x, y, fill: value, inset: 0.5 }),
      ...(fits ? INKS.map((ink) => plot.text(on(ink), { x, y, text: words, fill: ink })) : []),
    ],
  };
}
