/**
 * One tree of page tables: where the slot for an address is, raw reads and writes of slots, tables made and freed.
 * Everything else in this folder and above changes entries through `ptep.ts` and `contpte.ts`.
 *
 * Source: the p?d_offset and p?d_alloc families of include/linux/pgtable.h and mm/memory.c, Linux 6.18.
 */

import { A, Kind } from "../arch/entry.ts";
import type { Format } from "../arch/format.ts";
import { levelsOf, spanLg2 } from "../arch/format.ts";
import { PteWords } from "../arch/pte-words.ts";
import { invariant } from "../base/errors.ts";
import type { Tally } from "../base/tally.ts";
import { E } from "../base/tally.ts";
import type { Frames } from "../machine/frames.ts";
import type { Tables } from "../machine/tables.ts";
import { type ContpteRules, contpteRules } from "./contpte-rules.ts";
import { PtLocks } from "./locks.ts";

/** What a page table needs around it. `contpte` switches arm64's folding of contiguous PTEs. */
export interface PageTableParts {
  readonly format: Format;
  readonly tables: Tables;
  readonly frames: Frames;
  readonly tally: Tally;
  readonly contpte: boolean;
  /** Where CPUs and kernels differ in that layer. Default: Linux 6.18 without BBML2. */
  readonly contpteRules?: Partial<ContpteRules>;
}

/** Hears of the TLB invalidations that this folder itself asks for: of `nr` entries from a slot of level 0. */
export type FlushListener = (slot: number, nr: number) => void;

/** The page tables of one address space. */
export class PageTable {
  readonly format: Format;
  /** The loops over many entries of level 0. */
  readonly words: PteWords;
  readonly tables: Tables;
  readonly frames: Frames;
  readonly tally: Tally;
  readonly contpte: boolean;
  readonly contpteRules: ContpteRules;
  /** For experiments that model what TLBs hold; the tally counts invalidations whether anybody listens or not. */
  onFlush: FlushListener | null = null;
  readonly locks: PtLocks;
  readonly levels: number;
  /** Log two of the base pages under one entry, by level. */
  readonly spanLg2: readonly number[];
  /** Base pages under one entry, by level. */
  readonly span: readonly number[];
  readonly root: number;
  /** Table pages now held, by level; a deposited table counts at level 0. */
  readonly tablesAt: Int32Array;
  /** PTE tables kept in reserve, one for each anonymous huge mapping, so that splitting it never allocates. */
  readonly #deposits: number[] = [];

  constructor(parts: PageTableParts) {
    this.format = parts.format;
    this.words = new PteWords(parts.format);
    this.tables = parts.tables;
    this.frames = parts.frames;
    this.tally = parts.tally;
    this.contpte = parts.contpte && parts.format.contpte;
    this.contpteRules = contpteRules(parts.contpteRules);
    this.locks = new PtLocks(parts.tally);
    this.levels = levelsOf(parts.format);
    this.spanLg2 = Array.from({ length: this.levels + 1 }, (_, l) => spanLg2(parts.format, l));
    this.span = this.spanLg2.map((lg2) => 2 ** lg2);
    this.tablesAt = new Int32Array(this.levels);
    this.root = this.makeTable(this.levels - 1);
  }

  /** Position in its table of the entry of a level that covers a virtual page. */
  index(vpn: number, level: number): number {
    const lg2 = this.spanLg2[level]!;
    const mask = (1 << this.format.indexLg2[level]!) - 1;
    // A shift of a double works on its low 32 bits only, so the upper levels divide.
    return (lg2 + this.format.indexLg2[level]! <= 32 ? vpn >>> lg2 : Math.floor(vpn / this.span[level]!)) & mask;
  }

  /** The table that a slot is part of. */
  tableOf(slot: number): number {
    return slot >>> this.tables.slotsLg2;
  }

  slot(table: number, vpn: number, level: number): number {
    return (table << this.tables.slotsLg2) | this.index(vpn, level);
  }

  lo(slot: number): number {
    return this.tables.lo[slot >>> this.tables.chunkLg2]![slot & this.tables.chunkMask]!;
  }

  hi(slot: number): number {
    return this.tables.hi[slot >>> this.tables.chunkLg2]![slot & this.tables.chunkMask]!;
  }

  write(slot: number, lo: number, hi: number): void {
    const chunk = slot >>> this.tables.chunkLg2;
    const at = slot & this.tables.chunkMask;
    this.tables.lo[chunk]![at] = lo;
    this.tables.hi[chunk]![at] = hi;
  }

  kind(slot: number, level: number): Kind {
    return this.format.kind(this.lo(slot), this.hi(slot), level);
  }

