/**
 * C programs to compare with: built by gcc -O2 into the run's temporary folder, then asked line by line, so that one process lives
 * through all rounds and its first-touch costs are paid in the warm-up. Each question is a line; each answer is a line of JSON.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Context, Round } from "./harness.ts";

/** The first line of `gcc --version`, or null. */
export function gccVersion(): string | null {
  try {
    return execFileSync("gcc", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split(
      "\n",
    )[0]!;
  } catch {
    return null;
  }
}

/** Builds a C file of this folder. Returns the program's path, or null without gcc. A program that does not compile throws. */
export function buildC(context: Context, source: string, flags: readonly string[] = []): string | null {
  if (gccVersion() === null) return null;
  const program = path.join(context.temp, path.basename(source, ".c"));
  const file = path.resolve(import.meta.dirname, source);
  execFileSync("gcc", ["-O2", "-Wall", "-Wextra", ...flags, "-o", program, file, "-lm"], { stdio: "inherit" });
  return program;
}

/** A running program that answers lines. */
export interface CProgram {
  /** Sends one line and gives the answer, parsed. */
  ask<T = Round>(line: string): Promise<T>;
}

/** Starts a program; the run's end stops it. */
export function startC(context: Context, program: string, args: readonly string[] = []): CProgram {
  const child: ChildProcessWithoutNullStreams = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  child.stderr.pipe(process.stderr);
  child.stdin.on("error", () => {});
  context.onStop(() => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask<T>(line: string): Promise<T> {
      child.stdin.write(`${line}\n`);
      const answer = await lines.next();
      if (answer.done) throw new Error(`${path.basename(program)} ended instead of answering '${line}'`);
      return JSON.parse(answer.value) as T;
    },
  };
}
