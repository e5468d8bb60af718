/**
 * `ptRangeWalk`: a walk that hands out runs instead of calling back. Its user asks for the next run and looks at its kind,
 * so that there is no function pointer, and a folio, a hole or a hugetlb page comes as one whatever number of entries it has.
 *
 *   const walk = ptRangeWalkStart(pt, from, to, rules);
 *   while (walk.next())
 *     switch (walk.kind) { ... }      walk.start, walk.nr, walk.slot, walk.level, walk.pfn, walk.attrs
 *   walk.end();                       only where the loop is left early
 *
 * The lock of a PTE table is held from the first run of that table until the walk moves on to another, or ends. The lock of a
 * leaf above level 0 is held for that run alone, so that the walk never takes one lock inside another.
 *
 * What is known of the original: its cover letters only. So the idea is theirs (runs, holes, hugetlb entries read as what they
 * are, non-present entries of any level, no indirect calls; installing and building later), while every type and name here is
 * ours. Not modelled: VMAs and their locks, the lock of the file mapping, migration entries.
 * Source: Oscar Salvador, pt_range_walk RFC v1 (2026-04-12) to v3 (2026-05-25), interface suggested by David Hildenbrand;
 * folio_pte_batch_flags of mm/internal.h, mremap_folio_pte_batch of mm/mremap.c, swap_pte_batch of mm/internal.h, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { SWP_PTE_MARKER } from "../arch/format.ts";
import { invariant } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import { populate } from "../pgtable/alloc.ts";
import { contSlots, gatherBlock, isContiguous } from "../pgtable/cont.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { alikeRun, anyAttrs, emptyRun, ramp } from "../pgtable/runs.ts";

/** What a run is of. */
export const PtRun = {
  /** A hole: neighbouring empty entries of one table, at any level. */
  none: 0,
  /** PTEs that map consecutive frames with attributes that agree. */
  pages: 1,
  /** One leaf above level 0, or one contiguous block of such leaves. */
  huge: 2,
  /** Entries with the same marker. */
  marker: 3,
  /** Swap entries of one type with consecutive offsets. */
  swap: 4,
  /** A table that is about to be gone into, no lock held; only if asked for. */
  table: 5,
  /** The PTE table that was walked last, its lock dropped; only if asked for. */
  left: 6,
  /** The slots of a PTE table in the range, whatever they hold; only if asked for. */
  slots: 7,
} as const;

/** What a run is of, as one of the numbers of {@link PtRun}. */
export type PtRun = (typeof PtRun)[keyof typeof PtRun];

/** What a user of the walk wants; see {@link RUN_RULES} for what holds if nothing is said. */
export interface PtRangeRules {
  /**
   * Whose word says how far a run of PTEs may go. `always` looks up the folio of its first page, and the run ends with it.
   * `hinted` does so only if `pte_batch_hint` promises more than one entry: a folio's descriptor is cold, and fetching it for
   * folios of one page is what slowed mremap down in 6.17. `never` goes by the entries alone, across folios.
   */
  readonly folios: "always" | "hinted" | "never";
  /** Which of write, dirty, soft-dirty and accessed must agree within a run of PTEs (`FPB_RESPECT_*`); the others always must. */
  readonly respect: number;
  /** Attributes that a run has if any of its entries has them (`FPB_MERGE_*`); otherwise they are those of its first entry. */
  readonly merge: number;
  /** Whether accessed and dirty are asked for. If not they are left out, and no block is read as a whole to gather them. */
  readonly accessDirty: boolean;
  /** Most entries in a run of PTEs that are not empty. 1 for users that find out for themselves how far they go, and `seek`. */
  readonly most: number;
  /** Missing tables are made, so that holes are only handed out at level 0. */
  readonly build: boolean;
  /** Leaves above level 0 are looked at again under their lock (`pmd_trans_huge_lock`). Not for users that take it themselves. */
  readonly hugeLocks: boolean;
  /** Tables are handed out before they are gone into, and PTE tables when they were left. */
  readonly tables: boolean;
  /** The slots of a PTE table are handed out as one run, unread. */
  readonly slots: boolean;
}

/** The rules unless a user says otherwise: what folio_pte_batch does without flags. */
export const RUN_RULES: PtRangeRules = {
  folios: "always",
  respect: 0,
  merge: 0,
  accessDirty: true,
  most: Number.POSITIVE_INFINITY,
  build: false,
  hugeLocks: true,
  tables: false,
  slots: false,
};

