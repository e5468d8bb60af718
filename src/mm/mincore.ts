/**
 * mincore: which pages of a range are in memory. Guards are not; zero pages are.
 *
 * Source: mm/mincore.c, Linux 6.18.
 */
import type { Errno } from "./errno.ts";
import type { Mm } from "./mm.ts";

/** One boolean a page of `[start, end)`, or ENOMEM where something is not mapped. */
export function mincore(mm: Mm, start: number, end: number): Errno | boolean[] {
  let at = start;
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.start > at) return "ENOMEM";
    at = vma.end;
  }
  if (at < end) return "ENOMEM";
  return Array.from(mm.design.mincore(mm.pt, start, end), (byte) => byte === 1);
}
