/**
 * Coalescing: a walk reads a whole line of PTEs, and where neighbours in it map one aligned run of memory alike, one TLB entry can
 * stand for all of them, without any bit that software sets.
 *
 * A writable page that is not dirty yet is never part of a run: its first store has to set its own dirty bit. Vendors do not say
 * how they treat it.
 * Source: AMD Software Optimization Guide for family 17h and later, section on TLBs: 4K pages that are contiguous and aligned
 * in virtual and physical address, with the same attributes, share one entry.
 */
import { A, Kind } from "../arch/entry.ts";
import type { Tree } from "./translate.ts";

/** Whether the aligned `2^lg2` PTEs around one map one aligned run of frames, with the same attributes. */
export function isRun({ format: f, tables }: Tree, slot: number, lg2: number): boolean {
  const lo = tables.lo[slot >>> tables.chunkLg2]!;
  const hi = tables.hi[slot >>> tables.chunkLg2]!;
  const at = slot & tables.chunkMask;
  const attrs = f.attrs(lo[at]!, hi[at]!, 0);
  if (attrs & A.cont || (attrs & A.write && !(attrs & A.dirty))) return false;
  const first = at & ~((1 << lg2) - 1);
  const frame = f.pfn(lo[at]!, hi[at]!, 0) - (at - first);
  if (frame % (1 << lg2) !== 0) return false;
  for (let i = 0; i < 1 << lg2; i++) {
    const l = lo[first + i]!;
    const h = hi[first + i]!;
    if (f.kind(l, h, 0) !== Kind.leaf || f.pfn(l, h, 0) !== frame + i || f.attrs(l, h, 0) !== attrs) return false;
  }
  return true;
}
