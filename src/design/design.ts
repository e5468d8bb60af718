/**
 * What every design must offer, so that the same operations run on each: reaching one entry, visiting a range, filling
 * empty entries, and three reading walks. How it does that is its own affair, and the subject of this folder.
 *
 * A range is `[start, end)` in virtual pages. The caller holds what Linux would call the mmap lock; a design takes the
 * page-table locks itself and holds none when it returns. Costs go to the tally of the page table.
 */
import type { PageTable } from "../pgtable/pagetable.ts";
import type { Visitor } from "../pgtable/visit.ts";

/** Names of the designs, in the order in which pages and tables show them. */
export const DESIGN_NAMES = ["folded", "ptp", "cursor", "pagewalk", "ptRangeWalk"] as const;
/** Name of a design. */
export type DesignName = (typeof DESIGN_NAMES)[number];

/** One way to reach page-table entries. */
export interface Design {
  readonly name: DesignName;
  /** What it is in one sentence. */
  readonly idea: string;
  /** Where it was proposed or where it lives, with the date or the kernel version. */
  readonly source: string;

  /** The slot of a level for a virtual page, or -1 where no table of that level is there. */
  find(pt: PageTable, vpn: number, level: number): number;
  /** The slot of a level for a virtual page; missing tables are made. A leaf or a non-present entry in the way gives -1. */
  findOrMake(pt: PageTable, vpn: number, level: number): number;
  /**
   * Calls the visitor for the range in ascending order, with the PTE table's lock held around `ptes` and no lock around the
   * others. `leaveTable` comes after the table's `ptes`, at the latest at the end of the visit.
   */
  visit(pt: PageTable, start: number, end: number, visitor: Visitor): void;
  /** Fills the empty slots of level 0 of the range, making tables. Stops where the installer says so; nothing is undone. */
  install(pt: PageTable, start: number, end: number, installer: Installer): Installed;

  /** Reading walk: how many pages are present, accessed and dirty, as `ptep_get` reports them. */
  countPages(pt: PageTable, start: number, end: number): PageCounts;
  /** Reading walk: one word for each page, in the layout of /proc/PID/pagemap. */
  pagemap(pt: PageTable, start: number, end: number): Pagemap;
  /** Reading walk: 1 for each page that is present, 0 for every other, markers too; in `vec`, or in a new array. */
  mincore(pt: PageTable, start: number, end: number, vec?: Uint8Array): Uint8Array;

  /** Copies what is mapped in the range to another address space, in the design's own idiom where one was shown for fork. */
  copyRange?(from: PageTable, to: PageTable, start: number, end: number, copier: Copier): CopyResult;
}

/** What to put into empty slots: a marker, or leaves of one folio with consecutive frames, `pfn` for the range's first page. */
export type Fill =
  | { readonly kind: "marker"; readonly marker: number }
  | { readonly kind: "leaf"; readonly pfn: number; readonly attrs: number };

/** What an installing walk is given. */
export interface Installer {
  readonly fill: Fill;
  /** An entry that is not empty, at level 0 or above. True goes on and leaves it as it is, false ends the walk. */
  keep(slot: number, level: number): boolean;
}

/** What an installing walk did: pages filled, and the page of the entry that ended it, or -1. */
export interface Installed {
  readonly pages: number;
  readonly stopped: number;
}

/** Pages behind present entries. Accessed and dirty are of the entry, so a huge leaf counts all its pages or none. */
export interface PageCounts {
  readonly present: number;
  readonly young: number;
  readonly dirty: number;
}

/** Words of /proc/PID/pagemap in two halves, one pair for each page. See `read.ts` for the bits. */
export interface Pagemap {
  readonly lo: Int32Array;
  readonly hi: Int32Array;
}

/** How the entries themselves are copied at fork; the walk to them is the design's. */
export interface Copier {
  /** A leaf or a non-present entry above level 0. False: it was split or is to be copied below, so the walk descends. */
  huge(slot: number, level: number, start: number, end: number): boolean;
  /**
   * Copies a non-empty entry of level 0, with as many as continue it, at most `max`, under both tables' locks. Returns how
   * many entries that was; 0 asks for room, which is made without locks, before it is tried again.
   */
  entry(slot: number, toSlot: number, max: number): number;
  /** Makes room for a swap count, or allocates a page, with no lock held (`add_swap_count_continuation`). False: no memory. */
  room(): boolean;
  /** Whether somebody waits for the processor or for a lock (`need_resched`, `spin_needbreak`). */
  mustBreak(): boolean;
}

/** What a copy came to: `ok`, or the page at which memory ran out, and how often locks were dropped for others. */
export interface CopyResult {
  readonly ok: boolean;
  /** First page that was not copied; the range's end if all were. */
  readonly reached: number;
  readonly lockBreaks: number;
}
