/**
 * Hugetlb mappings: one page of a fixed size is one leaf above level 0, or one contiguous block of leaves at level 0 or above.
 * They are written with stores of their own that neither fold nor unfold: the size is chosen by the mapping, not found out.
 *
 * The caller holds the lock of the table, which is the one that any other walk takes for that level (since Linux 6.11).
 * Not modelled: shared PMD tables, reservations, swapped or migrating pages.
 * Source: arch/arm64/mm/hugetlbpage.c, arch/riscv/mm/hugetlbpage.c, huge_pte_lockptr of include/linux/hugetlb.h, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { type Format, spanLg2 } from "../arch/format.ts";
import { invariant } from "../base/errors.ts";
import { formatSize } from "../base/size.ts";
import { E } from "../base/tally.ts";
import { gatherBlock } from "./cont.ts";
import type { PageTable } from "./pagetable.ts";
import type { Pte } from "./ptep.ts";

/** One size of hugetlb pages on a format. */
export interface HugeSize {
  /** Log two of the base pages in one. */
  readonly pagesLg2: number;
  /** Level of its leaf, or of the leaves of its block. */
  readonly level: number;
  /** Entries that map it: 1, or those of a contiguous block. */
  readonly entries: number;
}

/** All sizes of hugetlb pages on a format (`hugetlb_add_hstate`), smallest first. */
export function hugetlbSizes(format: Format): HugeSize[] {
  const sizes: HugeSize[] = [];
  for (let level = 0; level <= format.maxLeafLevel; level++) {
    const [lg2, cont] = [spanLg2(format, level), format.contLg2[level]!];
    if (level > 0) sizes.push({ pagesLg2: lg2, level, entries: 1 });
    if (cont > 0) sizes.push({ pagesLg2: lg2 + cont, level, entries: 1 << cont });
  }
  return sizes;
}

/** `huge_pte_alloc`: the first slot for a page of a size, with the tables above it made; -1 if something is in the way. */
export function hugePteAlloc(pt: PageTable, vpn: number, size: HugeSize): number {
  invariant(vpn % 2 ** size.pagesLg2 === 0, `page ${vpn} is not where a hugetlb page of 2^${size.pagesLg2} may start`);
  return pt.findOrMake(vpn, size.level);
}

/** Maps one hugetlb page under the lock of its table; the slots must be empty or hold such a page. */
export function mapHugetlb(pt: PageTable, vpn: number, size: HugeSize, pfn: number, attrs: number): void {
  const slot = hugePteAlloc(pt, vpn, size);
  invariant(slot >= 0, `something other than a hugetlb page is mapped around page ${vpn}`);
  pt.locks.take(pt.tableOf(slot), size.level);
  setHugePteAt(pt, slot, size, pfn, attrs);
  pt.locks.drop(pt.tableOf(slot), size.level);
}

/**
 * `set_huge_pte_at`: stores the leaf, or all entries of the block. Where a valid block is replaced by another it is emptied
 * and flushed first, because hardware must never see two sizes or two frames for one address (break before make).
 */
export function setHugePteAt(pt: PageTable, slot: number, size: HugeSize, pfn: number, attrs: number): void {
  checkSlot(pt, slot, size);
  if (size.entries === 1) return writeHuge(pt, slot, size, pfn, attrs);
  pt.tally[E.slotsRead]!++;
  if (pt.kind(slot, size.level) === Kind.leaf && !(pt.attrs(slot, size.level) & A.protnone)) {
    pt.clear(slot, size.entries, size.level);
    flushHuge(pt, size);
  }
  writeHuge(pt, slot, size, pfn, attrs);
}

function checkSlot(pt: PageTable, slot: number, { level, entries }: HugeSize): void {
  invariant((slot & (entries - 1)) === 0, `slot ${slot} is not the first of a block of ${entries}`);
  invariant(pt.locks.holds(pt.tableOf(slot), level), `slot ${slot} is changed without the lock of its table`);
}

