/**
 * mprotect: VMAs are cut and merged first, then the entries that are there get the new protection.
 *
 * Source: mm/mprotect.c (change_pte_range, can_change_pte_writable, commit_anon_folio_batch), change_huge_pmd, Linux 6.18.
 */
import { A, Kind } from "../arch/entry.ts";
import { E } from "../base/tally.ts";
import { FrameFlag } from "../machine/frames.ts";
import { changeLeaf } from "../pgtable/huge.ts";
import { getAndClearPtes, ptepAttrs, setPtes } from "../pgtable/ptep.ts";
import { leavesAt, modifyProtSinglePtes } from "../pgtable/singles.ts";
import { protAttrs } from "./attrs.ts";
import { folioPteBatch } from "./batch.ts";
import type { Errno } from "./errno.ts";
import { splitHuge } from "./huge.ts";
import type { Mm } from "./mm.ts";
import { populateVmaPageRange } from "./populate.ts";
import { VM_ACCESS, Vm, type Vma } from "./vma.ts";

/** What the protection decides in an entry; the rest of it stays. */
const PROT_ATTRS = A.write | A.exec | A.protnone | A.noUser;

/** `mprotect` of `[start, end)` in pages to a set of `Vm` access flags. */
export function mprotect(mm: Mm, start: number, end: number, access: number): Errno | null {
  mm.kernel.tally[E.systemCalls]!++;
  if (end < start) return "ENOMEM";
  let at = start;
  while (at < end) {
    const vma = mm.vmas.at(at);
    if (vma === undefined) return "ENOMEM";
    const to = Math.min(end, vma.end);
    const err = protectPart(mm, vma, at, to, access);
    if (err !== null) return err;
    at = to;
  }
  return null;
}

/** Memory that becomes writable is accounted; memory that loses write before it had any page is no longer. */
function withAccounting(vma: Vma, flags: number): number {
  if (flags & Vm.write) {
    const exempt = vma.flags & (Vm.account | Vm.write | Vm.shared | Vm.noreserve);
    return exempt ? flags : flags | Vm.account;
  }
  return vma.anonVma === 0 ? flags & ~Vm.account : flags;
}

/** `mprotect_fixup`. */
function protectPart(mm: Mm, old: Vma, start: number, end: number, access: number): Errno | null {
  if ((old.flags & VM_ACCESS) === access) return null;
  const before = old.flags;
  const flags = withAccounting(old, (old.flags & ~VM_ACCESS) | access);
  if (flags & ~old.flags & Vm.account && !mm.kernel.canCommit(end - start)) return "ENOMEM";
  const vma = mm.vmas.modify(start, end, flags);
  if (visitProtect(mm, vma, start, end)) {
    mm.kernel.tally[E.flushRanges]!++;
    mm.kernel.tally[E.flushPages]! += end - start;
  }
  // What is locked must not take a fault later, so copy-on-write is broken as soon as writing is allowed.
  const breaksCow = (before & (Vm.write | Vm.shared | Vm.locked)) === Vm.locked && flags & Vm.write;
  if (breaksCow) populateVmaPageRange(mm, vma, start, end);
  return null;
}

function visitProtect(mm: Mm, vma: Vma, start: number, end: number): boolean {
  let changed = false;
  mm.design.visit(mm.pt, start, end, {
    huge: (slot, level, from, to) => {
      changed = true;
      if (to - from === mm.pt.span[level]!) protectHuge(mm, vma, slot);
      else splitHuge(mm, vma, slot);
    },
    ptes: (slot, _vpn, nr) => {
      if (protectPtes(mm, vma, slot, nr)) changed = true;
    },
  });
  return changed;
}

/** `change_huge_pmd`. */
function protectHuge(mm: Mm, vma: Vma, slot: number): void {
  const old = mm.pt.attrs(slot, 1);
  const prot = protAttrs(vma.flags);
  const regain = upgrades(vma) && ownsFrame(mm, mm.pt.pfn(slot, 1), old) ? A.write : 0;
  const lost = mm.pt.format.hugeModifyDropsDirty && old & A.write ? A.dirty : 0;
  changeLeaf(mm.pt, slot, 1, prot | regain, (PROT_ATTRS & ~(prot | regain)) | lost);
}

function protectPtes(mm: Mm, vma: Vma, slot: number, nr: number): boolean {
  let changed = false;
  const batches = mm.kernel.profile.mprotectBatches && mm.kernel.batching;
  for (let i = slot; i < slot + nr; ) {
    // The read of ptep_get, which gathers the whole of a contiguous block: the batch below counts that for its run.
    if (batches) mm.kernel.tally[E.slotsRead]!++;
    else ptepAttrs(mm.pt, i);
    if (mm.pt.kind(i, 0) !== Kind.leaf) {
      i++;
      continue;
    }
    i += protectBatch(mm, vma, i, slot + nr - i);
    changed = true;
  }
  return changed;
}

