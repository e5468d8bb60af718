/**
 * The published tables of batching with the counts of the same operation beside them, each as a change in per cent.
 */
import { formatNamed } from "../../arch/formats.ts";
import { invariant } from "../../base/errors.ts";
import { formatSize } from "../../base/size.ts";
import type { EventName } from "../../base/tally.ts";
import { compare, type Setting, type Side, type SideCounts } from "../compare/compare.ts";
import type { Experiment } from "../experiment.ts";
import { batchingPages, batchingSides } from "./batching.ts";
import { batchedWorkload } from "./operations.ts";
import {
  PUBLISHED,
  PUBLISHED_CONTPTE,
  PUBLISHED_REALLOC,
  type PublishedRow,
  type PublishedTable,
} from "./published.ts";

/** One size of folio: published seconds and their change, and the changes of counts; null where there was nothing before. */
export interface PublishedBatchingRow {
  readonly folio: string;
  readonly before: number;
  readonly after: number;
  readonly time: number;
  readonly slots: number | null;
  readonly folios: number | null;
  readonly flushes: number | null;
  readonly splits: number | null;
}

const publishedParams = {
  table: { kind: "choice", label: "table", options: PUBLISHED.map((t) => t.name), default: PUBLISHED[0]!.name },
} as const;

/** "Do the counts have the shape of the published times?" */
export const publishedBatching: Experiment<typeof publishedParams, PublishedBatchingRow> = {
  id: "batching-published",
  question: "Do the counts of batching have the shape of the published times?",
  params: publishedParams,
  run: ({ table }, _input, effects) => {
    const known = publishedTable(table);
    return known.rows.map((row, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, known.rows.length);
      return beside(known, row);
    });
  },
};

/** The published table of that name. */
export function publishedTable(name: string): PublishedTable {
  const table = PUBLISHED.find((t) => t.name === name);
  invariant(table !== undefined, `no published table '${name}'`);
  return table;
}

function beside(
  { operation, arch }: PublishedTable,
  { order, before, after, pmd }: PublishedRow,
): PublishedBatchingRow {
  const setting = { arch, policy: `order ${order}`, pages: batchingPages(arch) };
  const { a, b } = compare(...batchingSides(), batchedWorkload(operation, pmd), setting);
  return {
    folio: formatSize(2 ** (formatNamed(arch).pageLg2 + order)),
    ...{ before, after, time: (100 * (after - before)) / before },
    slots: change(slotsOf(a), slotsOf(b)),
    folios: changeOf(a, b, "foliosTouched"),
    flushes: changeOf(a, b, "flushRanges"),
    splits: changeOf(a, b, "folioSplits"),
  };
}

function slotsOf({ counts }: SideCounts): number {
  return counts.slotsRead + counts.slotsWritten;
}

function changeOf(a: SideCounts, b: SideCounts, event: EventName): number | null {
  return change(a.counts[event], b.counts[event]);
}

function change(a: number, b: number): number | null {
  return a === 0 ? null : (100 * (b - a)) / a;
}

/** One operation over folios of one order: published changes on two machines, and what ptlab counts for the same step. */
export interface ContpteRow {
  readonly operation: string;
  readonly order: number;
  readonly m2off: number;
  readonly m2: number;
  readonly altraOff: number;
  readonly altra: number;
  /** With contpte and batches, against neither. */
  readonly slots: number;
  readonly folios: number;
  /** Contiguous blocks unfolded with contpte and batches, and with contpte alone. */
  readonly unfolds: number;
  readonly unfoldsAlone: number;
}

const NEITHER: Side = { label: "neither", spec: { contpte: false, batching: false } };
const CONTPTE: Side = { label: "contpte alone", spec: { batching: false } };
const BOTH: Side = { label: "contpte and batches", spec: {} };

/** "What did contpte cost fork, DONTNEED and munmap?" */
export const contpteMicro: Experiment<Record<never, never>, ContpteRow> = {
  id: "contpte-micro",
  question: "What did contpte cost operations on whole mappings, and what had batches to do with it?",
  params: {},
  run: () => PUBLISHED_CONTPTE.filter((p) => p.machine === "M2").map((p) => contpteRow(p.operation, p.order)),
};

function contpteRow(operation: string, order: number): ContpteRow {
  const of = (machine: string) =>
    PUBLISHED_CONTPTE.find((p) => p.operation === operation && p.order === order && p.machine === machine)!;
  const [m2, altra] = [of("M2"), of("Altra")];
  const setting: Setting = { arch: "arm64-4k", policy: `order ${order}`, pages: batchingPages("arm64-4k") };
  const workload = batchedWorkload(operation);
  const alone = compare(NEITHER, CONTPTE, workload, setting).b;
  const { a, b } = compare(NEITHER, BOTH, workload, setting);
  return {
    ...{ operation, order, m2off: m2.off, m2: m2.on, altraOff: altra.off, altra: altra.on },
    slots: change(slotsOf(a), slotsOf(b))!,
    folios: changeOf(a, b, "foliosTouched")!,
    unfolds: b.counts.contpteUnfolds,
    unfoldsAlone: alone.counts.contpteUnfolds,
  };
}

/** The three ways in which mremap has moved entries, in the order of time. */
export const REMAP_SIDES: readonly (Side & { readonly calls: number })[] = [
  { label: "entry by entry", spec: { batching: false }, calls: PUBLISHED_REALLOC.before },
  { label: "folio first", spec: { remapLooksUpFolios: true }, calls: PUBLISHED_REALLOC.regressed },
  { label: "hint first", spec: {}, calls: PUBLISHED_REALLOC.fixed },
];

/** One way to move over folios of one order: counts by page moved. `calls` is published for x86-64, without a folio size: beside the smallest. */
export interface RemapRow {
  readonly way: string;
  readonly folio: string;
  readonly folios: number;
  readonly slots: number;
  readonly flushes: number;
  /** Modelled nanoseconds by the default cost table. */
  readonly ns: number;
  readonly calls: number | null;
}

const remapParams = {
  arch: { kind: "choice", label: "format", options: ["x86-64", "arm64-4k"], default: "x86-64" },
  contpte: { kind: "toggle", label: "contpte", default: true },
} as const;

/** Small folios, the contiguous block of 4K pages, and the largest. */
const REMAP_ORDERS = [0, 4, 9];

/** "Why did batching slow mremap down?" */
export const remapVariants: Experiment<typeof remapParams, RemapRow> = {
  id: "remap-variants",
  question: "Why did batching slow mremap down, and how did the hint mend it?",
  params: remapParams,
  run: ({ arch, contpte }) => {
    const pages = batchingPages(arch);
    return REMAP_ORDERS.flatMap((order) => {
      const setting = { arch, policy: `order ${order}`, pages };
      const folio = formatSize(2 ** (formatNamed(arch).pageLg2 + order));
      return REMAP_SIDES.map(({ label, spec, calls }) => {
        const side = { label, spec: { ...spec, contpte } };
        const first = { ...REMAP_SIDES[0]!, spec: { ...REMAP_SIDES[0]!.spec, contpte } };
        const { b } = compare(first, side, batchedWorkload("mremap"), setting);
        return {
          ...{ way: label, folio, slots: slotsOf(b) / pages },
          ...{ folios: b.counts.foliosTouched / pages, flushes: b.counts.flushRanges / pages },
          ns: b.pricedNs / pages,
          calls: arch === "x86-64" && order === 0 ? calls : null,
        };
      });
    });
  },
};
