/**
 * Which Jupyter a user's commands would start, which Python runs it, and where it looks for kernels: asked of itself,
 * because settings, environments and distributions all have a say in it.
 */
import { execFile } from "node:child_process";
import { access, constants, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Machine } from "./data-dir.ts";

/** What a program did; no status where it could not be started or did not end. */
export interface Ran {
  readonly status: number | undefined;
  readonly out: string;
  readonly err: string;
}

/** A machine whose files and programs can be looked at. */
export interface ProbedMachine extends Machine {
  /** Aborted when the user interrupts. */
  readonly signal?: AbortSignal;
  /** A file's text, or nothing if it cannot be read. */
  read(path: string): Promise<string | undefined>;
  isProgram(path: string): Promise<boolean>;
  /** Rejects when the user interrupts. */
  run(program: string, args: readonly string[]): Promise<Ran>;
}

/** A Jupyter that answers. */
export interface Jupyter {
  /** The words that start it. */
  readonly command: readonly string[];
  /** The Python that runs it, where that can be told. */
  readonly python: string | undefined;
  /** The data folders in which it looks for kernels, the first one first. */
  readonly dataDirs: readonly string[];
}

/** A Jupyter that does not answer, or none. */
export interface NoJupyter {
  readonly failure: string;
}

/** How long a program may take that is asked a question, in milliseconds: Python's first start from a cold disk. */
const PATIENCE = 30_000;

/** The machine that this process runs on. */
export const processMachine = (signal?: AbortSignal): ProbedMachine => ({
  ...(signal === undefined ? {} : { signal }),
  env: process.env,
  platform: process.platform,
  home: homedir(),
  isRoot: process.getuid?.() === 0,
  read: (path) => readFile(path, "utf8").catch(() => undefined),
  isProgram: (path) =>
    access(path, constants.X_OK).then(
      () => true,
      () => false,
    ),
  run: (program, args) =>
    new Promise((resolve, reject) => {
      execFile(program, args, { timeout: PATIENCE, signal }, (error, out, err) => {
        if (signal?.aborted) return reject(signal.reason);
        const status = error === null ? 0 : typeof error.code === "number" ? error.code : undefined;
        resolve({ status, out, err });
      });
    }),
});

/** The full path of the program that a name starts, or nothing. */
export async function findProgram(name: string, machine: ProbedMachine): Promise<string | undefined> {
  for (const folder of (machine.env.PATH ?? "").split(delimiter))
    if (folder !== "" && (await machine.isProgram(join(folder, name)))) return join(folder, name);
  return undefined;
}

/** The Jupyter that a user's commands would start: the command `jupyter`, or the module of the Python on PATH. */
export async function findJupyter(machine: ProbedMachine): Promise<Jupyter | NoJupyter> {
  const command = await findProgram("jupyter", machine);
  if (command !== undefined) return ask([command], await pythonOf(command, machine), machine);
  const python = await findPython(machine);
  if (python === undefined) return { failure: "neither jupyter nor python3 is on PATH" };
  const found = await ask([python, "-m", "jupyter"], python, machine);
  if (!("failure" in found)) return found;
  return { failure: `no command jupyter is on PATH, and ${python} has no module of that name` };
}

/** The Python that a user's commands would start. */
export const findPython = async (machine: ProbedMachine): Promise<string | undefined> =>
  (await findProgram("python3", machine)) ?? findProgram("python", machine);

async function ask(
  command: readonly string[],
  python: string | undefined,
  machine: ProbedMachine,
): Promise<Jupyter | NoJupyter> {
  const [program, ...args] = command as [string, ...string[]];
  const ran = await machine.run(program, [...args, "--paths", "--json"]);
  const dataDirs = ran.status === 0 ? readDataDirs(ran.out) : undefined;
  if (dataDirs !== undefined) return { command, python, dataDirs };
  return { failure: `${command.join(" ")} does not run: ${reason(ran)}` };
}

function readDataDirs(json: string): string[] | undefined {
  try {
    const { data } = JSON.parse(json);
    return Array.isArray(data) && data.length > 0 ? data.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** What a program complained of last, and how it ended where it said nothing. */
export const reason = ({ status, out, err }: Ran): string =>
  complaintIn(err) || complaintIn(out) || (status === undefined ? "no end" : `status ${status}`);

/** The line that names the error in what a program wrote; otherwise the last one, where Python and shells say what it was. */
export function complaintIn(text: string): string {
  const named = /^\w*Error\b.*/m.exec(text)?.[0];
  return named ?? text.trim().split("\n").at(-1) ?? "";
}

/**
 * The Python behind a command, by its first line. Where that names another program, as in the shims of pyenv and the
 * scripts of conda, it is the Python beside the command.
 */
async function pythonOf(command: string, machine: ProbedMachine): Promise<string | undefined> {
  const first =
    /^#!(.*)/
      .exec((await machine.read(command)) ?? "")?.[1]
      ?.trim()
      .split(/\s+/) ?? [];
  const [program = "", name] = first;
  if (/\benv$/.test(program) && name?.startsWith("python")) return findProgram(name, machine);
  if (/\/python[\d.]*$/.test(program)) return program;
  for (const beside of ["python3", "python"].map((name) => join(dirname(command), name)))
    if (await machine.isProgram(beside)) return beside;
  return undefined;
}
