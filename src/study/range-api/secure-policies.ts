/**
 * Four ways for a host to remember which pages of a guest's folios are secure, once `PG_arch_1` is one bit for each folio. None
 * may ever call a secure page open, because the host would be stopped when it reads it; calling an open page secure costs
 * conversions that nobody needed.
 *
 * Source: the exchange of Borntraeger and Wilcox on "New page table range API" v5, July 2023: folios can be split, which
 * may fail, and are never joined; or they get holes, whose page pointers lead to a small "insecure" descriptor instead.
 */
import { broken } from "../../base/errors.ts";
import { FrameFlag, type Frames } from "../../machine/frames.ts";

/** `sizeof(struct page)` of 64-bit kernels: what each page needs that has flags of its own. */
const PAGE_BYTES = 64;
/** What each page needs that has none: one typed pointer to the descriptor of what it belongs to. */
const POINTER_BYTES = 8;
/** A folio's descriptor, taken to be as large as the `struct page` that it is today. */
const FOLIO_BYTES = 64;

/** How the host remembers. Pages are frames. */
export interface SecurePolicy {
  /** What the host believes of a page. */
  isSecure(pfn: number): boolean;
  /** A page was converted to secure. `pinned`: its folio cannot be split now. */
  becameSecure(pfn: number, pinned: boolean): void;
  /** A page was shared by the guest, or exported for the host. */
  becameOpen(pfn: number, pinned: boolean): void;
  /** Pages that must be exported together when the host wants this one and believes it secure, as `[first, n]`. */
  exportedWith(pfn: number, pinned: boolean): [pfn: number, n: number];
  /** All of what {@link exportedWith} said is open now. */
  exported(pfn: number, n: number): void;
  readonly splits: number;
  readonly failedSplits: number;
  /** Most bytes of descriptors that were needed at a time. */
  readonly descriptorBytes: number;
}

/** What a policy works on: folios of one order, all of whose pages are secure. */
export interface SecureMemory {
  readonly frames: Frames;
  /** First frames of the folios. */
  readonly folios: readonly number[];
  readonly pages: number;
  /** Bytes of a descriptor for a hole. */
  readonly holeBytes: number;
}

/** The policies, by name. */
export const SECURE_POLICIES = ["flag a page", "flag a folio", "split on conflict", "holes"] as const;

/** The policy of that name on a guest's memory. */
export function securePolicy(name: (typeof SECURE_POLICIES)[number], memory: SecureMemory): SecurePolicy {
  if (name === "flag a page") return new PageFlags(memory);
  if (name === "flag a folio") return new FolioFlags(memory, false);
  if (name === "split on conflict") return new FolioFlags(memory, true);
  return new Holes(memory);
}

/** As it was: `PG_arch_1` of each page, so each page has a descriptor. */
class PageFlags implements SecurePolicy {
  readonly splits = 0;
  readonly failedSplits = 0;
  readonly descriptorBytes: number;
  readonly #frames: Frames;

  constructor({ frames, folios, pages }: SecureMemory) {
    this.#frames = frames;
    this.descriptorBytes = pages * PAGE_BYTES;
    for (const head of folios) frames.setFlag(head, 2 ** frames.order(head), FrameFlag.arch1, true);
  }

  isSecure(pfn: number): boolean {
    return this.#frames.hasFlag(pfn, FrameFlag.arch1);
  }

  becameSecure(pfn: number): void {
    this.#frames.setFlag(pfn, 1, FrameFlag.arch1, true);
  }

  becameOpen(pfn: number): void {
    this.#frames.setFlag(pfn, 1, FrameFlag.arch1, false);
  }

  exportedWith(pfn: number): [number, number] {
    return [pfn, 1];
  }

  exported(pfn: number, n: number): void {
    this.#frames.setFlag(pfn, n, FrameFlag.arch1, false);
  }
}

/**
 * One bit for each folio: secure if any page may be. With `splits`, a folio of which one page is to differ is cut into single
 * pages; where that fails, the bit stays on the safe side.
 */
