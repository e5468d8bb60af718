/**
 * A piece of a recorded trace as experiments use it: decoded once, its pages numbered, and its memory mapped once for each policy.
 *
 * Accesses that follow one to the same 4K page can be left out where only TLBs and walks are asked about: such an access hits the
 * first TLB level at the entry that was used last, which changes nothing. A store that follows a load stays, since it may have to
 * set dirty. What asks about caches takes all accesses.
 */
import { A } from "../../arch/entry.ts";
import { type AccessDirty, spanLg2 } from "../../arch/format.ts";
import { digest } from "../../base/digest.ts";
import { invariant } from "../../base/errors.ts";
import type { Mm } from "../../mm/mm.ts";
import { AccessKind, type AccessWords, LINE_LG2, newAccessWords, setAccess, vpnAt } from "../../mmu/access-words.ts";
import { newEngine } from "../../mmu/engine/engine.ts";
import type { MmuCounts, MmuSpec } from "../../mmu/simulate.ts";
import { type Tree, translate } from "../../mmu/translate.ts";
import { openTrace } from "../trace/open.ts";
import { type MappedTrace, mapTrace, type TracePolicy } from "../trace/replay.ts";
import { allWords, bytesInput, type PageRange } from "../trace/source.ts";
import { SummaryReader, type TraceSummary } from "../trace/summary.ts";

/** Log two of the pages that are numbered: the smallest of any format. */
export const SMALL_LG2 = 12;
const PAGE_LINES = 2 ** (SMALL_LG2 - LINE_LG2);

/** The first accesses of a trace, decoded. */
export class TraceSlice {
  /** What was traced, in words. */
  readonly text: string;
  /** Digest of the file. */
  readonly input: string;
  /** All accesses. */
  readonly words: AccessWords;
  /** Those that do not repeat the page of the one before. */
  readonly moves: AccessWords;
  /** For each of {@link moves} the number of its 4K page: pages are numbered as they are first touched. */
  readonly pageOf: Int32Array;
  /** How often each page was accessed, repeats included, by its number. */
  readonly uses: Float64Array;
  readonly summary: TraceSummary;
  readonly #mapped = new Map<string, MappedSlice>();

  /** `areas` are those that the whole program is known to use, in 4K pages. */
  constructor(text: string, input: string, words: AccessWords, areas: readonly PageRange[]) {
    const { moves, pageOf, uses } = numberPages(words);
    const reader = new SummaryReader();
    reader.add(moves);
    this.text = text;
    this.input = input;
    this.words = words;
    this.moves = moves;
    this.pageOf = pageOf;
    this.uses = uses;
    this.summary = reader.summary(areas);
    invariant(this.summary.touches.length === uses.length, "pages are numbered as a summary has them");
  }

