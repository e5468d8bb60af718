/**
 * Every raw entry under a region, as runs: what a reader of the machine's memory finds there.
 *
 *   [page, n, kind, flags, pfn or value]
 *   X<l> empty entry of level l (1 = PTE level)     N empty PTE          P PTE      C PTE with the contiguous bit
 *   B<l> leaf of level l, b<l> with the contiguous bit                   S, S<l> non-present entry, value in hex
 *   flags: w writable, o read-only to hardware (arm64), d dirty, a accessed, x executable, s special, n PROT_NONE
 */
import { A, Kind } from "../../arch/entry.ts";
import type { Mm } from "../../mm/mm.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";
import { emptyRun } from "../../pgtable/runs.ts";
import type { Region, RegionRow } from "./report.ts";

/** One run of raw entries; the header of this file explains its members. */
export type EntryRun = [page: number, n: number, kind: string, flags: string, value?: number | string];

/** The raw entries of one process. `tables` counts table pages by level, top first. */
export interface PtRow {
  readonly p: number;
  readonly levels: number;
  readonly regions: readonly { r: string; tables: readonly number[]; e: readonly EntryRun[] }[];
}

/** The raw entries under the regions that a state lists. Without `pfns` frame numbers are left out and break no run. */
export function ptRow(
  p: number,
  mm: Mm,
  regions: readonly Region[],
  shown: readonly RegionRow[],
  pfns: boolean,
): PtRow {
  const listed = regions.filter((r) => shown.some((s) => s.r === r.name));
  const rows = listed.map((region) => {
    const dump = new EntryDump(mm.pt, region, pfns);
    dump.walk();
    return { r: region.name, tables: dump.tables, e: dump.runs };
  });
  return { p, levels: mm.pt.levels, regions: rows };
}

class EntryDump {
  readonly runs: EntryRun[] = [];
  readonly tables: number[];
  readonly #pt: PageTable;
  /** First byte, and the byte behind the last. They need not lie at pages: what is less than a page counts as none. */
  readonly #from: number;
  readonly #to: number;
  readonly #page: number;
  readonly #pfns: boolean;

  constructor(pt: PageTable, region: Region, pfns: boolean) {
    this.#pt = pt;
    this.#from = region.addr;
    this.#to = Math.min(region.addr + region.len, 2 ** pt.format.userVaBits);
    this.#page = 2 ** pt.format.pageLg2;
    this.#pfns = pfns;
    this.tables = new Array<number>(pt.levels).fill(0);
  }

  walk(): void {
    const [start, end] = [Math.floor(this.#from / this.#page), Math.ceil(this.#to / this.#page)];
    this.#table(this.#pt.root, this.#pt.levels - 1, start, end);
  }

  #table(table: number, level: number, start: number, end: number): void {
    this.tables[this.#pt.levels - 1 - level]!++;
    if (level === 0) return this.#ptes(this.#pt.slot(table, start, 0), start, end);
    const span = this.#pt.span[level]!;
    for (let vpn = start; vpn < end; ) {
      const next = Math.min(end, (Math.floor(vpn / span) + 1) * span);
      this.#entry(this.#pt.slot(table, vpn, level), level, vpn, next);
      vpn = next;
    }
  }

  #ptes(slot: number, start: number, end: number): void {
    // What is less than a page at either end is clipped alone.
    const isWhole = this.#from % this.#page === 0 && this.#to % this.#page === 0;
    for (let vpn = start; vpn < end; ) {
      const next = vpn + Math.max(1, emptyRun(this.#pt, slot + vpn - start, isWhole ? end - vpn : 1));
      this.#entry(slot + vpn - start, 0, vpn, next);
      vpn = next;
    }
  }

  #entry(slot: number, level: number, start: number, end: number): void {
    const pt = this.#pt;
    const [page, n] = this.#clip(start, end);
    switch (pt.kind(slot, level)) {
      case Kind.table:
        return this.#table(pt.child(slot, level), level - 1, start, end);
      case Kind.none:
        return this.#push(page, n, level === 0 ? "N" : `X${level + 1}`, "", 0);
      case Kind.softleaf:
        return this.#push(page, n, level === 0 ? "S" : `S${level + 1}`, "", word(pt, slot).toString(16));
      default:
        return this.#leaf(slot, level, start, page, n);
    }
  }

  /** Whole pages of the region before these pages, and among them. */
  #clip(start: number, end: number): [page: number, n: number] {
    const from = Math.max(this.#from, start * this.#page);
    const to = Math.min(this.#to, end * this.#page);
    return [Math.floor((from - this.#from) / this.#page), Math.floor((to - from) / this.#page)];
  }

  #leaf(slot: number, level: number, start: number, page: number, n: number): void {
    const pt = this.#pt;
    const cont = pt.attrs(slot, level) & A.cont;
    const kind = level === 0 ? (cont ? "C" : "P") : `${cont ? "b" : "B"}${level + 1}`;
    const pfn = pt.pfn(slot, level) + (start % pt.span[level]!);
    const flags = pt.format.rawFlags(pt.lo(slot), pt.hi(slot), level);
    this.#push(page, n, kind, flags, this.#pfns ? pfn : 0);
  }

  #push(page: number, n: number, kind: string, flags: string, value: number | string): void {
    const last = this.runs[this.runs.length - 1];
    if (last !== undefined && last[2] === kind && last[3] === flags && this.#goesOn(last, value)) {
      last[1] += n;
      return;
    }
    this.runs.push(value === 0 ? [page, n, kind, flags] : [page, n, kind, flags, value]);
  }

  /** Frames must follow each other; anything else must be equal. */
  #goesOn(last: EntryRun, value: number | string): boolean {
    const old = last[4] ?? 0;
    return typeof old === "number" && old !== 0 ? old + last[1] === value : old === value;
  }
}

function word(pt: PageTable, slot: number): bigint {
  return (BigInt(pt.hi(slot) >>> 0) << 32n) | BigInt(pt.lo(slot) >>> 0);
}
