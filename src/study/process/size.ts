/**
 * How much of a process the model takes on: a capture of a few bytes may claim more pages than any memory has.
 */
import { UserError } from "../../base/errors.ts";
import { formatSize, GiB, KiB, MiB } from "../../base/size.ts";
import { type Capture, isAnon, type PageClass } from "../capture/format.ts";

/** Bytes of a process's pages that studies build in the model: what a browser's worker has done in some seconds. */
export const MOST_BYTES = 4 * GiB;
/** The same in whole blocks of 2M, which is what scattered pages take where huge pages are allowed. */
const MOST_SPREAD = 32 * GiB;

const BLOCK = 2 * MiB;

/**
 * Ends with a {@link UserError} where the pages of these classes are none, more than {@link MOST_BYTES}, or scattered over more
 * than {@link MOST_SPREAD}.
 */
export function checkBuildable(capture: Capture, keep: (cls: PageClass) => boolean = isAnon): void {
  const what = keep === isAnon ? "anonymous memory" : "memory";
  const { bytes, spread } = extentOf(capture, keep);
  if (bytes === 0) throw new UserError(`this process has no ${what}: there is nothing to build in the model`);
  if (bytes > MOST_BYTES)
    throw new UserError(`${rounded(bytes)} of ${what}: the model takes processes of up to ${formatSize(MOST_BYTES)}`);
  if (spread > MOST_SPREAD)
    throw new UserError(
      `${what} in blocks of 2M that are ${rounded(spread)} in all: the model takes up to ${formatSize(MOST_SPREAD)}`,
    );
}

/** Ends with a {@link UserError} where a capture's anonymous memory cannot be faulted in again on 4K pages. */
export function checkReplayable(capture: Capture): void {
  if (capture.page !== 4 * KiB)
    throw new UserError(
      `a capture with pages of ${formatSize(capture.page)}: THP policies are compared on 4K pages only`,
    );
  checkBuildable(capture);
}

function extentOf(capture: Capture, keep: (cls: PageClass) => boolean): { bytes: number; spread: number } {
  let [pages, blocks, next] = [0, 0, 0];
  for (const vma of capture.vmas)
    for (const run of vma.runs) {
      if (!keep(run.cls)) continue;
      const start = (vma.start + run.page) * capture.page;
      const first = Math.max(Math.floor(start / BLOCK), next);
      next = Math.max(Math.ceil((start + run.n * capture.page) / BLOCK), next);
      pages += run.n;
      blocks += next - Math.min(first, next);
    }
  return { bytes: pages * capture.page, spread: blocks * BLOCK };
}

const rounded = (bytes: number): string => formatSize(Math.ceil(bytes / KiB) * KiB);
