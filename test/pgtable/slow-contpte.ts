/**
 * The obvious twin of contpte: one PTE table as an array of entries, and the rules of arch/arm64/mm/contpte.c written one
 * after the other as they are described, with no care for speed. Knows nothing of raw words.
 */
import { A } from "../../src/arch/entry.ts";

/** An entry of the twin; `null` is empty. `attrs` are `A` bits and include the contiguous bit. */
export type SlowEntry = { pfn: number; attrs: number } | { type: number; offset: number } | null;

type Leaf = { pfn: number; attrs: number };

const YD = A.young | A.dirty;

/** A table of 512 entries, or of as many as are given. `headOf` tells the first frame of the folio that a frame belongs to. */
export class SlowTable {
  readonly entries: SlowEntry[];
  readonly #block: number;
  readonly #headOf: (pfn: number) => number;
  readonly #contpte: boolean;
  folds = 0;
  unfolds = 0;

  /** `block`: entries of a contiguous block. */
  constructor(contpte: boolean, headOf: (pfn: number) => number, block = 16, entries = 512) {
    this.entries = new Array<SlowEntry>(entries).fill(null);
    this.#block = block;
    this.#contpte = contpte;
    this.#headOf = headOf;
  }

  leaf(i: number): Leaf | null {
    const e = this.entries[i] ?? null;
    return e !== null && "pfn" in e ? e : null;
  }

  isFolded(i: number): boolean {
    const e = this.leaf(i);
    return e !== null && (e.attrs & A.cont) !== 0 && !(e.attrs & A.protnone);
  }

  /** Accessed and dirty as a reader sees them. */
  seen(i: number): number {
    const own = (this.leaf(i)?.attrs ?? 0) & YD;
    return this.isFolded(i) ? own | this.#blockSeen(i) : own;
  }

  setPtes(at: number, pfn: number, attrs: number, nr: number): void {
    if (nr === 1) {
      this.#unfold(at);
      this.entries[at] = { pfn, attrs };
      this.#tryFold(at);
      return;
    }
    for (let i = 0; i < nr; i++) this.entries[at + i] = { pfn: pfn + i, attrs };
    for (let b = 0; b < this.entries.length; b += this.#block) {
      const inside = b >= at && b + this.#block <= at + nr;
      if (!this.#contpte || !inside || this.leaf(b)!.pfn % this.#block !== 0) continue;
      for (let i = b; i < b + this.#block; i++) this.leaf(i)!.attrs |= A.cont;
      this.folds++;
    }
  }

  setSoft(at: number, nr: number, type: number, offset: number): void {
    for (let i = at; i < at + nr; i++) {
      this.#unfold(i);
      this.entries[i] = { type, offset };
    }
  }

  clear(at: number, nr: number): void {
    this.#unfoldCut(at, nr);
    this.entries.fill(null, at, at + nr);
  }

  getAndClear(at: number, nr: number): Leaf {
    this.#unfoldCut(at, nr);
    let seen = 0;
    for (let i = at; i < at + nr; i++) seen |= this.leaf(i)!.attrs & YD;
    const first = this.leaf(at)!;
    this.entries.fill(null, at, at + nr);
    return { pfn: first.pfn, attrs: first.attrs | seen };
  }

  wrprotect(at: number, nr: number): void {
    this.#unfoldCut(at, nr);
    for (let i = at; i < at + nr; i++) this.leaf(i)!.attrs &= ~A.write;
  }

  /** Accessed of a run and of the folded blocks at its ends is cleared; whether any had it. */
  testAndClearYoung(at: number, nr: number): boolean {
    let young = false;
    for (let i = 0; i < this.entries.length; i++) {
      const e = this.leaf(i);
      const inRun = i >= at && i < at + nr;
      const inBlock = this.isFolded(i) && this.#sharesBlock(i, at, at + nr - 1);
      if (e === null || !(inRun || inBlock)) continue;
      young ||= (e.attrs & A.young) !== 0;
      e.attrs &= ~A.young;
    }
    return young;
  }

  clearYoungDirty(at: number, nr: number, clear: number): void {
    const touched = (i: number) =>
      (i >= at && i < at + nr) || (this.isFolded(i) && this.#sharesBlock(i, at, at + nr - 1));
    const hit = this.entries.flatMap((_, i) => (touched(i) ? [i] : []));
    for (const i of hit) this.leaf(i)!.attrs &= ~clear;
  }

  setAccessFlags(at: number, add: number): void {
    const e = this.leaf(at)!;
    if (!this.isFolded(at)) {
      e.attrs |= add;
      return;
    }
    const wanted = e.attrs | this.seen(at) | add;
    if (wanted === (e.attrs | this.seen(at))) return;
    if (wanted & ~e.attrs & A.write) {
      this.#unfold(at);
      this.leaf(at)!.attrs |= wanted & ~A.cont;
      return;
    }
    for (const i of this.#blockOf(at)) this.leaf(i)!.attrs |= wanted & YD;
  }

  #sharesBlock(i: number, first: number, last: number): boolean {
    const b = Math.floor(i / this.#block);
    return b === Math.floor(first / this.#block) || b === Math.floor(last / this.#block);
  }

  #blockOf(i: number): number[] {
    const first = i - (i % this.#block);
    return Array.from({ length: this.#block }, (_, k) => first + k);
  }

  #blockSeen(i: number): number {
    return this.#blockOf(i).reduce((all, k) => all | ((this.leaf(k)?.attrs ?? 0) & YD), 0);
  }

  #unfold(i: number): void {
    if (!this.isFolded(i)) return;
    this.unfolds++;
    const seen = this.#blockSeen(i);
    for (const k of this.#blockOf(i)) {
      const e = this.leaf(k)!;
      this.entries[k] = { pfn: e.pfn, attrs: (e.attrs & ~A.cont) | seen };
    }
  }

  /** Blocks that a run holds only in part: at most the one of its first and the one of its last entry. */
  #unfoldCut(at: number, nr: number): void {
    for (const i of [at, at + nr - 1]) {
      const block = this.#blockOf(i);
      if (block[0]! < at || block[this.#block - 1]! > at + nr - 1) this.#unfold(i);
    }
  }

  #tryFold(i: number): void {
    const last = this.leaf(i);
    if (
      !this.#contpte ||
      last === null ||
      i % this.#block !== this.#block - 1 ||
      last.pfn % this.#block !== this.#block - 1
    )
      return;
    if (last.attrs & (A.special | A.cont | A.protnone)) return;
    const first = last.pfn - (this.#block - 1);
    if (this.#headOf(last.pfn) > first) return;
    const agrees = (k: number) => {
      const e = this.leaf(k);
      return e !== null && e.pfn === first + (k % this.#block) && (e.attrs & ~YD) === (last.attrs & ~YD);
    };
    if (!this.#blockOf(i).every(agrees)) return;
    this.folds++;
    const attrs = last.attrs | A.cont | this.#blockSeen(i);
    for (const k of this.#blockOf(i)) this.entries[k] = { pfn: first + (k % this.#block), attrs };
  }
}
