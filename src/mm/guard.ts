/**
 * Guard regions: markers in page-table entries that make every access to a page fail, without an area of their own.
 *
 * Source: madvise_guard_install and madvise_guard_remove of mm/madvise.c, Linux 6.18.
 */
import { Kind, Marker } from "../arch/entry.ts";
import { isGuard, SWP_PTE_MARKER } from "../arch/format.ts";
import { E } from "../base/tally.ts";
import { clearPtes, setSoftleaf } from "../pgtable/ptep.ts";
import { visit } from "../pgtable/visit.ts";
import type { Errno } from "./errno.ts";
import type { Mm } from "./mm.ts";
import { prepareAnonVma, Vm, type Vma } from "./vma.ts";
import { zapRange } from "./zap.ts";

/** `MAX_MADVISE_GUARD_RETRIES`. One retry is the rule, since nothing races in the model. */
const MAX_RETRIES = 3;

/**
 * Installs guards on `[start, end)` of one area. Whatever is mapped in the range is zapped, the whole range and not just
 * what stood in the way; huge mappings that the range cuts are split by that zap.
 */
export function guardInstall(mm: Mm, vma: Vma, start: number, end: number): Errno | null {
  if (vma.flags & Vm.locked) return "EINVAL";
  // Fork copies the tables of areas that have an anon_vma, and of no others; so the markers reach the child.
  prepareAnonVma(mm.kernel, mm.vmas, vma);
  for (let tries = 0; tries < MAX_RETRIES; tries++) {
    if (installWhereEmpty(mm, start, end)) return null;
    zapRange(mm, start, end, { dropMarkers: false, reclaimTables: false });
  }
  return "EAGAIN";
}

/** Walks up to the first populated page; false if there is one. Markers below it stay. */
function installWhereEmpty(mm: Mm, start: number, end: number): boolean {
  const { pt } = mm;
  const perTable = pt.span[1]!;
  for (let vpn = start; vpn < end; ) {
    const next = Math.min(end, vpn - (vpn % perTable) + perTable);
    const slot = pt.findOrMake(vpn, 0);
    if (slot < 0 || !fillRun(mm, slot, next - vpn)) return false;
    vpn = next;
  }
  return true;
}

/** Installs markers in a run of one table until an entry that is neither empty nor a guard. */
function fillRun(mm: Mm, slot: number, nr: number): boolean {
  const { pt } = mm;
  for (let i = slot; i < slot + nr; i++) {
    pt.tally[E.slotsRead]!++;
    const kind = pt.kind(i, 0);
    if (kind === Kind.none) setSoftleaf(pt, i, 1, SWP_PTE_MARKER, Marker.guard);
    else if (kind !== Kind.softleaf || !isGuard(pt.format, pt.lo(i), pt.hi(i))) return false;
  }
  return true;
}

/** Removes guards from `[start, end)`; everything else stays, tables too. */
export function guardRemove(mm: Mm, _vma: Vma, start: number, end: number): Errno | null {
  const { pt } = mm;
  visit(pt, start, end, {
    ptes: (slot, _vpn, nr) => {
      for (let i = slot; i < slot + nr; i++) {
        pt.tally[E.slotsRead]!++;
        if (pt.kind(i, 0) === Kind.softleaf && isGuard(pt.format, pt.lo(i), pt.hi(i))) clearPtes(pt, i, 1);
      }
    },
  });
  return null;
}
