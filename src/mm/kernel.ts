/**
 * One simulated machine with one simulated Linux on it: physical memory, table pages, knobs, the processes' address spaces.
 * Everything that an experiment may sweep is a field of {@link KernelSpec}.
 */
import type { AccessDirty, Format } from "../arch/format.ts";
import { pmdOrder } from "../arch/format.ts";
import { formatNamed } from "../arch/formats.ts";
import { Leaves } from "../arch/pte-words.ts";
import { UserError } from "../base/errors.ts";
import { formatSize, GiB } from "../base/size.ts";
import { E, newTally, type Tally } from "../base/tally.ts";
import type { Design } from "../design/design.ts";
import { designNamed } from "../design/designs.ts";
import { Contents } from "../machine/contents.ts";
import type { PfnRun } from "../machine/frame-runs.ts";
import { FrameFlag, Frames } from "../machine/frames.ts";
import { Tables } from "../machine/tables.ts";
import { WalkRoom } from "../mmu/translate.ts";
import { type ContpteRules, contpteRules } from "../pgtable/contpte-rules.ts";
import { type MthpStats, unqueueDeferredSplit } from "./deferred.ts";
import { Lru } from "./lru.ts";
import type { Mm } from "./mm.ts";
import { MmIds } from "./mm-ids.ts";
import { type Profile, profileNamed } from "./profile.ts";
import { Swap } from "./swap.ts";
import { ThpKnobs } from "./thp.ts";

/** What may be left out when a machine is made. */
export interface KernelSpec {
  /** Format name, for example "x86-64" or "arm64-4k". */
  readonly arch: string;
  /** Kernel profile: "6.12", "6.18" or "7.2". Default 6.18. */
  readonly kernel?: string;
  /** Design by which the kernel reaches page-table entries (a name of `designs`). Default "folded", as Linux does. */
  readonly design?: string;
  /** Bytes of physical memory for folios. Default 64 GiB, or what the format can address; unused memory costs nothing. */
  readonly memory?: number;
  /** Whether arm64's contiguous bit is used. Default true. */
  readonly contpte?: boolean;
  /** Where CPUs and kernels differ in arm64's contpte layer. Default: Linux 6.18 on a CPU without BBML2. */
  readonly contpteRules?: Partial<ContpteRules>;
  /**
   * Whether a folio's entries are dealt with as one run (folio_pte_batch) where the kernel version knows how. Default true;
   * false is a kernel before 6.9, which took one entry at a time, and split large folios for MADV_FREE and MADV_COLD.
   */
  readonly batching?: boolean;
  /**
   * Whether mremap looks at the folio of every entry before it batches, as it did in the first candidates of 6.17 until the fix of
   * 2025-08-07 ("mm/mremap: avoid expensive folio lookup on mremap folio pte batch", Lorenzo Stoakes). Default false: it asks
   * pte_batch_hint first, and looks at no folio where that promises nothing. No matter on profiles that move entry by entry.
   */
  readonly remapLooksUpFolios?: boolean;
  /** Who sets accessed and dirty. Default: what the format says; hardware on x86, faults elsewhere. */
  readonly accessDirty?: AccessDirty;
  /**
   * Whether the kernel was built to track soft-dirty (CONFIG_MEM_SOFT_DIRTY). Default: where the architecture
   * knows it, as in Debian's kernels. Only non-present entries show it
   * in the model: the recorded runs do not tell about present ones.
   */
  readonly softDirty?: boolean;
  /** Whether somebody waits for the processor or for a lock, asked where Linux would look. Default: nobody ever does. */
  readonly needResched?: () => boolean;
  /** Bytes of swap. Default none: nothing is ever swapped out. */
  readonly swap?: number;
  /** Whether written values are kept, so that they can be read back. Default false. */
  readonly contents?: boolean;
}

/** Nobody ever waits: what happens between two entries of a table is nobody's affair. */
export const neverResched = () => false;

/** Frames that the entries of a format can name. */
function addressable(format: Format): number {
  return 2 ** (format.paBits - format.pageLg2);
}

/** The part of the addressable frames that memory leaves to the page tables at least: they have a zone of their own. */
const TABLE_SHARE = 1 / 8;

/** Frames of memory: as much as was asked for, or else 64 GiB if the format can address that. */
function framesOf(format: Format, memory: number | undefined): number {
  const most = addressable(format) * (1 - TABLE_SHARE);
  const wanted = Math.floor((memory ?? Math.min(64 * GiB, most * 2 ** format.pageLg2)) / 2 ** format.pageLg2);
  if (wanted <= most) return wanted;
  const limit = formatSize(most * 2 ** format.pageLg2);
  throw new UserError(`${formatSize(memory!)} of memory: ${format.name} can address ${limit} beside its page tables`);
}

