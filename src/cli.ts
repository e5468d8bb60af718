#!/usr/bin/env node
/**
 * The `ptlab` command. Every command's work is a function of `cli/`, loaded when it is asked for, so that the command line
 * itself starts at once.
 */
import { writeSync } from "node:fs";
import { Command } from "commander";
import manifest from "../package.json" with { type: "json" };
import type { CoverageOptions } from "./cli/coverage.ts";
import type { CommandEffects } from "./cli/effects.ts";
import { exitStatus } from "./cli/exit-status.ts";
import type { FigureEffects, FigureOptions } from "./cli/figure.ts";
import type { RunEffects } from "./cli/notebooks.ts";
import type { ReproduceOptions } from "./cli/reproduce.ts";
import type { ConvertOptions } from "./cli/trace.ts";
import type { RunOptions } from "./cli/trace-run.ts";
import type { Build } from "./figure/figure.ts";
import type { Place } from "./jupyter/install/data-dir.ts";

/** The project's folder. */
const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

const interrupted = new AbortController();

const effects: CommandEffects = {
  out: (text) => write(1, text),
  err: (text) => write(2, text),
  terminal: process.stderr.isTTY === true,
  columns: process.stdout.columns,
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
      if (code === "EAGAIN") continue;
      // A full disk behind a redirected output. Its own message cannot go there, and may not get through to the other either.
      if (fd === 1) write(2, `ptlab: cannot write the output: ${(error as Error).message}\n`);
      process.exit(1);
    }
  }
}

