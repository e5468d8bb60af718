/**
 * Infers which pages are mapped by a PMD entry. /proc gives an amount per VMA only, and the layout tells which blocks
 * can be meant: those that one folio of PMD order fills, aligned in the address space.
 */
import type { Amounts, PageClass, Run } from "./format.ts";

/** Runs with the blocks mapped by a PMD as `H` and `h`, and how certain that is. */
export interface PmdInference {
  readonly runs: readonly Run[];
  /** Blocks that could be meant, where they are more than the amount says; else 0. */
  readonly candidates: number;
}

/** Marks the PMD-mapped blocks of one VMA that starts at page `start`; its runs hold `A` and `F` only so far. */
export function inferPmd(
  runs: readonly Run[],
  start: number,
  amounts: Amounts,
  page: number,
  pmdOrder: number,
): PmdInference {
  const kB = (2 ** pmdOrder * page) / 1024;
  const left = {
    A: Math.round(amounts.AnonHugePages / kB),
    F: Math.round((amounts.ShmemPmdMapped + amounts.FilePmdMapped) / kB),
  };
  const marked = { A: 0, F: 0 };
  const found = { A: 0, F: 0 };
  const out: Run[] = [];
  for (const run of runs) {
    const at = blocks(run, start, pmdOrder);
    if (at === undefined || (run.cls !== "A" && run.cls !== "F")) {
      out.push(run);
      continue;
    }
    const take = Math.min(at.n, left[run.cls] - marked[run.cls]);
    found[run.cls] += at.n;
    marked[run.cls] += take;
    out.push(...cut(run, at.page, take * 2 ** pmdOrder));
  }
  const chosen = found.A > marked.A && marked.A > 0 ? found.A : 0;
  return { runs: out, candidates: chosen + (found.F > marked.F && marked.F > 0 ? found.F : 0) };
}

/** The whole aligned blocks of a run of PMD-order folios: the first one's page in the VMA, and their number. */
function blocks(run: Run, start: number, pmdOrder: number): { page: number; n: number } | undefined {
  const size = 2 ** pmdOrder;
  if (run.order !== pmdOrder) return undefined;
  const skip = (size - run.index) % size;
  const n = Math.floor((run.n - skip) / size);
  return n > 0 && (start + run.page + skip) % size === 0 ? { page: run.page + skip, n } : undefined;
}

const BY_PMD: Readonly<Partial<Record<PageClass, PageClass>>> = { A: "H", F: "h" };

/** The run in up to three pieces, of which the one from `page` on, `n` pages long, is mapped by PMDs. */
function cut(run: Run, page: number, n: number): Run[] {
  if (n === 0) return [run];
  const end = run.page + run.n;
  const pieces = [piece(run, run.page, page), { ...piece(run, page, page + n), cls: BY_PMD[run.cls]! }];
  return [...pieces, piece(run, page + n, end)].filter((r) => r.n > 0);
}

function piece(run: Run, page: number, end: number): Run {
  const by = page - run.page;
  const index = run.order === 0 ? 0 : (run.index + by) % 2 ** run.order;
  return { ...run, page, n: end - page, pfn: run.pfn + by, index };
}