const ACCESS_DIRTY = A.young | A.dirty;
const MAY_DIFFER = ACCESS_DIRTY | A.write | A.softDirty;
const NOT_LOCKED = -1;

/** A walk over the page tables of one address space. The public fields describe the run at hand until the next call. */
export class PtRangeWalk {
  kind: PtRun = PtRun.none;
  /** First page of the run. */
  start = 0;
  /** Pages of the run. */
  nr = 0;
  /** Slot of the run's first entry; for `table` and `left` the slot that points to the table. */
  slot = -1;
  /** Level of the entries; for `table` and `left` that of the table. */
  level = 0;
  /** Frame of the first page, also where the run starts in the middle of a leaf. */
  pfn = -1;
  /** Attributes (`A.*`) of leaves. */
  attrs = 0;
  /** Base pages under one entry of the run, where a contiguous block is one entry. */
  entry = 1;
  /** Swap type of `marker` and `swap`. */
  type = 0;
  /** Marker bits, or the swap offset of the first entry. */
  offset = 0;

  readonly pt: PageTable;
  readonly #rules: PtRangeRules;
  /** Attributes that must agree within a run of PTEs. */
  readonly #agree: number;
  readonly #top: number;
  /** The table at hand of each level down to the current one, and the page at which its part of the range ends. */
  readonly #tables: Int32Array;
  readonly #ends: Float64Array;
  #level = 0;
  /** The page to look at next. */
  #at = 0;
  #locked = NOT_LOCKED;
  #lockedLevel = 0;
  /** Slot that points to the PTE table at hand, and the first page that was looked at there. */
  #pmd = -1;
  #entered = 0;

  constructor(pt: PageTable, rules: Partial<PtRangeRules> = {}) {
    this.pt = pt;
    this.#rules = { ...RUN_RULES, ...rules };
    this.#agree = ~(MAY_DIFFER & ~this.#rules.respect);
    this.#top = pt.levels - 1;
    this.#level = this.#top;
    this.#tables = new Int32Array(pt.levels);
    this.#ends = new Float64Array(pt.levels);
    this.#tables[this.#top] = pt.root;
  }

  /** Sets out on `[from, to)`; a walk may be used again and again. */
  begin(from: number, to: number): void {
    this.end();
    this.#at = from;
    this.#ends[this.#top] = to;
  }

