/**
 * A capture: the layout of a real process's memory at one moment, as JSON (plain or gzip), version 1. It holds the VMAs
 * and, as runs, what lies behind every page; nothing in it tells which machine, user, program or addresses it came from.
 *
 *   {"ptlab":"capture","version":1,
 *    "name":"sqlite",          only if the person who recorded it gave a label
 *    "arch":"x86-64",          one of ARCHES
 *    "kernel":"6.18",          Linux release, major.minor only
 *    "page":4096,              bytes of a base page: 4096, 16384 or 65536
 *    "pmdOrder":9,             a PMD entry maps 2^pmdOrder pages
 *    "VmPTE":5352,             kB of page tables by /proc/PID/status (PTE, PMD and PUD tables; the root is not in it)
 *    "raced":3,                pages whose folio changed while it was read, kept as order 0; left out when 0
 *    "vmas":[
 *     {"start":1024,"end":2927,     page numbers (address / page), half open; sorted, no overlap
 *      "perms":"r--p",              as in /proc/PID/maps
 *      "kind":"file",               anon | heap | stack | file | shmem | special
 *      "Rss":7612,"Anonymous":0,"AnonHugePages":0,"ShmemPmdMapped":0,"FilePmdMapped":0,   kB by smaps; 0 is left out
 *      "pmdCandidates":4,           only where mapping by PMD was a choice, see below
 *      "runs":[[page,n,class,pfn,order,index], ...]} ]}
 *
 * A run is `n` pages from page `page` of the VMA on, of one class. Runs are sorted and do not overlap; a page in no run
 * is not there. Classes:
 *
 *   A  anonymous, mapped by PTEs      F  file or shared memory, mapped by PTEs
 *   H  anonymous, mapped by a PMD     h  file or shared memory, mapped by a PMD
 *   Z  zero page; with pfn and order where it is the huge zero page, which is always mapped by a PMD
 *   S  swapped out, or on its way between two frames         G  guard region (kernels before 6.15 show it as S)
 *   X  other mapped memory: hugetlb, a device's or a driver's pages, frames without a descriptor
 *
 * A, H, F, h have all six members; Z has three or six; S, G and X have three. The frame numbers of a run are
 * consecutive, and so are the folio indexes: pages of order 0 that happen to be neighbours are one run, and so are
 * folios of one order. `index` is the first page's index in its folio (0 for order 0); folios are naturally aligned.
 *
 * Kept: which frames are contiguous, every frame's position within a PMD-sized block, which pages share a folio; every
 * page's position within a PMD-sized block, which VMAs touch, and which pages share a table at any level of a kernel
 * with 4K, 16K or 64K pages. Not kept: frame numbers, addresses, distances between VMAs that are a PMD-sized block or
 * more apart, names and offsets of files, program, arguments, ids of process and user, host, time. See `anonymize.ts`.
 *
 * Whether a page is mapped by a PMD is inferred, because /proc says it per VMA only: candidates are the aligned blocks
 * that one folio of PMD order fills. When smaps' amount equals the candidates, as is usual, the answer is exact. When it
 * is less, the lowest addresses are taken, and the VMA carries `pmdCandidates`, the number of blocks it was chosen from.
 *
 * Not in a capture: permissions, accessed and dirty bits of a single page, which /proc does not show; the contiguous bit.
 */

/** Layout versions that this program writes. */
export const CAPTURE_VERSION = 1;

/** What a capture may say it was recorded on; the page size is told apart from it. */
export const ARCHES = ["x86-64", "arm64-4k", "arm64-16k", "arm64-64k", "riscv", "s390", "other"] as const;
/** One of {@link ARCHES}. */
export type CaptureArch = (typeof ARCHES)[number];

/** Base pages, in bytes, that a capture may have. */
export const PAGE_SIZES = [4096, 16384, 65536] as const;

/** What a VMA holds, told by its name, which is not kept. */
export const KINDS = ["anon", "heap", "stack", "file", "shmem", "special"] as const;
/** One of {@link KINDS}. */
export type VmaKind = (typeof KINDS)[number];

/** Letters for what lies behind a page; the top of this file explains them. */
export const CLASSES = ["A", "H", "F", "h", "Z", "S", "G", "X"] as const;
/** What lies behind a page; the letters are explained at the top of this file. */
export type PageClass = (typeof CLASSES)[number];

