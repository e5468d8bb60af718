/**
 * Figures of the three usual kinds, with made-up numbers, and one live figure that lives in the tests only.
 */
import { Window } from "happy-dom";
import { addressMap } from "../../src/figure/address-map.ts";
import { figure } from "../../src/figure/create.ts";
import type { Figure, FigureSpec, Host, Origin } from "../../src/figure/figure.ts";
import { heat } from "../../src/figure/heat.ts";
import { defineLive } from "../../src/figure/live.ts";
import { bars, dots, lines, stack } from "../../src/figure/marks.ts";
import { slopes } from "../../src/figure/slope.ts";
import type { MapKind, MapRun } from "../../src/study/map/space.ts";

/** A host with a fresh document, and a build that never changes. */
export function testHost(): Host {
  const document = new Window().document as unknown as Document;
  return { document, build: { version: "0.0.0", source: "0123456789abcdef" } };
}

const origin: Origin = {
  designs: ["folded", "ptp", "pagewalk"],
  workload: "fork of 1 GiB",
  params: { memory: 2 ** 30, policies: ["4K", "64K", "2M"] },
  seed: 7,
  input: null,
};

/** Upright bars in groups, one group for each operation. */
export function groupedBars(change: Partial<FigureSpec> = {}): Figure {
  const counts = {
    fork: [262144, 16384, 512],
    "mprotect, half of it": [131072, 8192, 257],
    munmap: [262144, 20000, 512],
  };
  const rows = Object.entries(counts).flatMap(([op, values]) =>
    ["base pages", "contpte", "PMD THP"].map((policy, i) => ({ op, policy, slots: values[i]! })),
  );
  return figure({
    title: "Slots written by operation",
    caption: "Made-up numbers that look like slots written.",
    alt: "Grouped bars. Base pages write hundreds of thousands of slots, contpte a sixteenth of that, THP hardly any.",
    better: "fewer slots written",
    columns: [
      { key: "op", label: "Operation", definition: "The operation of the simulated kernel." },
      { key: "policy", label: "Policy", definition: "How the memory is mapped." },
      {
        key: "slots",
        label: "Slots written",
        basis: "counted",
        definition: "Words written in tables, once for each store.",
      },
    ],
    rows,
    compare: "slots",
    compareWithin: "op",
    origin,
    plot: (Plot, frame) => ({
      ...bars(Plot, frame, { x: "op", y: "slots", series: "policy" }),
      fx: frame.axis("op", { label: null }),
      y: frame.axis("slots"),
    }),
    ...change,
  });
}

/** Seven lines, more than there are colours, over a parameter in powers of two. */
export function severalLines(): Figure {
  const designs = ["folded", "ptp", "cursor", "pagewalk", "ptRangeWalk", "ptRangeWalk without folios", "raw"];
  const rows = designs.flatMap((design, d) =>
    [0, 2, 4, 6, 9].map((order) => ({ order, design, ns: 900 / 2 ** (order * (0.1 + d * 0.09)) + d * 20 })),
  );
  return figure({
    title: "Time of a fork by folio order",
    caption: "Made-up numbers that look like times.",
    alt: "Seven falling lines; the later designs fall faster as folios grow, and all end below 200 ns.",
    better: "less time",
    columns: [
      { key: "order", label: "Folio order", role: "parameter", definition: "Log-two of the pages in a folio." },
      { key: "design", label: "Design", definition: "The way entries are reached." },
      {
        key: "ns",
        label: "Time for each 64 KiB copied",
        basis: "modelled",
        unit: "ns",
        digits: 1,
        definition: "Time by the cost table.",
      },
    ],
    rows,
    origin,
    plot: (Plot, frame) => ({
      x: frame.axis("order"),
      y: frame.axis("ns", { zero: true }),
      ...lines(Plot, frame, { x: "order", y: "ns", series: "design" }),
    }),
  });
}

/** Dots on a logarithmic scale beside long category names; two columns share the axis. */
export function logDots(): Figure {
  const names = [
    "nginx worker",
    "postgres: checkpointer, 8 GiB of shared buffers",
    "a JVM with a heap of 4 GiB",
    "bash",
  ];
  const rows = names.map((process, i) => ({
    process,
    plain: 40 * 12 ** (3 - i),
    cont: (40 * 12 ** (3 - i)) / (3 + i),
  }));
  return figure({
    title: "TLB entries that cover a process",
    caption: "Made-up numbers that look like captures.",
    alt: "Dots for four processes on a log scale; contiguous entries need three to six times fewer.",
    better: "fewer slots written",
    columns: [
      { key: "process", label: "Process", definition: "The captured process." },
      { key: "plain", label: "4K pages", basis: "counted", definition: "Entries needed with base pages." },
      {
        key: "cont",
        label: "with contpte",
        basis: "counted",
        definition: "Entries needed where runs fold.",
        digits: 0,
      },
    ],
    rows,
    origin: { ...origin, designs: ["arm64-4k"], workload: "captures", seed: null, input: "00112233445566aa" },
    plot: (Plot, frame) => ({
      x: frame.axis(["plain", "cont"], { type: "log", label: "TLB entries" }),
      y: frame.axis("process", { label: "Process" }),
      ...dots(Plot, frame, { x: "value", y: "process", series: "series", rows: frame.unpivot(["plain", "cont"]) }),
    }),
  });
}

