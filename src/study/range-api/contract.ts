/**
 * The contract of `set_ptes`, broken on purpose: one call for each rule, and what the strict mode says of it. A call that
 * is all right, and the one that a run may not do but a single entry may, stand beside them.
 */
import { A } from "../../arch/entry.ts";
import { formatNamed } from "../../arch/formats.ts";
import { newTally } from "../../base/tally.ts";
import { Frames, MAX_ORDER } from "../../machine/frames.ts";
import { Tables } from "../../machine/tables.ts";
import { PageTable } from "../../pgtable/pagetable.ts";
import { type PteRun, RangeViolation, setPtesRange } from "../../pgtable/range.ts";

/** A call, and the line of the error that it ends in; empty if it is allowed. */
export interface ContractRow {
  readonly rule: string;
  readonly call: string;
  readonly says: string;
}

/** Pages from the start of a PTE table that belong to the VMA. */
const AREA = 64;
/** Where some of them are mapped before. */
const MAPPED = 8;
/** Order of the folio that the calls map. */
const ORDER = 4;

/** A call: how it differs from mapping four pages of the folio at page 16, under the lock. */
interface Call {
  readonly rule: string;
  readonly call: string;
  readonly change: (pt: PageTable) => Partial<PteRun>;
  readonly unlocked?: boolean;
}

const CALLS: readonly Call[] = [
  { rule: "(allowed)", call: "4 pages into empty entries", change: () => ({}) },
  { rule: "(allowed)", call: "1 page over another", change: () => ({ vpn: MAPPED, nr: 1 }) },
  { rule: "empty", call: "4 pages, the third entry is not empty", change: () => ({ vpn: MAPPED - 2 }) },
  { rule: "length", call: "no page", change: () => ({ nr: 0 }) },
  { rule: "lock", call: "4 pages without the lock", change: () => ({}), unlocked: true },
  { rule: "table", call: "4 pages from the last but one entry", change: (pt) => ({ vpn: pt.span[1]! - 2 }) },
  { rule: "vma", call: "4 pages across the end of the VMA", change: () => ({ vpn: AREA - 2 }) },
  { rule: "folio", call: "32 pages of a folio of 16", change: () => ({ nr: 2 ** (ORDER + 1) }) },
  { rule: "address", call: "a frame beyond physical addresses", change: beyond },
];

function beyond({ format }: PageTable): Partial<PteRun> {
  return { pfn: 2 ** (format.paBits - format.pageLg2) - 1 };
}

/** Every rule of `set_ptes` broken once on a format, each on a fresh page table. */
export function brokenContracts(arch: string): ContractRow[] {
  return CALLS.map(({ rule, call, change, unlocked }) => {
    const format = formatNamed(arch);
    const frames = new Frames(2 ** MAX_ORDER);
    const tables = new Tables(Math.max(...format.indexLg2), frames.total);
    const pt = new PageTable({ format, tables, frames, tally: newTally(), contpte: true });
    const start = 2 * pt.span[1]!;
    const first = pt.findOrMake(start, 0);
    const options = { area: { start, end: start + AREA }, strict: true, unit: "folio" } as const;
    const map = (run: PteRun) => setPtesRange(pt, { ...run, vpn: start + run.vpn, slot: first + run.vpn }, options);
    const table = pt.tableOf(first);
    pt.locks.take(table, 0);
    const plain = { slot: 0, attrs: A.write };
    map({ ...plain, vpn: MAPPED, pfn: frames.alloc(3), nr: 8 });
    if (unlocked) pt.locks.drop(table, 0);
    const says = errorOf(() => map({ ...plain, vpn: 2 ** ORDER, pfn: frames.alloc(ORDER), nr: 4, ...change(pt) }));
    return { rule, call, says };
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
