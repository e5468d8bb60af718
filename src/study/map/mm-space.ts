/**
 * The address space of a simulated process, read from its page tables: contiguous blocks are entries that carry the bit.
 */
import { A, Kind } from "../../arch/entry.ts";
import { isGuard, SWP_PTE_MARKER } from "../../arch/format.ts";
import type { Mm } from "../../mm/mm.ts";
import { Vm, type Vma } from "../../mm/vma.ts";
import { walkSteps } from "../../mmu/describe-walk.ts";
import { contSlots, isContiguous } from "../../pgtable/cont.ts";
import { emptyRun } from "../../pgtable/runs.ts";
import { visit } from "../../pgtable/visit.ts";
import { type AddressSpace, type MapKind, type MapRun, type MapVma, pushRun } from "./space.ts";

/** A simulated process as an address space, as it is now; what {@link AddressSpace.entry} says is read when it is asked. */
export function mmSpace(mm: Mm, name: string): AddressSpace {
  const { pt } = mm;
  return {
    name,
    page: 2 ** pt.format.pageLg2,
    spans: pt.span.slice(0, pt.levels),
    cont: contSlots(pt, 0),
    vmas: mm.vmas.all.map((vma) => mapVma(mm, vma)),
    entry: (vpn) => entryOf(mm, vpn),
  };
}

function mapVma(mm: Mm, vma: Vma): MapVma {
  const { pt } = mm;
  const runs: MapRun[] = [];
  visit(pt, vma.start, vma.end, {
    huge: (slot, level, start, end) => {
      const kind = kindAt(mm, slot, level);
      if (kind !== null) pushRun(runs, runAt(mm, kind, slot, level, start, end));
    },
    ptes: (slot, start, nr) => {
      for (let i = emptyRun(pt, slot, nr); i < nr; i += 1 + emptyRun(pt, slot + i + 1, nr - i - 1)) {
        const kind = kindAt(mm, slot + i, 0);
        if (kind !== null) pushRun(runs, runAt(mm, kind, slot + i, 0, start + i, start + i + 1));
      }
    },
  });
  return { start: vma.start, end: vma.end, perms: permsOf(vma), what: vma.file === null ? "anon" : "file", runs };
}

const HAS_FRAMES: readonly MapKind[] = [
  "PUD leaf",
  "PMD leaf",
  "contpte block",
  "large folio",
  "single page",
  "PROT_NONE",
];

function runAt(mm: Mm, kind: MapKind, slot: number, level: number, start: number, end: number): MapRun {
  const { pt, kernel } = mm;
  if (!HAS_FRAMES.includes(kind)) return { start, end, kind, pfn: -1, order: 0, index: 0 };
  // A leaf may begin before the range that is visited.
  const pfn = pt.pfn(slot, level) + (start % pt.span[level]!);
  return { start, end, kind, pfn, order: kernel.frames.order(pfn), index: pfn - kernel.frames.head(pfn) };
}

/** Null for an empty entry. */
function kindAt({ pt, kernel }: Mm, slot: number, level: number): MapKind | null {
  const kind = pt.kind(slot, level);
  if (kind === Kind.softleaf) return softKind(pt.format, pt.lo(slot), pt.hi(slot));
  if (kind !== Kind.leaf) return null;
  const attrs = pt.attrs(slot, level);
  const pfn = pt.pfn(slot, level);
  if (attrs & A.protnone) return "PROT_NONE";
  if (pfn === kernel.zeroPfn || kernel.isHugeZero(pfn)) return "zero page";
  if (attrs & A.special) return "other memory";
  if (level > 0) return level > 1 ? "PUD leaf" : "PMD leaf";
  if (isContiguous(pt, attrs, 0)) return "contpte block";
  return kernel.frames.order(pfn) > 0 ? "large folio" : "single page";
}

function softKind(format: Mm["pt"]["format"], lo: number, hi: number): MapKind {
  if (format.swapType(lo, hi) !== SWP_PTE_MARKER) return "swap";
  return isGuard(format, lo, hi) ? "guard" : "marker";
}

function permsOf({ flags }: Vma): string {
  const letter = (flag: number, yes: string, no = "-") => (flags & flag ? yes : no);
  return letter(Vm.read, "r") + letter(Vm.write, "w") + letter(Vm.exec, "x") + letter(Vm.shared, "s", "p");
}

/** The last entry that a walk of the page reads. */
function entryOf({ pt }: Mm, vpn: number) {
  const { name, word, meaning } = walkSteps(pt, vpn).at(-1)!;
  return { word: `0x${word}`, says: `${name}: ${meaning}` };
}
