/**
 * Runs of single frames, as entries of one table map them: counted and marked in loops over their words. All stop at the first
 * frame that is of another kind, and say how far they came; the rest is for {@link Frames}, frame by frame.
 */
import { CHUNK, CHUNK_LG2, CHUNK_MASK, COUNT_LG2, FREE, FrameFlag, ONE, ORDER, USED } from "./frame-word.ts";

/** Frames that entries of one table map: `first` and those behind it, or a list. */
export interface PfnRun {
  readonly inRow: boolean;
  readonly first: number;
  readonly pfns: Int32Array;
  pfn(i: number): number;
}

/**
 * What tells a single frame of anonymous memory whose count has room: in use, of order 0, not a file's, and fewer than 2^13 entries.
 * One test for all of it, since loops over runs make it each time.
 */
const SINGLE_ANON = ORDER | FREE | USED | FrameFlag.file | (-1 << (COUNT_LG2 + 13));

/** For {@link FrameRuns.singles}: frames that one entry maps. */
export const MAPPED_ONCE = { mask: -1 << COUNT_LG2, flags: ONE } as const;

/** What frames say that were never handed out, such as a device's. */
const NO_WORDS = new Int32Array(CHUNK);

/** The runs of one machine's frames. */
export class FrameRuns {
  /** Frames that the last {@link unmap} left without an entry. */
  unmapped = 0;
  readonly #words: readonly Int32Array[];

  constructor(words: readonly Int32Array[]) {
    this.#words = words;
  }

  /**
   * How many frames of a run, from `from` on and before `to`, are single ones in use whose flags among `mask` are `flags`. In a
   * row it may be fewer than that at the end of a chunk, as in all that follow.
   */
  singles(run: PfnRun, from: number, to: number, mask: number, flags: number): number {
    const asked = ORDER | FREE | USED | mask;
    const wanted = USED | flags;
    if (run.inRow) return this.#rowOf(run.first + from, to - from, asked, wanted);
    const { pfns } = run;
    let chunk = pfns[from]! >>> CHUNK_LG2;
    let words = this.#chunkOf(pfns[from]!);
    for (let i = from; i < to; i++) {
      const pfn = pfns[i]!;
      if (pfn >>> CHUNK_LG2 !== chunk) {
        chunk = pfn >>> CHUNK_LG2;
        words = this.#chunkOf(pfn);
      }
      if ((words[pfn & CHUNK_MASK]! & asked) !== wanted) return i - from;
    }
    return to - from;
  }

  // Loops over words here read the first before they begin, and end with a break: only so does V8 look at where the array lies and
  // how long it is once, and not for every word, which takes two to four times as long.
  #rowOf(first: number, n: number, asked: number, wanted: number): number {
    const words = this.#chunkOf(first);
    const at = first & CHUNK_MASK;
    const end = Math.min(at + n, CHUNK);
    if ((words[at]! & asked) !== wanted) return 0;
    let i = at;
    for (; i < end; i++) if ((words[i]! & asked) !== wanted) break;
    return i - at;
  }

  /**
   * Counts one more entry for each of the first `n` frames of a run, and says of none that it is one process' own; as far as they are
   * single ones of anonymous memory. Returns how many those were.
   */
  dup(run: PfnRun, n: number): number {
    const kept = ~FrameFlag.exclusive;
    return run.inRow ? this.#dupRow(run.first, n, kept) : this.#dupList(run.pfns, n, kept);
  }

  #dupList(pfns: Int32Array, n: number, kept: number): number {
    const asked = SINGLE_ANON;
    let chunk = pfns[0]! >>> CHUNK_LG2;
    let words = this.#chunkOf(pfns[0]!);
    for (let i = 0; i < n; i++) {
      const pfn = pfns[i]!;
      if (pfn >>> CHUNK_LG2 !== chunk) {
        chunk = pfn >>> CHUNK_LG2;
        words = this.#chunkOf(pfn);
      }
      const word = words[pfn & CHUNK_MASK]!;
      if ((word & asked) !== USED) return i;
      words[pfn & CHUNK_MASK] = (word & kept) + ONE;
    }
    return n;
  }

  #dupRow(first: number, n: number, kept: number): number {
    const asked = SINGLE_ANON;
    const words = this.#chunkOf(first);
    const at = first & CHUNK_MASK;
    const end = Math.min(at + n, CHUNK);
    if ((words[at]! & asked) !== USED) return 0;
    let i = at;
    for (; i < end; i++) {
      const word = words[i]!;
      if ((word & asked) !== USED) break;
      words[i] = (word + ONE) & kept;
    }
    return i - at;
  }

  /**
   * Counts one entry fewer for each of the first `n` frames of a run, as far as they are single ones of anonymous memory. Returns how
   * many those were. Those that have none left are moved to the front of the list, and {@link unmapped} says how many; of a row, all
   * or none have none left, for it ends where that changes.
   */
  unmap(run: PfnRun, n: number): number {
    this.unmapped = 0;
    return run.inRow ? this.#unmapRow(run.first, n) : this.#unmapList(run.pfns, n);
  }

  #unmapList(pfns: Int32Array, n: number): number {
    const asked = SINGLE_ANON;
    let chunk = pfns[0]! >>> CHUNK_LG2;
    let words = this.#chunkOf(pfns[0]!);
    let [i, unmapped] = [0, 0];
    for (; i < n; i++) {
      const pfn = pfns[i]!;
      if (pfn >>> CHUNK_LG2 !== chunk) {
        chunk = pfn >>> CHUNK_LG2;
        words = this.#chunkOf(pfn);
      }
      const word = words[pfn & CHUNK_MASK]!;
      if ((word & asked) !== USED || word < ONE) break;
      words[pfn & CHUNK_MASK] = word - ONE;
      if (word < 2 * ONE) pfns[unmapped++] = pfn;
    }
    this.unmapped = unmapped;
    return i;
  }

  #unmapRow(first: number, n: number): number {
    const words = this.#chunkOf(first);
    const at = first & CHUNK_MASK;
    const end = Math.min(at + n, CHUNK);
    const [asked, last] = [SINGLE_ANON, words[at]! < 2 * ONE];
    let i = at;
    for (; i < end; i++) {
      const word = words[i]!;
      if ((word & asked) !== USED || word < ONE || word < 2 * ONE !== last) break;
      words[i] = word - ONE;
    }
    if (last) this.unmapped = i - at;
    return i - at;
  }

  #chunkOf(pfn: number): Int32Array {
    return this.#words[pfn >>> CHUNK_LG2] ?? NO_WORDS;
  }
}
