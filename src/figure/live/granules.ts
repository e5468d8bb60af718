/**
 * Live figures of page sizes: one program under each way to map it, two of them by cause, and what was published beside what is counted.
 */
import type { ParamsOf } from "../../study/experiment.ts";
import {
  GRANULE_CAUSES,
  type GranuleRow,
  granulePair,
  granules,
  type programParams,
} from "../../study/granules/granules.ts";
import { type PublishedGranuleRow, publishedGranules } from "../../study/granules/published.ts";
import type { Column, Origin, Row } from "../figure.ts";
import { defineLive } from "../live.ts";
import { diagonal, dots } from "../marks.ts";
import { shareBars } from "../shares.ts";
import { slopes } from "../slope.ts";

type Counted = keyof typeof GRANULE_CAUSES;

const MEANINGS: Readonly<Record<Counted, string>> = {
  faults: "Page faults that the program took.",
  slotsWritten: "Slots of page tables that its faults wrote.",
  tables: "Table pages, the root's included.",
  tableKiB: "Bytes of all tables, the root's included.",
  vmPte: "VmPTE of /proc/PID/status: neither the root nor levels above the PUD.",
  entries: "Translations that cover what is mapped, a contiguous block or a larger leaf as one.",
  memory: "Memory that the program holds.",
  misses: "Loads that miss in every TLB level, per 1000.",
  reads: "Slots that the walker read, per 1000 loads.",
  coldReads: "Slots that the walker reads for one load if nothing is cached.",
  lines: "Lines of 64 bytes in which the slots lie that lead to the program's memory.",
};

/** What the picture shows of every way; the table has all. */
const SHOWN: readonly Counted[] = ["faults", "misses", "lines", "tableKiB", "memory"];

const rounded = (n: number): number => Number(n.toFixed(1));

function programText({ mib, touched, tlb, walkCache }: ParamsOf<typeof programParams>): string {
  const caches = walkCache ? "" : ", no walk caches";
  return `a program that writes ${touched} of ${mib}; ${tlb} entries in the second TLB level${caches}`;
}

function originOf(designs: readonly string[], params: ParamsOf<typeof programParams>): Origin {
  return { designs, workload: programText(params), params, seed: params.seed, input: null };
}

const PARTS: readonly Counted[] = ["tableKiB", "misses", "reads"];

const countColumn = (key: Counted): Column => ({
  ...{ key, label: GRANULE_CAUSES[key], basis: "counted", definition: MEANINGS[key] },
  ...(PARTS.includes(key) && { digits: 1 }),
});

function granuleCells(row: GranuleRow): Row {
  const cells = Object.keys(GRANULE_CAUSES).map((key) => [key, rounded(row[key as Counted])] as const);
  return { name: row.name, ...Object.fromEntries(cells) };
}

/** One program under each way to map it, redrawn for another program, core, and set of ways. */
export const granulesLive = defineLive({
  id: granules.id,
  title: "One program under each page size",
  params: granules.params,
  inputs: [],
  run: (params, _inputs, effects) => {
    const found = granules.run(params, undefined, effects);
    return {
      title: `Page sizes side by side: ${params.which}`,
      caption:
        `Counts of ${programText(params)}, and of random loads from what it wrote. A group of bars for each way to map it; bars show ` +
        "each count as a part of the largest of its kind, and the number beside a bar is the count.",
      alt: `Groups of bars by cause. ${found.map((r) => `${r.name}: ${r.faults} faults, ${r.misses.toFixed(0)} misses per 1000 loads, ${r.memory} MiB`).join("; ")}.`,
      better: "fewer of every cause",
      columns: [
        { key: "name", label: "pages", definition: "Base page, and size of the folios or contiguous blocks in it." },
        ...Object.keys(GRANULE_CAUSES).map((key) => countColumn(key as Counted)),
      ],
      rows: found.map(granuleCells),
      compare: "misses",
      origin: originOf(
        found.map(({ name }) => name),
        params,
      ),
    };
  },
  plot: (Plot, frame) => {
    const rows = frame.unpivot(SHOWN).map((row) => ({ ...row, cause: row.name! }));
    return shareBars(Plot, frame, {
      series: "series",
      keys: SHOWN,
      rows,
      of: "the most of each cause",
      scaledBy: "series",
    });
  },
});

