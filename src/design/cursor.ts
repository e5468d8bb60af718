/**
 * What the reviewers of the 2018 proof of concept asked for: moving takes a value and returns one, tables and entries are
 * different types, and what can change anything is a type of its own.
 *
 * A position is an {@link EntryPtr}, one number; a {@link Cursor} only knows how to get from one position to another in one tree.
 * It keeps no path. Going up is going down again from the root (see `advance`), which costs a few reads where a table of
 * level 1 ends and holds no pointer to a table that may have been freed meanwhile.
 * Levels: 0 is the bottom, and a format without a level simply has fewer; nothing is folded.
 *
 * Not modelled: page tables in high memory. `lock` and `unlock` of a PTE table are the places where a 32-bit kernel would map
 * and unmap it (`pte_offset_map_lock`, `pte_unmap_unlock`). Linux keeps no other tables there, so there are no other such places.
 * Source: thread "better(?) page-table manipulation API", linux-mm, April 2018; Cursor and CursorMut of Asterinas, ostd/src/mm/page_table/cursor.
 */
import { Kind } from "../arch/entry.ts";
import type { Format } from "../arch/format.ts";
import { broken, invariant } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import { populate } from "../pgtable/alloc.ts";
import { changeLeaf, clearLeaf, mapLeaf, splitLeaf } from "../pgtable/huge.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { clearPtes, getAndClearPtes, ptepAttrs, setPtes } from "../pgtable/ptep.ts";
import * as ops from "./cursor-ops.ts";
import {
  type EntryPtr,
  entryPtr,
  levelOf,
  type Seen,
  seen,
  slotOf,
  type TablePtr,
  type TakenTable,
  tablePtr,
} from "./cursor-ptr.ts";
import type { Design, Fill } from "./design.ts";
import { storeFill } from "./fill.ts";
import type { SoftleafWords } from "./read.ts";

/**
 * The read-only cursor: nothing that has only this can change a table. What it can reach is one tree; moves inside a table are
 * arithmetic on the pointer and are in `cursor-ptr.ts`.
 */
export interface Cursor {
  readonly format: Format;
  /** Base pages under one entry, by level; one more than there are levels. */
  readonly span: readonly number[];
  /** The top table. It is a table: no entry points to it that could be read or set. */
  readonly root: TablePtr;
  /** Raw words, for those who report non-present entries. */
  readonly words: SoftleafWords;

  /** The entry of a table for a page (`p?d_offset`). */
  entryAt(table: TablePtr, vpn: number): EntryPtr;
  /** The table that an entry points to; the entry must have been seen to be one that does. One level down, as the value says. */
  descend(entry: EntryPtr): TablePtr;
  /** One read of an entry (`p?dp_get`). At level 0, accessed and dirty of a contiguous block are those of all of it. */
  query(entry: EntryPtr): Seen;
  /** First frame of a leaf that has been looked at. */
  pfn(entry: EntryPtr): number;
  /** Takes the lock that guards a table's entries. */
  lock(table: TablePtr): void;
  /** Drops it. */
  unlock(table: TablePtr): void;
}

/** What was taken out of an entry. A table comes as it was, with all that is below it. */
export type Taken =
  | { readonly kind: "none" }
  | { readonly kind: "leaf"; readonly level: number; readonly pfn: number; readonly attrs: number }
  | { readonly kind: "softleaf"; readonly type: number; readonly offset: number }
  | { readonly kind: "table"; readonly table: TakenTable };

/** The cursor on the tables themselves. */
export class NativeCursor implements Cursor {
  readonly format: Format;
  readonly span: readonly number[];
  readonly root: TablePtr;
  readonly words: SoftleafWords;
  protected readonly pt: PageTable;

  constructor(pt: PageTable) {
    this.format = pt.format;
    this.span = pt.span;
    this.root = tablePtr(pt.format, pt.root << pt.tables.slotsLg2, pt.levels - 1);
    this.words = pt;
    this.pt = pt;
  }

  entryAt(table: TablePtr, vpn: number): EntryPtr {
    const level = levelOf(this.format, table);
    return entryPtr(this.format, slotOf(this.format, table) + this.pt.index(vpn, level), level);
  }

