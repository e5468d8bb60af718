/**
 * The operations in the cursor's idiom: one loop over positions, down where an entry points to a table, on to the next entry
 * otherwise. The level is in the position, so no function here is for one level, and nothing recurses or calls back.
 *
 * Entries of level 0 are gone through in a loop of their own, because a PTE table's lock is taken once for the run. Every reader
 * writes its loop out, as users of moves do: one loop for all that is given a function to call would be a walk with callbacks,
 * which is what `pagewalk` has to show.
 */
import { Kind } from "../arch/entry.ts";
import type { Visitor } from "../pgtable/visit.ts";
import type { Cursor, CursorMut } from "./cursor.ts";
import { attrsOf, type EntryPtr, kindOf, levelOf, nextEntry, type Seen, slotOf, type TablePtr } from "./cursor-ptr.ts";
import type { Installed, Installer, PageCounts, Pagemap } from "./design.ts";
import {
  addPages,
  isResident,
  type MutableCounts,
  newCounts,
  newPagemap,
  newResident,
  putPresent,
  putSoftleaf,
} from "./read.ts";

/** The entry of the top table for a page: where every walk begins. */
export function enter(c: Cursor, vpn: number): EntryPtr {
  return c.entryAt(c.root, vpn);
}

/** One level down: the entry for a page in the table that this entry points to. */
export function below(c: Cursor, at: EntryPtr, vpn: number): EntryPtr {
  return c.entryAt(c.descend(at), vpn);
}

/** The page after those that an entry covers, but at most the end of the range: `p?d_addr_end` for any level. */
export function entryEnd(c: Cursor, at: EntryPtr, vpn: number, end: number): number {
  const span = c.span[levelOf(c.format, at)]!;
  return Math.min(end, (Math.floor(vpn / span) + 1) * span);
}

/** The entry of a level for a page, from the root; where no table of that level is there, the entry at which the way ends. */
export function jump(c: Cursor, vpn: number, level: number): EntryPtr {
  let at = enter(c, vpn);
  while (levelOf(c.format, at) > level && kindOf(c.query(at)) === Kind.table) at = below(c, at, vpn);
  return at;
}

/** The entry one level up that leads to this one: found again from the root, as tables do not know who points to them. */
export function up(c: Cursor, at: EntryPtr, vpn: number): EntryPtr {
  return jump(c, vpn, levelOf(c.format, at) + 1);
}

/**
 * The entry that follows in the range: `vpn` is the page after those of `at`. In the same table it is the next one; at the
 * table's end it is the next entry of the lowest table above that goes on, since every level between ends there too.
 */
export function advance(c: Cursor, at: EntryPtr, vpn: number, end: number): EntryPtr {
  if (vpn >= end) return at;
  let level = levelOf(c.format, at);
  if (vpn % c.span[level + 1]! !== 0) return nextEntry(c.format, at);
  // The top table does not end inside a range, so there is a level at which this stops.
  while (vpn % c.span[level + 1]! === 0) level++;
  return jump(c, vpn, level);
}

/** The slot of a level for a virtual page, or -1 where no table of that level is there. */
export function cursorFind(c: Cursor, vpn: number, level: number): number {
  const at = jump(c, vpn, level);
  return levelOf(c.format, at) === level ? slotOf(c.format, at) : -1;
}

/** The slot of a level for a virtual page; missing tables are made. Anything else in the way gives -1. */
export function cursorFindOrMake(m: CursorMut, vpn: number, level: number): number {
  const c = m.moves;
  let at = enter(c, vpn);
  while (levelOf(c.format, at) > level) {
    const kind = kindOf(c.query(at));
    if (kind === Kind.table) at = below(c, at, vpn);
    else if (kind === Kind.none) m.populate(at);
    else return -1;
  }
  return slotOf(c.format, at);
}

