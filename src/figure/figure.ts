/**
 * A figure: rows, the meaning of every column, and a way to draw them. Notebook output, static picture, live picture,
 * text table, CSV and alternative text all come from this one value, so they cannot disagree.
 */
import type * as Plot from "@observablehq/plot";

/** How a number came about: an exact event count, derived with a cost table, or taken on a real machine. */
export type Basis = "counted" | "modelled" | "measured";

/** One column of a figure's data table. Numbers carry a basis; labels (text columns) carry none. */
export interface Column {
  readonly key: string;
  readonly label: string;
  /** One sentence that a reader of the text table alone can understand. */
  readonly definition: string;
  readonly basis?: Basis;
  readonly unit?: string;
  /** Digits after the point in text output; default 0 for numbers. */
  readonly digits?: number;
}

export type Cell = string | number | boolean | null;
export type Row = Readonly<Record<string, Cell>>;

/** Where a figure's numbers come from, apart from the program itself. */
export interface Origin {
  /** Designs, formats or policies compared, as shown in the stamp. */
  readonly designs: readonly string[];
  /** The workload or the capture, in a few words. */
  readonly workload: string;
  /** Parameters of the run; part of the spec digest. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Null where nothing random took part. */
  readonly seed: number | null;
  /** Digest of the input file, or null where there was none. */
  readonly input: string | null;
}

/** What a plot may depend on besides the rows. Width in CSS pixels. */
export interface Frame {
  readonly width: number;
}

/**
 * A drawable result. `live` names the live figure (see `live.ts`) that can redraw it with other parameters, if there is one.
 * `alt` says in one or two sentences what a sighted reader would learn from the picture.
 */
export interface Figure {
  readonly title: string;
  readonly caption: string;
  readonly alt: string;
  /** What "better" means, for the first line of the text table: "fewer is better". */
  readonly better: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** Key of the column by which the text table shows a difference in per cent to the first row, if it makes sense. */
  readonly compare?: string;
  readonly origin: Origin;
  readonly live?: {
    readonly id: string;
    readonly params: Readonly<Record<string, string | number | boolean>>;
  };
  plot(plot: typeof Plot, frame: Frame): Plot.PlotOptions;
}
