/**
 * The picture of an address-space map: a strip for each VMA or range, or a square for each page. The last mark is the cells themselves,
 * in the order of the rows, each with its name in words: a page makes them something to point at and to move among.
 */
import { formatSize } from "../base/size.ts";
import { kindIndex, MAP_KINDS, type MapKind, NOT_MAPPED } from "../study/map/space.ts";
import { STRIP_PARTS } from "../study/map/view.ts";
import type { Drawing, Frame, Row } from "./figure.ts";
import { cellName, kindKey } from "./map-words.ts";
import { EDGES, IN_PIXELS } from "./marks.ts";
import { textWidth } from "./measure.ts";

interface Box {
  readonly x1: number;
  readonly x2: number;
  readonly y1: number;
  readonly y2: number;
}

/** A filled part of a strip, or a page. */
interface Piece extends Box {
  readonly kind: number;
}

interface Word {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

/** Everything that is drawn, with places in pixels. `outlines` go around several cells. */
interface Layout {
  readonly cells: readonly (Box & { readonly name: string })[];
  readonly pieces: readonly Piece[];
  readonly outlines: readonly Box[];
  readonly words: readonly Word[];
  readonly height: number;
}

/** What the figure says of its look, among the parameters of its origin. */
interface Look {
  readonly at: string;
  readonly cells: "VMAs" | "ranges" | "pages";
  readonly cont: number;
  readonly page: number;
  readonly entries: number;
  readonly vmas: number;
}

/** Draws any look at an address space. */
export const mapDrawing: Drawing = (plot, frame) => {
  const look = frame.figure.origin.params.map as Look;
  const layout = look.cells === "pages" ? grid(frame, look) : strips(frame, look);
  const counts = MAP_KINDS.slice(0, NOT_MAPPED).map((_, kind) => pagesOf(frame, look, kind));
  const names = counts.map((pages, kind) => `${MAP_KINDS[kind]!.name}: ${pages} (${formatSize(pages * look.page)})`);
  const present = names.map((_, kind) => kind).filter((kind) => counts[kind]! > 0);
  const series = frame.series(
    "kind",
    "fill",
    present.map((kind) => ({ kind: names[kind]! })),
    names,
  );
  return {
    ...IN_PIXELS,
    height: layout.height,
    marks: [
      ...series.map(({ fill }, i) =>
        plot.rect(
          layout.pieces.filter(({ kind }) => kind === present[i]),
          { ...EDGES, fill },
        ),
      ),
      plot.rect(layout.outlines, { ...EDGES, fill: "none", stroke: "currentColor", strokeWidth: 1.5 }),
      plot.text(layout.words, { x: "x", y: "y", text: "text", textAnchor: "start", fontSize: 10 }),
      plot.rect(layout.cells, {
        ...EDGES,
        className: look.cells === "pages" ? "ptlab-cells" : "ptlab-cells ptlab-zoom",
        ...{ fill: "currentColor", fillOpacity: 0, stroke: "currentColor", strokeOpacity: 0.35, title: "name" },
      }),
    ],
  };
};

/** Pages of a kind in the whole look, which the legend tells. */
function pagesOf({ rows }: Frame, { cells }: Look, kind: number): number {
  const { name } = MAP_KINDS[kind]!;
  const of = (row: Row) => (cells === "pages" ? Number(row.holds === name) : Number(row[kindKey(name)] ?? 0));
  return rows.reduce((sum, row) => sum + of(row), 0);
}

/** Room for the mark of the focus. */
const EDGE = 3;
const STRIP = 16;
const PITCH = 34;
const GAP = 10;
/** Width of a range's strip where not all fit side by side. */
const RANGE = 38;
/** Strips from left to right, in as many lines as they need. */
function strips({ rows, width }: Frame, look: Look): Layout {
  const fits = Math.max(1, Math.floor(width / RANGE));
  const equal = (width - 2 * EDGE) / Math.min(rows.length, fits) - 3;
  const [cells, pieces, words]: [(Box & { name: string })[], Piece[], Word[]] = [[], [], []];
  const isOfVmas = look.cells === "VMAs";
  let [x, y] = [EDGE, EDGE];
  rows.forEach((row, i) => {
    const wide = isOfVmas ? 8 + 5 * Math.log2(Number(row.pages) + 1) : equal;
    const gap = row.gap === true && i > 0 ? GAP : 0;
    if (x > EDGE && x + gap + wide > width - EDGE) [x, y] = [EDGE, y + PITCH];
    else if (gap > 0) words.push({ x: x + 1, y: y + STRIP / 2, text: "//" });
    if (x > EDGE) x += gap;
    const box = { x1: x, x2: x + wide, y1: y, y2: y + STRIP };
    cells.push({
      ...box,
      name: isOfVmas ? cellName(row, Number(row.at) - 1, look.vmas) : cellName(row, i, rows.length),
    });
    pieces.push(...piecesOf(String(row.strip), Number(row.pages), box));
    const text = isOfVmas ? labelOf(row, wide) : String(i + 1);
    words.push({ x, y: y + STRIP + 7, text });
    x += wide + (isOfVmas ? 1 : 3);
  });
  return { cells, pieces, words, outlines: [], height: y + PITCH };
}

/** What fits below a strip. */
function labelOf({ what, size }: Row, wide: number): string {
  const long = `${String(what).split(" ")[0]} ${size}`;
  if (textWidth(long) * 0.85 <= wide) return long;
  return textWidth(String(size)) * 0.7 <= wide ? String(size) : "";
}

/** Equal letters side by side are one piece; a small letter is half as high. */
function piecesOf(strip: string, pages: number, { x1, x2, y1, y2 }: Box): Piece[] {
  const scale = ((x2 - x1) * Math.ceil(pages / STRIP_PARTS)) / pages;
  return [...strip.matchAll(/([A-Za-z])\1*/g)].map((match) => {
    const letter = match[1]!.toUpperCase();
    const part = match.index;
    return {
      kind: MAP_KINDS.findIndex((kind) => kind.letter === letter),
      x1: x1 + part * scale,
      x2: Math.min(x2, x1 + (part + match[0].length) * scale),
      y1: letter === match[1] ? y1 : (y1 + y2) / 2,
      y2,
    };
  });
}

/** Room for the number of a line's first slot. */
const MARGIN = 30;
const HIGH = 18;

/** Squares in lines of 16 or 32, which begin where blocks do. */
function grid({ rows, width }: Frame, { cont, entries }: Look): Layout {
  const columns = width < 500 ? 16 : 32;
  const wide = (width - MARGIN - EDGE) / columns;
  const lead = Number(rows[0]!.slot) % columns;
  const boxAt = (place: number, n = 1): Box => {
    const [column, line] = [place % columns, Math.floor(place / columns)];
    const [x1, y1] = [MARGIN + column * wide, EDGE + line * HIGH];
    const lines = Math.ceil(n / columns);
    return { x1, x2: x1 + Math.min(n, columns) * wide, y1, y2: y1 + lines * HIGH };
  };
  const kinds = rows.map((row) => kindIndex(row.holds as MapKind));
  const places = rows.map((_, i) => i + lead);
  const lineStarts = places.filter((place, i) => i === 0 || place % columns === 0);
  const starts = (i: number) => rows[i]!.holds === "contpte block" && Number(rows[i]!.slot) % cont === 0;
  return {
    cells: rows.map((row, i) => ({ ...inset(boxAt(places[i]!)), name: cellName(row, i, rows.length) })),
    pieces: rows.flatMap((_, i) => (kinds[i]! < NOT_MAPPED ? [{ ...inset(boxAt(places[i]!)), kind: kinds[i]! }] : [])),
    outlines: rows.flatMap((_, i) => (starts(i) ? [boxAt(places[i]!, cont)] : [])),
    words: lineStarts.map((place) => ({
      x: 1,
      y: boxAt(place).y1 + HIGH / 2,
      text: String((Number(rows[0]!.slot) + place - lead) % entries),
    })),
    height: boxAt(places.at(-1)!).y2 + EDGE,
  };
}

const inset = ({ x1, x2, y1, y2 }: Box): Box => ({ x1: x1 + 2, x2: x2 - 2, y1: y1 + 2, y2: y2 - 2 });
