/**
 * Takes the machine out of a capture: frame numbers and addresses are replaced by others that have the same meaning.
 * What matters to page tables stays exactly as it was; the rest, in which a machine could be recognised, is dropped.
 *
 * Frames: the PMD-sized blocks that the process touches are renumbered in the order in which its addresses meet them.
 * Blocks that were neighbours stay neighbours; between others at least one unused block is left, so that no contiguity
 * arises that was not there. The position in a block stays.
 *
 * Addresses: the address space is seen as a tree that splits at every boundary at which some kernel of 4K, 16K or 64K
 * pages starts a new table. In each node the used children move together, with one unused child where there was a gap;
 * those at the node's lower edge stay, and so do those that go on in the next node. So two pages share a table afterwards
 * if and only if they did before, and VMAs touch if and only if they did before. Addresses only become smaller.
 */
import { invariant } from "../../base/errors.ts";
import type { CapturedVma, Run } from "./format.ts";
import { NO_PFN } from "./format.ts";

/**
 * Address bits at which tables start: 21, 30, 39 with 4K pages, 25, 36, 47 with 16K, 29, 42 with 64K. Above the last,
 * x86 with five levels would start another table at bit 48; Linux uses that space by explicit request only.
 */
const TABLE_BITS = [21, 25, 29, 30, 36, 39, 42, 47] as const;

/** First and last used child, inclusive. */
type Span = [first: number, last: number];

/** The same VMAs at other addresses and frames. `page` is in bytes; the order of the VMAs stays. */
export function anonymize(vmas: readonly CapturedVma[], page: number, pmdOrder: number): CapturedVma[] {
  const pfns = frameMap(vmas, 2 ** pmdOrder);
  const starts = relocatedStarts(vmas, Math.log2(page), pmdOrder);
  return vmas.map((vma, i) => ({
    ...vma,
    start: starts[i]!,
    end: starts[i]! + (vma.end - vma.start),
    runs: vma.runs.map((run) => (run.pfn === NO_PFN ? run : { ...run, pfn: pfns(run.pfn) })),
  }));
}

/** New start page of every VMA. */
function relocatedStarts(vmas: readonly CapturedVma[], pageLg2: number, pmdOrder: number): number[] {
  const bits = TABLE_BITS.map((b) => b - pageLg2).filter((b) => b >= pmdOrder);
  if (bits[0] !== pmdOrder) bits.unshift(pmdOrder);
  const used = bits.map((b) => spans(vmas, 2 ** b));
  return vmas.map((vma) => relocate(vma.start, bits, used));
}

/** What is used of the children of size `pages`, as sorted spans that do not touch. */
function spans(vmas: readonly CapturedVma[], pages: number): Span[] {
  const out: Span[] = [];
  for (const vma of vmas) {
    const first = Math.floor(vma.start / pages);
    const last = Math.floor((vma.end - 1) / pages);
    const top = out.at(-1);
    if (top !== undefined && first <= top[1] + 1) top[1] = Math.max(top[1], last);
    else out.push([first, last]);
  }
  return out;
}

function relocate(page: number, bits: readonly number[], used: readonly Span[][]): number {
  let out = page % 2 ** bits[0]!;
  for (let l = 0; l < bits.length; l++) {
    const children = l + 1 < bits.length ? 2 ** (bits[l + 1]! - bits[l]!) : Infinity;
    out += packed(Math.floor(page / 2 ** bits[l]!), children, used[l]!) * 2 ** bits[l]!;
  }
  return out;
}

/** New index, within its node, of a used child of a node with so many children. */
function packed(child: number, children: number, used: readonly Span[]): number {
  const base = children === Infinity ? 0 : child - (child % children);
  // Nothing precedes the one node at the top, so its first child is free to take.
  let next = children === Infinity ? 0 : 1;
  for (let i = spanAt(used, base); i < used.length; i++) {
    const first = Math.max(used[i]![0] - base, 0);
    const last = Math.min(used[i]![1] - base, children - 1);
    const goesOn = used[i]![1] - base >= children;
    const at = first === 0 || goesOn ? first : next;
    if (child - base <= last) return at + (child - base - first);
    next = at + (last - first) + 2;
  }
  invariant(false, `page-table child ${child} is not in use`);
}

/** Index of the first span that ends at or after a child. */
function spanAt(used: readonly Span[], child: number): number {
  let low = 0;
  let high = used.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (used[mid]![1] < child) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** New number of a frame; known are the frames of the VMAs' runs. */
function frameMap(vmas: readonly CapturedVma[], block: number): (pfn: number) => number {
  const met: number[] = [];
  for (const vma of vmas) for (const run of vma.runs) blocksOf(run, block, met);
  const clusterOf = clusters(met);
  const placed = new Map<number, number>();
  let next = 1;
  for (const b of met) {
    const [first, last] = clusterOf(b);
    if (placed.has(first)) continue;
    placed.set(first, next);
    next += last - first + 2;
  }
  return (pfn) => {
    const b = Math.floor(pfn / block);
    const [first] = clusterOf(b);
    return (placed.get(first)! + b - first) * block + (pfn % block);
  };
}

function blocksOf(run: Run, block: number, into: number[]): void {
  if (run.pfn === NO_PFN) return;
  const last = Math.floor((run.pfn + run.n - 1) / block);
  for (let b = Math.floor(run.pfn / block); b <= last; b++) if (into.at(-1) !== b) into.push(b);
}

/** The cluster of neighbouring blocks that a block belongs to. */
function clusters(blocks: readonly number[]): (block: number) => Span {
  const out: Span[] = [];
  for (const b of [...new Set(blocks)].sort((x, y) => x - y)) {
    const top = out.at(-1);
    if (top !== undefined && b === top[1] + 1) top[1] = b;
    else out.push([b, b]);
  }
  return (block) => out[spanAt(out, block)]!;
}
