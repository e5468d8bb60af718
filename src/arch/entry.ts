/**
 * What an entry of a page table says, whatever the format: its kind and its attributes in Linux's terms.
 * Formats turn raw words into these and back; nobody else tests bits of raw words.
 */

/** Kind of an entry as a small number, for inner loops. */
export const Kind = {
  /** Maps nothing and says nothing. The raw word need not be zero (s390). */
  none: 0,
  /** Points to a table of the level below. */
  table: 1,
  /** Maps memory, in Linux's sense of present: a PROT_NONE entry is a leaf that hardware refuses. */
  leaf: 2,
  /** Not present but not empty: a marker or a swap entry. */
  softleaf: 3,
} as const;

export type Kind = (typeof Kind)[keyof typeof Kind];

/** Attributes of a leaf as bits of one number. The names are those of Linux's pte_* predicates. */
export const A = {
  /** `pte_write`: Linux lets it be written (arm64: DBM; x86: RW). */
  write: 1 << 0,
  /** `pte_dirty`, whether noted by hardware or by software. */
  dirty: 1 << 1,
  /** `pte_young`: accessed. */
  young: 1 << 2,
  exec: 1 << 3,
  /** Hardware refuses every access although Linux holds it present: PROT_NONE. */
  protnone: 1 << 4,
  /** `pte_special`: no folio to account for, such as the zero page. */
  special: 1 << 5,
  /** The contiguous bit of arm64, or its kin. */
  cont: 1 << 6,
  softDirty: 1 << 7,
  uffdWp: 1 << 8,
  /** Hardware lets the kernel through and no program, although the entry is valid (arm64: PTE_USER is clear). */
  noUser: 1 << 9,
  /** A TLB may use the entry for every address space (x86: G; arm64: nG is clear; riscv: G). Linux gives it to kernel mappings only. */
  global: 1 << 10,
} as const;

/** Attributes as letters in a fixed order, for messages and drawings: `wda` is writable, dirty, accessed. */
export function attrText(attrs: number): string {
  const letters: [number, string][] = [
    [A.write, "w"],
    [A.dirty, "d"],
    [A.young, "a"],
    [A.exec, "x"],
    [A.special, "s"],
    [A.protnone, "n"],
    [A.cont, "C"],
    [A.noUser, "k"],
    [A.global, "g"],
  ];
  return letters.map(([bit, letter]) => (attrs & bit ? letter : "")).join("");
}

/**
 * Attributes in the letters and the order of the recorded kernel runs, for formats on which "read-only to hardware" is only
 * the reverse of write: w d a x s n.
 */
export function flagText(a: number): string {
  return `${a & A.write ? "w" : ""}${a & A.dirty ? "d" : ""}${a & A.young ? "a" : ""}${a & A.exec ? "x" : ""}${
    a & A.special ? "s" : ""
  }${a & A.protnone ? "n" : ""}`;
}

/** Marker bits of a non-present entry (include/linux/swapops.h, `PTE_MARKER_*`). */
export const Marker = { uffdWp: 1, poisoned: 2, guard: 4 } as const;

/**
 * An entry decoded for people and tests. `pfn` is the frame number of the memory or of the table.
 * A marker carries {@link Marker} bits.
 */
export type Entry =
  | { readonly kind: "none" }
  | { readonly kind: "table"; readonly pfn: number }
  | { readonly kind: "leaf"; readonly pfn: number; readonly attrs: number }
  | { readonly kind: "marker"; readonly marker: number }
  | { readonly kind: "swap"; readonly type: number; readonly offset: number };
