/**
 * The live figures of fork's copy: the three idioms over sizes of folios, and batches beside the published times.
 */
import { EVENTS, type EventName } from "../../base/tally.ts";
import { publishedTable } from "../../study/batching/beside-published.ts";
import { FORK_TABLE, type ForkBatchingRow, forkBatching } from "../../study/fork-copy/fork-batching.ts";
import { COPY_IDIOMS, type CopyRow, forkCopy } from "../../study/fork-copy/fork-copy.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { lines } from "../marks.ts";
import { PALETTE } from "../series.ts";

const event = (key: EventName, label: string): Column => ({
  ...{ key, label, basis: "counted" },
  definition: `${EVENTS[key].charAt(0).toUpperCase()}${EVENTS[key].slice(1)}.`,
});

const copyColumns: readonly Column[] = [
  { key: "folio", label: "folio", definition: "Size of every folio; all are mapped by entries of level 0." },
  { key: "order", label: "order", role: "parameter", definition: "Log-two of the base pages in a folio." },
  { key: "idiom", label: "idiom", definition: "How the entries are reached and the copy is written." },
  {
    ...{ key: "looks", label: "looks", basis: "counted" },
    definition: "How often the copy asked whether somebody waits for the processor or for a lock.",
  },
  {
    ...{ key: "lockBreaks", label: "breaks", basis: "counted" },
    definition: "How often it dropped its locks because somebody did.",
  },
  {
    ...{ key: "longest", label: "longest", basis: "counted" },
    definition: "Most entries copied under the locks of one pair of tables without a look.",
  },
  event("pteLocks", "PTE locks"),
  event("slotsRead", "slots read"),
];

function copyAlt(rows: readonly CopyRow[]): string {
  const [first, last] = [rows[0]!, rows.at(-1)!];
  const reads = COPY_IDIOMS.map((idiom) => {
    const own = rows.filter((row) => row.idiom === idiom);
    return `${idiom} ${own[0]!.slotsRead} to ${own.at(-1)!.slotsRead}`;
  });
  return (
    `Lines of slots read over folio order, from ${first.folio} to ${last.folio}: ${reads.join("; ")}. ` +
    `The longest run of entries without a look goes from ${first.longest} to ${last.longest}.`
  );
}

/** The copy in three idioms, redrawn for other formats, with and without batches, and with somebody waiting. */
export const forkCopyLive = defineLive({
  id: forkCopy.id,
  title: "Fork's copy in three idioms",
  params: forkCopy.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = forkCopy.run(params, undefined, effects);
    const { arch, waiting, batching } = params;
    const keys = copyColumns.map((c) => c.key);
    return {
      title: `Fork's copy in three idioms on ${arch}`,
      caption:
        `One copy of a filled mapping, ${batching ? "a folio at once" : "entry by entry"}; somebody waits: ${waiting}. ` +
        "Equal counts lie on one another.",
      alt: copyAlt(rows),
      better: "fewer slots read",
      columns: copyColumns,
      rows: rows.map((row) => Object.fromEntries(keys.map((key) => [key, row[key as keyof CopyRow]])) as Row),
      origin: { designs: [...COPY_IDIOMS], workload: "fork's copy of page tables", params, seed: null, input: null },
    };
  },
  plot: (Plot, frame) => ({
    ...lines(Plot, frame, { x: "order", y: "slotsRead", series: "idiom" }),
    x: frame.axis("order"),
    y: frame.axis("slotsRead", { zero: true }),
  }),
});

const published = publishedTable(FORK_TABLE);

/** Sizes of folios whose dots are far enough apart for a name each. */
const NAMED_APART = 5;

const batchingColumns: readonly Column[] = [
  { key: "folio", label: "folio", definition: "Size of every folio, mapped by entries of level 0." },
  {
    ...{ key: "time", label: "published time", unit: "% change", basis: "measured", digits: 1 },
    definition: `Seconds of fork over 1 GiB, after against before: ${published.by}, ${published.date}, on ${published.machine}.`,
  },
  {
    ...{ key: "touches", label: "ptlab touches", unit: "% change", basis: "counted", digits: 1 },
    definition: "Reads and writes of table slots, and folio descriptors touched, each counted as one.",
  },
  {
    ...{ key: "slots", label: "slots", unit: "% change", basis: "counted", digits: 1 },
    definition: "The part of it that is slots read and written.",
  },
  {
    ...{ key: "folios", label: "folios", unit: "% change", basis: "counted", digits: 1 },
    definition: "The part of it that is folio descriptors.",
  },
];

function batchingAlt(rows: readonly ForkBatchingRow[]): string {
  const each = rows.map((row) => `${row.folio} ${row.time.toFixed(0)} and ${row.touches.toFixed(0)} %`);
  return `Dots of ptlab's counted change against the published change of time, by size of folio: ${each.join(", ")}.`;
}

/** Published times and counted touches of the same change, redrawn for another design. */
export const forkBatchingLive = defineLive({
  id: forkBatching.id,
  title: "What batches saved fork",
  params: forkBatching.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = forkBatching.run(params, undefined, effects);
    const keys = batchingColumns.map((c) => c.key);
    return {
      title: "What batches saved fork, published and counted",
      caption:
        `Across: published, measured by ${published.by} on ${published.machine}, ${published.date}. Up: ptlab, counted, ` +
        `entries reached by ${params.design}. A dot for each size of folio; the thin line is where both fall alike.`,
      alt: batchingAlt(rows),
      better: "a larger fall",
      columns: batchingColumns,
      rows: rows.map((row) => Object.fromEntries(keys.map((key) => [key, row[key as keyof ForkBatchingRow]])) as Row),
      origin: {
        designs: [params.design, published.arch],
        workload: "fork, entry by entry and a folio at once",
        params,
        seed: null,
        input: null,
      },
    };
  },
  plot: (Plot, frame) => {
    const alike = [0, -35].map((at) => ({ at }));
    // The largest sizes lie on one another, so they share a name; the others stand on either side of the line in turn.
    const apart = frame.rows.slice(0, NAMED_APART);
    const rest = frame.rows.slice(NAMED_APART);
    const name = (row: Row, text: string, right: boolean) =>
      Plot.text([row], {
        ...{ x: "time", y: "touches", text: () => text, textAnchor: right ? "start" : "end" },
        ...{ dx: right ? 9 : -9, dy: right ? 5 : -5 },
      });
    return {
      x: frame.axis("time", { domain: [2, -35], grid: true }),
      y: frame.axis("touches", { domain: [2, -36] }),
      marks: [
        Plot.line(alike, { x: "at", y: "at", stroke: "currentColor", strokeOpacity: 0.35 }),
        Plot.line(frame.rows, { x: "time", y: "touches", stroke: PALETTE[0], strokeWidth: 2 }),
        Plot.dot(frame.rows, { x: "time", y: "touches", fill: PALETTE[0], r: 4 }),
        ...apart.map((row, i) => name(row, String(row.folio), i % 2 === 0)),
        name(rest.at(-1)!, `${rest[0]!.folio} to ${rest.at(-1)!.folio}`, false),
      ],
    };
  },
});
