/**
 * A traced process's memory, mapped anew by the simulated kernel under a policy: areas around what the trace touches, and each page
 * faulted in when the trace first touches it, so that folios, leaves and contiguous bits are what Linux's rules give.
 *
 * Modelled, not recorded: a trace has addresses and no mappings. An area is what is touched without a gap of 2M, no further; every
 * area is private anonymous memory, program text and files too, writable throughout, and executable where instructions were fetched.
 * A page's first access is a write, since what a trace only reads was written before the recording began, or comes from a file.
 *
 * A format whose user addresses end below the trace's has the areas moved down, in their order: each goes to the lowest free place
 * that leaves its address the same modulo 1G, or where that is too much modulo 4M, so that alignment for huge pages stays.
 */
import { type Format, pmdOrder } from "../../arch/format.ts";
import { formatNamed } from "../../arch/formats.ts";
import { invariant, UserError } from "../../base/errors.ts";
import { formatSize, GiB, MiB } from "../../base/size.ts";
import { access } from "../../mm/fault.ts";
import { Kernel } from "../../mm/kernel.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap, taskPages } from "../../mm/mmap.ts";
import { Vm } from "../../mm/vma.ts";
import { type AccessWords, lineAt, setAccess } from "../../mmu/access-words.ts";
import type { TraceArea, TraceSummary } from "./summary.ts";

/** How a trace's memory is mapped; the same as `Policy` of the walk-cost studies. */
export interface TracePolicy {
  /** Format name. */
  readonly format: string;
  /** Folio order that the knobs allow besides 0: 4 is 64K of 4K pages. */
  readonly order: number;
  /** Whether the kernel uses arm64's contiguous bit. No difference on formats without one. */
  readonly contpte: boolean;
}

/** What mapping needs of a trace's summary. */
export interface Touched {
  readonly areas: readonly Omit<TraceArea, "pages">[];
  readonly touches: TraceSummary["touches"];
}

/** An area as mapped. Page numbers are of the format's base pages. */
export interface MappedArea {
  readonly start: number;
  readonly end: number;
  /** Bytes that the trace's addresses are moved up by; negative is down. */
  readonly shift: number;
}

/** A process that a trace can run on. */
export interface MappedTrace {
  readonly policy: TracePolicy;
  readonly mm: Mm;
  readonly areas: readonly MappedArea[];
  /** Frame that the first access to each touched page reached, by page of the format. */
  readonly frames: ReadonlyMap<number, number>;
  /** Whether addresses had to be moved. */
  readonly moved: boolean;
  /** Accesses of the trace as the process has them: the same array, unless addresses were moved. */
  place(words: AccessWords): AccessWords;
}

/** Log two of the bytes of the pages that summaries count in. */
const SUMMARY_LG2 = 12;

/**
 * Builds the process. Throws {@link UserError} for a policy that the format does not have, or if the areas do not fit. The summary may be
 * of a longer trace than the one that is run, not of a shorter one.
 */
export function mapTrace(
  summary: Touched,
  policy: TracePolicy,
  kernel: Kernel = newKernel(summary, policy),
): MappedTrace {
  const { pageLg2 } = kernel.format;
  const mm = new Mm(kernel);
  const areas = placeAreas(mm, summary);
  const finder = new AreaFinder(areas, pageLg2);
  const frames = new Map<number, number>();
  for (const page of summary.touches) {
    const vpn = Math.floor((page * 2 ** SUMMARY_LG2 + finder.shiftOf(page)) / 2 ** pageLg2);
    if (frames.has(vpn)) continue;
    const pfn = access(mm, vpn, true);
    invariant(pfn >= 0, `the first write to page ${vpn} ended in a signal`);
    frames.set(vpn, pfn);
  }
  const moved = areas.some(({ shift }) => shift !== 0);
  return { policy, mm, areas, frames, moved, place: (words) => (moved ? finder.place(words) : words) };
}

/** Memory beside the areas, for zero pages and for what the buddy allocator cannot use. */
const SLACK = 256 * MiB;

