/**
 * The picture of counts that lie far apart, zero and millions side by side: a small group of bars for each cause, each drawn
 * as its part of the longest of its own group, with the count itself written at its end.
 */
import type * as Plot from "@observablehq/plot";
import type { Frame, Row } from "./figure.ts";

/** Height of one bar and the gap above it, in CSS pixels. */
const BAR = 17;
const GROUP_GAP = 12;
/** The axis goes on beyond 100 per cent, so that the count beside the longest bar has room. */
const END = 128;
/** Room for the axis below the bars. */
const AXIS = 44;

/** What a group of bars needs: rows with `cause`, the series' name and a `value`, and the columns that these came from. */
export interface ShareChannels {
  readonly series: string;
  readonly keys: readonly string[];
  readonly rows: readonly Row[];
  /** What the longest bars are: "the most of each cause". */
  readonly of: string;
  /** Column of the rows whose equal values are drawn to one scale. Default "cause": every group has its own. */
  readonly scaledBy?: string;
}

/** Bars by cause, relative to the largest value of each; a zero is a bar of no length and says so. */
export function shareBars(
  plot: typeof Plot,
  frame: Frame,
  { series, keys, rows, of, scaledBy = "cause" }: ShareChannels,
): Plot.PlotOptions {
  const causes = [...new Set(rows.map((row) => String(row.cause)))];
  const all = frame.series(series, "fill", withShares(rows, scaledBy));
  const place = { fy: "cause", x: "share" } as const;
  const marks = all.flatMap((s) => [
    plot.barX(s.rows, { ...place, y: () => s.name, fill: s.fill, stroke: s.colour }),
    plot.text(s.rows, { ...place, y: () => s.name, text: countText, textAnchor: "start", dx: 5 }),
  ]);
  return {
    height: causes.length * (all.length * BAR + GROUP_GAP) + AXIS,
    x: frame.axis(keys, { label: `per cent of ${of}`, domain: [0, END], ticks: [0, 25, 50, 75, 100] }),
    y: { axis: null, domain: all.map((s) => s.name), padding: 0.15 },
    fy: { domain: causes, label: null, axis: "left", padding: 0.12 },
    marks: [...marks, plot.ruleX([0])],
  };
}

function withShares(rows: readonly Row[], scaledBy: string): Row[] {
  const most = new Map<unknown, number>();
  for (const row of rows) most.set(row[scaledBy], Math.max(most.get(row[scaledBy]) ?? 0, Number(row.value)));
  return rows.map((row) => ({ ...row, share: (100 * Number(row.value)) / (most.get(row[scaledBy]) || 1) }));
}

/** A count in groups of three digits, as it is easiest to compare by eye. */
function countText({ value }: Row): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}
