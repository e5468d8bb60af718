/**
 * What a trace touches, found by reading it once: distinct pages, areas, how the footprint grew. Memory follows the footprint, not the
 * length: one word of bits for 32 pages that lie together.
 */
import { UserError } from "../../base/errors.ts";
import { KiB, MiB } from "../../base/size.ts";
import { AccessKind, type AccessWords } from "../../mmu/access-words.ts";
import type { PageRange, TraceSource } from "./source.ts";

/** Log two of the pages of 4K that are looked at together. */
const REGION_LG2 = 9;
const REGION_PAGES = 2 ** REGION_LG2;
const REGION_WORDS = REGION_PAGES / 32;

/** Most pages, 64G: a trace that touches more is likely to be none, and would take gigabytes to look at. */
const MAX_PAGES = 2 ** 24;

/** Pages of 4K that were touched, as bits. */
export class PageSet {
  /** Number of a region's bits by region. */
  readonly #index = new Map<number, number>();
  #bits = new Uint32Array(64 * REGION_WORDS);
  /** Pages in it. */
  size = 0;

  /** Adds a page, and says whether it is new. */
  add(page: number): boolean {
    const region = Math.floor(page / REGION_PAGES);
    const at = (this.#index.get(region) ?? this.#newRegion(region)) * REGION_WORDS + ((page & (REGION_PAGES - 1)) >> 5);
    const bit = 1 << (page & 31);
    if (this.#bits[at]! & bit) return false;
    this.#bits[at]! |= bit;
    this.size++;
    if (this.size > MAX_PAGES)
      throw new UserError(`a trace that touches more than ${MAX_PAGES} pages of 4K: no more are allowed`);
    return true;
  }

  /** The pages in ascending order. */
  *pages(): IterableIterator<number> {
    for (const [region, index] of [...this.#index].sort(([a], [b]) => a - b))
      for (let i = 0; i < REGION_PAGES; i++)
        if ((this.#bits[index * REGION_WORDS + (i >> 5)]! >>> (i & 31)) & 1) yield region * REGION_PAGES + i;
  }

  #newRegion(region: number): number {
    const index = this.#index.size;
    this.#index.set(region, index);
    if ((index + 1) * REGION_WORDS > this.#bits.length) {
      const grown = new Uint32Array(2 * this.#bits.length);
      grown.set(this.#bits);
      this.#bits = grown;
    }
    return index;
  }
}

/** A range of addresses in which a program has accesses, without gaps of {@link AREA_GAP} or more. */
export interface TraceArea extends PageRange {
  /** Pages in it that the trace touches; 0 where the program did so only before. */
  readonly pages: number;
  /** Whether instructions were fetched from it. */
  readonly fetched: boolean;
}

/** Pages of 4K that, if none of them is touched, part two areas: 2M, so that no huge page reaches from one to the other. */
export const AREA_GAP = 512;

/** What was found. */
export interface TraceSummary {
  readonly accesses: number;
  /** By kind, in the order of `AccessKind`. */
  readonly counts: readonly number[];
  /** First and last line, null in an empty trace. */
  readonly lines: readonly [number, number] | null;
  /** Distinct pages of each size. */
  readonly pages: { readonly "4K": number; readonly "64K": number; readonly "2M": number };
  /** What the trace touches, and what its file says the program had touched by then. */
  readonly areas: readonly TraceArea[];
  /** The distinct 4K pages in the order of their first accesses. */
  readonly touches: Float64Array;
  /** Distinct 4K pages after so many accesses, at some moments from the first to the last. */
  readonly growth: readonly { readonly accesses: number; readonly pages: number }[];
}

/** Called with the accesses done so far, and all if that is known. */
export type TraceProgress = (done: number, total: number | null) => void;

/** Reads accesses once and tells what they touch. */
export async function summarize(trace: TraceSource, progress?: TraceProgress): Promise<TraceSummary> {
  const reader = new SummaryReader();
  for await (const words of trace.chunks()) {
    reader.add(words);
    progress?.(reader.accesses, trace.info.accesses);
  }
  return reader.summary(trace.info.areas ?? []);
}

/** Pages that were just seen need no look into the set. */
const SEEN = 4096;

/** Moments of growth that are kept; when there are more, every other one is dropped. */
const MOMENTS = 64;

/** The summary of the accesses given so far. */
export class SummaryReader {
  accesses = 0;
  readonly #pages = new PageSet();
  readonly #fetched = new PageSet();
  readonly #counts = [0, 0, 0];
  #touches = new Float64Array(1024);
  readonly #seen = new Float64Array(SEEN).fill(-1);
  #lowest = Infinity;
  #highest = 0;
  #growth: { accesses: number; pages: number }[] = [];
  #every = 1;

  add(words: AccessWords): void {
    const seen = this.#seen;
    for (let i = 0; i < words.length; i += 2) {
      const low = words[i]!;
      const kind = low & 3;
      this.#counts[kind]!++;
      const line = words[i + 1]! * 2 ** 30 + (low >>> 2);
      if (line < this.#lowest) this.#lowest = line;
      if (line > this.#highest) this.#highest = line;
      // The page with one bit that tells fetches from data.
      const tag = Math.floor(line / 64) * 2 + (kind >> 1);
      if (seen[tag & (SEEN - 1)] === tag) continue;
      seen[tag & (SEEN - 1)] = tag;
      this.#see(Math.floor(tag / 2), kind);
    }
    this.accesses += words.length / 2;
    this.#grow();
  }

  /** With ranges that are known to belong to the program. */
  summary(known: readonly PageRange[] = []): TraceSummary {
    const { accesses } = this;
    const all = [...this.#pages.pages()];
    const lines = accesses === 0 ? null : ([this.#lowest, this.#highest] as const);
    const pages = { "4K": all.length, "64K": distinct(all, (64 * KiB) / 4096), "2M": distinct(all, (2 * MiB) / 4096) };
    const areas = areasOf(all, new Set(this.#fetched.pages()), known);
    const now = { accesses, pages: all.length };
    const growth = this.#growth.at(-1)?.accesses === accesses ? this.#growth : [...this.#growth, now];
    const touches = this.#touches.slice(0, all.length);
    return { accesses, counts: [...this.#counts], lines, pages, areas, touches, growth };
  }

  #see(page: number, kind: number): void {
    if (this.#pages.add(page)) this.#touch(page);
    if (kind === AccessKind.fetch) this.#fetched.add(page);
  }

  #touch(page: number): void {
    const n = this.#pages.size - 1;
    if (n === this.#touches.length) {
      const grown = new Float64Array(2 * n);
      grown.set(this.#touches);
      this.#touches = grown;
    }
    this.#touches[n] = page;
  }

  #grow(): void {
    const last = this.#growth.at(-1)?.accesses ?? 0;
    if (this.accesses - last < this.#every) return;
    this.#growth.push({ accesses: this.accesses, pages: this.#pages.size });
    if (this.#growth.length < MOMENTS) return;
    this.#growth = this.#growth.filter((_, i) => i % 2 === 1);
    this.#every = this.#growth[0]!.accesses;
  }
}

/** Distinct groups of `size` pages among pages in ascending order. */
function distinct(pages: readonly number[], size: number): number {
  let [count, last] = [0, -1];
  for (const page of pages) {
    const group = Math.floor(page / size);
    if (group !== last) count++;
    last = group;
  }
  return count;
}

type GrowingArea = { -readonly [K in keyof TraceArea]: TraceArea[K] };

function areasOf(
  pages: readonly number[],
  fetched: ReadonlySet<number>,
  known: readonly PageRange[],
): readonly TraceArea[] {
  const touched: GrowingArea[] = [];
  for (const page of pages) join(touched, page, page + 1, 1, fetched.has(page));
  const all = [...touched, ...known.map(({ start, end }) => ({ start, end, pages: 0, fetched: false }))];
  const areas: GrowingArea[] = [];
  for (const part of all.sort((a, b) => a.start - b.start)) join(areas, part.start, part.end, part.pages, part.fetched);
  return areas;
}

/** Adds to the last area, or begins a new one. */
function join(areas: GrowingArea[], start: number, end: number, pages: number, fetched: boolean): void {
  const last = areas.at(-1);
  if (last === undefined || start - last.end >= AREA_GAP) {
    areas.push({ start, end, pages, fetched });
    return;
  }
  last.end = Math.max(last.end, end);
  last.pages += pages;
  last.fetched ||= fetched;
}
