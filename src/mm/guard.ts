/**
 * Guard regions: markers in page-table entries that make every access to a page fail, without a VMA of their own.
 *
 * Source: madvise_guard_install and madvise_guard_remove of mm/madvise.c, Linux 6.18.
 */
import { Kind, Marker } from "../arch/entry.ts";
import { isGuard } from "../arch/format.ts";
import { E } from "../base/tally.ts";
import type { PageTable } from "../pgtable/pagetable.ts";
import { clearPtes } from "../pgtable/ptep.ts";
import { alikeRun } from "../pgtable/runs.ts";
import type { Errno } from "./errno.ts";
import type { Mm } from "./mm.ts";
import { prepareAnonVma, Vm, type Vma } from "./vma.ts";
import { zapRange } from "./zap.ts";

/** `MAX_MADVISE_GUARD_RETRIES`. One retry is the rule, since nothing races in the model. */
const MAX_RETRIES = 3;

/**
 * Installs guards on `[start, end)` of one VMA. Whatever is mapped in the range is zapped, the whole range and not just
 * what stood in the way; huge mappings that the range cuts are split by that zap.
 */
export function guardInstall(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & Vm.locked) return "EINVAL";
  markArea(mm, vma);
  for (let tries = 0; tries < MAX_RETRIES; tries++) {
    if (installWhereEmpty(mm, start, end)) return null;
    zapRange(mm, vma, start, end, { dropMarkers: false, reclaimTables: false });
  }
  return "EAGAIN";
}

/**
 * Fork must copy the markers. It copied the tables of VMAs that have an anon_vma, and of no others, so every VMA got one;
 * later a flag says it, which joins VMAs as if it were not there, and only anonymous memory gets an anon_vma.
 */
function markArea(mm: Mm, vma: Vma): void {
  const { kernel } = mm;
  const marks = kernel.profile.guardsMarkAreas(kernel.format);
  if (marks) mm.vmas.mark(vma, Vm.maybeGuard);
  if (!marks || vma.file === null) prepareAnonVma(kernel, mm.vmas, vma);
}

/** Fills up to the first populated page; false if there is one. Markers below it stay. */
function installWhereEmpty(mm: Mm, start: number, end: number): boolean {
  const fill = { kind: "marker", marker: Marker.guard } as const;
  const keep = (slot: number, level: number) => level === 0 && isGuardMarker(mm.pt, slot);
  return mm.design.install(mm.pt, start, end, { fill, keep }).stopped < 0;
}

function isGuardMarker(pt: PageTable, slot: number): boolean {
  return pt.kind(slot, 0) === Kind.softleaf && isGuard(pt.format, pt.lo(slot), pt.hi(slot));
}

/** Removes guards from `[start, end)`; everything else stays, tables too. */
export function guardRemove(mm: Mm, _vma: Vma, start: number, end: number): Errno | null {
  const { pt } = mm;
  mm.design.visit(pt, start, end, {
    ptes: (slot, _vpn, nr) => {
      pt.tally[E.slotsRead]! += nr;
      for (let i = slot; i < slot + nr; ) {
        const n = alikeRun(pt, i, slot + nr - i);
        if (isGuardMarker(pt, i)) clearPtes(pt, i, n);
        i += n;
      }
    },
  });
  return null;
}
