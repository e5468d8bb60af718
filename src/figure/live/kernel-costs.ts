/**
 * Live figures of the cost table: every operation that it was fitted to, measured against modelled, and by cause.
 */
import type * as Plot from "@observablehq/plot";
import { EVENTS, type EventName } from "../../base/tally.ts";
import { type CalibratedRow, calibratedRows, defaultKernelCosts, priceOf } from "../../study/cost/costs.ts";
import type { Column, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { diagonal, stack } from "../marks.ts";
import { placeLabels } from "../slope.ts";

const MACHINE = defaultKernelCosts.name;

const OPERATION: Column = {
  key: "name",
  label: "operation",
  definition: "Name of the recorded row; its ending is the size of the folios.",
};

const MEASURED: Column = {
  ...{ key: "measured", label: "measured", unit: "ns per page", basis: "measured", digits: 2 },
  definition: `Recorded on ${MACHINE}: median by 4K page, without what the program itself takes; a call for 'syscall'.`,
};

const MODELLED: Column = {
  ...{ key: "modelled", label: "modelled", unit: "ns per page", basis: "modelled", digits: 2 },
  definition: "Counts of the same operation in the simulated kernel, times the fitted weights.",
};

/** Rows by the ending of their name. */
const SIZES: Readonly<Record<string, (name: string) => boolean>> = {
  all: () => true,
  "4K": (name) => !/_(2m|64k)$/.test(name),
  "64K": (name) => name.endsWith("_64k"),
  "2M": (name) => name.endsWith("_2m"),
};

/** Rows further off than this are named in the picture. */
const FAR = 0.3;

/** Every timed operation: measured time against modelled time. */
export const calibrationLive = defineLive({
  id: "calibration",
  title: "What the fitted weights make of every timed operation",
  params: { folios: { kind: "choice", label: "folios", options: Object.keys(SIZES), default: "all" } },
  inputs: [],
  run: ({ folios }) => {
    const own = calibratedRows.filter(({ name }) => SIZES[folios]!(name));
    const rows = own.map(({ name, measured, modelled }) => ({
      ...{ name, measured, modelled, residual: 100 * (modelled / measured - 1) },
    }));
    const far = rows.filter(({ residual }) => Math.abs(residual) > 100 * FAR);
    return {
      title: `${rows.length} operations of a real kernel, measured and modelled`,
      caption:
        `Each dot is one operation: time recorded on ${MACHINE} against counts of the same operation in the simulated kernel times the ` +
        `fitted weights. On the dashed line both agree. What is more than ${100 * FAR} % off is named.`,
      alt:
        `Dots of ${rows.length} operations, most of them near the line where both agree. More than ${100 * FAR} % off: ` +
        `${far.map(({ name, residual }) => `${name} ${residual.toFixed(0)} %`).join(", ") || "none"}.`,
      better: "a residual near 0",
      columns: [
        OPERATION,
        MEASURED,
        MODELLED,
        {
          ...{ key: "residual", label: "residual", unit: "%", basis: "modelled", digits: 1 },
          definition: "Modelled less measured, in per cent of measured.",
        },
      ],
      rows,
      origin: {
        ...{ designs: ["Linux 6.18 on x86-64, simulated"], workload: `calibration on ${MACHINE}` },
        ...{ params: { folios }, seed: null, input: null },
      },
    };
  },
  plot: (Plot, frame) => {
    const values = frame.rows.flatMap((row) => [Number(row.measured), Number(row.modelled)]);
    const far = frame.rows.filter((row) => Math.abs(Number(row.residual)) > 100 * FAR);
    const [all] = frame.series(
      "operation",
      "dot",
      frame.rows.map((row) => ({ ...row, operation: "one operation" })),
    );
    const place = { x: "modelled", y: "measured" } as const;
    return {
      x: frame.axis("modelled", { type: "log", label: "time" }),
      // Names that stand left of the first dots would run over the axis of a narrow picture.
      insetLeft: Math.max(0, NAME_ROOM - frame.width / 8),
      y: frame.axis("measured", { type: "log", label: "time" }),
      marks: [
        diagonal(Plot, values, 1.5),
        Plot.dot(all!.rows, { ...place, fill: all!.colour, symbol: all!.symbol, r: 4 }),
        // Away from the line, where most dots are.
        beside(Plot, "left", far.filter(isAbove)),
        beside(
          Plot,
          "right",
          far.filter((row) => !isAbove(row)),
        ),
      ],
    };
  },
});

const isAbove = ({ measured, modelled }: Row): boolean => Number(measured) > Number(modelled);

const NAME_SIZE = 10;
/** Longest name of a dot near the axis, in pixels; a wide picture has an eighth of itself there. */
const NAME_ROOM = 90;

/** The names of dots, on one side of them; where dots are near one another their names make way. */
function beside(plot: typeof Plot, side: "left" | "right", rows: readonly Row[]): Plot.Markish {
  const look = side === "left" ? ({ dx: -7, textAnchor: "end" } as const) : ({ dx: 7, textAnchor: "start" } as const);
  const options = { x: "modelled", y: "measured", text: "name", fontSize: NAME_SIZE, ...look };
  return plot.text(
    rows,
    plot.initializer(options, (data, facets, { y }, scales, { height }) => {
      const wanted = Array.from(y!.value as unknown as ArrayLike<number>, (value) => scales.y!(value) as number);
      const middles = placeLabels(
        wanted,
        wanted.map(() => NAME_SIZE + 2),
        height,
      );
      return { data, facets, channels: { y: { value: middles } } };
    }),
  );
}

/** Operations that are shown beside one another: their times are of one size. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  "fork, unmap, protect": [
    ...["fork_4k", "fork_64k", "munmap_4k", "munmap_64k", "dontneed_4k", "guard_install_populated"],
    ...["mprotect_r_4k", "mprotect_r_64k", "mprotect_rw_4k", "cold_4k", "free_4k"],
  ],
  faults: [
    ...["touch_read_4k", "populate_read_4k", "touch_write_4k", "populate_write_4k", "touch_write_64k"],
    ...["touch_write_2m", "cow_reuse_4k", "cow_copy_4k"],
  ],
  walks: [
    ...["guard_install_empty", "guard_install_tables", "guard_install_again", "guard_remove", "mincore_4k"],
    ...["scan_present_4k", "scan_swapped_4k", "scan_none_tables", "pagemap_read_4k", "mremap_shift_4k"],
  ],
  "huge leaves": ["fork_2m", "munmap_2m", "mprotect_r_2m", "mincore_2m", "pagemap_read_2m", "split_2m"],
};

/** Causes in the picture; what a row has besides is one more. */
const MOST_CAUSES = 5;
const REST = "the rest";

/** What an event is called in a legend: the beginning of its definition would be too long. */
function words(event: EventName): string {
  return event
    .replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)
    .replace("pte locks", "PTE locks")
    .replace("lru", "LRU");
}

