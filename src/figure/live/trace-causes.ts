/**
 * Live figure of where the cycles of translation go on a real core, by table level or by cache, natively and in a virtual machine.
 */
import { coreNamed } from "../../mmu/cores/cores.ts";
import { runTraceCauses, type TraceCauseRow, traceCauseParams } from "../../study/trace-cost/causes.ts";
import { chosenSlice } from "../../study/trace-cost/traces.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { stack } from "../marks.ts";
import { sliceText, TRACE_INPUTS, traceOrigin } from "./trace-parts.ts";

const APART = ["table level", "cache"] as const;

/** One part of the time: its column, and what a row has of it, in nanoseconds per access. */
interface Part {
  readonly key: string;
  readonly label: string;
  readonly definition: string;
  of(row: TraceCauseRow): number;
}

const TLB: Part = {
  key: "tlb",
  label: "second TLB level",
  definition: "Looking in the second TLB level",
  of: ({ cost }) => cost.tlb,
};

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** The lowest two levels alone, all above together: there is hardly anything in them. */
const LEVELS: readonly Part[] = [
  TLB,
  level("l0", "level 0", "Reads of the process's PTEs", (cost) => cost.reads[0]!),
  level("l1", "level 1", "Reads of the process's tables of level 1", (cost) => cost.reads[1]!),
  level("l2", "levels 2 and up", "Reads of the process's tables of level 2 and up", (cost) => sum(cost.reads.slice(2))),
  level("h0", "host, level 0", "Reads of the host's PTEs", (cost) => cost.host[0] ?? 0),
  level("h1", "host, above", "Reads of the host's tables of level 1 and up", (cost) => sum(cost.host.slice(1))),
];

function level(key: string, label: string, definition: string, of: (cost: TraceCauseRow["cost"]) => number): Part {
  return { key, label, definition, of: ({ cost }) => of(cost) };
}

/** The caches of a core, nearest first, and memory. */
function cacheParts(core: string): readonly Part[] {
  const names = [...coreNamed(core).caches.map(({ name }) => name), "memory"];
  return [
    TLB,
    ...names.map((name, place) => ({
      key: `c${place}`,
      label: `tables, from ${name}`,
      definition: `Table reads, the host's too, whose line came from ${name}`,
      of: ({ fromCaches }: TraceCauseRow) => fromCaches[place]!,
    })),
  ];
}

const CYCLES = "cycles";

function columnsOf(parts: readonly Part[]): readonly Column[] {
  const time = { unit: CYCLES, basis: "modelled", digits: 0 } as const;
  const walks = { unit: "per 1000", basis: "counted", digits: 2 } as const;
  return [
    {
      key: "name",
      label: "Mapped as",
      definition: "Size of the folios, and whether in a virtual machine whose host has such pages.",
    },
    { key: "walks", label: "TLB misses", ...walks, definition: "Walks per 1000 accesses." },
    {
      key: "reads",
      label: "table reads",
      ...walks,
      definition: "Slots read per 1000 accesses, the host's tables included.",
    },
    { key: "cycles", label: "Cycles", ...time, definition: "Translation of 1000 accesses, the sum of the parts." },
    ...parts.map(({ key, label, definition }) => ({
      key: `p_${key}`,
      label,
      ...time,
      definition: `${definition}, for 1000 accesses.`,
    })),
  ];
}

function causeRow(row: TraceCauseRow, parts: readonly Part[], clock: number): Row {
  const { accesses, walks, reads, host } = row.counts;
  const per1000 = (n: number) => (1000 * n) / accesses;
  const all = parts.map((part) => [`p_${part.key}`, 1000 * clock * part.of(row)] as const);
  return {
    name: row.mapping,
    walks: per1000(walks),
    reads: per1000(sum(reads) + sum((host?.reads ?? []).flat())),
    cycles: sum(all.map(([, cycles]) => cycles)),
    ...Object.fromEntries(all),
  };
}

/** Where the cycles of a recorded program's translation go on a real core. */
export const cyclesByCause = defineLive({
  id: "cycles-by-cause",
  title: "Where the cycles of translation go",
  params: { ...traceCauseParams, apart: { kind: "choice", label: "By", options: APART, default: APART[0] } },
  ...TRACE_INPUTS,
  run: async (params, inputs, effects) => {
    const slice = await chosenSlice(params, inputs);
    const { title, clock } = coreNamed(params.core);
    const possible = params.apart === "cache" ? cacheParts(params.core) : LEVELS;
    const found = runTraceCauses(params, slice, effects);
    const parts = possible.filter((part) => part === TLB || found.some((row) => part.of(row) > 0));
    const rows = found.map((row) => causeRow(row, parts, clock.value));
    return {
      title: `Cycles of ${params.trace}'s translation on ${title}`,
      caption:
        `${sliceText(params, slice)}, the second half of them counted. Table lines and the program's lines share the caches; a ` +
        "table read costs what the cache takes that had its line. Nothing overlaps: an upper bound.",
      alt: `Stacked bars of modelled cycles by ${params.apart}. ${rows.map((row) => `${row.name}: ${Number(row.cycles).toFixed(0)}`).join("; ")}.`,
      better: "fewer cycles",
      columns: columnsOf(parts),
      rows,
      compare: "cycles",
      origin: traceOrigin(params, slice, [params.core]),
    };
  },
  plot: (Plot, frame) => {
    const keys = frame.figure.columns.map((c) => c.key).filter((key) => key.startsWith("p_"));
    return {
      ...stack(Plot, frame, { x: "value", y: "name", series: "series", rows: frame.unpivot(keys) }),
      x: frame.axis(keys, { label: "Translation of 1000 accesses" }),
      y: frame.axis("name", { label: null }),
    };
  },
});
