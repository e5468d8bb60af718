#!/usr/bin/env node
/**
 * `npm run oracle`: holds the model against a real kernel. site/content/docs/oracle.md tells how to use it and how to read
 * what it prints.
 */
import { mkdtempSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { Command, InvalidArgumentError } from "commander";
import { UserError } from "../../src/base/errors.ts";
import { type CommandEffects, type ProgressLine, progressLine } from "../../src/cli/effects.ts";
import { exitStatus } from "../../src/cli/exit-status.ts";
import { reason, writeWhole } from "../../src/cli/write-file.ts";
import { parseFeatures, randomScript } from "../../src/study/ops/random.ts";
import { parseScript } from "../../src/study/ops/script.ts";
import type { Machine } from "./build.ts";
import { guestKernel } from "./guest.ts";
import { hostKernel } from "./host.ts";
import { recordedText } from "./keep.ts";
import { fetchKernel } from "./kernel-image.ts";
import { type Finding, type LiveResult, runLive } from "./live.ts";
import { resultText } from "./print.ts";
import type { KernelUnderTest, NamedScript, RecordOptions } from "./recording.ts";
import { shrink } from "./shrink.ts";

interface Options {
  readonly scripts: number;
  readonly seed: number;
  readonly ops: number;
  readonly set: string;
  readonly page: number;
  readonly show: number;
  readonly shrink: boolean;
  readonly profile?: string;
  readonly keep?: string;
  readonly verbose?: true;
}

interface GuestOptions extends Options {
  readonly cpu: string;
  readonly memory: number;
}

const interrupted = new AbortController();
const effects: CommandEffects = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  terminal: process.stderr.isTTY === true,
  signal: interrupted.signal,
};

/** Opens a kernel whose recorder is built into the folder. */
type Open = (folder: string, options: RecordOptions) => Promise<KernelUnderTest>;

/** Differs = 1; a mistake of the user is thrown. */
async function hold(open: Open, files: readonly string[], options: Options): Promise<number> {
  const scripts = files.length > 0 ? await readScripts(files) : randomScripts(options);
  const folder = mkdtempSync(path.join(tmpdir(), "ptlab-oracle-"));
  const log = (line: string) => (options.verbose || !line.startsWith("guest:") ? effects.err(`${line}\n`) : undefined);
  try {
    const kernel = await open(folder, { profile: options.profile, signal: interrupted.signal, log });
    const result = await withBar(`recording in ${kernel.what}`, (bar) =>
      runLive(kernel, scripts, options.keep !== undefined, (n) => bar.show(n, scripts.length)),
    );
    if (options.keep !== undefined) await keep(options.keep, result);
    const shown = result.findings.slice(0, options.show);
    const minimal = options.shrink ? await shrinkAll(kernel, shown) : [];
    effects.out(resultText(result, minimal, options.show));
    return result.findings.length > 0 ? 1 : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The line is gone again before anything else is printed, an error as well. */
async function withBar<T>(what: string, work: (bar: ProgressLine) => Promise<T>): Promise<T> {
  const bar = progressLine(what, effects);
  try {
    return await work(bar);
  } finally {
    bar.clear();
  }
}

async function shrinkAll(kernel: KernelUnderTest, findings: readonly Finding[]): Promise<Finding[]> {
  const minimal: Finding[] = [];
  for (const finding of findings) {
    const all = finding.recorded.records.length;
    const least = await withBar(`shrinking ${finding.script.name}`, (bar) =>
      shrink(kernel, finding, (lines) => bar.show(all - lines, all)),
    );
    minimal.push(least);
  }
  return minimal;
}

async function keep(file: string, { recordings }: LiveResult): Promise<void> {
  await writeWhole(file, gzipSync(recordedText(recordings), { level: 9 }));
  effects.err(`${recordings.length} recordings kept in ${file}\n`);
}

function randomScripts({ scripts, seed, ops, set, page }: Options): NamedScript[] {
  const features = parseFeatures(set);
  return Array.from({ length: scripts }, (_, number) => ({
    name: `random-${seed}-${number}`,
    text: randomScript({ seed, number, ops, page, features }),
  }));
}

async function readScripts(files: readonly string[]): Promise<NamedScript[]> {
  const scripts: NamedScript[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8").catch((error: unknown) => {
      throw new UserError(`cannot read ${file}: ${reason(error)}`);
    });
    const { bad } = parseScript(text, file);
    if (bad !== null) throw bad;
    scripts.push({ name: path.basename(file), text });
  }
  return scripts;
}

