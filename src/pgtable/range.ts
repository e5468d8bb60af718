/**
 * The range API of Linux 6.6: entries are set, caches flushed and the MMU told for a run of pages of one folio at once. The
 * calls for one entry or page are the same calls with a run of one.
 *
 * The calls have contracts that the kernel checks nowhere. Here they are checked, and what breaks one is an error that names the
 * call, the rule and the place; `set_ptes` alone can be told not to look, for experiments that want to see what comes of it.
 * Not modelled: the fault that `update_mmu_cache_range` may be told of (for CPUs that fill their TLB by software), and caches.
 * Source: "New page table range API" v5 and v6, 2023; include/linux/pgtable.h and Documentation/core-api/cachetlb.rst,
 * Linux 6.18; arch/arm64/mm/flush.c and arch/riscv/mm/cacheflush.c.
 */
import { A, Kind } from "../arch/entry.ts";
import type { Format } from "../arch/format.ts";
import { BrokenInvariant } from "../base/errors.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import type { PageTable } from "./pagetable.ts";
import { setPtes } from "./ptep.ts";

/** The rules of the calls, each with the sentence that it is broken by. */
export const RANGE_RULES = {
  length: "a run has at least one page",
  lock: "the lock of the PTE table is held",
  table: "all entries of a run lie in one PTE table",
  vma: "all pages of a run lie in one VMA",
  folio: "all frames of a run are consecutive pages of one folio",
  address: "every frame of a run fits into an entry",
  empty: "all entries are empty before, unless the run is one entry",
  present: "all entries of a run map memory",
} as const;

/** Name of a rule. */
export type RangeRule = keyof typeof RANGE_RULES;

/** Where a rule is broken: at a page and its entry, or at a frame, of a call that is given no entries. */
export type RangePlace = { readonly vpn: number; readonly slot: number } | { readonly pfn: number };

/** A call that breaks its contract: which call, which rule, and where. */
export class RangeViolation extends BrokenInvariant {
  readonly rule: RangeRule;
  readonly place: RangePlace;

  /** `call` is the kernel's name of it. */
  constructor(call: string, rule: RangeRule, place: RangePlace, found: string) {
    const where = "pfn" in place ? `frame ${place.pfn}` : `page ${place.vpn}, slot ${place.slot}`;
    super(`${call} at ${where}: ${RANGE_RULES[rule]}; ${found}`);
    this.rule = rule;
    this.place = place;
  }
}

/** `nr` entries from `slot`, which belong to the page `vpn` and those after it. */
export interface PteSpan {
  readonly vpn: number;
  readonly slot: number;
  readonly nr: number;
}

/** What one `set_ptes` is asked to map: frames from `pfn` on at the entries of the span. */
export interface PteRun extends PteSpan {
  readonly pfn: number;
  readonly attrs: number;
}

/** Pages of the VMA that the run must lie in, half open. */
export interface VmaPages {
  readonly start: number;
  readonly end: number;
}

/** Throws the violation of a rule at the `i`th entry of a span. */
type Fail = (rule: RangeRule, i: number, found: string) => never;

function failAt(call: string, { vpn, slot }: PteSpan): Fail {
  return (rule, i, found) => {
    throw new RangeViolation(call, rule, { vpn: vpn + i, slot: slot + i }, found);
  };
}

/** What every call asks of its entries. */
function checkSpan(pt: PageTable, { vpn, nr }: PteSpan, vma: VmaPages, fail: Fail): void {
  if (nr < 1) fail("length", 0, `this one has ${nr}`);
  const left = 2 ** pt.format.indexLg2[0]! - pt.index(vpn, 0);
  if (nr > left) fail("table", left, `the table ends before entry ${left} of ${nr}`);
  if (vpn < vma.start) fail("vma", 0, `the VMA begins at page ${vma.start}`);
  if (vpn + nr > vma.end) fail("vma", vma.end - vpn, `the VMA ends before page ${vma.end}`);
}

