/**
 * madvise: the walk over VMAs that all advice shares, and the advice that is built.
 *
 * Source: mm/madvise.c (madvise_walk_vmas, madvise_dontneed_free), hugepage_madvise of mm/khugepaged.c, Linux 6.18.
 */
import { E } from "../base/tally.ts";
import { madviseCollapse } from "./collapse.ts";
import type { Errno } from "./errno.ts";
import { madviseRemove } from "./file-size.ts";
import { guardInstall, guardRemove } from "./guard.ts";
import { madviseCold, madviseFree, madvisePageout } from "./lazy.ts";
import type { Mm } from "./mm.ts";
import { madvisePopulate } from "./populate.ts";
import { swapWillneed } from "./swap-io.ts";
import { Vm, type Vma } from "./vma.ts";
import { zapRange } from "./zap.ts";

/** What one piece of advice does to the part `[start, end)` of one VMA. */
type AdviceFn = (mm: Mm, vma: Vma, start: number, end: number) => Errno | null;

const ADVICE: Readonly<Record<string, AdviceFn>> = {
  dontneed: (mm, vma, start, end) => (vma.flags & Vm.locked ? "EINVAL" : dontneed(mm, vma, start, end)),
  dontneed_locked: dontneed,
  collapse: madviseCollapse,
  free: madviseFree,
  remove: madviseRemove,
  cold: madviseCold,
  pageout: madvisePageout,
  guard: guardInstall,
  unguard: guardRemove,
  dontfork: (mm, vma, start, end) => setFlags(mm, vma, start, end, Vm.dontcopy, 0),
  dofork: (mm, vma, start, end) => setFlags(mm, vma, start, end, 0, Vm.dontcopy),
  wipeonfork: (mm, vma, start, end) =>
    vma.flags & Vm.shared ? "EINVAL" : setFlags(mm, vma, start, end, Vm.wipeonfork, 0),
  keeponfork: (mm, vma, start, end) => setFlags(mm, vma, start, end, 0, Vm.wipeonfork),
  // The page merger (KSM) is not modelled; its advice keeps VMAs apart all the same.
  mergeable: (mm, vma, start, end) => (vma.flags & Vm.shared ? null : setFlags(mm, vma, start, end, Vm.mergeable, 0)),
  unmergeable: (mm, vma, start, end) => setFlags(mm, vma, start, end, 0, Vm.mergeable),
  // Lets what it would read be seen on its list, too.
  willneed: (mm, _vma, start, end) => {
    mm.kernel.lru.drain();
    swapWillneed(mm, start, end);
    return null;
  },
  hugepage: (mm, vma, start, end) => setFlags(mm, vma, start, end, Vm.hugepage, Vm.nohugepage),
  nohugepage: (mm, vma, start, end) => setFlags(mm, vma, start, end, Vm.nohugepage, Vm.hugepage),
};

/** Names of the advice that the model knows. */
export const adviceNames: readonly string[] = [...Object.keys(ADVICE), "populate_read", "populate_write"];

/** `madvise` of `[start, end)` in pages. A hole gives ENOMEM, but only after all mapped parts are done. */
export function madvise(mm: Mm, start: number, end: number, advice: string): Errno | null {
  mm.kernel.tally[E.systemCalls]!++;
  // These two fault pages in and stop at the first failure, so they do not go from VMA to VMA as the others do.
  if (advice === "populate_read" || advice === "populate_write")
    return madvisePopulate(mm, start, end, advice === "populate_write");
  const act = ADVICE[advice];
  if (act === undefined) return "ENOSYS";
  // A kernel that does not know the advice says so before it looks at the range.
  if (advice.endsWith("guard") && !mm.kernel.profile.guards) return "EINVAL";
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

function dontneed(mm: Mm, vma: Vma, start: number, end: number): null {
  zapRange(mm, vma, start, end, { dropMarkers: false, reclaimTables: mm.kernel.profile.ptReclaim(mm.kernel.format) });
  return null;
}

function setFlags(mm: Mm, vma: Vma, start: number, end: number, set: number, clear: number): null {
  const flags = (vma.flags & ~clear) | set;
  if (flags !== vma.flags) mm.vmas.modify(start, end, flags);
  return null;
}
