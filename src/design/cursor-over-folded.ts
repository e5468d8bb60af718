/**
 * The cursor over Linux's present functions: the way to begin that the review proposed, correct on every architecture at once
 * and made fast where somebody cares. All loops of `cursor-ops.ts` run on it unchanged.
 *
 * What the old functions lack shows here. They have no name for a table, so `descend` takes the address of its first entry;
 * they have a name for each level, so the level in the pointer chooses among them; and some look at an entry again that the
 * cursor has looked at already: `pte_offset_map` at the PMD, `p?d_alloc` at what it is to fill.
 * Source: A. Lutomirski on "better(?) page-table manipulation API", linux-mm, April 2018.
 */
import { Kind } from "../arch/entry.ts";
import { invariant } from "../base/errors.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { CursorMut, cursorDesign, NativeCursor } from "./cursor.ts";
import { type EntryPtr, levelOf, type Seen, seen, slotOf, type TablePtr, tablePtr } from "./cursor-ptr.ts";
import type { Design } from "./design.ts";
import {
  type P4dp,
  type Pgdp,
  type Pmdp,
  type Pudp,
  p4dAlloc,
  p4dOffset,
  p4dpGet,
  pgdpGet,
  pmdAlloc,
  pmdOffset,
  pmdpGet,
  pteAlloc,
  pteOffsetMap,
  pudAlloc,
  pudOffset,
  pudpGet,
} from "./folded-levels.ts";

/** `p?dp_get` of a level above 0. */
function entryGet(pt: PageTable, slot: number, level: number): Kind {
  switch (level) {
    case 4:
      return pgdpGet(pt, slot as Pgdp);
    case 3:
      return p4dpGet(pt, slot as P4dp);
    case 2:
      return pudpGet(pt, slot as Pudp);
    default:
      return pmdpGet(pt, slot as Pmdp);
  }
}

/** `p?d_offset` from an entry of a level to the one for a page in its table. */
function entryOffset(pt: PageTable, slot: number, level: number, vpn: number): number {
  switch (level) {
    case 4:
      return p4dOffset(pt, slot as Pgdp, vpn);
    case 3:
      return pudOffset(pt, slot as P4dp, vpn);
    case 2:
      return pmdOffset(pt, slot as Pudp, vpn);
    default:
      return pteOffsetMap(pt, slot as Pmdp, vpn);
  }
}

/** `p?d_alloc` and `pte_alloc`, asked for nothing but the table. */
function entryAlloc(pt: PageTable, slot: number, level: number): void {
  switch (level) {
    case 4:
      p4dAlloc(pt, slot as Pgdp, 0);
      break;
    case 3:
      pudAlloc(pt, slot as P4dp, 0);
      break;
    case 2:
      pmdAlloc(pt, slot as Pudp, 0);
      break;
    default:
      pteAlloc(pt, slot as Pmdp);
  }
}

/**
 * The read-only cursor on `p?d_offset` and `p?dp_get`. Where the old functions have no step of their own, it keeps those of the
 * cursor: none begins at a table (`entryAt` is `p?d_index`), and `pte_offset_map_lock` wants the PMD, which a table does not know
 * (`lock` is `ptlock_ptr`).
 */
export class FoldedCursor extends NativeCursor {
  override descend(entry: EntryPtr): TablePtr {
    const level = levelOf(this.format, entry);
    const first = entryOffset(this.pt, slotOf(this.format, entry), level, 0);
    invariant(first >= 0, "a table that was seen is gone, though nobody else runs");
    return tablePtr(this.format, first, level - 1);
  }

  override query(entry: EntryPtr): Seen {
    const [slot, level] = [slotOf(this.format, entry), levelOf(this.format, entry)];
    if (level === 0) return super.query(entry);
    const kind = entryGet(this.pt, slot, level);
    return seen(kind, kind === Kind.leaf ? this.pt.attrs(slot, level) : 0);
  }
}

/** The mutating cursor on `p?d_alloc`. What changes entries of a level is the same in both worlds. */
export class FoldedCursorMut extends CursorMut {
  constructor(pt: PageTable) {
    super(pt, new FoldedCursor(pt));
  }

  override populate(entry: EntryPtr): void {
    entryAlloc(this.pt, slotOf(this.pt.format, entry), levelOf(this.pt.format, entry));
  }
}

/** The cursor's operations over the old functions. Not in the list of designs: it is there to be compared with `cursor`. */
export const cursorOverFolded: Design = {
  name: "cursor",
  idea: "the cursor's loops, with each move made by the function that Linux has for the level",
  source: "A. Lutomirski's proposal for a start, linux-mm, April 2018",
  ...cursorDesign(
    (pt) => new FoldedCursor(pt),
    (pt) => new FoldedCursorMut(pt),
  ),
};
