/**
 * Runs a stream of accesses through TLBs, walk caches and tables, and counts what that takes. Truth before cost: every walk
 * is that of `translate.ts`, and a test shows that each address translates alike with all of it on or off.
 *
 * What an access counts as:
 *   - a hit in a TLB level, where the entry found allows it (a store needs one that is writable and dirty already);
 *   - a hit and a dirty walk, where hardware keeps dirty and a store hits an entry that is writable but not known to be dirty:
 *     the walk sets dirty in the table, and every entry held for the page learns of it without becoming the latest used;
 *   - a hit and a fault, where the entry found forbids the access, or does not know the page dirty and faults keep dirty;
 *   - a walk, or a walk and a fault. A walk that faults fills nothing.
 * Not modelled: several walks at a time, prefetch, accesses that cross a page.
 */
import type { AccessDirty } from "../arch/format.ts";
import { invariant, UserError } from "../base/errors.ts";
import { AccessKind, type AccessWords, accessCount, highAt, LINE_LG2, lineInPage, lowAt } from "./access-words.ts";
import { Caches, type CachesSpec } from "./caches.ts";
import type { MmuCounts } from "./counts.ts";
import { EVERYTHING } from "./extent.ts";
import { afterFault, extentsOf, type FlushKind, type Told } from "./flush-kinds.ts";
import { type NestedSpec, type NestedTree, NestedWalker, nestedTree } from "./nested-walker.ts";
import { Tlb, TlbFlag, type TlbSpec } from "./tlb.ts";
import type { Tree } from "./translate.ts";
import { vpnOf } from "./vpn.ts";
import type { WalkCacheSpec } from "./walk-cache.ts";
import { TableWalker, type Walker } from "./walker.ts";

export type { MmuCounts } from "./counts.ts";

/** The translation hardware of one core. An empty list is a core without it. */
export interface MmuSpec {
  readonly tlb: TlbSpec;
  readonly walkCache: WalkCacheSpec;
  readonly accessDirty: AccessDirty;
  /**
   * Bits of the number that tells address spaces apart (x86: PCID, 12; arm64: 8 or 16; riscv: up to 16). 0, and where left out: there
   * is none, and a switch invalidates all that is not global.
   */
  readonly asidBits?: number;
  /** Caches that table reads go through. Without them, counts do not say where a read came from. */
  readonly caches?: CachesSpec;
  /** Nested translation: the tree has a host's tree behind it (see `nested-walker.ts`). */
  readonly nested?: NestedSpec;
}

/**
 * The operating system's part of a fault. True: mended, try again; false: the access ends here. What it changes elsewhere than at
 * the faulting page it has to flush by itself, as after any change of the tables.
 */
export type OnFault = (vpn: number, kind: AccessKind) => boolean;

/** One call of a loop this long stays in optimised code; much longer ones do not (on-stack replacement). */
const CHUNK = 16384;

/** A fault that is mended as often as this is not mended. */
const MAX_FAULTS = 8;

/** What an entry must allow, by kind of access. */
const NEEDS = Uint8Array.of(0, TlbFlag.storable, TlbFlag.exec, 0);

/** One core with its TLBs and walk caches, on one tree of tables. State lasts from run to run. */
export class Mmu {
  readonly #walker: Walker;
  readonly #tlb: Tlb;
  readonly #caches: Caches | null;
  /** The program's own accesses by cache, memory last; empty where they do not compete. */
  readonly #dataReads: Float64Array;
  readonly #asidBits: number;
  readonly #setsDirty: boolean;
  readonly #onFault: OnFault | null;
  readonly #afterFault: FlushKind;
  /** Lines in a page, log two. */
  readonly #pageLines: number;
  readonly #linesPerPage: number;
  #accesses = 0;
  #dirtyWalks = 0;
  #faults = 0;
  readonly #hits: Float64Array;

  /** Without `onFault` an access that faults ends with the fault. */
  constructor(tree: Tree | NestedTree, spec: MmuSpec, onFault: OnFault | null = null) {
    this.#tlb = new Tlb(spec.tlb);
    this.#caches = spec.caches === undefined ? null : new Caches(spec.caches);
    this.#walker = newWalker(tree, spec, this.#caches);
    this.#dataReads = new Float64Array(this.#caches?.dataCompetes ? this.#caches.count + 1 : 0);
    this.#asidBits = spec.asidBits ?? 0;
    this.#setsDirty = spec.accessDirty === "hardware";
    this.#onFault = onFault;
    this.#afterFault = afterFault(tree.format.machine);
    this.#pageLines = tree.format.pageLg2 - LINE_LG2;
    this.#linesPerPage = 2 ** this.#pageLines;
    this.#hits = new Float64Array(spec.tlb.length + 1);
  }

  /**
   * Makes each access in turn. `out`, if given, receives the frame that each one reached, -1 for a fault; where a TLB held the
   * translation it is the TLB's. Tables may change between runs if what changed is flushed.
   */
  run(words: AccessWords, out?: Float64Array): void {
    this.#walker.grow();
    const n = accessCount(words);
    for (let from = 0; from < n; from += CHUNK) this.#chunk(words, from, Math.min(from + CHUNK, n), out ?? null);
    this.#accesses += n;
  }

