/**
 * Live figures of published times beside modelled ones: batching by folio size, contpte's microbenchmarks, and the generic page table of
 * IOMMUs.
 */
import { publishedTable } from "../../study/batching/beside-published.ts";
import { defaultKernelCosts } from "../../study/cost/costs.ts";
import { genericPtTimes } from "../../study/cost/generic-pt.ts";
import { contpteTimes, type PublishedTimeRow, publishedTimes } from "../../study/cost/published-times.ts";
import type { Column, Frame, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { diagonal, dots, folioDots } from "../marks.ts";

const TABLE = `weights fitted to ${defaultKernelCosts.name}`;

function percent(key: string, label: string, basis: "measured" | "modelled", definition: string): Column {
  return { key, label, unit: "%", basis, digits: 1, definition };
}

function nanoseconds(key: string, label: string, basis: "measured" | "modelled", definition: string): Column {
  return { key, label, unit: "ns per page", basis, digits: 1, definition };
}

type Shown = "change" | "time";

/** A picture's dots: one for each size, or for time two. */
function dotsOf(frame: Frame, shown: Shown): readonly Row[] {
  if (shown === "change")
    return frame.rows.map((row) => ({ ...row, way: "change", x: row.modelledChange!, y: row.change! }));
  return frame.rows.flatMap((row) => [
    { ...row, way: "entry by entry", x: row.modelledBefore!, y: row.before! },
    { ...row, way: "a folio at once", x: row.modelledAfter!, y: row.after! },
  ]);
}

function altOf(rows: readonly PublishedTimeRow[], by: string): string {
  const each = rows.map((r) => `${r.folio} ${r.change.toFixed(0)} and ${r.modelledChange.toFixed(0)} %`).join(", ");
  return `Dots by folio size: change of time published by ${by}, and modelled: ${each}.`;
}

/** A published table of batching beside modelled time, redrawn for another table. */
export const publishedTimesLive = defineLive({
  id: publishedTimes.id,
  title: "Published times beside modelled times",
  params: {
    ...publishedTimes.params,
    shown: { kind: "choice", label: "shown", options: ["change", "time"], default: "change" },
  },
  inputs: [],
  run: (params, _inputs, effects) => {
    const { by, machine, date, operation, arch } = publishedTable(params.table);
    const rows = publishedTimes.run(params, undefined, effects);
    const source = `published by ${by}, ${machine}, ${date}`;
    return {
      title: `${params.table}: published times beside modelled times`,
      caption:
        `Up: published, measured by ${by} on ${machine}, ${date}. To the right: ptlab, ${operation} on ${arch} counted and priced with ` +
        `${TABLE}. A dot for each size of folio. On the dashed line both agree.`,
      alt: altOf(rows, by),
      better: "less time",
      columns: [
        { key: "folio", label: "folio", definition: "Size of each folio." },
        nanoseconds("before", "before", "measured", `Entry by entry, ${source}`),
        nanoseconds("after", "after", "measured", `A folio at once, ${source}`),
        percent("change", "change", "measured", `Of the published time`),
        nanoseconds("modelledBefore", "before", "modelled", "Entry by entry, modelled"),
        nanoseconds("modelledAfter", "after", "modelled", "A folio at once, modelled"),
        percent("modelledChange", "change", "modelled", "Of the modelled time"),
      ],
      rows: rows as unknown as readonly Row[],
      origin: {
        designs: ["entry by entry", "a folio at once"],
        workload: `${operation} on ${arch}`,
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => {
    const shown = String(frame.figure.origin.params.shown) as Shown;
    const rows = dotsOf(frame, shown);
    const log = shown === "time" ? ({ type: "log" } as const) : {};
    const values = rows.flatMap((row) => [Number(row.x), Number(row.y)]);
    const [x, y] = shown === "change" ? (["modelledChange", "change"] as const) : (["modelledAfter", "after"] as const);
    return {
      x: frame.axis(x, { ...log, label: shown === "change" ? "change of time" : "time", insetRight: 28 }),
      y: frame.axis(y, { ...log, label: shown === "change" ? "change of time" : "time" }),
      marks: [diagonal(Plot, values), ...folioDots(Plot, frame, { x: "x", y: "y", series: "way", rows })],
    };
  },
});

const CONTPTE_BARS = ["alone", "entries", "both"] as const;

/** contpte's published microbenchmarks beside the modelled change, with batches of three kinds. */
export const contpteTimesLive = defineLive({
  id: contpteTimes.id,
  title: "What contpte should have cost",
  params: contpteTimes.params,
  inputs: [],
  run: (params) => {
    const found = contpteTimes.run(params, undefined);
    const of = `Ryan Roberts, ${params.machine}, 2023-12-18 (v4)`;
    return {
      title: `What contpte should have cost: modelled, and published for the ${params.machine}`,
      caption:
        `Change of time against neither contpte nor batches, modelled on arm64-4k with ${TABLE}: contpte alone; with runs of entries, as that ` +
        `series had; with whole folios at once, as since 6.9. The crossing stroke is the published change, ${of}.`,
      alt: `Bars of modelled change and strokes of published change. ${found
        .map(
          (r) =>
            `${r.operation} order ${r.order}: published ${r.published} %, runs of entries ${r.entries.toFixed(1)} %`,
        )
        .join("; ")}.`,
      better: "less time",
      columns: [
        {
          key: "name",
          label: "operation",
          definition: "Operation, and order of the folios, which are mapped by PTEs.",
        },
        percent("published", "published", "measured", `With contpte, ${of}: change of time`),
        percent("alone", "contpte alone", "modelled", "Contpte, entry by entry: every block is unfolded"),
        percent(
          "entries",
          "runs of entries",
          "modelled",
          "Contpte and runs of entries; each page is dealt with on its folio alone",
        ),
        percent("both", "whole folios", "modelled", "Contpte and whole folios at once"),
      ],
      rows: found.map(({ operation, order, ...rest }) => ({ name: `${operation}, order ${order}`, ...rest })),
      origin: {
        designs: ["neither", "contpte and batches"],
        workload: "whole mappings on arm64-4k",
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => {
    const all = frame.series("series", "fill", frame.unpivot(CONTPTE_BARS));
    return {
      x: frame.axis(CONTPTE_BARS, { label: "change of time" }),
      y: { axis: null, domain: all.map((s) => s.name) },
      fy: { ...frame.axis("name", { label: null }), axis: "left" },
      marks: [
        ...all.map((s) =>
          Plot.barX(s.rows, { fy: "name", y: () => s.name, x: "value", fill: s.fill, stroke: s.colour }),
        ),
        Plot.ruleX(frame.rows, { fy: "name", x: "published", strokeWidth: 2.5 }),
        Plot.ruleX([0]),
      ],
    };
  },
});

function perCall(key: string, label: string, basis: "measured" | "modelled", definition: string): Column {
  return { key, label, unit: "ns", basis, digits: 0, definition };
}

/** The generic page table of IOMMUs and the code before it, redrawn for one driver. */
export const genericPtLive = defineLive({
  id: genericPtTimes.id,
  title: "A walk for each entry, or one for each table",
  params: genericPtTimes.params,
  inputs: [],
  run: (params) => {
    const rows = genericPtTimes.run(params, undefined);
    return {
      title: "IOMMU page tables: a walk for each entry, or one for each table",
      caption:
        "Each dot is a call that maps or unmaps one page or 256. Up: nanoseconds published by Jason Gunthorpe, 2025, for the older drivers and the " +
        `generic page table. To the right: modelled on x86-64's tables with ${TABLE}. On the dashed line both agree.`,
      alt: `Dots. ${rows.map((r) => `${r.call}: published ${r.older} and ${r.newer} ns, modelled ${r.modelledOlder.toFixed(0)} and ${r.modelledNewer.toFixed(0)}`).join("; ")}.`,
      better: "less time",
      columns: [
        { key: "call", label: "call", definition: "Driver, operation, and pages of one call." },
        { key: "walks", label: "older walk", definition: "How often the older code walked from the root." },
        perCall("older", "older", "measured", "Mean of one call of the older code, as published."),
        perCall("newer", "newer", "measured", "Mean of one call of the generic page table, as published."),
        { key: "ratio", label: "ratio", basis: "measured", digits: 1, definition: "Older over newer, published." },
        perCall("modelledOlder", "older", "modelled", "The older way, counted and priced."),
        perCall("modelledNewer", "newer", "modelled", "One walk for each table, counted and priced."),
        {
          key: "modelledRatio",
          label: "ratio",
          basis: "modelled",
          digits: 1,
          definition: "Older over newer, modelled.",
        },
      ],
      rows: rows as unknown as readonly Row[],
      origin: {
        designs: ["older driver", "generic page table"],
        workload: "map and unmap 4K pages",
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => {
    const calls = frame.rows.flatMap((row) => [
      { ...row, way: "older driver", x: row.modelledOlder!, y: row.older! },
      { ...row, way: "generic page table", x: row.modelledNewer!, y: row.newer! },
    ]);
    return {
      x: frame.axis("modelledNewer", { type: "log", label: "one call" }),
      y: frame.axis("newer", { type: "log", label: "one call" }),
      marks: [diagonal(Plot, [5, 8000]), ...dots(Plot, frame, { x: "x", y: "y", series: "way", rows: calls }).marks],
    };
  },
});
