/**
 * The simulated kernel's address space as the generic pagewalk wants it, and guard regions installed over it as Linux does:
 * by callbacks, with a zap between the attempts. `guard.ts` installs by whatever design the machine has, and counts no attempts.
 *
 * Source: madvise_guard_install of mm/madvise.c, Linux 6.18.
 */
import type { WalkMm, WalkVma } from "../design/pagewalk.ts";
import { type GuardInstalled, guardInstallWalk } from "../design/pagewalk-ops.ts";
import { splitHuge } from "./huge.ts";
import type { Mm } from "./mm.ts";
import type { Vma } from "./vma.ts";
import { zapRange } from "./zap.ts";

/** An address space for walks, its mmap lock held for reading. VMAs are looked up anew each time: they merge and split. */
export function walkMmOf(mm: Mm): WalkMm {
  const { kernel, pt } = mm;
  const walkMm: WalkMm = {
    pt,
    mmapLock: "read",
    isInitMm: false,
    findVma: (vpn) => {
      const vma = mm.vmas.find(vpn);
      return vma && walkVmaOf(walkMm, vma);
    },
    splitHuge: (vma, slot) => splitHuge(mm, mm.vmas.at(vma.start)!, slot),
    isZeroPage: (pfn) => pfn === kernel.zeroPfn || kernel.isHugeZero(pfn),
  };
  return walkMm;
}

function walkVmaOf(mm: WalkMm, { start, end, pgoff }: Vma): WalkVma {
  return { mm, start, end, pgoff, pfnmap: false, hugetlbLg2: -1, lock: "read", hugetlbLocked: false };
}

/**
 * `madvise_guard_install` on the pages `[start, end)` of one VMA, by the pagewalk whatever design the machine has. Entries
 * and folios end up as MADV_GUARD_INSTALL leaves them; what it returns says how often it walked and zapped on the way.
 */
export function guardInstallByWalk(mm: Mm, start: number, end: number): GuardInstalled {
  const vma = walkMmOf(mm).findVma(start)!;
  return guardInstallWalk(vma, start, end, () =>
    zapRange(mm, mm.vmas.at(start)!, start, end, { dropMarkers: false, reclaimTables: false }),
  );
}
