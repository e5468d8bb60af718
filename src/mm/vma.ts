/**
 * VMAs of one address space: kept in order, split at any page, merged when neighbours agree.
 *
 * Not modelled: policies, names.
 * Source: mm/vma.c of Linux 6.18 (vma_merge_existing_range, is_mergeable_vma, is_mergeable_anon_vma), mm/rmap.c
 * (anon_vma_clone).
 */
import type { Tally } from "../base/tally.ts";
import { E } from "../base/tally.ts";
import type { CacheFile } from "./file.ts";
import type { Userfaultfd } from "./userfaultfd.ts";

/** Flags of a VMA; names follow VM_*. */
export const Vm = {
  read: 1 << 0,
  write: 1 << 1,
  exec: 1 << 2,
  shared: 1 << 3,
  hugepage: 1 << 4,
  nohugepage: 1 << 5,
  noreserve: 1 << 6,
  /** Counted against the commit limit. It keeps VMAs apart that look alike, so it is modelled although the limit is not. */
  account: 1 << 7,
  locked: 1 << 8,
  dontcopy: 1 << 9,
  wipeonfork: 1 << 10,
  mergeable: 1 << 11,
  /** May hold guards, or have held them: fork copies its tables (`VM_MAYBE_GUARD`). */
  maybeGuard: 1 << 12,
  /** Faults on missing pages go to a userfaultfd. */
  uffdMissing: 1 << 16,
  /** Writes to pages that it protects go to a userfaultfd. */
  uffdWp: 1 << 17,
  /** Faults on pages that the file has and the tables have not go to a userfaultfd. */
  uffdMinor: 1 << 18,
} as const;

/** The flags that mprotect sets (`VM_ACCESS_FLAGS`). */
export const VM_ACCESS = Vm.read | Vm.write | Vm.exec;

/** Flags that do not keep VMAs apart; what is joined has those of all its parts (`VM_STICKY`). */
const VM_STICKY = Vm.maybeGuard;
/** Registered with a userfaultfd in any mode (`__VM_UFFD_FLAGS`). */
export const VM_UFFD = Vm.uffdMissing | Vm.uffdWp | Vm.uffdMinor;

/** `userfaultfd_armed`. */
export function isArmed(vma: Vma): boolean {
  return (vma.flags & VM_UFFD) !== 0;
}

/** One VMA: pages `[start, end)`. Its bounds and flags are changed by {@link VmaList} alone. */
export interface Vma {
  start: number;
  end: number;
  flags: number;
  /** Which anon_vma its anonymous pages hang on; 0 for none yet. VMAs split from one share it. */
  anonVma: number;
  /**
   * Which page of the file the first page is (`vm_pgoff`); for anonymous memory the page number at which it was first
   * touched. A VMA that was moved keeps it, and so does not merge with its new neighbours.
   */
  pgoff: number;
  /** The file whose pages the VMA shows (`vm_file`); null for private anonymous memory. */
  readonly file: CacheFile | null;
  /** The anon_vma came by fork: its chain has more than one link, and the kernel will not merge it with a bare VMA. */
  forked: boolean;
  /** The userfaultfd that it is registered with (`vm_userfaultfd_ctx`). VMAs of different ones never merge. */
  uffd: Userfaultfd | null;
}

/** What a VMA shows instead of anonymous memory: a file, from one of its pages on. */
export interface Backing {
  readonly file: CacheFile;
  readonly pgoff: number;
}

/** Told of every VMA that joins a list or leaves it by a merge. One that {@link VmaList.remove} took out is the caller's. */
export interface VmaListener {
  linked(vma: Vma): void;
  unlinked(vma: Vma): void;
}

const NOBODY: VmaListener = { linked: () => {}, unlinked: () => {} };

/** The VMAs of one address space. */
export class VmaList {
  readonly #list: Vma[] = [];
  readonly #tally: Tally;
  /** Called with a page where a VMA is about to be cut or joined: huge mappings across it must be split first. */
  readonly #onCut: (vma: Vma, vpn: number) => void;
  readonly #listener: VmaListener;
  readonly #joinsBare: boolean;

  /** With `joinsBare` a VMA that has an anon_vma may be joined to a bare neighbour (since 6.16), as it always could the other way round. */
  constructor(tally: Tally, onCut: (vma: Vma, vpn: number) => void, listener = NOBODY, joinsBare = true) {
    this.#tally = tally;
    this.#onCut = onCut;
    this.#listener = listener;
    this.#joinsBare = joinsBare;
  }

  get all(): readonly Vma[] {
    return this.#list;
  }