/** A machine and its kernel. */
export class Kernel {
  readonly format: Format;
  readonly profile: Profile;
  readonly design: Design;
  readonly tally: Tally = newTally();
  readonly frames: Frames;
  readonly tables: Tables;
  readonly contpte: boolean;
  readonly contpteRules: ContpteRules;
  readonly batching: boolean;
  readonly remapLooksUpFolios: boolean;
  readonly accessDirty: AccessDirty;
  readonly softDirty: boolean;
  readonly contents: Contents | null;
  readonly thp: ThpKnobs;
  readonly swap: Swap;
  /** Folios to be split when memory is short, by their first frame, in the order in which they were queued. */
  readonly deferred = new Set<number>();
  /** The address spaces that live. */
  readonly mms = new Set<Mm>();
  /** `need_resched` and `spin_needbreak`. */
  readonly needResched: () => boolean;
  /** Pins held on folios, by their first frame (`_pincount`). */
  readonly pins = new Map<number, number>();
  /** Where loops over entries leave what they have read: one table is gone through at a time. */
  readonly leaves = new Leaves();
  /** Where hardware's walks leave their outcome: one machine walks one address at a time. */
  readonly walk = new WalkRoom();
  /** What is locked in memory, and what waits to be. */
  readonly lru: Lru;
  /** Who maps the large folios. */
  readonly mmIds: MmIds;
  /** The frame that all read faults on empty private memory map. */
  readonly zeroPfn: number;
  readonly #thpStats: (MthpStats | undefined)[] = [];
  #hugeZeroPfn = -1;
  #anonVmas = 0;
  #mmIds = 0;

  constructor(spec: KernelSpec) {
    this.format = formatNamed(spec.arch);
    this.profile = profileNamed(spec.kernel ?? "6.18");
    this.design = designNamed(spec.design ?? "folded");
    const total = framesOf(this.format, spec.memory);
    this.frames = new Frames(total);
    this.mmIds = new MmIds(this.frames.folios);
    this.lru = new Lru(this.frames);
    this.tables = new Tables(Math.max(...this.format.indexLg2), total, addressable(this.format) - total);
    this.contpte = spec.contpte ?? true;
    this.contpteRules = contpteRules({ contMakesValid: this.profile.contMakesValid, ...spec.contpteRules });
    this.batching = spec.batching ?? true;
    this.remapLooksUpFolios = spec.remapLooksUpFolios ?? false;
    this.accessDirty = spec.accessDirty ?? this.format.accessDirty;
    this.softDirty = spec.softDirty ?? this.format.swapSoftDirtyLo !== 0;
    this.contents = spec.contents ? new Contents(2 ** this.format.pageLg2) : null;
    this.thp = new ThpKnobs(this.format, this.profile);
    this.needResched = spec.needResched ?? neverResched;
    const pageBytes = 2 ** this.format.pageLg2;
    this.swap = new Swap(this, Math.floor((spec.swap ?? 0) / pageBytes), pageBytes);
    this.zeroPfn = this.frames.alloc(0);
    if (this.zeroPfn < 0) this.outOfMemory();
  }

  /** First frame of the huge zero page, made at its first use; -1 while memory has no block for it. */
  get hugeZeroPfn(): number {
    if (this.#hugeZeroPfn < 0) this.#hugeZeroPfn = this.frames.alloc(pmdOrder(this.format));
    return this.#hugeZeroPfn;
  }

  /** Whether a leaf above level 0 maps the huge zero page. */
  isHugeZero(pfn: number): boolean {
    return pfn === this.#hugeZeroPfn;
  }

  /** Whether so many pages may be promised at once: the heuristic overcommit, which knows no sum (`__vm_enough_memory`). */
  canCommit(pages: number): boolean {
    return pages <= this.frames.total;
  }

  /** Whether anybody holds a pin on a folio (`folio_maybe_dma_pinned`, which for small folios guesses). */
  pinned(head: number): boolean {
    return this.pins.has(head);
  }

  /** The counters of one size of folio, kept from its first use on. */
  thpStats(order: number): MthpStats {
    this.#thpStats[order] ??= { nrAnonPartiallyMapped: 0, split: 0, splitDeferred: 0 };
    return this.#thpStats[order];
  }

  /** Gives a folio back that nobody maps and nothing else holds. */
  freeFolio(head: number): void {
    this.tally[E.foliosFreed]!++;
    this.tally[E.pagesFreed]! += 1 << this.frames.order(head);
    unqueueDeferredSplit(this, head);
    this.contents?.clear(head, 1 << this.frames.order(head));
    this.lru.forget(head);
    this.frames.free(head);
  }

  /** The same for `n` single pages, which never wait for a split. */
  freeSingles(run: PfnRun, n: number): void {
    this.tally[E.foliosFreed]! += n;
    this.tally[E.pagesFreed]! += n;
    if (this.contents !== null) for (let i = 0; i < n; i++) this.contents.clear(run.pfn(i), 1);
    if (!this.lru.idle) for (let i = 0; i < n; i++) this.lru.forget(run.pfn(i));
    this.frames.freeRun(run, n);
  }

  /** A page's contents, and whether a program has written to it, become another page's as well. */
  copyPage(from: number, to: number): void {
    this.tally[E.pagesCopied]!++;
    this.contents?.copy(from, to);
    this.frames.setFlag(to, 1, FrameFlag.written, this.frames.hasFlag(from, FrameFlag.written));
  }

  /** A number for a new anon_vma. */
  newAnonVma(): number {
    return ++this.#anonVmas;
  }

  /** A number for a new address space (`mm_id`), above 0. */
  newMmId(): number {
    return ++this.#mmIds;
  }

  /** Ends a program that needs more memory than the machine was given: the model has no reclaim and kills no process. */
  outOfMemory(): never {
    const { used, total } = this.frames;
    throw new UserError(`out of memory: ${used} of ${total} frames are in use and none can be had; allow more memory`);
  }
}
