/**
 * Builds the recorded process in the simulator: its VMAs, its folios, its page tables, so that operations can be tried on
 * a real layout.
 *
 * What a capture does not tell is filled in: anonymous pages are accessed, and where the VMA allows it writable and
 * dirty; file pages are accessed and read-only. Frames get new numbers: folios keep their size and sharing, while single
 * pages need not stay neighbours, and folios of order 1 become single pages. Not loaded: swapped pages (S), device memory
 * (X), and guards where the kernel profile has none; they are counted instead.
 *
 * The model has no files. Folios of a file are memory that the page cache maps too, so that they are copied on write and
 * outlive the mapping; they count among the process's anonymous pages. VMAs keep apart from each other as they did.
 */
import { A, Marker } from "../../arch/entry.ts";
import { pmdOrder, SWP_PTE_MARKER } from "../../arch/format.ts";
import { UserError } from "../../base/errors.ts";
import { formatSize } from "../../base/size.ts";
import { anonAttrs, protAttrs } from "../../mm/attrs.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { Mm } from "../../mm/mm.ts";
import { mapHuge, mapPages, newAnonFolio } from "../../mm/rmap.ts";
import { Vm } from "../../mm/vma.ts";
import { setLeaf } from "../../pgtable/huge.ts";
import { setPtes, setSoftleaf } from "../../pgtable/ptep.ts";
import type { Capture, CapturedVma, PageClass, Run } from "./format.ts";
import { isAnon, isPmdMapped } from "./format.ts";

/** A process built from a capture. */
export interface Loaded {
  readonly mm: Mm;
  /** Pages of the capture that were not loaded, by class. */
  readonly leftOut: Readonly<Partial<Record<PageClass, number>>>;
}

/**
 * Builds the process on a machine. Page size and PMD size of the machine's format must be the capture's, and its memory
 * must suffice; else a UserError. What it takes is counted in the machine's tally like any other work.
 */
export function loadCapture(kernel: Kernel, capture: Capture): Loaded {
  checkFits(kernel, capture);
  const loader: Loader = { kernel, mm: new Mm(kernel), cacheId: kernel.newMmId(), folios: new Map(), leftOut: {} };
  for (const vma of capture.vmas) {
    const flags = vmaFlags(vma);
    const anonVma = vma.runs.some((run) => isAnon(run.cls)) ? kernel.newAnonVma() : 0;
    loader.mm.vmas.append({
      start: vma.start,
      end: vma.end,
      flags,
      anonVma,
      pgoff: vma.start,
      forked: false,
      file: null,
      uffd: null,
    });
    for (const run of vma.runs) loadRun(loader, vma.start + run.page, asMade(run), flags);
  }
  return { mm: loader.mm, leftOut: loader.leftOut };
}

/** Only the page cache makes folios of order 1, and two pages of one fill no block of any kind. */
function asMade(run: Run): Run {
  return run.order === 1 ? { ...run, order: 0, index: 0 } : run;
}

interface Loader {
  readonly kernel: Kernel;
  readonly mm: Mm;
  /** Stands for the page cache among the owners of a folio. */
  readonly cacheId: number;
  /** First frame of a folio by its first frame in the capture. */
  readonly folios: Map<number, number>;
  readonly leftOut: Partial<Record<PageClass, number>>;
}

function checkFits(kernel: Kernel, capture: Capture): void {
  const { format, frames } = kernel;
  if (2 ** format.pageLg2 !== capture.page || pmdOrder(format) !== capture.pmdOrder)
    throw new UserError(
      `a capture with pages of ${formatSize(capture.page)} and PMD mappings of ` +
        `${formatSize(capture.page * 2 ** capture.pmdOrder)} does not fit the format ${format.name}`,
    );
  const end = capture.vmas.at(-1)?.end ?? 0;
  if (end > 2 ** (format.userVaBits - format.pageLg2))
    throw new UserError(
      `a capture with addresses up to page ${end} does not fit: ${format.name} has ${format.userVaBits} bits`,
    );
  const pages = capture.vmas.reduce((sum, vma) => sum + vma.runs.reduce((n, run) => n + neededPages(run), 0), 0);
  if (pages > frames.total - frames.used)
    throw new UserError(
      `this capture needs ${formatSize(pages * capture.page)} of memory: ` +
        `the machine has ${formatSize((frames.total - frames.used) * capture.page)} left`,
    );
}

/** At most this many frames are needed for a run; entries of other classes count too, which bounds the work. */
function neededPages(run: Run): number {
  if (run.cls === "S" || run.cls === "X") return 0;
  return run.order === 0 ? run.n : Math.ceil((run.index + run.n) / 2 ** run.order) * 2 ** run.order;
}

