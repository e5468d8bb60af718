/**
 * Carries out an op script on a simulated machine and yields, for each operation, the record that a real kernel's run
 * would give: outcome, faults, VMAs, page classes, page tables.
 */

import type { Format } from "../../arch/format.ts";
import { UserError } from "../../base/errors.ts";
import { type Word, wordOf } from "../../machine/contents.ts";
import { type Errno, errnoAt } from "../../mm/errno.ts";
import { access } from "../../mm/fault.ts";
import { exit, fork } from "../../mm/fork.ts";
import { Kernel, type KernelSpec } from "../../mm/kernel.ts";
import { madvise } from "../../mm/madvise.ts";
import { mincore } from "../../mm/mincore.ts";
import { mlock, munlock } from "../../mm/mlock.ts";
import type { Mm } from "../../mm/mm.ts";
import { mmap, munmap, taskPages } from "../../mm/mmap.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { mremap } from "../../mm/mremap.ts";
import { Vm } from "../../mm/vma.ts";
import { type PtRow, ptRow } from "./entries.ts";
import { startProcess } from "./process.ts";
import { accountedBytes, type ProcRow, pmdBytes, procRow, type Region } from "./report.ts";
import { type Action, type OpLine, type Part, type Script, shortName } from "./script.ts";

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
  /** Absent where raw entries were not asked for. */
  readonly pt?: readonly PtRow[];
}

/** A line of output. */
export type OpsRecord = HeaderRecord | OpRecord;

/** How to run scripts: the machine, whether frame numbers are shown (by default not), and raw entries (by default they are). */
export interface OpsSpec extends KernelSpec {
  readonly pfns?: boolean;
  readonly entries?: boolean;
}

/** Bounds of the recorder: places that one touch may go to, processes ever, regions. */
const MAX_WORDS = 2 ** 19;
const MAX_PROCS = 8;
const MAX_REGIONS = 64;

/** Bytes of the word that is written or read at each place. */
const WORD_BYTES = 8;

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

/** A region with its bounds as the 64-bit words that system calls are given; numbers of 53 bits are enough to show them. */
interface Place extends Region {
  exact: Range;
}

/** Bytes: an address and a length, both of 64 bits, both as a script may name them. */
interface Range {
  readonly addr: bigint;
  readonly len: bigint;
}

/** A sum or difference of 64-bit words. */
function u64(bits: bigint): bigint {
  return BigInt.asUintN(64, bits);
}

/** A fresh machine that carries out a script line by line, for those who want to look at it in between. */
export class ScriptRunner {
  readonly #kernel: Kernel;
  readonly #procs: (Mm | undefined)[];
  readonly #regions: Place[] = [];
  readonly #pfns: boolean;
  readonly #entries: boolean;
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
    this.#entries = spec.entries ?? true;
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
    if (mm === undefined) throw new UserError(`line ${line.line}: no process ${line.proc}: ${this.#who()}`);
    const before = mm.faults;
    const { err, ...rest } = this.#act(mm, line.action);
    const flt = mm.faults - before;
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

  #who(): string {
    const live = [...this.#procs.keys()].filter((p) => this.#procs[p] !== undefined);
    return live.length === 0 ? "all have exited" : `there ${live.length === 1 ? "is" : "are"} ${live.join(", ")}`;
  }

