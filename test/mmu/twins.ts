/**
 * Slow twin of the whole core: one access at a time, no tricks.
 */
import { AccessKind } from "../../src/mmu/access-words.ts";
import type { MmuCounts } from "../../src/mmu/counts.ts";
import { EVERYTHING } from "../../src/mmu/extent.ts";
import { afterFault, extentsOf, type FlushKind, type Told } from "../../src/mmu/flush-kinds.ts";
import { nestedTree } from "../../src/mmu/nested-walker.ts";
import type { MmuSpec, OnFault } from "../../src/mmu/simulate.ts";
import type { Tree } from "../../src/mmu/translate.ts";
import { type TwinLeaf, TwinTlb } from "./twin-tlb.ts";
import { runsOf, TwinCaches, TwinTwoStages, TwinWalker } from "./twin-walk.ts";

/** Twin of `Mmu`: its walks note accessed and dirty in the tables. */
export class TwinCore {
  readonly #spec: MmuSpec;
  readonly #onFault: OnFault | undefined;
  readonly #tlb: TwinTlb;
  readonly #caches: TwinCaches | null;
  readonly #walker: TwinWalker;
  readonly #stages: TwinTwoStages | null;
  readonly #counts = { accesses: 0, tlbHits: [] as number[], walks: 0, dirtyWalks: 0, faults: 0 };
  readonly #dataReads: number[];

  constructor(tree: Tree, spec: MmuSpec, onFault?: OnFault) {
    this.#spec = spec;
    this.#onFault = onFault;
    this.#tlb = new TwinTlb(spec.tlb);
    this.#caches = spec.caches ? new TwinCaches(spec.caches) : null;
    this.#walker = new TwinWalker(tree, spec.walkCache, spec.accessDirty, runsOf(spec), this.#caches);
    const { nested } = spec;
    this.#stages = nested ? new TwinTwoStages(this.#walker, nestedTree(tree).host, nested, this.#caches) : null;
    this.#counts.tlbHits = spec.tlb.map(() => 0);
    this.#dataReads = [...(spec.caches?.levels ?? []), 0].map(() => 0);
  }

  counts(): MmuCounts {
    const { reads, cacheReads } = this.#walker;
    return {
      ...this.#counts,
      reads,
      lines: this.#walker.lines(),
      ...(this.#caches && { cacheReads }),
      ...(this.#caches?.spec.dataCompetes && { dataReads: this.#dataReads }),
      ...(this.#stages && { host: this.#stages.counts() }),
    };
  }

  /** The frame reached, -1 for a fault. `line` is the line in the page. */
  access(vpn: number, kind: AccessKind, line = 0): number {
    this.#counts.accesses++;
    for (;;) {
      const pfn = this.#once(vpn, kind);
      if (pfn >= 0) this.#use(pfn, line);
      if (pfn >= 0 || !this.#onFault?.(vpn, kind)) return pfn;
      const told = { page: vpn, asid: this.#tlb.asid };
      this.invalidate(afterFault(this.#walker.tree.format.machine), told);
    }
  }

  flush(start: number, end: number): void {
    this.#tlb.drop({ ...EVERYTHING, start, end });
    this.#walker.cache.drop(EVERYTHING);
  }

  flushHost(): void {
    this.flush(0, Number.POSITIVE_INFINITY);
    this.#stages?.tlb.drop(EVERYTHING);
    this.#stages?.host.cache.drop(EVERYTHING);
  }

  switchTo(tree: Tree, asid: number): void {
    this.#walker.tree = tree;
    this.#tlb.asid = asid;
    this.#walker.cache.asid = asid;
    if (this.#spec.asidBits) return;
    this.#tlb.drop({ ...EVERYTHING, global: false });
    this.#walker.cache.drop(EVERYTHING);
  }

  invalidate(kind: FlushKind, told: Told): void {
    const { entries, walkCaches } = extentsOf(kind, told, this.#tlb.asid);
    if (entries) this.#tlb.drop(entries);
    if (walkCaches) this.#walker.cache.drop(walkCaches);
  }

  #use(pfn: number, line: number): void {
    const { pageLg2 } = this.#walker.tree.format;
    if (this.#caches?.spec.dataCompetes) this.#dataReads[this.#caches.read(pfn * 2 ** pageLg2 + 64 * line, false)]!++;
  }

  #once(vpn: number, kind: AccessKind): number {
    const pfn = this.#translate(vpn, kind);
    if (pfn < 0) this.#counts.faults++;
    return pfn;
  }

  #translate(vpn: number, kind: AccessKind): number {
    const fetch = kind === AccessKind.fetch;
    const hit = this.#tlb.look(vpn, fetch);
    if (hit < this.#spec.tlb.length) {
      this.#counts.tlbHits[hit]!++;
      return this.#hit(vpn, kind);
    }
    this.#counts.walks++;
    const leaf = this.#walk(vpn, kind);
    if (leaf !== null) this.#tlb.fill(vpn, leaf, fetch);
    return leaf?.pfn ?? -1;
  }

  #hit(vpn: number, kind: AccessKind): number {
    const { pfn, exec, writable, storable } = this.#tlb.hit!;
    if (kind === AccessKind.load || (kind === AccessKind.fetch && exec)) return pfn;
    if (kind === AccessKind.fetch || !writable) return -1;
    if (storable) return pfn;
    if (this.#spec.accessDirty === "fault") return -1;
    this.#counts.dirtyWalks++;
    if (this.#walk(vpn, kind) === null) return -1;
    this.#tlb.makeStorable(vpn);
    return pfn;
  }

  #walk(vpn: number, kind: AccessKind): TwinLeaf | null {
    return (this.#stages ?? this.#walker).walk(vpn, kind);
  }
}
