/**
 * How much of a capture arm64 could map by contiguous entries: the exact amount beside the one that thpmaps infers.
 */
import { KiB } from "../../base/size.ts";
import type { Capture } from "./format.ts";
import { rollupThpStats } from "./thpmaps.ts";
import { type ContShare, contBlockPages, contShare } from "./whatif.ts";

/** Amounts are in bytes. */
export interface ContSummary {
  /** Size of a contiguous block. */
  readonly block: number;
  /** By Linux's rule. */
  readonly share: ContShare;
  /** What of the mapped memory is in blocks, per cent. */
  readonly percent: number;
  /** In blocks by thpmaps, without what is mapped by a PMD. */
  readonly inferred: number;
}

/** Both amounts for blocks of the size that arm64 has on the capture's pages. */
export function contSummary(capture: Capture): ContSummary {
  const pages = contBlockPages(capture);
  const share = contShare(capture, pages);
  const { stats } = rollupThpStats(capture, { contOrders: [Math.log2(pages)], incSmaps: false });
  const inferred = stats.filter((s) => s.label.includes("-cont-pte-")).reduce((sum, s) => sum + s.kB, 0);
  return {
    block: pages * capture.page,
    share,
    percent: share.mapped === 0 ? 0 : (share.cont / share.mapped) * 100,
    inferred: inferred * KiB,
  };
}
