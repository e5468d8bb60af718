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

/**
 * One byte a page of `[start, end)`, 1 for those in memory and 0 for others, or ENOMEM where something is not mapped. With `vec`, which must
 * have room for them, they are written there.
 */
export function mincore(mm: Mm, start: number, end: number, vec?: Uint8Array): Errno | Uint8Array {
  mm.kernel.tally[E.systemCalls]!++;
  let at = start;
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.start > at) return "ENOMEM";
    at = vma.end;
  }
  if (at < end) return "ENOMEM";
  mm.kernel.tally[E.bytesReported]! += end - start;
  const resident = mm.design.mincore(mm.pt, start, end, vec);
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.file === null) continue;
    for (let vpn = Math.max(start, vma.start); vpn < Math.min(end, vma.end); vpn++)
      if (vma.file.lookup(fileIndex(vma, vpn)) >= 0) resident[vpn - start] = 1;
  }
  if (mm.swapEnts > 0) addSwapCache(mm, start, end, resident);
  return resident;
}

/** `mincore_page` of a swap entry: a page that is in the swap cache is in memory. */
function addSwapCache(mm: Mm, start: number, end: number, resident: Uint8Array): void {
  const { pt, kernel } = mm;
  mm.design.visit(pt, start, end, {
    ptes: (slot, vpn, nr) => {
      for (let i = 0; i < nr; i++)
        if (isSwapPte(pt, slot + i))
          resident[vpn + i - start] = kernel.swap.cached(swapPteAt(pt, slot + i).offset) >= 0 ? 1 : 0;
    },
  });
}
