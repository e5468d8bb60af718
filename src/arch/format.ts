/**
 * What a page-table format must say about itself: its geometry as numbers and its bits as pure functions over the low
 * and high 32-bit word of an entry. Everything above `arch/` is written against this interface alone.
 */
import type { BitField } from "./bit-fields.ts";
import type { Entry } from "./entry.ts";
import { Kind, Marker } from "./entry.ts";

/** Who sets accessed and dirty: the hardware in passing, or a fault handler (arm64 before FEAT_HAFDBS, riscv Svade). */
export type AccessDirty = "hardware" | "fault";

/** One page-table format. Levels count from 0, the table that can hold PTEs only. All functions are pure. */
export interface Format {
  readonly name: string;
  /** The machine name that Linux prints (`uname -m`). */
  readonly machine: string;
  /** Bytes of one entry: 8, or 4 on x86-32. */
  readonly entryBytes: 4 | 8;
  /** Bits of physical address that an entry can hold. */
  readonly paBits: number;
  /** Log two of the base page in bytes. */
  readonly pageLg2: number;
  /** Where the frame number of a leaf of level 0 begins in its word (`PFN_PTE_SHIFT`). */
  readonly pfnPteShift: number;
  /** Log two of the number of slots in a table, level 0 first. */
  readonly indexLg2: readonly number[];
  /** Largest level at which Linux maps memory with one entry. */
  readonly maxLeafLevel: number;
  /** Log two of the entries in a contiguous block, level 0 first; 0 where the format has no such blocks. */
  readonly contLg2: readonly number[];
  /** Linux folds anonymous memory into contiguous blocks by itself (arm64's contpte); elsewhere only hugetlb makes them. */
  readonly contpte: boolean;
  /** The entries of a contiguous block are all the same word, with the block's first frame (riscv Svnapot). */
  readonly napot: boolean;
  /** Entries can forbid execution. Where they cannot (x86-32), every leaf reads back with `A.exec`. */
  readonly noExec: boolean;
  /** Linux's names of the levels, level 0 first. */
  readonly levelNames: readonly string[];
  /** Tables up to and including this level count in `VmPTE` (mm_pgtables_bytes: PTE, PMD, PUD). */
  readonly accountedLevel: number;
  /** A change of protection drops the dirty state of a writable leaf above level 0 (x86: `pmd_modify`). */
  readonly hugeModifyDropsDirty: boolean;
  /** mremap may re-hang a whole table instead of moving its entries (HAVE_MOVE_PMD and HAVE_MOVE_PUD; not on s390). */
  readonly movesTables: boolean;
  /** Who sets accessed and dirty on the machines that this format stands for, unless an experiment says otherwise. */
  readonly accessDirty: AccessDirty;
  /** Registers that point to a tree, and the part of the address space that each translates. */
  readonly roots: readonly Root[];
  /** Bits of address that user space may map: the kernel has the other half of the tree, or a root of its own. */
  readonly userVaBits: number;
  /** Bits of address below which Linux puts what names no address, the stack on top (`DEFAULT_MAP_WINDOW`, `STACK_TOP`). */
  readonly windowVaBits: number;
  /** Pages at the end of the user range which Linux keeps free (x86-64: one, since a SYSRET to the very end would fault). */
  readonly userKeptFree: number;
  /** The empty entry by level, level 0 first; its high word is zero on every format. Zero but on s390. */
  readonly empty: readonly number[];

  kind(lo: number, hi: number, level: number): Kind;
  /** Frame number of a leaf's memory; of the first frame of the block for a contiguous leaf of a `napot` format. */
  pfn(lo: number, hi: number, level: number): number;
  /** Attributes (`A.*`) of a leaf. */
  attrs(lo: number, hi: number, level: number): number;
  leafLo(pfn: number, attrs: number, level: number): number;
  leafHi(pfn: number, attrs: number, level: number): number;
  /** Frame number of the table that a table entry points to. */
  tablePfn(lo: number, hi: number, level: number): number;
  tableLo(pfn: number, level: number): number;
  tableHi(pfn: number, level: number): number;
  /** Non-present entries: swap type and offset, with the format's own hiding of the offset undone. */
  swapType(lo: number, hi: number): number;
  swapOffset(lo: number, hi: number): number;
  swapLo(type: number, offset: number): number;
  swapHi(type: number, offset: number): number;
  /** Bits of offset that a non-present entry keeps. */
  readonly swapOffsetBits: number;
  /** Soft-dirty of a non-present entry, in the low word; 0 where Linux has no such bit on this format. */
  readonly swapSoftDirtyLo: number;
  /** `pte_swp_exclusive` of a swap entry, in the low word: no other process' entry names the slot (`_PAGE_SWP_EXCLUSIVE`). */
  readonly swapExclusiveLo: number;
  /** `pte_swp_uffd_wp` of a swap entry, in the low word; 0 where Linux has no such bit on this format. */
  readonly swapUffdWpLo: number;
  /** Flags in the letters of the recorded kernel runs: w o d a x s n, in this order. */
  rawFlags(lo: number, hi: number, level: number): string;
  /** Names of the bits of such a word, high bits first; none for a word that is all empty. For pictures and tables. */
  fields(lo: number, hi: number, level: number): readonly BitField[];
}