  descend(entry: EntryPtr): TablePtr {
    const level = levelOf(this.format, entry);
    const child = this.pt.child(slotOf(this.format, entry), level);
    return tablePtr(this.format, child << this.pt.tables.slotsLg2, level - 1);
  }

  query(entry: EntryPtr): Seen {
    return look(this.pt, slotOf(this.format, entry), levelOf(this.format, entry));
  }

  pfn(entry: EntryPtr): number {
    return this.pt.pfn(slotOf(this.format, entry), levelOf(this.format, entry));
  }

  lock(table: TablePtr): void {
    this.pt.locks.take(this.pt.tableOf(slotOf(this.format, table)), levelOf(this.format, table));
  }

  unlock(table: TablePtr): void {
    this.pt.locks.drop(this.pt.tableOf(slotOf(this.format, table)), levelOf(this.format, table));
  }
}

/** One read of a slot as a value. */
function look(pt: PageTable, slot: number, level: number): Seen {
  const kind = pt.kind(slot, level);
  if (level === 0) {
    const attrs = ptepAttrs(pt, slot);
    return seen(kind, kind === Kind.leaf ? attrs : 0);
  }
  pt.tally[E.slotsRead]!++;
  return seen(kind, kind === Kind.leaf ? pt.attrs(slot, level) : 0);
}

/**
 * The mutating cursor: everything that changes an entry, one entry at a time. It is given values, never a pointer to a
 * copy on somebody's stack, and returns what it replaced.
 *
 * At level 0 the caller holds the table's lock, over as many entries as it likes; above, where nobody works in runs, the lock
 * is taken here. TLB flushes are the caller's.
 */
export class CursorMut {
  /** The same tree for looking and moving. */
  readonly moves: Cursor;
  protected readonly pt: PageTable;

  constructor(pt: PageTable, moves: Cursor = new NativeCursor(pt)) {
    this.pt = pt;
    this.moves = moves;
  }

