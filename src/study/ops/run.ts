/**
 * Carries out an op script on a simulated machine and yields, for each operation, the record that a real kernel's run
 * would give: outcome, faults, areas, page classes, page tables.
 */

import type { Format } from "../../arch/format.ts";
import { UserError } from "../../base/errors.ts";
import type { Word } from "../../machine/contents.ts";
import type { Errno } from "../../mm/errno.ts";
import { access } from "../../mm/fault.ts";
import { exit, fork } from "../../mm/fork.ts";
import { Kernel, type KernelSpec } from "../../mm/kernel.ts";
import { adviceNames, madvise } from "../../mm/madvise.ts";
import { mincore } from "../../mm/mincore.ts";
import { mlock, munlock } from "../../mm/mlock.ts";
import type { Mm } from "../../mm/mm.ts";
import { mmap, munmap } from "../../mm/mmap.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { mremap } from "../../mm/mremap.ts";
import { Vm } from "../../mm/vma.ts";
import { type PtRow, ptRow } from "./entries.ts";
import { startProcess } from "./process.ts";
import { accountedBytes, type ProcRow, pmdBytes, procRow, type Region } from "./report.ts";
import type { Action, OpLine, Script } from "./script.ts";

/** The first line of a script's output. */
export interface HeaderRecord {
  readonly mmops: 2;
  readonly script: string;
  readonly kernel: string;
  readonly arch: string;
  readonly page: number;
  readonly pmd: number;
}

type Span = readonly [off: number, len: number];

/** The record of one operation, in the field order of the recorded runs. */
export interface OpRecord {
  readonly i: number;
  readonly op: string;
  readonly p: number;
  readonly rc: number;
  readonly err: Errno | null;
  readonly flt: number;
  readonly segv?: readonly Span[];
  readonly vals?: readonly (readonly [number, number, Word | "segv"])[];
  readonly res?: readonly (readonly [number, number, 0 | 1])[];
  readonly procs: readonly ProcRow[];
  readonly pt: readonly PtRow[];
}

/** A line of output. */
export type OpsRecord = HeaderRecord | OpRecord;

/** How to run scripts: the machine, and whether frame numbers are shown. */
export interface OpsSpec extends KernelSpec {
  readonly pfns?: boolean;
}

/** Most places that one touch may go to; the recorder's own bound. */
const MAX_WORDS = 2 ** 19;

/** Where regions lie that name no address: the slots of the recorder, which needs 47 bits of address. */
const RECORDER_SLOTS = { base: 0x200000000000, size: 0x8000000000 };
const RECORDER_VA_BITS = 47;

/** The recorder's slots, or as many as it has bits for in a smaller address space: 2^5 of equal size, the first two free. */
function slotsOf({ userVaBits }: Format): { base: number; size: number } {
  if (userVaBits >= RECORDER_VA_BITS) return RECORDER_SLOTS;
  return { base: 2 ** (userVaBits - 4), size: 2 ** (userVaBits - 5) };
}

/** Runs a script on a fresh machine. Records come one by one, so that a long script can be followed and stopped. */
export function* runScript(script: Script, spec: OpsSpec): Generator<OpsRecord> {
  const runner = new ScriptRunner(spec);
  yield runner.header(script.name);
  for (const line of script.lines) yield runner.step(line);
}

/** What one operation came to, before the state is added. */
interface Outcome {
  readonly err: Errno | null;
  readonly segv?: readonly Span[];
  readonly vals?: OpRecord["vals"];
  readonly res?: OpRecord["res"];
}

const OK: Outcome = { err: null };
const NOT_BUILT: Outcome = { err: "ENOSYS" };
/** No fork has made the process, or it has exited. */
const NO_PROCESS: Outcome = { err: "ESRCH" };

/** A fresh machine that carries out a script line by line, for those who want to look at it in between. */
export class ScriptRunner {
  readonly #kernel: Kernel;
  readonly #procs: (Mm | undefined)[];
  readonly #regions: Region[] = [];
  readonly #pfns: boolean;
  /** Bytes of tables that a process has before any operation; what is reported goes beyond them. */
  readonly #baseBytes: number;
  readonly #slots: { base: number; size: number };
  #i = 0;