/** Two ways to map the program, by cause. */
export const granulePairLive = defineLive({
  id: granulePair.id,
  title: "Two page sizes by cause",
  params: granulePair.params,
  inputs: [],
  run: (params) => {
    const found = granulePair.run(params, undefined);
    const sides = [`A ${params.a}`, `B ${params.b}`];
    return {
      title: `By cause, ${sides.join(", ")}`,
      caption: `Counts of ${programText(params)}, mapped by ${sides.join(" and ")} pages. Lines show each count as a part of the larger of the two; at their end stands that of B.`,
      alt: `Lines from A to B by cause. ${found.map((r) => `${r.cause}: ${rounded(r.a)} and ${rounded(r.b)}`).join("; ")}.`,
      better: "fewer of every cause",
      columns: [
        { key: "cause", label: "cause", definition: causesText() },
        { key: "a", label: "A", basis: "counted", digits: 1, definition: `Counts of A, ${params.a}.` },
        { key: "b", label: "B", basis: "counted", digits: 1, definition: `Counts of B, ${params.b}.` },
        { key: "difference", label: "B - A", basis: "counted", digits: 1, definition: "How many more B has." },
        {
          ...{ key: "percent", label: "B - A", unit: "%", basis: "counted", digits: 1 },
          definition: "The difference in per cent of A; none where A is 0.",
        },
      ],
      rows: found.map(({ a, b, ...rest }) => ({ ...rest, a: rounded(a), b: rounded(b) })),
      origin: originOf([params.a, params.b], params),
    };
  },
  plot: (Plot, frame) => {
    const stations = frame.figure.origin.designs.map((design, i) => `${"AB"[i]} ${design}`);
    const rows = frame.rows.flatMap(({ cause, a, b }) =>
      [a, b].map((value, i) => ({
        line: cause!,
        station: stations[i]!,
        value: percentOfLarger(Number(value), [a, b]),
      })),
    );
    const label = "per cent of the larger of the two";
    return slopes(Plot, frame, { rows, keys: ["a", "b"], label, digits: 1, unit: " %" });
  },
});

const percentOfLarger = (value: number, both: readonly unknown[]): number =>
  (100 * value) / (Math.max(...both.map(Number)) || 1);

function causesText(): string {
  return Object.entries(GRANULE_CAUSES)
    .map(([key, label]) => `${label} = ${MEANINGS[key as Counted]}`)
    .join(" ");
}

const BY = "Ryan Roberts on an Ampere Altra, 2023-06-22 (contpte v1)";

function published(key: string, label: string, what: string, unit = "%"): Column {
  return { key, label, unit, basis: "measured", digits: 1, definition: `Published, measured by ${BY}: ${what}.` };
}

function changed(key: string, label: string, what: string): Column {
  return {
    key,
    label,
    unit: "%",
    basis: "counted",
    digits: 1,
    definition: `${what}, ptlab: change in per cent of 4K pages.`,
  };
}

/** The pairs in the picture: what is counted, the published time beside it, and what the two are called together. */
const PAIRS = [
  { x: "faults", y: "kern", way: "kernel time by faults" },
  { x: "misses", y: "user", way: "user time by TLB misses" },
] as const;

/** Where the name of a dot stands: two of a pair may have one count, and nearly one time. */
const BESIDE = [
  { textAnchor: "end", dx: -8, dy: -6 },
  { textAnchor: "start", dx: 8, dy: -6 },
  { textAnchor: "end", dx: -8, dy: 8 },
  { textAnchor: "start", dx: 8, dy: 8 },
] as const;

/** Published changes of a kernel's compile beside counts, redrawn for another program. */
export const publishedGranulesLive = defineLive({
  id: publishedGranules.id,
  title: "Page sizes, published and counted",
  params: publishedGranules.params,
  inputs: [],
  run: (params) => {
    const found = publishedGranules.run(params, undefined);
    return {
      title: "Page sizes: published times beside counts",
      caption:
        `Up: change of time against 4K pages, published, for a compile of the kernel by ${BY}. To the right: change of a count, ptlab, for ` +
        `${programText(params)}. On the dashed line, time would fall as much as the count.`,
      alt: `Dots. ${found.map(publishedWords).join("; ")}.`,
      better: "less time, and less of every count",
      columns: [
        { key: "kernel", label: "kernel", definition: "Against 4K pages; the first three are cumulative." },
        published("real", "real", "elapsed time of a compile of the kernel, change"),
        published("kern", "kernel", "its time in the kernel, change"),
        published("user", "user", "its time in user space, change"),
        published("speedometer", "Speedometer", "score of Speedometer 2.0, change; none was given for 64K"),
        changed("faults", "faults", "Page faults"),
        changed("slotsWritten", "slots written", "Slots of page tables written"),
        changed("misses", "misses", "Loads that miss in every TLB level"),
        changed("lines", "table lines", "Lines of page tables that lead to the memory"),
      ],
      rows: found as unknown as readonly Row[],
      origin: originOf(["4K", ...found.map(({ kernel }) => kernel)], params),
    };
  },
  plot: (Plot, frame) => {
    const rows = PAIRS.flatMap(({ x, y, way }) => frame.rows.map((row) => ({ ...row, way, x: row[x]!, y: row[y]! })));
    const counted = rows.filter((row) => row.x !== null);
    return {
      x: frame.axis(["faults", "misses"], { label: "change of a count", insetLeft: 90, insetRight: 20 }),
      y: frame.axis(["kern", "user"], { label: "change of time" }),
      marks: [
        diagonal(Plot, [-95, 0]),
        ...dots(Plot, frame, { x: "x", y: "y", series: "way", rows: counted }).marks,
        ...counted.map((row, i) =>
          Plot.text([row], { x: "x", y: "y", text: "kernel", fontSize: 10, ...BESIDE[i % 4] }),
        ),
      ],
    };
  },
});

function publishedWords({ kernel, kern, user, faults, misses }: PublishedGranuleRow): string {
  const ours =
    faults === null || misses === null
      ? "not in the model"
      : `faults ${faults.toFixed(0)} %, misses ${misses.toFixed(0)} %`;
  return `${kernel}: kernel time ${kern} %, user time ${user} %, ${ours}`;
}