  /** Finds the next run. False, with no lock held, at the end of the range. */
  next(): boolean {
    if (this.#lockedLevel > 0) this.#unlock();
    for (;;) {
      const level = this.#level;
      if (this.#at < this.#ends[level]!) {
        if (this.#look(level)) return true;
      } else if (level === this.#top) return false;
      else if (this.#climb()) return true;
    }
  }

  /** Ends the walk early and drops the lock that is held. */
  end(): void {
    this.#unlock();
    this.#level = this.#top;
    this.#at = this.#ends[this.#top]!;
  }

  /** Goes on from another page of the table at hand: an entry was replaced, or the user took less or more than the run. */
  seek(vpn: number): void {
    const end = this.#ends[this.#level]!;
    invariant(vpn >= this.start && vpn <= end, `page ${vpn} is not in the table that holds page ${this.start}`);
    this.#at = vpn;
  }

  /** {@link seek} with the lock dropped, so that others may have it: the table is looked up again afterwards. */
  pause(vpn: number): void {
    this.seek(vpn);
    this.#unlock();
    this.#level = Math.max(this.#level, 1);
  }

  /** Entries from the run's first one that lie in its table and in the range: how far a user may go who batches by himself. */
  room(): number {
    return this.#ends[0]! - this.start;
  }

  /** Up by one level. The lock of a PTE table goes; true if the user wants to be told that the table was left. */
  #climb(): boolean {
    if (this.#level++ > 0) return false;
    this.#unlock();
    if (!this.#rules.tables) return false;
    this.start = this.#entered;
    return this.#handTable(PtRun.left, this.#pmd, 0, this.#at);
  }

  /** One entry, or the run that starts there. False if there is nothing to hand out and the walk just goes on. */
  #look(level: number): boolean {
    const { pt } = this;
    this.start = this.#at;
    this.level = level;
    this.slot = pt.slot(this.#tables[level]!, this.#at, level);
    if (level === 0) this.#lock(0);
    if (level === 0 && this.#rules.slots) return this.#hand(PtRun.slots, this.#ends[0]!);
    switch (this.#kind()) {
      case Kind.none:
        return this.#hole();
      case Kind.table:
        return this.#descend();
      case Kind.leaf:
        return level === 0 ? this.#pages() : this.#huge();
      case Kind.softleaf:
        return this.#softleaf();
    }
  }

  /** What the entry at hand is. A leaf above level 0 may have been split by the time its lock is held. */
  #kind(): Kind {
    const { pt, slot, level } = this;
    pt.tally[E.slotsRead]!++;
    const kind = pt.kind(slot, level);
    if (level === 0 || kind === Kind.none || kind === Kind.table || !this.#rules.hugeLocks) return kind;
    this.#lock(level);
    pt.tally[E.slotsRead]!++;
    return pt.kind(slot, level);
  }

  #hand(kind: PtRun, to: number): boolean {
    this.kind = kind;
    this.nr = to - this.start;
    this.#at = to;
    return true;
  }

  /** Tables are no part of the range's contents: the walk stays where it is. */
  #handTable(kind: PtRun, slot: number, level: number, to: number): boolean {
    this.kind = kind;
    this.slot = slot;
    this.level = level;
    this.nr = to - this.start;
    return true;
  }

  #descend(): boolean {
    const { pt, slot } = this;
    const level = --this.#level;
    this.#tables[level] = pt.child(slot, level + 1);
    this.#ends[level] = this.#entryEnd(level + 1, pt.span[level + 1]!);
    if (level === 0) {
      this.#pmd = slot;
      this.#entered = this.#at;
    }
    return this.#rules.tables && this.#handTable(PtRun.table, slot, level, this.#ends[level]!);
  }

  /** First page behind the entry at hand, which is one of a level with so many pages, or the end of the range. */
  #entryEnd(level: number, pages: number): number {
    return Math.min(this.#ends[level]!, (Math.floor(this.#at / pages) + 1) * pages);
  }

  /** Neighbours that are empty too are one hole with it. A table that is to be made is made, and the entry looked at again. */
  #hole(): boolean {
    const { pt, level } = this;
    if (level > 0 && this.#rules.build) {
      populate(pt, this.slot, level);
      return false;
    }
    const end = this.#ends[level]!;
    let to = this.#entryEnd(level, pt.span[level]!);
    if (level === 0) return this.#hand(PtRun.none, to + this.#moreHoles(end - to));
    for (let slot = this.slot + 1; to < end; slot++) {
      pt.tally[E.slotsRead]!++;
      if (pt.kind(slot, level) !== Kind.none) break;
      to += pt.span[level]!;
    }
    return this.#hand(PtRun.none, Math.min(to, end));
  }

  /** Empty entries behind the one at hand, at most `max`; the one that ends them was looked at too. */
  #moreHoles(max: number): number {
    const n = emptyRun(this.pt, this.slot + 1, max);
    this.pt.tally[E.slotsRead]! += Math.min(n + 1, max);
    return n;
  }

  /** `ptep_get` and its kin of any level; a contiguous block is read as one where its accessed and dirty are wanted. */
  #attrsOf(slot: number, level: number): number {
    const attrs = this.pt.attrs(slot, level);
    if (!this.#rules.accessDirty) return attrs & ~ACCESS_DIRTY;
    return isContiguous(this.pt, attrs, level) ? attrs | gatherBlock(this.pt, slot, level) : attrs;
  }

  #huge(): boolean {
    const { pt, slot, level } = this;
    const span = pt.span[level]!;
    this.attrs = this.#attrsOf(slot, level);
    this.pfn = pt.pfn(slot, level) + (this.start % span);
    this.entry = isContiguous(pt, this.attrs, level) ? span * contSlots(pt, level) : span;
    return this.#hand(PtRun.huge, this.#entryEnd(level, this.entry));
  }

