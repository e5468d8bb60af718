/**
 * Who maps a large folio, as far as the kernel remembers: two owners with the number of entries of each, and one bit that
 * says that others may map it as well. Exact while two address spaces share a folio; a third finds no room, is counted in
 * the sum only, and leaves the bit set until one of the two that are known has all entries again.
 *
 * Small folios need none of this: their map count says it. Kernels before 6.15 have none of this and guess.
 * Source: folio_add_return_large_mapcount and folio_sub_return_large_mapcount of include/linux/rmap.h, `_mm_id`,
 * `_mm_id_mapcount` and FOLIO_MM_IDS_SHARED_BIT of include/linux/mm_types.h, Linux 6.18 (CONFIG_MM_ID).
 */
import { FolioFields } from "../machine/folio-fields.ts";
import { COUNTS, KEPT } from "../machine/frames.ts";

/** `MM_ID_DUMMY`: the slot is free. */
const NOBODY = 0;

/** Fields of a folio. Entries are counted from 0, not from -1 as in the kernel. */
const ID = 0;
const COUNT = 2;
const SHARED = 4;

/** The owners of all large folios of one machine. */
export class MmIds {
  readonly #fields: FolioFields;

  /** What is noted here is kept with the other numbers of the folios, behind {@link COUNTS} of them. */
  constructor(fields = new FolioFields(COUNTS + KEPT)) {
    this.#fields = fields;
  }

  /** `diff` more entries of one address space map the folio, which makes `total` (`folio_add_return_large_mapcount`). */
  add(head: number, mmId: number, diff: number, total: number): void {
    const f = this.#fields.of(head);
    const at = this.#fields.at + COUNTS;
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
    const f = this.#fields.of(head);
    const at = this.#fields.at + COUNTS;
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
    return this.#fields.of(head)[this.#fields.at + COUNTS + SHARED] !== 0;
  }

  /** The owners that are known, with the entries counted for each. */
  owners(head: number): { mmId: number; entries: number }[] {
    const f = this.#fields.of(head);
    const at = this.#fields.at + COUNTS;
    return [0, 1]
      .map((slot) => ({ mmId: f[at + ID + slot]!, entries: f[at + COUNT + slot]! }))
      .filter(({ mmId }) => mmId !== NOBODY);
  }

  /** Forgets the owners of a folio that is no large folio any more. */
  clear(head: number): void {
    const f = this.#fields.of(head);
    f.fill(0, this.#fields.at + COUNTS, this.#fields.at + COUNTS + KEPT);
  }
}

function take(f: Int32Array, slot: number, mmId: number, diff: number): void {
  f[slot + ID] = mmId;
  f[slot + COUNT] = diff;
}
