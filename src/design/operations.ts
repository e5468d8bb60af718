/**
 * Operations that no part of the debate is about, written once over any design: map with the largest leaves that fit, unmap,
 * protect, split. They work on bare page tables; what the kernel's own versions do besides is in `mm/`.
 *
 * Source of the rule for sizes: pt_compute_best_pgsize of drivers/iommu/generic_pt, Linux 6.19.
 */
import { Kind } from "../arch/entry.ts";
import { freeTables } from "../pgtable/free.ts";
import { changeLeaf, clearLeaf, mapLeaf, splitLeaf } from "../pgtable/huge.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { clearPtes, getAndClearPtes, ptepAttrs, setPtes } from "../pgtable/ptep.ts";
import type { Visitor } from "../pgtable/visit.ts";
import type { Design } from "./design.ts";

/**
 * Maps `pages` consecutive frames with leaves as large as place and alignment allow, at most of `maxLevel`. False, with
 * nothing changed, if anything is mapped there already.
 */
export function mapRange(
  design: Design,
  pt: PageTable,
  start: number,
  pages: number,
  pfn: number,
  attrs: number,
  maxLevel = pt.format.maxLeafLevel,
): boolean {
  if (!isEmpty(design, pt, start, start + pages)) return false;
  for (let done = 0; done < pages; )
    done += mapSome(design, pt, start + done, pages - done, pfn + done, attrs, maxLevel);
  return true;
}

function isEmpty(design: Design, pt: PageTable, start: number, end: number): boolean {
  let empty = true;
  design.visit(pt, start, end, {
    huge: () => {
      empty = false;
    },
    ptes: (slot, _vpn, nr) => {
      for (let i = slot; i < slot + nr && empty; i++) empty = pt.kind(i, 0) === Kind.none;
    },
  });
  return empty;
}

/** One leaf above level 0, or a run of one PTE table. An entry that already points to a table takes smaller leaves. */
function mapSome(
  design: Design,
  pt: PageTable,
  vpn: number,
  pages: number,
  pfn: number,
  attrs: number,
  maxLevel: number,
): number {
  for (let level = maxLevel; level > 0; level--) {
    const span = pt.span[level]!;
    if (span > pages || vpn % span !== 0 || pfn % span !== 0) continue;
    const slot = design.findOrMake(pt, vpn, level);
    if (pt.kind(slot, level) !== Kind.none) continue;
    mapLeaf(pt, slot, level, pfn, attrs);
    return span;
  }
  const slot = design.findOrMake(pt, vpn, 0);
  const nr = Math.min(pages, pt.span[1]! - (vpn % pt.span[1]!));
  const table = pt.tableOf(slot);
  pt.locks.take(table, 0);
  setPtes(pt, slot, pfn, attrs, nr);
  pt.locks.drop(table, 0);
  return nr;
}

/** Empties the range; leaves that it cuts are split first. Tables stay. */
export function unmapRange(design: Design, pt: PageTable, start: number, end: number): void {
  const leaf = (slot: number, level: number) => clearLeaf(pt, slot, level);
  const run = (slot: number, max: number) => clearRun(pt, slot, max);
  design.visit(pt, start, end, changing(pt, leaf, run));
}

/**
 * A visitor that changes leaves above level 0, splitting those that its range cuts, and entries of level 0 in runs; `run` changes
 * some from a slot on, at most `max`, and says how many it came past.
 */
function changing(
  pt: PageTable,
  leaf: (slot: number, level: number) => void,
  run: (slot: number, max: number) => number,
): Visitor {
  return {
    huge: (slot, level, from, to) => {
      if (to - from === pt.span[level]!) leaf(slot, level);
      else splitLeaf(pt, slot, level);
    },
    ptes: (slot, _vpn, nr) => {
      for (let i = 0; i < nr; ) i += run(slot + i, nr - i);
    },
  };
}

/** A run of entries that are not empty is cleared at once, so that only blocks at its ends are unfolded. */
function clearRun(pt: PageTable, slot: number, max: number): number {
  let n = 0;
  while (n < max && pt.kind(slot + n, 0) !== Kind.none) n++;
  if (n === 0) return 1;
  clearPtes(pt, slot, n);
  return n;
}

/** {@link unmapRange}, and the tables under the range that hold nothing else go too. */
export function unmapAndFree(design: Design, pt: PageTable, start: number, end: number): void {
  unmapRange(design, pt, start, end);
  const span = pt.span[1]!;
  const [first, last] = [Math.ceil(start / span) * span, Math.floor(end / span) * span];
  if (first < last) freeTables(pt, first, last, first, last);
}

/** Sets and clears attributes of every leaf in the range; leaves that it cuts are split first. */
export function protectRange(
  design: Design,
  pt: PageTable,
  start: number,
  end: number,
  set: number,
  clear: number,
): void {
  const leaf = (slot: number, level: number) => changeLeaf(pt, slot, level, set, clear);
  const run = (slot: number, max: number) => {
    const n = leafRun(pt, slot, max);
    if (n === 0) return 1;
    const old = getAndClearPtes(pt, slot, n);
    setPtes(pt, slot, old.pfn, (old.attrs & ~clear) | set, n);
    return n;
  };
  design.visit(pt, start, end, changing(pt, leaf, run));
}

/** Leaves from a slot with consecutive frames and equal attributes; 0 if there is none. */
function leafRun(pt: PageTable, slot: number, max: number): number {
  if (pt.kind(slot, 0) !== Kind.leaf) return 0;
  const [pfn, attrs] = [pt.pfn(slot), ptepAttrs(pt, slot)];
  let n = 1;
  while (n < max && pt.kind(slot + n, 0) === Kind.leaf && pt.pfn(slot + n) === pfn + n) {
    if (ptepAttrs(pt, slot + n) !== attrs) break;
    n++;
  }
  return n;
}

/** Mapping split of the leaf above level 0 that covers a page, once: by one level. False if there is none. */
export function splitAt(design: Design, pt: PageTable, vpn: number): boolean {
  for (let level = pt.format.maxLeafLevel; level > 0; level--) {
    const slot = design.find(pt, vpn, level);
    if (slot < 0) return false;
    if (pt.kind(slot, level) !== Kind.leaf) continue;
    splitLeaf(pt, slot, level);
    return true;
  }
  return false;
}