class FolioFlags implements SecurePolicy {
  splits = 0;
  failedSplits = 0;
  readonly #frames: Frames;
  readonly #maySplit: boolean;
  #folios: number;
  readonly #pages: number;

  constructor({ frames, folios, pages }: SecureMemory, splits: boolean) {
    this.#frames = frames;
    this.#maySplit = splits;
    this.#folios = folios.length;
    this.#pages = pages;
    for (const head of folios) frames.setFlag(head, 1, FrameFlag.arch1, true);
  }

  get descriptorBytes(): number {
    return this.#folios * FOLIO_BYTES + this.#pages * POINTER_BYTES;
  }

  isSecure(pfn: number): boolean {
    return this.#frames.hasFlag(this.#frames.head(pfn), FrameFlag.arch1);
  }

  becameSecure(pfn: number, pinned: boolean): void {
    if (!this.isSecure(pfn)) this.#settle(pfn, true, pinned);
  }

  becameOpen(pfn: number, pinned: boolean): void {
    if (this.isSecure(pfn)) this.#settle(pfn, false, pinned);
  }

  exportedWith(pfn: number, pinned: boolean): [number, number] {
    if (this.#comesApart(pfn, pinned)) return [pfn, 1];
    const head = this.#frames.head(pfn);
    return [head, 2 ** this.#frames.order(head)];
  }

  exported(pfn: number): void {
    this.#frames.setFlag(pfn, 1, FrameFlag.arch1, false);
  }

  /** One page is now other than its folio says: the page must come to have a folio of its own, or all are called secure. */
  #settle(pfn: number, secure: boolean, pinned: boolean): void {
    if (this.#comesApart(pfn, pinned)) this.#frames.setFlag(pfn, 1, FrameFlag.arch1, secure);
    else if (secure) this.#frames.setFlag(this.#frames.head(pfn), 1, FrameFlag.arch1, true);
  }

  /** Whether a page has a folio of its own, if need be from now on. */
  #comesApart(pfn: number, pinned: boolean): boolean {
    return this.#frames.order(pfn) === 0 || (this.#maySplit && this.#split(pfn, pinned));
  }

  /** `split_folio`; each page inherits what was said of all. */
  #split(pfn: number, pinned: boolean): boolean {
    if (pinned) {
      this.failedSplits++;
      return false;
    }
    const head = this.#frames.head(pfn);
    const pages = 2 ** this.#frames.order(head);
    this.#frames.setFlag(head, pages, FrameFlag.arch1, this.isSecure(head));
    this.#frames.split(head);
    this.splits++;
    this.#folios += pages - 1;
    return true;
  }
}

/** The sketch of 2023: the folio stays whole and secure; a page that is open is a hole in it, which can be filled again. */
class Holes implements SecurePolicy {
  readonly splits = 0;
  readonly failedSplits = 0;
  readonly #holes = new Set<number>();
  readonly #memory: SecureMemory;
  #most = 0;

  constructor(memory: SecureMemory) {
    this.#memory = memory;
    for (const head of memory.folios) memory.frames.setFlag(head, 1, FrameFlag.arch1, true);
  }

  get descriptorBytes(): number {
    const { folios, pages, holeBytes } = this.#memory;
    return folios.length * FOLIO_BYTES + pages * POINTER_BYTES + this.#most * holeBytes;
  }

  isSecure(pfn: number): boolean {
    return !this.#holes.has(pfn);
  }

  becameSecure(pfn: number): void {
    this.#holes.delete(pfn);
  }

  becameOpen(pfn: number): void {
    this.#holes.add(pfn);
    this.#most = Math.max(this.#most, this.#holes.size);
  }

  exportedWith(pfn: number): [number, number] {
    return [pfn, 1];
  }

  exported(pfn: number, n: number): void {
    if (n !== 1) broken(`${n} pages exported into one hole`);
    this.becameOpen(pfn);
  }
}
