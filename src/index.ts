/**
 * What notebooks and pages import: everything from `base/` to `figure/`, safe in a browser. Re-exports only.
 */
export * from "./arch/entry.ts";
export * from "./arch/format.ts";
export * from "./arch/formats.ts";
export * from "./base/digest.ts";
export * from "./base/errors.ts";
export * from "./base/random.ts";
export * from "./base/size.ts";
export * from "./base/tally.ts";
export * from "./design/cursor.ts";
export { findNext, jump } from "./design/cursor-ops.ts";
export * from "./design/cursor-over-folded.ts";
export { attrsOf, type EntryPtr, kindOf, levelOf, type Seen, slotOf, type TablePtr } from "./design/cursor-ptr.ts";
export * from "./design/cursor-roots.ts";
export * from "./design/folded.ts";
export {
  copyPageRange,
  syncGlobalPgds as foldedSyncGlobalPgds,
  syncGlobalPgdsL4,
  syncGlobalPgdsL5,
} from "./design/folded-copy.ts";
export * from "./design/folded-levels.ts";
export * from "./design/pagewalk.ts";
export * from "./design/pagewalk-entry.ts";
export * from "./design/pagewalk-ops.ts";
export * from "./design/pt-range-walk.ts";
export * from "./design/pt-range-walk-ops.ts";
export * from "./design/ptp.ts";
export * from "./design/ptp-ops.ts";
export * from "./figure/as-text.ts";
export * from "./figure/create.ts";
export * from "./figure/csv.ts";
export * from "./figure/figure.ts";
export * from "./figure/live/contpte-policies.ts";
export * from "./figure/live/index.ts";
export * from "./figure/live/walk-cost.ts";
export * from "./figure/live.ts";
export * from "./figure/marks.ts";
export * from "./figure/stamp.ts";
export * from "./figure/table.ts";
export * from "./figure/text.ts";
export * from "./machine/frames.ts";
export * from "./mm/errno.ts";
export * from "./mm/fault.ts";
export * from "./mm/fork.ts";
export * from "./mm/kernel.ts";
export * from "./mm/madvise.ts";
export * from "./mm/mincore.ts";
export * from "./mm/mm.ts";
export * from "./mm/mmap.ts";
export * from "./mm/mprotect.ts";
export * from "./mm/mremap.ts";
export * from "./mm/profile.ts";
export * from "./mm/vma.ts";
export * from "./mmu/cost.ts";
export * from "./mmu/describe-walk.ts";
export * from "./mmu/generic.ts";
export * from "./mmu/simulate.ts";
export * from "./mmu/tlb.ts";
export * from "./mmu/translate.ts";
export * from "./mmu/walk-cache.ts";
export * from "./pgtable/hugetlb.ts";
export * from "./pgtable/pagetable.ts";
export * from "./pgtable/ptep.ts";
export * from "./pgtable/visit.ts";
export * from "./study/capture/format.ts";
export * from "./study/capture/load.ts";
export * from "./study/capture/read.ts";
export * from "./study/capture/thpmaps.ts";
export * from "./study/capture/thpmaps-text.ts";
export * from "./study/capture/whatif.ts";
export * from "./study/coverage/coverage.ts";
export * from "./study/coverage/decay.ts";
export * from "./study/coverage/policies.ts";
export * from "./study/coverage/replay.ts";
export * from "./study/experiment.ts";
export * from "./study/layout.ts";
export * from "./study/ops/compare.ts";
export * from "./study/ops/run.ts";
export * from "./study/ops/script.ts";
export * from "./study/splits/split-counts.ts";
export { runWalkCost, walkCostExperiment } from "./study/walk-cost/experiment.ts";
export { buildLayout } from "./study/walk-cost/layout.ts";
export { makeStream } from "./study/walk-cost/streams.ts";