function newKernel({ areas, touches }: Touched, { format, order, contpte }: TracePolicy): Kernel {
  const inAreas = areas.reduce((sum, { start, end }) => sum + (end - start), 0) * 2 ** SUMMARY_LG2;
  // A touch takes one folio at most, and an area may be terabytes that are hardly touched.
  const bytes = Math.min(inAreas, touches.length * 2 ** (formatNamed(format).pageLg2 + order));
  const memory = bytes > 16 * GiB ? 2 * bytes + SLACK : undefined;
  const kernel = new Kernel({ arch: format, contpte, memory });
  if (order === 0) return kernel;
  const kB = 2 ** (kernel.format.pageLg2 + order - 10);
  if (kernel.thp.set(`hugepages-${kB}kB/enabled`, "always") === null) return kernel;
  throw new UserError(`no folios of order ${order} on ${format}: 0 and 2 to ${pmdOrder(kernel.format)} are allowed`);
}

/** Maps the areas where they are, or moved down if one does not fit there. */
function placeAreas(mm: Mm, { areas }: Pick<Touched, "areas">): MappedArea[] {
  const { format } = mm.kernel;
  const placed = placesFor(areas, format, taskPages(mm));
  for (const [i, { start, end }] of placed.entries()) {
    const exec = areas[i]!.fetched ? Vm.exec : 0;
    const err = mmap(mm, { start, pages: end - start, flags: Vm.read | Vm.write | Vm.noreserve | exec });
    invariant(err === null, `mmap of [${start}, ${end}): ${err}`);
  }
  return placed;
}

/** What stays of an address when areas are moved, in bytes, the most that fits. */
const KEPT = [GiB, 4 * MiB];

function placesFor(areas: Touched["areas"], { name, pageLg2 }: Format, most: number): MappedArea[] {
  const down = (page: number) => Math.floor(page / 2 ** (pageLg2 - SUMMARY_LG2));
  const up = (page: number) => Math.ceil(page / 2 ** (pageLg2 - SUMMARY_LG2));
  const wanted = areas.map(({ start, end }) => ({ start: down(start), end: up(end), shift: 0 }));
  if ((wanted.at(-1)?.end ?? 0) <= most) return wanted;
  for (const kept of KEPT) {
    const packed = packedDown(wanted, kept / 2 ** pageLg2, 2 ** pageLg2);
    if (packed.at(-1)!.end <= most) return packed;
  }
  const bytes = wanted.reduce((sum, { start, end }) => sum + (end - start), 0) * 2 ** pageLg2;
  throw new UserError(
    `the trace's ${areas.length} areas of ${formatSize(bytes)} in all do not fit into the ${formatSize(most * 2 ** pageLg2)} ` +
      `of addresses that a process has on ${name}`,
  );
}

/** Each area goes down or stays: where the one before it ends now is not behind where that one ended. */
function packedDown(areas: readonly MappedArea[], kept: number, pageBytes: number): MappedArea[] {
  let free = 0;
  return areas.map(({ start, end }) => {
    const place = free + ((start - free) % kept);
    free = place + (end - start);
    return { start: place, end: free, shift: (place - start) * pageBytes };
  });
}

/** Finds the area of an address, the last one found first. */
class AreaFinder {
  /** First lines of areas as the trace has them, and lines that each is moved by. */
  readonly #starts: readonly number[];
  readonly #shifts: readonly number[];
  #last = 0;

  constructor(areas: readonly MappedArea[], pageLg2: number) {
    const bytes = 2 ** pageLg2;
    this.#starts = areas.map(({ start, shift }) => (start * bytes - shift) / 64);
    this.#shifts = areas.map(({ shift }) => shift / 64);
  }

  /** Bytes that a page of the summary's is moved by. */
  shiftOf(page: number): number {
    return this.#shift(page * 2 ** (SUMMARY_LG2 - 6)) * 64;
  }

  place(words: AccessWords): AccessWords {
    const out = new Uint32Array(words.length);
    for (let i = 0; i < words.length / 2; i++) {
      const line = lineAt(words, i);
      setAccess(out, i, line + this.#shift(line), (words[2 * i]! & 3) as 0 | 1 | 2);
    }
    return out;
  }

  #shift(line: number): number {
    const last = this.#last;
    if (line >= this.#starts[last]! && line < (this.#starts[last + 1] ?? Infinity)) return this.#shifts[last]!;
    this.#last = areaAt(this.#starts, line);
    return this.#shifts[this.#last]!;
  }
}

/** The last area that begins at or before a line, the first one for a line before all. */
function areaAt(starts: readonly number[], line: number): number {
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= line) low = middle;
    else high = middle;
  }
  return low;
}
