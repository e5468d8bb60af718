/**
 * Live figures of batching beside what was published about it: times of others against counts of ours, the microbenchmarks of
 * contpte, and the three ways of mremap.
 */
import {
  contpteMicro,
  type PublishedBatchingRow,
  publishedBatching,
  publishedTable,
  remapVariants,
} from "../../study/batching/beside-published.ts";
import { defaultKernelCosts } from "../../study/cost/costs.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { diagonal, folioDots } from "../marks.ts";
import { slopes } from "../slope.ts";

/** A change in per cent that was counted. */
function changed(key: string, label: string, what: string): Column {
  const definition = `${what}: change in per cent, ptlab.`;
  return { key, label, unit: "%", basis: "counted", digits: 1, definition };
}

/** A change in per cent that others have published. */
function published(key: string, label: string, what: string): Column {
  return { key, label, unit: "%", basis: "measured", digits: 1, definition: `${what}: change of time in per cent.` };
}

function seconds(key: string, label: string, by: string): Column {
  return { key, label, unit: "s", basis: "measured", digits: 4, definition: `Published by ${by}.` };
}

const CHANGES: readonly Column[] = [
  changed("slots", "slots", "Slots read and written"),
  changed("folios", "folios touched", "Folio descriptors read or written"),
  changed("flushes", "flushes", "TLB invalidations of a range"),
  changed("splits", "folio splits", "Folios cut into pages"),
];

function alt(rows: readonly PublishedBatchingRow[], by: string): string {
  const ends = rows.map((row) => `${row.folio} ${row.time.toFixed(0)} %`).join(", ");
  return `Dots by folio size: change of time published by ${by} (${ends}) against changes of counts of the same operation.`;
}

/** Published change of time against counted changes, a dot for each size of folio, redrawn for another table. */
export const batchingPublishedLive = defineLive({
  id: publishedBatching.id,
  title: "Published times beside counts",
  params: publishedBatching.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const { by, machine, date, operation, arch } = publishedTable(params.table);
    const found = publishedBatching.run(params, undefined, effects);
    const changes = CHANGES.filter(({ key }) => found.some((row) => row[key as keyof PublishedBatchingRow]));
    const columns: readonly Column[] = [
      { key: "folio", label: "folio", definition: "Size of each folio." },
      seconds("before", "before", `${by} on ${machine}, ${date}, for 1 GiB before the change`),
      seconds("after", "after", `${by} on ${machine}, ${date}, for 1 GiB after it`),
      published("time", "time", `Published, measured by ${by} on ${machine}, ${date}`),
      ...changes,
    ];
    return {
      title: `${params.table}: published times beside counts`,
      caption:
        `Up: change of time, published, measured by ${by} on ${machine}, ${date}. To the right: change of counts, ptlab, ${operation} ` +
        `on ${arch}. A dot for each size of folio, in the order of sizes. On the dashed line, time would fall as much as the count.`,
      alt: alt(found, by),
      better: "less time, and less of every count",
      columns,
      rows: found.map((row) => Object.fromEntries(columns.map(({ key }) => [key, (row as unknown as Row)[key]!]))),
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
    const keys = frame.figure.columns.filter((c) => c.basis === "counted").map((c) => c.key);
    const rows = frame.unpivot(keys).filter((row) => row.value !== null);
    return {
      x: frame.axis(keys, { label: "change of counts", insetRight: 28 }),
      y: frame.axis("time"),
      marks: [diagonal(Plot, [-100, 0]), ...folioDots(Plot, frame, { x: "value", y: "time", series: "series", rows })],
    };
  },
});

/** The published columns that the picture shows of each kernel. */
const MICRO_BARS: Readonly<Record<string, readonly [m2: "m2" | "m2off", altra: "altra" | "altraOff"]>> = {
  "with contpte": ["m2", "altra"],
  "with contpte compiled out": ["m2off", "altraOff"],
};