/** Every entry is stored as it is told, whatever its neighbours hold (`__set_ptes_anysz`). */
function writeHuge(pt: PageTable, slot: number, size: HugeSize, pfn: number, attrs: number): void {
  const { format: f } = pt;
  const { level, entries } = size;
  const own = entries > 1 ? attrs | A.cont : attrs & ~A.cont;
  // Entries of a napot block are all the same word, with the block's first frame.
  const step = f.napot && entries > 1 ? 0 : pt.span[level]!;
  for (let i = 0; i < entries; i++)
    pt.write(slot + i, f.leafLo(pfn + i * step, own, level), f.leafHi(pfn + i * step, own, level));
  pt.tally[E.slotsWritten]! += entries;
}

function flushHuge(pt: PageTable, size: HugeSize): void {
  pt.tally[E.flushRanges]!++;
  pt.tally[E.flushPages]! += 2 ** size.pagesLg2;
}

/** `huge_ptep_get`: reads a hugetlb page's entry; accessed and dirty are those of any entry of its block. */
export function hugePteGet(pt: PageTable, slot: number, { level, entries }: HugeSize): Pte {
  pt.tally[E.slotsRead]!++;
  const kind = pt.kind(slot, level);
  const attrs = pt.attrs(slot, level);
  const gathers = entries > 1 && kind === Kind.leaf && (attrs & A.cont) !== 0;
  return { kind, pfn: pt.pfn(slot, level), attrs: gathers ? attrs | gatherBlock(pt, slot, level) : attrs };
}

/** `huge_pte_clear`: empties the leaf or the whole block; nothing that hardware noted is kept, and the caller flushes. */
export function hugePteClear(pt: PageTable, slot: number, size: HugeSize): void {
  checkSlot(pt, slot, size);
  pt.clear(slot, size.entries, size.level);
}

/** `huge_ptep_get_and_clear`: {@link hugePteGet}, and all entries are empty afterwards; the caller flushes. */
export function hugePteGetAndClear(pt: PageTable, slot: number, size: HugeSize): Pte {
  const pte = hugePteGet(pt, slot, size);
  hugePteClear(pt, slot, size);
  return pte;
}

/**
 * `huge_ptep_set_access_flags`: makes a hugetlb page more permissive after a fault; `attrs` are added. All entries of a block
 * end alike, with what hardware noted on any of them. False if they were so before, and then nothing is written or flushed.
 */
export function hugeSetAccessFlags(pt: PageTable, slot: number, size: HugeSize, attrs: number): boolean {
  checkSlot(pt, slot, size);
  const old = hugePteGet(pt, slot, size);
  const wanted = old.attrs | (attrs & (A.young | A.dirty | A.write));
  if (!flagsDiffer(pt, slot, size, wanted)) return false;
  if (size.entries > 1) {
    pt.clear(slot, size.entries, size.level);
    flushHuge(pt, size);
  }
  writeHuge(pt, slot, size, old.pfn, wanted);
  return true;
}

/** `__cont_access_flags_changed`: write permission is the same in all of a block, accessed and dirty need not be. */
function flagsDiffer(pt: PageTable, slot: number, { level, entries }: HugeSize, wanted: number): boolean {
  if ((pt.attrs(slot, level) ^ wanted) & A.write) return true;
  for (let i = 0; i < entries; i++) {
    pt.tally[E.slotsRead]!++;
    if ((pt.attrs(slot + i, level) ^ wanted) & (A.young | A.dirty)) return true;
  }
  return false;
}

/** A size in words, for tables and drawings: `64K contiguous PTE`. */
export function hugeSizeName(format: Format, { pagesLg2, level, entries }: HugeSize): string {
  return `${formatSize(2 ** (pagesLg2 + format.pageLg2))} ${entries > 1 ? "contiguous " : ""}${format.levelNames[level]}`;
}
