/**
 * Recording in the kernel of this machine. It needs root, and turns machine-wide knobs while it runs; the recorder puts
 * them back (recorder/knobs.c).
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { UserError } from "../../src/base/errors.ts";
import type { Recorded } from "../../src/study/ops/compare.ts";
import type { OpsSpec } from "../../src/study/ops/run.ts";
import { buildRecorder, thisMachine } from "./build.ts";
import { Assembler, type KernelUnderTest, type NamedScript, type RecordOptions } from "./recording.ts";

/** Their names go on one command line. */
const SCRIPTS_PER_RUN = 500;

/** This machine's kernel, for recorder and scripts built into `folder`. */
export async function hostKernel(folder: string, options: RecordOptions): Promise<KernelUnderTest> {
  if (process.platform !== "linux") throw new UserError(`this machine runs ${process.platform}: Linux is needed`);
  if (process.getuid?.() !== 0) throw new UserError("recording in this machine's kernel needs root");
  const program = await buildRecorder(thisMachine(), folder);
  let run = 0;
  return {
    what: "this machine's kernel",
    batch: SCRIPTS_PER_RUN,
    repeats: false,
    record: (scripts, done) => recordHere(program, path.join(folder, `run${run++}`), scripts, options, done),
  };
}

async function recordHere(
  program: string,
  folder: string,
  scripts: readonly NamedScript[],
  options: RecordOptions,
  done: (recorded: Recorded) => void,
): Promise<void> {
  const files = await writeScripts(folder, scripts);
  const lines = new Assembler(scripts, options, hostMachine, done);
  const child = spawn(program, files, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  // SIGTERM and not a harder one: the recorder has knobs to put back.
  const stop = () => child.kill("SIGTERM");
  options.signal.addEventListener("abort", stop, { once: true });
  let said = "";
  child.stderr.on("data", (data: Buffer) => {
    said += data;
    if (said.includes("waiting")) options.log(String(data).trim());
  });
  try {
    for await (const line of createInterface({ input: child.stdout })) lines.line(line);
    await ended;
  } catch (error) {
    stop();
    await ended.catch(() => {});
    throw said ? new UserError(`${(error as Error).message}: ${said.trim()}`) : error;
  } finally {
    options.signal.removeEventListener("abort", stop);
  }
  options.signal.throwIfAborted();
  if (lines.finished < scripts.length) throw new UserError(said.trim() || "the recorder ended early");
}

/** Scripts as files, in an order that their names tell; gives the paths. */
export async function writeScripts(folder: string, scripts: readonly NamedScript[]): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const files = scripts.map((_, i) => path.join(folder, `${String(i).padStart(5, "0")}.ops`));
  for (const [i, script] of scripts.entries()) await writeFile(files[i]!, script.text);
  return files;
}

/** The page-table format of this machine's kernel, as far as it tells a process. */
function hostMachine(): Pick<OpsSpec, "arch" | "accessDirty"> {
  if (thisMachine() === "x86_64") return { arch: hasFlag("la57") ? "x86-64-la57" : "x86-64" };
  throw new UserError("an arm64 kernel tells no process which page-table format it uses: record it in a guest");
}

function hasFlag(flag: string): boolean {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
  return flags.split(/\s+/).includes(flag);
}
