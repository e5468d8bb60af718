/**
 * The figures that a notebook holds, numbered as its page numbers them. Nothing is run: everything is read from the
 * stored outputs, and what cannot be relied on is no figure.
 */
import { UserError } from "../base/errors.ts";
import { isListOf, isObject, isText } from "../base/shape.ts";
import { figure } from "../figure/create.ts";
import { type Build, FIGURE_MIME, type FigureData } from "../figure/figure.ts";
import { type JsonObject, type MimeBundle, type Notebook, outputsOf } from "./format.ts";
import { numbered, slug } from "./slug.ts";

/** A stored figure: its data and the build that drew it. */
export interface StoredFigure {
  readonly data: FigureData;
  readonly build: Build;
  /** The picture for a phone, where the notebook has one. */
  readonly narrow?: string;
}

/** A figure of a notebook and where it is. */
export interface NumberedFigure {
  /** Its number on the page, from 1. */
  readonly number: number;
  /** Its anchor by what it shows, which stays the same when figures come before it: `fig-` and its live name or its title. */
  readonly label: string;
  /** The output that holds it. */
  readonly bundle: MimeBundle;
  readonly stored: StoredFigure;
}

/** All figures of a notebook in reading order. */
export function figuresOf(nb: Notebook): readonly NumberedFigure[] {
  const found = outputsOf(nb).flatMap((output) => {
    const bundle = "data" in output ? output.data : {};
    const stored = storedFigure(bundle);
    return stored === undefined ? [] : [{ bundle, stored }];
  });
  const taken = new Set<string>();
  return found.map((one, i) => ({ number: i + 1, label: numbered(taken, figureLabel(one.stored.data)), ...one }));
}

/** The anchor of a figure that is the first of its kind on a page. */
export const figureLabel = ({ live, title }: FigureData): string => `fig-${live?.id ?? slug(title)}`;

/** The figure in a mime bundle, or undefined if there is none that can be relied on. */
export function storedFigure(bundle: MimeBundle): StoredFigure | undefined {
  const value = bundle[FIGURE_MIME];
  if (!isObject(value) || !isObject(value.stamp)) return undefined;
  const { stamp, narrow } = value;
  if (!isText(stamp.version) || !isText(stamp.source) || !hasShape(value)) return undefined;
  const data = value as unknown as FigureData;
  if (!isSound(data)) return undefined;
  return { data, build: { version: stamp.version, source: stamp.source }, narrow: isText(narrow) ? narrow : undefined };
}

/** What the constructor of figures takes for granted, because its callers are type-checked. */
function hasShape({ origin, columns, rows, live }: JsonObject): boolean {
  if (!isObject(origin) || !isText(origin.workload) || !isObject(origin.params)) return false;
  if (!isListOf(origin.designs, isText) || !isListOf(columns, isObject) || !isListOf(rows, isObject)) return false;
  return live === undefined || (isObject(live) && isText(live.id) && isObject(live.params));
}

/** Everything else is what the constructor checks for every figure. */
function isSound(data: FigureData): boolean {
  try {
    figure({ ...data, plot: () => ({}) });
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
