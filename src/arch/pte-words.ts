/**
 * Many entries of level 0 at once, as raw words: the inner loops of fork, munmap, mprotect and their kin.
 *
 * What an entry says beside its frame number is nearly always what its neighbour says. So a loop decodes one entry with the
 * format's own functions, and takes every following one that differs from it in the frame number alone for decoded as well;
 * what is stored is encoded once and given one frame number after the other. No bit but the place of the frame number is known
 * here, so a format has nothing to add for it.
 *
 * Words for which that does not hold go through the format one by one: frame numbers from 2^31 on, which some formats keep in
 * several pieces, and Svnapot's blocks, which hide part of it.
 */
import { A, Kind } from "./entry.ts";
import type { Format } from "./format.ts";

/** Frame numbers from here on are not the loops' affair. */
const NEAR = 2 ** 31;

/** Entries that are read at once: enough to forget the price of a call, few enough to lose little where a reader stops early. */
export const LEAVES = 256;

/** Frames in a row from which on they are told as one: fewer are not worth a run of their own. */
const ROW = 16;

/**
 * Leaves of one table that say the same of different frames, as {@link PteWords.leaves} finds them; a room that is used again.
 * Their high words are equal, so that one loop over low words does for most of it.
 */
export class Leaves {
  /** What each of them says (`A.*`). */
  attrs = 0;
  /** Their frames follow one another from `first` on, and are not in the list. */
  inRow = false;
  first = 0;
  /** Their frames, if they are not in a row; as many as were found mean something. */
  readonly pfns = new Int32Array(LEAVES);

  /** The frame of one of them. */
  pfn(i: number): number {
    return this.inRow ? this.first + i : this.pfns[i]!;
  }
}

/** Words of one format in two arrays, their low and their high halves; `at` is a position in both. */
export class PteWords {
  readonly #format: Format;
  readonly #shift: number;
  /** Where a near frame number lies in the low and in the high word; everything else is what an entry says. */
  readonly #frameLo: number;
  readonly #frameHi: number;

  constructor(format: Format) {
    this.#format = format;
    this.#shift = format.pfnPteShift;
    this.#frameLo = -1 << this.#shift;
    this.#frameHi = format.entryBytes === 8 ? (1 << (this.#shift - 1)) - 1 : 0;
  }

