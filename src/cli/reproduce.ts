/**
 * `ptlab reproduce`: makes the figure of a picture again, from the recipe inside it alone, and says whether it came out the same.
 */
import { join } from "node:path";
import { fileDigest } from "../base/digest.ts";
import { UserError } from "../base/errors.ts";
import { MiB } from "../base/size.ts";
import { alone, exportsOf, type FigureFiles, inPage } from "../figure/exports.ts";
import { FIGURE_MIME, type LiveOrigin } from "../figure/figure.ts";
import { liveFigure } from "../figure/live/index.ts";
import type { LiveInputs } from "../figure/live.ts";
import { type Recipe, readRecipe } from "../figure/recipe.ts";
import { canonicalJson } from "../figure/stamp.ts";
import type { Notebook } from "../notebook/format.ts";
import { normaliseSvg } from "../notebook/normalise.ts";
import { CellFailure, RunInterrupted } from "../notebook/run.ts";
import type { FigureEffects } from "./figure.ts";
import { makeFigure, readInputs } from "./make-figure.ts";
import { type RunEffects, runInSession } from "./notebooks.ts";
import { readBounded } from "./read-file.ts";
import { checkWritable, writeWhole } from "./write-file.ts";

/** Options of the command, as typed. */
export interface ReproduceOptions {
  readonly input?: readonly string[];
  /** File for the new picture; an existing one is replaced. */
  readonly out?: string;
  /** Run the code that the recipe holds. */
  readonly runCells?: boolean;
}

/** What the command needs from outside: what draws, and sessions for recipes that are cells. */
export type ReproduceEffects = FigureEffects & Pick<RunEffects, "createSession">;

/** A figure as made now. */
type Remade = Pick<FigureFiles, "svg" | "txt">;

/** No picture is larger: the largest of the project's has a hundredth of that. */
const MOST_BYTES = 4 * MiB;

/**
 * Prints what made the picture and how it compares. Returns the exit status: 0 if it came out the same, 1 if not. Throws
 * {@link UserError} for a file that is no picture drawn here, and for inputs that are missing or not those it was made from.
 */
export async function reproduceCommand(
  file: string,
  options: ReproduceOptions,
  effects: ReproduceEffects,
): Promise<number> {
  if (options.out !== undefined) await checkWritable(options.out, true);
  const svg = inPage((await readBounded(file, MOST_BYTES, "a picture")).toString("utf8"));
  const recipe = await named(file, () => readRecipe(svg));
  const { build } = await effects.host();
  effects.out(printable(madeBy(recipe, build.source)));
  const { remade, found } = nearest(svg, await remake(file, recipe, options, effects));
  if (options.out !== undefined)
    await writeWhole(options.out, new TextEncoder().encode(alone(remade.svg)), effects.signal);
  effects.out(printable(found.length === 0 ? "matches\n" : `differs\n${found.join("")}`));
  if (readRecipe(remade.svg).data !== recipe.data) effects.out(`\nas made now:\n\n${remade.txt}`);
  return found.length === 0 ? 0 : 1;
}

