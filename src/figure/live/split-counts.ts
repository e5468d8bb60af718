/**
 * The live figure of the split study: operations down the side, the four splits of each apart.
 */

import { EVENTS } from "../../base/tally.ts";
import { countOf } from "../../base/words.ts";
import { SPLIT_EVENTS, SPLIT_PAGES, type SplitRow, splitCounts } from "../../study/splits/split-counts.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { stack } from "../marks.ts";

const LABELS: Readonly<Record<(typeof SPLIT_EVENTS)[number], string>> = {
  vmaSplits: "VMA splits",
  mappingSplits: "mapping splits",
  folioSplits: "folio splits",
  contpteUnfolds: "contpte unfolds",
  contpteFolds: "contpte folds",
  deferredSplits: "deferred",
  slotsWritten: "slots",
  flushRanges: "flushes",
  foliosTouched: "folios",
};

/** The four that the picture shows; the table has the rest. */
const SHOWN = ["vmaSplits", "mappingSplits", "folioSplits", "contpteUnfolds"] as const;

const columns: readonly Column[] = [
  { key: "op", label: "operation", definition: "System call, advice, or access of a program." },
  ...SPLIT_EVENTS.map(
    (key): Column => ({ key, label: LABELS[key], basis: "counted", definition: `${sentence(EVENTS[key])}.` }),
  ),
];

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What the picture says, from the rows. */
function altText(rows: readonly SplitRow[], setting: string): string {
  const splitting = rows.filter((row) => SHOWN.some((key) => row[key] > 0));
  const most = [...rows].sort((a, b) => total(b) - total(a))[0]!;
  return (
    `Stacked bars of splits by operation on ${setting}. ${splitting.length} of ${rows.length} operations split something; ` +
    `the most is ${most.op} with ${SHOWN.map((key) => `${most[key]} ${LABELS[key]}`).join(", ")}.`
  );
}

function total(row: SplitRow): number {
  return SHOWN.reduce((sum, key) => sum + row[key], 0);
}

/** Splits by operation, redrawn for another format, policy, kernel, place and size. */
export const splitCountsLive = defineLive({
  id: splitCounts.id,
  title: "Splits by operation",
  params: splitCounts.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = splitCounts.run(params, undefined, effects);
    const { arch, policy, pages, at, kernel, contpte } = params;
    const setting = `${arch} ${kernel}, mapped as ${policy}, ${countOf(pages, "page")} from page ${at}`;
    return {
      title: "Splits by operation",
      caption:
        `What one operation on ${countOf(pages, "page")} (from page ${at}) of a mapping of 8 MiB splits: ` +
        `${arch}, kernel ${kernel}, ${policy}${contpte ? "" : ", contpte off"}.`,
      alt: altText(rows, setting),
      better: "fewer splits",
      columns,
      rows: rows as unknown as readonly Row[],
      origin: {
        designs: [`${arch} ${kernel}`, policy, contpte ? "contpte" : "no contpte"],
        workload: `one operation on ${pages} of ${SPLIT_PAGES} pages`,
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => ({
    ...stack(Plot, frame, { x: "value", y: "op", series: "series", rows: frame.unpivot(SHOWN) }),
    x: frame.axis(SHOWN, { label: "splits" }),
    y: frame.axis("op", { label: null }),
  }),
});
