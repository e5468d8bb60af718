/**
 * What dealing with a folio at once saves: one operation over memory in folios of every order, entry by entry and in runs. Both
 * ways are proven to end in the same translations, and counted.
 *
 * Not modelled: time, the cost of a cold descriptor, pages given back in bunches (mmu_gather).
 */
import { pmdOrder } from "../../arch/format.ts";
import { formatNamed } from "../../arch/formats.ts";
import { formatSize } from "../../base/size.ts";
import type { EventName } from "../../base/tally.ts";
import { compare, type Setting, type Side, type SideCounts } from "../compare/compare.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { folioOrders } from "../layout.ts";
import { BATCHED_OPS, batchedWorkload } from "./operations.ts";

/** Counts that a row shows, all of them {@link EventName}s. */
export const FOLIO_EVENTS = [
  "slotsRead",
  "slotsWritten",
  "foliosTouched",
  "flushRanges",
  "contpteFolds",
  "contpteUnfolds",
  "folioSplits",
] as const satisfies readonly EventName[];

/** The two ways, the older first. */
export const FOLIO_WAYS = ["entry by entry", "a folio at once"] as const;

/** One operation over folios of one order in one of the ways, and what it counted over all pages. */
export type FolioRow = {
  readonly order: number;
  /** Size of the folio in words: `64K`. */
  readonly folio: string;
  readonly way: (typeof FOLIO_WAYS)[number];
  readonly pages: number;
  /** Modelled nanoseconds of the causes that have a weight; see `CAUSES`. */
  readonly pricedNs: number;
} & { readonly [K in (typeof FOLIO_EVENTS)[number]]: number };

/** Formats that the study runs on: no two of them batch or fold alike. */
export const BATCHING_FORMATS = ["arm64-4k", "arm64-16k", "arm64-64k", "x86-64", "riscv-sv48", "s390"] as const;

/** Parameters of "What does dealing with a folio at once save?". */
export const batchingParams = {
  operation: { kind: "choice", label: "operation", options: BATCHED_OPS, default: "munmap" },
  arch: { kind: "choice", label: "format", options: BATCHING_FORMATS, default: "arm64-4k" },
  from: { kind: "range", label: "smallest order", min: 0, max: 12, step: 1, default: 0 },
  to: { kind: "range", label: "largest order", min: 0, max: 13, step: 1, default: 9 },
  contpte: { kind: "toggle", label: "contpte", default: true },
  pmd: { kind: "toggle", label: "huge leaves stay", default: false },
} as const;

/** Pages operated on: whole huge leaves, and enough that what happens once per call does not show. */
export function batchingPages(arch: string): number {
  return Math.max(4096, 2 ** pmdOrder(formatNamed(arch)));
}

/** "What does dealing with a folio at once save?" */
export const folioBatching: Experiment<typeof batchingParams, FolioRow> = {
  id: "batching",
  question: "What does an operation save that deals with a folio at once?",
  params: batchingParams,
  run: (params, _input, effects) => {
    const { arch, from, to } = params;
    const orders = folioOrders(formatNamed(arch)).filter((order) => order >= from && order <= Math.max(from, to));
    return orders.flatMap((order, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, orders.length);
      return bothWays(params, order);
    });
  },
};

/** The two sides of a comparison: a kernel that takes one entry at a time, and one that deals with a folio at once. */
export function batchingSides(contpte = true): [Side, Side] {
  return [
    { label: FOLIO_WAYS[0], spec: { batching: false, contpte } },
    { label: FOLIO_WAYS[1], spec: { contpte } },
  ];
}

function bothWays({ operation, arch, contpte, pmd }: ParamsOf<typeof batchingParams>, order: number): FolioRow[] {
  const setting: Required<Pick<Setting, "arch" | "policy" | "pages">> = {
    ...{ arch, policy: `order ${order}`, pages: batchingPages(arch) },
  };
  const { a, b } = compare(...batchingSides(contpte), batchedWorkload(operation, pmd), setting);
  const folio = formatSize(2 ** (formatNamed(arch).pageLg2 + order));
  return [a, b].map((side, i) => ({ order, folio, way: FOLIO_WAYS[i]!, pages: setting.pages, ...picked(side) }));
}

type Picked = Pick<FolioRow, (typeof FOLIO_EVENTS)[number] | "pricedNs">;

function picked({ counts, pricedNs }: SideCounts): Picked {
  return { pricedNs, ...Object.fromEntries(FOLIO_EVENTS.map((name) => [name, counts[name]])) } as Picked;
}
