/**
 * Slow twins of the walk and of the whole core: bigint addresses, one access at a time, no tricks.
 */
import { A, Kind } from "../../src/arch/entry.ts";
import type { AccessDirty } from "../../src/arch/format.ts";
import { decode, type Format, levelsOf, spanLg2 } from "../../src/arch/format.ts";
import { AccessKind } from "../../src/mmu/access-words.ts";
import { EVERYTHING } from "../../src/mmu/extent.ts";
import { extentsOf, type FlushKind, type Told } from "../../src/mmu/flush-kinds.ts";
import type { MmuCounts, MmuSpec, OnFault } from "../../src/mmu/simulate.ts";
import type { Tree } from "../../src/mmu/translate.ts";
import { TwinTlb, TwinWalkCache } from "./twin-tlb.ts";

/** What a twin walk ends in. */
export interface TwinWalk {
  /** -1 for a fault. */
  readonly pfn: number;
  /** Slots read, from the root down. */
  readonly slots: readonly number[];
  /** Level of the last slot read. */
  readonly level: number;
  /** Attributes of the leaf as it is before the access; 0 where there is none. */
  readonly attrs: number;
  /** Log two of the base pages that the leaf says it covers, contiguous block included. */
  readonly lg2: number;
}

/** Twin of `translate`, without its side effects. */
export function twinWalk({ format: f, tables, root }: Tree, vpn: number, ad: AccessDirty, kind: AccessKind): TwinWalk {
  const slots: number[] = [];
  let table = root;
  for (let level = levelsOf(f) - 1; ; level--) {
    const shift = BigInt(spanLg2(f, level));
    const index = Number((BigInt(vpn) >> shift) & ((1n << BigInt(f.indexLg2[level]!)) - 1n));
    const slot = table * 2 ** tables.slotsLg2 + index;
    slots.push(slot);
    const lo = tables.lo[Math.floor(slot / 2 ** tables.chunkLg2)]![slot % 2 ** tables.chunkLg2]!;
    const hi = tables.hi[Math.floor(slot / 2 ** tables.chunkLg2)]![slot % 2 ** tables.chunkLg2]!;
    const entry = f.kind(lo, hi, level);
    if (entry === Kind.table) {
      table = tables.tableOf(f.tablePfn(lo, hi, level));
      continue;
    }
    const attrs = entry === Kind.leaf ? f.attrs(lo, hi, level) : 0;
    const cont = attrs & A.cont ? f.contLg2[level]! : 0;
    const refused = entry !== Kind.leaf || refuses(attrs, ad, kind);
    const pfn = refused ? -1 : f.pfn(lo, hi, level) + inLeaf(f, vpn, Number(shift), cont);
    return { pfn, slots, level, attrs, lg2: Number(shift) + cont };
  }
}

/** Every entry of a napot block names the block's first frame, any other leaf its own. */
function inLeaf(f: Format, vpn: number, shift: number, cont: number): number {
  return Number(BigInt(vpn) & ((1n << BigInt(shift + (f.napot ? cont : 0))) - 1n));
}

function refuses(attrs: number, ad: AccessDirty, kind: AccessKind): boolean {
  const has = (bits: number) => (attrs & bits) === bits;
  if (has(A.protnone) || has(A.noUser) || (ad === "fault" && !has(A.young))) return true;
  if (kind === AccessKind.fetch) return !has(A.exec);
  return kind === AccessKind.store && (!has(A.write) || (ad === "fault" && !has(A.dirty)));
}

/** Whether the aligned `2^lg2` slots around one are leaves of one run of memory, and say the same of it. */
export function isTwinRun({ format: f, tables }: Tree, slot: number, lg2: number): boolean {
  const first = slot - (slot % 2 ** lg2);
  const leaves = Array.from({ length: 2 ** lg2 }, (_, i) => {
    const at = (first + i) % 2 ** tables.chunkLg2;
    const chunk = Math.floor((first + i) / 2 ** tables.chunkLg2);
    return decode(f, tables.lo[chunk]![at]!, tables.hi[chunk]![at]!, 0);
  });
  const [head] = leaves;
  if (head?.kind !== "leaf" || head.pfn % 2 ** lg2 !== 0 || (head.attrs & A.cont) !== 0) return false;
  if ((head.attrs & A.write) !== 0 && (head.attrs & A.dirty) === 0) return false;
  return leaves.every((e, i) => e.kind === "leaf" && e.pfn === head.pfn + i && e.attrs === head.attrs);
}

/** Twin of `Mmu`: one access at a time, its walks note accessed and dirty in the tables. */
export class TwinCore {
  #tree: Tree;
  readonly #spec: MmuSpec;
  readonly #onFault: OnFault | undefined;
  readonly #tlb: TwinTlb;
  readonly #cache: TwinWalkCache;
  readonly #lines: Set<number>[];
  #counts: { -readonly [K in keyof MmuCounts]: MmuCounts[K] extends number ? number : number[] };

