// Draws a computed figure with the very functions that drew the stored one. Loaded when a reader first moves a control,
// because it brings the plotting library.
import { exportsOf, type FigureFiles } from "../../src/figure/exports.ts";
import type { FigureData } from "../../src/figure/figure.ts";
import { liveFigure } from "../../src/figure/live/index.ts";
import { fillParams, type LiveParams, revive } from "../../src/figure/live.ts";
import { NARROW, toSvg } from "../../src/figure/render.ts";
import { stampLine } from "../../src/figure/stamp.ts";
import { dataHtml } from "../../src/notebook/render/table.ts";

/** Everything on the page that belongs to one figure. */
export interface Drawn {
  readonly title: string;
  readonly caption: string;
  readonly alt: string;
  readonly wide: string;
  readonly narrow: string;
  readonly table: string;
  readonly stamp: string;
  /** Digest of the sources that computed it. */
  readonly source: string;
  readonly files: FigureFiles;
}

/** Names of the data files that a live figure reads for these parameters. */
export const inputsOf = (id: string, params: LiveParams): readonly string[] => liveFigure(id).inputsFor(params);

/** Refuses values that the live figure does not allow, with a `UserError`. */
export const checkParams = (id: string, params: LiveParams): void => void fillParams(liveFigure(id).params, params);

/** The figure that the worker made, drawn. */
export function draw(id: string, data: FigureData): Drawn {
  const figure = revive(data, liveFigure(id));
  const host = { document, build: __PTLAB_BUILD__ };
  const files = exportsOf(figure, host);
  return {
    title: figure.title,
    caption: figure.caption,
    alt: figure.alt,
    wide: files.svg,
    narrow: toSvg(figure, host, { width: NARROW }),
    table: dataHtml(figure),
    stamp: stampLine(figure, host.build),
    source: host.build.source,
    files,
  };
}
