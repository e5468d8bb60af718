/**
 * Registers the kernel with Jupyter, and takes it away again. A kernelspec names programs by absolute paths, because
 * Jupyter starts it with its own PATH, where `node` may be missing or too old.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../base/errors.ts";
import { replaceFile } from "../notebook/file.ts";
import { dataDir, type Machine, type Place } from "./data-dir.ts";
import { LOGO } from "./logo.ts";
import { PROJECT_ROOT } from "./paths.ts";

/** What installing uses of the world around it. */
export interface InstallEffects extends Machine {
  readonly cwd: string;
  /** Called with each line for the user. */
  print(line: string): void;
}

/** Name under which Jupyter knows the kernel. */
export const KERNEL_NAME = "ptlab";

/** The effects of the running process. */
export const processEffects = (): InstallEffects => ({
  env: process.env,
  platform: process.platform,
  home: homedir(),
  isRoot: process.getuid?.() === 0,
  cwd: process.cwd(),
  print: (line) => void process.stdout.write(`${line}\n`),
});

/** Writes the kernelspec and says where. Throws {@link UserError} if the folder cannot be written. */
export async function installCommand(options: Place, effects: InstallEffects = processEffects()): Promise<void> {
  const folder = specFolder(options, effects);
  const spec = `${JSON.stringify(kernelSpec(), null, 2)}\n`;
  try {
    await mkdir(folder, { recursive: true });
    await replaceFile(join(folder, "kernel.json"), spec);
    await replaceFile(join(folder, "logo-svg.svg"), LOGO);
  } catch (error) {
    throw new UserError(
      `cannot write ${folder}: ${(error as NodeJS.ErrnoException).code}; --user and --prefix DIR name others`,
    );
  }
  effects.print(`installed ptlab (TypeScript) in ${folder}`);
}

/** Removes the kernelspec. Throws {@link UserError} if there is none, or if it is not ptlab's. */
export async function uninstallCommand(options: Place, effects: InstallEffects = processEffects()): Promise<void> {
  const folder = specFolder(options, effects);
  const spec = await readFile(join(folder, "kernel.json"), "utf8").catch(() => undefined);
  if (spec === undefined) throw new UserError(`no kernel is installed in ${folder}`);
  if (!spec.includes("launch.ts")) throw new UserError(`${folder} holds another kernel; nothing was removed`);
  await rm(folder, { recursive: true });
  effects.print(`removed ${folder}`);
}

function specFolder(options: Place, effects: InstallEffects): string {
  const prefix = options.prefix === undefined ? undefined : resolve(effects.cwd, options.prefix);
  return join(dataDir({ ...options, prefix }, effects), "kernels", KERNEL_NAME);
}

/** The kernelspec: how a front end starts the kernel. */
export function kernelSpec(): object {
  const launcher = fileURLToPath(new URL("./launch.ts", import.meta.url));
  return {
    argv: [nodeBinary(), "--disable-warning=ExperimentalWarning", launcher, "{connection_file}"],
    display_name: "ptlab (TypeScript)",
    language: "typescript",
    // By message and not by signal, so that it also works through a gateway.
    interrupt_mode: "message",
    metadata: { debugger: false },
  };
}

/** The project's own Node, or the running one where no package carries it. */
function nodeBinary(): string {
  const own = join(PROJECT_ROOT, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(own)) return own;
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  throw new UserError(`node ${process.versions.node} is running: 22.18 or later is allowed`);
}
