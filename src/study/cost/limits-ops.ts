/**
 * The operations whose times a calibration file holds, carried out in the simulated kernel and counted: the same calls in the
 * same order on memory of the same kind, as the program that recorded the file makes them.
 *
 * Counts grow by the page but for what a call does once, so two small sizes say what any size counts: see {@link countsPerPage}.
 */
import { Kind } from "../../arch/entry.ts";
import { E, newTally, type Tally } from "../../base/tally.ts";
import { walkPageRange } from "../../design/pagewalk-entry.ts";
import { guardRemoveWalk, mincoreOps, pagemapOps } from "../../design/pagewalk-ops.ts";
import { newPagemap } from "../../design/read.ts";
import { access } from "../../mm/fault.ts";
import { exit, fork } from "../../mm/fork.ts";
import { madvise } from "../../mm/madvise.ts";
import { mincore } from "../../mm/mincore.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap, munmap } from "../../mm/mmap.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { mremap } from "../../mm/mremap.ts";
import { Vm } from "../../mm/vma.ts";
import { guardInstallByWalk, walkMmOf } from "../../mm/walk-mm.ts";
import { kernelFor, studyVpn } from "../layout.ts";

/** Order of the folios that a mode's faults take, by the ending of a row's name. */
const ORDERS: Readonly<Record<string, number>> = { "2m": 9, "64k": 4 };

/** Where an operation acts. */
interface At {
  readonly mm: Mm;
  readonly start: number;
  readonly end: number;
}

/** One timed operation: what is done before, and what is counted. A process that `act` needs besides is made before. */
interface LimitOp {
  readonly before?: (at: At) => unknown;
  readonly act: (at: At) => unknown;
  /** By which design the kernel's own function walks: the generic pagewalk, or nests of its own (the default). */
  readonly design?: "pagewalk";
  /** A row that times the same loop without the kernel: its time is not the operation's. */
  readonly less?: string;
}

const advise =
  (advice: string) =>
  ({ mm, start, end }: At) =>
    madvise(mm, start, end, advice);

const fill = advise("populate_write");

const touch =
  (write: boolean) =>
  ({ mm, start, end }: At) => {
    for (let vpn = start; vpn < end; vpn++) access(mm, vpn, write);
  };

const forkChild = (at: At): At => ({ ...at, mm: fork(at.mm) });

const forkAndExit = (at: At) => exit(forkChild(at).mm);

/** MADV_GUARD_INSTALL as Linux has it: by the pagewalk's callbacks. */
const installGuards = ({ mm, start, end }: At) => {
  mm.kernel.tally[E.systemCalls]!++;
  return guardInstallByWalk(mm, start, end);
};

const removeGuards = ({ mm, start, end }: At) => {
  mm.kernel.tally[E.systemCalls]!++;
  return guardRemoveWalk(walkMmOf(mm).findVma(start)!, start, end);
};

const protect =
  (access: number) =>
  ({ mm, start, end }: At) =>
    mprotect(mm, start, end, access);

/** A read of /proc/PID/pagemap: eight bytes a page, and a look at the folio of each that is there (`pte_to_pagemap_entry`). */
const readPagemap = ({ mm, start, end }: At) => {
  const { tally } = mm.kernel;
  const map = newPagemap(end - start);
  walkPageRange(walkMmOf(mm), start, end, pagemapOps(map, start));
  tally[E.systemCalls]!++;
  tally[E.bytesReported]! += 8 * (end - start);
  tally[E.foliosTouched]! += folios(mm, start, end);
};

/** Folios that a reader of entries meets in memory that is all there: one by entry of level 0, one by huge leaf. */
function folios({ pt }: Mm, start: number, end: number): number {
  let n = 0;
  for (let vpn = start; vpn < end; vpn += pt.span[1]!) n += pt.kind(pt.find(vpn, 1), 1) === Kind.leaf ? 1 : pt.span[1]!;
  return n;
}

/** PAGEMAP_SCAN: the entries are reached as mincore reaches them, but only regions are copied out, of which there is one. */
const scan = ({ mm, start, end }: At) => {
  mm.kernel.tally[E.systemCalls]!++;
  walkPageRange(walkMmOf(mm), start, end, mincoreOps(new Uint8Array(end - start), start));
};

/** To a place so many pages past the first boundary of a PTE table behind the memory. */
const move =
  (past: number) =>
  ({ mm, start, end }: At) => {
    const pages = end - start;
    return mremap(mm, { start, oldPages: pages, newPages: pages, to: end + 4 * mm.pt.span[1]! + past });
  };