/** Where the next entry is that is neither empty nor a table, and what it is; or null. No lock is taken: a later look decides. */
export function findNext(
  c: Cursor,
  start: number,
  end: number,
): { readonly vpn: number; readonly entry: EntryPtr; readonly seen: Seen } | null {
  let at = enter(c, start);
  for (let vpn = start; vpn < end; ) {
    const seen = c.query(at);
    if (kindOf(seen) === Kind.table) {
      at = below(c, at, vpn);
      continue;
    }
    if (kindOf(seen) !== Kind.none) return { vpn, entry: at, seen };
    vpn = entryEnd(c, at, vpn, end);
    at = advance(c, at, vpn, end);
  }
  return null;
}

/** Visits `[start, end)` in ascending order; see {@link Visitor}. */
export function cursorVisit(c: Cursor, start: number, end: number, visitor: Visitor): void {
  let at = enter(c, start);
  for (let vpn = start; vpn < end; ) {
    const level = levelOf(c.format, at);
    const next = entryEnd(c, at, vpn, end);
    if (afterHuge(c, at, vpn, next, visitor) === Kind.table) {
      visitor.table?.(level - 1, vpn);
      if (level > 1) {
        at = below(c, at, vpn);
        continue;
      }
      visitPtes(c, at, vpn, next, visitor);
    }
    vpn = next;
    at = advance(c, at, vpn, end);
  }
}

/** Kind of an entry once the visitor has seen it, if it is no table: the visitor may have put a table there, or nothing. */
function afterHuge(c: Cursor, at: EntryPtr, vpn: number, next: number, visitor: Visitor): Kind {
  const kind = kindOf(c.query(at));
  if (kind === Kind.none || kind === Kind.table || !visitor.huge) return kind;
  visitor.huge(slotOf(c.format, at), levelOf(c.format, at), vpn, next);
  return kindOf(c.query(at));
}

function visitPtes(c: Cursor, at: EntryPtr, vpn: number, next: number, visitor: Visitor): void {
  const table = c.descend(at);
  if (visitor.ptes) {
    c.lock(table);
    try {
      visitor.ptes(slotOf(c.format, c.entryAt(table, vpn)), vpn, next - vpn);
    } finally {
      c.unlock(table);
    }
  }
  visitor.leaveTable?.(slotOf(c.format, at), vpn, next);
}

/** Fills the empty entries of level 0 of the range, making tables. */
export function cursorInstall(m: CursorMut, start: number, end: number, installer: Installer): Installed {
  const c = m.moves;
  let pages = 0;
  let at = enter(c, start);
  for (let vpn = start; vpn < end; ) {
    const kind = kindOf(c.query(at));
    if (kind === Kind.none) {
      m.populate(at);
      continue;
    }
    const level = levelOf(c.format, at);
    if (kind === Kind.table && level > 1) {
      at = below(c, at, vpn);
      continue;
    }
    const next = entryEnd(c, at, vpn, end);
    if (kind === Kind.table) {
      const run = installPtes(m, c.descend(at), vpn, next, start, installer);
      pages += run.pages;
      if (run.stopped >= 0) return { pages, stopped: run.stopped };
    } else if (!installer.keep(slotOf(c.format, at), level)) return { pages, stopped: vpn };
    vpn = next;
    at = advance(c, at, vpn, end);
  }
  return { pages, stopped: -1 };
}

/** The part of the range under one PTE table; `first` is the whole range's first page, from which the fill counts. */
function installPtes(
  m: CursorMut,
  table: TablePtr,
  start: number,
  end: number,
  first: number,
  installer: Installer,
): Installed {
  const c = m.moves;
  let [pages, stopped] = [0, -1];
  c.lock(table);
  try {
    let at = c.entryAt(table, start);
    for (let vpn = start; vpn < end && stopped < 0; vpn++, at = nextEntry(c.format, at)) {
      if (kindOf(c.query(at)) === Kind.none) {
        m.install(at, installer.fill, vpn - first);
        pages++;
      } else if (!installer.keep(slotOf(c.format, at), 0)) stopped = vpn;
    }
  } finally {
    c.unlock(table);
  }
  return { pages, stopped };
}