  constructor(tree: Tree, spec: MmuSpec, onFault?: OnFault) {
    this.#tree = tree;
    this.#spec = spec;
    this.#onFault = onFault;
    this.#tlb = new TwinTlb(spec.tlb);
    this.#cache = new TwinWalkCache(tree.format, spec.walkCache);
    const zeros = () => Array.from({ length: levelsOf(tree.format) }, () => 0);
    this.#lines = zeros().map(() => new Set());
    const tlbHits = spec.tlb.map(() => 0);
    this.#counts = { accesses: 0, tlbHits, walks: 0, dirtyWalks: 0, faults: 0, reads: zeros(), lines: [] };
  }

  counts(): MmuCounts {
    return { ...this.#counts, lines: this.#lines.map((set) => set.size) };
  }

  /** The frame reached, -1 for a fault. */
  access(vpn: number, kind: AccessKind): number {
    this.#counts.accesses++;
    for (;;) {
      const pfn = this.#once(vpn, kind);
      if (pfn >= 0 || !this.#onFault?.(vpn, kind)) return pfn;
      const page = { start: vpn, end: vpn + 1, asid: this.#tlb.asid, wholeLeaves: true };
      this.#tlb.drop({ ...page, global: true });
      this.#cache.drop({ ...page, global: true });
    }
  }

  flush(start: number, end: number): void {
    this.#tlb.drop({ ...EVERYTHING, start, end });
    this.#cache.drop(EVERYTHING);
  }

  switchTo(tree: Tree, asid: number): void {
    this.#tree = tree;
    this.#tlb.asid = asid;
    this.#cache.asid = asid;
    if (this.#spec.asidBits) return;
    this.#tlb.drop({ ...EVERYTHING, global: false });
    this.#cache.drop(EVERYTHING);
  }

  invalidate(kind: FlushKind, told: Told): void {
    const { entries, walkCaches } = extentsOf(kind, told, this.#tlb.asid);
    if (entries) this.#tlb.drop(entries);
    if (walkCaches) this.#cache.drop(walkCaches);
  }

  /** Lengths of runs that some array holds, as log two. */
  #runs(): number[] {
    return this.#spec.tlb.flat().flatMap((array) => array.coalesce ?? []);
  }

  #once(vpn: number, kind: AccessKind): number {
    const pfn = this.#translate(vpn, kind);
    if (pfn < 0) this.#counts.faults++;
    return pfn;
  }

  #translate(vpn: number, kind: AccessKind): number {
    const hit = this.#tlb.look(vpn, kind === AccessKind.fetch);
    if (hit < this.#spec.tlb.length) {
      this.#counts.tlbHits[hit]!++;
      return this.#hit(vpn, kind);
    }
    this.#counts.walks++;
    const { pfn, attrs, lg2, level, slots } = this.#walk(vpn, kind);
    const writable = (attrs & A.write) !== 0;
    const dirty = (attrs & A.dirty) !== 0 || kind === AccessKind.store;
    const flags = { writable, storable: writable && dirty, exec: (attrs & A.exec) !== 0 };
    const global = (attrs & A.global) !== 0;
    const run = Math.max(0, ...this.#runs().filter((k) => level === 0 && isTwinRun(this.#tree, slots.at(-1)!, k)));
    const leaf = { pfn, lg2: Math.max(lg2, run), spanLg2: spanLg2(this.#tree.format, level), ...flags, global };
    if (pfn >= 0) this.#tlb.fill(vpn, leaf, kind === AccessKind.fetch);
    return pfn;
  }

  #hit(vpn: number, kind: AccessKind): number {
    const { pfn, exec, writable, storable } = this.#tlb.hit!;
    if (kind === AccessKind.load || (kind === AccessKind.fetch && exec)) return pfn;
    if (kind === AccessKind.fetch || !writable) return -1;
    if (storable) return pfn;
    if (this.#spec.accessDirty === "fault") return -1;
    this.#counts.dirtyWalks++;
    this.#walk(vpn, kind);
    this.#tlb.makeStorable(vpn);
    return pfn;
  }

  #walk(vpn: number, kind: AccessKind): TwinWalk {
    const { format } = this.#tree;
    const walk = twinWalk(this.#tree, vpn, this.#spec.accessDirty, kind);
    for (let level = this.#cache.walk(vpn, walk.level); level >= walk.level; level--) {
      this.#counts.reads[level]!++;
      const slot = walk.slots[levelsOf(format) - 1 - level]!;
      this.#lines[level]!.add(Math.floor(slot / (64 / format.entryBytes)));
    }
    if (walk.pfn >= 0) this.#note(walk, A.young | (kind === AccessKind.store ? A.dirty : 0));
    return walk;
  }

  /** Hardware notes in the slot it read, in no other of the block. */
  #note({ slots, level, attrs }: TwinWalk, bits: number): void {
    const { format: f, tables } = this.#tree;
    const slot = slots.at(-1)!;
    const [lo, hi] = [tables.lo, tables.hi].map((half) => half[Math.floor(slot / 2 ** tables.chunkLg2)]!);
    const at = slot % 2 ** tables.chunkLg2;
    const pfn = f.pfn(lo![at]!, hi![at]!, level);
    lo![at] = f.leafLo(pfn, attrs | bits, level);
    hi![at] = f.leafHi(pfn, attrs | bits, level);
  }
}