  /** Frame that a leaf maps with this very slot, also within a contiguous block whose entries all name its first frame. */
  pfn(slot: number, level = 0): number {
    const { format } = this;
    const pfn = format.pfn(this.lo(slot), this.hi(slot), level);
    return format.napot && this.attrs(slot, level) & A.cont ? pfn + (slot & ((1 << format.contLg2[level]!) - 1)) : pfn;
  }

  attrs(slot: number, level = 0): number {
    return this.format.attrs(this.lo(slot), this.hi(slot), level);
  }

  /** Writes `n` empty entries. */
  clear(slot: number, n: number, level = 0): void {
    this.tables.fill(slot, n, this.format.empty[level]!, 0);
    this.tally[E.slotsWritten]! += n;
  }

  /** The table that a table entry points to. */
  child(slot: number, level: number): number {
    return this.tables.tableOf(this.format.tablePfn(this.lo(slot), this.hi(slot), level));
  }

  /** Makes an entry of a level point to a table. */
  link(slot: number, table: number, level: number): void {
    const pfn = this.tables.pfnOf(table);
    this.write(slot, this.format.tableLo(pfn, level), this.format.tableHi(pfn, level));
    this.tally[E.slotsWritten]!++;
  }

  makeTable(level: number): number {
    this.tablesAt[level]!++;
    this.tally[E.tablesAllocated]!++;
    return this.tables.alloc(this.format.empty[level]!, 0);
  }

  dropTable(table: number, level: number): void {
    this.tablesAt[level]!--;
    this.tally[E.tablesFreed]!++;
    this.tables.free(table);
  }

  /** The slot of a level for a virtual page, or -1 where no table of that level is there. */
  find(vpn: number, level: number): number {
    let slot = this.slot(this.root, vpn, this.levels - 1);
    for (let l = this.levels - 1; l > level; l--) {
      this.tally[E.slotsRead]!++;
      if (this.kind(slot, l) !== Kind.table) return -1;
      slot = this.slot(this.child(slot, l), vpn, l - 1);
    }
    return slot;
  }

  /** The slot of a level for a virtual page; missing tables are made. A leaf in the way gives -1. */
  findOrMake(vpn: number, level: number): number {
    let slot = this.slot(this.root, vpn, this.levels - 1);
    for (let l = this.levels - 1; l > level; l--) {
      this.tally[E.slotsRead]!++;
      const kind = this.kind(slot, l);
      if (kind === Kind.none) this.link(slot, this.makeTable(l - 1), l);
      else if (kind !== Kind.table) return -1;
      slot = this.slot(this.child(slot, l), vpn, l - 1);
    }
    return slot;
  }

  /** Puts a PTE table in reserve (`pgtable_trans_huge_deposit`). */
  deposit(): void {
    this.#deposits.push(this.makeTable(0));
  }

  /** Takes a PTE table, which must be empty, out of the tree and puts it in reserve: it was there, so nothing is allocated. */
  depositChild(slot: number): void {
    this.#deposits.push(this.child(slot, 1));
    this.clear(slot, 1, 1);
  }

  /** Takes a table out of the reserve (`pgtable_trans_huge_withdraw`); it is empty. */
  withdraw(): number {
    const table = this.#deposits.pop();
    invariant(table !== undefined, "a huge mapping without a deposited table");
    return table;
  }

  /** Drops every table with the root, when the address space ends; nothing may be mapped any more. */
  destroy(): void {
    for (const table of this.#deposits.splice(0)) this.dropTable(table, 0);
    this.#dropTree(this.root, this.levels - 1);
  }

  #dropTree(table: number, level: number): void {
    const first = table << this.tables.slotsLg2;
    const n = level === 0 ? 0 : 1 << this.format.indexLg2[level]!;
    for (let slot = first; slot < first + n; slot++)
      if (this.kind(slot, level) === Kind.table) this.#dropTree(this.child(slot, level), level - 1);
    this.dropTable(table, level);
  }

  /** Table pages that count in VmPTE (`mm_pgtables_bytes`). */
  accountedTables(): number {
    let n = 0;
    for (let l = 0; l <= this.format.accountedLevel; l++) n += this.tablesAt[l]!;
    return n;
  }

  /** Hex dump of where an address leads, one line a level, for messages. */
  describe(vpn: number): string {
    const lines: string[] = [];
    for (let l = this.levels - 1; l >= 0; l--) {
      const slot = this.find(vpn, l);
      if (slot < 0) break;
      const word = (BigInt(this.hi(slot) >>> 0) << 32n) | BigInt(this.lo(slot) >>> 0);
      lines.push(`${this.format.levelNames[l]}[${this.index(vpn, l)}] = 0x${word.toString(16)}`);
    }
    return lines.join("\n");
  }
}