/** Amounts of a VMA by smaps, in the order in which smaps prints them. */
export const AMOUNTS = ["Rss", "Anonymous", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped"] as const;
/** One of {@link AMOUNTS}. */
export type Amount = (typeof AMOUNTS)[number];
/** Kilobytes by name. */
export type Amounts = Readonly<Record<Amount, number>>;

/** Frame number of a run that has none. */
export const NO_PFN = -1;

/** Consecutive pages of one class; see the top of this file. Where there is no frame, `pfn` is {@link NO_PFN}. */
export interface Run {
  readonly page: number;
  readonly n: number;
  readonly cls: PageClass;
  readonly pfn: number;
  readonly order: number;
  readonly index: number;
}

/** One VMA; `start` and `end` are page numbers, half open. */
export interface CapturedVma {
  readonly start: number;
  readonly end: number;
  readonly perms: string;
  readonly kind: VmaKind;
  readonly amounts: Amounts;
  /** Blocks that could have been mapped by a PMD, where that is more than were; else 0. */
  readonly pmdCandidates: number;
  readonly runs: readonly Run[];
}

/** One recorded process. */
export interface Capture {
  /** The label that the person who recorded it gave, or an empty text. */
  readonly name: string;
  readonly arch: CaptureArch;
  readonly kernel: string;
  /** Bytes of a base page. */
  readonly page: number;
  readonly pmdOrder: number;
  /** Page tables by /proc/PID/status, in kB. */
  readonly vmPte: number;
  /** Pages whose folio changed while it was read. */
  readonly raced: number;
  readonly vmas: readonly CapturedVma[];
}

/** The label of a capture, or where it was recorded. */
export function captureName({ name, arch, kernel }: Capture): string {
  return name === "" ? `capture (${arch}, Linux ${kernel})` : name;
}

/** Does a class hold private anonymous memory? */
export function isAnon(cls: PageClass): boolean {
  return cls === "A" || cls === "H";
}

/** Does a class hold memory that belongs to a folio of its own (not the zero page, not a device's)? */
export function isMemory(cls: PageClass): boolean {
  return cls === "A" || cls === "H" || cls === "F" || cls === "h";
}

/** May nothing touch a VMA's pages? What Linux maps there are PROT_NONE entries, which hardware refuses. */
export function isProtNone({ perms }: CapturedVma): boolean {
  return perms.startsWith("---");
}

/** Does the hardware translate pages of this class (swap and guard entries are not present)? */
export function isMapped(cls: PageClass): boolean {
  return cls !== "S" && cls !== "G";
}

/** Is the run mapped by PMD entries? The huge zero page always is. */
export function isPmdMapped(run: Run): boolean {
  return run.cls === "H" || run.cls === "h" || (run.cls === "Z" && run.order > 0);
}

/** The file's text: one line for each VMA, so that versions of a file can be compared by eye. */
export function captureText(capture: Capture): string {
  const head = {
    ptlab: "capture",
    version: CAPTURE_VERSION,
    ...(capture.name === "" ? {} : { name: capture.name }),
    arch: capture.arch,
    kernel: capture.kernel,
    page: capture.page,
    pmdOrder: capture.pmdOrder,
    VmPTE: capture.vmPte,
    ...(capture.raced === 0 ? {} : { raced: capture.raced }),
  };
  const vmas = capture.vmas.map((vma) => JSON.stringify(vmaRecord(vma)));
  return `${JSON.stringify(head).slice(0, -1)},"vmas":[\n${vmas.join(",\n")}\n]}\n`;
}

function vmaRecord(vma: CapturedVma): object {
  const { start, end, perms, kind } = vma;
  const amounts = Object.fromEntries(AMOUNTS.filter((a) => vma.amounts[a] > 0).map((a) => [a, vma.amounts[a]]));
  const candidates = vma.pmdCandidates === 0 ? {} : { pmdCandidates: vma.pmdCandidates };
  return { start, end, perms, kind, ...amounts, ...candidates, runs: vma.runs.map(runRecord) };
}

function runRecord(run: Run): readonly (number | string)[] {
  const { page, n, cls, pfn, order, index } = run;
  return pfn === NO_PFN ? [page, n, cls] : [page, n, cls, pfn, order, index];
}
