/**
 * mincore: which pages of a range are in memory. Zero pages are; guards are not, but the file's page under one may be.
 *
 * Source: mm/mincore.c, Linux 6.18.
 */
import { E } from "../base/tally.ts";
import { isSwapPte, swapPteAt } from "../pgtable/softleaf.ts";
import type { Errno } from "./errno.ts";
import { fileIndex } from "./file.ts";
import type { Mm } from "./mm.ts";

/** One boolean a page of `[start, end)`, or ENOMEM where something is not mapped. */
export function mincore(mm: Mm, start: number, end: number): Errno | boolean[] {
  mm.kernel.tally[E.systemCalls]!++;
  let at = start;
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.start > at) return "ENOMEM";
    at = vma.end;
  }
  if (at < end) return "ENOMEM";
  mm.kernel.tally[E.bytesReported]! += end - start;
  const resident = Array.from(mm.design.mincore(mm.pt, start, end), (byte) => byte === 1);
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.file === null) continue;
    for (let vpn = Math.max(start, vma.start); vpn < Math.min(end, vma.end); vpn++)
      resident[vpn - start] ||= vma.file.lookup(fileIndex(vma, vpn)) >= 0;
  }
  if (mm.swapEnts > 0) addSwapCache(mm, start, end, resident);
  return resident;
}

/** `mincore_page` of a swap entry: a page that is in the swap cache is in memory. */
function addSwapCache(mm: Mm, start: number, end: number, resident: boolean[]): void {
  const { pt, kernel } = mm;
  mm.design.visit(pt, start, end, {
    ptes: (slot, vpn, nr) => {
      for (let i = 0; i < nr; i++)
        if (isSwapPte(pt, slot + i))
          resident[vpn + i - start] = kernel.swap.cached(swapPteAt(pt, slot + i).offset) >= 0;
    },
  });
}