  /** Accesses, repeats included. */
  get accesses(): number {
    return this.words.length / 2;
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

/** Leaves that a slice's pages are mapped by, a contiguous block as one, numbered as they are first used. */
export interface Leaves {
  /** The leaf of each 4K page by its number. */
  readonly leafOf: Int32Array;
  /** The number that chooses a TLB set, by leaf: the page divided by the leaf's size, its low 32 bits. */
  readonly index: Int32Array;
  /** Log two of the base pages that each covers. */
  readonly lg2: Uint8Array;
}

/** A slice over memory mapped in one way. Running it changes no table: every page was written when it was mapped. */
export class MappedSlice {
  readonly slice: TraceSlice;
  readonly mapped: MappedTrace;
  readonly #moves: AccessWords;
  /** The frame that the first write reached, by number of the 4K page. */
  readonly #frames: Float64Array;
  #leaves: Leaves | undefined;

  constructor(slice: TraceSlice, mapped: MappedTrace) {
    this.slice = slice;
    this.mapped = mapped;
    this.#moves = mapped.place(slice.moves);
    this.#frames = framesOf(slice, mapped);
  }

  get mm(): Mm {
    return this.mapped.mm;
  }

  /**
   * Runs the slice on a core whose TLBs are empty at first. Throws `BrokenInvariant` if an access reaches another frame than the one
   * that was written at its address. Not for cores whose caches the program's data are in: repeats are left out.
   */
  run(spec: MmuSpec): MmuCounts {
    const engine = newEngine(this.mm.pt, spec);
    const out = new Float64Array(CHUNK);
    for (let from = 0; from < this.slice.pageOf.length; from += CHUNK) {
      const words = this.#moves.subarray(2 * from, 2 * (from + CHUNK));
      engine.run(words, out);
      this.#check(out, from, words.length / 2);
    }
    return withRepeats(engine.counts(), this.slice.accesses);
  }

  /** The leaves behind the slice's pages. */
  leaves(): Leaves {
    this.#leaves ??= leavesOf(this.slice, this.mapped);
    return this.#leaves;
  }

  #check(out: Float64Array, from: number, n: number): void {
    const { pageOf } = this.slice;
    const frames = this.#frames;
    for (let i = 0; i < n; i++)
      if (out[i] !== frames[pageOf[from + i]!])
        invariant(false, `access ${from + i} reached frame ${out[i]}, not ${frames[pageOf[from + i]!]}`);
  }
}

/** Accesses handed over at a time. */
const CHUNK = 16384;

/** Repeats hit the first level. */
function withRepeats(counts: MmuCounts, accesses: number): MmuCounts {
  const [first = 0, ...others] = counts.tlbHits;
  const repeats = accesses - counts.accesses;
  return { ...counts, accesses, tlbHits: [first + repeats, ...others] };
}

function framesOf(slice: TraceSlice, mapped: MappedTrace): Float64Array {
  return pagesOf(slice, mapped).map((vpn) => mapped.frames.get(vpn)!);
}

/** The format's page of each 4K page, by its number. */
function pagesOf({ summary: { touches } }: TraceSlice, { mm, place }: MappedTrace): Float64Array {
  const words = newAccessWords(touches.length);
  for (let i = 0; i < touches.length; i++) setAccess(words, i, touches[i]! * PAGE_LINES, AccessKind.load);
  const placed = place(words);
  return Float64Array.from(touches, (_, i) => vpnAt(placed, i, mm.kernel.format.pageLg2));
}

function leavesOf(slice: TraceSlice, mapped: MappedTrace): Leaves {
  const { pt, kernel } = mapped.mm;
  const numbers = new Map<string, number>();
  const index: number[] = [];
  const sizes: number[] = [];
  const leafOf = Int32Array.from(pagesOf(slice, mapped), (vpn) => {
    const lg2 = leafLg2(pt, vpn, kernel.accessDirty);
    const at = Math.floor(vpn / 2 ** lg2);
    const number = numbers.get(`${lg2} ${at}`) ?? index.push(at | 0) - 1;
    numbers.set(`${lg2} ${at}`, number);
    sizes[number] = lg2;
    return number;
  });
  return { leafOf, index: Int32Array.from(index), lg2: Uint8Array.from(sizes) };
}

/** Log two of the base pages that the leaf of a mapped page covers, a contiguous block as one. */
function leafLg2(tree: Tree, vpn: number, ad: AccessDirty): number {
  const { level, slot } = translate(tree, vpn, false, ad);
  const { format, tables } = tree;
  const [chunk, at] = [slot >>> tables.chunkLg2, slot & tables.chunkMask];
  const attrs = format.attrs(tables.lo[chunk]![at]!, tables.hi[chunk]![at]!, level);
  return spanLg2(format, level) + (attrs & A.cont ? format.contLg2[level]! : 0);
}

/** Numbers recently looked up, by page, so that few accesses need a look into the map. */
const SEEN = 4096;

function numberPages(words: AccessWords) {
  const n = words.length / 2;
  const moves = newAccessWords(n);
  const pageOf = new Int32Array(n);
  const numbers = new Map<number, number>();
  const uses: number[] = [];
  const seenPage = new Float64Array(SEEN).fill(-1);
  const seenNumber = new Int32Array(SEEN);
  let [kept, last, lastKind, number] = [0, -1, 0, -1];
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i]!;
    const page = words[i + 1]! * PAGES_IN_HIGH + (low >>> PAGE_SHIFT);
    const kind = low & 3;
    if (page !== last) {
      const at = page & (SEEN - 1);
      if (seenPage[at] !== page) {
        number = numbers.get(page) ?? numbers.size;
        if (number === numbers.size) {
          numbers.set(page, number);
          uses.push(0);
        }
        seenPage[at] = page;
        seenNumber[at] = number;
      }
      number = seenNumber[at]!;
    }
    uses[number]!++;
    if (page === last && (kind === lastKind || (kind === AccessKind.load && lastKind === AccessKind.store))) continue;
    moves[2 * kept] = low;
    moves[2 * kept + 1] = words[i + 1]!;
    pageOf[kept++] = number;
    last = page;
    lastKind = kind;
  }
  return { moves: moves.slice(0, 2 * kept), pageOf: pageOf.slice(0, kept), uses: Float64Array.from(uses) };
}

/** From the low half of a word to the low part of its page: kind, then the line in the page. */
const PAGE_SHIFT = 2 + SMALL_LG2 - LINE_LG2;
const PAGES_IN_HIGH = 2 ** (32 - PAGE_SHIFT);

/** What was decoded stays as long as the bytes of the file do. */
const decoded = new WeakMap<Uint8Array, Map<number, Promise<TraceSlice>>>();

/** The first accesses of a `.ptt` file in memory. The same bytes give the same slice again. */
export function traceSlice(bytes: Uint8Array, name: string, accesses: number): Promise<TraceSlice> {
  const known = decoded.get(bytes) ?? new Map<number, Promise<TraceSlice>>();
  decoded.set(bytes, known);
  const made = known.get(accesses) ?? decode(bytes, name, accesses);
  known.set(accesses, made);
  return made;
}

async function decode(bytes: Uint8Array, name: string, accesses: number): Promise<TraceSlice> {
  const { info, chunks } = await openTrace(bytesInput(bytes, name));
  return new TraceSlice(info.text, digest(bytes), await allWords(chunks(0, accesses)), info.areas ?? []);
}
