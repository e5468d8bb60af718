/**
 * What a new run of a notebook gives that is not what is stored, output by output, in the one form of `normalise.ts`.
 */
import { hunks, type Pair, pairs } from "./diff.ts";
import { figuresOf, type NumberedFigure } from "./figures.ts";
import type { NbOutput, Notebook } from "./format.ts";
import { outputParts, type Parts } from "./normalise.ts";

/** An output and its comparable forms. */
export interface Side {
  readonly output: NbOutput;
  readonly parts: Parts;
}

/** An output that is not as it is stored. */
export interface Difference {
  readonly kind: "changed" | "missing" | "additional";
  /** The cell as a reader counts: cells of all kinds, from 1. */
  readonly cell: number;
  /** "figure 2, Coverage by THP policy" as on the page, or "output 1" of its cell. */
  readonly what: string;
  /** True if this is, or was, a figure. */
  readonly isFigure: boolean;
  readonly old: Side | undefined;
  readonly now: Side | undefined;
  /** Names of the forms that are not the same. */
  readonly changed: readonly string[];
}

/** All differences between a notebook as it is stored and the same notebook after a run, in reading order. */
export function compareNotebooks(stored: Notebook, now: Notebook): readonly Difference[] {
  const figures = figureNames(stored).concat(figureNames(now));
  return stored.cells.flatMap((cell, index) => {
    const ran = now.cells[index];
    if (cell.cell_type !== "code" || ran?.cell_type !== "code") return [];
    return compareCell({ number: index + 1, code: cell.source }, cell.outputs, ran.outputs, new Map(figures));
  });
}

/** The differences of a cell that failed: what it is known to give, against the error. */
export function compareFailure(stored: Notebook, cell: number, message: string): readonly Difference[] {
  const known = stored.cells[cell - 1];
  const [ename = "", ...rest] = message.split(": ");
  const error: NbOutput = { output_type: "error", ename, evalue: rest.join(": "), traceback: [] };
  const { source: code = "", outputs = [] } = known?.cell_type === "code" ? known : {};
  return compareCell({ number: cell, code }, outputs, [error], new Map(figureNames(stored)));
}

/** Figures by the objects that hold them. */
const figureNames = (nb: Notebook): [object, string][] =>
  figuresOf(nb).map(({ number, bundle, stored }: NumberedFigure) => [bundle, `figure ${number}, ${stored.data.title}`]);

function compareCell(
  { number: cell, code }: { readonly number: number; readonly code: string },
  stored: readonly NbOutput[],
  now: readonly NbOutput[],
  figures: ReadonlyMap<object, string>,
): Difference[] {
  const side = (output: NbOutput): Side => ({ output, parts: outputParts(output, code) });
  const nameOf = ({ output }: Side) => ("data" in output ? figures.get(output.data) : undefined);
  const rows = pairs(stored.map(side), now.map(side), (a, b) => changedParts(a, b).length === 0);
  return rows.flatMap((row, i) => {
    if (row.same) return [];
    const { old, now } = row;
    const kind = old === undefined ? "additional" : now === undefined ? "missing" : "changed";
    const name = (now && nameOf(now)) ?? (old && nameOf(old));
    const what = name ?? `output ${i + 1}`;
    return [{ kind, cell, what, isFigure: name !== undefined, old, now, changed: changedParts(old, now) }] as const;
  });
}

function changedParts(old: Side | undefined, now: Side | undefined): string[] {
  const names = new Set([...Object.keys(old?.parts ?? {}), ...Object.keys(now?.parts ?? {})]);
  return [...names].filter((name) => old?.parts[name] !== now?.parts[name]).sort();
}

/** Forms that are read rather than looked at, the most readable first. */
const READABLE = ["text table", "text/plain", "stdout", "stderr", "error"];

/** Where a difference is and of which sort: `cell 2, figure 1, Slots written: changed (picture)`. */
export function headline({ cell, what, kind, changed }: Difference): string {
  return `cell ${cell}, ${what}: ${kind}${kind === "changed" ? ` (${changed.join(", ")})` : ""}`;
}

/**
 * Stored and new text of a difference beside each other, line by line; of more than `whole` lines those near a change, and
 * undefined for what is left out.
 */
export function linesBeside(
  { old, now, changed }: Difference,
  whole: number,
  around: number,
): (Pair<string> | undefined)[] {
  const rows = pairs(linesOf(old, changed), linesOf(now, changed));
  return rows.length <= whole ? rows : hunks(rows, around);
}

/** The form of an output that is best read as text and shows a difference, without the empty line behind its last line end. */
function linesOf(side: Side | undefined, changed: readonly string[]): string[] {
  const parts = side?.parts ?? {};
  const name = READABLE.find((one) => parts[one] !== undefined && changed.includes(one)) ?? changed[0];
  const text = name === undefined ? "" : (parts[name] ?? "");
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