/** How many pages are present, accessed and dirty. */
export function cursorCountPages(c: Cursor, start: number, end: number): PageCounts {
  const counts = newCounts();
  let at = enter(c, start);
  for (let vpn = start; vpn < end; ) {
    const seen = c.query(at);
    const table = kindOf(seen) === Kind.table;
    if (table && levelOf(c.format, at) > 1) {
      at = below(c, at, vpn);
      continue;
    }
    const next = entryEnd(c, at, vpn, end);
    if (table) countPtes(c, c.descend(at), vpn, next, counts);
    else if (kindOf(seen) === Kind.leaf) addPages(counts, next - vpn, attrsOf(seen));
    vpn = next;
    at = advance(c, at, vpn, end);
  }
  return counts;
}

function countPtes(c: Cursor, table: TablePtr, start: number, end: number, counts: MutableCounts): void {
  c.lock(table);
  let at = c.entryAt(table, start);
  for (let vpn = start; vpn < end; vpn++, at = nextEntry(c.format, at)) {
    const seen = c.query(at);
    if (kindOf(seen) === Kind.leaf) addPages(counts, 1, attrsOf(seen));
  }
  c.unlock(table);
}

/** One word for each page, in the layout of /proc/PID/pagemap. */
export function cursorPagemap(c: Cursor, start: number, end: number): Pagemap {
  const map = newPagemap(end - start);
  let at = enter(c, start);
  for (let vpn = start; vpn < end; ) {
    const seen = c.query(at);
    const table = kindOf(seen) === Kind.table;
    if (table && levelOf(c.format, at) > 1) {
      at = below(c, at, vpn);
      continue;
    }
    const next = entryEnd(c, at, vpn, end);
    if (table) pagemapPtes(c, c.descend(at), vpn, next, map, start);
    else putEntry(c, at, seen, vpn, next, map, start);
    vpn = next;
    at = advance(c, at, vpn, end);
  }
  return map;
}

function pagemapPtes(c: Cursor, table: TablePtr, start: number, end: number, map: Pagemap, first: number): void {
  c.lock(table);
  let at = c.entryAt(table, start);
  for (let vpn = start; vpn < end; vpn++, at = nextEntry(c.format, at))
    putEntry(c, at, c.query(at), vpn, vpn + 1, map, first);
  c.unlock(table);
}

/** Reports one entry for the pages `[vpn, next)` that it covers; `first` is the page of the map's first word. */
function putEntry(c: Cursor, at: EntryPtr, seen: Seen, vpn: number, next: number, map: Pagemap, first: number): void {
  const inside = vpn % c.span[levelOf(c.format, at)]!;
  if (kindOf(seen) === Kind.leaf) putPresent(map, vpn - first, next - vpn, c.pfn(at) + inside, attrsOf(seen));
  else if (kindOf(seen) === Kind.softleaf) putSoftleaf(map, vpn - first, next - vpn, c.words, slotOf(c.format, at));
}

/** 1 for each page that is present, 0 for every other. */
export function cursorMincore(c: Cursor, start: number, end: number, vec?: Uint8Array): Uint8Array {
  const resident = newResident(end - start, vec);
  let at = enter(c, start);
  for (let vpn = start; vpn < end; ) {
    const kind = kindOf(c.query(at));
    if (kind === Kind.table && levelOf(c.format, at) > 1) {
      at = below(c, at, vpn);
      continue;
    }
    const next = entryEnd(c, at, vpn, end);
    if (kind === Kind.table) mincorePtes(c, c.descend(at), vpn, next, resident, start);
    else if (isResident(kind)) resident.fill(1, vpn - start, next - start);
    vpn = next;
    at = advance(c, at, vpn, end);
  }
  return resident;
}

function mincorePtes(
  c: Cursor,
  table: TablePtr,
  start: number,
  end: number,
  resident: Uint8Array,
  first: number,
): void {
  c.lock(table);
  let at = c.entryAt(table, start);
  for (let vpn = start; vpn < end; vpn++, at = nextEntry(c.format, at))
    resident[vpn - first] = isResident(kindOf(c.query(at))) ? 1 : 0;
  c.unlock(table);
}
