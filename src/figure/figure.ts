/**
 * A figure: rows, the meaning of every column, and a way to draw them. Notebook output, static picture, live picture,
 * text table, CSV and alternative text all come from this one value, so they cannot disagree.
 */
import type * as Plot from "@observablehq/plot";
import type { Series, SeriesKind } from "./series.ts";

/** How a number came about: an exact event count, derived with a cost table, or taken on a real machine. */
export type Basis = "counted" | "modelled" | "measured";

/**
 * One column of a figure's data table. A column of numbers either carries a basis (it is a result) or is declared a
 * parameter (it was chosen); a column of text is a label and carries neither.
 */
export interface Column {
  /** Name of the cell in a row and header in CSV: letters, digits and underscores. */
  readonly key: string;
  readonly label: string;
  /** One sentence that a reader of the text table alone can understand. */
  readonly definition: string;
  readonly basis?: Basis;
  readonly role?: "parameter" | "label";
  readonly unit?: string;
  /** Digits after the point in text output; default 0 where all numbers are whole, else 2. */
  readonly digits?: number;
}

/** One value of a data table; null where there is none. */
export type Cell = string | number | boolean | null;
/** One row of a data table, by column keys. */
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

/** Everything of a figure that can be stored as JSON or sent between threads: all but the way to draw it. */
export interface FigureData {
  readonly title: string;
  readonly caption: string;
  /** In one or two sentences what a sighted reader would learn from the picture. */
  readonly alt: string;
  /** What "better" means, for the first line of the text table: "fewer splits". */
  readonly better: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** Key of the column by which the text table shows a difference in per cent to the first row, if it makes sense. */
  readonly compare?: string;
  /** Key of a column whose equal values share a baseline: the first row of each value, instead of the first of all. */
  readonly compareWithin?: string;
  readonly origin: Origin;
  /** The live figure (see `live.ts`) that can redraw this one with other parameters, if there is one. */
  readonly live?: LiveOrigin;
}

/** The data of a figure that no live figure is said to redraw, yet. */
export type LooseData = Omit<FigureData, "live">;

/** By what a live figure made a figure. */
export interface LiveOrigin {
  readonly id: string;
  /** All of them, defaults filled in. */
  readonly params: Readonly<Record<string, string | number | boolean>>;
  /** Digests of the files that were read, by name. */
  readonly inputs: Readonly<Record<string, string>>;
}

/** Options of one position scale; those of Plot, but the label is always made from the columns shown. */
export type AxisOptions = Omit<Plot.ScaleOptions, "label"> & {
  /** What the axis shows, in words, where it shows several columns; the basis is added. Null for categories that need none. */
  readonly label?: string | null;
};

/** What a plot may depend on: the data, the width in CSS pixels, and helpers that keep axes and legend honest. */
export interface Frame {
  readonly width: number;
  readonly figure: FigureData;
  readonly rows: readonly Row[];
  /**
   * The options of a position scale that shows one column, or several of the same basis and unit. Its label ends with
   * the basis; `toSvg` refuses a numeric axis whose label did not come from here. Categories stand in the order of the
   * rows, results get grid lines, and a parameter gets ticks at the values that were run.
   */
  axis(key: string | readonly string[], options?: AxisOptions): Plot.ScaleOptions;
  /**
   * The rows (default: all) apart by the values of a column, each with a look that works without colour; also fills the
   * legend. A look goes by the place of a name among `names`, where those are given, so that it does not depend on what
   * else is shown; else by its place among the rows.
   */
  series(key: string, kind: SeriesKind, rows?: readonly Row[], names?: readonly string[]): readonly Series[];
  /** A colour scale for a column drawn as a `fill` or `stroke` channel, as stacks need it; also fills the legend. */
  colours(key: string, kind: SeriesKind, rows?: readonly Row[]): Plot.ScaleOptions;
  /** A scale of shades for a column of numbers that `fill` shows; light is the lower end of `domain`. Also fills the legend. */
  ramp(key: string, domain: readonly [number, number]): Plot.ScaleOptions;
  /** Rows for columns that are drawn side by side: one for each row and key, with the added cells `series` and `value`. */
  unpivot(keys: readonly string[]): readonly Row[];
}

/** How a figure is drawn. Uses its arguments alone, so that the same function draws stored or transferred data. */
export type Drawing = (plot: typeof Plot, frame: Frame) => Plot.PlotOptions;

/** What `figure()` takes. */
export interface FigureSpec extends FigureData {
  readonly plot: Drawing;
}

/** Name of the method that a notebook calls to show a value. */
export const DISPLAY: unique symbol = Symbol.for("Jupyter.display") as never;

/** Name under which a figure keeps what made it: not part of its data, and lost on the way to another thread. */
export const MADE_BY: unique symbol = Symbol.for("ptlab.madeBy") as never;

/** The tool that draws: its version, and a digest of the simulator's sources. */
export interface Build {
  readonly version: string;
  readonly source: string;
}

/** What drawing needs from outside: a document to build elements in, and the build for the stamp. */
export interface Host {
  readonly document: Document;
  readonly build: Build;
  /** Code of the notebook's cells, up to the one that draws: how a figure that is not live can be made again. */
  readonly cells?: readonly string[];
}

/** Representations of one value by media type. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** In no object and not exported, so that nothing but the constructor makes a {@link Figure}. */
declare const CHECKED: unique symbol;

/** A drawable result, checked: made by `figure()` only. */
export interface Figure extends FigureSpec {
  readonly [CHECKED]: true;
  readonly [DISPLAY]: (host: Host) => Promise<MimeBundle>;
}

/** Media type of a figure's data, from which text, CSV and table can be made again without running anything. */
export const FIGURE_MIME = "application/vnd.ptlab.figure+json";
