/**
 * What each folder of `src/` is for, lowest first: each imports only from itself and from those above it in this list.
 */

/** A sentence for each folder that exports something to notebooks. */
export const FOLDERS: Readonly<Record<string, string>> = {
  base: "Sizes, seeded random numbers, errors and the tally of events; nothing of page tables.",
  arch: "What the bits of page-table entries mean, for each format, and the entry as a decoded value.",
  machine: "Simulated physical memory: frames, folios, and pages that hold tables.",
  mmu: "What hardware does with tables: translation, TLBs, walk caches, flushes, and the table of costs.",
  "mmu/cores": "Real cores as far as their makers describe them: TLBs, walk caches, what they merge.",
  "mmu/engine": "The same translation at speed, for whole traces, and sweeps over shapes of TLBs in one pass.",
  pgtable: "Entries and runs of entries as Linux touches them: get, set, clear, protect, contpte, hugetlb.",
  design: "The rival ways to reach entries: folded levels, the pointer of 2018, cursor, pagewalk, batched walk.",
  mm: "Operations of Linux on an address space, one file each: mmap, fault, fork, mprotect, madvise and others.",
  study: "Experiments, and ready-made address spaces for them.",
  "study/batching": "What dealing with a folio at once saves, for each operation.",
  "study/capture": "Recorded layouts of real processes: reading them, their statistics, and other policies for them.",
  "study/compare": "Two designs under one operation: proven to agree, then compared by cause.",
  "study/cost": "From counted events to modelled time, with the source of every weight.",
  "study/coverage": "How well an address space uses large translations, and what becomes of them over time.",
  "study/encapsulation": "Raw access to entries against getters and setters: what breaks, and what each costs.",
  "study/fork-copy": "Fork's copy of page tables in three idioms, while others wait.",
  "study/granules": "What base pages of another size would change for the same program.",
  "study/install-split": "Whether installing entries must split a huge page that is in the way.",
  "study/map": "An address space by what maps each page, for maps that are zoomed into.",
  "study/ops": "Scripts of operations, carried out in the model and compared with what real kernels did.",
  "study/range-api": "What the range calls (`set_ptes` and kin) save, and what architectures make of them.",
  "study/splits": "Which operation splits what: the four splits, counted apart.",
  "study/sweep": "Experiments over ranges of parameters.",
  "study/trace": "Streams of accesses, recorded from real programs: reading, writing, running.",
  "study/trace-cost": "What the walks of a recorded program cost under different mappings.",
  "study/walk": "Memory in every state that an entry can be in, to walk over, and the accesses of a walk.",
  "study/walk-cost": "What one access costs, by how its memory is mapped.",
  figure: "From rows to a plot, a table, text, CSV and words, all with the same stamp.",
  "figure/live": "Figures that a page can draw again with other values.",
  "jupyter/show":
    "Showing something before a cell's end, replacing it, and reading the project's own files (`ptlab/jupyter`).",
  "jupyter/widgets": "Controls in a notebook, and values that follow them (`ptlab/jupyter`).",
};
