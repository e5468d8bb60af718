/**
 * What programs have written to memory, word by word, so that copy-on-write can be checked by reading back.
 * Only words that were written are kept; all others read as zero. Bytes are in the order of a little-endian machine.
 */

/** A 64-bit word: a number where that is exact, a bigint above 2^53. */
export type Word = number | bigint;

/** Bytes of a word; words are kept where they are aligned. */
const WORD_BYTES = 8;

/** A 64-bit word as a number where that is exact. */
export function wordOf(bits: bigint): Word {
  return bits <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bits) : bits;
}

/** The aligned words that `n` bytes lie in: where each starts, how many bytes of it, from which on, and how many before. */
function* pieces(offset: number, n: number): Generator<{ word: number; n: number; in: number; done: number }> {
  for (let done = 0; done < n; ) {
    const inside = (offset + done) % WORD_BYTES;
    const take = Math.min(WORD_BYTES - inside, n - done);
    yield { word: offset + done - inside, n: take, in: inside, done };
    done += take;
  }
}

/** The written words of a machine's frames. Offsets are bytes within the page. */
export class Contents {
  readonly #pageBytes: number;
  readonly #words = new Map<number, Word>();
  /** Programs write few different offsets; a page is copied by going through them. */
  readonly #offsets = new Set<number>();

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes;
  }

  /** Writes a word, wherever it lies in the page. */
  write(pfn: number, offset: number, word: Word): void {
    if (offset % WORD_BYTES) return this.writeBytes(pfn, offset, WORD_BYTES, BigInt(word));
    this.#offsets.add(offset);
    this.#words.set(pfn * this.#pageBytes + offset, word);
  }

  /** Reads a word, wherever it lies in the page. */
  read(pfn: number, offset: number): Word {
    if (offset % WORD_BYTES) return wordOf(this.readBytes(pfn, offset, WORD_BYTES));
    return this.#words.get(pfn * this.#pageBytes + offset) ?? 0;
  }

  /** Writes `n` bytes inside one page; the first is the lowest of `bits`. */
  writeBytes(pfn: number, offset: number, n: number, bits: bigint): void {
    for (const piece of pieces(offset, n)) {
      const mask = ((1n << BigInt(8 * piece.n)) - 1n) << BigInt(8 * piece.in);
      const own = (bits >> BigInt(8 * piece.done)) << BigInt(8 * piece.in);
      this.write(pfn, piece.word, wordOf((BigInt(this.read(pfn, piece.word)) & ~mask) | (own & mask)));
    }
  }

  /** Reads `n` bytes inside one page; the first is the lowest of the result. */
  readBytes(pfn: number, offset: number, n: number): bigint {
    let bits = 0n;
    for (const piece of pieces(offset, n)) {
      const own = BigInt(this.read(pfn, piece.word)) >> BigInt(8 * piece.in);
      bits |= BigInt.asUintN(8 * piece.n, own) << BigInt(8 * piece.done);
    }
    return bits;
  }

  copy(from: number, to: number): void {
    for (const offset of this.#offsets) {
      const word = this.#words.get(from * this.#pageBytes + offset);
      if (word !== undefined) this.#words.set(to * this.#pageBytes + offset, word);
    }
  }

  /** A page's words become those of a page of another store, such as swap. */
  copyTo(other: Contents, from: number, to: number): void {
    for (const offset of this.#offsets) {
      const word = this.#words.get(from * this.#pageBytes + offset);
      if (word !== undefined) other.write(to, offset, word);
    }
  }

  /** Whether a page holds nothing but zeros. */
  isZero(pfn: number): boolean {
    for (const offset of this.#offsets) if (this.read(pfn, offset) !== 0) return false;
    return true;
  }

  /** Forgets what `n` frames held: they are zeroed before they are used again. */
  clear(pfn: number, n: number): void {
    for (let p = pfn; p < pfn + n; p++)
      for (const offset of this.#offsets) this.#words.delete(p * this.#pageBytes + offset);
  }
}