  constructor(spec: OpsSpec) {
    this.#kernel = new Kernel({ ...spec, contents: true });
    const first = startProcess(this.#kernel);
    this.#procs = [first];
    this.#baseBytes = accountedBytes(first);
    this.#pfns = spec.pfns ?? false;
    this.#slots = slotsOf(this.#kernel.format);
  }

  /** The machine. */
  get kernel(): Kernel {
    return this.#kernel;
  }

  /** The processes by number; undefined for one that has exited. */
  get processes(): readonly (Mm | undefined)[] {
    return this.#procs;
  }

  /** The regions that the script has named so far. */
  get regions(): readonly Region[] {
    return this.#regions;
  }

  header(name: string): HeaderRecord {
    const { format, profile } = this.#kernel;
    const page = 2 ** format.pageLg2;
    return {
      mmops: 2,
      script: name,
      kernel: profile.name,
      arch: format.machine,
      page,
      pmd: pmdBytes(this.#procs[0]!),
    };
  }

  step(line: OpLine): OpRecord {
    const mm = this.#procs[line.proc];
    const before = mm?.faults ?? 0;
    const outcome = mm === undefined ? NO_PROCESS : this.#act(mm, line.action);
    const { err, ...rest } = outcome;
    const flt = (mm?.faults ?? 0) - before;
    return {
      i: this.#i++,
      op: line.text,
      p: line.proc,
      rc: err === null ? 0 : -1,
      err,
      flt,
      ...rest,
      ...this.#states(),
    };
  }

  #states(): Pick<OpRecord, "procs" | "pt"> {
    const live = this.#procs.flatMap((mm, p) => (mm === undefined ? [] : [{ p, mm }]));
    const procs = live.map(({ p, mm }) => procRow(p, mm, this.#regions, this.#pfns, this.#baseBytes));
    const pt = live.map(({ p, mm }, i) => ptRow(p, mm, this.#regions, procs[i]!.regions, this.#pfns));
    return { procs, pt };
  }

  #act(mm: Mm, action: Action): Outcome {
    switch (action.op) {
      case "map":
        return this.#map(mm, action);
      case "touch":
        return this.#touch(mm, action);
      case "peek":
        return this.#peek(mm, action);
      case "protect":
        return this.#call(action, (start, end) => mprotect(mm, start, end, protFlags(action.prot)));
      case "unmap":
        return this.#call(action, (start, end) => munmap(mm, start, end));
      case "lock":
        return this.#lock(action, (start, end) => mlock(mm, start, end));
      case "unlock":
        return this.#lock(action, (start, end) => munlock(mm, start, end));
      case "mincore":
        return this.#mincore(mm, action);
      case "advise":
        if (!adviceNames.includes(action.advice)) return NOT_BUILT;
        return this.#call(action, (start, end) => madvise(mm, start, end, action.advice));
      case "knob":
        return { err: this.#kernel.thp.set(action.path, action.value) };
      case "remap":
        return this.#remap(mm, action);
      case "sleep":
      case "state":
        return OK;
      case "fork":
        this.#procs.push(fork(mm));
        // The recorder's program and its child bring in their own pages before they go on (MADV_POPULATE_WRITE), and that drains.
        this.#kernel.lru.drain();
        return OK;
      case "exit":
        exit(mm);
        this.#procs[this.#procs.indexOf(mm)] = undefined;
        return OK;
      default:
        return NOT_BUILT;
    }
  }

  get #page(): number {
    return 2 ** this.#kernel.format.pageLg2;
  }

  /** The region of that name with new bounds; a region without an address keeps the slot it was given first. */
  #region(name: string, len: number, at: number | null): Region {
    let index = this.#regions.findIndex((r) => r.name === name);
    if (index < 0) index = this.#regions.push({ name, addr: 0, len: 0 }) - 1;
    const region = this.#regions[index]!;
    region.addr = at || this.#slots.base + index * this.#slots.size;
    region.len = len;
    return region;
  }

  #map(mm: Mm, a: Extract<Action, { op: "map" }>): Outcome {
    const region = this.#region(a.region, a.size, a.at);
    if (region.addr % this.#page) return { err: "EINVAL" };
    const flags = protFlags(a.prot) | (a.noreserve ? Vm.noreserve : 0) | (a.shared ? Vm.shared : 0);
    const pages = Math.ceil(region.len / this.#page);
    return { err: mmap(mm, { start: region.addr / this.#page, pages, flags, populate: a.populate }) };
  }

  #remap(mm: Mm, a: Extract<Action, { op: "remap" }>): Outcome {
    const { addr, len } = this.#range(a);
    const to = this.#region(a.newRegion, a.newLen, a.at);
    if (addr % this.#page || to.addr % this.#page) return { err: "EINVAL" };
    const pages = (bytes: number) => Math.ceil(bytes / this.#page);
    const [start, oldPages] = [addr / this.#page, pages(len)];
    const spec = { start, oldPages, newPages: pages(a.newLen), to: to.addr / this.#page, dontunmap: a.dontunmap };
    return { err: mremap(mm, spec) };
  }

  #range(part: { region: string; off: number; len: number | null }): { addr: number; len: number } {
    const region = this.#regions.find((r) => r.name === part.region)!;
    return { addr: region.addr + part.off, len: part.len ?? region.len - part.off };
  }

  /** A system call on a range: the start must be a whole page, the length is rounded up. */
  #call(
    part: { region: string; off: number; len: number | null },
    call: (start: number, end: number) => Errno | null,
  ): Outcome {
    const { addr, len } = this.#range(part);
    if (addr % this.#page || len < 0) return { err: "EINVAL" };
    const start = addr / this.#page;
    return { err: call(start, start + Math.ceil(len / this.#page)) };
  }

  /** mlock and munlock take any address: every page that the range touches. */
  #lock(
    part: { region: string; off: number; len: number | null },
    call: (start: number, end: number) => Errno | null,
  ): Outcome {
    const { addr, len } = this.#range(part);
    return { err: call(Math.floor(addr / this.#page), Math.ceil((addr + len) / this.#page)) };
  }

  #touch(mm: Mm, a: Extract<Action, { op: "touch" }>): Outcome {
    const { addr, len } = this.#range(a);
    const step = a.step ?? this.#page;
    if (len / step > MAX_WORDS)
      throw new UserError(`range too large: touch may go to ${MAX_WORDS} places, not ${Math.ceil(len / step)}`);
    const hurt: boolean[] = [];
    for (let i = 0; i * step < len; i++) hurt.push(!this.#touchWord(mm, addr + i * step, a.write, a.value));
    if (!hurt.includes(true)) return OK;
    return { err: null, segv: spans(hurt, a.off, step).flatMap(([off, n, bad]) => (bad ? [[off, n] as const] : [])) };
  }

  #touchWord(mm: Mm, va: number, write: boolean, value: Word): boolean {
    const pfn = access(mm, Math.floor(va / this.#page), write);
    if (pfn >= 0 && write) this.#kernel.contents!.write(pfn, va % this.#page, value);
    return pfn >= 0;
  }

  #mincore(mm: Mm, a: Extract<Action, { op: "mincore" | "lock" | "unlock" }>): Outcome {
    let res: boolean[] = [];
    const outcome = this.#call(a, (start, end) => {
      const result = mincore(mm, start, end);
      if (typeof result === "string") return result;
      res = result;
      return null;
    });
    if (outcome.err !== null) return outcome;
    // The recorder lists whole pages only, while the call itself rounds up.
    res.length = Math.floor(this.#range(a).len / this.#page);
    return { err: null, res: spans(res, a.off, this.#page).map(([off, n, bit]) => [off, n, bit ? 1 : 0]) };
  }

  #peek(mm: Mm, a: Extract<Action, { op: "peek" }>): Outcome {
    const { addr, len } = this.#range(a);
    const seen: (Word | "segv")[] = [];
    for (let va = addr; va < addr + len; va += this.#page) {
      const pfn = access(mm, Math.floor(va / this.#page), false);
      seen.push(pfn < 0 ? "segv" : this.#kernel.contents!.read(pfn, va % this.#page));
    }
    return { err: null, vals: spans(seen, a.off, this.#page) };
  }
}

function protFlags(letters: string): number {
  const flag = (letter: string, bit: number) => (letters.includes(letter) ? bit : 0);
  return flag("r", Vm.read) | flag("w", Vm.write) | flag("x", Vm.exec);
}

/** Equal neighbours joined, as byte ranges from the region's start. */
function spans<T>(list: readonly T[], off: number, step: number): [number, number, T][] {
  const out: [number, number, T][] = [];
  for (const [i, value] of list.entries()) {
    const last = out[out.length - 1];
    if (last !== undefined && last[2] === value) last[1] += step;
    else out.push([off + i * step, step, value]);
  }
  return out;
}

/** Whether a record is the header of a script. */
export function isHeader(record: OpsRecord): record is HeaderRecord {
  return "mmops" in record;
}