/** The modelled time of each operation by cause, beside the measured time. */
export const operationCausesLive = defineLive({
  id: "operation-causes",
  title: "What an operation costs, by cause",
  params: {
    group: { kind: "choice", label: "operations", options: Object.keys(GROUPS), default: "fork, unmap, protect" },
  },
  inputs: [],
  run: ({ group }) => {
    const own = GROUPS[group]!.map((name) => calibratedRows.find((row) => row.name === name)!);
    const causes = mainCauses(own);
    const rows = own.flatMap((row) => causeRows(row, causes));
    return {
      title: `What an operation costs, by cause: ${group}`,
      caption:
        `Modelled time of one 4K page by cause: counts of the simulated kernel times weights fitted to ${MACHINE}. ` +
        "The upright stroke is the time that was measured there.",
      alt: `Stacked bars. ${own.map((row) => `${row.name}: ${row.modelled.toFixed(1)} ns modelled, ${row.measured.toFixed(1)} measured`).join("; ")}.`,
      better: "less time",
      columns: [
        OPERATION,
        {
          key: "cause",
          label: "cause",
          definition: `${causes.map((event) => `${words(event)} = ${EVENTS[event]}`).join("; ")}.`,
        },
        {
          ...{ key: "ns", label: "time", unit: "ns per page", basis: "modelled", digits: 2 },
          definition: "Modelled time of the cause: count by page times weight.",
        },
        MEASURED,
      ],
      rows,
      origin: {
        ...{ designs: ["Linux 6.18 on x86-64, simulated"], workload: `calibration on ${MACHINE}` },
        ...{ params: { group }, seed: null, input: null },
      },
    };
  },
  plot: (Plot, frame) => {
    const one = frame.rows.filter((row, i) => frame.rows.findIndex((other) => other.name === row.name) === i);
    const bars = stack(Plot, frame, { x: "ns", y: "name", series: "cause" });
    return {
      ...bars,
      x: frame.axis("ns"),
      y: frame.axis("name", { label: null }),
      marks: [...bars.marks, Plot.tickX(one, { x: "measured", y: "name", strokeWidth: 2.5 })],
    };
  },
});

/** The events that cost most over some operations, the most first. */
function mainCauses(rows: readonly CalibratedRow[]): EventName[] {
  const total = new Map<EventName, number>();
  for (const row of rows)
    for (const { event, ns } of priceOf(row.counts).causes)
      total.set(event, (total.get(event) ?? 0) + ns / Math.max(row.modelled, 1e-9));
  return [...total]
    .sort((a, b) => b[1] - a[1])
    .slice(0, MOST_CAUSES)
    .map(([event]) => event);
}

function causeRows(row: CalibratedRow, causes: readonly EventName[]): Row[] {
  const price = priceOf(row.counts);
  const of = (event: EventName) => price.causes.find((cause) => cause.event === event)?.ns ?? 0;
  const main = causes.map((event) => [words(event), of(event)] as const);
  const rest = price.ns - main.reduce((sum, [, ns]) => sum + ns, 0);
  return [...main, [REST, Math.max(0, rest)] as const].map(([cause, ns]) => ({
    ...{ name: row.name, cause, ns, measured: row.measured },
  }));
}
