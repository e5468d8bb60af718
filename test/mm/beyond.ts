/**
 * Scripts beyond the op-script grammar (swap, userfaultfd, pins, the deferred split queue), carried out on the model with the
 * same records as `test/golden/beyond/beyond.c` prints of a real kernel.
 */
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { deferredSplitScan } from "../../src/mm/deferred.ts";
import { access, BUS } from "../../src/mm/fault.ts";
import type { CacheFile } from "../../src/mm/file.ts";
import { punchHole, truncate } from "../../src/mm/file-size.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import { Kernel } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { mincore } from "../../src/mm/mincore.ts";
import { mlock, munlock } from "../../src/mm/mlock.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap, munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { mremap } from "../../src/mm/mremap.ts";
import { type Pins, pinUserPages, unpinUserPages } from "../../src/mm/pin.ts";
import { isFilePage } from "../../src/mm/rmap.ts";
import { newFile } from "../../src/mm/shmem.ts";
import { swapOut } from "../../src/mm/swap-io.ts";
import {
  type UffdFeatures,
  Userfaultfd,
  uffdCopy,
  uffdPoison,
  uffdRegister,
  uffdUnregister,
  uffdWriteProtect,
  uffdZeropage,
} from "../../src/mm/userfaultfd.ts";
import { Vm } from "../../src/mm/vma.ts";
import { markerOf, swapPteAt } from "../../src/pgtable/softleaf.ts";

/** The state of one process: table pages, pages in swap, and for each region its pages as runs and its VMAs. */
export interface BeyondProc {
  readonly p: number;
  readonly pte: number;
  readonly swap: number;
  readonly regions: readonly { r: string; runs: string; vmas: readonly (readonly (number | string)[])[] }[];
}

/** What one line came to. */
export interface BeyondRecord {
  readonly op: string;
  readonly rc: number;
  readonly err: string | null;
  readonly flt: number;
  readonly sig?: readonly (readonly [number, number, string])[];
  readonly vals?: readonly (readonly [number, number, number])[];
  readonly procs: readonly BeyondProc[];
}

interface Region {
  readonly name: string;
  pages: number;
}

/** Lines of which faults are counted, as in the recorder. */
const TOUCHES = new Set(["read", "write", "peek"]);

type Outcome = { err: string | null; sig?: [number, number, string][]; vals?: [number, number, number][] };

const OK: Outcome = { err: null };
/** 0x200000000000, and 512 GiB, in pages. */
const [BASE, SLOT] = [2 ** 33, 2 ** 27];
const FEATURES: Readonly<Record<string, keyof UffdFeatures>> = {
  wp_unpopulated: "wpUnpopulated",
  event_fork: "eventFork",
  event_remap: "eventRemap",
};

/** Runs one script on a fresh machine with swap. */
export function runBeyond(lines: readonly string[], arch = "x86-64", kernel = "6.18"): BeyondRecord[] {
  const run = new Run(arch, kernel);
  return lines.map((line) => run.step(line));
}

class Run {
  readonly #kernel: Kernel;
  readonly #procs: (Mm | undefined)[];
  readonly #regions: Region[] = [];
  readonly #baseTables: number;
  #features: UffdFeatures = {};
  #uffd: Userfaultfd | null = null;
  #pins: Pins = [];
  readonly #files = new Map<string, CacheFile>();
  readonly #firstStats = new Map<string, number[]>();

  constructor(arch: string, kernel: string) {
    this.#kernel = new Kernel({ arch, kernel, contents: true, swap: 2 ** 28 });
    this.#procs = [new Mm(this.#kernel)];
    this.#baseTables = 0;
  }

  /** Every `Mm` of the machine that lives. */
  step(line: string): BeyondRecord {
    const [p, words] = line.startsWith("@") ? [Number(line[1]), line.slice(3).split(" ")] : [0, line.split(" ")];
    const mm = this.#procs[p]!;
    const before = mm.faults;
    const { err, sig, vals } = this.#act(mm, p, words as [string, ...string[]]);
    const flt = TOUCHES.has(words[0]!) ? mm.faults - before : 0;
    return {
      op: line,
      rc: err === null ? 0 : -1,
      err,
      flt,
      ...(sig === undefined || sig.length === 0 ? {} : { sig }),
      ...(vals === undefined || vals.length === 0 ? {} : { vals }),
      procs: this.#procs.flatMap((m, i) => (m === undefined ? [] : [this.#state(m, i)])),
    };
  }

