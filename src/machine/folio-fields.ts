/**
 * Numbers that only large folios have, a few for each. A folio's first frame finds them through an index of two bytes for every two
 * frames, so that they take room by the folio and not by the frame; chunks are made when a folio of theirs is first asked about.
 */

/** Frames to a chunk; a chunk's folios are few enough to be numbered in 16 bits. */
const CHUNK_LG2 = 13;
const CHUNK_MASK = (1 << CHUNK_LG2) - 1;
/** No large folio has fewer frames than 2^1. */
const UNIT_LG2 = 1;
/** Folios for which a chunk makes room at once. */
const STEP = 64;

/** The same `size` numbers of every large folio, 0 at first. */
export class FolioFields {
  /** Place of the first number of the folio that {@link of} was asked for last. */
  at = 0;
  readonly #size: number;
  /** Number of a folio from 1 on, by the unit that it begins with; 0 where none was asked for yet. */
  readonly #index: (Uint16Array | undefined)[] = [];
  readonly #numbers: Int32Array[] = [];
  readonly #folios: number[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** The array in which the numbers of a folio are, from {@link at} on. It is good until another folio is asked for. */
  of(head: number): Int32Array {
    const chunk = head >>> CHUNK_LG2;
    const unit = (head & CHUNK_MASK) >>> UNIT_LG2;
    const folio = this.#index[chunk]?.[unit] || this.#make(chunk, unit);
    this.at = (folio - 1) * this.#size;
    return this.#numbers[chunk]!;
  }

  /** Bytes of the arrays. */
  get bytes(): number {
    return this.#index.reduce((sum, index, chunk) => {
      return index === undefined ? sum : sum + index.byteLength + this.#numbers[chunk]!.byteLength;
    }, 0);
  }

  #make(chunk: number, unit: number): number {
    this.#index[chunk] ??= new Uint16Array(1 << (CHUNK_LG2 - UNIT_LG2));
    const folio = (this.#folios[chunk] ?? 0) + 1;
    this.#folios[chunk] = folio;
    this.#index[chunk][unit] = folio;
    if ((folio - 1) % STEP === 0) {
      const more = new Int32Array((folio - 1 + STEP) * this.#size);
      more.set(this.#numbers[chunk] ?? []);
      this.#numbers[chunk] = more;
    }
    return folio;
  }
}
