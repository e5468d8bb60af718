/**
 * `ptep_get` of one entry after the other, for callbacks that are given single entries: as long as entries say the same but for their
 * frames they are only counted, and what they say is used once for all of them.
 *
 *   if (!reader.repeats(slot)) {
 *     use(reader.kind, reader.attrs, reader.nr);
 *     reader.begin(slot);
 *   }
 */
import { Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";
import { ptepAttrs } from "./ptep.ts";

/** Reads the entries of one tree of tables. */
export class PteReader {
  /** What the entries at hand are. */
  kind: Kind = Kind.none;
  /** Their attributes as {@link ptepAttrs} reports them. */
  attrs = 0;
  /** How many they are. */
  nr = 0;
  readonly #pt: PageTable;
  /** The chunk of words at hand, and the slot of its first. */
  #los: Int32Array = new Int32Array();
  #his: Int32Array = new Int32Array();
  #first = 0;
  /** The words of the first entry at hand, and the bits in which others must agree with them. */
  #lo = 0;
  #hi = 0;
  #saysLo = 0;
  #saysHi = 0;
  /** Not 0 where an entry tells nothing of the next. */
  #alone = 1;

  constructor(pt: PageTable) {
    this.#pt = pt;
  }

  /** Whether an entry says what those at hand say, and so is one of them now. */
  repeats(slot: number): boolean {
    const at = slot - this.#first;
    const los = this.#los;
    if (at < 0 || at >= los.length) return false;
    const differs = ((los[at]! ^ this.#lo) & this.#saysLo) | ((this.#his[at]! ^ this.#hi) & this.#saysHi) | this.#alone;
    if (differs !== 0) return false;
    this.nr++;
    return true;
  }

  /** Reads an entry that begins anew; those at hand so far are counted as read. Entries of a block are read as a whole, each time. */
  begin(slot: number): void {
    this.end();
    const pt = this.#pt;
    const { tables, words } = pt;
    const chunk = slot >>> tables.chunkLg2;
    this.#first = chunk * 2 ** tables.chunkLg2;
    this.#los = tables.lo[chunk]!;
    this.#his = tables.hi[chunk]!;
    this.#lo = pt.lo(slot);
    this.#hi = pt.hi(slot);
    this.kind = pt.kind(slot, 0);
    this.attrs = ptepAttrs(pt, slot);
    this.nr = 1;
    const leaf = this.kind === Kind.leaf;
    this.#saysLo = leaf ? words.saysLo : -1;
    this.#saysHi = leaf ? words.saysHi : -1;
    this.#alone = leaf && !words.isPlain(this.#lo, this.#hi) ? 1 : 0;
  }

  /** The walk is over: nothing is at hand any more. */
  end(): void {
    if (this.nr > 1) this.#pt.tally[E.slotsRead]! += this.nr - 1;
    this.nr = 0;
    this.#alone = 1;
  }
}
