/**
 * What notebooks and pages import: everything from `base/` to `figure/`, safe in a browser. Re-exports only.
 */
export * from "./arch/entry.ts";
export * from "./arch/format.ts";
export * from "./arch/formats.ts";
export * from "./base/errors.ts";
export * from "./base/random.ts";
export * from "./base/size.ts";
export * from "./base/tally.ts";
export * from "./machine/frames.ts";
export * from "./mm/errno.ts";
export * from "./mm/fault.ts";
export * from "./mm/kernel.ts";
export * from "./mm/madvise.ts";
export * from "./mm/mincore.ts";
export * from "./mm/mm.ts";
export * from "./mm/mmap.ts";
export * from "./mm/mprotect.ts";
export * from "./mm/profile.ts";
export * from "./mm/vma.ts";
export * from "./mmu/translate.ts";
export * from "./pgtable/pagetable.ts";
export * from "./pgtable/ptep.ts";
export * from "./pgtable/visit.ts";
export * from "./study/experiment.ts";
export * from "./study/ops/run.ts";
export * from "./study/ops/script.ts";
