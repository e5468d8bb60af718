/**
 * The published series of batching as modelled time: the same operation before and after it learned to deal with a folio at once,
 * counted in the simulated kernel and priced by the cost table, beside the published seconds.
 *
 * The table is of one machine and the publications are of others, so nanoseconds agree in size at best. What must agree is the
 * shape: the direction of each change, the order of the sizes, and roughly by how much.
 */
import { formatNamed } from "../../arch/formats.ts";
import { formatSize, GiB } from "../../base/size.ts";
import { batchingPages, batchingSides } from "../batching/batching.ts";
import { publishedTable } from "../batching/beside-published.ts";
import { batchedWorkload } from "../batching/operations.ts";
import { PUBLISHED, PUBLISHED_CONTPTE, type PublishedRow, type PublishedTable } from "../batching/published.ts";
import { compare, type Side, type SideCounts } from "../compare/compare.ts";
import type { Experiment } from "../experiment.ts";
import { priceOf } from "./costs.ts";

/** One size of folio, in nanoseconds by 4K page: published before and after the change, and modelled. Changes are per cent. */
export interface PublishedTimeRow {
  readonly folio: string;
  readonly before: number;
  readonly after: number;
  readonly change: number;
  readonly modelledBefore: number;
  readonly modelledAfter: number;
  readonly modelledChange: number;
}

const publishedTimesParams = {
  table: { kind: "choice", label: "table", options: PUBLISHED.map((t) => t.name), default: PUBLISHED[0]!.name },
} as const;

/** "Does the modelled time change as the published time did?" */
export const publishedTimes: Experiment<typeof publishedTimesParams, PublishedTimeRow> = {
  id: "published-times",
  question: "Does the modelled time of an operation change as its published time did?",
  params: publishedTimesParams,
  run: ({ table }, _input, effects) => {
    const known = publishedTable(table);
    return known.rows.map((row, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, known.rows.length);
      return timesOf(known, row);
    });
  },
};

/** Every published table is of 1 GiB in pages of 4K. */
const PUBLISHED_PAGES = GiB / 4096;

function timesOf({ operation, arch, times = 1 }: PublishedTable, { order, before, after, pmd }: PublishedRow) {
  const pages = batchingPages(arch);
  const setting = { arch, policy: `order ${order}`, pages };
  const { a, b } = compare(...batchingSides(), batchedWorkload(operation, pmd), setting);
  const perPage = 1e9 / times / PUBLISHED_PAGES;
  const [modelledBefore, modelledAfter] = [a, b].map(({ counts }) => priceOf(counts).ns / pages) as [number, number];
  return {
    folio: formatSize(2 ** (formatNamed(arch).pageLg2 + order)),
    ...{ before: before * perPage, after: after * perPage, change: change(before, after) },
    ...{ modelledBefore, modelledAfter, modelledChange: change(modelledBefore, modelledAfter) },
  };
}

function change(before: number, after: number): number {
  return (100 * (after - before)) / before;
}

/** One operation over folios of one order: published change of time with contpte, and modelled, in per cent. */
export interface ContpteTimeRow {
  readonly operation: string;
  readonly order: number;
  readonly published: number;
  /** With contpte but no batches, against neither. */
  readonly alone: number;
  /** With contpte and runs of entries, but each page dealt with on its folio alone, as in that series. */
  readonly entries: number;
  /** With both, and whole folios at once, as since 6.9. */
  readonly both: number;
}

const contpteTimesParams = {
  machine: { kind: "choice", label: "machine", options: ["M2", "Altra"], default: "M2" },
} as const;

/** Whole folios of the largest order; more of them count the same by page. */
const CONTPTE_PAGES = 2048;

const NEITHER: Side = { label: "neither", spec: { contpte: false, batching: false } };
const ALONE: Side = { label: "contpte alone", spec: { batching: false } };
const BOTH: Side = { label: "contpte and batches", spec: {} };

/** "What should contpte have cost fork, DONTNEED and munmap?" */
export const contpteTimes: Experiment<typeof contpteTimesParams, ContpteTimeRow> = {
  id: "contpte-times",
  question: "What should contpte have cost fork, DONTNEED and munmap, with batches and without?",
  params: contpteTimesParams,
  run: ({ machine }) =>
    PUBLISHED_CONTPTE.filter((p) => p.machine === machine).map(({ operation, order, on }) => {
      const setting = { arch: "arm64-4k", policy: `order ${order}`, pages: CONTPTE_PAGES };
      const workload = batchedWorkload(operation);
      const alone = compare(NEITHER, ALONE, workload, setting).b.counts;
      const { a, b } = compare(NEITHER, BOTH, workload, setting);
      const of = (counts: SideCounts["counts"]) => change(priceOf(a.counts).ns, priceOf(counts).ns);
      const entries = { ...b.counts, foliosTouched: a.counts.foliosTouched };
      return { operation, order, published: on, alone: of(alone), entries: of(entries), both: of(b.counts) };
    }),
};
