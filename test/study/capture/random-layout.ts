/**
 * Random but possible layouts of a process's memory, for tests: folios of many orders, mapped whole, in part, twice,
 * aligned and not, beside holes, zero pages, swap entries and guards.
 */
import type { Random } from "../../../src/base/random.ts";
import { random } from "../../../src/base/random.ts";
import type { Amounts, Capture, CapturedVma, PageClass, Run } from "../../../src/study/capture/format.ts";
import { isMemory, NO_PFN } from "../../../src/study/capture/format.ts";

/** What lies behind one page; undefined where there is nothing. */
export interface Page {
  readonly cls: PageClass;
  readonly pfn: number;
  readonly order: number;
}

type Pages = (Page | undefined)[];

interface Folio {
  readonly head: number;
  readonly order: number;
  readonly anon: boolean;
}

const PAGE = 4096;

/** A capture by seed. */
export function randomCapture(seed: number): Capture {
  const rng = random(seed);
  const pmdOrder = 5 + rng.below(2);
  const folios = randomFolios(rng, pmdOrder);
  const vmas: CapturedVma[] = [];
  let end = rng.below(1000);
  for (let i = 1 + rng.below(5); i > 0; i--) {
    const start = end + (rng.below(3) === 0 ? 0 : rng.below(rng.pick([20, 600, 70_000, 600_000])));
    const vma = randomVma(rng, start, folios, pmdOrder);
    vmas.push(vma);
    end = vma.end;
  }
  return { name: "", arch: "x86-64", kernel: "6.18", page: PAGE, pmdOrder, vmPte: 0, raced: 0, vmas };
}

function randomFolios(rng: Random, pmdOrder: number): Folio[] {
  const out: Folio[] = [];
  let free = 1;
  for (let i = 0; i < 60; i++) {
    const order = rng.pick([0, 0, 1, 2, 2, 3, 3, pmdOrder - 1, pmdOrder]);
    const head = Math.ceil((free + (rng.below(4) === 0 ? rng.below(100) : 0)) / 2 ** order) * 2 ** order;
    out.push({ head, order, anon: rng.below(3) > 0 });
    free = head + 2 ** order;
  }
  return out;
}

function randomVma(rng: Random, start: number, folios: readonly Folio[], pmdOrder: number): CapturedVma {
  const pages: Pages = [];
  let next = rng.below(folios.length);
  for (let i = 5 + rng.below(25); i > 0; i--) {
    const what = rng.below(12);
    if (what === 0) for (let n = rng.below(20); n > 0; n--) pages.push(undefined);
    else if (what === 1) fill(pages, 1 + rng.below(9), rng.pick(["S", "G", "Z", "X"]));
    else if (what === 2) next = rng.below(folios.length);
    else if (what === 3) while ((start + pages.length) % 2 ** (1 + rng.below(pmdOrder)) !== 0) pages.push(undefined);
    else mapFolio(rng, pages, start, folios[next++ % folios.length]!, pmdOrder);
  }
  pages.push(undefined);
  return vmaOf(start, pages, rng.pick(["rw-p", "r--p", "---p", "r-xs"]));
}

function fill(pages: Pages, n: number, cls: PageClass): void {
  for (let i = 0; i < n; i++) pages.push({ cls, pfn: NO_PFN, order: 0 });
}

function mapFolio(rng: Random, pages: Pages, start: number, folio: Folio, pmdOrder: number): void {
  const size = 2 ** folio.order;
  const from = rng.below(4) === 0 ? rng.below(size) : 0;
  const to = rng.below(4) === 0 ? from + 1 + rng.below(size - from) : size;
  if (rng.below(2) === 0) while ((start + pages.length - from) % size !== 0) pages.push(undefined);
  const whole = folio.order === pmdOrder && to - from === size && (start + pages.length) % size === 0;
  const pmd = whole && rng.below(2) === 0;
  const cls = folio.anon ? (pmd ? "H" : "A") : pmd ? "h" : "F";
  for (let i = from; i < to; i++) pages.push({ cls, pfn: folio.head + i, order: folio.order });
}

/** A VMA that holds the pages, with the amounts that smaps would show. */
export function vmaOf(start: number, pages: readonly (Page | undefined)[], perms = "rw-p"): CapturedVma {
  const runs = runsOf(pages);
  return { start, end: start + pages.length, perms, kind: "anon", amounts: amountsOf(pages), pmdCandidates: 0, runs };
}

function amountsOf(pages: readonly (Page | undefined)[]): Amounts {
  const kB = (keep: (cls: PageClass) => boolean) =>
    pages.filter((p) => p !== undefined && keep(p.cls)).length * (PAGE / 1024);
  return {
    Rss: kB(isMemory),
    Anonymous: kB((c) => c === "A" || c === "H"),
    AnonHugePages: kB((c) => c === "H"),
    ShmemPmdMapped: kB((c) => c === "h"),
    FilePmdMapped: 0,
  };
}

/** Pages as the longest possible runs. */
export function runsOf(pages: readonly (Page | undefined)[]): Run[] {
  const out: Run[] = [];
  pages.forEach((p, page) => {
    if (p === undefined) return;
    const top = out.at(-1);
    const pfn = top === undefined || top.pfn === NO_PFN ? NO_PFN : top.pfn + top.n;
    if (top !== undefined && top.page + top.n === page && top.cls === p.cls && top.order === p.order && pfn === p.pfn)
      out[out.length - 1] = { ...top, n: top.n + 1 };
    else out.push({ page, n: 1, ...p, index: p.pfn === NO_PFN ? 0 : p.pfn % 2 ** p.order });
  });
  return out;
}

/** The pages of a VMA one by one. */
export function pagesOf(vma: CapturedVma): (Page | undefined)[] {
  const pages: Pages = new Array<Page | undefined>(vma.end - vma.start).fill(undefined);
  for (const { page, n, cls, pfn, order } of vma.runs)
    for (let i = 0; i < n; i++) pages[page + i] = { cls, pfn: pfn === NO_PFN ? NO_PFN : pfn + i, order };
  return pages;
}
