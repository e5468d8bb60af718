/**
 * Reading single entries quickly, for walks whose callbacks are given one at a time.
 */
import { Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";
import { ptepAttrs } from "./ptep.ts";

/**
 * `ptep_get` of one entry after the other, for callbacks that are given single entries: what one says is decoded anew only where
 * it says something else than the one before.
 */
export class PteReader {
  /** What the entry read last is. */
  kind: Kind = Kind.none;
  /** Attributes of the entry read last, as {@link ptepAttrs} reports them. */
  attrs = 0;
  readonly #pt: PageTable;
  #chunk = -1;
  #los: Int32Array = new Int32Array();
  #his: Int32Array = new Int32Array();
  #lo = 0;
  #hi = 0;
  /** Bits in which a word must agree with the one before to say the same; nothing does before the first. */
  #saysLo = 0;
  #saysHi = 0;
  #known = false;

  constructor(pt: PageTable) {
    this.#pt = pt;
  }

  read(slot: number): void {
    const { chunkLg2, chunkMask, lo: los, hi: his } = this.#pt.tables;
    const chunk = slot >>> chunkLg2;
    if (chunk !== this.#chunk) {
      this.#chunk = chunk;
      this.#los = los[chunk]!;
      this.#his = his[chunk]!;
    }
    const lo = this.#los[slot & chunkMask]!;
    const hi = this.#his[slot & chunkMask]!;
    if (this.#known && (((lo ^ this.#lo) & this.#saysLo) | ((hi ^ this.#hi) & this.#saysHi)) === 0)
      this.#pt.tally[E.slotsRead]!++;
    else this.#decode(slot, lo, hi);
  }

  /** Entries of a block are read as a whole each time, and tell nothing of the next. */
  #decode(slot: number, lo: number, hi: number): void {
    const { words } = this.#pt;
    this.kind = this.#pt.kind(slot, 0);
    this.attrs = ptepAttrs(this.#pt, slot);
    const leaf = this.kind === Kind.leaf;
    this.#known = !leaf || words.isPlain(lo, hi);
    this.#lo = lo;
    this.#hi = hi;
    this.#saysLo = leaf ? words.saysLo : -1;
    this.#saysHi = leaf ? words.saysHi : -1;
  }
}
