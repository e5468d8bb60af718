/**
 * What programs have written to memory, word by word, so that copy-on-write can be checked by reading back.
 * Only words that were written are kept; all others read as zero.
 */

/** A 64-bit word: a number where that is exact, a bigint above 2^53. */
export type Word = number | bigint;

/** The written words of a machine's frames. Offsets are bytes within the page. */
export class Contents {
  readonly #pageBytes: number;
  readonly #words = new Map<number, Word>();
  /** Programs write few different offsets; a page is copied by going through them. */
  readonly #offsets = new Set<number>();

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes;
  }

  write(pfn: number, offset: number, word: Word): void {
    this.#offsets.add(offset);
    this.#words.set(pfn * this.#pageBytes + offset, word);
  }

  read(pfn: number, offset: number): Word {
    return this.#words.get(pfn * this.#pageBytes + offset) ?? 0;
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
