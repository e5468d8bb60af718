/**
 * Reads the layout of a live process from /proc: smaps, pagemap and kpageflags (Linux; needs root). The process is not
 * stopped; what it changes meanwhile shows as it was when its turn came.
 *
 * Not looked at: VMAs of more than 4 GiB of which smaps says that nothing is in memory or swapped out (guard regions and
 * zero pages in them are missed), and the vsyscall page in the kernel's half.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { endianness, machine, release } from "node:os";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { GiB } from "../base/size.ts";
import { anonymize } from "../study/capture/anonymize.ts";
import type { Capture, CaptureArch, CapturedVma, PageClass, Run } from "../study/capture/format.ts";
import { NO_PFN, PAGE_SIZES } from "../study/capture/format.ts";
import { inferPmd } from "../study/capture/pmd.ts";
import type { SmapsVma } from "../study/capture/smaps.ts";
import { parseSmaps, parseVmPte } from "../study/capture/smaps.ts";
import type { RunEffects } from "../study/experiment.ts";
import { FrameKind, high, KIND_MASK, low, ORDER_MASK, PageFlags, RACED } from "./page-flags.ts";
import { reason } from "./write-file.ts";

/** The machine that a process is recorded on. */
export interface Machine {
  /** Where /proc is. */
  readonly proc: string;
  readonly arch: CaptureArch;
  readonly kernel: string;
  /** Bytes of a base page. */
  readonly page: number;
  readonly pmdOrder: number;
}

/** This machine; a UserError where it is not Linux or of an unknown page size. */
export function thisMachine(): Machine {
  if (process.platform !== "linux") throw new UserError("recording a process works on Linux only");
  const page = pageSize();
  return {
    proc: "/proc",
    arch: archOf(machine(), page),
    kernel: /^\d+\.\d+/.exec(release())?.[0] ?? "0.0",
    page,
    pmdOrder: pmdOrder(page),
  };
}

function archOf(name: string, page: number): CaptureArch {
  if (name === "aarch64") return `arm64-${page / 1024}k` as CaptureArch;
  const known: Readonly<Record<string, CaptureArch>> = { x86_64: "x86-64", riscv64: "riscv", s390x: "s390" };
  return known[name] ?? "other";
}

const AT_PAGESZ = 6n;

/** From the auxiliary vector, which the kernel hands to every program; Node has no call for it. */
function pageSize(): number {
  const vector = readFileSync("/proc/self/auxv");
  const word = (at: number) => (endianness() === "LE" ? vector.readBigUInt64LE(at) : vector.readBigUInt64BE(at));
  for (let at = 0; at + 16 <= vector.length; at += 16)
    if (word(at) === AT_PAGESZ && PAGE_SIZES.some((p) => BigInt(p) === word(at + 8))) return Number(word(at + 8));
  throw new UserError(`this kernel's page size is not known: allowed are ${PAGE_SIZES.join(", ")}`);
}