  /** First VMA that ends after the page (`find_vma`), or undefined. */
  find(vpn: number): Vma | undefined {
    return this.#list[this.#position(vpn)];
  }

  /** The VMA that holds the page, or undefined. */
  at(vpn: number): Vma | undefined {
    const vma = this.find(vpn);
    return vma !== undefined && vma.start <= vpn ? vma : undefined;
  }

  /** VMAs that overlap `[start, end)`, in order. */
  overlapping(start: number, end: number): Vma[] {
    const from = this.#position(start);
    let to = from;
    while (to < this.#list.length && this.#list[to]!.start < end) to++;
    return this.#list.slice(from, to);
  }

  /** Bounds of the hole that holds `[start, end)`: end of the VMA before it, start of the one behind. */
  hole(start: number, end: number): { floor: number; ceiling: number } {
    const i = this.#position(start);
    return { floor: this.#list[i - 1]?.end ?? 0, ceiling: this.find(end)?.start ?? Number.POSITIVE_INFINITY };
  }

  /** The VMAs before and behind. */
  neighbours(vma: Vma): [Vma | undefined, Vma | undefined] {
    return [this.#neighbour(vma, -1), this.#neighbour(vma, 1)];
  }

  /** Adds a VMA to a hole, merged with neighbours that agree (`vma_merge_new_range`). */
  insert(start: number, end: number, flags: number, backing: Backing | null = null): Vma {
    const { file, pgoff } = backing ?? { file: null, pgoff: start };
    this.#add(this.#position(start), { start, end, flags, anonVma: 0, pgoff, forked: false, file, uffd: null });
    return this.modify(start, end, flags);
  }

  /**
   * Adds a copy of part of a VMA at another place, merged with neighbours that agree (`copy_vma`). An anonymous VMA
   * without pages takes the page offsets of the new place.
   */
  insertCopy(vma: Vma, from: number, start: number, end: number): Vma {
    const { flags, anonVma, forked, file, uffd } = vma;
    const pgoff = file === null && anonVma === 0 ? start : vma.pgoff + (from - vma.start);
    this.#add(this.#position(start), { start, end, flags, anonVma, forked, pgoff, file, uffd });
    return this.modify(start, end, flags);
  }

  /** Adds a VMA behind all others, as it is: how a child's list is built. */
  append(vma: Vma): void {
    this.#add(this.#list.length, vma);
  }

  /** Takes all VMAs out, as {@link remove} does. */
  clear(): Vma[] {
    return this.#list.splice(0);
  }

  /** Removes `[start, end)`, cutting VMAs at both ends. Returns what was removed. */
  remove(start: number, end: number): Vma[] {
    this.#cut(start);
    this.#cut(end);
    const gone = this.overlapping(start, end);
    this.#list.splice(this.#position(start), gone.length);
    return gone;
  }

  /**
   * Gives part of one VMA new flags (`vma_modify_flags`): the part joins a neighbour that agrees, or is cut out.
   * Returns the VMA that now covers the part.
   */
  modify(start: number, end: number, flags: number, uffd = this.at(start)!.uffd): Vma {
    const old = this.at(start)!;
    const agrees = (vma: Vma) => alike(vma.flags, flags) && vma.uffd === uffd;
    const prev = start === old.start ? this.#neighbour(old, -1) : undefined;
    const next = end === old.end ? this.#neighbour(old, 1) : undefined;
    const left =
      prev?.end === start && agrees(prev) && follows(prev, old) && this.#mayJoin(old, prev) ? prev : undefined;
    const right =
      next?.start === end && agrees(next) && follows(old, next) && this.#mayJoin(old, next) ? next : undefined;
    const both = left && right && compatible(left, right);
    const grown = both
      ? this.#joinBoth(left, old, right)
      : left
        ? this.#growLeft(left, old, end)
        : right && this.#growRight(right, old, start);
    if (grown) {
      grown.flags |= (flags | (both ? right.flags : 0)) & VM_STICKY;
      return grown;
    }
    this.#cut(start);
    this.#cut(end);
    const part = this.at(start)!;
    part.flags = flags;
    part.uffd = uffd;
    return part;
  }

  /** `is_mergeable_anon_vma` of a VMA and the neighbour that it would become part of. */
  #mayJoin(vma: Vma, neighbour: Vma): boolean {
    return compatible(vma, neighbour) && (this.#joinsBare || neighbour.anonVma !== 0 || vma.anonVma === 0);
  }

  #add(at: number, vma: Vma): void {
    this.#list.splice(at, 0, vma);
    this.#listener.linked(vma);
  }

  #swallow(vma: Vma): void {
    this.#list.splice(this.#indexOf(vma), 1);
    this.#listener.unlinked(vma);
  }

  /** Sets a flag that does not keep VMAs apart, so that nothing is cut or joined (`vma_set_atomic_flag`). */
  mark(vma: Vma, flag: number): void {
    vma.flags |= flag & VM_STICKY;
  }

  /** Gives part of one VMA new flags and joins it with nothing. */
  cutOut(start: number, end: number, flags: number): void {
    this.#cut(start);
    this.#cut(end);
    this.at(start)!.flags = flags;
  }

  #joinBoth(left: Vma, old: Vma, right: Vma): Vma {
    this.#swallow(old);
    this.#swallow(right);
    left.end = right.end;
    inherit(left, old.anonVma === 0 ? right : old);
    this.#tally[E.vmaMerges]! += 2;
    return left;
  }

