/**
 * A guest's memory, which QEMU keeps in a file that both sides see, and the page tables in it.
 *
 * Entries are decoded by src/arch, as the model's own are: words that a real kernel wrote for real hardware hold that code
 * to account too.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { A, Kind } from "../../src/arch/entry.ts";
import { type Format, levelsOf, spanLg2 } from "../../src/arch/format.ts";
import type { EntryRun } from "../../src/study/ops/entries.ts";

/** The memory of a guest. Addresses are physical; `base` is where memory begins. */
export class GuestMemory {
  readonly #fd: number;
  readonly #base: number;

  constructor(file: string, base: number) {
    this.#fd = openSync(file, "r+");
    this.#base = base;
  }

  read(address: number, bytes: number): Buffer {
    const buffer = Buffer.alloc(bytes);
    const got = address < this.#base ? 0 : readSync(this.#fd, buffer, 0, bytes, address - this.#base);
    if (got !== bytes) throw new Error(`no guest memory at 0x${address.toString(16)}`);
    return buffer;
  }

  write32(address: number, value: number): void {
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32LE(value);
    writeSync(this.#fd, buffer, 0, 4, address - this.#base);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The page tables of one process: the root table's address, and how to read its entries. */
export interface TableRoot {
  readonly memory: GuestMemory;
  readonly format: Format;
  readonly root: number;
}

/** The frame that a page is mapped to, or -1. */
export function frameAt({ memory, format, root }: TableRoot, vpn: number): number {
  let table = root;
  for (let level = levelsOf(format) - 1; level >= 0; level--) {
    const span = 2 ** spanLg2(format, level);
    const index = Math.floor(vpn / span) % 2 ** format.indexLg2[level]!;
    const word = memory.read(table + index * format.entryBytes, 8);
    const [lo, hi] = [word.readInt32LE(0), word.readInt32LE(4)];
    const kind = format.kind(lo, hi, level);
    if (kind === Kind.leaf) return format.pfn(lo, hi, level) + (vpn % span);
    if (kind !== Kind.table) return -1;
    table = format.tablePfn(lo, hi, level) * 2 ** format.pageLg2;
  }
  return -1;
}

/**
 * Every raw entry under `pages` pages from `first` on, in the form of the model's records, and the tables by level. A region
 * may end within a page: what lies there is told as a run of 0 pages.
 */
export function readEntries(root: TableRoot, first: number, pages: number): { tables: number[]; e: EntryRun[] } {
  const reader = new EntryReader(root, first);
  reader.table(root.root, levelsOf(root.format) - 1, first, first + pages);
  return { tables: reader.tables, e: reader.runs };
}

class EntryReader {
  readonly runs: EntryRun[] = [];
  readonly tables: number[];
  readonly #memory: GuestMemory;
  readonly #format: Format;
  readonly #first: number;

  constructor({ memory, format }: TableRoot, first: number) {
    this.#memory = memory;
    this.#format = format;
    this.#first = first;
    this.tables = new Array<number>(levelsOf(format)).fill(0);
  }

  table(address: number, level: number, start: number, end: number): void {
    const format = this.#format;
    this.tables[levelsOf(format) - 1 - level]!++;
    const span = 2 ** spanLg2(format, level);
    const words = this.#memory.read(address, format.entryBytes * 2 ** format.indexLg2[level]!);
    for (let vpn = start; vpn < end; ) {
      const next = Math.min(end, (Math.floor(vpn / span) + 1) * span);
      const at = (Math.floor(vpn / span) % 2 ** format.indexLg2[level]!) * format.entryBytes;
      this.#entry(words.readInt32LE(at), words.readInt32LE(at + 4), level, vpn, next);
      vpn = next;
    }
  }

  #entry(lo: number, hi: number, level: number, start: number, end: number): void {
    const format = this.#format;
    const add = (kind: string, flags: string, value?: string) =>
      this.#add(start - this.#first, Math.floor(end - start), kind, flags, value);
    switch (format.kind(lo, hi, level)) {
      case Kind.table:
        return this.table(format.tablePfn(lo, hi, level) * 2 ** format.pageLg2, level - 1, start, end);
      case Kind.none:
        return add(level === 0 ? "N" : `X${level + 1}`, "");
      case Kind.softleaf:
        return add(level === 0 ? "S" : `S${level + 1}`, "", word(lo, hi));
      default: {
        const cont = format.attrs(lo, hi, level) & A.cont;
        return add(
          level === 0 ? (cont ? "C" : "P") : `${cont ? "b" : "B"}${level + 1}`,
          format.rawFlags(lo, hi, level),
        );
      }
    }
  }

  #add(page: number, n: number, kind: string, flags: string, value: string | undefined): void {
    const last = this.runs.at(-1);
    if (last !== undefined && last[2] === kind && last[3] === flags && last[4] === value) last[1] += n;
    else this.runs.push(value === undefined ? [page, n, kind, flags] : [page, n, kind, flags, value]);
  }
}

function word(lo: number, hi: number): string {
  return ((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16);
}
