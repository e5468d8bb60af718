/**
 * The live figure of batching: counted work by page over the orders of folios, entry by entry and a folio at once.
 */
import { EVENTS } from "../../base/tally.ts";
import {
  batchingPages,
  batchingParams,
  FOLIO_EVENTS,
  FOLIO_WAYS,
  type FolioRow,
  folioBatching,
} from "../../study/batching/batching.ts";
import { defaultKernelCosts } from "../../study/cost/costs.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { lines } from "../marks.ts";

type Shown = (typeof FOLIO_EVENTS)[number];

const LABELS: Readonly<Record<Shown, string>> = {
  slotsRead: "slots read",
  slotsWritten: "slots written",
  foliosTouched: "folios touched",
  flushRanges: "flushes",
  contpteFolds: "contpte folds",
  contpteUnfolds: "contpte unfolds",
  folioSplits: "folio splits",
};

const COUNTS = Object.values(LABELS);

const PRICED: Column = {
  key: "ns",
  label: "modelled",
  unit: "ns per page",
  basis: "modelled",
  digits: 1,
  definition: `All counts, those that are no column as well, times their weights, fitted to recorded runs on ${defaultKernelCosts.name}.`,
};

function columnsFor(rows: readonly Row[], chosen: Shown): readonly Column[] {
  const shown = FOLIO_EVENTS.filter((key) => key === chosen || rows.some((row) => row[key] !== 0));
  return [
    { key: "way", label: "way", definition: "Entry by entry, or all entries of a folio in one run." },
    { key: "order", label: "order", role: "parameter", definition: "Log-two of the pages in each folio." },
    { key: "folio", label: "folio", definition: "Size of each folio." },
    ...shown.map(
      (key): Column => ({
        ...{ key, label: LABELS[key], unit: "per page", basis: "counted", digits: 3 },
        definition: `${EVENTS[key].charAt(0).toUpperCase()}${EVENTS[key].slice(1)}, by page operated on.`,
      }),
    ),
    PRICED,
  ];
}

function perPage(row: FolioRow): Row {
  const counts = FOLIO_EVENTS.map((key) => [key, row[key] / row.pages] as const);
  return {
    way: row.way,
    order: row.order,
    folio: row.folio,
    ns: row.pricedNs / row.pages,
    ...Object.fromEntries(counts),
  };
}

function altText(rows: readonly Row[], key: Shown): string {
  const ends = FOLIO_WAYS.map((way) => {
    const own = rows.filter((row) => row.way === way);
    const [first, last] = [own[0]!, own.at(-1)!];
    return `${way}, from ${Number(first[key]).toFixed(3)} with ${first.folio} to ${Number(last[key]).toFixed(3)} with ${last.folio}`;
  });
  return `Two lines of ${LABELS[key]} per page over folio orders: ${ends.join("; ")}.`;
}

/** Work by page against the order of folios, redrawn for another operation, format, range of orders, and count. */
export const batchingLive = defineLive({
  id: folioBatching.id,
  title: "Work by folio order",
  params: {
    ...batchingParams,
    count: { kind: "choice", label: "count shown", options: COUNTS, default: LABELS.foliosTouched },
  },
  inputs: [],
  run: (params, _inputs, effects) => {
    const { operation, arch, contpte, pmd, count } = params;
    const key = FOLIO_EVENTS.find((event) => LABELS[event] === count)!;
    const all = folioBatching.run(params, undefined, effects).map(perPage);
    const columns = columnsFor(all, key);
    const rows = all.map((row) => Object.fromEntries(columns.map((c) => [c.key, row[c.key]!])));
    const mapped = pmd ? "huge leaves as they are" : "huge leaves split to entries";
    return {
      title: `${operation} by folio order: ${count}`,
      caption:
        `${operation} of ${batchingPages(arch)} pages in folios of one order each, on ${arch}${contpte ? "" : " without contpte"}, ${mapped}. ` +
        "Both ways were proven to end in the same translations. Counts that are 0 throughout have no column. Equal counts lie on one another.",
      alt: altText(rows, key),
      better: `fewer ${count}`,
      columns,
      rows,
      origin: {
        designs: [...FOLIO_WAYS],
        workload: `${operation} on ${arch}`,
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => {
    const { count } = frame.figure.origin.params;
    const y = frame.figure.columns.find((c) => c.label === count)!.key;
    return {
      ...lines(Plot, frame, { x: "order", y, series: "way" }),
      x: frame.axis("order"),
      y: frame.axis(y, { zero: true }),
    };
  },
});
