/**
 * The walk of one address as a picture: each table that is read as a bar, the slot that is read in it marked where it lies, and
 * an arrow to the table that it names.
 */
import type * as Plot from "@observablehq/plot";
import { type Format, levelsOf, rootOf } from "../arch/format.ts";
import { UserError } from "../base/errors.ts";
import { hex } from "../base/size.ts";
import { type WalkStep, walkAddress, walkSteps } from "../mmu/describe-walk.ts";
import type { Tree } from "../mmu/translate.ts";
import { figure } from "./create.ts";
import type { Column, Figure, Frame, Row } from "./figure.ts";
import { LINE_HEIGHT, wrapPixels } from "./measure.ts";

const COLUMNS: readonly Column[] = [
  {
    key: "level",
    label: "level",
    role: "parameter",
    definition: "Level of the table that is read; level 0 holds PTEs.",
  },
  { key: "slot", label: "slot", definition: "Linux's name of the level, and which entry of the table is read." },
  { key: "bits", label: "bits", definition: "The bits of the address that choose it." },
  { key: "word", label: "entry", definition: "The entry as it is in memory, in hexadecimal." },
  {
    ...{ key: "meaning", label: "says" },
    definition: "w writable, d dirty, a accessed, x executable, C contiguous: one block with its neighbours.",
  },
];

/**
 * The walk that translates a virtual page, as it is now: a figure that shows itself, as picture and as text. `vpn` is a page
 * number, which is an address by the page size. Throws {@link UserError} for one that no root translates.
 */
export function walkDrawing(tree: Tree, vpn: number): Figure {
  checkPage(tree.format, vpn);
  const steps = walkSteps(tree, vpn);
  const { format } = tree;
  const address = walkAddress(tree, vpn);
  const reads = `${steps.length} ${steps.length === 1 ? "read" : "reads"}`;
  return figure({
    title: `The walk of ${address} on ${format.name}`,
    caption: `${reads} in ${levelsOf(format)} levels. A bar is a table; the mark is the slot that is read.`,
    alt: `${format.name}, ${reads}: ${steps.map(inWords).join("; ")}.`,
    better: "nothing is better or worse; this is a state",
    columns: COLUMNS,
    rows: steps.map(rowOf),
    origin: { designs: [format.name], workload: `walk of ${address}`, params: { vpn }, seed: null, input: null },
    plot: (plot, frame) => walkBars(plot, frame, steps, 2 ** tree.tables.slotsLg2),
  });
}

function checkPage(format: Format, vpn: number): void {
  if (Number.isInteger(vpn) && rootOf(format, vpn) !== null) return;
  const allowed = format.roots.map(({ first, last }) => `${hex(first)} to ${hex(last)}`);
  throw new UserError(`${vpn} is no page number of ${format.name}: ${allowed.join(" and ")} are allowed`);
}

const inWords = ({ name, index, meaning }: WalkStep): string => `${name}[${index}] is ${meaning}`;

const rowOf = ({ level, name, index, bits, word, meaning }: WalkStep): Row => ({
  ...{ level, slot: `${name}[${index}]`, bits, word, meaning },
});

/** What the legend tells apart. */
const holdsOf = ({ kind }: WalkStep): string => (kind === "table" || kind === "leaf" ? kind : "nothing mapped");

const BAR = 14;
const GAP = 14;
/** Least width of a mark: one slot of 512 would not be seen. */
const LEAST = 4;
/** Between a bar and its words. */
const BESIDE = 12;

interface Placed {
  readonly holds: string;
  readonly words: readonly string[];
  readonly y: number;
  readonly x1: number;
  readonly x2: number;
}

function walkBars(plot: typeof Plot, frame: Frame, steps: readonly WalkStep[], slots: number): Plot.PlotOptions {
  const width = Math.min(220, Math.floor(frame.width / 4));
  const placed = place(frame, steps, slots, width);
  const identity = { type: "identity", axis: null } as const;
  const left = width + BESIDE;
  const kinds = placed.map(({ holds }) => ({ holds }));
  const words = placed.flatMap(({ words, y }) => words.map((text, i) => ({ text, i, y: y + i * LINE_HEIGHT })));
  const arrows = placed.slice(1).map((to, i) => ({ from: placed[i]!, to }));
  return {
    ...{ height: heightOf(placed), margin: 0, x: identity, y: identity },
    marks: [
      plot.rect(placed, {
        ...{ x1: 1, x2: width, y1: "y", y2: (p: Placed) => p.y + BAR, fill: "none" },
        ...{ stroke: "currentColor", strokeOpacity: 0.5 },
      }),
      ...frame.series("holds", "fill", kinds).map((series) =>
        plot.rect(
          placed.filter(({ holds }) => holds === series.name),
          { x1: "x1", x2: "x2", y1: "y", y2: (p: Placed) => p.y + BAR, fill: series.fill, stroke: series.colour },
        ),
      ),
      plot.arrow(arrows, {
        ...{ x1: ({ from }) => (from.x1 + from.x2) / 2, y1: ({ from }) => from.y + BAR + 1 },
        ...{ x2: 1, y2: ({ to }) => to.y - 1, stroke: "currentColor", headLength: 6 },
      }),
      ...[0, 1].map((head) =>
        plot.text(
          words.filter(({ i }) => (i === 0 ? 0 : 1) === head),
          {
            x: left,
            y: (w) => w.y + BAR / 2,
            text: "text",
            textAnchor: "start",
            fontWeight: head === 0 ? "bold" : "normal",
          },
        ),
      ),
    ],
  };
}

function place(frame: Frame, steps: readonly WalkStep[], slots: number, width: number): Placed[] {
  const scale = (width - 1) / slots;
  let y = 2;
  return steps.map((step) => {
    const { first, slots: wide } = step.block;
    const size = Math.max(LEAST, wide * scale);
    const x1 = 1 + Math.min(first * scale, width - 1 - size);
    const words = wordsOf(step, frame.width - width - BESIDE);
    const at: Placed = { holds: holdsOf(step), words, y, x1, x2: x1 + size };
    y += Math.max(BAR, words.length * LINE_HEIGHT) + GAP;
    return at;
  });
}

const wordsOf = ({ level, name, index, bits, word, meaning }: WalkStep, width: number): string[] => [
  `level ${level}, ${name}[${index}]: bits ${bits}`,
  ...wrapPixels(`${word}: ${meaning}`, width),
];

const heightOf = (placed: readonly Placed[]): number => {
  const { y, words } = placed.at(-1)!;
  return y + Math.max(BAR, words.length * LINE_HEIGHT);
};
