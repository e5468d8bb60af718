/**
 * mincore: which pages of a range are in memory. Guards are not; zero pages are.
 *
 * Source: mm/mincore.c, Linux 6.18.
 */
import { Kind } from "../arch/entry.ts";
import { visit } from "../pgtable/visit.ts";
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
  const resident = new Array<boolean>(end - start).fill(false);
  const { pt } = mm;
  visit(pt, start, end, {
    huge: (_slot, _level, from, to) => resident.fill(true, from - start, to - start),
    ptes: (slot, from, nr) => {
      for (let i = 0; i < nr; i++) resident[from - start + i] = pt.kind(slot + i, 0) === Kind.leaf;
    },
  });
  return resident;
}