  #act(mm: Mm, p: number, [op, ...args]: [string, ...string[]]): Outcome {
    switch (op) {
      case "knob":
        return { err: this.#kernel.thp.set(args[0]!, args[1]!) };
      case "features":
        this.#features = Object.fromEntries(args.map((word) => [FEATURES[word]!, true]));
        return OK;
      case "stats":
        return { err: null, vals: this.#stats(args[0]!).map((v, i) => [i, 1, v]) };
      case "drop":
        deferredSplitScan(this.#kernel);
        return OK;
      case "fork":
        this.#procs.push(fork(mm));
        return OK;
      case "exit":
        exit(mm);
        this.#procs[p] = undefined;
        return OK;
      case "unpin":
        unpinUserPages(mm, this.#pins);
        return OK;
      case "map":
        return this.#map(mm, args);
      case "file":
      case "disk":
        return this.#newFile(args, op === "file");
      case "truncate":
        truncate(this.#files.get(args[0]!)!, Number(args[1]));
        return OK;
      case "punch":
        punchHole(this.#files.get(args[0]!)!, Number(args[1]), Number(args[1]) + Number(args[2]));
        return OK;
      default:
        return this.#ranged(mm, op, args);
    }
  }

  #map(mm: Mm, [name, pages, ...words]: string[]): Outcome {
    const start = this.#region(name!, Number(pages));
    const prot = words.find((w) => w.startsWith("prot="))?.slice(5) ?? "rw";
    const access = (prot.includes("r") ? Vm.read : 0) | (prot.includes("w") ? Vm.write : 0);
    const flags = access | (words.includes("shared") ? Vm.shared : 0);
    const file = this.#files.get(words.find((w) => w.startsWith("file="))?.slice(5) ?? "");
    const pgoff = Number(words.find((w) => w.startsWith("pgoff="))?.slice(6) ?? 0);
    const backing = file === undefined ? {} : { backing: { file, pgoff } };
    return { err: mmap(mm, { start, pages: Number(pages), flags, populate: words.includes("populate"), ...backing }) };
  }

  /** With `full` every page is in the cache, and its first word says which it is. */
  #newFile([name, size, full]: string[], isShmem: boolean): Outcome {
    const { frames, contents } = this.#kernel;
    const file = newFile(this.#kernel, Number(size), isShmem);
    for (let i = 0; full && i < file.pages; i++) {
      const pfn = frames.alloc(0);
      file.add(i, pfn);
      contents!.write(pfn, 0, 1000 + i);
    }
    this.#files.set(name!, file);
    return OK;
  }

  #region(name: string, pages: number): number {
    let i = this.#regions.findIndex((r) => r.name === name);
    if (i < 0) i = this.#regions.push({ name, pages }) - 1;
    this.#regions[i]!.pages = pages;
    return BASE + i * SLOT;
  }

  #ranged(mm: Mm, op: string, [name, ...rest]: string[]): Outcome {
    const i = this.#regions.findIndex((r) => r.name === name);
    const from = /^\d/.test(rest[0] ?? "") ? Number(rest.shift()) : 0;
    const n = /^\d/.test(rest[0] ?? "") ? Number(rest.shift()) : this.#regions[i]!.pages - from;
    const base = BASE + i * SLOT;
    return this.#call(mm, op, base, base + from, base + from + n, rest);
  }

  #call(mm: Mm, op: string, base: number, start: number, end: number, rest: string[]): Outcome {
    switch (op) {
      case "read":
      case "write":
      case "peek":
        return this.#touch(mm, op, base, start, end, rest);
      case "protnone":
        return { err: mprotect(mm, start, end, 0) };
      case "protr":
        return { err: mprotect(mm, start, end, Vm.read) };
      case "protrw":
        return { err: mprotect(mm, start, end, Vm.read | Vm.write) };
      case "lock":
        return { err: mlock(mm, start, end) };
      case "unlock":
        return { err: munlock(mm, start, end) };
      case "unmap":
        return { err: munmap(mm, start, end) };
      case "mincore": {
        const there = mincore(mm, start, end);
        if (typeof there === "string") return { err: there };
        return { err: null, vals: joined([...there].map((bit, i) => [start + i - base, bit])) };
      }
      case "remap":
        return this.#remap(mm, start, end, rest[0]!);
      case "swapout":
        return this.#swapOut(mm, start, end);
      case "pin": {
        const pins = pinUserPages(mm, start, end);
        if (typeof pins === "string") return { err: pins };
        this.#pins = pins;
        return OK;
      }
      case "uffd":
        this.#uffd ??= new Userfaultfd(this.#features);
        return { err: uffdRegister(mm, this.#uffd, start, end, modes(rest[0]!)) };
      case "unuffd":
        return { err: uffdUnregister(mm, start, end) };
      case "ucopy":
        return uffdCopy(mm, start, end, (pfn, vpn) => this.#kernel.contents!.write(pfn, 0, 500 + vpn - base));
      case "uzero":
        return uffdZeropage(mm, start, end);
      case "upoison":
        return uffdPoison(mm, start, end);
      case "uwp":
        return { err: uffdWriteProtect(mm, start, end, true) };
      case "unwp":
        return { err: uffdWriteProtect(mm, start, end, false) };
      default:
        return { err: madvise(mm, start, end, op) };
    }
  }

  #remap(mm: Mm, start: number, end: number, name: string): Outcome {
    const to = this.#region(name, end - start);
    return { err: mremap(mm, { start, oldPages: end - start, newPages: end - start, to }) };
  }

  /** The recorder says EBUSY when something would not go, after many tries. */
  #swapOut(mm: Mm, start: number, end: number): Outcome {
    swapOut(mm, start, end);
    for (let vpn = start; vpn < end; vpn++) {
      const slot = mm.pt.find(vpn, 0);
      if (
        slot < 0
          ? mm.pt.find(vpn, 1) >= 0 && mm.pt.kind(mm.pt.find(vpn, 1), 1) === Kind.leaf
          : mm.pt.kind(slot, 0) === Kind.leaf
      )
        return { err: "EBUSY" };
    }
    return OK;
  }

  #touch(mm: Mm, op: string, base: number, start: number, end: number, rest: string[]): Outcome {
    const sig: [number, number, string][] = [];
    const vals: [number, number][] = [];
    const given = rest.find((w) => w.startsWith("val="));
    for (let vpn = start; vpn < end; vpn++) {
      const page = vpn - base;
      const pfn = access(mm, vpn, op === "write");
      if (pfn < 0) sig.push([page, 1, pfn === BUS ? "bus" : "segv"]);
      else if (op === "write") this.#kernel.contents!.write(pfn, 0, given ? Number(given.slice(4)) : page + 1);
      else if (op === "peek") vals.push([page, Number(this.#kernel.contents!.read(pfn, 0))]);
    }
    return { err: null, sig: joinedSignals(sig), vals: joined(vals) };
  }

  #stats(size: string): number[] {
    const order = Math.log2(Number.parseInt(size, 10) / 4);
    const { nrAnonPartiallyMapped, split, splitDeferred } = this.#kernel.thpStats(order);
    const now = [nrAnonPartiallyMapped, split, splitDeferred];
    const first = this.#firstStats.get(size) ?? now;
    this.#firstStats.set(size, first);
    return now.map((v, i) => v - first[i]!);
  }

  #state(mm: Mm, p: number): BeyondProc {
    const tables = mm.pt.tablesAt.slice(0, mm.pt.format.accountedLevel + 1).reduce((a, b) => a + b, 0);
    const regions = this.#regions.map(({ name, pages }, i) => {
      const base = BASE + i * SLOT;
      return { r: name, runs: runsOf(mm, base, pages), vmas: areasOf(mm, base, pages) };
    });
    return { p, pte: tables - this.#baseTables, swap: mm.swapEnts, regions };
  }
}

function modes(text: string): number {
  const flag = (word: string, bit: number) => (text.includes(word) ? bit : 0);
  return flag("missing", Vm.uffdMissing) | flag("wp", Vm.uffdWp) | flag("minor", Vm.uffdMinor);
}

function joined(list: readonly (readonly [number, number])[]): [number, number, number][] {
  const out: [number, number, number][] = [];
  for (const [page, v] of list) {
    const last = out.at(-1);
    if (last !== undefined && last[2] === v && last[0] + last[1] === page) last[1]++;
    else out.push([page, 1, v]);
  }
  return out;
}

function joinedSignals(list: readonly [number, number, string][]): [number, number, string][] {
  const out: [number, number, string][] = [];
  for (const [page, n, s] of list) {
    const last = out.at(-1);
    if (last !== undefined && last[2] === s && last[0] + last[1] === page) last[1] += n;
    else out.push([page, n, s]);
  }
  return out;
}

function runsOf(mm: Mm, base: number, pages: number): string {
  const out: [number, string][] = [];
  for (let i = 0; i < pages; i++) {
    const cls = classOf(mm, base + i);
    const last = out.at(-1);
    if (last !== undefined && last[1] === cls) last[0]++;
    else out.push([1, cls]);
  }
  return out.map(([n, cls]) => `${n}${cls}`).join(" ");
}

/** The letters of the recorder: its header explains them. */
function classOf(mm: Mm, vpn: number): string {
  const { pt, kernel } = mm;
  const pmd = pt.find(vpn, 1);
  if (pmd >= 0 && pt.kind(pmd, 1) === Kind.leaf) {
    const [head, attrs] = [pt.pfn(pmd, 1), pt.attrs(pmd, 1)];
    if (kernel.isHugeZero(head)) return "Z";
    return `A${kernel.frames.mapcount(head) === 1 ? "x" : ""}${attrs & A.uffdWp ? "w" : ""}`;
  }
  const slot = pt.find(vpn, 0);
  if (slot < 0 || pt.kind(slot, 0) === Kind.none) return ".";
  const marker = markerOf(pt, slot);
  if (marker) return marker & Marker.guard ? "g" : marker & Marker.poisoned ? "P" : "w";
  if (pt.kind(slot, 0) === Kind.softleaf) return swapPteAt(pt, slot).attrs & A.uffdWp ? "sw" : "s";
  const [pfn, attrs] = [pt.pfn(slot), pt.attrs(slot)];
  const w = attrs & A.uffdWp ? "w" : "";
  const letter = isFilePage(kernel, pfn) ? "f" : "a";
  return attrs & A.special ? `z${w}` : `${letter}${kernel.frames.mapcount(pfn) === 1 ? "x" : ""}${w}`;
}

const FLAGS: readonly (readonly [string, number])[] = [
  ["um", Vm.uffdMissing],
  ["uw", Vm.uffdWp],
  ["ui", Vm.uffdMinor],
  ["wf", Vm.wipeonfork],
  ["hg", Vm.hugepage],
  ["lo", Vm.locked],
];

/** The VMA flag of guards is not listed: kernels differ in whether they show one. */
function areasOf(mm: Mm, base: number, pages: number): (number | string)[][] {
  return mm.vmas.overlapping(base, base + pages).map((vma) => {
    let [file, anon, swap] = [0, 0, 0];
    for (let vpn = vma.start; vpn < vma.end; vpn++) {
      const cls = classOf(mm, vpn)[0]!;
      if (cls === "a" || cls === "A") anon++;
      else if (cls === "f") file++;
      else if (cls === "s") swap++;
    }
    const flags = FLAGS.flatMap(([name, bit]) => (vma.flags & bit ? [name] : [])).join(" ");
    return [vma.start - base, vma.end - vma.start, file + anon, anon, swap, flags];
  });
}