/** Advice on one page in the middle of each huge leaf. */
const cutHuge =
  (advice: string) =>
  ({ mm, start, end }: At) => {
    const huge = mm.pt.span[1]!;
    for (let vpn = start + huge / 2; vpn < end; vpn += huge) madvise(mm, vpn, vpn + 1, advice);
  };

const both = (first: (at: At) => unknown, second: (at: At) => unknown) => (at: At) => {
  first(at);
  second(at);
};

const OPS: Readonly<Record<string, LimitOp>> = {
  touch_write: { act: touch(true), less: "touch_present" },
  touch_read: { act: touch(false), less: "touch_present" },
  populate_write: { act: fill },
  populate_read: { act: advise("populate_read") },
  guard_install_empty: { act: installGuards },
  guard_install_tables: { before: both(installGuards, removeGuards), act: installGuards },
  guard_install_again: { before: installGuards, act: installGuards },
  guard_remove: { before: installGuards, act: removeGuards },
  guard_install_populated: { before: fill, act: installGuards },
  fork: { before: fill, act: forkChild },
  fork_exit: { before: fill, act: forkAndExit },
  cow_copy: { before: both(fill, forkChild), act: touch(true), less: "touch_present" },
  cow_reuse: { before: both(fill, forkAndExit), act: touch(true), less: "touch_present" },
  munmap: { before: fill, act: ({ mm, start, end }) => munmap(mm, start, end) },
  dontneed: { before: fill, act: advise("dontneed") },
  mprotect_r: { before: fill, act: protect(Vm.read) },
  mprotect_rw: { before: both(fill, protect(Vm.read)), act: protect(Vm.read | Vm.write) },
  cold: { before: fill, act: advise("cold") },
  mincore: { before: fill, act: ({ mm, start, end }) => mincore(mm, start, end), design: "pagewalk" },
  mincore_empty: { act: ({ mm, start, end }) => mincore(mm, start, end), design: "pagewalk" },
  scan_present: { before: fill, act: scan },
  scan_swapped: { before: fill, act: scan },
  scan_none_tables: { before: both(installGuards, removeGuards), act: scan },
  pagemap_read: { before: fill, act: readPagemap },
  mremap_aligned: { before: fill, act: move(0) },
  mremap_shift: { before: fill, act: move(1) },
  free: { before: fill, act: advise("free") },
  free_cut: { before: fill, act: cutHuge("free") },
  collapse: { before: fill, act: advise("collapse") },
  split: { before: fill, act: cutHuge("dontneed") },
};

/** What a row of a calibration file times: the operation and the order of its folios; null for a row that is no operation of these. */
export function limitOp(row: string): { readonly op: LimitOp; readonly order: number } | null {
  const ending = /_(4k|64k|2m)$/.exec(row)?.[1];
  const name = ending === undefined ? row : row.slice(0, -ending.length - 1);
  const op = Object.hasOwn(OPS, name) ? OPS[name] : undefined;
  return op === undefined ? null : { op, order: ORDERS[ending ?? "4k"] ?? 0 };
}

/** The row whose time is part of this row's and not the kernel's; null if there is none. */
export function rowWithin(row: string): string | null {
  const less = limitOp(row)?.op.less;
  return less === undefined ? null : `${less}_${limitOp(row)!.order === 0 ? "4k" : "2m"}`;
}

/** What an operation counts on so many pages. */
function countsOn({ op, order }: { op: LimitOp; order: number }, pages: number): Tally {
  const kernel = kernelFor(`order ${order}`, { arch: "x86-64", kernel: "6.18", design: op.design ?? "folded" });
  const mm = new Mm(kernel);
  const start = studyVpn(kernel.format);
  mmap(mm, { start, pages, flags: Vm.read | Vm.write });
  const at = { mm, start, end: start + pages };
  op.before?.(at);
  const before = kernel.tally.slice();
  op.act(at);
  return kernel.tally.map((n, i) => n - before[i]!);
}

/** Pages of the smaller of the two runs: two PTE tables' worth. */
const SMALL = 1024;

/**
 * Events by page of a row's operation on so many pages: a part by the page and a part by the call, found from runs of two
 * sizes. Exact, as long as no table above the PMD tables comes in, which are one for 1 GiB.
 */
export function countsPerPage(row: string, pages: number): Float64Array {
  const op = limitOp(row);
  if (op === null) return newTally();
  const [small, large] = [countsOn(op, SMALL), countsOn(op, 2 * SMALL)];
  return small.map((n, i) => {
    const slope = (large[i]! - n) / SMALL;
    return slope + (n - slope * SMALL) / pages;
  });
}
