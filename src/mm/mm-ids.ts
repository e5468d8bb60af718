/**
 * Who maps a large folio, as far as the kernel remembers: two owners with the number of entries of each, and one bit that
 * says that others may map it as well. Exact while two address spaces share a folio; a third finds no room, is counted in
 * the sum only, and leaves the bit set until one of the two that are known has all entries again.
 *
 * Small folios need none of this: their map count says it. Kernels before 6.15 have none of this and guess.
 * Source: folio_add_return_large_mapcount and folio_sub_return_large_mapcount of include/linux/rmap.h, `_mm_id`,
 * `_mm_id_mapcount` and FOLIO_MM_IDS_SHARED_BIT of include/linux/mm_types.h, Linux 6.18 (CONFIG_MM_ID).
 */

/** Frames to a chunk; chunks are made when a folio of theirs is first mapped. */
const CHUNK_LG2 = 13;
/** No large folio has fewer frames than 2^1. */
const UNIT_LG2 = 1;

/** `MM_ID_DUMMY`: the slot is free. */
const NOBODY = 0;

/** Fields of a folio. Entries are counted from 0, not from -1 as in the kernel. */
const ID = 0;
const COUNT = 2;
const SHARED = 4;
const FIELDS = 5;

/** The owners of all large folios of one machine. */
export class MmIds {
  readonly #chunks: (Int32Array | undefined)[] = [];

  /** `diff` more entries of one address space map the folio, which makes `total` (`folio_add_return_large_mapcount`). */
  add(head: number, mmId: number, diff: number, total: number): void {
    const [f, at] = [this.#fields(head), base(head)];
    if (f[at + ID] === mmId) f[at + COUNT]! += diff;
    else if (f[at + ID + 1] === mmId) f[at + COUNT + 1]! += diff;
    else if (f[at + ID] === NOBODY) {
      take(f, at, mmId, diff);
      if (total !== diff) f[at + SHARED] = 1;
    } else if (f[at + ID + 1] === NOBODY) {
      take(f, at + 1, mmId, diff);
      f[at + SHARED] = 1;
    }
  }

  /**
   * `diff` entries of one address space stop mapping the folio, which leaves `total` (`folio_sub_return_large_mapcount`). One that
   * found a slot late has more entries than are counted in it, so a count may run out early.
   */
  sub(head: number, mmId: number, diff: number, total: number): void {
    const [f, at] = [this.#fields(head), base(head)];
    const slot = f[at + ID] === mmId ? at : f[at + ID + 1] === mmId ? at + 1 : -1;
    if (slot >= 0) {
      f[slot + COUNT]! -= diff;
      if (f[slot + COUNT]! > 0) return;
      f[slot + COUNT] = 0;
      f[slot + ID] = NOBODY;
    }
    if (f[at + COUNT] === total || f[at + COUNT + 1] === total) f[at + SHARED] = 0;
  }

  /** Whether more than one address space may map the folio (FOLIO_MM_IDS_SHARED_BIT). */
  shared(head: number): boolean {
    return this.#fields(head)[base(head) + SHARED] !== 0;
  }

  /** The owners that are known, with the entries counted for each. */
  owners(head: number): { mmId: number; entries: number }[] {
    const [f, at] = [this.#fields(head), base(head)];
    return [0, 1]
      .map((slot) => ({ mmId: f[at + ID + slot]!, entries: f[at + COUNT + slot]! }))
      .filter(({ mmId }) => mmId !== NOBODY);
  }

  /** Forgets the owners of a folio that is no large folio any more. */
  clear(head: number): void {
    this.#fields(head).fill(0, base(head), base(head) + FIELDS);
  }

  #fields(head: number): Int32Array {
    const chunk = head >>> CHUNK_LG2;
    this.#chunks[chunk] ??= new Int32Array(FIELDS << (CHUNK_LG2 - UNIT_LG2));
    return this.#chunks[chunk];
  }
}

function base(head: number): number {
  return ((head & ((1 << CHUNK_LG2) - 1)) >>> UNIT_LG2) * FIELDS;
}

function take(f: Int32Array, slot: number, mmId: number, diff: number): void {
  f[slot + ID] = mmId;
  f[slot + COUNT] = diff;
}
