/**
 * `ptlab ops`: runs op scripts on the simulated machine and prints one JSON line an operation, as real kernels' runs were
 * recorded.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { formatNamed } from "../arch/formats.ts";
import { UserError } from "../base/errors.ts";
import { designNamed } from "../design/designs.ts";
import { profileNamed } from "../mm/profile.ts";
import { type OpsSpec, runScript } from "../study/ops/run.ts";
import { parseScript, type Script } from "../study/ops/script.ts";
import { type CommandEffects, progressLine } from "./effects.ts";
import { reason } from "./write-file.ts";

/** The machine to run on, and whether frame numbers are printed. */
export type OpsOptions = Pick<OpsSpec, "arch" | "kernel" | "design" | "contpte" | "accessDirty" | "pfns">;

/**
 * Runs every script and returns the exit status: 0, or 2 if a script could not be read to its end. What stands before a
 * bad line is run and printed all the same; the other scripts are not affected.
 */
export async function opsCommand(
  files: readonly string[],
  options: OpsOptions,
  effects: CommandEffects,
): Promise<number> {
  formatNamed(options.arch);
  profileNamed(options.kernel ?? "6.18");
  designNamed(options.design ?? "folded");
  let status = 0;
  for (const file of files) if (!(await runFile(file, options, effects))) status = 2;
  return status;
}

async function runFile(file: string, options: OpsOptions, effects: CommandEffects): Promise<boolean> {
  const script = await readScript(file);
  if (script instanceof UserError) {
    effects.err(`ptlab: ${script.message}\n`);
    return false;
  }
  try {
    await printRecords(script, options, effects);
  } catch (error) {
    // More than the machine holds, for example: it ends this script and no other.
    if (!(error instanceof UserError)) throw error;
    effects.err(`ptlab: ${file}: ${error.message}\n`);
    return false;
  }
  if (script.bad === null) return true;
  effects.err(`ptlab: ${script.bad.message} (the ${script.lines.length} operations before it were run)\n`);
  return false;
}

async function readScript(file: string): Promise<Script | UserError> {
  try {
    const text = await readFile(file === "-" ? "/dev/stdin" : file, "utf8");
    const script = parseScript(text, file === "-" ? "standard input" : file);
    return { ...script, name: basename(file) };
  } catch (error) {
    return new UserError(`cannot read ${file}: ${reason(error)}`);
  }
}

async function printRecords(script: Script, options: OpsOptions, effects: CommandEffects): Promise<void> {
  const bar = progressLine(script.name, effects);
  let done = 0;
  for (const record of runScript(script, options)) {
    effects.signal?.throwIfAborted();
    effects.out(`${JSON.stringify(record, bigintAsNumber)}\n`);
    bar.show(done++, script.lines.length);
    // Lets an interrupt in, and a slow reader of our output keep up.
    if (done % 64 === 0) await new Promise((go) => setImmediate(go));
  }
  bar.clear();
}

/** Known to the engine and not yet to the language's library. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** JSON has no bigint; recorded runs print 64-bit words as plain digits. */
function bigintAsNumber(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJSON(value.toString()) : value;
}
