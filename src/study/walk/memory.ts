/**
 * Memory to walk: one mapping of a process, brought into each state that an entry can be in by the kernel's own operations.
 *
 * Sixteen pages around {@link walkPlace} are in the state; the pages around them are as a write left them, and further away
 * nothing was written.
 */
import { A } from "../../arch/entry.ts";
import { type Format, pmdOrder } from "../../arch/format.ts";
import { invariant, oneOf, UserError } from "../../base/errors.ts";
import { formatSize, GiB, KiB } from "../../base/size.ts";
import { access } from "../../mm/fault.ts";
import { Kernel } from "../../mm/kernel.ts";
import { madvise } from "../../mm/madvise.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap } from "../../mm/mmap.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { alignDown } from "../../mm/thp.ts";
import { Vm } from "../../mm/vma.ts";
import { type HugeSize, hugetlbSizes, mapHugetlb } from "../../pgtable/hugetlb.ts";

/** States of memory, the usual one first. */
export const WALK_KINDS = [
  "base pages",
  "mTHP folio",
  "contiguous block",
  "PMD leaf",
  "PUD leaf",
  "swap entry",
  "PROT_NONE",
  "guard marker",
  "hole",
] as const;
/** One of {@link WALK_KINDS}. */
export type WalkKind = (typeof WALK_KINDS)[number];

/** The address around which memory is mapped, before it is cut to what a format reaches: 47 bits, as mmap hands out. */
export const WALK_ADDRESS = 0x7f1234567890n;

/** The address around which memory is mapped on a format. */
export const walkPlace = (format: Format): bigint => BigInt.asUintN(format.userVaBits, WALK_ADDRESS);

/** Pages that are brought into a state: as log two. */
const PART_LG2 = 4;
/** Pages that are written at least: eight lines of a table. */
const WRITTEN = 64;

/** A process with such memory. Throws {@link UserError} where a format has no such entries. */
export function walkMemory(arch: string, kind: string): Mm {
  const known = oneOf("kind of memory", kind, WALK_KINDS);
  const mm = new Mm(new Kernel({ arch, swap: GiB }));
  const vpn = Number(walkPlace(mm.kernel.format) >> BigInt(mm.kernel.format.pageLg2));
  const size = hugetlbSize(mm.kernel.format, known);
  if (size !== undefined) mapOnePage(mm, vpn, size);
  else fill(mm, vpn, folioOrder(mm.kernel.format, known));
  treat(mm, alignDown(vpn, PART_LG2), known);
  return mm;
}

/** What a program cannot make by writing alone is a page of hugetlb: a PUD leaf, and a block where Linux folds none. */
function hugetlbSize(format: Format, kind: WalkKind): HugeSize | undefined {
  if (kind === "PUD leaf") return sizeWhere(format, "leaves of a PUD", ({ level }) => level === 2);
  if (kind !== "contiguous block" || format.contpte) return undefined;
  return sizeWhere(format, "contiguous blocks", ({ entries }) => entries > 1);
}

function sizeWhere(format: Format, what: string, is: (size: HugeSize) => boolean): HugeSize {
  const size = hugetlbSizes(format).find(is);
  if (size === undefined)
    throw new UserError(`${format.name} has no ${what} (pages of ${formatSize(2 ** format.pageLg2)})`);
  return size;
}

/** Its frames are those that a boot parameter (hugepages=) sets aside: the second such page of memory, beyond what else is used. */
function mapOnePage(mm: Mm, vpn: number, size: HugeSize): void {
  const pages = 2 ** size.pagesLg2;
  invariant(2 * pages <= mm.kernel.frames.total, `no memory for a page of 2^${size.pagesLg2}`);
  mapHugetlb(mm.pt, alignDown(vpn, size.pagesLg2), size, pages, A.write | A.dirty | A.young);
}

/** The folio that a write fault takes: the smallest large one for an mTHP that no block can be made of. */
function folioOrder(format: Format, kind: WalkKind): number {
  if (kind === "mTHP folio") return 2;
  if (kind === "contiguous block") return format.contLg2[0]!;
  return kind === "PMD leaf" ? pmdOrder(format) : 0;
}

/** A mapping of the whole table and its neighbour, of which some pages are written. */
function fill(mm: Mm, vpn: number, order: number): void {
  const { format, thp } = mm.kernel;
  if (order > 0) thp.set(`hugepages-${2 ** (format.pageLg2 + order) / KiB}kB/enabled`, "always");
  const span = mm.pt.span[1]!;
  const mapped = alignDown(vpn, pmdOrder(format));
  const err = mmap(mm, { start: mapped, pages: 2 * span, flags: Vm.read | Vm.write });
  invariant(err === null, `mmap of ${2 * span} pages: ${err}`);
  const step = 2 ** order;
  const start = alignDown(vpn, Math.max(order, PART_LG2 + 1));
  const end = Math.min(start + Math.max(WRITTEN, 2 * step), mapped + 2 * span);
  for (let at = start; at < end; at += step) access(mm, at, true);
}

function treat(mm: Mm, start: number, kind: WalkKind): void {
  const end = start + 2 ** PART_LG2;
  const advice = { "swap entry": "pageout", "guard marker": "guard", hole: "dontneed" }[kind as string];
  const err = advice !== undefined ? madvise(mm, start, end, advice) : null;
  const refused = kind === "PROT_NONE" ? mprotect(mm, start, end, 0) : err;
  invariant(refused === null, `${kind}: ${refused}`);
}
