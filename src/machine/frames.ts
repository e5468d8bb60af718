/**
 * Physical memory: a buddy allocator of frames by order, and what the kernel notes of every frame and folio.
 * All of it is one word of 32 bits a frame, in typed arrays of fixed chunks that are made when a frame of the chunk is first used,
 * so that a large machine costs nothing until it is filled. Not modelled: zones, NUMA nodes, migration, reclaim.
 *
 *    31                            15 14           6  5    4   3     0
 *   +--------------------------------+--------------+----+----+-------+     count: entries of level 0 that map the frame
 *   | count                          | flags        |used|free| order |     used:  it belongs to a folio of that order
 *   +--------------------------------+--------------+----+----+-------+     free:  it is the first of a free block of that order
 *
 * One word, because what fork and exit do to a page (drop a flag, change the count, look at the order) is then one load and one
 * store. A count that outgrows its 17 bits goes on in a map, so that it is exact all the same.
 *
 * Source of the rules: mm/page_alloc.c (buddies), include/linux/mm_types.h (folio fields) of Linux 6.18.
 */
import { broken, UserError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { BlockStack } from "./block-stack.ts";
import { FolioFields } from "./folio-fields.ts";
import { FrameRuns, type PfnRun } from "./frame-runs.ts";
import { CHUNK, CHUNK_LG2, CHUNK_MASK, COUNT_LG2, FREE, ONE, ORDER, USED } from "./frame-word.ts";

export { FrameFlag } from "./frame-word.ts";

/** Largest order the allocator hands out at once. Linux 6.18 stops at 10 on 4K pages; larger granules need 13 for a PMD. */
export const MAX_ORDER = 13;

/** No folio mapped above level 0 is smaller than this order: s390 has 256 pages under a segment, all others more. */
const ENTIRE_LG2 = 8;

/**
 * Frame numbers of folios stay below 2^31, so that bit operations on them are exact. Frames of an order are `1 << order` where it
 * matters: with an exponent that is no constant `**` is a call of the mathematical function, at ten times the price.
 */
const MAX_FRAMES = 2 ** 31;

/** A count that does not fit: the whole of it is in the map. */
const MANY = 0xffff;
/** Numbers of a large folio that are counted here. */
export const COUNTS = 2;
/** Numbers of a large folio behind them, for the kernel's use: who maps it. */
export const KEPT = 5;
/** Set for a moment in the word of a free block, which has no count. */
const SEEN = 1 << 31;

/** The frames of one machine. */
export class Frames {
  /** Frames of memory in all. */
  readonly total: number;
  /** Frames now handed out. */
  used = 0;
  /** Frames that the last {@link allocRun} handed out. */
  taken = 0;
  readonly #words: Int32Array[] = [];
  /** What is done to runs of single frames. */
  readonly runs = new FrameRuns(this.#words);
  /** Numbers of the large folios: two that are counted here, and then as many as the kernel wants to keep. */
  readonly folios = new FolioFields(COUNTS + KEPT);
  readonly #large = new LargeCounts(this.folios);
  /** Counts of frames whose word says {@link MANY}. */
  readonly #many = new Map<number, number>();
  /** Free blocks by order, the latest last. */
  readonly #stacks = Array.from({ length: MAX_ORDER + 1 }, () => new BlockStack());
  /** Everything from here on has never been used. */
  #fresh = 0;
  /** Order of the block that the last search found. */
  #got = 0;

  /** Memory is handed out in whole blocks of the largest order; what is left above the last one is never used. */
  constructor(total: number) {
    if (total > MAX_FRAMES) throw new UserError(`${total} frames of memory: at most ${MAX_FRAMES} are allowed`);
    this.total = total;
  }

  /** A naturally aligned block of `2^order` frames as one folio, or -1 when there is none. */
  alloc(order: number): number {
    const pfn = this.#take(order);
    if (pfn < 0) return -1;
    this.#cut(pfn, order);
    const words = this.#words[pfn >>> CHUNK_LG2]!;
    const at = pfn & CHUNK_MASK;
    if (order === 0) words[at] = USED;
    else words.fill(USED | order, at, at + (1 << order));
    this.used += 1 << order;
    return pfn;
  }

  /**
   * Single frames with consecutive numbers, at most `max`, with these flags and each mapped by one entry: those which as many
   * calls of {@link alloc} would have given, one after the other. Returns the first or -1, and {@link taken} says how many.
   */
  allocRun(max: number, flags: number): number {
    const pfn = this.#take(0);
    this.taken = pfn < 0 ? 0 : Math.min(max, 1 << this.#got);
    if (pfn < 0) return -1;
    const at = pfn & CHUNK_MASK;
    this.#words[pfn >>> CHUNK_LG2]!.fill(USED | flags | ONE, at, at + this.taken);
    this.#pushRest(pfn, this.taken, this.#got);
    this.used += this.taken;
    return pfn;
  }

  /** Gives a whole folio back; its frames must not be mapped. */
  free(head: number): void {
    const words = this.#words[head >>> CHUNK_LG2]!;
    const at = head & CHUNK_MASK;
    const order = words[at]! & ORDER;
    if (head & ((1 << order) - 1)) broken(`freeing the tail frame ${head}`);
    for (let i = at; i < at + (1 << order); i++)
      if (words[i]! >> COUNT_LG2 !== 0) broken(`freeing mapped frame ${head - at + i}`);
    if (order > 0) {
      if (this.mapped(head)) broken(`freeing mapped folio ${head}`);
      words.fill(0, at, at + (1 << order));
    }
    this.used -= 1 << order;
    this.#release(head, order);
  }

  /** Whether the frame belongs to a folio now: it was handed out and not given back. */
  holds(pfn: number): boolean {
    return ((this.#words[pfn >>> CHUNK_LG2]?.[pfn & CHUNK_MASK] ?? 0) & USED) !== 0;
  }

  /** Order of the folio that the frame belongs to; 0 for a frame that was never handed out, such as a device's. */
  order(pfn: number): number {
    const words = this.#words[pfn >>> CHUNK_LG2];
    return words === undefined ? 0 : words[pfn & CHUNK_MASK]! & ORDER;
  }

  /** First frame of the folio that the frame belongs to. */
  head(pfn: number): number {
    return pfn - (pfn & ((1 << this.order(pfn)) - 1));
  }

  /** Cuts a folio into folios of order 0; counts and flags of its frames stay. It must not be mapped above level 0. */
  split(head: number): void {
    const order = this.order(head);
    if (head !== this.head(head) || this.entireMapcount(head) !== 0)
      broken(`splitting folio ${head} of order ${order}`);
    if (order > 0) this.#large.forget(head);
    const words = this.#at(head);
    const at = head & CHUNK_MASK;
    for (let i = at; i < at + 2 ** order; i++) words[i]! &= ~ORDER;
  }

  /** Times a page is mapped, at whatever level: what /proc/kpagecount says of it. */
  mapcount(pfn: number): number {
    return this.#count(pfn) + this.entireMapcount(this.head(pfn));
  }

  /** Times a folio is mapped by one entry above level 0. */
  entireMapcount(head: number): number {
    return this.order(head) < ENTIRE_LG2 ? 0 : this.#large.entire(head);
  }

  /** Whether any entry maps any part of the folio. */
  mapped(head: number): boolean {
    return this.totalMapcount(head) > 0;
  }

  /** Entries that map the folio or a page of it (`folio_mapcount`). */
  totalMapcount(head: number): number {
    return this.order(head) === 0 ? this.#count(head) : this.#large.sum(head);
  }

  /** Adds to the map counts of `n` frames of one folio. Returns how many frames changed between mapped and unmapped. */
  addMapcount(pfn: number, n: number, by: number): number {
    const words = this.#at(pfn);
    const at = pfn & CHUNK_MASK;
    const order = words[at]! & ORDER;
    let changed = 0;
    for (let i = at; i < at + n; i++) {
      const old = words[i]! >> COUNT_LG2;
      const now = old + by;
      if (old === MANY || now >= MANY) this.#addMany(pfn - at + i, by);
      else words[i]! += by << COUNT_LG2;
      if (old === 0 || now === 0) changed++;
    }
    if (order > 0) this.#large.addSum(this.head(pfn), n * by);
    return changed;
  }

  /** Adds to the times a folio is mapped as a whole. */
  addEntireMapcount(head: number, by: number): void {
    this.#large.addEntire(head, by);
  }

  hasFlag(pfn: number, flag: number): boolean {
    return (this.#at(pfn)[pfn & CHUNK_MASK]! & flag) !== 0;
  }

  /** How many frames from one on, at most `n` and all of one folio, are alike in a flag. */
  alikeIn(pfn: number, n: number, flag: number): number {
    const words = this.#at(pfn);
    const at = pfn & CHUNK_MASK;
    let alike = 1;
    while (alike < n && ((words[at]! ^ words[at + alike]!) & flag) === 0) alike++;
    return alike;
  }

  setFlag(pfn: number, n: number, flag: number, on: boolean): void {
    if (n === 0) return;
    const words = this.#at(pfn);
    const at = pfn & CHUNK_MASK;
    const here = Math.min(n, CHUNK - at);
    const [set, kept] = [on ? flag : 0, ~flag];
    words[at] = (words[at]! & kept) | set;
    for (let i = at + 1; i < at + here; i++) words[i] = (words[i]! & kept) | set;
    if (here < n) this.setFlag(pfn + here, n - here, flag, on);
  }

  /**
   * Gives the first `n` frames of a run back, single ones that nothing maps: what as many calls of {@link free} do, one after the
   * other. Where they are all of an aligned block it is given back as such, for its frames would merge with one another and with
   * nothing else before.
   */
  freeRun(run: PfnRun, n: number): void {
    for (let i = 0; i < n; ) {
      let row = 1;
      if (run.inRow) row = n;
      else while (i + row < n && run.pfns[i + row] === run.pfns[i]! + row) row++;
      this.#freeRow(run.pfn(i), row);
      i += row;
    }
    this.used -= n;
  }

  #freeRow(first: number, n: number): void {
    const words = this.#at(first);
    const at = first & CHUNK_MASK;
    const here = Math.min(n, CHUNK - at);
    for (let i = at; i < at + here; i++)
      if (words[i]! >> COUNT_LG2 !== 0) broken(`freeing mapped frame ${first - at + i}`);
    words.fill(0, at, at + here);
    this.#releaseRow(first, here);
    if (here < n) this.#freeRow(first + here, n - here);
  }

  /** Gives back frames in a row, by aligned blocks in ascending order. */
  #releaseRow(first: number, n: number): void {
    for (let pfn = first; pfn < first + n; ) {
      const aligned = pfn === 0 ? MAX_ORDER : 31 - Math.clz32(pfn & -pfn);
      const order = Math.min(MAX_ORDER, aligned, 31 - Math.clz32(first + n - pfn));
      this.#release(pfn, order);
      pfn += 1 << order;
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

  /** Bytes of the arrays that hold all this. */
  get bytes(): number {
    const stacks = this.#stacks.reduce((sum, stack) => sum + stack.items.byteLength, 0);
    return this.#words.length * CHUNK * 4 + this.folios.bytes + stacks;
  }

  #at(pfn: number): Int32Array {
    return this.#words[pfn >>> CHUNK_LG2]!;
  }

  #count(pfn: number): number {
    const count = this.#at(pfn)[pfn & CHUNK_MASK]! >> COUNT_LG2;
    return count === MANY ? this.#many.get(pfn)! : count;
  }

  /** The part of {@link addMapcount} for a count that does not fit, before or after. */
  #addMany(pfn: number, by: number): void {
    const now = this.#count(pfn) + by;
    const words = this.#at(pfn);
    const at = pfn & CHUNK_MASK;
    if (now >= MANY) this.#many.set(pfn, now);
    else this.#many.delete(pfn);
    words[at] = (words[at]! & (ONE - 1)) | (Math.min(now, MANY) << COUNT_LG2);
  }

  /** The smallest free block that is large enough, whole; -1 if there is none. */
  #take(order: number): number {
    for (let o = order; o <= MAX_ORDER; o++) {
      const pfn = this.#pop(o);
      if (pfn < 0) continue;
      this.#got = o;
      return pfn;
    }
    return this.#takeFresh();
  }

  #pop(order: number): number {
    const stack = this.#stacks[order]!;
    while (stack.length > 0) {
      const pfn = stack.items[--stack.length]!;
      if (this.#at(pfn)[pfn & CHUNK_MASK] === (FREE | order)) return pfn;
    }
    stack.shrink();
    return -1;
  }

  #takeFresh(): number {
    const block = 2 ** MAX_ORDER;
    if (this.#fresh + block > this.total) return -1;
    const pfn = this.#fresh;
    this.#fresh += block;
    if (pfn >>> CHUNK_LG2 === this.#words.length) this.#words.push(new Int32Array(CHUNK));
    this.#got = MAX_ORDER;
    return pfn;
  }

  /** Keeps the first part of the block just taken and gives back the halves behind it. */
  #cut(pfn: number, to: number): void {
    for (let o = this.#got - 1; o >= to; o--) this.#push(pfn + (1 << o), o);
  }

  /** Gives back what is behind the first `n` frames of a block: aligned blocks, the larger ones behind. */
  #pushRest(pfn: number, n: number, order: number): void {
    let at = n;
    for (let o = 0; o < order; o++)
      if (at & (1 << o)) {
        this.#push(pfn + at, o);
        at += 1 << o;
      }
  }

  #push(pfn: number, order: number): void {
    this.#at(pfn)[pfn & CHUNK_MASK] = FREE | order;
    const stack = this.#stacks[order]!;
    if (stack.length === stack.items.length) this.#tidy(stack, order);
    stack.items[stack.length++] = pfn;
  }

  /** Drops what is stale from a full stack; if that was not much of it, makes room for twice as many. */
  #tidy(stack: BlockStack, order: number): void {
    const { items } = stack;
    let kept = items.length;
    for (let i = items.length - 1; i >= 0; i--) {
      const pfn = items[i]!;
      if (this.#at(pfn)[pfn & CHUNK_MASK] !== (FREE | order)) continue;
      this.#at(pfn)[pfn & CHUNK_MASK]! |= SEEN;
      items[--kept] = pfn;
    }
    items.copyWithin(0, kept);
    stack.length = items.length - kept;
    for (let i = 0; i < stack.length; i++) this.#at(items[i]!)[items[i]! & CHUNK_MASK]! &= ~SEEN;
    if (stack.length > items.length / 2) stack.grow();
  }

  /** Merges with free buddies as far as it goes. */
  #release(pfn: number, order: number): void {
    let at = pfn;
    let o = order;
    this.#at(at)[at & CHUNK_MASK] = 0;
    for (; o < MAX_ORDER; o++) {
      const buddy = at ^ (1 << o);
      const words = this.#at(buddy);
      if (words[buddy & CHUNK_MASK] !== (FREE | o)) break;
      words[buddy & CHUNK_MASK] = 0;
      this.#stacks[o]!.dropTop(buddy);
      at = Math.min(at, buddy);
    }
    this.#push(at, o);
  }
}

/** What is counted of large folios. */
class LargeCounts {
  /** Entries that map a folio or a page of it (`_large_mapcount`), and those above level 0 alone (`_entire_mapcount`). */
  readonly #fields: FolioFields;

  constructor(fields: FolioFields) {
    this.#fields = fields;
  }

  sum(head: number): number {
    return this.#fields.of(head)[this.#fields.at]!;
  }

  entire(head: number): number {
    return this.#fields.of(head)[this.#fields.at + 1]!;
  }

  addSum(head: number, by: number): void {
    this.#fields.of(head)[this.#fields.at]! += by;
  }

  addEntire(head: number, by: number): void {
    const fields = this.#fields.of(head);
    fields[this.#fields.at]! += by;
    fields[this.#fields.at + 1]! += by;
  }

  /** The folio has been split. */
  forget(head: number): void {
    this.#fields.of(head)[this.#fields.at] = 0;
  }
}