  /**
   * How many entries from `at` on, at most `max`, are leaves that differ in nothing but the frame number's part of the low word:
   * those whose frames are in a row, or, where that are few, whatever frames they map, but no more than {@link LEAVES}. 0 where
   * the first is none, or one of a contiguous block, or maps a frame that is not near.
   */
  leaves(lo: Int32Array, hi: Int32Array, at: number, max: number, found: Leaves): number {
    const firstLo = lo[at]!;
    const firstHi = hi[at]!;
    if (this.#format.kind(firstLo, firstHi, 0) !== Kind.leaf) return 0;
    const attrs = this.#format.attrs(firstLo, firstHi, 0);
    if (attrs & A.cont || this.#format.pfn(firstLo, firstHi, 0) >= NEAR) return 0;
    found.attrs = attrs;
    found.first = this.#format.pfn(firstLo, firstHi, 0);
    const row = this.#row(lo, hi, at, Math.min(max, this.#untilCarry(found.first)), this.#step(attrs));
    found.inRow = row >= ROW || row === max;
    return found.inRow ? row : this.#list(lo, hi, at, Math.min(max, LEAVES), found);
  }

  /** How many words go on from one to the next by a step, with one high word; the low words must not wrap. */
  #row(lo: Int32Array, hi: Int32Array, at: number, nr: number, step: number): number {
    const high = hi[at]!;
    let low = lo[at]!;
    let i = 0;
    for (; i < nr; i++) {
      if (lo[at + i] !== low || hi[at + i] !== high) break;
      low = (low + step) | 0;
    }
    return i;
  }

  #list(lo: Int32Array, hi: Int32Array, at: number, nr: number, found: Leaves): number {
    const firstHi = hi[at]!;
    const flip = this.#flip(found.attrs);
    const shift = this.#shift;
    const saysLo = ~this.#frameLo;
    const says = lo[at]! & saysLo;
    // The frame's part of the high word is the same for all, and either part is inverted or not: one exchange of bits does both.
    const turn = (flip >>> shift) ^ (((firstHi ^ flip) & this.#frameHi) << (32 - shift));
    const pfns = found.pfns;
    for (let i = 0; i < nr; i++) {
      const l = lo[at + i]!;
      if ((l & saysLo) !== says || hi[at + i] !== firstHi) return i;
      pfns[i] = (l >>> shift) ^ turn;
    }
    return nr;
  }

  /**
   * Copies `nr` leaves that {@link leaves} has found at `at`, or some of them, to `to` with other attributes; not contiguous ones.
   * That may be the same place.
   */
  copyLeaves(
    lo: Int32Array,
    hi: Int32Array,
    at: number,
    toLo: Int32Array,
    toHi: Int32Array,
    to: number,
    nr: number,
    attrs: number,
  ): void {
    const f = this.#format;
    const pfn = f.pfn(lo[at]!, hi[at]!, 0);
    const toFirstHi = f.leafHi(pfn, attrs, 0);
    // The same bits change in every word.
    const turn = lo[at]! ^ f.leafLo(pfn, attrs, 0);
    for (let i = 0; i < nr; i++) toLo[to + i] = lo[at + i]! ^ turn;
    fill(toHi, toFirstHi, to, nr);
  }

  /** Which bits of the low word tell whether an entry says the same as a leaf of near frames; of the high word {@link saysHi}. */
  get saysLo(): number {
    return ~this.#frameLo;
  }

  get saysHi(): number {
    return ~this.#frameHi;
  }

  /** Whether what a leaf says is all there is to know of entries that say the same: a near frame, and no contiguous block. */
  isPlain(lo: number, hi: number): boolean {
    return !(this.#format.attrs(lo, hi, 0) & A.cont) && this.#format.pfn(lo, hi, 0) < NEAR;
  }

  /**
   * How many entries from `at` on, at most `max`, say what the first one does: equal words, or leaves that differ in their near
   * frames alone. Of contiguous entries none does, since readers ask the whole block.
   */
  alike(lo: Int32Array, hi: Int32Array, at: number, max: number): number {
    const firstLo = lo[at]!;
    const firstHi = hi[at]!;
    const leaf = this.#format.kind(firstLo, firstHi, 0) === Kind.leaf;
    if (leaf && this.#format.attrs(firstLo, firstHi, 0) & A.cont) return 1;
    const frames = leaf && this.#format.pfn(firstLo, firstHi, 0) < NEAR;
    const sayLo = frames ? ~this.#frameLo : -1;
    const sayHi = frames ? ~this.#frameHi : -1;
    let i = at + 1;
    while (i < at + max && (((lo[i]! ^ firstLo) & sayLo) | ((hi[i]! ^ firstHi) & sayHi)) === 0) i++;
    return i - at;
  }

  /** Stores leaves that map `nr` consecutive frames, whichever they are. */
  storeRamp(lo: Int32Array, hi: Int32Array, at: number, first: number, nr: number, attrs: number): void {
    const f = this.#format;
    if (nr === 1 || first + nr > NEAR || (f.napot && attrs & A.cont)) {
      for (let i = 0; i < nr; i++) {
        lo[at + i] = f.leafLo(first + i, attrs, 0);
        hi[at + i] = f.leafHi(first + i, attrs, 0);
      }
      return;
    }
    const step = this.#step(attrs);
    for (let done = 0; done < nr; ) {
      const n = Math.min(nr - done, this.#untilCarry(first + done));
      let low = f.leafLo(first + done, attrs, 0);
      // The first is stored before the loop, which V8 then spares a look at the array for each of the others.
      lo[at + done] = low;
      for (let i = at + done + 1; i < at + done + n; i++) {
        low = (low + step) | 0;
        lo[i] = low;
      }
      fill(hi, f.leafHi(first + done, attrs, 0), at + done, n);
      done += n;
    }
  }

  /** All attributes that any of `nr` leaves has. */
  anyAttrs(lo: Int32Array, hi: Int32Array, at: number, nr: number): number {
    const frameLo = this.#frameLo;
    const frameHi = this.#frameHi;
    let seenLo = lo[at]!;
    let seenHi = hi[at]!;
    let any = this.#format.attrs(seenLo, seenHi, 0);
    for (let i = at + 1; i < at + nr; i++) {
      const l = lo[i]!;
      const h = hi[i]!;
      if ((((l ^ seenLo) & ~frameLo) | ((h ^ seenHi) & ~frameHi)) === 0) continue;
      seenLo = l;
      seenHi = h;
      any |= this.#format.attrs(l, h, 0);
    }
    return any;
  }

  /** Rewrites the attributes of `nr` leaves in place, each keeping what it said beside them. */
  change(lo: Int32Array, hi: Int32Array, at: number, nr: number, set: number, clear: number): void {
    const f = this.#format;
    const frameLo = this.#frameLo;
    const frameHi = this.#frameHi;
    const end = at + nr;
    for (let i = at; i < end; ) {
      const firstLo = lo[i]!;
      const firstHi = hi[i]!;
      const old = f.attrs(firstLo, firstHi, 0);
      const attrs = (old & ~clear) | set;
      const pfn = this.#pfnAt(firstLo, firstHi, old, i);
      const newLo = f.leafLo(pfn, attrs, 0);
      const newHi = f.leafHi(pfn, attrs, 0);
      lo[i] = newLo;
      hi[i++] = newHi;
      if (i === end || pfn >= NEAR || (f.napot && (old | attrs) & A.cont)) continue;
      const flip = this.#flip(old) ^ this.#flip(attrs);
      for (; i < end; i++) {
        const l = lo[i]!;
        const h = hi[i]!;
        if (((l ^ firstLo) & ~frameLo) | ((h ^ firstHi) & ~frameHi)) break;
        lo[i] = (newLo & ~frameLo) | ((l ^ flip) & frameLo);
        hi[i] = (newHi & ~frameHi) | ((h ^ flip) & frameHi);
      }
    }
  }

  /**
   * How many entries from `at` on, at most `max`, are leaves that map `first` and the frames behind it, and say `attrs` in all
   * that is in `mask`.
   */
  ramp(lo: Int32Array, hi: Int32Array, at: number, max: number, first: number, attrs: number, mask: number): number {
    const f = this.#format;
    for (let i = 0; i < max; ) {
      const firstLo = lo[at + i]!;
      const firstHi = hi[at + i]!;
      if (f.kind(firstLo, firstHi, 0) !== Kind.leaf) return i;
      const own = f.attrs(firstLo, firstHi, 0);
      if ((own ^ attrs) & mask || this.#pfnAt(firstLo, firstHi, own, at + i) !== first + i) return i;
      i++;
      if (first + max > NEAR || (f.napot && own & A.cont)) continue;
      const step = this.#step(own);
      const end = Math.min(max, i - 1 + this.#untilCarry(first + i - 1));
      // What follows is the same word with the next frame number; any other is looked at for itself.
      for (let next = (firstLo + step) | 0; i < end && lo[at + i] === next && hi[at + i] === firstHi; i++)
        next = (next + step) | 0;
    }
    return max;
  }

  /** Frames from one on whose numbers differ in the low word alone. */
  #untilCarry(pfn: number): number {
    const span = 1 << (32 - this.#shift);
    return span - (pfn & (span - 1));
  }

  /** The frame that a leaf maps with this very slot, as `pte_pfn` of a block whose entries all name its first frame does not. */
  #pfnAt(lo: number, hi: number, attrs: number, at: number): number {
    const f = this.#format;
    const pfn = f.pfn(lo, hi, 0);
    return f.napot && attrs & A.cont ? pfn + (at & ((1 << f.contLg2[0]!) - 1)) : pfn;
  }

  /** What the low word of the next frame is more. */
  #step(attrs: number): number {
    return this.#flip(attrs) === 0 ? 1 << this.#shift : -(1 << this.#shift);
  }

  /** All ones where entries with these attributes hold the frame number inverted (PROT_NONE of x86), else 0. */
  #flip(attrs: number): number {
    return this.#format.leafLo(0, attrs, 0) & this.#frameLo ? -1 : 0;
  }
}

/** `Int32Array.fill` for runs that may be short: its call costs as much as ten stores. */
function fill(words: Int32Array, word: number, at: number, nr: number): void {
  if (nr > 16) words.fill(word, at, at + nr);
  else for (let i = at; i < at + nr; i++) words[i] = word;
}
