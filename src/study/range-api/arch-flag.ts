/**
 * `PG_arch_1` as "clean in the data cache", for each folio or for each page: a folio is written, then mapped executable, in part
 * or whole, by one process or several. One flag needs one look and one flush, of everything; a flag for each page needs a
 * look at each page, and flushes what is mapped.
 *
 * Source: __sync_icache_dcache of arch/arm64/mm/flush.c before and after Linux 6.6.
 */
import { A } from "../../arch/entry.ts";
import { formatNamed, formats } from "../../arch/formats.ts";
import { countsOf, type EventName, newTally } from "../../base/tally.ts";
import { Frames, MAX_ORDER } from "../../machine/frames.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";
import { type ArchFlagUnit, flushDcacheFolio, setPtesRange } from "../../pgtable/range.ts";
import { barePageTable } from "../bare-table.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";

/** Counts that a row shows, all of them {@link EventName}s. */
export const ARCH_FLAG_EVENTS = [
  "foliosTouched",
  "dcacheFlushes",
  "icacheFlushes",
] as const satisfies readonly EventName[];

/** One way to keep the flag, for so many pages mapped. */
export type ArchFlagRow = { readonly mapped: number; readonly unit: ArchFlagUnit; readonly calls: number } & {
  readonly [K in (typeof ARCH_FLAG_EVENTS)[number]]: number;
};

const PARAMS = {
  arch: {
    kind: "choice",
    label: "format",
    options: formats.filter((f) => f.machine === "aarch64" || f.machine === "riscv64").map((f) => f.name),
    default: "arm64-4k",
  },
  order: { kind: "range", label: "folio order", min: 2, max: 9, step: 1, default: 9 },
  around: { kind: "range", label: "pages for each set_ptes", min: 1, max: 64, step: 1, default: 16 },
  processes: { kind: "range", label: "processes", min: 1, max: 8, step: 1, default: 1 },
  rewritten: { kind: "toggle", label: "written again before each process", default: false },
} as const;

type Params = ParamsOf<typeof PARAMS>;

const UNITS: readonly ArchFlagUnit[] = ["page", "folio"];

/** "What does one flag for each folio save, and what does it flush too much?" */
export const archFlag: Experiment<typeof PARAMS, ArchFlagRow> = {
  id: "arch-flag",
  question: "What does one PG_arch_1 for each folio save where it says that the data cache is clean?",
  params: PARAMS,
  run: (params, _input, effects) => {
    const all = 2 ** params.order;
    const sizes = [...new Set([1, Math.min(params.around, all), all])];
    return sizes.flatMap((mapped, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, sizes.length);
      return UNITS.map((unit) => mapExecutable(params, mapped, unit));
    });
  },
};

function mapExecutable(params: Params, mapped: number, unit: ArchFlagUnit): ArchFlagRow {
  const frames = new Frames(2 ** MAX_ORDER);
  const pfn = frames.alloc(params.order);
  const tally = newTally();
  let calls = 0;
  for (let p = 0; p < params.processes; p++) {
    const pt = barePageTable(formatNamed(params.arch), { frames });
    const before = pt.tally.slice();
    if (p === 0 || params.rewritten) flushDcacheFolio(pt, pfn, unit);
    calls += mapPages(pt, pfn, mapped, params.around, unit);
    for (let i = 0; i < tally.length; i++) tally[i]! += pt.tally[i]! - before[i]!;
  }
  return { mapped, unit, calls, ...countsOf(ARCH_FLAG_EVENTS, tally) };
}

/** Maps the first pages of a folio; returns the number of calls. */
function mapPages(pt: PageTable, pfn: number, mapped: number, around: number, unit: ArchFlagUnit): number {
  const vpn = 2 * pt.span[1]!;
  const vma = { start: vpn, end: vpn + mapped };
  let calls = 0;
  for (let i = 0; i < mapped; i += around) {
    const slot = pt.findOrMake(vpn + i, 0);
    const nr = Math.min(around, mapped - i);
    setPtesRange(pt, { vpn: vpn + i, slot, pfn: pfn + i, attrs: A.young | A.exec, nr }, { vma, strict: false, unit });
    calls++;
  }
  return calls;
}
