/**
 * `ptlab capture PID -o FILE`: records the memory layout of a live process into a file from which neither the machine
 * nor its addresses can be told. The format is described in `study/capture/format.ts`.
 */
import { UserError } from "../base/errors.ts";
import { KiB, MiB } from "../base/size.ts";
import type { Capture } from "../study/capture/format.ts";
import { captureText, isMapped } from "../study/capture/format.ts";
import { gzip } from "../study/capture/read.ts";
import type { CommandEffects } from "./effects.ts";
import { progressLine } from "./effects.ts";
import type { Machine } from "./process-layout.ts";
import { recordProcess, thisMachine } from "./process-layout.ts";
import { checkWritable, writeWhole } from "./write-file.ts";

/** Options of the command, as typed. */
export interface CaptureOptions {
  readonly pid: string;
  /** File to write; compressed with gzip if its name ends in `.gz`. */
  readonly output: string;
  /** Replace a file that exists. */
  readonly force?: boolean;
  /** Label to keep in the capture; nothing else names the program. */
  readonly name?: string;
}

/** Records the process and writes the file, or throws a {@link UserError} and leaves nothing behind. */
export async function captureCommand(
  options: CaptureOptions,
  effects: CommandEffects,
  machine: Machine = thisMachine(),
): Promise<void> {
  const pid = parsePid(options.pid);
  const name = checkLabel(options.name ?? "");
  await checkWritable(options.output, options.force === true);
  const bar = progressLine(`reading process ${pid}`, effects);
  const { signal } = effects;
  const capture = await recordProcess(pid, name, machine, { progress: bar.show, signal }).finally(bar.clear);
  const bytes = await fileBytes(capture, options.output);
  signal?.throwIfAborted();
  await writeWhole(options.output, bytes, signal);
  effects.err(`${summary(capture)}, ${rough(bytes.length)} written to ${options.output}\n${remarks(capture)}`);
}

/** Linux's largest `pid_max`. */
const MAX_PID = 2 ** 22;

function parsePid(text: string): number {
  const pid = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (pid < 1 || pid > MAX_PID)
    throw new UserError(`bad process id '${text}': a number from 1 to ${MAX_PID} is allowed`);
  return pid;
}

function checkLabel(name: string): string {
  if (/^[^\p{Cc}]{0,80}$/u.test(name)) return name;
  throw new UserError("bad --name: at most 80 characters on one line are allowed");
}

async function fileBytes(capture: Capture, file: string): Promise<Uint8Array> {
  const text = new TextEncoder().encode(captureText(capture));
  return file.endsWith(".gz") ? gzip(text) : text;
}

function summary(capture: Capture): string {
  const runs = capture.vmas.flatMap((vma) => vma.runs);
  const pages = runs.filter((run) => isMapped(run.cls)).reduce((sum, run) => sum + run.n, 0);
  return `${rough(pages * capture.page)} mapped in ${capture.vmas.length} VMAs and ${runs.length} runs`;
}

/** What is less than certain in the capture, one line each. */
function remarks(capture: Capture): string {
  const chosen = capture.vmas.filter((vma) => vma.pmdCandidates > 0).length;
  const lines = [];
  if (chosen > 0)
    lines.push(`in ${chosen} VMAs more blocks could be mapped by a PMD than are: the lowest addresses were taken`);
  if (capture.raced > 0) lines.push(`${capture.raced} pages changed while they were read: kept as single pages`);
  return lines.map((line) => `note: ${line}\n`).join("");
}

/** A size to read, not to reckon with: `97 KiB`, `366.2 MiB`. */
function rough(bytes: number): string {
  return bytes < MiB ? `${Math.ceil(bytes / KiB)} KiB` : `${(bytes / MiB).toFixed(1)} MiB`;
}