/** A kernel without THP does not say it; then a table of 8-byte entries fills one page. */
function pmdOrder(page: number): number {
  try {
    const size = Number(readFileSync("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "utf8"));
    return Math.log2(size / page);
  } catch {
    return Math.log2(page / 8);
  }
}

/** What was recorded, before the machine is taken out of it. */
interface Recorded {
  readonly vmas: readonly CapturedVma[];
  readonly raced: number;
}

/** Records a process; `name` is the label to keep in the capture. Throws {@link UserError} if it cannot be read. */
export async function recordProcess(
  pid: number,
  name: string,
  from: Machine,
  effects: RunEffects = {},
): Promise<Capture> {
  const vmPte = processTables(pid, from);
  const vmas = parseSmaps(readProc(pid, "smaps", from), Math.log2(from.page));
  if (vmas.length === 0) throw ended(pid);
  const { vmas: recorded, raced } = await withFiles(pid, from, (reader) => recordVmas(vmas, reader, effects));
  const { arch, kernel, page, pmdOrder } = from;
  return { name, arch, kernel, page, pmdOrder, vmPte, raced, vmas: anonymize(recorded, page, pmdOrder) };
}

/** kB of page tables; only a process that has memory has any. */
function processTables(pid: number, from: Machine): number {
  const kB = parseVmPte(readProc(pid, "status", from));
  if (kB === undefined)
    throw new UserError(`process ${pid} has no memory of its own: it is a kernel thread, or has ended`);
  return kB;
}

function ended(pid: number): UserError {
  return new UserError(`process ${pid} ended while it was read; nothing is written`);
}

/** The text of a file of the process. */
function readProc(pid: number, file: string, from: Machine): string {
  try {
    return readFileSync(join(from.proc, String(pid), file), "utf8");
  } catch (error) {
    throw procError(pid, error, file === "status");
  }
}

/** `first` tells a process that was never there from one that has just gone. */
function procError(pid: number, error: unknown, first: boolean): UserError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" && first) return new UserError(`there is no process ${pid}`);
  if (code === "ENOENT" || code === "ESRCH") return ended(pid);
  if (code === "EACCES" || code === "EPERM") return needsRoot();
  return new UserError(`process ${pid} cannot be read: ${reason(error)}`);
}

function needsRoot(): UserError {
  return new UserError("recording a process needs root: page frame numbers and /proc/kpageflags are closed to others");
}

/** The two open files that say what lies behind a process's pages. */
interface Reader {
  readonly pid: number;
  readonly page: number;
  readonly pmdOrder: number;
  readonly pagemap: number;
  readonly flags: PageFlags;
  raced: number;
}

async function withFiles<T>(pid: number, from: Machine, use: (reader: Reader) => Promise<T>): Promise<T> {
  const kpageflags = openProc(join(from.proc, "kpageflags"), needsRoot);
  try {
    const pagemap = openProc(join(from.proc, String(pid), "pagemap"), () => ended(pid));
    const flags = new PageFlags(kpageflags, from.pmdOrder);
    try {
      return await use({ pid, page: from.page, pmdOrder: from.pmdOrder, pagemap, flags, raced: 0 });
    } finally {
      closeSync(pagemap);
    }
  } finally {
    closeSync(kpageflags);
  }
}

function openProc(file: string, missing: () => UserError): number {
  try {
    return openSync(file, "r");
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOENT" ? missing() : needsRoot();
  }
}

async function recordVmas(vmas: readonly SmapsVma[], reader: Reader, effects: RunEffects): Promise<Recorded> {
  const read = vmas.map((vma) => !isEmptyGiant(vma, reader.page));
  const total = vmas.reduce((sum, vma, i) => sum + (read[i] ? vma.end - vma.start : 0), 0);
  const out: CapturedVma[] = [];
  let done = 0;
  const step = async (pages: number) => {
    done += pages;
    effects.progress?.(done, total);
    // Reading is synchronous; this is where an interrupt gets its turn.
    await new Promise((resolve) => setImmediate(resolve));
    effects.signal?.throwIfAborted();
  };
  for (const [i, vma] of vmas.entries())
    out.push(capturedVma(vma, read[i] ? await readRuns(vma, reader, step) : [], reader));
  return { vmas: out, raced: reader.raced };
}

function isEmptyGiant(vma: SmapsVma, page: number): boolean {
  return (vma.end - vma.start) * page > 4 * GiB && vma.amounts.Rss === 0 && vma.swap === 0;
}

function capturedVma(vma: SmapsVma, runs: readonly Run[], reader: Reader): CapturedVma {
  const { start, end, perms, kind, amounts } = vma;
  const pmd = inferPmd(runs, start, amounts, reader.page, reader.pmdOrder);
  return { start, end, perms, kind, amounts, pmdCandidates: pmd.candidates, runs: pmd.runs };
}

/** Pages read at once: half a megabyte of pagemap. */
const CHUNK = 65536;

async function readRuns(vma: SmapsVma, reader: Reader, step: (pages: number) => Promise<void>): Promise<Run[]> {
  const runs: OpenRun[] = [];
  const words = new Uint32Array(2 * Math.min(CHUNK, vma.end - vma.start));
  for (let at = vma.start; at < vma.end; at += CHUNK) {
    const n = Math.min(CHUNK, vma.end - at);
    readPagemap(words, at, n, reader);
    for (let i = 0; i < n; i++) addPage(runs, at - vma.start + i, words[low(i)]!, words[high(i)]!, reader);
    await step(n);
  }
  return runs;
}

function readPagemap(words: Uint32Array, page: number, n: number, reader: Reader): void {
  for (let done = 0; done < 8 * n; ) {
    const got = readSync(reader.pagemap, words, done, 8 * n - done, 8 * page + done);
    // The kernel answers with nothing once the process has given its memory back.
    if (got === 0) throw ended(reader.pid);
    done += got;
  }
}

/** Bits 63, 62 and 58 of a pagemap entry, in its high half; 54 and lower are the frame number. */
const PRESENT = 2 ** 31;
const SWAPPED = 1 << 30;
const GUARD = 1 << 26;
const PFN_HIGH = (1 << 23) - 1;

function addPage(runs: OpenRun[], page: number, lo: number, hi: number, reader: Reader): void {
  if (hi >= PRESENT) {
    const pfn = lo + (hi & PFN_HIGH) * 2 ** 32;
    if (pfn === 0) throw needsRoot();
    addFrame(runs, page, pfn, reader);
  } else if ((hi & GUARD) !== 0) extend(runs, page, "G", NO_PFN, 0);
  else if ((hi & SWAPPED) !== 0) extend(runs, page, "S", NO_PFN, 0);
}

const CLASS_OF: Readonly<Record<number, PageClass>> = {
  [FrameKind.file]: "F",
  [FrameKind.anon]: "A",
  [FrameKind.zero]: "Z",
  [FrameKind.other]: "X",
};

function addFrame(runs: OpenRun[], page: number, pfn: number, reader: Reader): void {
  const note = reader.flags.note(pfn);
  if ((note & RACED) !== 0) reader.raced++;
  const cls = CLASS_OF[note & KIND_MASK]!;
  const order = note & ORDER_MASK;
  const frameless = cls === "X" || (cls === "Z" && order === 0);
  extend(runs, page, cls, frameless ? NO_PFN : pfn, frameless ? 0 : order);
}

/** A run that may still grow. */
type OpenRun = Omit<Run, "n"> & { n: number };

/** Adds a page to the last run if it continues that, else starts a run with it. */
function extend(runs: OpenRun[], page: number, cls: PageClass, pfn: number, order: number): void {
  const top = runs.at(-1);
  const next = top !== undefined && top.page + top.n === page && top.cls === cls && top.order === order;
  if (next && pfn === (top.pfn === NO_PFN ? NO_PFN : top.pfn + top.n)) top.n++;
  else runs.push({ page, n: 1, cls, pfn, order, index: pfn === NO_PFN ? 0 : pfn % 2 ** order });
}