  /**
   * Makes accesses through another tree from now on. Without ASIDs that invalidates all but global entries; with them, nothing: what
   * the instruction that switches invalidates besides is a flush of its own kind (see `flush-kinds.ts`).
   */
  switchTo(tree: Tree | NestedTree, asid = 0): void {
    if (!Number.isInteger(asid) || asid < 0 || asid >= 2 ** this.#asidBits)
      throw new UserError(`bad ASID '${asid}': 0 to ${2 ** this.#asidBits - 1} is allowed`);
    this.#walker.switchTo(tree, asid);
    this.#tlb.asid = asid;
    if (this.#asidBits > 0) return;
    this.#tlb.drop({ ...EVERYTHING, global: false });
    this.#walker.drop(EVERYTHING);
  }

  /** One invalidation as an instruction makes it. Throws {@link UserError} where it is not told what it has to be told. */
  invalidate(kind: FlushKind, told: Told = {}): void {
    const { entries, walkCaches } = extentsOf(kind, told, this.#tlb.asid);
    if (entries !== null) this.#tlb.drop(entries);
    if (walkCaches !== null) this.#walker.drop(walkCaches);
  }

  /** Invalidates the entries that overlap `[start, end)` in pages, of every address space, and all walk caches. */
  flush(start: number, end: number): void {
    this.#tlb.drop({ ...EVERYTHING, start, end });
    this.#walker.drop(EVERYTHING);
  }

  /** Invalidates all translations and all that is known of the host's tables (INVEPT; TLBI VMALLS12E1; HFENCE.GVMA). */
  flushHost(): void {
    this.#walker.flushHost?.();
    this.flush(0, Number.POSITIVE_INFINITY);
  }

  /** The counts since the last {@link reset}. */
  counts(): MmuCounts {
    const { seen } = this.#walker;
    const cacheReads = seen.from();
    const host = this.#walker.host?.();
    return {
      accesses: this.#accesses,
      tlbHits: Array.from(this.#hits.subarray(0, this.#tlb.levels)),
      walks: this.#hits[this.#tlb.levels]!,
      dirtyWalks: this.#dirtyWalks,
      faults: this.#faults,
      reads: Array.from(seen.reads),
      lines: Array.from(seen.lines),
      ...(cacheReads && { cacheReads }),
      ...(this.#dataReads.length > 0 && { dataReads: Array.from(this.#dataReads) }),
      ...(host && { host }),
    };
  }

  /** Starts counting at zero; what TLBs and walk caches hold stays. */
  reset(): void {
    this.#accesses = 0;
    this.#dirtyWalks = 0;
    this.#faults = 0;
    this.#hits.fill(0);
    this.#dataReads.fill(0);
    this.#walker.reset();
  }

  #chunk(words: AccessWords, from: number, to: number, out: Float64Array | null): void {
    const pageLines = this.#pageLines;
    const mends = this.#onFault !== null;
    const competes = this.#dataReads.length > 0;
    for (let i = from; i < to; i++) {
      const low = lowAt(words, i, pageLines);
      const high = highAt(words, i, pageLines);
      const kind = (words[2 * i]! & 3) as AccessKind;
      let pfn = this.#access(low, high, kind);
      if (mends && pfn < 0) pfn = this.#mend(low, high, kind);
      if (out !== null) out[i] = pfn;
      if (competes && pfn >= 0) this.#use(pfn, lineInPage(words, i, pageLines));
    }
  }

  #use(pfn: number, line: number): void {
    this.#dataReads[this.#caches!.programUses(pfn * this.#linesPerPage + line)]!++;
  }

  #access(low: number, high: number, kind: AccessKind): number {
    const tlb = this.#tlb;
    const hit = tlb.lookAt(low, high, kind === AccessKind.fetch);
    this.#hits[hit]!++;
    if (hit === tlb.levels) return this.#walk(low, high, kind);
    const needs = NEEDS[kind]!;
    const { flags, pfn } = tlb.hit;
    if ((flags & needs) === needs) return pfn;
    if (this.#setsDirty && kind === AccessKind.store && flags & TlbFlag.writable) return this.#setDirty(low, high);
    this.#faults++;
    return -1;
  }

  #walk(low: number, high: number, kind: AccessKind): number {
    const walker = this.#walker;
    const pfn = walker.walk(low, high, kind);
    if (pfn < 0) this.#faults++;
    else this.#tlb.fillAt(low, high, walker.found, kind === AccessKind.fetch);
    return pfn;
  }

  #setDirty(low: number, high: number): number {
    this.#dirtyWalks++;
    if (this.#walker.walk(low, high, AccessKind.store) < 0) {
      this.#faults++;
      return -1;
    }
    this.#tlb.makeStorable(low, high);
    return this.#tlb.hit.pfn;
  }

  /** Every try counts as a look-up of its own. */
  #mend(low: number, high: number, kind: AccessKind): number {
    const vpn = vpnOf(low, high);
    for (let tries = 0; tries < MAX_FAULTS; tries++) {
      if (!this.#onFault!(vpn, kind)) return -1;
      this.invalidate(this.#afterFault, { page: vpn, asid: this.#tlb.asid });
      this.#walker.grow();
      const pfn = this.#access(low, high, kind);
      if (pfn >= 0) return pfn;
    }
    invariant(false, `an access of kind ${kind} to page ${vpn} faults for ever`);
  }
}

function newWalker(tree: Tree, spec: MmuSpec, caches: Caches | null): Walker {
  const own = { ...spec, coalesce: coalesced(spec.tlb), caches };
  if (spec.nested === undefined) return new TableWalker(tree, own);
  return new NestedWalker(nestedTree(tree), own, spec.nested);
}

/** Sizes of runs that some array can hold, largest first. */
function coalesced(spec: TlbSpec): number[] {
  const sizes = spec.flat().flatMap(({ coalesce }) => (coalesce === undefined ? [] : [coalesce]));
  return [...new Set(sizes)].sort((a, b) => b - a);
}