  #growLeft(left: Vma, old: Vma, end: number): Vma {
    this.#give(old, end, old.end);
    left.end = end;
    inherit(left, old);
    return left;
  }

  #growRight(right: Vma, old: Vma, start: number): Vma {
    this.#give(old, old.start, start);
    right.pgoff -= right.start - start;
    right.start = start;
    inherit(right, old);
    return right;
  }

  /** Leaves a VMA with `[start, end)` only, the rest having gone to a neighbour. */
  #give(old: Vma, start: number, end: number): void {
    this.#tally[E.vmaMerges]!++;
    if (start === end) return this.#swallow(old);
    this.#onCut(old, start === old.start ? end : start);
    old.pgoff += start - old.start;
    old.start = start;
    old.end = end;
  }

  /** Cuts the VMA around a page in two (`split_vma`), if the page is inside one. */
  #cut(vpn: number): void {
    const vma = this.at(vpn);
    if (vma === undefined || vma.start === vpn) return;
    this.#onCut(vma, vpn);
    const rest = { ...vma, start: vpn, pgoff: vma.pgoff + (vpn - vma.start) };
    const at = this.#indexOf(vma) + 1;
    vma.end = vpn;
    this.#add(at, rest);
    this.#tally[E.vmaSplits]!++;
  }

  #neighbour(vma: Vma, by: number): Vma | undefined {
    return this.#list[this.#indexOf(vma) + by];
  }

  /** Index of a VMA of the list, found by its bounds: a scan would make a list of many VMAs quadratic to build. */
  #indexOf(vma: Vma): number {
    return this.#position(vma.start);
  }

  /** Index of the first VMA that ends after the page. */
  #position(vpn: number): number {
    let [lo, hi] = [0, this.#list.length];
    while (lo < hi) {
      const mid = (lo + hi) >>> 1;
      if (this.#list[mid]!.end > vpn) hi = mid;
      else lo = mid + 1;
    }
    return lo;
  }
}

function alike(a: number, b: number): boolean {
  return ((a ^ b) & ~VM_STICKY) === 0;
}

/** Whether one VMA may continue in the other, but for their anon_vmas: one file, page offsets follow (`can_vma_merge_after`). */
function follows(a: Vma, b: Vma): boolean {
  return a.file === b.file && a.pgoff + (a.end - a.start) === b.pgoff;
}

/** Whether the anon_vmas of VMAs can become one: both share an anon_vma or have none, or one has one that did not come by fork. */
function compatible(a: Vma, b: Vma): boolean {
  if (a.anonVma === b.anonVma) return true;
  if (a.anonVma === 0) return !b.forked;
  return b.anonVma === 0 && !a.forked;
}

/** A VMA that grows takes over the anon_vma of what it swallows, if it has none (`dup_anon_vma`). */
function inherit(vma: Vma, from: Vma): void {
  if (vma.anonVma !== 0) return;
  vma.anonVma = from.anonVma;
  vma.forked = from.forked;
}

function continues(a: Vma, b: Vma): boolean {
  return a.file === b.file && a.pgoff - a.start === b.pgoff - b.start;
}

/**
 * Gives a VMA an anon_vma before its first anonymous page: a neighbour's if the two could be one VMA but for their
 * permissions (`find_mergeable_anon_vma`), else a new one.
 */
export function prepareAnonVma(source: { newAnonVma(): number }, vmas: VmaList, vma: Vma): void {
  if (vma.anonVma !== 0) return;
  const [prev, next] = vmas.neighbours(vma);
  const lend = (n: Vma | undefined, touches: boolean) =>
    n !== undefined && touches && continues(n, vma) && !n.forked && alike(n.flags & ~VM_ACCESS, vma.flags & ~VM_ACCESS)
      ? n.anonVma
      : 0;
  vma.anonVma = lend(next, next?.start === vma.end) || lend(prev, prev?.end === vma.start) || source.newAnonVma();
}