function vmaFlags(vma: CapturedVma): number {
  const bit = (letter: string, flag: number) => (vma.perms.includes(letter) ? flag : 0);
  const flags = bit("r", Vm.read) | bit("w", Vm.write) | bit("x", Vm.exec) | bit("s", Vm.shared);
  // What Linux counts against the commit limit: private and writable.
  return (flags & (Vm.write | Vm.shared)) === Vm.write ? flags | Vm.account : flags;
}

function loadRun(loader: Loader, vpn: number, run: Run, flags: number): void {
  const guardless = run.cls === "G" && !loader.kernel.profile.guards;
  if (run.cls === "S" || run.cls === "X" || guardless) loader.leftOut[run.cls] = (loader.leftOut[run.cls] ?? 0) + run.n;
  else if (run.cls === "G")
    perTable(loader, vpn, run.n, (slot, n) => setSoftleaf(loader.mm.pt, slot, n, SWP_PTE_MARKER, Marker.guard));
  else if (isPmdMapped(run)) loadHuge(loader, vpn, run, flags);
  else if (run.cls === "Z") loadZero(loader, vpn, run.n, flags);
  else loadFolios(loader, vpn, run, flags);
}

/** Calls back with the slots of level 0, one PTE table at a time, and the number of the first page among all. */
function perTable(loader: Loader, vpn: number, n: number, use: (slot: number, n: number, done: number) => void): void {
  const { pt } = loader.mm;
  const span = pt.span[1]!;
  for (let done = 0; done < n; ) {
    const part = Math.min(n - done, span - ((vpn + done) % span));
    use(pt.findOrMake(vpn + done, 0), part, done);
    done += part;
  }
}

function loadZero(loader: Loader, vpn: number, n: number, flags: number): void {
  const attrs = protAttrs(flags) | A.young | A.special;
  perTable(loader, vpn, n, (slot, part) => {
    for (let i = 0; i < part; i++) setPtes(loader.mm.pt, slot + i, loader.kernel.zeroPfn, attrs, 1);
  });
}

/** Huge mappings. The model keeps a table in reserve for each, which Linux does for anonymous ones only. */
function loadHuge(loader: Loader, vpn: number, run: Run, flags: number): void {
  const { kernel, mm } = loader;
  const size = 2 ** run.order;
  for (let i = 0; i < run.n; i += size) {
    mm.pt.deposit();
    const slot = mm.pt.findOrMake(vpn + i, 1);
    if (run.cls === "Z") setLeaf(mm.pt, slot, 1, kernel.hugeZeroPfn, protAttrs(flags) | A.young | A.special);
    else {
      const pfn = frameOf(loader, run.pfn + i, run);
      setLeaf(mm.pt, slot, 1, pfn, attrsOf(run, flags));
      mapHuge(mm, pfn);
    }
  }
}

/** One `setPtes` for each stretch of one folio in one table, as a fault or fault-around would do it. */
function loadFolios(loader: Loader, vpn: number, run: Run, flags: number): void {
  const size = 2 ** run.order;
  const attrs = attrsOf(run, flags);
  for (let i = 0; i < run.n; ) {
    const first = run.pfn + i;
    const n = Math.min(run.n - i, size - (first % size));
    const pfn = frameOf(loader, first, run);
    perTable(loader, vpn + i, n, (slot, part, done) => {
      setPtes(loader.mm.pt, slot, pfn + done, attrs, part);
      mapPages(loader.mm, pfn + done, part);
    });
    i += n;
  }
}

function attrsOf(run: Run, flags: number): number {
  return isAnon(run.cls) ? anonAttrs(flags) : protAttrs(flags) | A.young;
}

/** The machine's frame for a frame of the capture; its folio is made when it is first met. */
function frameOf(loader: Loader, pfn: number, run: Run): number {
  const index = pfn % 2 ** run.order;
  const known = loader.folios.get(pfn - index);
  if (known !== undefined) return known + index;
  const head = isAnon(run.cls) ? newAnonFolio(loader.kernel, run.order) : newCacheFolio(loader, run.order);
  if (head < 0) throw new UserError(`the machine's memory has no free folio of order ${run.order} left`);
  loader.folios.set(pfn - index, head);
  return head + index;
}

/** A folio of the page cache, which stays when no process maps it: the cache holds it as if it mapped it once. */
function newCacheFolio({ kernel, cacheId }: Loader, order: number): number {
  const head = kernel.frames.alloc(order);
  if (head < 0) return head;
  kernel.frames.addMapcount(head, 2 ** order, 1);
  if (order > 0) kernel.mmIds.add(head, cacheId, 2 ** order, 2 ** order);
  return head;
}
