/**
 * A piece of a recorded trace as experiments use it: decoded once, its pages numbered, and its memory mapped once for each policy.
 *
 * Accesses that repeat the page of the one before can be left out where only TLBs and walks are asked about: such an access hits the
 * first TLB level at the entry that was used last, which changes nothing. Where the program's data goes through caches, only those
 * that repeat a line are left out. A store that follows a load stays, since it may have to set dirty.
 */
import { fileDigest } from "../../base/digest.ts";
import { kept } from "../../base/kept.ts";
import { AccessKind, type AccessWords, LINE_LG2 } from "../../mmu/access-words.ts";
import { type FilterChoice, StreamFilter } from "../../mmu/engine/filter.ts";
import { openPtt } from "../trace/ptt.ts";
import { mapTrace, type TracePolicy } from "../trace/replay.ts";
import { allWords, bytesInput, type PageRange } from "../trace/source.ts";
import { SummaryReader, type TraceSummary } from "../trace/summary.ts";
import { MappedSlice, SMALL_LG2 } from "./mapped.ts";

/** Accesses, and of each the number of its 4K page: pages are numbered as they are first touched. */
export interface Stream {
  readonly words: AccessWords;
  readonly pageOf: Int32Array;
  /** Which access of the slice each one is; absent where it is all of them, or where a filter does not say. */
  readonly at?: Int32Array;
}

/** The last accesses of a trace, decoded. */
export class TraceSlice {
  /** What was traced, in words. */
  readonly text: string;
  /** Digest of the file. */
  readonly input: string;
  /** All accesses. */
  readonly all: Stream;
  /** Those that do not repeat the 4K page of the one before. */
  readonly moves: Stream;
  /** How often each page was accessed, by its number. */
  readonly uses: Float64Array;
  readonly summary: TraceSummary;
  #lines: Stream | undefined;
  readonly #filtered = new Map<string, Stream>();
  readonly #mapped = new Map<string, MappedSlice>();

  /** `areas` are those that the whole program is known to use, in 4K pages. */
  constructor(text: string, input: string, words: AccessWords, areas: readonly PageRange[]) {
    const { pageOf, uses } = numberPages(words);
    this.text = text;
    this.input = input;
    this.all = { words, pageOf };
    this.moves = withoutRepeats(this.all, SMALL_LG2);
    this.uses = uses;
    const reader = new SummaryReader();
    reader.add(this.moves.words);
    this.summary = reader.summary(areas);
  }

  /** Accesses, repeats included. */
  get accesses(): number {
    return this.all.pageOf.length;
  }

  /** Accesses that do not repeat the 64-byte line of the one before. */
  get lines(): Stream {
    this.#lines ??= withoutRepeats(this.all, LINE_LG2);
    return this.#lines;
  }

  /** What an exact filter leaves of the accesses, for pages of `2^pageLg2` bytes. */
  filtered(choice: FilterChoice, pageLg2: number): Stream {
    const key = `${choice.kind} ${choice.split} ${pageLg2}`;
    const known = this.#filtered.get(key);
    if (known !== undefined) return known;
    const words = new StreamFilter(choice, pageLg2).keep(this.moves.words);
    const numbers = new Map(Array.from(this.summary.touches, (page, number) => [page, number]));
    const made = {
      words,
      pageOf: Int32Array.from({ length: words.length / 2 }, (_, i) => numbers.get(pageAt(words, i))!),
    };
    this.#filtered.set(key, made);
    return made;
  }

  /** The slice's memory as the simulated kernel maps it; made at the first call for a policy. */
  mapped(policy: TracePolicy): MappedSlice {
    const key = `${policy.format} ${policy.order} ${policy.contpte}`;
    const known = this.#mapped.get(key);
    if (known !== undefined) return known;
    const made = new MappedSlice(this, mapTrace(this.summary, policy));
    this.#mapped.set(key, made);
    return made;
  }
}

/** Numbers recently looked up, by page, so that few accesses need a look into the map. */
const SEEN = 4096;

function numberPages(words: AccessWords): { readonly pageOf: Int32Array; readonly uses: Float64Array } {
  const pageOf = new Int32Array(words.length / 2);
  const numbers = new Map<number, number>();
  const seenPage = new Float64Array(SEEN).fill(-1);
  const seenNumber = new Int32Array(SEEN);
  let [last, number] = [-1, -1];
  for (let i = 0; i < pageOf.length; i++) {
    const page = pageAt(words, i);
    if (page !== last) {
      const at = page & (SEEN - 1);
      if (seenPage[at] !== page) {
        seenPage[at] = page;
        seenNumber[at] = numberOf(numbers, page);
      }
      number = seenNumber[at]!;
      last = page;
    }
    pageOf[i] = number;
  }
  const uses = new Float64Array(numbers.size);
  for (let i = 0; i < pageOf.length; i++) uses[pageOf[i]!]!++;
  return { pageOf, uses };
}

function pageAt(words: AccessWords, i: number): number {
  return words[2 * i + 1]! * PAGES_IN_HIGH + (words[2 * i]! >>> PAGE_SHIFT);
}

function numberOf(numbers: Map<number, number>, page: number): number {
  const known = numbers.get(page);
  if (known !== undefined) return known;
  numbers.set(page, numbers.size);
  return numbers.size - 1;
}

/** From the low half of a word to the low part of its page: kind, then the line in the page. */
const PAGE_SHIFT = 2 + SMALL_LG2 - LINE_LG2;
const PAGES_IN_HIGH = 2 ** (32 - PAGE_SHIFT);

/** The accesses that do not repeat the place of `2^lg2` bytes of the one before, for a right that it had. */
function withoutRepeats({ words, pageOf }: Stream, lg2: number): Stream {
  const shift = 2 + lg2 - LINE_LG2;
  const kept = { words: new Uint32Array(words.length), pageOf: new Int32Array(pageOf.length) };
  const at = new Int32Array(pageOf.length);
  let [n, lastLow, lastHigh, lastKind] = [0, -1, -1, 0];
  for (let i = 0; i < pageOf.length; i++) {
    const [low, high] = [words[2 * i]!, words[2 * i + 1]!];
    const kind = low & 3;
    const granted = kind === lastKind || (kind === AccessKind.load && lastKind === AccessKind.store);
    if (low >>> shift === lastLow && high === lastHigh && granted) continue;
    kept.words[2 * n] = low;
    kept.words[2 * n + 1] = high;
    kept.pageOf[n] = pageOf[i]!;
    at[n++] = i;
    [lastLow, lastHigh, lastKind] = [low >>> shift, high, kind];
  }
  return { words: kept.words.slice(0, 2 * n), pageOf: kept.pageOf.slice(0, n), at: at.slice(0, n) };
}

/** What was decoded stays as long as the bytes of the file do. */
const decoded = new WeakMap<Uint8Array, Map<number, Promise<TraceSlice>>>();

/** The last accesses of a `.ptt` file in memory: programs are in their stride by then. The same bytes give the same slice again. */
export function traceSlice(bytes: Uint8Array, name: string, accesses: number): Promise<TraceSlice> {
  const slices = kept(decoded, bytes, () => new Map<number, Promise<TraceSlice>>());
  return kept(slices, accesses, () => decode(bytes, name, accesses));
}

async function decode(bytes: Uint8Array, name: string, accesses: number): Promise<TraceSlice> {
  const { info, chunks } = await openPtt(bytesInput(bytes, name));
  const from = Math.max(info.accesses! - accesses, 0);
  return new TraceSlice(info.text, fileDigest(bytes), await allWords(chunks(from)), info.areas ?? []);
}