function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("a whole number is allowed");
  return Number(text);
}

function pageSize(text: string): number {
  const bytes = { "4K": 4096, "16K": 16384 }[text];
  if (bytes === undefined) throw new InvalidArgumentError("4K and 16K are allowed");
  return bytes;
}

function withOptions(command: Command): Command {
  return command
    .argument("[script...]", "op scripts; random ones if none is given")
    .option("--scripts <n>", "how many random scripts", count, 100)
    .option("--seed <n>", "seed of the random scripts", count, 1)
    .option("--ops <n>", "operations in a random script", count, 30)
    .option("--set <features>", "what random scripts may use: all, base, names, -name to leave out", "all")
    .option("--page <size>", "page size that random ranges are multiples of: 4K or 16K", pageSize, 4096)
    .option("--profile <version>", "hold another kernel version against this profile of the model")
    .option("--show <n>", "how many differences to show", count, 3)
    .option("--no-shrink", "do not look for the smallest script that shows a difference")
    .option("--keep <file>", "keep the recordings of scripts that repeat (.jsonl.gz)")
    .option("--verbose", "show what a guest prints");
}

function guestCommand(name: string, machine: Machine, cpu: string, cpus: string): void {
  withOptions(
    program
      .command(name)
      .description(`a ${name} kernel image under QEMU, with every raw page-table entry`)
      .argument("<kernel-image>", "as QEMU's -kernel takes it"),
  )
    .option("--cpu <model>", cpus, cpu)
    .option("--memory <MiB>", "memory of the guest", count, 1024)
    .action(async (image: string, files: string[], o: GuestOptions) => {
      const spec = { machine, image, cpu: o.cpu, memoryMiB: o.memory };
      process.exitCode = await hold((folder, options) => guestKernel(spec, folder, options), files, o);
    });
}

const program = new Command("oracle")
  .description("hold the model against a real kernel: the same scripts in both, every field compared")
  .showHelpAfterError(false)
  .exitOverride()
  .configureOutput({ outputError: (text, print) => print(text.replace(/^error: /, "oracle: ")) });

withOptions(
  program.command("host", { isDefault: true }).description("this machine's kernel (the default); needs root"),
).action(async (files: string[], o: Options) => {
  process.exitCode = await hold(hostKernel, files, o);
});
guestCommand(
  "arm64",
  "aarch64",
  "cortex-a72",
  "CPU model; max has 52-bit addresses and sets accessed and dirty itself",
);
guestCommand("x86", "x86_64", "max,la57=off,pku=off", "CPU model; max,pku=off has 5 levels");
program
  .command("get-kernel")
  .description("fetch a Debian kernel image, without installing it; prints its path")
  .argument("<arch>", "arm64 or amd64")
  .argument("<version>", "such as 6.18")
  .argument("[flavour]", "such as cloud-arm64 (the default) or arm64-16k")
  .requiredOption("--into <folder>", "where to keep it")
  .action(async (arch: string, version: string, flavour: string | undefined, o: { into: string }) => {
    await mkdir(o.into, { recursive: true });
    effects.out(`${await fetchKernel(arch, version, flavour ?? `cloud-${arch}`, o.into)}\n`);
  });

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => interrupted.abort());
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitStatus(error, "oracle", effects);
}
