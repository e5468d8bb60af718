/**
 * The statistics of the kernel's tools/mm/thpmaps, by their own names, from a capture. They say how much memory is
 * mapped in a way that larger translations could use; they are inferred from the layout and never see a contiguous bit.
 *
 * What the tool does is followed also where it is odd: a run of pages may cross folios; a run without a head page is
 * "partial" as a whole; folios of order 1 are counted and never printed; the amounts mapped by PMD come from smaps and
 * are subtracted, floor 0; the huge zero page counts as file; a folio that is cut off at the end of a run is put down
 * as anonymous or file by the page before it in the VMA (by the VMA's last one where there is none).
 *
 * Differs by what a capture lacks: page offset, device, inode and name are not recorded.
 * Source: tools/mm/thpmaps as of Linux 6.9, which 6.18 still has.
 */
import { UserError } from "../../base/errors.ts";
import { formatSize, parseSize } from "../../base/size.ts";
import type { Capture, CapturedVma, Run } from "./format.ts";
import { AMOUNTS, isAnon } from "./format.ts";

/** What a statistic is a part of: anonymous memory, all other memory, or nothing (amounts by smaps). */
export type StatType = "anon" | "file" | "smaps";

/** One line of thpmaps. */
export interface Stat {
  readonly label: string;
  readonly type: StatType;
  readonly kB: number;
}

/** Statistics and what their percentages refer to, in kB. */
export interface ThpStats {
  readonly stats: readonly Stat[];
  readonly anon: number;
  readonly file: number;
}

/** Options of thpmaps. */
export interface ThpmapsOptions {
  /** Orders of contiguous blocks, as made by {@link contOrder}. */
  readonly contOrders: readonly number[];
  /** Also give the amounts by smaps that the capture holds. */
  readonly incSmaps: boolean;
}

/** Order of a block size such as `64K`. The rules are those of `--cont`: a power of two, from two pages to a PMD. */
export function contOrder(size: string, page: number, pmdOrder: number): number {
  const order = Math.log2(parseSize(size) / page);
  if (Number.isInteger(order) && order >= 1 && order <= pmdOrder) return order;
  const most = formatSize(page * 2 ** pmdOrder);
  throw new UserError(`bad block size '${size}': a power of two from ${formatSize(2 * page)} to ${most} is allowed`);
}

/** Statistics of one VMA; none where nothing is in memory or the VMA has no permission at all. */
export function vmaThpStats(vma: CapturedVma, capture: Capture, options: ThpmapsOptions): ThpStats {
  const smaps = options.incSmaps ? AMOUNTS.map((a): Stat => ({ label: a, type: "smaps", kB: vma.amounts[a] })) : [];
  if (vma.perms.startsWith("---") || vma.amounts.Rss === 0) return { stats: smaps, anon: 0, file: 0 };
  const chains = chainsOf(vma);
  const conts = options.contOrders.flatMap((order) => contStats(chains, vma, capture, order));
  const anon = vma.amounts.Anonymous;
  return { stats: [...smaps, ...thpStats(chains, vma, capture), ...conts], anon, file: vma.amounts.Rss - anon };
}

/** The sums over all VMAs, as `--rollup` prints them. */
export function rollupThpStats(capture: Capture, options: ThpmapsOptions): ThpStats {
  const sums = new Map<string, Stat>();
  let anon = 0;
  let file = 0;
  for (const vma of capture.vmas) {
    const one = vmaThpStats(vma, capture, options);
    for (const s of one.stats) sums.set(s.label, { ...s, kB: s.kB + (sums.get(s.label)?.kB ?? 0) });
    anon += one.anon;
    file += one.file;
  }
  return { stats: [...sums.values()], anon, file };
}

/** A run of pages of large folios in which page number and frame number both step by one, in pieces of one order. */
type Chain = readonly Piece[];

/** Part of a chain; `page` is a page number of the address space. */
interface Piece {
  readonly page: number;
  readonly pfn: number;
  readonly n: number;
  readonly order: number;
  readonly anon: boolean;
}

function chainsOf(vma: CapturedVma): Chain[] {
  const chains: Piece[][] = [];
  for (const run of vma.runs) {
    if (run.order === 0) continue;
    const piece = pieceOf(run, vma.start);
    const top = chains.at(-1)?.at(-1);
    const next = top !== undefined && top.page + top.n === piece.page && top.pfn + top.n === piece.pfn;
    if (next) chains.at(-1)!.push(piece);
    else chains.push([piece]);
  }
  return chains;
}

function pieceOf(run: Run, start: number): Piece {
  return { page: start + run.page, pfn: run.pfn, n: run.n, order: run.order, anon: isAnon(run.cls) };
}

/** Pages by order and kind. */
interface Counters {
  partial: number;
  readonly aligned: number[];
  readonly unaligned: number[];
}

type Counts = Readonly<Record<"anon" | "file", Counters>>;

function kindOf(anon: boolean): "anon" | "file" {
  return anon ? "anon" : "file";
}

