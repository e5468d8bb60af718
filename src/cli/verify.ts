/**
 * `ptlab verify`: runs notebooks again and holds what they give against what is stored. Notebooks are only read.
 */
import { countOf } from "../base/words.ts";
import { compareFailure, compareNotebooks, type Difference } from "../notebook/compare.ts";
import { figuresOf } from "../notebook/figures.ts";
import { outputsOf } from "../notebook/format.ts";
import type { Compared } from "../notebook/report.ts";
import { printDifferences, writeReport } from "./differences.ts";
import {
  INTERRUPTED,
  isStoredFresh,
  type Rerun,
  type RunEffects,
  reportRun,
  rerun,
  type StoredNotebook,
  storedNotebooks,
} from "./notebooks.ts";

/** Options of the command, as typed. */
export interface VerifyOptions {
  /** Notebook files; none means all of `notebooks/`. */
  readonly files: readonly string[];
  /** Trust the notebooks whose key is current. */
  readonly stale?: boolean;
}

/**
 * Runs the notebooks again, one after the other. Returns the exit status: 0 if all outputs are as stored, 1 if any is
 * not, a cell fails, the sources changed meanwhile, or there is no notebook, 130 if interrupted. Throws {@link UserError}
 * as `ptlab run` does.
 */
export async function verifyCommand(options: VerifyOptions, effects: RunEffects): Promise<number> {
  const compared: Compared[] = [];
  const notebooks = await storedNotebooks(options.files, effects);
  let status = notebooks.length === 0 ? 1 : 0;
  for (const stored of notebooks) {
    if (options.stale === true && (await isStoredFresh(stored, effects))) {
      effects.out(`${stored.name}: fresh, not run\n`);
      continue;
    }
    const ended = await rerun(stored, effects);
    if (ended.kind !== "done") status = Math.max(status, reportRun(stored.name, ended, effects));
    if (ended.kind === "interrupted") return INTERRUPTED;
    const differences = differencesOf(stored, ended);
    compared.push({ name: stored.name, differences });
    tell(stored, ended, differences, effects);
  }
  await writeReport(compared, effects);
  return compared.some(({ differences }) => differences.length > 0) ? 1 : status;
}

function differencesOf({ nb }: StoredNotebook, ended: Rerun): readonly Difference[] {
  if (ended.kind === "done") return compareNotebooks(nb, ended.nb);
  return ended.kind === "failed" ? compareFailure(nb, ended.failure.cell, ended.failure.message) : [];
}

function tell({ name, nb }: StoredNotebook, ended: Rerun, differences: readonly Difference[], effects: RunEffects) {
  if (differences.length > 0) printDifferences({ name, differences }, effects);
  else if (ended.kind === "done") effects.out(`${name}: ${asStored(nb)}\n`);
}

function asStored(nb: StoredNotebook["nb"]): string {
  return `as stored (${countOf(figuresOf(nb).length, "figure")}, ${countOf(outputsOf(nb).length, "output")})`;
}
