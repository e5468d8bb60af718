/**
 * A figure as a bundle of media types, the form in which a notebook stores it and a page reads it.
 */
import { dataOf } from "./create.ts";
import { exportsOf } from "./exports.ts";
import { FIGURE_MIME, type Figure, type FigureData, type Host, type MimeBundle } from "./figure.ts";
import { NARROW, toSvg } from "./render.ts";
import { type Stamp, stampOf } from "./stamp.ts";

/**
 * What a notebook keeps of a figure beside the picture: enough for text, CSV and table without running anything, and the
 * picture for a phone, because a wide one scaled down cannot be read there.
 */
export interface StoredFigure extends FigureData {
  readonly stamp: Stamp;
  /** The picture at {@link NARROW} pixels. */
  readonly narrow: string;
}

/** Picture, text table and data of a figure. */
export function display(figure: Figure, host: Host): MimeBundle {
  const { svg, txt } = exportsOf(figure, host);
  const stored: StoredFigure = {
    ...dataOf(figure),
    stamp: stampOf(figure, host.build),
    // The cells' code is in the wide picture, and once is enough.
    narrow: toSvg(figure, { ...host, cells: undefined }, { width: NARROW }),
  };
  return {
    "image/svg+xml": svg,
    "text/plain": txt,
    [FIGURE_MIME]: stored,
  };
}
