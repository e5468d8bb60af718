/**
 * Which folios are locked in memory, as the kernel notes it on the folio: PG_mlocked, and on the unevictable list a count of the
 * VMAs that lock it (`mlock_count`).
 *
 * Locking shows at once, unlocking late: both wait in a batch of the CPU until it is full, until a large folio comes (large
 * folios never wait), or until something drains it. An entry holds a reference, so a page that waits cannot be re-used by a write
 * fault. The model has one CPU, and of its batches only this one; a program's other new pages are taken to be on the LRU.
 *
 * Source: mlock_folio, mlock_new_folio, munlock_folio, mlock_folio_batch of mm/mlock.c, folio_add_lru_vma and lru_add_drain of
 * mm/swap.c, mlock_vma_folio and munlock_vma_folio of mm/internal.h, Linux 6.18.
 */
import { FrameFlag, type Frames } from "../machine/frames.ts";
import { Vm, type Vma } from "./vma.ts";

/** Folios that wait at most (PAGEVEC_SIZE). */
const BATCH = 31;

/** What an entry of the batch asks for; the kernel keeps it in the low bits of the folio's address. */
const MUNLOCK = 0;
const MLOCK = 1;
const MLOCK_NEW = 2;

interface Entry {
  /** First frame of the folio, or -1 when it has been freed meanwhile. */
  head: number;
  readonly op: typeof MUNLOCK | typeof MLOCK | typeof MLOCK_NEW;
}

/** The batch of one CPU, and the counts of the folios on the unevictable list. */
export class Lru {
  readonly #frames: Frames;
  #batch: Entry[] = [];
  /** `mlock_count` of the folios that have it above 0. */
  readonly #counts = new Map<number, number>();

  constructor(frames: Frames) {
    this.#frames = frames;
  }

  /** `folio_add_lru_vma`: a new folio, just mapped into a VMA. */
  addNew(vma: Vma, head: number): void {
    if (!(vma.flags & Vm.locked)) return;
    this.#frames.setFlag(head, 1, FrameFlag.mlocked, true);
    this.#add(head, MLOCK_NEW);
  }

  /** `mlock_folio`. */
  mlock(head: number): void {
    this.#frames.setFlag(head, 1, FrameFlag.mlocked, true);
    this.#add(head, MLOCK);
  }

  /** `munlock_folio`: the flag goes when the batch is gone through, and only with the last count. */
  munlock(head: number): void {
    this.#add(head, MUNLOCK);
  }

  /** `mlock_vma_folio`: more of the folio is mapped into a VMA. */
  mlockVma(vma: Vma, head: number): void {
    if (vma.flags & Vm.locked) this.mlock(head);
  }

  /** `munlock_vma_folio`: some of the folio is no longer mapped into a VMA, and so it is not locked by it any more. */
  munlockVma(vma: Vma, head: number): void {
    if (vma.flags & Vm.locked) this.munlock(head);
  }

  /** `lru_add_drain`, as far as it is about locking (`mlock_drain_local`). */
  drain(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    for (const { head, op } of batch) if (head >= 0) this.#apply(head, op);
  }

  /** Nothing waits and nothing is counted. */
  get idle(): boolean {
    return this.#batch.length === 0 && this.#counts.size === 0;
  }

  /** References that the batch holds on a folio. */
  references(head: number): number {
    let n = 0;
    for (const entry of this.#batch) if (entry.head === head) n++;
    return n;
  }

  /** Whether a folio is so new that it is not on the LRU yet (`folio_test_lru` denied). */
  isOff(head: number): boolean {
    return this.#batch.some((entry) => entry.head === head && entry.op === MLOCK_NEW);
  }

  /** Taken off the LRU and put back (`folio_isolate_lru`, `folio_putback_lru`): the count is lost, since lru_add starts anew. */
  putBack(head: number): void {
    this.#counts.delete(head);
  }

  /**
   * A large folio has become small ones: all inherit its flags, and only the first its count (`lru_add_split_folio`).
   */
  split(head: number, pages: number): void {
    for (const flag of [FrameFlag.mlocked, FrameFlag.unevictable])
      this.#frames.setFlag(head, pages, flag, this.#frames.hasFlag(head, flag));
  }

  /** The folio is freed. What still waits for it is nothing any more, but keeps its place in the batch. */
  forget(head: number): void {
    if (this.#counts.size > 0) this.#counts.delete(head);
    for (const entry of this.#batch) if (entry.head === head) entry.head = -1;
  }

  #add(head: number, op: Entry["op"]): void {
    this.#batch.push({ head, op });
    if (this.#batch.length === BATCH || this.#frames.order(head) > 0) this.drain();
  }

  #apply(head: number, op: Entry["op"]): void {
    if (op === MUNLOCK) this.#munlock(head);
    else if (this.#frames.hasFlag(head, FrameFlag.mlocked)) this.#mlock(head);
    else this.#frames.setFlag(head, 1, FrameFlag.unevictable, false);
  }

  /** `__mlock_folio` and `__mlock_new_folio`: on the unevictable list already, one more locks it; else it goes there. */
  #mlock(head: number): void {
    const counted = this.#frames.hasFlag(head, FrameFlag.unevictable);
    this.#counts.set(head, counted ? (this.#counts.get(head) ?? 0) + 1 : 1);
    this.#frames.setFlag(head, 1, FrameFlag.unevictable, true);
  }

  /** `__munlock_folio`. */
  #munlock(head: number): void {
    const left = this.#frames.hasFlag(head, FrameFlag.unevictable) ? (this.#counts.get(head) ?? 0) - 1 : 0;
    if (left > 0) return void this.#counts.set(head, left);
    this.#counts.delete(head);
    this.#frames.setFlag(head, 1, FrameFlag.mlocked | FrameFlag.unevictable, false);
  }
}
