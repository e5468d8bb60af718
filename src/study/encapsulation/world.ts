/**
 * A program of memory management, written once over {@link PteAccess}: faults, aging, reclaim, write protection, moving,
 * unmapping and installing single pages, on folios that a format may map with contiguous blocks.
 *
 * It keeps accessed and dirty by page, as code that dereferenced did; Linux now keeps them by folio, which forgives some of the
 * losses that are found here. Not modelled: locks, memory contents, map counts.
 */
import { A, Kind } from "../../arch/entry.ts";
import type { AccessDirty, Format } from "../../arch/format.ts";
import type { Tally } from "../../base/tally.ts";
import type { ContpteRules } from "../../pgtable/contpte-rules.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";
import { setPtes } from "../../pgtable/ptep.ts";
import { encapsulated, KernelStack, type PteAccess, type Raced, rawAccess } from "../../pgtable/raw-access.ts";
import { barePageTable } from "../bare-table.ts";
import { Detector } from "./detector.ts";
import type { Finding } from "./finding.ts";
import { Hardware } from "./hardware.ts";
import { metered } from "./meter.ts";

/** The two ways to reach an entry. */
export const ACCESSES = ["raw", "encapsulated"] as const;
/** Name of one of {@link ACCESSES}. */
export type AccessName = (typeof ACCESSES)[number];

/** Contiguous blocks that the program works on. */
const BLOCKS = 3;
/** Pages of a block where the format has none. */
const PLAIN_BLOCK_LG2 = 4;

const nothing: Raced = () => {};

/** What may be left out when a world is made. */
export interface WorldSpec {
  readonly format: Format;
  readonly access: AccessName;
  /** Who notes accessed and dirty. Default: hardware, but faults on s390, whose hardware knows neither. */
  readonly accessDirty?: AccessDirty;
  /** Switches of the contpte layer. Default: Linux 6.18 without BBML2. */
  readonly contpteRules?: Partial<ContpteRules>;
  /** Whether arm64's contiguous bit is used. Default true. */
  readonly contpte?: boolean;
  /** Gets what the accesses to entries count, each call of them by itself. */
  readonly spent?: Tally;
}

/** One address space, the hardware that uses it, and what watches both. */
export class World {
  readonly pt: PageTable;
  readonly hardware: Hardware;
  /** First page of the program's memory, and its number of pages. */
  readonly start: number;
  readonly pages: number;
  /** Pages of a block: what may be mapped with contiguous entries. */
  readonly block: number;
  /** Where the program's local variables lie. */
  readonly stack: KernelStack;
  readonly #raw: boolean;
  readonly #access: PteAccess;
  readonly #detector: Detector;
  readonly #folios: readonly number[];
  #installing = -1;
  #firstSlot = -1;

