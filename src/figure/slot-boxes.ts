/**
 * The picture of table pages: a heading and a row of boxes for each page, a box for each run of slots, as wide as its words;
 * a row that is too long goes on below.
 */
import type * as Plot from "@observablehq/plot";
import type { Frame, Row } from "./figure.ts";
import { EDGES, IN_PIXELS } from "./marks.ts";
import { LINE_HEIGHT, textWidth } from "./measure.ts";

/** Kinds of contents whose looks must not depend on what else is in the picture. */
const ALWAYS = ["table", "pages", "contiguous", "huge leaf", "guard"];
/** Drawn as an outline alone. */
const HOLLOW = ["empty", "freed"];

const BAR = 12;
const GAP = 4;
const PAD = 6;
const LEAST = 26;
/** From one level to the next, so that the tree shows. */
const INDENT = 9;
/** Least width of one process beside another. */
const COLUMN = 300;

interface Box {
  readonly row: Row;
  readonly holds: string;
  readonly x1: number;
  readonly x2: number;
  readonly y1: number;
  readonly y2: number;
  readonly words: readonly string[];
}

interface Heading {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

/** Boxes for rows with `process`, `level`, `table`, `slots`, `holds`, `detail`, `folio` and `change`. */
export function slotBoxes(plot: typeof Plot, frame: Frame): Plot.PlotOptions {
  const { boxes, headings, height } = place(frame);
  const present = [...new Set(boxes.map((box) => box.holds))].filter((h) => !HOLLOW.includes(h));
  const kinds = [...new Set([...ALWAYS, ...present])];
  const series = frame.series(
    "holds",
    "fill",
    kinds.map((holds) => ({ holds })),
  );
  return {
    ...IN_PIXELS,
    height,
    marks: [
      plot.text(headings, { x: "x", y: "y", text: "text", textAnchor: "start", fontWeight: "bold" }),
      ...series.map(({ name, fill, colour }) => {
        const own = boxes.filter((box) => box.holds === name);
        return plot.rect(own, { ...EDGES, fill, stroke: colour });
      }),
      plot.rect(
        boxes.filter((box) => HOLLOW.includes(box.holds)),
        { ...EDGES, fill: "none", stroke: "currentColor", strokeOpacity: 0.4, strokeDasharray: "2 2" },
      ),
      plot.rect(boxes.filter(isChanged), { ...outline(), fill: "none", stroke: "currentColor", strokeWidth: 2 }),
      ...[0, 1, 2].map((line) =>
        plot.text(
          boxes.filter((box) => box.words[line]),
          {
            ...{
              x: "x1",
              y: (box: Box) => box.y2 + 9 + line * (LINE_HEIGHT - 1),
              text: (box: Box) => box.words[line]!,
            },
            ...{ textAnchor: "start", fontSize: 11, fontWeight: line === 0 ? 600 : 400 },
          },
        ),
      ),
    ],
  };
}

const isChanged = ({ row }: Box): boolean => row.change !== "";

const outline = () => ({
  x1: (box: Box) => box.x1 - 1.5,
  x2: (box: Box) => box.x2 + 1.5,
  y1: (box: Box) => box.y1 - 1.5,
  y2: (box: Box) => box.y2 + 1.5,
});

/** Processes stand side by side where each has room, else below each other. */
function place({ rows, width }: Frame): { boxes: Box[]; headings: Heading[]; height: number } {
  const [boxes, headings]: [Box[], Heading[]] = [[], []];
  const top = Math.max(...rows.map(levelOf));
  const processes = [...new Set(rows.map((row) => row.process))];
  const beside = width / processes.length >= COLUMN;
  const column = beside ? width / processes.length : width;
  const bottoms = processes.map(() => 0);
  for (const page of pagesOf(rows)) {
    const n = beside ? processes.indexOf(page[0]!.process!) : 0;
    const [left, y] = [n * column + 2 + (top - levelOf(page[0]!)) * INDENT, bottoms[n]!];
    headings.push({ text: headingOf(page), x: left, y: y + LINE_HEIGHT / 2 });
    const flow = flowRow(page, left, y + LINE_HEIGHT + 4, (n + 1) * column - 2);
    boxes.push(...flow.boxes);
    bottoms[n] = flow.bottom + 8;
  }
  return { boxes, headings, height: Math.max(...bottoms) };
}

/** Rows of one table page follow each other. */
function pagesOf(rows: readonly Row[]): Row[][] {
  return [...Map.groupBy(rows, (row) => `${row.process} ${row.level} ${row.table}`).values()];
}

const levelOf = (row: Row): number => Number.parseInt(String(row.level), 10);

function headingOf([row]: readonly Row[]): string {
  return `${row!.process}  level ${row!.level}, ${row!.table}`;
}

/** The boxes of one page from left to right, in as many lines as they need. */
function flowRow(page: readonly Row[], left: number, top: number, right: number): { boxes: Box[]; bottom: number } {
  const boxes: Box[] = [];
  let [x, y, deepest] = [left, top, 0];
  for (const row of page) {
    const words = wordsOf(row);
    const wide = Math.max(LEAST, ...words.map(textWidth)) + PAD;
    if (x > left && x + wide > right) [x, y, deepest] = [left, y + BAR + 9 + deepest * (LINE_HEIGHT - 1) + GAP, 0];
    boxes.push({ row, holds: String(row.holds), x1: x, x2: x + wide - GAP, y1: y, y2: y + BAR, words });
    x += wide + GAP;
    deepest = Math.max(deepest, words.length);
  }
  return { boxes, bottom: y + BAR + 3 + deepest * (LINE_HEIGHT - 1) };
}

/** The slots with the sign of a change, what leaves say of themselves, and their folio. */
function wordsOf(row: Row): string[] {
  const slots = `${row.change === "" ? "" : `${row.change} `}${row.slots}`;
  const holds = HOLLOW.includes(String(row.holds)) ? String(row.holds) : "";
  const table = row.holds === "table" ? `to ${row.detail}` : String(row.detail);
  return [slots, holds || table, String(row.folio)].filter((word) => word !== "");
}
