/**
 * The live figures of the encapsulation study: what breaks by failure, what being right costs, and what single helpers do.
 */
import { EVENTS, type EventName } from "../../base/tally.ts";
import { ENTRY_EVENTS, type EntryCostRow, entryCosts } from "../../study/encapsulation/costs.ts";
import { type EncapsulationRow, encapsulation } from "../../study/encapsulation/experiment.ts";
import { FAILURES } from "../../study/encapsulation/finding.ts";
import { encapsulationSides, type SideRow } from "../../study/encapsulation/sides.ts";
import { comparisonPlot } from "../comparison.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";

const LABELS: Partial<Record<EventName, string>> = {
  slotsRead: "reads",
  slotsWritten: "writes",
  contpteUnfolds: "unfolds",
  contpteFolds: "folds",
  flushRanges: "flushes",
  foliosTouched: "folios",
};

function counted(key: EventName): Column {
  const text = EVENTS[key];
  const definition = `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  return { key, label: LABELS[key] ?? key, basis: "counted", definition };
}

const FOUND_COLUMNS: readonly Column[] = [
  {
    key: "failure",
    label: "failure",
    definition: `${Object.entries(FAILURES)
      .map(([name, text]) => `${name} = ${text}`)
      .join("; ")}.`,
  },
  { key: "found", label: "findings", basis: "counted", definition: "How often the detector met it in the program." },
  {
    key: "firstStep",
    label: "first step",
    basis: "counted",
    definition: "Step of the program that led into it first, from 0; none if it never happened.",
  },
];

function foundAlt(rows: readonly EncapsulationRow[], access: string): string {
  const some = rows.filter((row) => row.found > 0);
  if (some.length === 0) return `Bars of findings by failure for ${access} access: there are none.`;
  return `Bars of findings by failure for ${access} access. ${some.map((r) => `${r.failure}: ${r.found}`).join("; ")}.`;
}

/** Findings by failure, redrawn for another format, program, seed and access. */
export const encapsulationLive = defineLive({
  id: encapsulation.id,
  title: "What breaks when entries are dereferenced",
  params: encapsulation.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = encapsulation.run(params, undefined, effects);
    const { access, arch, accessDirty, bbml2, steps, seed } = params;
    const flush = bbml2 ? ", folds without invalidation" : "";
    return {
      title: "What breaks when entries are dereferenced",
      caption:
        `A random program of ${steps} steps (seed ${seed}) on ${arch}, ${access} access, accessed and dirty noted by ` +
        `${accessDirty}${flush}: findings of the detector by failure.`,
      alt: foundAlt(rows, access),
      better: "no finding",
      columns: FOUND_COLUMNS,
      rows: rows.map(({ failure, found, firstStep }) => ({
        failure,
        found,
        firstStep: firstStep < 0 ? null : firstStep,
      })),
      origin: { designs: [arch, access], workload: `random program of ${steps} steps`, params, seed, input: null },
    };
  },
  plot: (Plot, frame) => ({
    // Where nothing was found, there is still an axis; the numbers beside the bars have room on it.
    x: frame.axis("found", { domain: [0, 1.1 * Math.max(9, ...frame.rows.map((row) => Number(row.found)))] }),
    y: frame.axis("failure", { label: null }),
    marks: [
      Plot.barX(frame.rows, { x: "found", y: "failure", fill: "currentColor", fillOpacity: 0.7 }),
      Plot.text(frame.rows, { x: "found", y: "failure", text: "found", textAnchor: "start", dx: 5 }),
      Plot.ruleX([0]),
    ],
  }),
});

const SIDE_COLUMNS: readonly Column[] = [
  {
    key: "side",
    label: "side",
    definition:
      "Plain loads and stores of entries (raw), or ptep_get and the setters (helpers); with contpte, or with contpte switched " +
      "off (off).",
  },
  {
    key: "findings",
    label: "found",
    basis: "counted",
    definition: "Times that the detector met a failure; where it did, the sides did not do the same.",
  },
  counted("slotsRead"),
  counted("slotsWritten"),
  {
    key: "converts",
    label: "converts",
    basis: "counted",
    definition: "Contpte folds and unfolds together (contpte_convert): each clears and stores a whole block.",
  },
  counted("flushRanges"),
  counted("foliosTouched"),
];

function sideCells({ side, findings, slotsRead, slotsWritten, contpteUnfolds, ...row }: SideRow): Row {
  const { contpteFolds, flushRanges, foliosTouched } = row;
  const converts = contpteFolds + contpteUnfolds;
  return { side, findings, slotsRead, slotsWritten, converts, flushRanges, foliosTouched };
}

function sidesAlt(rows: readonly SideRow[]): string {
  const texts = rows.map(
    (r) =>
      `${r.side}: ${r.findings} findings, ${r.slotsRead} slots read, ${r.slotsWritten} written, ${r.flushRanges} flushes`,
  );
  return `Groups of bars, one for each count. ${texts.join("; ")}.`;
}

/** Raw dereferences against the helpers: findings and costs of one program, redrawn for another format and seed. */
export const encapsulationCostsLive = defineLive({
  id: encapsulationSides.id,
  title: "Raw dereferences against the helpers",
  params: encapsulationSides.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = encapsulationSides.run(params, undefined, effects);
    const { arch, notes, steps, seed } = params;
    return {
      title: `Raw dereferences against the helpers on ${arch}`,
      caption:
        `One random program of ${steps} steps (seed ${seed}), accessed and dirty noted by ${notes ? "hardware" : "faults"}. ` +
        "Counted is what the accesses to entries do, not the hardware and not the mapping of fresh blocks. " +
        "Bars show each count as a part of the largest of its cause; the number beside a bar is the count.",
      alt: sidesAlt(rows),
      better: "no finding first, then fewer of everything",
      columns: SIDE_COLUMNS,
      rows: rows.map(sideCells),
      compare: "slotsRead",
      origin: {
        designs: [arch, ...rows.map((row) => row.side)],
        workload: `random program of ${steps} steps`,
        params,
        seed,
        input: null,
      },
    };
  },
  plot: comparisonPlot,
});

const COST_COLUMNS: readonly Column[] = [
  {
    key: "op",
    label: "done to a block",
    definition: "What is done to entries of a block that one set_ptes has mapped.",
  },
  {
    key: "access",
    label: "access",
    definition: "By plain loads and stores (raw), or by ptep_get and the setters (helpers).",
  },
  ...ENTRY_EVENTS.map(counted),
  {
    key: "after",
    label: "block",
    definition:
      "What it is afterwards: one contiguous entry, plain entries, or broken: contiguous bits on what is no whole block.",
  },
];

function costsAlt(rows: readonly EntryCostRow[]): string {
  const of = (access: string) => rows.filter((row) => row.access === access);
  const broken = of("raw").filter((row) => row.after === "broken");
  const texts = of("encapsulated").map((row) => `${row.op}: ${row.slotsRead} read, ${row.slotsWritten} written`);
  return `Stacked bars of slots read and written. Helpers: ${texts.join("; ")}. Raw leaves ${broken.length} of ${texts.length} broken.`;
}

const SLOTS = ["slotsRead", "slotsWritten"] as const;

/** What each helper does to a contiguous block beside a plain load or store, redrawn for another format and CPU. */
export const entryCostsLive = defineLive({
  id: entryCosts.id,
  title: "What a helper does to a contiguous block",
  params: entryCosts.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const rows = entryCosts.run(params, undefined, effects);
    const { arch, contpte, bbml2, gatherStops } = params;
    const switches = [
      contpte ? "contpte" : "no contpte",
      ...(bbml2 ? ["BBML2"] : []),
      ...(gatherStops ? ["early stop"] : []),
    ];
    return {
      title: "What a helper does to a contiguous block",
      caption: `Slots read and written by one thing done to a block on ${arch} (${switches.join(", ")}), raw and by the helpers.`,
      alt: costsAlt(rows),
      better: "no broken block first, then fewer slots and flushes",
      columns: COST_COLUMNS,
      rows: rows.map((row): Row => ({ ...row, access: row.access === "raw" ? "raw" : "helpers" })),
      origin: { designs: [arch, ...switches], workload: "one block, one operation", params, seed: null, input: null },
    };
  },
  plot: (Plot, frame) => {
    const rows = frame.unpivot(SLOTS);
    const ops = [...new Set(frame.rows.map((row) => String(row.op)))];
    return {
      height: ops.length * 44 + 60,
      color: frame.colours("series", "fill", rows),
      x: frame.axis(SLOTS, { label: "slots" }),
      y: { domain: ["raw", "helpers"], axis: null },
      fy: { ...frame.axis("op", { label: null }), axis: "left" },
      marks: [
        Plot.barX(rows, { fy: "op", y: "access", x: "value", fill: "series" }),
        Plot.text(
          frame.rows.filter((row) => row.access === "raw" || row.after === "broken"),
          {
            ...{ fy: "op", y: "access", x: (row: Row) => Number(row.slotsRead) + Number(row.slotsWritten) },
            text: (row: Row) => (row.after === "broken" ? "raw: broken" : "raw"),
            textAnchor: "start",
            dx: 5,
          },
        ),
        Plot.ruleX([0]),
      ],
    };
  },
});
