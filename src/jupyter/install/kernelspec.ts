/**
 * Registers the kernel with Jupyter, and takes it away again. A kernelspec names programs by absolute paths, because
 * Jupyter starts it with its own PATH, where `node` may be missing or too old.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../base/errors.ts";
import { replaceFile } from "../../notebook/file.ts";
import type { JsonObject } from "../../notebook/format.ts";
import { PROJECT_ROOT } from "../paths.ts";
import { languageInfo } from "../wire/info.ts";
import { dataDir, type Place } from "./data-dir.ts";
import { findJupyter, type ProbedMachine, processMachine } from "./find-jupyter.ts";
import { LOGO } from "./logo.ts";

/** What installing uses of the world around it. */
export interface InstallEffects extends ProbedMachine {
  readonly cwd: string;
  /** Called with each line for the user. */
  print(line: string): void;
}

/** How a front end starts a kernel; what it holds besides is kept. */
export interface KernelSpec {
  readonly argv: readonly string[];
  readonly display_name: string;
  readonly language: string;
  readonly interrupt_mode?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Name under which Jupyter knows the kernel. */
const KERNEL_NAME = "ptlab";

/** The oldest Node that runs TypeScript as it is. */
const OLDEST_NODE = "22.18";

/** The effects of the running process, but for where lines go. */
export const processEffects = (print: InstallEffects["print"], signal?: AbortSignal): InstallEffects => ({
  ...processMachine(signal),
  cwd: process.cwd(),
  print,
});

/** Writes the kernelspec, says where and how to go on. Throws {@link UserError} if the folder cannot be written. */
export async function installCommand(options: Place, effects: InstallEffects): Promise<void> {
  const data = placeOf(options, effects);
  const folder = specFolder(data);
  const before = await readSpec(folder);
  if (before !== undefined && launcherOf(before) === undefined)
    throw new UserError(`${folder} holds another kernel; nothing was written`);
  await writeSpec(folder);
  effects.print(`installed ptlab (TypeScript) in ${folder}`);
  await sayHowToStart(data, effects);
}

/** Removes the kernelspec. Throws {@link UserError} if there is none, or if it is not ptlab's. */
export async function uninstallCommand(options: Place, effects: InstallEffects): Promise<void> {
  const folder = specFolder(placeOf(options, effects));
  const spec = await readSpec(folder);
  if (spec === undefined) throw new UserError(`no kernel is installed in ${folder}`);
  if (launcherOf(spec) === undefined) throw new UserError(`${folder} holds another kernel; nothing was removed`);
  try {
    await rm(folder, { recursive: true });
  } catch (error) {
    throw new UserError(`cannot remove ${folder}: ${inWords(error)}`);
  }
  effects.print(`removed ${folder}`);
}

function placeOf(options: Place, effects: InstallEffects): string {
  if (options.prefix === "") throw new UserError("--prefix is empty: the name of a folder is wanted");
  const prefix = options.prefix === undefined ? undefined : resolve(effects.cwd, options.prefix);
  return dataDir({ ...options, prefix }, effects);
}

/** The folder of the kernelspec in a data folder of Jupyter. */
export const specFolder = (dataFolder: string): string => join(dataFolder, "kernels", KERNEL_NAME);

const readSpec = (folder: string): Promise<string | undefined> =>
  readFile(join(folder, "kernel.json"), "utf8").catch(() => undefined);

/** The launcher that a kernelspec's text names, or nothing if the spec is not one of ptlab's. */
export const launcherOf = (spec: string): string | undefined => /"([^"]*\/src\/jupyter\/launch\.ts)"/.exec(spec)?.[1];

/** The picture first: where kernel.json is, a front end takes the spec for whole. */
async function writeSpec(folder: string): Promise<void> {
  const made: string[] = [];
  try {
    await makeFolder(folder, made);
    await replaceFile(join(folder, "logo-svg.svg"), LOGO);
    await replaceFile(join(folder, "kernel.json"), `${JSON.stringify(kernelSpec(), null, 2)}\n`);
  } catch (error) {
    if (made.includes(folder)) await rm(join(folder, "logo-svg.svg"), { force: true });
    for (const empty of made.reverse()) await rmdir(empty).catch(() => {});
    throw new UserError(`cannot write ${folder}: ${inWords(error)}; --user and --prefix DIR name others`);
  }
}

/** Makes a folder and those above it, and notes which. Node's own way never ends where a parent cannot be made, as in /proc. */
async function makeFolder(folder: string, made: string[]): Promise<void> {
  if (await stat(folder).then((found) => found.isDirectory(), isAbsent)) return;
  if (dirname(folder) !== folder) await makeFolder(dirname(folder), made);
  await mkdir(folder);
  made.push(folder);
}

function isAbsent(error: NodeJS.ErrnoException): false {
  if (error.code === "ENOENT") return false;
  throw error;
}

/** A file system's complaint without the path and the call, as in `no space left on device (ENOSPC)`. */
function inWords(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words = /^[A-Z]+: ([^,]*)/.exec(message)?.[1];
  return words === undefined ? message : `${words} (${code})`;
}

async function sayHowToStart(data: string, effects: InstallEffects): Promise<void> {
  const jupyter = await findJupyter(effects);
  if ("failure" in jupyter) return effects.print(`note: ${jupyter.failure}; npx ptlab jupyter doctor tells more`);
  const isSeen = jupyter.dataDirs.includes(data);
  if (!isSeen) effects.print(`note: ${jupyter.command.join(" ")} does not look there unless JUPYTER_PATH names it`);
  const setting = isSeen ? "" : `JUPYTER_PATH=${quoted(data)} `;
  const command = jupyter.command.length === 1 ? "jupyter" : jupyter.command.join(" ");
  effects.print(`start: ${setting}${command} notebook, or ${setting}${command} console --kernel ${KERNEL_NAME}`);
}

/** A path as a shell takes it. */
const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

/** The kernelspec: how a front end starts the kernel. */
export function kernelSpec(): KernelSpec & { readonly metadata: object } {
  const launcher = fileURLToPath(new URL("../launch.ts", import.meta.url));
  return {
    argv: [nodeBinary(), "--disable-warning=ExperimentalWarning", launcher, "{connection_file}"],
    display_name: "ptlab (TypeScript)",
    language: "typescript",
    // By message and not by signal, so that it also works through a gateway.
    interrupt_mode: "message",
    metadata: { debugger: false },
  };
}

/** What the metadata of a notebook say of the kernel that ran it, as Jupyter itself writes them. */
export function kernelMetadata(): JsonObject {
  const { display_name, language } = kernelSpec();
  return { kernelspec: { display_name, language, name: KERNEL_NAME }, language_info: languageInfo() };
}

/** The project's own Node, or the running one where no package carries it. */
function nodeBinary(): string {
  const own = join(PROJECT_ROOT, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(own)) return own;
  const tooOld = nodeTooOld(process.versions.node);
  if (tooOld === undefined) return process.execPath;
  throw new UserError(`node ${process.versions.node} is running: ${tooOld}`);
}

/** What to say of a Node that cannot run the kernel for its age; nothing if it can. */
export function nodeTooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldest = 0, oldestMinor = 0] = OLDEST_NODE.split(".").map(Number);
  const isRecent = major > oldest || (major === oldest && minor >= oldestMinor);
  return isRecent ? undefined : `${OLDEST_NODE} or later is allowed`;
}
