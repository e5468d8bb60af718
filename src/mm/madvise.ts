/**
 * madvise: the walk over areas that all advice shares, and the advice that is built.
 *
 * Source: mm/madvise.c (madvise_walk_vmas, madvise_dontneed_free), hugepage_madvise of mm/khugepaged.c, Linux 6.18.
 */
import type { Errno } from "./errno.ts";
import type { Mm } from "./mm.ts";
import { Vm, type Vma } from "./vma.ts";
import { zapRange } from "./zap.ts";

/** What one piece of advice does to the part `[start, end)` of one area. */
type AdviceFn = (mm: Mm, vma: Vma, start: number, end: number) => Errno | null;

const ADVICE: Readonly<Record<string, AdviceFn>> = {
  dontneed,
  hugepage: (mm, vma, start, end) => setFlags(mm, vma, start, end, Vm.hugepage, Vm.nohugepage),
  nohugepage: (mm, vma, start, end) => setFlags(mm, vma, start, end, Vm.nohugepage, Vm.hugepage),
};

/** Names of the advice that the model knows. */
export const adviceNames: readonly string[] = Object.keys(ADVICE);

/** `madvise` of `[start, end)` in pages. A hole gives ENOMEM, but only after all mapped parts are done. */
export function madvise(mm: Mm, start: number, end: number, advice: string): Errno | null {
  const act = ADVICE[advice];
  if (act === undefined) return "ENOSYS";
  let hole = false;
  let at = start;
  while (at < end) {
    const vma = mm.vmas.find(at);
    if (vma === undefined || vma.start >= end) return "ENOMEM";
    if (vma.start > at) hole = true;
    const [from, to] = [Math.max(at, vma.start), Math.min(end, vma.end)];
    const err = act(mm, vma, from, to);
    if (err !== null) return err;
    at = to;
  }
  return hole ? "ENOMEM" : null;
}

function dontneed(mm: Mm, _vma: Vma, start: number, end: number): null {
  zapRange(mm, start, end, { dropMarkers: false, reclaimTables: mm.kernel.profile.ptReclaim(mm.kernel.format) });
  return null;
}

function setFlags(mm: Mm, vma: Vma, start: number, end: number, set: number, clear: number): null {
  const flags = (vma.flags & ~clear) | set;
  if (flags !== vma.flags) mm.vmas.modify(start, end, flags);
  return null;
}