  /** Gives an empty entry above level 0 a table (`p?d_alloc`). Look again afterwards: another thread may have been faster. */
  populate(entry: EntryPtr): void {
    populate(this.pt, this.#slot(entry), this.#level(entry));
  }

  /** Maps with one leaf in an empty entry of any level that may have leaves. */
  map(entry: EntryPtr, pfn: number, attrs: number): void {
    const [slot, level] = [this.#slot(entry), this.#level(entry)];
    if (this.pt.kind(slot, level) !== Kind.none) broken("mapping where something is mapped");
    if (level > 0) return mapLeaf(this.pt, slot, level, pfn, attrs);
    this.#mustHoldLock(slot);
    setPtes(this.pt, slot, pfn, attrs, 1);
  }

  /** Empties an entry and returns what was in it. A table is only unlinked: see {@link free}. */
  take(entry: EntryPtr): Taken {
    const [slot, level] = [this.#slot(entry), this.#level(entry)];
    const kind = this.pt.kind(slot, level);
    this.pt.tally[E.slotsRead]!++;
    if (kind === Kind.none) return { kind: "none" };
    if (kind === Kind.table) return this.#takeTable(slot, level);
    return kind === Kind.leaf ? this.#takeLeaf(slot, level) : this.#takeSoftleaf(slot, level);
  }

  /** Sets and clears attributes of a leaf; returns those that it had. */
  protect(entry: EntryPtr, set: number, clear: number): number {
    const [slot, level] = [this.#slot(entry), this.#level(entry)];
    if (this.pt.kind(slot, level) !== Kind.leaf) broken("protecting what is no leaf");
    if (level > 0) {
      const attrs = this.pt.attrs(slot, level);
      changeLeaf(this.pt, slot, level, set, clear);
      return attrs;
    }
    this.#mustHoldLock(slot);
    const old = getAndClearPtes(this.pt, slot, 1);
    setPtes(this.pt, slot, old.pfn, (old.attrs & ~clear) | set, 1);
    return old.attrs;
  }

  /** Mapping split of a leaf above level 0. Returns the table that took its place. */
  split(entry: EntryPtr): TablePtr {
    splitLeaf(this.pt, this.#slot(entry), this.#level(entry));
    return this.moves.descend(entry);
  }

  /** Stores what an installing walk was given into an empty entry of level 0, `at` pages after the walk's first page. */
  install(entry: EntryPtr, fill: Fill, at: number): void {
    this.#mustHoldLock(this.#slot(entry));
    storeFill(this.pt, this.#slot(entry), 1, fill, at);
  }

  /** Frees a table that was taken, and no other; what was in it must have been taken before. */
  free(table: TakenTable): void {
    const { format } = this.pt;
    const [first, level] = [slotOf(format, table), levelOf(format, table)];
    for (let slot = first; slot < first + 2 ** format.indexLg2[level]!; slot++)
      invariant(this.pt.kind(slot, level) === Kind.none, "freeing a table with something in it");
    this.pt.dropTable(this.pt.tableOf(first), level);
  }

  #takeTable(slot: number, level: number): Taken {
    const { pt } = this;
    const table = tablePtr(pt.format, pt.child(slot, level) << pt.tables.slotsLg2, level - 1) as TakenTable;
    pt.locks.take(pt.tableOf(slot), level);
    pt.clear(slot, 1, level);
    pt.locks.drop(pt.tableOf(slot), level);
    return { kind: "table", table };
  }

  #takeLeaf(slot: number, level: number): Taken {
    const { pt } = this;
    if (level > 0) {
      const [pfn, attrs] = [pt.pfn(slot, level), pt.attrs(slot, level)];
      clearLeaf(pt, slot, level);
      return { kind: "leaf", level, pfn, attrs };
    }
    this.#mustHoldLock(slot);
    const { pfn, attrs } = getAndClearPtes(pt, slot, 1);
    return { kind: "leaf", level, pfn, attrs };
  }

  #takeSoftleaf(slot: number, level: number): Taken {
    const { pt } = this;
    if (level > 0) broken("a non-present entry above level 0");
    this.#mustHoldLock(slot);
    const [lo, hi] = [pt.lo(slot), pt.hi(slot)];
    clearPtes(pt, slot, 1);
    return { kind: "softleaf", type: pt.format.swapType(lo, hi), offset: pt.format.swapOffset(lo, hi) };
  }

  #mustHoldLock(slot: number): void {
    if (!this.pt.locks.holds(this.pt.tableOf(slot), 0)) broken("changing an entry of level 0 without its table's lock");
  }

  #slot(entry: EntryPtr): number {
    return slotOf(this.pt.format, entry);
  }

  #level(entry: EntryPtr): number {
    return levelOf(this.pt.format, entry);
  }
}

/** What of a design the cursor's loops give, over whatever offers its moves. */
export function cursorDesign(
  look: (pt: PageTable) => Cursor,
  change: (pt: PageTable) => CursorMut,
): Omit<Design, "name" | "idea" | "source"> {
  return {
    find: (pt, vpn, level) => ops.cursorFind(look(pt), vpn, level),
    findOrMake: (pt, vpn, level) => ops.cursorFindOrMake(change(pt), vpn, level),
    visit: (pt, start, end, visitor) => ops.cursorVisit(look(pt), start, end, visitor),
    install: (pt, start, end, installer) => ops.cursorInstall(change(pt), start, end, installer),
    countPages: (pt, start, end) => ops.cursorCountPages(look(pt), start, end),
    pagemap: (pt, start, end) => ops.cursorPagemap(look(pt), start, end),
    mincore: (pt, start, end, vec) => ops.cursorMincore(look(pt), start, end, vec),
  };
}

/** The cursor that the review of 2018 asked for. */
export const cursor: Design = {
  name: "cursor",
  idea: "a position is one number, an entry's address with its level; moving takes one and returns one, and looking and changing are different types",
  source: "review of the proof of concept by M. Wilcox and A. Lutomirski, linux-mm, April 2018",
  ...cursorDesign(
    (pt) => new NativeCursor(pt),
    (pt) => new CursorMut(pt),
  ),
};
