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
export {
  attrsOf,
  type EntryPtr,
  kindOf,
  levelOf,
  type Seen,
  slotOf,
  type TablePtr,
  type TakenTable,
} from "./design/cursor-ptr.ts";
export * from "./design/cursor-roots.ts";
export * from "./design/design.ts";
export * from "./design/designs.ts";
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
export * from "./figure/agreement.ts";
export * from "./figure/as-text.ts";
export * from "./figure/calibration.ts";
export * from "./figure/comparison.ts";
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
export * from "./figure/walk-drawing.ts";
export * from "./machine/frames.ts";
export * from "./mm/deferred.ts";
export * from "./mm/errno.ts";
export * from "./mm/fault.ts";
export * from "./mm/file-size.ts";
export * from "./mm/fork.ts";
export * from "./mm/kernel.ts";
export * from "./mm/madvise.ts";
export * from "./mm/mincore.ts";
export * from "./mm/mm.ts";
export * from "./mm/mmap.ts";
export * from "./mm/mprotect.ts";
export * from "./mm/mremap.ts";
export * from "./mm/pin.ts";
export * from "./mm/profile.ts";
export * from "./mm/shmem.ts";
export * from "./mm/swap-io.ts";
export * from "./mm/userfaultfd.ts";
export * from "./mm/vma.ts";
export * from "./mm/walk-mm.ts";
export * from "./mmu/access-words.ts";
export * from "./mmu/caches.ts";
export * from "./mmu/cores/core.ts";
export * from "./mmu/cores/cores.ts";
export * from "./mmu/cost.ts";
export * from "./mmu/counts.ts";
export * from "./mmu/describe-walk.ts";
export * from "./mmu/engine/engine.ts";
export * from "./mmu/engine/filter.ts";
export * from "./mmu/extent.ts";
export * from "./mmu/flush-kinds.ts";
export * from "./mmu/generic.ts";
export * from "./mmu/nested-walker.ts";
export * from "./mmu/simulate.ts";
export * from "./mmu/tlb.ts";
export * from "./mmu/translate.ts";
export * from "./mmu/walk-cache.ts";
export * from "./pgtable/contpte-rules.ts";
export * from "./pgtable/hugetlb.ts";
export * from "./pgtable/pagetable.ts";
export * from "./pgtable/ptep.ts";
export * from "./pgtable/range.ts";
export * from "./pgtable/visit.ts";
export * from "./study/batching/batching.ts";
export * from "./study/batching/beside-published.ts";
export * from "./study/batching/operations.ts";
export * from "./study/batching/published.ts";
export * from "./study/capture/format.ts";
export * from "./study/capture/load.ts";
export * from "./study/capture/read.ts";
export * from "./study/capture/thpmaps.ts";
export * from "./study/capture/thpmaps-text.ts";
export * from "./study/capture/whatif.ts";
export * from "./study/compare/causes.ts";
export * from "./study/compare/compare.ts";
export * from "./study/compare/switches.ts";
export * from "./study/compare/workloads.ts";
export * from "./study/cost/costs.ts";
export * from "./study/cost/fit.ts";
export * from "./study/cost/generic-pt.ts";
export * from "./study/cost/limits.ts";
export * from "./study/cost/published-times.ts";
export * from "./study/cost/translation.ts";
export * from "./study/coverage/coverage.ts";
export * from "./study/coverage/decay.ts";
export * from "./study/coverage/policies.ts";
export * from "./study/coverage/replay.ts";
export * from "./study/encapsulation/costs.ts";
export * from "./study/encapsulation/experiment.ts";
export * from "./study/encapsulation/finding.ts";
export * from "./study/encapsulation/program.ts";
export * from "./study/encapsulation/retell.ts";
export * from "./study/encapsulation/sides.ts";
export * from "./study/encapsulation/world.ts";
export * from "./study/experiment.ts";
export * from "./study/fork-copy/fork-batching.ts";
export * from "./study/fork-copy/fork-copy.ts";
export * from "./study/fork-copy/sync-pgds.ts";
export { formatGeometry } from "./study/granules/geometry.ts";
export { granulePair, granules } from "./study/granules/granules.ts";
export { publishedGranules } from "./study/granules/published.ts";
export { walkOn } from "./study/granules/walks.ts";
export * from "./study/install-split/guard-table.ts";
export * from "./study/install-split/install-split.ts";
export * from "./study/install-split/stacks.ts";
export * from "./study/install-split/walkers.ts";
export * from "./study/layout.ts";
export * from "./study/ops/compare.ts";
export * from "./study/ops/corpora.ts";
export * from "./study/ops/run.ts";
export * from "./study/ops/samples.ts";
export * from "./study/ops/script.ts";
export * from "./study/ops/summary.ts";
export * from "./study/ops/table-view.ts";
export * from "./study/range-api/arch-flag.ts";
export * from "./study/range-api/batching.ts";
export * from "./study/range-api/contract.ts";
export * from "./study/range-api/mprotect-batching.ts";
export * from "./study/range-api/secure.ts";
export * from "./study/splits/split-counts.ts";
export * from "./study/sweep/sweep.ts";
export * from "./study/trace/open.ts";
export { type PttOptions, pttBytes } from "./study/trace/ptt.ts";
export * from "./study/trace/replay.ts";
export * from "./study/trace/run.ts";
export { ALL_KINDS, CHUNK, DATA_KINDS, type KindMask } from "./study/trace/sink.ts";
export * from "./study/trace/source.ts";
export * from "./study/trace/summary.ts";
export { runTraceCauses } from "./study/trace-cost/causes.ts";
export { runMissCurve } from "./study/trace-cost/curve.ts";
export { runTraceReach } from "./study/trace-cost/reach.ts";
export { runTraceScan } from "./study/trace-cost/scan.ts";
export { type TraceSlice, traceSlice } from "./study/trace-cost/slice.ts";
export { TRACE_FILES } from "./study/trace-cost/traces.ts";
export { runTraceWalks } from "./study/trace-cost/walks.ts";
export { runWalkCost, walkCostExperiment } from "./study/walk-cost/experiment.ts";
export { buildLayout } from "./study/walk-cost/layout.ts";
export { makeStream } from "./study/walk-cost/streams.ts";