/** A mistake in a file names it. What a hostile file says reaches no terminal as control characters. */
async function named<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${file}: ${printable(error.message)}`);
    throw error;
  }
}

const printable = (text: string): string => text.replace(/[^\P{Cc}\n]/gu, "\ufffd");

function madeBy(recipe: Recipe, source: string): string {
  const { version, spec, seed, live, cells, width } = recipe;
  const same = recipe.source === source ? "as this build" : `this build has ${source}`;
  const params = Object.entries(live?.params ?? {}).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  const inputs = Object.entries(live?.inputs ?? {}).map(([name, digest]) => `${name} ${digest}`);
  const lines = [
    `ptlab ${version}, source ${recipe.source} (${same})`,
    `spec ${spec}, ${seed === null ? "no seed" : `seed ${seed}`}, ${width} pixels wide`,
    ...(live === undefined ? [] : [`live figure ${live.id}:${params.join("")}`]),
    ...(cells === undefined ? [] : [`${cells.length} cells of a notebook`]),
    ...inputs.map((input) => `input ${input}`),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function remake(
  file: string,
  recipe: Recipe,
  options: ReproduceOptions,
  effects: ReproduceEffects,
): Promise<readonly Remade[]> {
  if (recipe.live !== undefined) return remakeLive(file, recipe.live, recipe.width, options, effects);
  if (recipe.cells === undefined)
    throw new UserError(`${file}: it holds neither a live figure nor the cells that drew it`);
  if (options.runCells !== true)
    throw new UserError(`${file}: cells of a notebook drew it, which are code: --run-cells runs them`);
  return remakeByCells(file, recipe.cells, effects);
}

async function remakeLive(
  file: string,
  { id, params, inputs }: LiveOrigin,
  width: number,
  options: ReproduceOptions,
  effects: ReproduceEffects,
): Promise<readonly Remade[]> {
  const live = await named(file, () => liveFigure(id));
  const read = await readInputs(live, params, { root: effects.root, given: options.input ?? [] });
  checkInputs(read, inputs);
  const made = await named(file, () => makeFigure(live, params, read, effects));
  return [exportsOf(made, await effects.host(), width)];
}

function checkInputs(read: LiveInputs, wanted: LiveOrigin["inputs"]): void {
  for (const [name, content] of Object.entries(read)) {
    const found = fileDigest(content);
    if (wanted[name] !== undefined && wanted[name] !== found)
      throw new UserError(
        `${name} has the digest ${found}, the figure was made from ${wanted[name]}: --input gives another file`,
      );
  }
}

/** The figures that the last of the cells shows. */
async function remakeByCells(
  file: string,
  cells: readonly string[],
  effects: ReproduceEffects,
): Promise<readonly Remade[]> {
  try {
    const ran = await runInSession(notebookOf(cells), join(effects.root, "notebooks"), "cells", effects);
    const last = ran.cells.at(-1);
    const outputs = last?.cell_type === "code" ? last.outputs : [];
    const shown = outputs.flatMap((output) => ("data" in output && FIGURE_MIME in output.data ? [output.data] : []));
    if (shown.length === 0) throw new UserError(`${file}: its cells show no figure now`);
    return shown.map((data) => ({ svg: String(data["image/svg+xml"]), txt: String(data["text/plain"]) }));
  } catch (error) {
    if (error instanceof RunInterrupted) effects.signal?.throwIfAborted();
    if (!(error instanceof CellFailure)) throw error;
    throw new UserError(`${file}: cell ${error.cell} of its recipe: ${printable(error.message.split("\n")[0]!)}`);
  }
}

function notebookOf(cells: readonly string[]): Notebook {
  const rest = { cell_type: "code", metadata: {}, execution_count: null, outputs: [] } as const;
  return { cells: cells.map((source, i) => ({ ...rest, id: `cell-${i + 1}`, source })), metadata: {} };
}

/** Of several figures the one that differs least, and in what. */
function nearest(svg: string, all: readonly Remade[]) {
  const compared = all.map((remade) => ({ remade, found: differences(svg, remade.svg) }));
  return compared.sort((a, b) => a.found.length - b.found.length)[0]!;
}

const COMPARED = ["designs", "workload", "params", "spec", "seed", "input", "data"] as const;

/** A few lines for each part that is not the same; by which build it was drawn is none. */
function differences(old: string, now: string): string[] {
  const [before, after] = [readRecipe(old), readRecipe(now)];
  const parts = COMPARED.map((part) => ({ part, was: canonicalJson(before[part]), is: canonicalJson(after[part]) }));
  const lines = parts.filter(({ was, is }) => was !== is).map(({ part, was, is }) => told(part, was, is));
  const [was, is] = [pictureLines(old), pictureLines(now)];
  const at = was.findIndex((line, i) => line !== is[i]);
  const first = at >= 0 ? at : was.length < is.length ? was.length : -1;
  return first < 0 ? lines : [...lines, told(`picture, line ${first + 1}`, was[first] ?? "", is[first] ?? "")];
}

/** The picture without its recipe, in lines that can be compared. */
function pictureLines(svg: string): string[] {
  return normaliseSvg(svg.replace(/<metadata>.*?<\/metadata>/s, "")).split("\n");
}

const SHOWN = 160;

function told(part: string, was: string, is: string): string {
  const cut = (text: string) => (text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text);
  return `  ${part}\n    was ${cut(was)}\n    is  ${cut(is)}\n`;
}
