/**
 * What a range may hold before something is installed in it: the states that the studies of this folder start from. Sizes are
 * in huge pages of the format, so that every state exists on every format that has them.
 */
import { pmdOrder } from "../../arch/format.ts";
import { KiB } from "../../base/size.ts";
import { access } from "../../mm/fault.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { madvise } from "../../mm/madvise.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap } from "../../mm/mmap.ts";
import { Vm } from "../../mm/vma.ts";
import type { Place } from "../compare/workloads.ts";
import { policyOrders, studyVpn } from "../layout.ts";

/** A process with one private mapping of so many huge pages, nothing in it yet. */
export function emptyPlace(kernel: Kernel, blocks: number): Place {
  const mm = new Mm(kernel);
  const start = studyVpn(kernel.format);
  const pages = blocks * mm.pt.span[1]!;
  mmap(mm, { start, pages, flags: Vm.read | Vm.write });
  return { mm, start, end: start + pages };
}

/** Lets write faults take folios of an order from now on, besides those allowed before. */
export function allowOrder({ thp, format }: Kernel, order: number): void {
  thp.set(`hugepages-${2 ** (order + format.pageLg2) / KiB}kB/enabled`, "always");
}

/** Writes to one page: its whole folio, of the largest order allowed, is mapped. */
export function touch({ mm }: Place, vpn: number): void {
  access(mm, vpn, true);
}

/** Maps a huge page in every block of the mapping, or in every `step`th. */
export function hugePages(place: Place, step = 1): void {
  const { mm, start, end } = place;
  allowOrder(mm.kernel, pmdOrder(mm.kernel.format));
  for (let vpn = start; vpn < end; vpn += step * mm.pt.span[1]!) touch(place, vpn);
}

/** Maps the folio between small and huge that starts at a page: 64K of 4K pages. */
export function middleFolio(place: Place, vpn: number): void {
  allowOrder(place.mm.kernel, middleOrder(place.mm.kernel));
  touch(place, vpn);
}

/** Order of {@link middleFolio}; where the format has contiguous blocks it is one. */
export function middleOrder({ format }: Kernel): number {
  return [...policyOrders(format).values()][1]!;
}

/** Leaves PTE tables for the range and nothing in them: guards came and went. */
export function tablesAlone({ mm, start, end }: Place): void {
  madvise(mm, start, end, "guard");
  madvise(mm, start, end, "unguard");
}
