#!/usr/bin/env node
/**
 * The `ptlab` command. Every command's work is a function of `cli/`, loaded when it is asked for, so that the command line
 * itself starts at once.
 */
import { writeSync } from "node:fs";
import { Command, CommanderError } from "commander";
import manifest from "../package.json" with { type: "json" };
import { UserError } from "./base/errors.ts";
import type { CommandEffects } from "./cli/effects.ts";

const interrupted = new AbortController();

const effects: CommandEffects = {
  out: (text) => write(1, text),
  err: (text) => write(2, text),
  terminal: process.stderr.isTTY === true,
  signal: interrupted.signal,
};

/** Synchronous, so that nothing is lost when the process ends; a reader that has gone away ends it quietly. */
function write(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") process.exit(0);
      if (code !== "EAGAIN") throw error;
    }
  }
}

const program = new Command("ptlab")
  .description(manifest.description)
  .version(manifest.version)
  .showHelpAfterError(false)
  .exitOverride()
  .configureOutput({ writeErr: effects.err, writeOut: effects.out });

program
  .command("ops")
  .description("run op scripts on the simulated machine; prints the JSON lines of a recorded kernel run")
  .argument("<file...>", "op scripts, - for standard input")
  .option("--arch <name>", "page-table format: x86-64 or arm64-4k", "x86-64")
  .option("--kernel <version>", "kernel profile: 6.12, 6.18 or 7.2", "6.18")
  .option("--hw-af", "arm64: the CPU sets accessed and dirty itself (FEAT_HAFDBS)")
  .option("--no-contpte", "arm64: leave the contiguous bit alone")
  .option("--pfns", "print frame numbers too")
  .action(async (files: string[], o: { arch: string; kernel: string; hwAf?: true; contpte: boolean; pfns?: true }) => {
    const { opsCommand } = await import("./cli/ops.ts");
    const accessDirty = o.hwAf ? "hardware" : undefined;
    process.exitCode = await opsCommand(files, { ...o, accessDirty }, effects);
  });

process.on("SIGINT", () => interrupted.abort());
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** A user's mistake prints its message alone; anything else is a bug and shows where. */
function report(error: unknown): number {
  if (interrupted.signal.aborted) {
    effects.err("ptlab: interrupted\n");
    return 130;
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof UserError)) throw error;
  effects.err(`ptlab: ${error.message}\n`);
  return 2;
}