/** Throws a {@link RangeViolation} for the first rule that a `set_ptes` would break. */
export function checkSetPtes(pt: PageTable, run: PteRun, vma: VmaPages): void {
  const fail = failAt("set_ptes", run);
  const { pfn, nr } = run;
  checkSpan(pt, run, vma, fail);
  if (!pt.locks.holds(pt.tableOf(run.slot), 0)) fail("lock", 0, "it is not");
  const beyond = firstBeyond(pt.format, pfn, nr);
  if (beyond < nr) fail("address", beyond, `frame ${pfn + beyond} needs more than ${pt.format.paBits} bits of address`);
  const others = firstOfAnotherFolio(pt, pfn, nr);
  if (others < nr) fail("folio", others, `frame ${pfn + others} is no page of it`);
  if (nr === 1) return;
  for (let i = 0; i < nr; i++) if (pt.kind(run.slot + i, 0) !== Kind.none) fail("empty", i, "this one is not");
}

/** Throws a {@link RangeViolation} for the first rule that an `update_mmu_cache_range` would break. */
export function checkUpdateMmuCache(pt: PageTable, span: PteSpan, vma: VmaPages): void {
  const fail = failAt("update_mmu_cache_range", span);
  const { slot, nr } = span;
  checkSpan(pt, span, vma, fail);
  for (let i = 0; i < nr; i++) if (pt.kind(slot + i, 0) !== Kind.leaf) fail("present", i, "this one does not");
  const pfn = pt.pfn(slot);
  for (let i = 0; i < nr; i++)
    if (pt.pfn(slot + i) !== pfn + i) fail("folio", i, `frame ${pt.pfn(slot + i)} does not follow`);
  const others = firstOfAnotherFolio(pt, pfn, nr);
  if (others < nr) fail("folio", others, `frame ${pfn + others} is no page of it`);
}

/** The same for a call that is given pages: `nr` from a frame on. */
function checkPages(call: string, pt: PageTable, pfn: number, nr: number): void {
  const fail = (rule: RangeRule, i: number, found: string): never => {
    throw new RangeViolation(call, rule, { pfn: pfn + i }, found);
  };
  if (nr < 1) fail("length", 0, `this one has ${nr}`);
  const others = firstOfAnotherFolio(pt, pfn, nr);
  if (others < nr) fail("folio", others, others === 0 ? "it is in none" : "it is no page of that");
}

/** Position in a run of the first frame that an entry cannot hold; `nr` if there is none. */
function firstBeyond(f: Format, pfn: number, nr: number): number {
  return Math.max(0, Math.min(nr, 2 ** (f.paBits - f.pageLg2) - pfn));
}

function firstOfAnotherFolio(pt: PageTable, pfn: number, nr: number): number {
  if (!pt.frames.holds(pfn)) return 0;
  const end = pt.frames.head(pfn) + 2 ** pt.frames.order(pfn);
  return Math.min(nr, end - pfn);
}

/** Whether `PG_arch_1` is kept for each folio, as since 6.6, or for each page, as before. */
export type ArchFlagUnit = "folio" | "page";

/** How `set_ptes` is called. */
export interface RangeOptions {
  readonly vma: VmaPages;
  /** Whether the contract is checked first. */
  readonly strict: boolean;
  readonly unit: ArchFlagUnit;
}

/**
 * `set_ptes` as an architecture without coherent instruction cache has it: executable memory is made visible to instruction
 * fetches first, then the run is stored. With `strict` a {@link RangeViolation} is thrown before anything is changed.
 */
export function setPtesRange(pt: PageTable, run: PteRun, { vma, strict, unit }: RangeOptions): void {
  if (strict) checkSetPtes(pt, run, vma);
  if (run.attrs & A.exec) syncIcacheDcache(pt, run.pfn, run.nr, unit);
  setPtes(pt, run.slot, run.pfn, run.attrs, run.nr);
}

/** `set_pte_at`: {@link setPtesRange} of one entry, which may hold anything before. */
export function setPteAt(pt: PageTable, run: Omit<PteRun, "nr">, options: RangeOptions): void {
  setPtesRange(pt, { ...run, nr: 1 }, options);
}

/**
 * `update_mmu_cache_range`: tells CPUs that hold translations of their own about entries that were stored. One call for a run
 * of pages of one folio that are all there.
 */
export function updateMmuCacheRange(pt: PageTable, span: PteSpan, vma: VmaPages): void {
  checkUpdateMmuCache(pt, span, vma);
  pt.tally[E.mmuCacheUpdates]!++;
}

