/**
 * What the commands that run notebooks share: which ones are meant, one of them run in a session of its own, and how it
 * is told when that fails.
 */
import { basename, dirname, join, relative, resolve } from "node:path";
import { listNotebooks, readNotebook } from "../notebook/file.ts";
import type { JsonObject, Notebook } from "../notebook/format.ts";
import { freshnessKey, isFresh, surroundings } from "../notebook/fresh.ts";
import { CellFailure, RunInterrupted, runNotebook } from "../notebook/run.ts";
import type { Session } from "../notebook/session.ts";
import { type CommandEffects, progressLine } from "./effects.ts";

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
export const INTERRUPTED = 130;

/** A notebook as its file holds it. */
export interface StoredNotebook {
  readonly path: string;
  /** The path as messages show it. */
  readonly name: string;
  readonly nb: Notebook;
}

/** How a new run of a notebook ended. `key` is true of all of its outputs. */
export type Rerun =
  | { readonly kind: "done"; readonly nb: Notebook; readonly key: string }
  | { readonly kind: "failed"; readonly failure: CellFailure }
  | { readonly kind: "interrupted" }
  | { readonly kind: "unsettled" };

/** The notebooks named, all of `notebooks/` if none are. Throws {@link UserError} for a file that is missing or none. */
export async function storedNotebooks(
  files: readonly string[],
  effects: RunEffects,
): Promise<readonly StoredNotebook[]> {
  const read = async (path: string) => {
    const name = relative(effects.cwd, path) || path;
    return { path, name, nb: await readNotebook(path, name) };
  };
  return Promise.all((await chosen(files, effects)).map(read));
}

async function chosen(files: readonly string[], effects: RunEffects): Promise<readonly string[]> {
  if (files.length > 0) return files.map((file) => resolve(effects.cwd, file));
  const folder = join(effects.root, "notebooks");
  const names = await listNotebooks(folder);
  if (names.length === 0) effects.err("notebooks/: there are none\n");
  return names.map((name) => join(folder, name));
}

/** Does running the notebook promise nothing new? */
export async function isStoredFresh({ path, nb }: StoredNotebook, effects: RunEffects): Promise<boolean> {
  return isFresh(nb, dirname(path), await surroundings(effects.root));
}

/** Runs a notebook in a session of its own and stores nothing. */
export async function rerun({ path, nb }: StoredNotebook, effects: RunEffects): Promise<Rerun> {
  const folder = dirname(path);
  const presentKey = async () => freshnessKey(nb, folder, await surroundings(effects.root));
  try {
    const key = await presentKey();
    const done = await runInSession(nb, folder, basename(path, ".ipynb"), effects);
    // A source saved during the run is in some outputs and not in others, so no key would be true of all of them.
    return key === (await presentKey()) ? { kind: "done", nb: done, key } : { kind: "unsettled" };
  } catch (error) {
    if (error instanceof RunInterrupted) return { kind: "interrupted" };
    if (error instanceof CellFailure) return { kind: "failed", failure: error };
    throw error;
  }
}

/** The notebook after a run in a session of its own in that folder, with a progress line; `what` stands before that. */
export async function runInSession(
  nb: Notebook,
  folder: string,
  what: string,
  effects: CommandEffects & Pick<RunEffects, "createSession">,
): Promise<Notebook> {
  const bar = progressLine(what, effects);
  const progress = (cell: number, all: number) => bar.show(cell - 1, all);
  const session = await effects.createSession(folder);
  try {
    return await runNotebook(nb, session, { progress, signal: effects.signal });
  } finally {
    bar.clear();
    await session.close();
  }
}

/** Says in one line why a run gave nothing to store or compare, and returns the status of the command. */
export function reportRun(name: string, ended: Exclude<Rerun, { kind: "done" }>, effects: RunEffects): number {
  effects.err(`${name}: ${why(ended)}\n`);
  return ended.kind === "interrupted" ? INTERRUPTED : 1;
}

const AS_BEFORE = "the stored outputs are as they were";

function why(ended: Exclude<Rerun, { kind: "done" }>): string {
  if (ended.kind === "interrupted") return `interrupted; ${AS_BEFORE}`;
  if (ended.kind === "unsettled") return `the sources or the data changed while it ran; ${AS_BEFORE}`;
  const { cell, line, message } = ended.failure;
  return `cell ${cell}${line === undefined ? "" : `, line ${line}`}: ${message.split("\n")[0]}`;
}