function thpStats(chains: readonly Chain[], vma: CapturedVma, capture: Capture): Stat[] {
  const counts = { anon: noCounts(capture.pmdOrder), file: noCounts(capture.pmdOrder) };
  // Python's index -1 is the last one: that is what the first chain's folio is judged by.
  let before = chains.at(-1)?.at(-1)?.anon ?? false;
  for (const chain of chains) {
    countChain(chain, before, counts);
    before = chain.at(-1)!.anon;
  }
  subtractPmd(counts, vma, capture);
  return thpLines(counts, vma, capture);
}

function noCounts(pmdOrder: number): Counters {
  const zeros = () => new Array<number>(pmdOrder + 1).fill(0);
  return { partial: 0, aligned: zeros(), unaligned: zeros() };
}

function countChain(chain: Chain, before: boolean, counts: Counts): void {
  const first = chain[0]!;
  const last = chain.at(-1)!;
  const front = Math.min(-first.pfn & (2 ** first.order - 1), first.n);
  counts[kindOf(first.anon)].partial += front;
  if (front === first.n && chain.length === 1) return;
  const back = (last.pfn + last.n) % 2 ** last.order;
  if (back > 0) counts[kindOf(pageBefore(chain, front, back, before))].partial += back;
  for (const piece of chain)
    countWhole(piece, piece === first ? front : 0, piece === last ? back : 0, counts[kindOf(piece.anon)]);
}

/** Is the page before the chain's last, incomplete folio anonymous? */
function pageBefore(chain: Chain, front: number, back: number, before: boolean): boolean {
  const last = chain.at(-1)!;
  if (last.n > back) return last.anon;
  if (chain.length > 1) return chain.at(-2)!.anon;
  return front > 0 ? last.anon : before;
}

function countWhole(piece: Piece, front: number, back: number, counters: Counters): void {
  const aligned = (piece.page + front) % 2 ** piece.order === 0;
  const pages = piece.n - front - back;
  (aligned ? counters.aligned : counters.unaligned)[piece.order]! += pages;
}

function pmdMapped(vma: CapturedVma): Readonly<Record<"anon" | "file", number>> {
  const { AnonHugePages, ShmemPmdMapped, FilePmdMapped } = vma.amounts;
  return { anon: AnonHugePages, file: ShmemPmdMapped + FilePmdMapped };
}

function pagesOf(kB: number, capture: Capture): number {
  return Math.floor((kB * 1024) / capture.page);
}

function kBOf(pages: number, capture: Capture): number {
  return (pages * capture.page) / 1024;
}

function subtractPmd(counts: Counts, vma: CapturedVma, capture: Capture): void {
  const mapped = pmdMapped(vma);
  for (const type of ["anon", "file"] as const) {
    const { aligned } = counts[type];
    aligned[capture.pmdOrder] = Math.max(0, aligned[capture.pmdOrder]! - pagesOf(mapped[type], capture));
  }
}

/** In the order in which thpmaps prints them. */
function thpLines(counts: Counts, vma: CapturedVma, capture: Capture): Stat[] {
  const mapped = pmdMapped(vma);
  const pmd = kBOf(2 ** capture.pmdOrder, capture);
  const out: Stat[] = [];
  for (const type of ["anon", "file"] as const)
    out.push({ label: `${type}-thp-pmd-aligned-${pmd}kB`, type, kB: mapped[type] });
  for (const type of ["anon", "file"] as const) {
    for (const how of ["aligned", "unaligned"] as const)
      for (let order = 2; order <= capture.pmdOrder; order++) {
        const label = `${type}-thp-pte-${how}-${kBOf(2 ** order, capture)}kB`;
        out.push({ label, type, kB: kBOf(counts[type][how][order]!, capture) });
      }
    out.push({ label: `${type}-thp-pte-partial`, type, kB: kBOf(counts[type].partial, capture) });
  }
  return out;
}

function contStats(chains: readonly Chain[], vma: CapturedVma, capture: Capture, order: number): Stat[] {
  const mapped = pmdMapped(vma);
  const pages = { anon: 0, file: 0 };
  for (const piece of chains.flat()) if (piece.order >= order) pages[kindOf(piece.anon)] += contPages(piece, order);
  const size = kBOf(2 ** order, capture);
  const left = (type: "anon" | "file") => Math.max(0, pages[type] - pagesOf(mapped[type], capture));
  const types = ["anon", "file"] as const;
  return [
    ...types.map((type) => ({ label: `${type}-cont-pmd-aligned-${size}kB`, type, kB: mapped[type] })),
    ...types.map((type) => ({ label: `${type}-cont-pte-aligned-${size}kB`, type, kB: kBOf(left(type), capture) })),
  ];
}

/**
 * Pages of a piece in whole blocks, aligned both ways. Where folios are at least as large as a block, no head lies
 * strictly inside one; where they are smaller, each block has one inside.
 */
function contPages(piece: Piece, order: number): number {
  const block = 2 ** order;
  if ((piece.page - piece.pfn) % block !== 0) return 0;
  const blocks = Math.floor((piece.pfn + piece.n) / block) - Math.ceil(piece.pfn / block);
  return Math.max(0, blocks) * block;
}
