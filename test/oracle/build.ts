/**
 * Building the recorder from its C sources, for this machine or for a guest.
 */
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../src/base/errors.ts";

/** Architectures that the recorder knows: the names of `uname -m`. */
export type Machine = "x86_64" | "aarch64";

const SOURCES = path.join(import.meta.dirname, "recorder");

/** Static and not moved, so that every process' layout is the same and a guest needs no C library. */
const FLAGS = ["-O2", "-Wall", "-Wextra", "-static", "-no-pie", "-D_GNU_SOURCE"];

const PACKAGES: Record<Machine, string> = {
  x86_64: "gcc-x86-64-linux-gnu and libc6-dev-amd64-cross",
  aarch64: "gcc-aarch64-linux-gnu and libc6-dev-arm64-cross",
};

/** This machine, by its name in `uname -m`. */
export function thisMachine(): Machine {
  if (process.arch === "x64") return "x86_64";
  if (process.arch === "arm64") return "aarch64";
  throw new UserError(`the recorder knows x86-64 and arm64, not ${process.arch}`);
}

/** Compiles the recorder into a folder; gives the program's path. */
export async function buildRecorder(machine: Machine, folder: string): Promise<string> {
  const native = machine === thisMachine();
  const compiler = native ? "gcc" : `${machine === "aarch64" ? "aarch64" : "x86-64"}-linux-gnu-gcc`;
  const program = path.join(folder, `recorder-${machine}`);
  const sources = (await readdir(SOURCES)).filter((name) => name.endsWith(".c")).map((n) => path.join(SOURCES, n));
  await promisify(execFile)(compiler, [...FLAGS, "-o", program, ...sources]).catch((error) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new UserError(`${compiler} is missing; on Debian: apt-get install ${native ? "gcc" : PACKAGES[machine]}`);
  });
  return program;
}
