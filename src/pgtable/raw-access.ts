/**
 * The question of 2023 as a switch: code outside the architecture either dereferences pointers to entries, or asks the helpers
 * of `ptep.ts`. Both are written against one interface, so that one program runs with either; the raw one is there for
 * experiments alone, which show what it breaks.
 *
 * A pointer is a slot. A kernel stack is a page of words beside the tables: a helper that is handed a pointer to a local
 * variable computes the variable's "siblings" and really finds them there.
 * Not modelled: compilers that tear or repeat a plain load.
 * Source: "Encapsulate PTE contents from non-arch code", v1 to v3, 2023; the install_pte discussion of 2025; mm/pagewalk.c.
 */
import { A } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "./pagetable.ts";
import {
  getAndClearPtes,
  type Pte,
  ptepGet,
  ptepSetAccessFlags,
  ptepSetWrprotect,
  ptepTestAndClearYoung,
  setPtes,
} from "./ptep.ts";
import { writePtes } from "./raw.ts";

/** What happens on another CPU, or in hardware, in the midst of an access. */
export type Raced = () => void;

/** How code outside the architecture reads and changes one entry of level 0. */
export interface PteAccess {
  /** Reads an entry: `*ptep` against `ptep_get`. */
  get(pt: PageTable, slot: number): Pte;
  /** Stores a leaf over whatever is there: `*ptep = pte` against `set_ptes` of one. `attrs` may come from a read. */
  set(pt: PageTable, slot: number, pfn: number, attrs: number): void;
  /** Reads a leaf and empties its entry: a load and a store against `ptep_get_and_clear`. */
  take(pt: PageTable, slot: number, raced: Raced): Pte;
  /** Takes write permission away: load, change, store against `ptep_set_wrprotect`. */
  wrprotect(pt: PageTable, slot: number, raced: Raced): void;
  /** Clears accessed and tells whether it was set. Pages before and after the slot may be meant as well. */
  testAndClearYoung(pt: PageTable, slot: number, raced: Raced): boolean;
  /** Adds accessed, dirty or write after a fault. */
  allow(pt: PageTable, slot: number, attrs: number): void;
  /** Fills an empty entry with what a callback decides: it fills in a local variable, or it returns a value. */
  install(pt: PageTable, slot: number, decide: () => Pte): void;
}

/** `ptep_get` and the setters. */
export const encapsulated: PteAccess = {
  get: ptepGet,
  set: (pt, slot, pfn, attrs) => setPtes(pt, slot, pfn, attrs, 1),
  take(pt, slot, raced) {
    // One instruction reads and clears, so that whatever races with it comes before it, or finds no entry.
    raced();
    return getAndClearPtes(pt, slot, 1);
  },
  wrprotect: ptepSetWrprotect,
  testAndClearYoung(pt, slot, raced) {
    raced();
    return ptepTestAndClearYoung(pt, slot);
  },
  allow: (pt, slot, attrs) => void ptepSetAccessFlags(pt, slot, attrs),
  install(pt, slot, decide) {
    const { pfn, attrs } = decide();
    setPtes(pt, slot, pfn, attrs, 1);
  },
};

/**
 * Plain loads and stores. Every value that is read lies in a local variable of the given stack, where its copy stays until
 * another call's variable takes the place.
 */
export function rawAccess(stack: KernelStack): PteAccess {
  const get = (pt: PageTable, slot: number): Pte => {
    stack.push(pt.lo(slot), pt.hi(slot));
    return load(pt, slot);
  };
  const change = (pt: PageTable, slot: number, set: number, clear: number, raced: Raced): Pte => {
    const pte = get(pt, slot);
    raced();
    writePtes(pt, slot, pte.pfn, (pte.attrs | set) & ~clear, 1);
    return pte;
  };
  return {
    get,
    set: (pt, slot, pfn, attrs) => writePtes(pt, slot, pfn, attrs, 1),
    take(pt, slot, raced) {
      const pte = get(pt, slot);
      raced();
      pt.clear(slot, 1);
      return pte;
    },
    wrprotect: (pt, slot, raced) => void change(pt, slot, 0, A.write, raced),
    testAndClearYoung: (pt, slot, raced) => (change(pt, slot, 0, A.young, raced).attrs & A.young) !== 0,
    allow: (pt, slot, attrs) => void change(pt, slot, attrs & (A.young | A.dirty | A.write), 0, () => {}),
    install: (pt, slot, decide) => installByPointer(pt, slot, decide, stack),
  };
}

/** The callback takes its pointer for one into the table: it stores with a helper, and reads back with another. */
function installByPointer(pt: PageTable, slot: number, decide: () => Pte, stack: KernelStack): void {
  const { pfn, attrs } = decide();
  const variable = stack.reserve();
  setPtes(pt, variable, pfn, attrs, 1);
  stack.claim(variable, pt.format.leafLo(pfn, attrs & ~A.cont, 0), pt.format.leafHi(pfn, attrs & ~A.cont, 0));
  const pte = ptepGet(pt, variable);
  writePtes(pt, slot, pte.pfn, pte.attrs, 1);
}

function load(pt: PageTable, slot: number): Pte {
  pt.tally[E.slotsRead]!++;
  return { kind: pt.kind(slot, 0), pfn: pt.pfn(slot), attrs: pt.attrs(slot) };
}

/** A word of the stack that is no longer what its owner left there. */
export interface StackDamage {
  readonly slot: number;
  readonly lo: number;
  readonly hi: number;
  /** What its owner left there. */
  readonly wantLo: number;
  readonly wantHi: number;
}

/** A kernel stack: words next to one another, most of them copies of entries that earlier calls have read. */
export class KernelStack {
  readonly first: number;
  readonly words: number;
  readonly #pt: PageTable;
  readonly #lo: Int32Array;
  readonly #hi: Int32Array;
  #top = 0;

  /** `words` of a page; calls one after the other use them in turn. */
  constructor(pt: PageTable, words: number) {
    this.#pt = pt;
    this.words = words;
    this.first = pt.tables.alloc(0, 0) << pt.tables.slotsLg2;
    this.#lo = new Int32Array(words);
    this.#hi = new Int32Array(words);
  }

  /** The place of the next call's variable, with whatever an earlier call has left in it. */
  reserve(): number {
    const slot = this.first + this.#top;
    this.#top = (this.#top + 1) % this.words;
    return slot;
  }

  /** A variable with a value. */
  push(lo: number, hi: number): void {
    const slot = this.reserve();
    this.#pt.write(slot, lo, hi);
    this.claim(slot, lo, hi);
  }

  /** Says what a variable's owner means it to hold. */
  claim(slot: number, lo: number, hi: number): void {
    this.#lo[slot - this.first] = lo;
    this.#hi[slot - this.first] = hi;
  }

  /** Every word that somebody else has written; they are put right again, so that each harm shows once. */
  damage(): StackDamage[] {
    const found: StackDamage[] = [];
    for (let i = 0; i < this.words; i++) {
      const slot = this.first + i;
      const [lo, hi, wantLo, wantHi] = [this.#pt.lo(slot), this.#pt.hi(slot), this.#lo[i]!, this.#hi[i]!];
      if (lo === wantLo && hi === wantHi) continue;
      found.push({ slot, lo, hi, wantLo, wantHi });
      this.#pt.write(slot, wantLo, wantHi);
    }
    return found;
  }
}
