/**
 * The values that the cursor moves: a pointer to a table, a pointer to an entry, and what a look at an entry showed. Each is one
 * number, so a move allocates nothing, and each is a type of its own, so one cannot be taken for another.
 *
 * A pointer is a byte address with the level in its low bits, which the alignment of entries leaves free: 3 bits beside
 * entries of 8 bytes, so 8 levels; 2 bits beside entries of 4 bytes, so 4 levels. Level 0 is the bottom, on every format.
 *
 *        33                             3 2     0            33                              2 1   0
 *       +---------------------------------+-------+         +---------------------------------+-----+
 *       | slot number                     | level |         | slot number                     |level|
 *       +---------------------------------+-------+         +---------------------------------+-----+
 *        entries of 8 bytes                                  entries of 4 bytes
 *
 * A table and its first entry have the same number. That is why the types differ: the proof of concept had one type for both,
 * and its reviewers tripped over it. Not done: a level in the *value* of an entry, for which no format has bits to spare.
 * Source: M. Wilcox and A. Lutomirski on "better(?) page-table manipulation API", linux-mm, April 2018; the same encoding
 * is that of a root in include/linux/generic_pt/common.h, Linux 6.19.
 */
import type { Kind } from "../arch/entry.ts";
import type { Format } from "../arch/format.ts";

declare const pointsTo: unique symbol;
declare const unlinked: unique symbol;

/** Address of one entry, with its level. */
export type EntryPtr = number & { readonly [pointsTo]: "entry" };
/** Address of a table, with the level of its entries. */
export type TablePtr = number & { readonly [pointsTo]: "table" };
/** Address of a table that was taken out of the entry above it: nothing points to it any more, so it can be freed. */
export type TakenTable = TablePtr & { readonly [unlinked]: true };
/** What one read of an entry gave: its kind in the low two bits, for a leaf its attributes above them. */
export type Seen = number & { readonly [pointsTo]: "value" };

/** The pointer to the entry of a level in a slot. */
export function entryPtr(f: Format, slot: number, level: number): EntryPtr {
  return (slot * f.entryBytes + level) as EntryPtr;
}

/** The pointer to a table by its first slot. */
export function tablePtr(f: Format, firstSlot: number, level: number): TablePtr {
  return (firstSlot * f.entryBytes + level) as TablePtr;
}

/** Level of an entry, or of a table's entries: 0 is the bottom. */
export function levelOf(f: Format, p: EntryPtr | TablePtr): number {
  // The mask works on the low 32 bits of the number alone, which is where the level is.
  return p & (f.entryBytes - 1);
}

/** The slot of an entry, or the first slot of a table. */
export function slotOf(f: Format, p: EntryPtr | TablePtr): number {
  return Math.floor(p / f.entryBytes);
}

/** The entry after this one in the same table. Whether there is one is for the caller to know. */
export function nextEntry(f: Format, entry: EntryPtr): EntryPtr {
  return (entry + f.entryBytes) as EntryPtr;
}

/** What a look at an entry showed, as one number. */
export function seen(kind: Kind, attrs: number): Seen {
  return (kind | (attrs << 2)) as Seen;
}

/** Kind of the entry at the moment of the look. */
export function kindOf(value: Seen): Kind {
  return (value & 3) as Kind;
}

/** Attributes of the leaf at the moment of the look; 0 of anything else. */
export function attrsOf(value: Seen): number {
  return value >> 2;
}
