/**
 * The machine's swap: slots with the number of entries that name each, what the pages held, and the swap cache.
 *
 * The device is one that answers at once (zram, SWP_SYNCHRONOUS_IO). Not modelled: several devices, readahead of neighbours,
 * writeback that lasts, the clusters by which slots are handed out: a run is naturally aligned, single slots follow one another.
 * Source: mm/swapfile.c (swap_duplicate, add_swap_count_continuation, free_swap_and_cache_nr), mm/swap_state.c, Linux 6.18.
 */
import { broken } from "../base/errors.ts";
import { Contents, type Word } from "../machine/contents.ts";
import { FrameFlag } from "../machine/frames.ts";
import type { Kernel } from "./kernel.ts";

/** `SWAP_MAP_MAX`: entries that a slot's own byte can count. */
const SWAP_MAP_MAX = 0x3e;
/** What one more page of continuations multiplies that by (`SWAP_CONT_MAX` + 1). */
const CONTINUATION = 0x80;

interface Slot {
  /** Entries of page tables that name the slot (`swap_count`). */
  count: number;
  /** The most that can be counted until another continuation is added. */
  capacity: number;
  /** Frame of the page in the swap cache, or -1. */
  pfn: number;
  /** The page is not known to be all zeros. */
  written: boolean;
}

/** The swap of one machine. Pages are named by their offset, the slot's number; there is one device, of type 0. */
export class Swap {
  /** Slots in all; 0 is a machine without swap. */
  readonly total: number;
  /** Slots now in use. */
  used = 0;
  readonly #kernel: Kernel;
  readonly #slots: (Slot | undefined)[] = [];
  readonly #contents: Contents | null;
  /** Slot of each frame in the swap cache. */
  readonly #cached = new Map<number, number>();
  /** Nothing from here on was ever used. Slot 0 holds the device's header. */
  #next = 1;

  constructor(kernel: Kernel, total: number, pageBytes: number) {
    this.#kernel = kernel;
    this.total = total;
    this.#contents = kernel.contents === null ? null : new Contents(pageBytes);
  }

  /** `folio_alloc_swap`: a run of slots as long as a folio, or -1 when there is none. */
  alloc(nr: number): number {
    const at = Math.ceil(this.#next / nr) * nr;
    if (at + nr > this.total) return this.#reuse(nr);
    this.#next = at + nr;
    return at;
  }

  /** Slots that were given back are used again only when no fresh ones are left, so that offsets tell runs apart. */
  #reuse(nr: number): number {
    for (let at = nr; at + nr <= this.total; at += nr) {
      let free = at;
      while (free < at + nr && this.#slots[free] === undefined) free++;
      if (free === at + nr) return at;
    }
    return -1;
  }

  /** Writes a page to a slot of a new run, with `count` entries that will name it. */
  write(offset: number, pfn: number, count: number): void {
    if (this.#slots[offset] !== undefined) broken(`swap slot ${offset} is in use`);
    const { contents, frames } = this.#kernel;
    if (contents !== null) contents.copyTo(this.#contents!, pfn, offset);
    const written = frames.hasFlag(pfn, FrameFlag.written);
    this.#slots[offset] = { count, capacity: SWAP_MAP_MAX, pfn: -1, written };
    this.used++;
  }

  /** Reads a page back. The frame must be new. */
  read(offset: number, pfn: number): void {
    const { contents, frames } = this.#kernel;
    if (contents !== null) this.#contents!.copyTo(contents, offset, pfn);
    frames.setFlag(pfn, 1, FrameFlag.written, this.#at(offset).written);
  }

  /** A word of a page in swap, read without a trace. */
  peek(offset: number, at: number): Word {
    return this.#contents?.read(offset, at) ?? 0;
  }

  /** Entries that name a slot, the swap cache not counted (`__swap_count`). */
  count(offset: number): number {
    return this.#slots[offset]?.count ?? 0;
  }

  /** `swap_duplicate`: one more entry names the slot. False: the count wants room (-ENOMEM). */
  duplicate(offset: number): boolean {
    const slot = this.#at(offset);
    if (slot.count >= slot.capacity) return false;
    slot.count++;
    return true;
  }

  /** `add_swap_count_continuation`: room for more entries, at the price of a page of continuations. */
  addContinuation(offset: number): void {
    const slot = this.#at(offset);
    slot.capacity = (slot.capacity + 1) * CONTINUATION - 1;
  }

  /** `free_swap_and_cache_nr`: `nr` entries fewer, one for each slot of a run. A page of the cache that nobody maps goes with its last. */
  free(offset: number, nr: number): void {
    for (let at = offset; at < offset + nr; at++) {
      const slot = this.#at(at);
      slot.count--;
      if (slot.count > 0) continue;
      const { pfn } = slot;
      if (pfn >= 0) this.#cached.delete(pfn);
      this.#drop(at);
      if (pfn >= 0 && !this.#kernel.frames.mapped(pfn)) this.#kernel.freeFolio(pfn);
    }
  }

  #drop(offset: number): void {
    this.#slots[offset] = undefined;
    this.#contents?.clear(offset, 1);
    this.used--;
  }

  /** Frame of a slot's page in the swap cache, or -1 (`swap_cache_get_folio`). */
  cached(offset: number): number {
    return this.#slots[offset]?.pfn ?? -1;
  }

  /** `add_to_swap_cache`. */
  cache(offset: number, pfn: number): void {
    this.#at(offset).pfn = pfn;
    this.#cached.set(pfn, offset);
  }

  /** Whether a frame is in the swap cache (`folio_test_swapcache`): a reference to it beside those of its entries. */
  caches(pfn: number): boolean {
    return this.#cached.has(pfn);
  }

  /** Whether the swap cache holds any frame. */
  get cachesAny(): boolean {
    return this.#cached.size > 0;
  }

  /** Frames in the swap cache. */
  get cachedFrames(): readonly number[] {
    return [...this.#cached.keys()];
  }

  #at(offset: number): Slot {
    return this.#slots[offset] ?? broken(`swap slot ${offset} is not in use`);
  }
}
