/**
 * `ptlab run`: runs notebooks without an editor and stores their outputs. Only what is stale is run, and a notebook that
 * fails or is interrupted stays as it was.
 */
import { basename, dirname, join, relative, resolve } from "node:path";
import { listNotebooks, readNotebook, writeNotebook } from "../notebook/file.ts";
import type { JsonObject, Notebook } from "../notebook/format.ts";
import { freshnessKey, isFresh, markFresh, type Surroundings, surroundings } from "../notebook/fresh.ts";
import { CellFailure, RunInterrupted, runNotebook } from "../notebook/run.ts";
import type { Session } from "../notebook/session.ts";
import { type CommandEffects, progressLine } from "./effects.ts";

/** Options of the command, as typed. */
export interface RunOptions {
  /** Notebook files; none means all of `notebooks/`. */
  readonly files: readonly string[];
  /** Run also what is fresh. */
  readonly force?: boolean;
}

/** What running notebooks needs from outside. */
export interface RunEffects extends CommandEffects {
  /** The project's folder, in which notebooks run. */
  readonly root: string;
  /** The folder that file names are relative to. */
  readonly cwd: string;
  /** A session for one notebook, whose cells import and read relative to `folder`; it is closed afterwards. */
  createSession(folder: string): Session | Promise<Session>;
  /** What a notebook's metadata say of the kernel that ran it. */
  readonly kernelMetadata: JsonObject;
}

/** Status of a command whose work was interrupted: 128 plus the number of the signal, as shells have it. */
const INTERRUPTED = 130;

/**
 * Runs the notebooks, one after the other, also after one has failed. Returns the exit status: 0, 1 if a cell failed or
 * the sources changed meanwhile, 130 if interrupted. Throws {@link UserError} for a file that is missing or no notebook, before anything is run.
 */
export async function runCommand(options: RunOptions, effects: RunEffects): Promise<number> {
  const paths = await chosen(options.files, effects);
  const work = await Promise.all(
    paths.map(async (path) => ({ path, nb: await readNotebook(path, shown(path, effects)) })),
  );
  let status = 0;
  for (const { path, nb } of work) {
    const around = await surroundings(effects.root);
    if (options.force !== true && isFresh(nb, around)) {
      effects.out(`${shown(path, effects)}: fresh\n`);
      continue;
    }
    const outcome = await runOne(path, nb, around, effects);
    if (outcome === INTERRUPTED) return INTERRUPTED;
    status = Math.max(status, outcome);
  }
  return status;
}

async function chosen(files: readonly string[], effects: RunEffects): Promise<readonly string[]> {
  if (files.length > 0) return files.map((file) => resolve(effects.cwd, file));
  const folder = join(effects.root, "notebooks");
  const names = await listNotebooks(folder);
  if (names.length === 0) effects.err("notebooks/: there are none\n");
  return names.map((name) => join(folder, name));
}

async function runOne(path: string, nb: Notebook, around: Surroundings, effects: RunEffects): Promise<number> {
  const name = shown(path, effects);
  const bar = progressLine(basename(path, ".ipynb"), effects);
  let cells = 0;
  const progress = (cell: number, all: number) => {
    cells = all;
    bar.show(cell - 1, all);
  };
  try {
    const done = await inSession(path, effects, (session) =>
      runNotebook(nb, session, { progress, signal: effects.signal }),
    ).finally(bar.clear);
    // A source saved during the run is in some outputs and not in others, so no key would be true of all of them.
    if (freshnessKey(nb, await surroundings(effects.root)) !== freshnessKey(nb, around)) {
      effects.err(`${name}: the sources or the data changed while it ran; the stored outputs are as they were\n`);
      return 1;
    }
    const metadata = { ...done.metadata, ...effects.kernelMetadata };
    await writeNotebook(path, markFresh({ ...done, metadata }, around));
    effects.out(`${name}: ${cells} ${cells === 1 ? "cell" : "cells"} run\n`);
    return 0;
  } catch (error) {
    return report(error, name, effects);
  }
}

async function inSession<T>(path: string, effects: RunEffects, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await effects.createSession(dirname(path));
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** One line for a failure that belongs to the notebook; anything else is not this command's to explain. */
function report(error: unknown, name: string, effects: RunEffects): number {
  if (error instanceof RunInterrupted) {
    effects.err(`${name}: interrupted; the stored outputs are as they were\n`);
    return INTERRUPTED;
  }
  if (!(error instanceof CellFailure)) throw error;
  const line = error.line === undefined ? "" : `, line ${error.line}`;
  effects.err(`${name}: cell ${error.cell}${line}: ${firstLine(error.message)}\n`);
  return 1;
}

const firstLine = (text: string): string => text.split("\n")[0]!;

const shown = (path: string, effects: RunEffects): string => relative(effects.cwd, path) || path;
