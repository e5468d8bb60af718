/**
 * `ptlab run`: runs notebooks without an editor and stores their outputs. Only what is stale is run, and a notebook that
 * fails or is interrupted stays as it was.
 */
import { countOf } from "../base/words.ts";
import { writeNotebook } from "../notebook/file.ts";
import type { Notebook } from "../notebook/format.ts";
import { markFresh } from "../notebook/fresh.ts";
import {
  INTERRUPTED,
  isStoredFresh,
  type RunEffects,
  reportRun,
  rerun,
  type StoredNotebook,
  storedNotebooks,
} from "./notebooks.ts";

/** Options of the command, as typed. */
export interface RunOptions {
  /** Notebook files; none means all of `notebooks/`. */
  readonly files: readonly string[];
  /** Run also what is fresh. */
  readonly force?: boolean;
}

/** Called with each notebook that was run, as it was stored before and as it is now. */
export type OnRun = (before: StoredNotebook, now: Notebook) => void;

/**
 * Runs the notebooks, one after the other, also after one has failed. Returns the exit status: 0, 1 if a cell failed or
 * the sources changed meanwhile, 130 if interrupted. Throws {@link UserError} for a file that is missing or no notebook, before anything is run.
 */
export async function runCommand(options: RunOptions, effects: RunEffects, onRun?: OnRun): Promise<number> {
  let status = 0;
  for (const stored of await storedNotebooks(options.files, effects)) {
    if (options.force !== true && (await isStoredFresh(stored, effects))) {
      effects.out(`${stored.name}: fresh\n`);
      continue;
    }
    const outcome = await runOne(stored, effects, onRun);
    if (outcome === INTERRUPTED) return INTERRUPTED;
    status = Math.max(status, outcome);
  }
  return status;
}

async function runOne(stored: StoredNotebook, effects: RunEffects, onRun?: OnRun): Promise<number> {
  const ended = await rerun(stored, effects);
  if (ended.kind !== "done") return reportRun(stored.name, ended, effects);
  const metadata = { ...ended.nb.metadata, ...effects.kernelMetadata };
  await writeNotebook(stored.path, markFresh({ ...ended.nb, metadata }, ended.key));
  const ran = ended.nb.cells.filter((cell) => cell.cell_type === "code" && cell.execution_count !== null);
  effects.out(`${stored.name}: ${countOf(ran.length, "cell")} run\n`);
  onRun?.(stored, ended.nb);
  return 0;
}
