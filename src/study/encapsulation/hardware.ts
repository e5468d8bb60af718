/**
 * The other party of the experiment: CPUs that walk the tables while software changes them. They note accessed and dirty on
 * whichever entry of a contiguous block they like, and keep translations until these are invalidated.
 *
 * What is held is all that any TLB may hold: it only grows until an invalidation, since a walker may load an entry at any time
 * and nothing says when one is evicted. Source: Arm ARM (DDI 0487) sections D8.5.6 and D8.7.1.
 */
import { A, Kind } from "../../arch/entry.ts";
import type { AccessDirty } from "../../arch/format.ts";
import { type FaultCause, translate } from "../../mmu/translate.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";

/** A translation that a TLB may hold: `pages` from `vpn` to frames from `pfn`. */
export interface Held {
  readonly vpn: number;
  readonly pages: number;
  readonly pfn: number;
  readonly write: boolean;
  readonly dirty: boolean;
}

/** The CPUs of the machine, taken together. */
export class Hardware {
  held: Held[] = [];
  /** By page: accessed and dirty that hardware has noted for it and software has not yet taken into account. */
  readonly noted = new Map<number, number>();
  /** By page: what was noted in this step, on the very entry that software works on in it. */
  readonly raced = new Map<number, number>();
  #aim = -1;
  readonly #pt: PageTable;
  readonly #ad: AccessDirty;

  constructor(pt: PageTable, ad: AccessDirty) {
    this.#pt = pt;
    this.#ad = ad;
  }

  /** Software is about to work on the entry of a page; -1 begins a step. */
  aim(vpn: number): void {
    if (vpn < 0) this.raced.clear();
    this.#aim = vpn;
  }

  /**
   * An access to a page, noted on the entry of `noteOn`, a page of the same block. `cold` walks although a translation is
   * held, as another CPU does. Returns why it faults, or null.
   */
  touch(vpn: number, write: boolean, noteOn: number, cold: boolean): FaultCause | null {
    if (!cold && this.#hits(vpn, write)) {
      if (write) this.#note(vpn, A.dirty);
      return null;
    }
    const block = this.blockOf(vpn);
    const entry = block > 1 ? noteOn : vpn;
    const before = this.#attrs(entry);
    const walk = translate(this.#pt, entry, write, this.#ad);
    if (walk.fault !== null) return entry === vpn ? walk.fault : this.touch(vpn, write, vpn, true);
    this.#note(vpn, A.young | (write ? A.dirty : 0));
    if (entry === this.#aim) this.raced.set(vpn, (this.raced.get(vpn) ?? 0) | (this.#attrs(entry) & ~before));
    this.#hold(vpn, block, walk.pfn - (entry - vpn), this.#pt.attrs(walk.slot));
    return null;
  }

  /** Pages that hardware takes for one translation at a page: those of a block, or 1. It looks at one entry only. */
  blockOf(vpn: number): number {
    const { format } = this.#pt;
    const slot = this.#pt.find(vpn, 0);
    if (slot < 0 || this.#pt.kind(slot, 0) !== Kind.leaf) return 1;
    return (this.#pt.attrs(slot) & (A.cont | A.protnone)) === A.cont ? 2 ** format.contLg2[0]! : 1;
  }

  /** An invalidation of `n` pages: every translation that overlaps them goes. */
  flush(vpn: number, n: number): void {
    this.held = this.held.filter((h) => h.vpn >= vpn + n || h.vpn + h.pages <= vpn);
  }

  /** Software has taken into account what was noted of a page. */
  acknowledge(vpn: number, bits: number): void {
    const left = (this.noted.get(vpn) ?? 0) & ~bits;
    if (left === 0) this.noted.delete(vpn);
    else this.noted.set(vpn, left);
  }

  /** What was noted of a page belongs to another from now on: its entry has moved. */
  moveNotes(from: number, to: number): void {
    const bits = this.noted.get(from) ?? 0;
    this.noted.delete(from);
    if (bits !== 0) this.noted.set(to, bits);
  }

  #note(vpn: number, bits: number): void {
    this.noted.set(vpn, (this.noted.get(vpn) ?? 0) | bits);
  }

  /** Attributes of the entry of a page; 0 where there is none. */
  #attrs(vpn: number): number {
    const slot = this.#pt.find(vpn, 0);
    return slot >= 0 && this.#pt.kind(slot, 0) === Kind.leaf ? this.#pt.attrs(slot) : 0;
  }

  /** A store needs a walk unless the translation says dirty already: the table has to learn of it. */
  #hits(vpn: number, write: boolean): boolean {
    const slot = this.#pt.find(vpn, 0);
    const maps = (h: Held) => this.#pt.kind(slot, 0) === Kind.leaf && this.#pt.pfn(slot) === h.pfn + (vpn - h.vpn);
    return this.held.some((h) => covers(h, vpn) && (!write || (h.write && h.dirty)) && slot >= 0 && maps(h));
  }

  #hold(vpn: number, pages: number, pfn: number, attrs: number): void {
    const first = vpn - (vpn % pages);
    const [write, dirty] = [(attrs & A.write) !== 0, (attrs & A.dirty) !== 0];
    const held = { vpn: first, pages, pfn: pfn - (vpn - first), write, dirty };
    const same = (h: Held) => h.vpn === first && h.pages === pages && h.pfn === held.pfn;
    this.held = [...this.held.filter((h) => !same(h)), held];
  }
}

/** Whether a translation covers a page. */
export function covers(h: Held, vpn: number): boolean {
  return h.vpn <= vpn && vpn < h.vpn + h.pages;
}
