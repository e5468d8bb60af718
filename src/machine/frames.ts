/**
 * Physical memory: a buddy allocator of frames by order, and what the kernel notes of every frame and folio.
 * Metadata is kept in typed arrays of fixed chunks, made when a frame of the chunk is first used, so that a large machine
 * costs nothing until it is filled. Not modelled: zones, NUMA nodes, migration, reclaim.
 *
 * Source of the rules: mm/page_alloc.c (buddies), include/linux/mm_types.h (folio fields) of Linux 6.18.
 */
import { broken, UserError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";

/** Largest order the allocator hands out at once. Linux 6.18 stops at 10 on 4K pages; larger granules need 13 for a PMD. */
export const MAX_ORDER = 13;

const CHUNK_LG2 = 15;
const CHUNK = 1 << CHUNK_LG2;
const CHUNK_MASK = CHUNK - 1;
/** No folio mapped above level 0 is smaller than this order: s390 has 256 pages under a segment, all others more. */
const ENTIRE_LG2 = 8;
/** No large folio has fewer frames than two. Of order 1 there are only those of files (THP_ORDERS_ALL_ANON leaves it out). */
const SUM_LG2 = 1;

/** Frame numbers of folios stay below 2^31, so that bit operations on them are exact. */
const MAX_FRAMES = 2 ** 31;

/** State byte: order in the low bits, with one of these. */
const FREE = 0x20;
const USED = 0x40;
const ORDER = 0x1f;

/** Flags of a frame ({@link Frames.flags}); those of a folio are kept at its head. */
export const FrameFlag = {
  /** `PageAnonExclusive`: no other process maps this page. */
  exclusive: 1,
  /** Folio: on the deferred split queue. */
  deferred: 2,
  /** A program has written to this page, so it can no longer be taken for one of zeros. */
  written: 4,
  /** Folio: dirty whatever its entries say (`PG_dirty`), because entries that were have been taken out and put back. */
  dirty: 8,
  /**
   * The architecture's own flag (`PG_arch_1`): on arm64 and riscv, the data cache is clean for it; on s390, it may belong to a
   * secure guest. Folio, since 6.6; before, and on s390 until it had to change, of each page.
   */
  arch1: 16,
  /** Folio: its pages are those of a file (not `PageAnon`), which keeps them when nobody maps them. */
  file: 32,
  /** Folio: `PG_mlocked`. */
  mlocked: 64,
  /** Folio: `PG_unevictable`, on the list of those that reclaim passes over. */
  unevictable: 128,
  /** Folio: MADV_FREE has said that it may be dropped while clean (`PG_swapbacked` is not set). */
  lazyFree: 256,
} as const;

interface Chunk {
  readonly state: Uint8Array;
  readonly flags: Uint16Array;
  /** Times each frame is mapped by an entry of level 0. */
  readonly mapcount: Int32Array;
  /** Times each folio is mapped by an entry above level 0 (`_entire_mapcount`), by units of the smallest PMD order. */
  readonly entire: Int32Array;
  /** Sum of the above over a large folio, by units of the smallest large order: 0 says that the folio is unmapped. */
  readonly sum: Int32Array;
}

/** The frames of one machine. */
export class Frames {
  /** Frames of memory in all. */
  readonly total: number;
  /** Frames now handed out. */
  used = 0;
  readonly #chunks: Chunk[] = [];
  /** Stacks of free blocks by order. An item is stale unless the block's state byte still says free and that order. */
  readonly #stacks: number[][] = Array.from({ length: MAX_ORDER + 1 }, () => []);
  /** Everything from here on has never been used. */
  #fresh = 0;

  /** Memory is handed out in whole blocks of the largest order; what is left above the last one is never used. */
  constructor(total: number) {
    if (total > MAX_FRAMES) throw new UserError(`${total} frames of memory: at most ${MAX_FRAMES} are allowed`);
    this.total = total;
  }

  /** A naturally aligned block of `2^order` frames as one folio, or -1 when there is none. */
  alloc(order: number): number {
    const pfn = this.#take(order);
    if (pfn < 0) return -1;
    this.#mark(pfn, order, USED | order);
    this.used += 2 ** order;
    return pfn;
  }

  /** Gives a whole folio back; its frames must not be mapped. */
  free(head: number): void {
    const order = this.order(head);
    if (head !== this.head(head)) broken(`freeing the tail frame ${head}`);
    for (let pfn = head; pfn < head + 2 ** order; pfn++) {
      const c = this.#at(pfn);
      if (c.mapcount[pfn & CHUNK_MASK] !== 0) broken(`freeing mapped frame ${pfn}`);
      c.flags[pfn & CHUNK_MASK] = 0;
    }
    if (this.mapped(head)) broken(`freeing mapped folio ${head}`);
    this.used -= 2 ** order;
    this.#release(head, order);
  }

  /** Whether the frame belongs to a folio now: it was handed out and not given back. */
  holds(pfn: number): boolean {
    return ((this.#chunks[pfn >>> CHUNK_LG2]?.state[pfn & CHUNK_MASK] ?? 0) & USED) !== 0;
  }

  /** Order of the folio that the frame belongs to; 0 for a frame that was never handed out, such as a device's. */
  order(pfn: number): number {
    const chunk = this.#chunks[pfn >>> CHUNK_LG2];
    return chunk === undefined ? 0 : chunk.state[pfn & CHUNK_MASK]! & ORDER;
  }

  /** First frame of the folio that the frame belongs to. */
  head(pfn: number): number {
    return pfn - (pfn & (2 ** this.order(pfn) - 1));
  }

  /** Cuts a folio into folios of order 0; counts and flags of its frames stay. It must not be mapped above level 0. */
  split(head: number): void {
    const order = this.order(head);
    if (head !== this.head(head) || this.entireMapcount(head) !== 0)
      broken(`splitting folio ${head} of order ${order}`);
    this.#at(head).sum[(head & CHUNK_MASK) >>> SUM_LG2] = 0;
    this.#mark(head, order, USED);
  }

  /** Times a page is mapped, at whatever level: what /proc/kpagecount says of it. */
  mapcount(pfn: number): number {
    return this.#at(pfn).mapcount[pfn & CHUNK_MASK]! + this.entireMapcount(this.head(pfn));
  }

  /** Times a folio is mapped by one entry above level 0. */
  entireMapcount(head: number): number {
    return this.order(head) < ENTIRE_LG2 ? 0 : this.#at(head).entire[(head & CHUNK_MASK) >>> ENTIRE_LG2]!;
  }

  /** Whether any entry maps any part of the folio. */
  mapped(head: number): boolean {
    return this.totalMapcount(head) > 0;
  }

  /** Entries that map the folio or a page of it (`folio_mapcount`). */
  totalMapcount(head: number): number {
    const c = this.#at(head);
    return this.order(head) === 0 ? c.mapcount[head & CHUNK_MASK]! : c.sum[(head & CHUNK_MASK) >>> SUM_LG2]!;
  }

  /** Adds to the map counts of `n` frames of one folio. Returns how many frames changed between mapped and unmapped. */
  addMapcount(pfn: number, n: number, by: number): number {
    const c = this.#at(pfn);
    const at = pfn & CHUNK_MASK;
    let changed = 0;
    for (let i = at; i < at + n; i++) {
      const old = c.mapcount[i]!;
      c.mapcount[i] = old + by;
      if (old === 0 || old + by === 0) changed++;
    }
    const head = this.head(pfn);
    if (this.order(head) > 0) this.#at(head).sum[(head & CHUNK_MASK) >>> SUM_LG2]! += n * by;
    return changed;
  }

  /** Adds to the times a folio is mapped as a whole. */
  addEntireMapcount(head: number, by: number): void {
    const c = this.#at(head);
    c.entire[(head & CHUNK_MASK) >>> ENTIRE_LG2]! += by;
    c.sum[(head & CHUNK_MASK) >>> SUM_LG2]! += by;
  }

  hasFlag(pfn: number, flag: number): boolean {
    return (this.#at(pfn).flags[pfn & CHUNK_MASK]! & flag) !== 0;
  }

  setFlag(pfn: number, n: number, flag: number, on: boolean): void {
    for (let p = pfn; p < pfn + n; p++) {
      const c = this.#at(p);
      if (on) c.flags[p & CHUNK_MASK]! |= flag;
      else c.flags[p & CHUNK_MASK]! &= ~flag;
    }
  }

  /**
   * Takes single frames out of circulation until about `share` of the memory's blocks of `order` have one missing, so that
   * allocations of that order start to fail. Which frames is decided by the random stream alone.
   */
  fragment(rng: Random, order: number, share: number): void {
    const blocks = Math.floor(this.total / 2 ** order);
    const held: number[] = [];
    for (let b = 0; b < blocks; b++) {
      const block = this.alloc(order);
      if (block < 0) break;
      this.split(block);
      const keep = rng.next() / 2 ** 32 < share ? block + rng.below(2 ** order) : -1;
      for (let p = block; p < block + 2 ** order; p++) if (p !== keep) held.push(p);
    }
    for (const pfn of held) this.free(pfn);
  }

  #at(pfn: number): Chunk {
    return this.#chunks[pfn >>> CHUNK_LG2]!;
  }

  #take(order: number): number {
    for (let o = order; o <= MAX_ORDER; o++) {
      const pfn = this.#pop(o);
      if (pfn >= 0) return this.#cut(pfn, o, order);
    }
    return this.#takeFresh(order);
  }

  #pop(order: number): number {
    const stack = this.#stacks[order]!;
    for (let pfn = stack.pop(); pfn !== undefined; pfn = stack.pop())
      if (this.#at(pfn).state[pfn & CHUNK_MASK] === (FREE | order)) return pfn;
    return -1;
  }

  /** Keeps the first part of a free block and puts the halves behind it on the stacks. */
  #cut(pfn: number, from: number, to: number): number {
    for (let o = from - 1; o >= to; o--) this.#push(pfn + 2 ** o, o);
    return pfn;
  }

  #takeFresh(order: number): number {
    const block = 2 ** MAX_ORDER;
    if (this.#fresh + block > this.total) return -1;
    const pfn = this.#fresh;
    this.#fresh += block;
    if (pfn >>> CHUNK_LG2 === this.#chunks.length) this.#chunks.push(newChunk());
    return this.#cut(pfn, MAX_ORDER, order);
  }

  #push(pfn: number, order: number): void {
    this.#at(pfn).state[pfn & CHUNK_MASK] = FREE | order;
    this.#stacks[order]!.push(pfn);
  }

  /** Merges with free buddies as far as it goes. */
  #release(pfn: number, order: number): void {
    let at = pfn;
    let o = order;
    this.#at(at).state[at & CHUNK_MASK] = 0;
    for (; o < MAX_ORDER; o++) {
      const buddy = at ^ (2 ** o);
      const c = this.#at(buddy);
      if (c.state[buddy & CHUNK_MASK] !== (FREE | o)) break;
      c.state[buddy & CHUNK_MASK] = 0;
      at = Math.min(at, buddy);
    }
    this.#push(at, o);
  }

  #mark(pfn: number, order: number, state: number): void {
    const at = pfn & CHUNK_MASK;
    const c = this.#at(pfn);
    if (order === 0) c.state[at] = state;
    else c.state.fill(state, at, at + 2 ** order);
  }
}

function newChunk(): Chunk {
  return {
    state: new Uint8Array(CHUNK),
    flags: new Uint16Array(CHUNK),
    mapcount: new Int32Array(CHUNK),
    entire: new Int32Array(CHUNK >>> ENTIRE_LG2),
    sum: new Int32Array(CHUNK >>> SUM_LG2),
  };
}