/**
 * A register that points to a tree. `first` and `last` are pages of the whole address space, inclusive; a page's place in the
 * tree is its number modulo the pages that the tree covers. Two ranges of one name share one tree; so do PAE's four, each of which
 * is one entry of the same top table. The two of s390 cover the same addresses: there the CPU's mode chooses, not the address.
 */
export interface Root {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

/** The root that translates a page, or null where no register does: a hole that hardware calls non-canonical. */
export function rootOf(f: Format, vpn: number): Root | null {
  return f.roots.find((root) => root.first <= vpn && vpn <= root.last) ?? null;
}

/** One translation that could map the start of a run: its size as log two of base pages, and how it is made. */
export interface PageSize {
  readonly lg2: number;
  readonly level: number;
  /** A contiguous block of entries of that level instead of one entry. */
  readonly cont: boolean;
}

/** Every size of translation that Linux makes on a format, smallest first; contiguous blocks included. */
export function pageSizes(f: Format): PageSize[] {
  const sizes: PageSize[] = [];
  for (let level = 0; level <= f.maxLeafLevel; level++) {
    const lg2 = spanLg2(f, level);
    sizes.push({ lg2, level, cont: false });
    if (f.contLg2[level]! > 0) sizes.push({ lg2: lg2 + f.contLg2[level]!, level, cont: true });
  }
  return sizes;
}

/**
 * The largest translation for the first page of a run: both addresses are multiples of its size, and the run is no shorter.
 * `vpn` and `pfn` are the run's first page and frame, `pages` its length, at least 1.
 */
export function bestPageSize(f: Format, vpn: number, pfn: number, pages: number): PageSize {
  const fits = ({ lg2 }: PageSize) => 2 ** lg2 <= pages && vpn % 2 ** lg2 === 0 && pfn % 2 ** lg2 === 0;
  return pageSizes(f).findLast(fits)!;
}

/** Swap type that Linux gives to markers (`SWP_PTE_MARKER`): the last of 32. */
export const SWP_PTE_MARKER = 31;

/** Number of levels of a format. */
export function levelsOf(f: Format): number {
  return f.indexLg2.length;
}

/** Log two of the base pages that one entry of a level spans: 0 at level 0. */
export function spanLg2(f: Format, level: number): number {
  let lg2 = 0;
  for (let l = 0; l < level; l++) lg2 += f.indexLg2[l]!;
  return lg2;
}

/** Bits of virtual address that the whole table tree covers. */
export function vaBits(f: Format): number {
  return f.pageLg2 + spanLg2(f, levelsOf(f));
}

/** Folio order of a level-1 leaf: Linux's PMD order. */
export function pmdOrder(f: Format): number {
  return spanLg2(f, 1);
}

/** The decoded entry. For people, tests and drawings; inner loops use the number-valued functions. */
export function decode(f: Format, lo: number, hi: number, level: number): Entry {
  switch (f.kind(lo, hi, level)) {
    case Kind.none:
      return { kind: "none" };
    case Kind.table:
      return { kind: "table", pfn: f.tablePfn(lo, hi, level) };
    case Kind.leaf:
      return { kind: "leaf", pfn: f.pfn(lo, hi, level), attrs: f.attrs(lo, hi, level) };
    case Kind.softleaf: {
      const [type, offset] = [f.swapType(lo, hi), f.swapOffset(lo, hi)];
      return type === SWP_PTE_MARKER ? { kind: "marker", marker: offset } : { kind: "swap", type, offset };
    }
  }
}

/** Whether a non-present entry is a guard marker. */
export function isGuard(f: Format, lo: number, hi: number): boolean {
  return f.swapType(lo, hi) === SWP_PTE_MARKER && (f.swapOffset(lo, hi) & Marker.guard) !== 0;
}
