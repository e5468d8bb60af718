/**
 * What a walker has read of one set of tables: slots by level, different lines by level, and which cache each read came from.
 */
import { levelsOf } from "../arch/format.ts";
import { LINE_LG2 } from "./access-words.ts";
import type { Caches } from "./caches.ts";
import type { Tree } from "./translate.ts";

/** Counts of reads of tables that share one memory. */
export class TableReads {
  /** Reads by level, level 0 first. */
  readonly reads: Float64Array;
  /** Different lines read, by level. */
  readonly lines: Float64Array;
  /** Slots in a line, log two. */
  readonly lineSlotsLg2: number;
  /** By level, then by cache; memory last. */
  readonly #from: Float64Array;
  readonly #caches: Caches | null;
  readonly #tables: Tree["tables"];
  /** Line of the first table in physical memory. */
  readonly #firstLine: number;
  #seen = new Uint8Array(0);

  constructor({ format, tables }: Tree, caches: Caches | null) {
    const levels = levelsOf(format);
    this.#tables = tables;
    this.#caches = caches;
    this.lineSlotsLg2 = LINE_LG2 - Math.log2(format.entryBytes);
    this.#firstLine = tables.basePfn * 2 ** (format.pageLg2 - LINE_LG2);
    this.reads = new Float64Array(levels);
    this.lines = new Float64Array(levels);
    this.#from = new Float64Array(caches === null ? 0 : levels * (caches.count + 1));
    this.grow();
  }

  /** A slot was read that lies where its tables are. */
  note(slot: number, level: number): void {
    this.noteAt(slot, level, this.#firstLine + (slot >>> this.lineSlotsLg2));
  }

  /** A slot was read at a line of physical memory that somebody else has found out. */
  noteAt(slot: number, level: number, physical: number): void {
    this.reads[level]!++;
    const caches = this.#caches;
    if (caches !== null) this.#from[level * (caches.count + 1) + caches.walkerReads(physical)]!++;
    const line = slot >>> this.lineSlotsLg2;
    if (this.#seen[line] !== 0) return;
    this.#seen[line] = 1;
    this.lines[level]!++;
  }

  /** Reads by level and by cache, memory last; undefined where there are no caches. */
  from(): number[][] | undefined {
    if (this.#caches === null) return undefined;
    const n = this.#caches.count + 1;
    return Array.from(this.reads, (_, level) => Array.from(this.#from.subarray(level * n, (level + 1) * n)));
  }

  /** Starts counting at zero. */
  reset(): void {
    for (const counts of [this.reads, this.lines, this.#from, this.#seen]) counts.fill(0);
  }

  /** Makes room for lines of tables that were added since. */
  grow(): void {
    const { lo, chunkLg2 } = this.#tables;
    const lines = lo.length << (chunkLg2 - this.lineSlotsLg2);
    if (lines <= this.#seen.length) return;
    const grown = new Uint8Array(lines);
    grown.set(this.#seen);
    this.#seen = grown;
  }
}
