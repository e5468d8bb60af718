/**
 * thpmaps page by page, as its description reads and with no thought for speed: the reference for the fast one.
 */
import type { Capture, CapturedVma } from "../../../src/study/capture/format.ts";
import type { Stat } from "../../../src/study/capture/thpmaps.ts";
import { pagesOf } from "./random-layout.ts";

interface ThpPage {
  readonly vfn: number;
  readonly pfn: number;
  readonly anon: boolean;
  readonly head: boolean;
  /** Is the frame after this one a tail of the same folio? */
  readonly tailNext: boolean;
}

/** What thpmaps says of one VMA. */
export function slowThpStats(vma: CapturedVma, capture: Capture, contOrders: readonly number[]): Stat[] {
  if (vma.perms.startsWith("---") || vma.amounts.Rss === 0) return [];
  const pages = thpPages(vma);
  const kB = capture.page / 1024;
  const out = new Map<string, number>();
  const add = (label: string, n: number) => out.set(label, (out.get(label) ?? 0) + n * kB);
  const pmd = {
    anon: vma.amounts.AnonHugePages / kB,
    file: (vma.amounts.ShmemPmdMapped + vma.amounts.FilePmdMapped) / kB,
  };
  for (const type of ["anon", "file"] as const)
    add(`${type}-thp-pmd-aligned-${2 ** capture.pmdOrder * kB}kB`, pmd[type]);
  for (const type of ["anon", "file"] as const) {
    for (const how of ["aligned", "unaligned"])
      for (let order = 2; order <= capture.pmdOrder; order++) add(`${type}-thp-pte-${how}-${2 ** order * kB}kB`, 0);
    add(`${type}-thp-pte-partial`, 0);
  }
  for (const range of ranges(pages)) countRange(range, pages, capture, kB, add);
  for (const type of ["anon", "file"] as const)
    floor(out, `${type}-thp-pte-aligned-${2 ** capture.pmdOrder * kB}kB`, pmd[type] * kB);
  for (const order of contOrders) {
    for (const type of ["anon", "file"] as const) add(`${type}-cont-pmd-aligned-${2 ** order * kB}kB`, pmd[type]);
    for (const type of ["anon", "file"] as const) add(`${type}-cont-pte-aligned-${2 ** order * kB}kB`, 0);
    for (const range of ranges(pages)) countCont(range, 2 ** order, kB, add);
    for (const type of ["anon", "file"] as const)
      floor(out, `${type}-cont-pte-aligned-${2 ** order * kB}kB`, pmd[type] * kB);
  }
  out.delete(`anon-thp-pte-aligned-${2 * kB}kB`);
  return [...out].map(([label, n]) => ({ label, type: label.startsWith("anon") ? "anon" : "file", kB: n }));
}

function floor(out: Map<string, number>, label: string, less: number): void {
  out.set(label, Math.max(0, out.get(label)! - less));
}

function thpPages(vma: CapturedVma): ThpPage[] {
  return pagesOf(vma).flatMap((p, i) => {
    if (p === undefined || p.order === 0) return [];
    const index = p.pfn % 2 ** p.order;
    const anon = p.cls === "A" || p.cls === "H";
    return [{ vfn: vma.start + i, pfn: p.pfn, anon, head: index === 0, tailNext: index + 1 < 2 ** p.order }];
  });
}

function ranges(pages: readonly ThpPage[]): ThpPage[][] {
  const out: ThpPage[][] = [];
  pages.forEach((p, i) => {
    const before = pages[i - 1];
    if (before !== undefined && before.vfn + 1 === p.vfn && before.pfn + 1 === p.pfn) out.at(-1)!.push(p);
    else out.push([p]);
  });
  return out;
}

function countRange(
  range: readonly ThpPage[],
  all: readonly ThpPage[],
  capture: Capture,
  kB: number,
  add: (label: string, n: number) => void,
): void {
  const type = (p: ThpPage) => (p.anon ? "anon" : "file");
  let heads = range.flatMap((p, i) => (p.head ? [i] : []));
  let end = range.length;
  add(`${type(range[0]!)}-thp-pte-partial`, heads[0] ?? end);
  if (heads.length > 0 && range.at(-1)!.tailNext) {
    const n = end - heads.at(-1)!;
    heads = heads.slice(0, -1);
    end -= n;
    const at = all.indexOf(range[0]!) + end - 1;
    add(`${type(all.at(at)!)}-thp-pte-partial`, n);
  }
  heads.forEach((head, i) => {
    const n = (heads[i + 1] ?? end) - head;
    if (n < 4 || n > 2 ** capture.pmdOrder) return;
    const how = range[head]!.vfn % n === 0 ? "aligned" : "unaligned";
    add(`${type(range[head]!)}-thp-pte-${how}-${n * kB}kB`, n);
  });
}

function countCont(
  range: readonly ThpPage[],
  block: number,
  kB: number,
  add: (label: string, n: number) => void,
): void {
  for (let i = 0; i + block <= range.length; i++) {
    if (range[i]!.vfn % block !== 0 || range[i]!.pfn % block !== 0) continue;
    if (range.slice(i + 1, i + block).some((p) => p.head)) continue;
    add(`${range[i]!.anon ? "anon" : "file"}-cont-pte-aligned-${block * kB}kB`, block);
  }
}
