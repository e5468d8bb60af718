/**
 * The files that a figure can be had as: one function for the notebook's output, the page's live figure and the command line.
 */
import { toCsv } from "./csv.ts";
import type { Figure, Host } from "./figure.ts";
import { toSvg, WIDE } from "./render.ts";
import { toText } from "./text.ts";

/** A figure's files by the endings of their names. */
export type FigureFiles = Readonly<Record<"svg" | "csv" | "txt", string>>;

/** Picture, table and text of a figure; `width` is that of the picture in CSS pixels. */
export function exportsOf(figure: Figure, host: Host, width = WIDE): FigureFiles {
  return { svg: toSvg(figure, host, { width }), csv: toCsv(figure), txt: toText(figure, host.build) };
}

/**
 * A picture on its own has no page to give it a colour, so it brings one for light and for dark. Put into a page it says nothing:
 * it is not the root there.
 */
const COLOURS = "<style>svg:root{color:#1b1b1b}@media(prefers-color-scheme:dark){svg:root{color:#e8e8e8}}</style>";

/** A picture as a file that is looked at by itself. */
export const alone = (svg: string): string => svg.replace("</metadata>", `</metadata>${COLOURS}`);

/** What {@link alone} did, undone. */
export const inPage = (svg: string): string => svg.replace(COLOURS, "");