  /** `folio_pte_batch`, with the folio looked up or not as the rules say. */
  #pages(): boolean {
    const { pt, slot } = this;
    const attrs = this.#attrsOf(slot, 0);
    this.pfn = pt.pfn(slot);
    this.entry = isContiguous(pt, attrs, 0) ? contSlots(pt, 0) : 1;
    // pte_batch_hint: entries to the end of a block need no look.
    const hint = this.entry - (slot & (this.entry - 1));
    const most = Math.min(this.room(), this.#rules.most);
    const end = slot + Math.min(most, this.#reach(hint, attrs));
    let merged = attrs;
    let next = slot + hint;
    if (this.entry === 1 && next < end) {
      next += this.#plainAhead(next, end - next, attrs);
      if (this.#rules.merge !== 0)
        merged |= anyAttrs(pt, slot, next - slot) & (this.#rules.accessDirty ? -1 : ~ACCESS_DIRTY);
    }
    for (; next < end; next += this.entry) {
      const own = this.#continuing(next, attrs);
      if (own < 0) break;
      merged |= own;
    }
    this.attrs = attrs | (merged & this.#rules.merge);
    return this.#hand(PtRun.pages, this.start + Math.min(most, next - slot));
  }

  /** The plain PTEs from a slot on that continue the run at hand, each looked at once. What stops them may be of another sort. */
  #plainAhead(slot: number, max: number, attrs: number): number {
    const { pt } = this;
    const mask = this.#rules.accessDirty ? this.#agree : this.#agree & ~ACCESS_DIRTY;
    const n = ramp(pt, slot, max, this.pfn + (slot - this.slot), attrs, mask);
    pt.tally[E.slotsRead]! += n;
    return n;
  }

  /** How far a run of PTEs may go by the rule for folios: to the end of the folio, or as far as the entries agree. */
  #reach(hint: number, attrs: number): number {
    const { folios, most } = this.#rules;
    if (folios === "never" || most === 1) return most;
    // Without a folio, such as the zero page; or not worth a look at its descriptor.
    if (attrs & A.special || (folios === "hinted" && hint === 1)) return hint;
    this.pt.tally[E.foliosTouched]!++;
    const frames = 2 ** this.pt.frames.order(this.pfn);
    return frames - (this.pfn % frames);
  }

  /** Attributes of a PTE that continues the run at hand, -1 if it does not. */
  #continuing(slot: number, attrs: number): number {
    const { pt } = this;
    pt.tally[E.slotsRead]!++;
    if (pt.kind(slot, 0) !== Kind.leaf) return -1;
    const own = this.#attrsOf(slot, 0);
    return pt.pfn(slot) === this.pfn + (slot - this.slot) && ((own ^ attrs) & this.#agree) === 0 ? own : -1;
  }

  /** A marker or a swap entry of any level; at level 0 with those that continue it (`swap_pte_batch`). */
  #softleaf(): boolean {
    const { pt, slot, level } = this;
    this.type = pt.format.swapType(pt.lo(slot), pt.hi(slot));
    this.offset = pt.format.swapOffset(pt.lo(slot), pt.hi(slot));
    const step = this.type === SWP_PTE_MARKER ? 0 : 1;
    const end = level === 0 ? slot + Math.min(this.room(), this.#rules.most) : slot + 1;
    let next = slot + 1;
    if (step === 0 && level === 0) next += this.#sameMarkers(end - next);
    while (next < end && this.#continuesSoft(next, step)) next++;
    const to = level === 0 ? this.start + (next - slot) : this.#entryEnd(level, pt.span[level]!);
    return this.#hand(step === 0 ? PtRun.marker : PtRun.swap, to);
  }

  #sameMarkers(max: number): number {
    const n = alikeRun(this.pt, this.slot, max + 1) - 1;
    this.pt.tally[E.slotsRead]! += n;
    return n;
  }

  #continuesSoft(slot: number, step: number): boolean {
    const { pt } = this;
    const { format: f } = pt;
    pt.tally[E.slotsRead]!++;
    if (pt.kind(slot, 0) !== Kind.softleaf) return false;
    const [lo, hi] = [pt.lo(slot), pt.hi(slot)];
    if (f.swapType(lo, hi) !== this.type || (lo ^ pt.lo(this.slot)) & f.swapSoftDirtyLo) return false;
    return f.swapOffset(lo, hi) === this.offset + (slot - this.slot) * step;
  }

  #lock(level: number): void {
    const table = this.#tables[level]!;
    if (this.#locked === table) return;
    this.#unlock();
    this.pt.locks.take(table, level);
    this.#locked = table;
    this.#lockedLevel = level;
  }

  #unlock(): void {
    if (this.#locked !== NOT_LOCKED) this.pt.locks.drop(this.#locked, this.#lockedLevel);
    this.#locked = NOT_LOCKED;
    this.#lockedLevel = 0;
  }
}

/** A walk over `[from, to)`, in virtual pages. It looks at nothing before its first `next`. */
export function ptRangeWalkStart(
  pt: PageTable,
  from: number,
  to: number,
  rules: Partial<PtRangeRules> = {},
): PtRangeWalk {
  const walk = new PtRangeWalk(pt, rules);
  walk.begin(from, to);
  return walk;
}
