/**
 * One address walked on a format of one's choice: a page there is written, and the walk is told with the raw words it reads.
 */
import { A } from "../../arch/entry.ts";
import { invariant, UserError } from "../../base/errors.ts";
import { formatSize } from "../../base/size.ts";
import { access } from "../../mm/fault.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap } from "../../mm/mmap.ts";
import { newAnonFolio } from "../../mm/rmap.ts";
import { Vm } from "../../mm/vma.ts";
import { describeWalk } from "../../mmu/describe-walk.ts";
import { hugetlbSizes, mapHugetlb } from "../../pgtable/hugetlb.ts";
import { kernelFor } from "../layout.ts";

/** What lies at the address, besides its format. */
export interface WalkPlace {
  /** Byte address. Default 0x12345678, which every format reaches. */
  readonly address?: number;
  /** How memory is mapped: a policy of `kernelFor`. Default "base pages". */
  readonly policy?: string;
  /** Map the smallest contiguous hugetlb page of the format there, instead of memory written by a program. */
  readonly hugetlb?: boolean;
  /** Walk the page after it as well, which nothing was ever written to unless a folio reaches there. */
  readonly next?: boolean;
}

/** The walk of an address on a format, a line for each level; see `describeWalk`. */
export function walkOn(arch: string, place: WalkPlace = {}): string {
  const { address = 0x12345678, policy = "base pages", hugetlb = false, next = false } = place;
  const kernel = kernelFor(policy, { arch });
  const mm = new Mm(kernel);
  const vpn = Math.floor(address / 2 ** kernel.format.pageLg2);
  if (hugetlb) mapBlock(mm, vpn);
  else writePage(mm, vpn);
  return (next ? [vpn, vpn + 1] : [vpn]).map((page) => describeWalk(mm.pt, page)).join("\n");
}

/** A VMA that reaches as far on both sides as the table of the page, so that any folio fits. */
function writePage(mm: Mm, vpn: number): void {
  const span = mm.pt.span[1]!;
  const err = mmap(mm, { start: vpn - (vpn % span), pages: span, flags: Vm.read | Vm.write });
  if (err !== null) throw new UserError(`no page ${vpn} on ${mm.kernel.format.name}: ${err}`);
  access(mm, vpn, true);
}

function mapBlock(mm: Mm, vpn: number): void {
  const { format } = mm.kernel;
  const size = hugetlbSizes(format).find(({ entries }) => entries > 1);
  if (size === undefined)
    throw new UserError(`${format.name} has no contiguous blocks (pages of ${formatSize(2 ** format.pageLg2)})`);
  const pfn = newAnonFolio(mm.kernel, size.pagesLg2);
  invariant(pfn >= 0, `no memory for a folio of order ${size.pagesLg2}`);
  mapHugetlb(mm.pt, vpn - (vpn % 2 ** size.pagesLg2), size, pfn, A.write | A.young | A.dirty);
}
