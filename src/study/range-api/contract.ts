/**
 * The contracts of the range API, broken on purpose: a call for each rule of `set_ptes`, then of the calls around it, and what is
 * said of it. Calls that are all right, and the one that a run may not do but a single entry may, stand beside them.
 */
import { A } from "../../arch/entry.ts";
import { formatNamed } from "../../arch/formats.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";
import {
  flushDcacheFolio,
  flushIcachePages,
  type PteRun,
  type RangeRule,
  RangeViolation,
  setPtesRange,
  updateMmuCacheRange,
} from "../../pgtable/range.ts";
import { barePageTable } from "../bare-table.ts";

/** A call, and the line of the error that it ends in; empty if it is allowed. */
export interface ContractRow {
  readonly rule: string;
  readonly call: string;
  readonly says: string;
}

/** Pages from the start of a PTE table that belong to the VMA. */
const VMA_PAGES = 64;
/** Where some of them are mapped before. */
const MAPPED = 8;
/** Order of the folio that the calls map. */
const ORDER = 4;

/** What the calls work on: the first page of the VMA, its slot, and the first frame of the folio. */
interface Bench {
  readonly pt: PageTable;
  readonly vpn: number;
  readonly slot: number;
  readonly pfn: number;
}

/** A call: the kernel's name of what is called, what is special about it, and the rule that it breaks. */
interface Call {
  readonly rule: RangeRule | "(allowed)";
  readonly call: string;
  readonly act: (bench: Bench) => void;
}

/** Where the calls of `set_ptes` begin unless something else is said, and how many pages they map. */
const FREE = 16;
const NR = 4;

/** `set_ptes` of four pages of the folio at page 16, but for what is given; `vpn` counts from the VMA's start. */
function set(bench: Bench, given: Partial<Omit<PteRun, "slot">> = {}): void {
  const { vpn = FREE, pfn = bench.pfn, nr = NR } = given;
  setPtesRange(bench.pt, { ...spanOf(bench, vpn, nr), pfn, attrs: A.write }, optionsOf(bench));
}

function spanOf({ vpn, slot }: Bench, at: number, nr: number) {
  return { vpn: vpn + at, slot: slot + at, nr };
}

function optionsOf({ vpn }: Bench) {
  return { vma: { start: vpn, end: vpn + VMA_PAGES }, strict: true, unit: "folio" } as const;
}

function update(bench: Bench, at: number, nr: number): void {
  updateMmuCacheRange(bench.pt, spanOf(bench, at, nr), optionsOf(bench).vma);
}

/** The calls of `set_ptes`, then those of others, named. */
const CALLS: readonly Call[] = [
  { rule: "(allowed)", call: "4 pages into empty entries", act: (b) => set(b) },
  { rule: "(allowed)", call: "1 page over another", act: (b) => set(b, { vpn: MAPPED, nr: 1 }) },
  { rule: "empty", call: "4 pages, the third entry is not empty", act: (b) => set(b, { vpn: MAPPED - 2 }) },
  { rule: "length", call: "no page", act: (b) => set(b, { nr: 0 }) },
  {
    rule: "lock",
    call: "4 pages without the lock",
    act: (b) => b.pt.locks.without(b.pt.tableOf(b.slot), 0, () => set(b)),
  },
  { rule: "table", call: "4 pages from the last but one entry", act: (b) => set(b, { vpn: b.pt.span[1]! - 2 }) },
  { rule: "vma", call: "4 pages across the end of the VMA", act: (b) => set(b, { vpn: VMA_PAGES - 2 }) },
  { rule: "folio", call: "32 pages of a folio of 16", act: (b) => set(b, { nr: 2 ** (ORDER + 1) }) },
  { rule: "address", call: "a frame beyond physical addresses", act: (b) => set(b, { pfn: beyond(b.pt) }) },
  { rule: "(allowed)", call: "update_mmu_cache_range: 8 pages", act: (b) => update(b, MAPPED, 8) },
  { rule: "present", call: "update_mmu_cache_range: 9, the last is empty", act: (b) => update(b, MAPPED, 9) },
  {
    rule: "folio",
    call: "update_mmu_cache_range: 12 pages of two folios",
    act: (b) => {
      set(b);
      update(b, MAPPED, 12);
    },
  },
  { rule: "folio", call: "flush_icache_pages: 32 of a folio of 16", act: (b) => flushIcachePages(b.pt, b.pfn, 32) },
  { rule: "folio", call: "flush_dcache_folio: a free frame", act: (b) => flushDcacheFolio(b.pt, freed(b), "folio") },
];

function beyond({ format }: PageTable): number {
  return 2 ** (format.paBits - format.pageLg2) - 1;
}

function freed({ pt, pfn }: Bench): number {
  pt.frames.free(pfn);
  return pfn;
}

/** Every call on a format, each on a fresh page table with its lock held. */
export function brokenContracts(arch: string): ContractRow[] {
  return CALLS.map(({ rule, call, act }) => {
    const pt = barePageTable(formatNamed(arch));
    const vpn = 2 * pt.span[1]!;
    const slot = pt.findOrMake(vpn, 0);
    pt.locks.take(pt.tableOf(slot), 0);
    const bench: Bench = { pt, vpn, slot, pfn: pt.frames.alloc(ORDER) };
    set(bench, { vpn: MAPPED, pfn: pt.frames.alloc(3), nr: 8 });
    return { rule, call, says: errorOf(() => act(bench)) };
  });
}

function errorOf(act: () => void): string {
  try {
    act();
    return "";
  } catch (error) {
    if (error instanceof RangeViolation) return error.message;
    throw error;
  }
}
