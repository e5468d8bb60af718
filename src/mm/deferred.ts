/**
 * The deferred split queue: large anonymous folios of which only parts are still mapped. They are cut up when memory is short,
 * and leave the queue when they are cut up or freed before.
 *
 * Not modelled: folios that are whole but mostly zeros (thp_underused), which Linux queues as well and by default leaves alone
 * (khugepaged/max_ptes_none is then all of a huge page); several queues by node and cgroup.
 * Source: deferred_split_folio, __folio_unqueue_deferred_split and deferred_split_scan of mm/huge_memory.c, Linux 6.18.
 */
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { splitMappedFolio } from "./folio-split.ts";
import type { Kernel } from "./kernel.ts";

/** What /sys/kernel/mm/transparent_hugepage/hugepages-N/stats counts of one size. */
export interface MthpStats {
  /** Anonymous folios of the size that are partially mapped, and so on the queue. */
  nrAnonPartiallyMapped: number;
  /** Folios that were split. */
  split: number;
  /** Folios that were put on the queue. */
  splitDeferred: number;
}

/** Queues a folio that is partially mapped (`deferred_split_folio`); nothing if it is queued. */
export function deferredSplitFolio(kernel: Kernel, head: number): void {
  const { frames, deferred, tally } = kernel;
  if (frames.hasFlag(head, FrameFlag.deferred)) return;
  frames.setFlag(head, 1, FrameFlag.deferred, true);
  deferred.add(head);
  tally[E.deferredSplits]!++;
  const stats = kernel.thpStats(frames.order(head));
  stats.splitDeferred++;
  stats.nrAnonPartiallyMapped++;
}

/** Takes a folio off the queue because it is freed or split; nothing if it is not on it. */
export function unqueueDeferredSplit(kernel: Kernel, head: number): void {
  const { frames, deferred } = kernel;
  if (!deferred.delete(head)) return;
  frames.setFlag(head, 1, FrameFlag.deferred, false);
  kernel.thpStats(frames.order(head)).nrAnonPartiallyMapped--;
}

/** `deferred_split_scan`, as the shrinker calls it: splits every folio of the queue that nothing pins. Returns how many. */
export function deferredSplitScan(kernel: Kernel): number {
  const heads = [...kernel.deferred].filter((head) => !kernel.pinned(head));
  for (const head of heads) splitMappedFolio(kernel, head);
  return heads.length;
}
