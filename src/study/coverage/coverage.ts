/**
 * How well an address space uses large translations: pages behind contiguous blocks, behind leaves above level 0, and plain.
 * Counted from the entries themselves, contiguous bit and all, which no file of /proc shows.
 */
import { A, Kind } from "../../arch/entry.ts";
import type { Mm } from "../../mm/mm.ts";
import { visit } from "../../pgtable/visit.ts";

/** Base pages by what maps them. The zero pages are not memory of the process and are not in it. */
export interface Coverage {
  readonly mapped: number;
  /** Behind entries with the contiguous bit. */
  readonly cont: number;
  /** Behind leaves above level 0. */
  readonly huge: number;
  /** TLB entries that cover everything mapped, where each contiguous block and each leaf takes one. */
  readonly entries: number;
}

/** Counts an address space. */
export function coverageOf(mm: Mm): Coverage {
  const { pt } = mm;
  const block = 1 << pt.format.contLg2[0]!;
  let [plain, cont, huge, hugeLeaves] = [0, 0, 0, 0];
  for (const vma of mm.vmas.all)
    visit(pt, vma.start, vma.end, {
      huge: (slot, _level, start, end) => {
        if (pt.kind(slot, 1) !== Kind.leaf || mm.kernel.isHugeZero(pt.pfn(slot, 1))) return;
        huge += end - start;
        hugeLeaves++;
      },
      ptes: (slot, _start, nr) => {
        for (let i = slot; i < slot + nr; i++) {
          if (pt.kind(i, 0) !== Kind.leaf || pt.attrs(i) & A.special) continue;
          if (pt.attrs(i) & A.cont) cont++;
          else plain++;
        }
      },
    });
  return { mapped: plain + cont + huge, cont, huge, entries: plain + cont / block + hugeLeaves };
}

/** Share of the mapped pages behind contiguous blocks or larger leaves, 0 to 100. */
export function coveredPercent(c: Coverage): number {
  return c.mapped === 0 ? 0 : (100 * (c.cont + c.huge)) / c.mapped;
}
