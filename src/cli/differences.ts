/**
 * Differences between stored and new outputs as an engineer sees them: beside each other in the terminal, and on a page
 * with the pictures.
 */

import { mkdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { countOf } from "../base/words.ts";
import { type Difference, headline, linesBeside } from "../notebook/compare.ts";
import type { Pair } from "../notebook/diff.ts";
import { replaceFile } from "../notebook/file.ts";
import { type Compared, reportHtml } from "../notebook/report.ts";
import type { RunEffects } from "./notebooks.ts";

/** The page with the pictures, from the project's folder. */
const REPORT = join(".ptlab", "verify.html");

/** Columns where standard output is no terminal: two text tables of 72 columns have room. */
const COLUMNS = 160;
/** Longest text that is shown whole, and most lines of one difference, in lines. */
const WHOLE = 48;
/** Lines around a changed line in what is longer. */
const AROUND = 2;

/** Prints each difference: where it is, and the stored text beside the new one. */
export function printDifferences({ name, differences }: Compared, effects: RunEffects): void {
  for (const difference of differences) {
    effects.out(`${name}: ${headline(difference)}\n`);
    effects.out(textBeside(difference, effects.columns ?? COLUMNS));
  }
}

/** Beside each other with the signs of `diff -y` between them, or below each other where that is too wide. */
function textBeside(difference: Difference, columns: number): string {
  const all = linesBeside(difference, WHOLE, AROUND);
  const shown = all.slice(0, WHOLE);
  const width = (side: "old" | "now") => Math.max(6, ...shown.map((row) => row?.[side]?.length ?? 0));
  const fits = INDENT.length + width("old") + width("now") + 3 <= columns;
  const lines = fits ? sideBySide(shown, width("old")) : stacked(shown);
  const left = all.length - shown.length;
  if (left > 0) lines.push(`... ${countOf(left, "more line")}`);
  return lines.map((line) => `${`${INDENT}${line}`.trimEnd()}\n`).join("");
}

const INDENT = "  ";

function sideBySide(rows: readonly (Pair<string> | undefined)[], width: number): string[] {
  const line = (old: string, sign: string, now: string) => `${old.padEnd(width)} ${sign} ${now}`;
  const body = rows.map((row) => (row === undefined ? "..." : line(row.old ?? "", signOf(row), row.now ?? "")));
  return [line("stored", " ", "now"), ...body];
}

function signOf({ old, now, same }: Pair<string>): string {
  if (same) return " ";
  if (old === undefined) return ">";
  return now === undefined ? "<" : "|";
}

function stacked(rows: readonly (Pair<string> | undefined)[]): string[] {
  const body = rows.flatMap((row) => {
    if (row === undefined) return ["..."];
    if (row.same) return [`  ${row.old}`];
    return [...(row.old === undefined ? [] : [`- ${row.old}`]), ...(row.now === undefined ? [] : [`+ ${row.now}`])];
  });
  return ["- stored, + now", ...body];
}

/** Writes the page with all differences and prints where it is; without any, takes an old page away. */
export async function writeReport(compared: readonly Compared[], effects: RunEffects): Promise<void> {
  const path = join(effects.root, REPORT);
  if (compared.every(({ differences }) => differences.length === 0)) return rm(path, { force: true });
  await mkdir(join(effects.root, ".ptlab"), { recursive: true });
  await replaceFile(path, reportHtml(compared));
  effects.out(`stored and new pictures side by side: ${relative(effects.cwd, path)}\n`);
}
