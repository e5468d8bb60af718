/**
 * The walk of one address as a picture: the address cut into its bits, then each table that is read, then where the walk ends.
 *
 * The picture is made of steps, each a group with what it says as its title, so that a page can show one after the other.
 */
import type * as Plot from "@observablehq/plot";
import { rootOf } from "../arch/format.ts";
import { UserError } from "../base/errors.ts";
import { hex } from "../base/size.ts";
import type { Tree } from "../mmu/translate.ts";
import { figure } from "./create.ts";
import type { Drawing, Figure, Frame } from "./figure.ts";
import { LINE_HEIGHT, wrapPixels } from "./measure.ts";
import { readWalk, walkData } from "./walk-data.ts";
import { addressMarks, arrowMark, BAR, GUTTER, levelMarks, textMark } from "./walk-marks.ts";
import { walkWords } from "./walk-words.ts";
import { el, toDom, type Xml } from "./xml.ts";

/**
 * The walk that translates a virtual page, as it is now: a figure that shows itself, as picture and as text. `vpn` is a page
 * number, which is an address by the page size. Throws {@link UserError} for one that no root translates.
 */
export function walkDrawing(tree: Tree, vpn: number): Figure {
  const { format } = tree;
  if (!Number.isInteger(vpn) || rootOf(format, vpn) === null) {
    const allowed = format.roots.map(({ first, last }) => `${hex(first)} to ${hex(last)}`);
    throw new UserError(`${vpn} is no page number of ${format.name}: ${allowed.join(" and ")} are allowed`);
  }
  return figure({ ...walkData(tree, BigInt(vpn) << BigInt(format.pageLg2)), plot: walkPlot });
}

/** How a walk is drawn, from its rows alone. */
export const walkPlot: Drawing = (_plot, frame) => {
  const sentences = walkWords(frame.figure);
  const { height, steps } = place(frame, sentences);
  const groups = steps.map((children, i) =>
    el("g", { class: "ptlab-step" }, [el("title", {}, [sentences[i]!]), ...children]),
  );
  const picture: Plot.RenderFunction = (_index, _scales, _values, _dimensions, { document }) =>
    toDom(el("g", { class: "ptlab-walk" }, groups), document);
  return { height, margin: 0, marks: [picture] };
};

/** Between one step and the next. */
const GAP = 12;

interface Placed {
  readonly height: number;
  readonly steps: readonly (readonly Xml[])[];
}

/** The marks of each step, from top to bottom. */
function place({ figure: data, width }: Frame, sentences: readonly string[]): Placed {
  const walk = readWalk(data);
  const address = addressMarks(walk, width);
  const steps: Xml[][] = [address.marks];
  let [y, from] = [address.bottom + GAP, { x: GUTTER / 2, y: address.bottom }];
  for (const level of walk.levels) {
    const drawn = levelMarks(walk, level, width, y);
    steps.push([arrowMark(from, y + LINE_HEIGHT + BAR / 2), ...drawn.marks]);
    [y, from] = [drawn.bottom + GAP, drawn.slot];
  }
  for (const [i, sentence] of sentences.slice(steps.length).entries()) {
    // The first is bold, which is wider.
    const lines = wrapPixels(sentence, (width - GUTTER) * (i === 0 ? 0.9 : 0.98));
    steps.push(lines.map((line, n) => textMark(line, GUTTER, y + n * LINE_HEIGHT, { bold: i === 0 })));
    y += lines.length * LINE_HEIGHT + 4;
  }
  return { height: Math.ceil(y), steps };
}