  constructor(spec: WorldSpec) {
    const { format } = spec;
    this.pt = barePageTable(format, spec);
    const lg2 = format.contLg2[0] || PLAIN_BLOCK_LG2;
    this.block = 2 ** lg2;
    this.pages = BLOCKS * this.block;
    // The start of the third PTE table, which every format has; all of the program's pages lie in it.
    this.start = 2 * this.pt.span[1]!;
    this.#folios = Array.from({ length: BLOCKS }, () => this.pt.frames.alloc(lg2));
    this.hardware = new Hardware(this.pt, spec.accessDirty ?? notesBy(format));
    this.stack = new KernelStack(this.pt, 2 * this.block);
    this.#raw = spec.access === "raw";
    const access = this.#raw ? rawAccess(this.stack) : encapsulated;
    this.#access = spec.spent === undefined ? access : metered(access, this.pt, spec.spent);
    const { hardware, stack } = this;
    const scene = { pt: this.pt, hardware, stack, start: this.start, end: this.start + this.pages };
    this.#detector = new Detector(scene);
    this.pt.onFlush = (slot, nr) => this.hardware.flush(this.#vpnOf(slot), nr);
  }

  /** One step of the program, and what it has broken. */
  step(act: () => void): Finding[] {
    this.hardware.aim(-1);
    this.#installing = -1;
    act();
    return this.#detector.check(this.#installing);
  }

  /** An access by a program; a fault is handled and the access tried again. */
  touch(vpn: number, write: boolean, noteOn = vpn, cold = true): void {
    for (let tries = 0; tries < 3; tries++) {
      const cause = this.hardware.touch(vpn, write, noteOn, cold);
      if (cause === null) return;
      this.#fault(vpn, write);
    }
  }

  /** Maps a whole block with one `set_ptes`, if nothing of it is mapped. */
  mapBlock(vpn: number): void {
    const first = vpn - (vpn % this.block);
    const slot = this.#slot(first);
    for (let i = 0; i < this.block; i++) if (this.pt.kind(slot + i, 0) !== Kind.none) return;
    setPtes(this.pt, slot, this.#homeFrame(first), A.write, this.block);
  }

  /** `page_referenced` of one page: clears accessed, and believes what it finds. */
  age(vpn: number, raced: Raced = nothing): boolean {
    const slot = this.#leaf(vpn);
    if (slot < 0) return false;
    const [first, n] = this.#meant(vpn, slot);
    const young = this.#access.testAndClearYoung(this.pt, slot, raced);
    this.#detector.judge(vpn, slot, young ? A.young : 0, A.young);
    for (let p = first; young && p < first + n; p++) this.hardware.acknowledge(p, A.young);
    this.hardware.flush(first, n);
    return young;
  }

  /** Reclaim of one page: a dirty one is cleaned, as after write-back; a clean one is dropped. */
  reclaim(vpn: number, raced: Raced = nothing): void {
    const slot = this.#leaf(vpn);
    if (slot < 0) return;
    const { pfn, attrs } = this.#take(vpn, slot, raced);
    this.hardware.acknowledge(vpn, attrs & A.dirty ? A.dirty : A.dirty | A.young);
    if (attrs & A.dirty) this.#access.set(this.pt, slot, pfn, attrs & ~(A.dirty | A.write));
  }

  /** `mprotect` of one page: taken out and put back with another permission. */
  protect(vpn: number, write: boolean, raced: Raced = nothing): void {
    const slot = this.#leaf(vpn);
    if (slot < 0) return;
    const { pfn, attrs } = this.#take(vpn, slot, raced);
    this.#access.set(this.pt, slot, pfn, write ? attrs | A.write : attrs & ~A.write);
  }

  /** `mprotect` of a block, entry by entry: the last store may fold what the first has unfolded. */
  protectBlock(vpn: number, write: boolean, raced: Raced = nothing): void {
    const first = vpn - (vpn % this.block);
    for (let p = first; p < first + this.block; p++) this.protect(p, write, raced);
  }

  /** Write protection of one page, as fork does it for its copy. */
  wrprotect(vpn: number, raced: Raced = nothing): void {
    const slot = this.#leaf(vpn);
    if (slot < 0) return;
    this.#access.wrprotect(this.pt, slot, raced);
    this.hardware.flush(vpn, 1);
  }

  /** `mremap` of one page to an empty one: what was read is stored elsewhere. */
  move(from: number, to: number, raced: Raced = nothing): void {
    const slot = this.#leaf(from);
    if (slot < 0 || this.pt.kind(this.#slot(to), 0) !== Kind.none) return;
    const { pfn, attrs } = this.#take(from, slot, raced);
    this.#access.set(this.pt, this.#slot(to), pfn, attrs);
    this.hardware.moveNotes(from, to);
  }

  /** fork's copy of one entry, to an empty one: what was read is stored elsewhere, and stays where it was. */
  copy(from: number, to: number): void {
    const slot = this.#leaf(from);
    if (slot < 0 || this.pt.kind(this.#slot(to), 0) !== Kind.none) return;
    const { pfn, attrs } = this.#access.get(this.pt, slot);
    this.#access.set(this.pt, this.#slot(to), pfn, attrs);
  }

  /** `munmap` of a run of pages. */
  unmap(vpn: number, n: number): void {
    for (let p = vpn; p < vpn + n; p++) {
      const slot = this.#leaf(p);
      if (slot >= 0) this.#take(p, slot, nothing);
      this.hardware.acknowledge(p, A.dirty | A.young);
    }
  }

  /** Installs an old and clean page in an empty entry, decided by a callback. */
  install(vpn: number): void {
    const slot = this.#slot(vpn);
    if (this.pt.kind(slot, 0) !== Kind.none) return;
    this.#installing = vpn;
    const pte = { kind: Kind.leaf, pfn: this.#homeFrame(vpn), attrs: 0 };
    this.#access.install(this.pt, slot, () => pte);
  }

  /** Reads every entry of a run, as a page table dump does. */
  dump(vpn: number, n: number): void {
    for (let p = vpn; p < vpn + n; p++) this.#access.get(this.pt, this.#slot(p));
  }

  /** Takes an entry out, flushes, and believes what it found. */
  #take(vpn: number, slot: number, raced: Raced) {
    const taken = this.#access.take(this.pt, slot, raced);
    this.hardware.flush(vpn, 1);
    this.#detector.judge(vpn, slot, taken.attrs, A.dirty | A.young);
    return taken;
  }

  #fault(vpn: number, write: boolean): void {
    const slot = this.#slot(vpn);
    if (this.pt.kind(slot, 0) === Kind.none) {
      this.mapBlock(vpn);
      if (this.pt.kind(slot, 0) === Kind.none) this.#access.set(this.pt, slot, this.#homeFrame(vpn), A.write);
      return;
    }
    this.#access.allow(this.pt, slot, A.young | (write ? A.dirty | A.write : 0));
    // Another CPU's translation with less permission is met by its next fault; this one's goes now.
    this.hardware.flush(vpn, 1);
  }

  /** All of the program's pages lie in one PTE table. */
  #slot(vpn: number): number {
    if (this.#firstSlot < 0) this.#firstSlot = this.pt.findOrMake(this.start, 0);
    return this.#firstSlot + (vpn - this.start);
  }

  /** Slot of a mapped page that software is about to work on, or -1. */
  #leaf(vpn: number): number {
    const slot = this.#slot(vpn);
    this.hardware.aim(vpn);
    return this.pt.kind(slot, 0) === Kind.leaf ? slot : -1;
  }

  /** The frame that belongs to a page: pages and frames are congruent, so that blocks can be folded. */
  #homeFrame(vpn: number): number {
    const at = vpn - this.start;
    return this.#folios[Math.floor(at / this.block)]! + (at % this.block);
  }

  /** Pages whose accessed state is cleared with that of one: the helpers do a whole block, a plain store one entry. */
  #meant(vpn: number, slot: number): [number, number] {
    const folded = !this.#raw && (this.pt.attrs(slot) & A.cont) !== 0;
    return folded ? [vpn - (vpn % this.block), this.block] : [vpn, 1];
  }

  #vpnOf(slot: number): number {
    return this.start + (slot - this.#slot(this.start));
  }
}

/**
 * Who notes accessed and dirty on a format at best: s390 marks old and clean pages invalid and read-only, so that faults tell;
 * all others may have hardware that notes.
 */
export function notesBy(format: Format): AccessDirty {
  return format.machine === "s390x" ? "fault" : "hardware";
}
