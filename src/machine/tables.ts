/**
 * Storage of page-table pages: bit-exact words, the low and the high half in typed arrays of fixed chunks of 256 tables.
 * A table is an index, and a slot (one word) is an index: `table << slotsLg2 | position`. Nothing here knows what bits mean.
 */
import { broken, invariant, UserError } from "../base/errors.ts";

const CHUNK_TABLES_LG2 = 8;

/** The tables of one machine. Every table has room for `2^slotsLg2` words; small top tables use the first few. */
export class Tables {
  readonly slotsLg2: number;
  /** Log two of the slots in a chunk. */
  readonly chunkLg2: number;
  readonly chunkMask: number;
  readonly lo: Int32Array[] = [];
  readonly hi: Int32Array[] = [];
  /** Frame number of table 0: tables live in a zone of physical memory of their own, above all folios. */
  readonly basePfn: number;
  /** Tables in use now. */
  live = 0;
  /** Tables that the zone has room for. */
  readonly #room: number;
  #made = 0;
  readonly #free: number[] = [];

  /** `room` bounds the zone where frame numbers end soon above it; slot numbers of 31 bits bound it anyway. */
  constructor(slotsLg2: number, basePfn: number, room = Number.POSITIVE_INFINITY) {
    this.slotsLg2 = slotsLg2;
    this.chunkLg2 = slotsLg2 + CHUNK_TABLES_LG2;
    this.chunkMask = 2 ** this.chunkLg2 - 1;
    this.basePfn = basePfn;
    this.#room = room;
  }

  /** A table filled with the given word. */
  alloc(lo: number, hi: number): number {
    const used = this.#free.pop();
    const table = used ?? this.#make();
    this.live++;
    // What was never used is zero: memory is not touched before it is needed.
    if (used !== undefined || lo !== 0 || hi !== 0) this.fill(table << this.slotsLg2, 1 << this.slotsLg2, lo, hi);
    return table;
  }

  free(table: number): void {
    if (this.live === 0) broken(`freeing table ${table} of none`);
    this.live--;
    this.#free.push(table);
  }

  /** Writes one word to `n` slots of one table. */
  fill(slot: number, n: number, lo: number, hi: number): void {
    const chunk = slot >>> this.chunkLg2;
    const at = slot & this.chunkMask;
    if (n === 1) {
      // Most callers clear one slot, for which a call of fill costs ten stores.
      this.lo[chunk]![at] = lo;
      this.hi[chunk]![at] = hi;
      return;
    }
    this.lo[chunk]!.fill(lo, at, at + n);
    this.hi[chunk]!.fill(hi, at, at + n);
  }

  /** Bytes of the arrays that hold the words. */
  get bytes(): number {
    return this.lo.length * 2 ** this.chunkLg2 * 2 * Int32Array.BYTES_PER_ELEMENT;
  }

  pfnOf(table: number): number {
    return this.basePfn + table;
  }

  tableOf(pfn: number): number {
    return pfn - this.basePfn;
  }

  #make(): number {
    const table = this.#made++;
    if (table >= this.#room) throw new UserError(`out of memory: no room for more than ${this.#room} page tables`);
    invariant(this.#made <= 2 ** (31 - this.slotsLg2), "more tables than slot numbers of 31 bits");
    if (table >>> CHUNK_TABLES_LG2 === this.lo.length) {
      this.lo.push(new Int32Array(2 ** this.chunkLg2));
      this.hi.push(new Int32Array(2 ** this.chunkLg2));
    }
    return table;
  }
}