const program = new Command("ptlab")
  .description(manifest.description)
  .version(manifest.version)
  .showHelpAfterError(false)
  .exitOverride()
  .configureOutput({
    writeErr: effects.err,
    writeOut: effects.out,
    outputError: (text, print) => print(text.replace(/^error: /, "ptlab: ").replace(/\n\(/, " (")),
  });

program
  .command("ops")
  .description("run op scripts on the simulated machine; prints the JSON lines of a recorded kernel run")
  .argument("<file...>", "op scripts, - for standard input")
  .option("--arch <name>", "page-table format, for example x86-64 or arm64-16k", "x86-64")
  .option("--kernel <version>", "kernel profile: 6.12, 6.18 or 7.2", "6.18")
  .option(
    "--design <name>",
    "how the kernel reaches its entries: folded, ptp, cursor, pagewalk or ptRangeWalk",
    "folded",
  )
  .option(
    "--hw-af",
    "arm64: the CPU sets accessed and dirty itself (FEAT_HAFDBS); always so with 16K pages and with arm64-4k-52",
  )
  .option("--no-contpte", "arm64: leave the contiguous bit alone")
  .option("--pfns", "print frame numbers too")
  .action(
    async (
      files: string[],
      o: { arch: string; kernel: string; design: string; hwAf?: true; contpte: boolean; pfns?: true },
    ) => {
      const { opsCommand } = await import("./cli/ops.ts");
      const accessDirty = o.hwAf ? "hardware" : undefined;
      process.exitCode = await opsCommand(files, { ...o, accessDirty }, effects);
    },
  );

program
  .command("capture")
  .description("record the memory layout of a live process (Linux, root); nothing of it identifies the machine")
  .argument("<pid>", "process id")
  .requiredOption("-o, --output <file>", "file to write, compressed if it ends in .gz")
  .option("--name <label>", "label to keep in the capture; nothing else names the program")
  .option("--force", "replace a file that exists")
  .action(async (pid: string, o: { output: string; name?: string; force?: boolean }) => {
    const { captureCommand } = await import("./cli/capture.ts");
    await captureCommand({ pid, ...o }, effects);
  });

program
  .command("coverage")
  .description(
    "what a captured process gets from large folios, by thpmaps' names, and what other page sizes would give",
  )
  .argument("<file>", "capture")
  .option("--rollup", "sum over all VMAs")
  .option("--cont <size>", "size of contiguous blocks, such as 64K; may be given again", collect)
  .option("--inc-empty", "show statistics that are 0")
  .option("--inc-smaps", "show the amounts of smaps that the capture holds")
  .option("--json", "print one JSON object")
  .action(async (file: string, o: Omit<CoverageOptions, "file">) => {
    const { coverageCommand } = await import("./cli/coverage.ts");
    await coverageCommand({ file, ...o }, effects, await thisBuild());
  });

const trace = program.command("trace").description("recorded streams of memory accesses");
trace
  .command("convert")
  .description("write a trace in ptlab's own compact form, which is read fast and at any place")
  .argument("<in>", "valgrind's lackey with --trace-mem=yes, ChampSim's records, or .ptt; - for standard input")
  .argument("<out>", "file to write, .ptt by custom")
  .option("--from <form>", "form of the input: auto, lackey, champsim or ptt", "auto")
  .option("--kinds <list>", "kinds to keep: all, or some of loads,stores,fetches; loads,stores by default")
  .option("--skip <n>", "accesses to leave out at the start")
  .option("--limit <n>", "accesses to keep at most")
  .option("--text <words>", "what was traced, to be kept in the file")
  .option("--force", "replace a file that exists")
  .action(async (from: string, to: string, o: ConvertOptions) => {
    const { traceConvertCommand } = await import("./cli/trace.ts");
    await traceConvertCommand(from, to, o, effects);
  });
trace
  .command("info")
  .description("what a trace holds and touches")
  .argument("<file>", "trace, - for standard input")
  .option("--from <form>", "form of the input: auto, lackey, champsim or ptt", "auto")
  .option("--kinds <list>", "kinds to look at: all, or some of loads,stores,fetches")
  .action(async (file: string, o: { from: string; kinds?: string }) => {
    const { traceInfoCommand } = await import("./cli/trace.ts");
    await traceInfoCommand(file, o, effects);
  });

trace
  .command("run")
  .description("what a trace costs in translation under several page-table formats and folio sizes")
  .argument("<file>", "trace")
  .option("--arch <name>", "page-table format, x86-64 by default; may be given again", collect)
  .option("--folio <size>", "largest folio that the kernel may take, such as 4K, 64K, 2M; may be given again", collect)
  .option("--no-contpte", "arm64: leave the contiguous bit alone")
  .option("--core <name>", "a real core instead of the generic one, such as zen-4; may be given again", collect)
  .option("--no-caches", "with --core: leave its data caches out, which is faster and makes times a rougher guess")
  .option("--data-competes", "with --core: let the program's data take part of the caches")
  .option("--tlb <entries>", "generic core: entries of the second TLB level, 1024 by default")
  .option("--no-walk-cache", "generic core: a walker without caches for table entries")
  .option("--skip <n>", "accesses to leave out at the start")
  .option("--limit <n>", "accesses to run at most")
  .option("--warm-up <n>", "accesses of these to run at first without counting", "0")
  .option("--from <form>", "form of the trace: auto, lackey, champsim or ptt", "auto")
  .option("--kinds <list>", "kinds to run: all, or some of loads,stores,fetches")
  .action(async (file: string, o: RunOptions) => {
    const { traceRunCommand } = await import("./cli/trace-run.ts");
    await traceRunCommand(file, o, effects, await thisBuild());
  });

program
  .command("calibrate")
  .description(
    "fit the weights of the cost table to recorded times of a real kernel's operations, and show every residual",
  )
  .argument("[limits.json]", "recorded times (default: those of the default table)")
  .option("--out <file>", "write the weights as JSON; an existing file is replaced")
  .option("--core <name>", "core of the model that the rows of random loads are held against", "zen-4")
  .action(async (given: string | undefined, o: { out?: string; core: string }) => {
    const file = given ?? `${ROOT}/notebooks/data/limits-zen4-6.18.json`;
    const { calibrateCommand } = await import("./cli/calibrate.ts");
    await calibrateCommand({ file, ...o }, effects, await thisBuild());
  });

program
  .command("figure")
  .description("make a live figure and export it; without an id, list them and their parameters")
  .argument("[id]", "live figure")
  .option("--set <name=value>", "a parameter, its default if left out; may be given again", collect)
  .option("--input <file>", "a file to read instead of the project's of that name; may be given again", collect)
  .option("-o, --out <file>", "FILE.svg, FILE.csv or FILE.txt, which is replaced; text on standard output by default")
  .option("--width <pixels>", "width of a picture, 680 by default")
  .action(async (id: string | undefined, o: FigureOptions) => {
    const { figureCommand } = await import("./cli/figure.ts");
    await figureCommand(id, o, await figureEffects());
  });

program
  .command("reproduce")
  .description("make the figure of a picture again, from that file alone, and say whether it matches; status 1 if not")
  .argument("<file.svg>", "picture drawn by ptlab")
  .option("--input <file>", "a file to read instead of the project's of that name; may be given again", collect)
  .option("-o, --out <file>", "write the new picture; an existing file is replaced")
  .option("--run-cells", "run the code in the file, where cells of a notebook drew the figure")
  .action(async (file: string, o: ReproduceOptions) => {
    const { reproduceCommand } = await import("./cli/reproduce.ts");
    const { createSession } = await runEffects();
    process.exitCode = await reproduceCommand(file, o, { ...(await figureEffects()), createSession });
  });

program
  .command("run")
  .description("run notebooks headless and store their outputs; what is fresh is left alone")
  .argument("[file...]", "notebooks, all of notebooks/ by default")
  .option("--force", "run also what is fresh")
  .action(async (files: string[], o: { force?: boolean }) => {
    const { runCommand } = await import("./cli/run.ts");
    process.exitCode = await runCommand({ files, ...o }, await runEffects());
  });

program
  .command("verify")
  .description("run notebooks again and fail, with old and new side by side, where an output is not as stored")
  .argument("[file...]", "notebooks, all of notebooks/ by default")
  .option("--stale", "trust the notebooks whose code, imports, sources, data and versions have not changed")
  .action(async (files: string[], o: { stale?: boolean }) => {
    const { verifyCommand } = await import("./cli/verify.ts");
    process.exitCode = await verifyCommand({ files, ...o }, await runEffects());
  });

program
  .command("start")
  .description("run stale notebooks, build the site, serve it on this machine")
  .option("--port <number>", "first port to try", "4321")
  .option("--no-serve", "build and end")
  .action(async (o: { port: string; serve: boolean }) => {
    const { startCommand } = await import("./cli/start.ts");
    process.exitCode = await startCommand(o, await runEffects());
  });

const jupyter = program.command("jupyter").description("the Jupyter kernel");
for (const [name, what] of [
  ["install", "make the kernel known to Jupyter as 'ptlab (TypeScript)'"],
  ["uninstall", "take it out again"],
] as const)
  jupyter
    .command(name)
    .description(what)
    .option("--user", "for this user (the default unless root)")
    .option("--prefix <dir>", "below DIR/share/jupyter")
    .option("--sys-prefix", "in the active Python environment")
    .action(async (o: Place) => {
      const { installCommand, processEffects, uninstallCommand } = await import("./jupyter/install/kernelspec.ts");
      await (name === "install" ? installCommand : uninstallCommand)(o, processEffects(printLine, interrupted.signal));
    });
jupyter
  .command("doctor")
  .description("look for what keeps Jupyter from running the kernel, and say what to do; status 1 if something does")
  .action(async () => {
    const { doctorCommand, doctorEffects } = await import("./jupyter/install/doctor.ts");
    process.exitCode = await doctorCommand(doctorEffects(printLine, interrupted.signal));
  });

function printLine(line: string): void {
  effects.out(`${line}\n`);
}

/** What is stamped into tables and pictures. */
async function thisBuild(): Promise<Build> {
  const { readBuild } = await import("./jupyter/session/host.ts");
  return readBuild();
}

/** What drawing needs. */
async function figureEffects(): Promise<FigureEffects> {
  const { lazyHost } = await import("./jupyter/session/host.ts");
  return { ...effects, root: ROOT, host: lazyHost().get };
}

/** What running notebooks needs: a session a notebook, each in a process of its own. */
async function runEffects(): Promise<RunEffects> {
  const { startSession } = await import("./jupyter/session/child-session.ts");
  const { kernelMetadata } = await import("./jupyter/install/kernelspec.ts");
  return {
    ...effects,
    ...{ root: ROOT, cwd: process.cwd(), createSession: startSession, kernelMetadata: kernelMetadata() },
  };
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

process.on("SIGINT", () => interrupted.abort());
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitStatus(error, "ptlab", effects);
}