/** Stacked bars drawn through a colour scale, with a clip path. */
export function clippedStack(): Figure {
  return groupedBars({
    plot: (Plot, frame) => ({
      ...stack(Plot, frame, { x: "slots", y: "op", series: "policy" }),
      x: frame.axis("slots"),
      y: frame.axis("op"),
      clip: true,
    }),
  });
}

/** Slopes from one design to another, with two lines that lie on one another. */
export function slopeChart(): Figure {
  const rows = [
    { cause: "slots written", a: 16418, b: 1026 },
    { cause: "faults", a: 1024, b: 1024 },
    { cause: "TLB entries", a: 64, b: 64 },
    { cause: "table pages", a: 35, b: 3 },
  ];
  return figure({
    title: "Costs of two designs",
    caption: "Made-up numbers that look like costs.",
    alt: "Slopes. Slots written and table pages fall to less than a tenth, the others stay.",
    better: "fewer of every cause",
    columns: [
      { key: "cause", label: "Cause", definition: "What is counted." },
      { key: "a", label: "A", basis: "counted", definition: "Counts of A." },
      { key: "b", label: "B", basis: "counted", definition: "Counts of B." },
    ],
    rows,
    origin,
    plot: (Plot, frame) =>
      slopes(Plot, frame, {
        rows: rows.flatMap(({ cause, a, b }) => [
          { line: cause, station: "A", value: 100 },
          { line: cause, station: "B", value: (100 * b) / a },
        ]),
        ...{ keys: ["a", "b"], label: "per cent of A", digits: 0, unit: " %" },
      }),
  });
}

/** Shades by two categories, one of them with a long name, and one pair without a number. */
export function heatMap(): Figure {
  const policies = ["4K only", "mTHP 64K", "several sizes, each in its turn, and THP 2M"];
  const rows = ["node", "python", "postgres"].flatMap((process, i) =>
    policies.map((policy, j) => ({ process, policy, covered: i === 2 && j === 2 ? null : 50 * j - 12.5 * i * j })),
  );
  return figure({
    title: "Coverage by policy",
    caption: "Made-up numbers that look like coverage.",
    alt: "Three processes under three policies; coverage grows with the size of folios, less in the later processes.",
    better: "more coverage",
    columns: [
      { key: "process", label: "Process", definition: "The process." },
      { key: "policy", label: "Policy", definition: "What is enabled." },
      {
        key: "covered",
        label: "Covered",
        unit: "%",
        basis: "counted",
        digits: 1,
        definition: "Share that is covered.",
      },
    ],
    rows,
    origin,
    plot: (Plot, frame) => heat(Plot, frame, { x: "process", y: "policy", value: "covered", domain: [0, 100] }),
  });
}

/** A made-up process with one VMA of every sort that a map draws: partly mapped, touching, apart, of several tables. */
export function processMap(path = "all"): Figure {
  const run = (start: number, end: number, kind: MapKind, order = 0): MapRun => {
    const pfn = order > 0 || kind === "single page" ? 2 ** 20 + start : -1;
    return { start, end, kind, pfn, order, index: pfn < 0 ? 0 : pfn % 2 ** order };
  };
  const vmas = [
    {
      start: 1024,
      end: 1030,
      perms: "r-xp",
      what: "file",
      runs: [run(1024, 1028, "large folio", 2), run(1029, 1030, "single page")],
    },
    {
      start: 1030,
      end: 1036,
      perms: "rw-p",
      what: "file",
      runs: [run(1030, 1033, "zero page"), run(1033, 1034, "swap")],
    },
    {
      ...{ start: 2000, end: 4700, perms: "rw-p", what: "heap" },
      runs: [
        run(2000, 2048, "single page"),
        run(2048, 3072, "PMD leaf", 9),
        run(3072, 3104, "contpte block", 4),
        run(3110, 3112, "guard"),
        run(4608, 4640, "other memory"),
      ],
    },
    { start: 9000, end: 9001, perms: "---p", what: "anon", runs: [run(9000, 9001, "PROT_NONE")] },
  ];
  return addressMap({ name: "made up", page: 4096, spans: [1, 512, 2 ** 18, 2 ** 27], cont: 16, vmas }, path);
}

/** A live figure small enough to read: powers of a base. */
export const powers = defineLive({
  id: "powers",
  title: "Powers",
  params: {
    base: { kind: "range", label: "Base", min: 2, max: 4, step: 0.5, default: 2 },
    scale: { kind: "choice", label: "Scale", options: ["linear", "log"], default: "linear" },
    zero: { kind: "toggle", label: "From zero", default: false },
  },
  inputs: ["names.txt"],
  run: ({ base, scale, zero }, inputs) => ({
    title: `Powers of ${base}`,
    caption: "Powers.",
    alt: "A line that rises ever faster.",
    better: "nothing is better",
    columns: [
      { key: "name", label: "Series", definition: "Name of the series." },
      { key: "exponent", label: "Exponent", role: "parameter", definition: "The exponent." },
      { key: "power", label: "Power", basis: "counted", definition: "The base to that exponent." },
    ],
    rows: [1, 2, 3].map((exponent) => ({ name: String(inputs["names.txt"]), exponent, power: base ** exponent })),
    origin: { designs: [], workload: "powers", params: { base, scale, zero }, seed: null, input: null },
  }),
  plot: (Plot, frame) => ({
    x: frame.axis("exponent"),
    y: frame.axis("power", { type: frame.figure.live?.params.scale === "log" ? "log" : "linear" }),
    ...lines(Plot, frame, { x: "exponent", y: "power", series: "name" }),
  }),
});
