/**
 * What `set_ptes` saves: the pages of a folio mapped by one call, or by a call for each page, folio orders side by side. Both
 * ways end in the same translations; the counts say what each did to get there.
 */
import { A } from "../../arch/entry.ts";
import type { Format } from "../../arch/format.ts";
import { formatNamed, formats } from "../../arch/formats.ts";
import { invariant } from "../../base/errors.ts";
import { countsOf, E, type EventName } from "../../base/tally.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";
import { ptepGet } from "../../pgtable/ptep.ts";
import { type ArchFlagUnit, flushIcachePages, setPtesRange, updateMmuCacheRange } from "../../pgtable/range.ts";
import { barePageTable } from "../bare-table.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";

/** Counts that a row shows, all of them {@link EventName}s. */
export const BATCH_EVENTS = [
  "slotsRead",
  "slotsWritten",
  "contpteFolds",
  "flushRanges",
  "flushPages",
  "foliosTouched",
  "mmuCacheUpdates",
  "dcacheFlushes",
  "icacheFlushes",
] as const satisfies readonly EventName[];

/** The two ways to map a folio. */
export const WAYS = ["one set_ptes", "a call for each page"] as const;

/** A folio of an order mapped in one of the ways, and what it counted. */
export type BatchRow = { readonly order: number; readonly pages: number; readonly way: (typeof WAYS)[number] } & {
  readonly [K in (typeof BATCH_EVENTS)[number]]: number;
};

/** Largest order that is mapped; no more than a PTE table holds. */
const LARGEST = 9;

const PARAMS = {
  arch: { kind: "choice", label: "format", options: formats.map((f) => f.name), default: "arm64-4k" },
  contpte: { kind: "toggle", label: "contpte", default: true },
  exec: { kind: "toggle", label: "executable", default: false },
  flag: { kind: "choice", label: "PG_arch_1", options: ["folio", "page"], default: "folio" },
  shift: { kind: "range", label: "pages off alignment", min: 0, max: 15, step: 1, default: 0, unit: "pages" },
} as const;

/** "What does one set_ptes save?" */
export const setPtesBatching: Experiment<typeof PARAMS, BatchRow> = {
  id: "set-ptes-batching",
  question: "What does mapping a folio with one set_ptes save against a call for each page?",
  params: PARAMS,
  run: (params, _input, effects) => {
    const format = formatNamed(params.arch);
    const largest = Math.min(LARGEST, format.indexLg2[0]!);
    return Array.from({ length: largest + 1 }, (_, order) => order).flatMap((order) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(order, largest + 1);
      return bothWays(format, order, params);
    });
  },
};

function bothWays(format: Format, order: number, params: ParamsOf<typeof PARAMS>): BatchRow[] {
  const pages = 2 ** order;
  // A run of a whole table has no room to be shifted in.
  const at = Math.min(params.shift, 2 ** format.indexLg2[0]! - pages);
  const setting = { pages, at, contpte: params.contpte, exec: params.exec, unit: params.flag as ArchFlagUnit };
  const [run, single] = [mapFolio(format, setting, pages), mapFolio(format, setting, 1)];
  invariant(run.reads === single.reads, `order ${order}: the two ways end in different entries`);
  return [
    { order, pages, way: WAYS[0], ...run.counted },
    { order, pages, way: WAYS[1], ...single.counted },
  ];
}

interface Setting {
  readonly pages: number;
  /** First page, counted from one that is aligned to everything. */
  readonly at: number;
  readonly contpte: boolean;
  readonly exec: boolean;
  readonly unit: ArchFlagUnit;
}

/** Maps in calls of `step` pages each, made in the order of `set_pte_range`. What readers see afterwards is returned as text, for the comparison. */
function mapFolio(format: Format, { pages, at, contpte, exec, unit }: Setting, step: number) {
  const pt = barePageTable(format, { contpte });
  const vpn = 2 * pt.span[1]! + at;
  const slot = pt.findOrMake(vpn, 0);
  // Folios have order 0 or at least 2; two pages are a part of one of four.
  const pfn = pt.frames.alloc(pages === 2 ? 2 : Math.log2(pages));
  const options = { vma: { start: vpn, end: vpn + pages }, strict: true, unit };
  const attrs = A.young | (exec ? A.exec : A.write);
  const before = pt.tally.slice();
  pt.locks.take(pt.tableOf(slot), 0);
  for (let i = 0; i < pages; i += step) {
    const run = { vpn: vpn + i, slot: slot + i, pfn: pfn + i, attrs, nr: step };
    flushIcachePages(pt, run.pfn, step);
    // The folio's counts go up with each call: folio_add_file_rmap_ptes and the reference.
    pt.tally[E.foliosTouched]!++;
    setPtesRange(pt, run, options);
    updateMmuCacheRange(pt, run, options.vma);
  }
  pt.locks.drop(pt.tableOf(slot), 0);
  return { counted: countsOf(BATCH_EVENTS, pt.tally, before), reads: entriesRead(pt, slot, pages) };
}

function entriesRead(pt: PageTable, slot: number, pages: number): string {
  const ptes = Array.from({ length: pages }, (_, i) => ptepGet(pt, slot + i));
  return ptes.map(({ pfn, attrs }) => `${pfn} ${attrs}`).join("\n");
}