/** `update_mmu_cache`: {@link updateMmuCacheRange} of one entry. */
export function updateMmuCache(pt: PageTable, entry: Omit<PteSpan, "nr">, vma: VmaPages): void {
  updateMmuCacheRange(pt, { ...entry, nr: 1 }, vma);
}

/** Machines whose instruction fetches do not see what was stored: those that use `PG_arch_1` for it among the formats. */
const SYNCS: readonly string[] = ["aarch64", "riscv64"];

/**
 * `flush_dcache_folio`: the kernel has written to the folio, so the next executable mapping must flush it. Only a mark: the
 * flush waits for that mapping (`PG_dcache_clean` is cleared). By page it takes a mark for each.
 */
export function flushDcacheFolio(pt: PageTable, pfn: number, unit: ArchFlagUnit): void {
  checkPages("flush_dcache_folio", pt, pfn, 1);
  if (!SYNCS.includes(pt.format.machine)) return;
  const head = pt.frames.head(pfn);
  const marks = unit === "folio" ? 1 : 2 ** pt.frames.order(pfn);
  pt.frames.setFlag(head, marks, FrameFlag.arch1, false);
  pt.tally[E.foliosTouched]! += marks;
}

/** `flush_dcache_page`: since 6.6 {@link flushDcacheFolio} of the page's folio; before, the mark of that page. */
export function flushDcachePage(pt: PageTable, pfn: number, unit: ArchFlagUnit): void {
  if (unit === "folio") return flushDcacheFolio(pt, pfn, unit);
  checkPages("flush_dcache_page", pt, pfn, 1);
  if (!SYNCS.includes(pt.format.machine)) return;
  pt.frames.setFlag(pfn, 1, FrameFlag.arch1, false);
  pt.tally[E.foliosTouched]!++;
}

/**
 * `__sync_icache_dcache`: before an executable entry is stored, what is not marked clean is flushed and marked. By folio, one
 * flush of all of it at its first such entry; by page, one for each page that is mapped.
 */
export function syncIcacheDcache(pt: PageTable, pfn: number, nr: number, unit: ArchFlagUnit): void {
  if (!SYNCS.includes(pt.format.machine)) return;
  if (unit === "folio") return syncOnce(pt, pt.frames.head(pfn), 2 ** pt.frames.order(pfn));
  for (let i = 0; i < nr; i++) syncOnce(pt, pfn + i, 1);
}

function syncOnce(pt: PageTable, pfn: number, pages: number): void {
  pt.tally[E.foliosTouched]!++;
  if (pt.frames.hasFlag(pfn, FrameFlag.arch1)) return;
  pt.frames.setFlag(pfn, 1, FrameFlag.arch1, true);
  pt.tally[E.dcacheFlushes]!++;
  pt.tally[E.icacheFlushes]! += pages;
}

/**
 * `flush_icache_pages`: pages of one folio are about to be mapped; `set_pte_range` calls it before `set_ptes`. None of the formats
 * has anything to do then: x86 and s390 fetch what was stored, and arm64 and riscv leave it to `set_ptes`, which knows whether
 * the entries are executable. So what is here is the contract.
 */
export function flushIcachePages(pt: PageTable, pfn: number, nr: number): void {
  checkPages("flush_icache_pages", pt, pfn, nr);
}

/** `flush_icache_page`: {@link flushIcachePages} of one page. */
export function flushIcachePage(pt: PageTable, pfn: number): void {
  flushIcachePages(pt, pfn, 1);
}

/**
 * `pte_advance_pfn`: the word of the entry `n` pages further on in a run, as its low and its high half. Adding to the word
 * would be quicker and is wrong where the frame number is not one field: with 52-bit addresses on arm64, whose top bits lie
 * below the others, and in PROT_NONE entries of x86, which hold it inverted.
 */
export function pteAdvancePfn(f: Format, lo: number, hi: number, n: number): [lo: number, hi: number] {
  const [pfn, attrs] = [f.pfn(lo, hi, 0) + n, f.attrs(lo, hi, 0)];
  return [f.leafLo(pfn, attrs, 0), f.leafHi(pfn, attrs, 0)];
}