  #states(): Pick<OpRecord, "procs" | "pt"> {
    const live = this.#procs.flatMap((mm, p) => (mm === undefined ? [] : [{ p, mm }]));
    const procs = live.map(({ p, mm }) => procRow(p, mm, this.#regions, this.#pfns, this.#baseBytes));
    if (!this.#entries) return { procs };
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
        return this.#call(action, "ENOMEM", (start, end) => mprotect(mm, start, end, protFlags(action.prot)));
      case "unmap":
        return this.#call(action, "EINVAL", (start, end) => munmap(mm, start, end));
      case "lock":
        return this.#lock(action, (start, end) => mlock(mm, start, end));
      case "unlock":
        return this.#lock(action, (start, end) => munlock(mm, start, end));
      case "mincore":
        return this.#mincore(mm, action);
      case "advise":
        return this.#call(action, "EINVAL", (start, end) => madvise(mm, start, end, action.advice));
      case "knob":
        return { err: this.#kernel.thp.set(action.path, action.value) };
      case "remap":
        return this.#remap(mm, action);
      case "sleep":
      case "state":
        return OK;
      case "fork":
        if (this.#procs.length === MAX_PROCS)
          throw new UserError(`too many processes: ${MAX_PROCS} are allowed, with those that have exited`);
        this.#procs.push(fork(mm));
        // The recorder's program and its child bring in their own pages before they go on (MADV_POPULATE_WRITE), and that drains.
        this.#kernel.lru.drain();
        return OK;
      case "exit":
        exit(mm);
        this.#procs[this.#procs.indexOf(mm)] = undefined;
        return OK;
    }
  }

  get #page(): number {
    return 2 ** this.#kernel.format.pageLg2;
  }

  /** The region of that name with new bounds; a region without an address keeps the slot it was given first. */
  #region(name: string, len: Word, at: Word | null): Place {
    let index = this.#regions.findIndex((r) => r.name === name);
    if (index < 0) {
      if (this.#regions.length === MAX_REGIONS) throw new UserError(`too many regions: ${MAX_REGIONS} are allowed`);
      index = this.#regions.push({ name: shortName(name), addr: 0, len: 0, exact: { addr: 0n, len: 0n } }) - 1;
    }
    const region = this.#regions[index]!;
    region.exact = { addr: BigInt(at || this.#slots.base + index * this.#slots.size), len: BigInt(len) };
    region.addr = Number(region.exact.addr);
    region.len = Number(region.exact.len);
    return region;
  }

  /** `ksys_mmap_pgoff`: what is wrong with address or length is found before anything else. */
  #map(mm: Mm, a: Extract<Action, { op: "map" }>): Outcome {
    const { addr, len } = this.#region(a.region, a.size, a.at).exact;
    const [start, pages] = [this.#vpn(addr), this.#pages(len)];
    if (len === 0n) return { err: "EINVAL" };
    if (pages === 0 || pages > taskPages(mm)) return { err: "ENOMEM" };
    // What get_unmapped_area hands back for a fixed address is the address, and the last ones look like errors (IS_ERR_VALUE).
    const error = errnoAt(addr);
    if (error !== null) return { err: error };
    if (start > taskPages(mm) - pages) return { err: "ENOMEM" };
    if (!this.#isPage(addr)) return { err: "EINVAL" };
    const flags = protFlags(a.prot) | (a.noreserve ? Vm.noreserve : 0) | (a.shared ? Vm.shared : 0);
    return { err: mmap(mm, { start, pages, flags, populate: a.populate }) };
  }

  #remap(mm: Mm, a: Extract<Action, { op: "remap" }>): Outcome {
    const { addr, len } = this.#range(a);
    const to = this.#region(a.newRegion, a.newLen, a.at).exact;
    if (!this.#isPage(addr) || !this.#isPage(to.addr)) return { err: "EINVAL" };
    if (a.dontunmap && len !== to.len && !this.#kernel.profile.remapRoundsFirst) return { err: "EINVAL" };
    const [start, oldPages, newPages] = [this.#vpn(addr), this.#pages(len), this.#pages(to.len)];
    return { err: mremap(mm, { start, oldPages, newPages, to: this.#vpn(to.addr), dontunmap: a.dontunmap }) };
  }

  #range(part: Part): Range {
    const { addr, len } = this.#regions.find((r) => r.name === part.region)!.exact;
    const off = BigInt(part.off);
    return { addr: u64(addr + off), len: part.len === null ? u64(len - off) : BigInt(part.len) };
  }

  #vpn(addr: bigint): number {
    return Number(addr >> BigInt(this.#kernel.format.pageLg2));
  }

  #isPage(addr: bigint): boolean {
    return addr % BigInt(this.#page) === 0n;
  }

  /** Pages of a length that is rounded up to whole ones (PAGE_ALIGN), which makes 0 of the longest. */
  #pages(len: bigint): number {
    return this.#vpn(u64(len + BigInt(this.#page - 1)));
  }

  /** A system call on a range: the start must be a whole page, the length is rounded up. `wraps`: the error if it has no end. */
  #call(part: Part, wraps: Errno, call: (start: number, end: number) => Errno | null): Outcome {
    const { addr, len } = this.#range(part);
    if (!this.#isPage(addr)) return { err: "EINVAL" };
    const [start, pages] = [this.#vpn(addr), this.#pages(len)];
    if (start + pages >= 2 ** (64 - this.#kernel.format.pageLg2) || (pages === 0 && len > 0n)) return { err: wraps };
    return { err: call(start, start + pages) };
  }

  /** Goes to every place that a program's loop over the range comes to, by page and offset in the page. */
  #visit(part: Part, step: Word, at: (vpn: number, offset: number) => void): void {
    const { addr, len } = this.#range(part);
    this.#bound(len / BigInt(step));
    const [vpn, offset] = [this.#vpn(addr), Number(addr % BigInt(this.#page))];
    const all = 2 ** (64 - this.#kernel.format.pageLg2);
    for (let byte = offset; byte < offset + Number(len); byte += Number(step))
      at((vpn + Math.floor(byte / this.#page)) % all, byte % this.#page);
  }

  #bound(places: bigint): void {
    if (places > BigInt(MAX_WORDS))
      throw new UserError(`range too large: at most ${MAX_WORDS} places are allowed, not ${places}`);
  }

  /** mlock and munlock take any address: every page that the range touches. */
  #lock(part: Part, call: (start: number, end: number) => Errno | null): Outcome {
    const { addr, len } = this.#range(part);
    const start = this.#vpn(addr);
    const pages = this.#pages(u64(len + (addr % BigInt(this.#page))));
    if (start + pages >= 2 ** (64 - this.#kernel.format.pageLg2)) return { err: "EINVAL" };
    return { err: call(start, start + pages) };
  }

  #touch(mm: Mm, a: Extract<Action, { op: "touch" }>): Outcome {
    const step = a.step ?? this.#page;
    const hurt: boolean[] = [];
    this.#visit(a, step, (vpn, offset) => {
      const frames = this.#reach(mm, vpn, offset, a.write);
      if (frames !== null && a.write) this.#write(frames, offset, a.value);
      hurt.push(frames === null);
    });
    if (!hurt.includes(true)) return OK;
    const list = spans(hurt, Number(a.off), Number(step));
    return { err: null, segv: list.flatMap(([off, n, bad]) => (bad ? [[off, n] as const] : [])) };
  }

  #peek(mm: Mm, a: Extract<Action, { op: "peek" }>): Outcome {
    const step = a.step ?? this.#page;
    const seen: (Word | "segv")[] = [];
    this.#visit(a, step, (vpn, offset) => {
      const frames = this.#reach(mm, vpn, offset, false);
      seen.push(frames === null ? "segv" : this.#read(frames, offset));
    });
    return { err: null, vals: spans(seen, Number(a.off), Number(step)) };
  }

  /** The frames that a word lies in, two where it goes on in the next page; null for SIGSEGV, with the first page faulted in. */
  #reach(mm: Mm, vpn: number, offset: number, write: boolean): readonly number[] | null {
    const first = this.#access(mm, vpn, write);
    if (first < 0) return null;
    if (offset + WORD_BYTES <= this.#page) return [first];
    const second = this.#access(mm, vpn + 1, write);
    // After a fault the instruction begins anew.
    return second < 0 ? null : [this.#access(mm, vpn, write), second];
  }

  #access(mm: Mm, vpn: number, write: boolean): number {
    return vpn < taskPages(mm) ? access(mm, vpn, write) : -1;
  }

  #write([pfn, next]: readonly number[], offset: number, value: Word): void {
    const contents = this.#kernel.contents!;
    if (next === undefined) return contents.write(pfn!, offset, value);
    const here = this.#page - offset;
    contents.writeBytes(pfn!, offset, here, BigInt(value));
    contents.writeBytes(next, 0, WORD_BYTES - here, BigInt(value) >> BigInt(8 * here));
  }

  #read([pfn, next]: readonly number[], offset: number): Word {
    const contents = this.#kernel.contents!;
    if (next === undefined) return contents.read(pfn!, offset);
    const here = this.#page - offset;
    const high = contents.readBytes(next, 0, WORD_BYTES - here) << BigInt(8 * here);
    return wordOf(contents.readBytes(pfn!, offset, here) | high);
  }

  #mincore(mm: Mm, a: Extract<Action, { op: "mincore" | "lock" | "unlock" }>): Outcome {
    const places = this.#range(a).len / BigInt(this.#page);
    this.#bound(places);
    let res: Uint8Array = new Uint8Array();
    const outcome = this.#call(a, "ENOMEM", (start, end) => {
      const result = mincore(mm, start, end);
      if (typeof result === "string") return result;
      res = result;
      return null;
    });
    if (outcome.err !== null) return outcome;
    // The recorder lists whole pages only, while the call itself rounds up.
    return {
      err: null,
      res: spans([...res.subarray(0, Number(places))], Number(a.off), this.#page).map(([off, n, bit]) => [
        off,
        n,
        bit ? 1 : 0,
      ]),
    };
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