/**
 * Single pages whose entries say the same, each as {@link protectBatch} has it; the first entry's read is counted. Returns how many
 * entries it was; 0 where others come first.
 */
function protectSingles(mm: Mm, vma: Vma, slot: number, max: number): number {
  const { leaves, tally, profile, batching } = mm.kernel;
  const found = leavesAt(mm.pt, slot, max, leaves);
  if (found === 0 || leaves.attrs & A.special) return 0;
  const attrs = (leaves.attrs & ~PROT_ATTRS) | protAttrs(vma.flags);
  const n = upgrades(vma) ? setSinglesByOwnership(mm, slot, found, attrs) : setSingles(mm, slot, 0, found, 0, 0, attrs);
  if (n === 0) return 0;
  tally[E.slotsRead]! += n - 1;
  if (!profile.mprotectBatches || !batching) return n;
  tally[E.foliosTouched]! += n;
  return n;
}

/** Gives new attributes to those of a run from `from` on that map single pages with `flags` among `mask`. Returns how many. */
function setSingles(
  mm: Mm,
  slot: number,
  from: number,
  found: number,
  mask: number,
  flags: number,
  attrs: number,
): number {
  const { leaves, frames } = mm.kernel;
  const n = frames.runs.singles(leaves, from, found, mask, flags);
  if (n > 0) modifyProtSinglePtes(mm.pt, slot, leaves, from, n, attrs);
  return n;
}

/** {@link setByOwnership} of single pages. */
function setSinglesByOwnership(mm: Mm, slot: number, found: number, attrs: number): number {
  const { tally } = mm.kernel;
  const mine = mayOwn(attrs) ? FrameFlag.exclusive : 0;
  let done = 0;
  for (let n = 1; n > 0 && done < found; done += n) {
    n = setSingles(mm, slot, done, found, mine, mine, mine ? attrs | A.write : attrs);
    if (n === 0) n = setSingles(mm, slot, done, found, FrameFlag.exclusive, 0, attrs);
  }
  tally[E.pagesTouched]! += done;
  return done;
}

/** One folio's run, taken out and put back with the new protection. Accessed and dirty of any become those of all. */
function protectBatch(mm: Mm, vma: Vma, slot: number, max: number): number {
  const singles = mm.kernel.frames.order(mm.pt.pfn(slot)) === 0 ? protectSingles(mm, vma, slot, max) : 0;
  if (singles > 0) return singles;
  const special = mm.pt.attrs(slot) & A.special;
  const n = special || !mm.kernel.profile.mprotectBatches ? 1 : folioPteBatch(mm, slot, max, A.write | A.softDirty);
  // Finding the folio to batch by is a look at its descriptor, which is cold more often than not.
  if (!special && mm.kernel.profile.mprotectBatches && mm.kernel.batching) mm.kernel.tally[E.foliosTouched]!++;
  mm.kernel.tally[E.slotsChanged]! += n;
  const old = getAndClearPtes(mm.pt, slot, n);
  const attrs = (old.attrs & ~PROT_ATTRS) | protAttrs(vma.flags);
  if (upgrades(vma)) setByOwnership(mm, slot, old.pfn, attrs, n);
  else setPtes(mm.pt, slot, old.pfn, attrs, n);
  return n;
}

/** `vma_wants_manual_pte_write_upgrade`: in shared memory the protection says it already. */
function upgrades(vma: Vma): boolean {
  return (vma.flags & (Vm.write | Vm.shared)) === Vm.write;
}

/** Pages that are this process' alone become writable at once; others wait for a write fault (`commit_anon_folio_batch`). */
function setByOwnership(mm: Mm, slot: number, pfn: number, attrs: number, n: number): void {
  mm.kernel.tally[E.pagesTouched]! += n;
  for (let i = 0; i < n; ) {
    const owned = ownsFrame(mm, pfn + i, attrs);
    const len = mm.kernel.frames.alikeIn(pfn + i, n - i, mayOwn(attrs) ? FrameFlag.exclusive : 0);
    setPtes(mm.pt, slot + i, pfn + i, owned ? attrs | A.write : attrs, len);
    i += len;
  }
}

/** `can_change_private_pte_writable`. */
function ownsFrame(mm: Mm, pfn: number, attrs: number): boolean {
  return mayOwn(attrs) && mm.kernel.frames.hasFlag(pfn, FrameFlag.exclusive);
}

/** What it asks of the entry alone. */
function mayOwn(attrs: number): boolean {
  return !(attrs & (A.special | A.uffdWp));
}