/** Published microbenchmarks of contpte v4, with what ptlab counts for the step from neither contpte nor batches to both. */
export const contpteMicroLive = defineLive({
  id: contpteMicro.id,
  title: "What contpte cost whole mappings",
  params: { kernel: { kind: "choice", label: "kernel", options: Object.keys(MICRO_BARS), default: "with contpte" } },
  inputs: [],
  run: (params) => {
    const found = contpteMicro.run({}, undefined);
    const [m2, altra] = MICRO_BARS[params.kernel]!;
    return {
      title: "What contpte cost whole mappings: published times beside counts",
      caption:
        `Change of time of the kernel ${params.kernel} against the kernel before it, published, measured by Ryan Roberts on an ` +
        "Apple M2 (virtual machine) and an Ampere Altra, 2023-12-18 (v4). Folios of order 9 are mapped by PTEs. The data table has ptlab's counts for the same step.",
      alt: `Bars of published change of time: ${found.map((r) => `${r.operation} order ${r.order}: M2 ${r[m2]} %, Altra ${r[altra]} %`).join("; ")}.`,
      better: "less time, and less of every count",
      columns: [
        { key: "name", label: "operation", definition: "Operation, and order of the folios." },
        published("m2off", "M2, off", "Contpte compiled out, Apple M2"),
        published("m2", "M2, on", "With contpte, Apple M2"),
        published("altraOff", "Altra, off", "Contpte compiled out, Ampere Altra"),
        published("altra", "Altra, on", "With contpte, Ampere Altra"),
        changed("slots", "slots", "Slots read and written, with contpte and batches against neither"),
        changed("folios", "folios touched", "Folio descriptors read or written, likewise"),
        count("unfolds", "unfolds", "Contiguous blocks unfolded with contpte and batches"),
        count("unfoldsAlone", "unfolds, alone", "The same with contpte but entry by entry"),
      ],
      rows: found.map(({ operation, order, ...rest }) => ({ name: `${operation}, order ${order}`, ...rest })),
      origin: {
        designs: ["neither", "contpte alone", "contpte and batches"],
        workload: "whole mappings on arm64-4k",
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => {
    const keys = MICRO_BARS[String(frame.figure.origin.params.kernel)]!;
    const all = frame.series("series", "fill", frame.unpivot(keys));
    return {
      x: frame.axis(keys, { label: "change of time" }),
      y: { axis: null, domain: all.map((s) => s.name) },
      fy: { ...frame.axis("name", { label: null }), axis: "left" },
      marks: [
        ...all.map((s) =>
          Plot.barX(s.rows, { fy: "name", y: () => s.name, x: "value", fill: s.fill, stroke: s.colour }),
        ),
        Plot.ruleX([0]),
      ],
    };
  },
});

function count(key: string, label: string, what: string): Column {
  return { key, label, basis: "counted", definition: `${what}.` };
}

/** Folio descriptors that mremap touches by page moved: before runs, with the regression, and with its fix. */
export const remapVariantsLive = defineLive({
  id: remapVariants.id,
  title: "Three ways to move entries",
  params: remapVariants.params,
  inputs: [],
  run: (params) => {
    const rows = remapVariants.run(params, undefined);
    const { arch, contpte } = params;
    return {
      title: `mremap on ${arch}: three ways to move entries`,
      caption:
        `Folio descriptors touched by page moved, on ${arch}${contpte ? "" : " without contpte"}, for folios of three sizes mapped by PTEs: ` +
        "entry by entry, looking up the folio of each entry before any batch, and asking pte_batch_hint first.",
      alt: `Lines over three ways, folios touched per page moved. ${rows.map((r) => `${r.folio}, ${r.way}: ${r.folios.toFixed(3)}`).join("; ")}.`,
      better: "fewer folios touched",
      columns: [
        { key: "folio", label: "folio", definition: "Size of each folio." },
        {
          ...{ key: "way", label: "way" },
          definition:
            "Entry by entry (6.16); folio first (candidates of 6.17, as Stoakes found them); hint first (his fix).",
        },
        perMoved("folios", "folios touched", "Folio descriptors read or written"),
        perMoved("slots", "slots", "Slots read and written"),
        perMoved("flushes", "flushes", "TLB invalidations of a range"),
        {
          ...{ key: "ns", label: "time", unit: "ns per page", basis: "modelled", digits: 1 },
          definition: `All counts times their weights, fitted to recorded runs on ${defaultKernelCosts.name}.`,
        },
        {
          ...{ key: "calls", label: "realloc calls", unit: "per s", basis: "measured", digits: 0 },
          definition:
            "Published, measured by Lorenzo Stoakes on x86-64, 2025-08-07; no folio size is named, so it stands beside the smallest.",
        },
      ],
      rows: rows as unknown as readonly Row[],
      origin: {
        designs: ["entry by entry", "folio first", "hint first"],
        workload: `mremap on ${arch}`,
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => {
    const rows = frame.rows.map((row) => ({ line: row.folio!, station: row.way!, value: row.folios! }));
    return slopes(Plot, frame, { rows, keys: ["folios"], label: "folios touched", digits: 3 });
  },
});

function perMoved(key: string, label: string, what: string): Column {
  const definition = `${what}, by page moved.`;
  return { key, label, unit: "per page", basis: "counted", digits: 3, definition };
}
