/**
 * Comparisons as figures: a row for each side with a column for each cause, and a row for each cause with both sides. Causes
 * in which nothing differs are said in words, so that the text table stays one block of a mail.
 */
import { EVENTS, type EventName } from "../base/tally.ts";
import { CAUSES, type Cause } from "../study/compare/causes.ts";
import type { CauseRow, Comparison, Setting, SideCounts } from "../study/compare/compare.ts";
import { defaultKernelCosts } from "../study/cost/costs.ts";
import { LINE } from "./ascii.ts";
import { figure } from "./create.ts";
import type { Column, Drawing, Figure, LooseData, Origin, Row } from "./figure.ts";
import { shareBars } from "./shares.ts";

/** What a figure of a comparison says besides the counts. */
export interface ComparisonOptions {
  /** Name of the operation. A {@link Comparison} knows its own. */
  readonly workload?: string;
  /** Where it ran. A {@link Comparison} knows its own. */
  readonly setting?: Setting;
  readonly title?: string;
  readonly caption?: string;
  /** Columns to show. Default: the causes in which any side differs from the first, as many as fit; the others in words. */
  readonly events?: readonly EventName[];
  /** Column with the change in per cent. Default: the first shown that is not 0 on the first side. */
  readonly compare?: EventName | "pricedNs";
  /** Whether to show modelled nanoseconds. Default: where these are compared. */
  readonly priced?: boolean;
}

/** Width of the text table's column of changes, with the space before it. */
const CHANGE_WIDTH = 10;
/** Width of the column of modelled nanoseconds. */
const PRICED_WIDTH = 16;

/** A row for each side, the baseline first; a column for each cause. Takes a comparison of two, or sides from `compareAll`. */
export function comparisonFigure(
  compared: readonly SideCounts[] | Comparison,
  options: ComparisonOptions = {},
): Figure {
  return figure({ ...comparisonData(compared, options), plot: comparisonPlot });
}

/** The data of {@link comparisonFigure}, for a live figure. */
export function comparisonData(
  compared: readonly SideCounts[] | Comparison,
  options: ComparisonOptions = {},
): LooseData {
  const sides = "a" in compared ? [compared.a, compared.b] : compared;
  const full = "a" in compared ? { workload: compared.workload, setting: compared.setting, ...options } : options;
  const shown = options.events?.map(causeOf) ?? shownCauses(sides, options);
  const compare = options.compare ?? comparedCause(sides, shown);
  const priced = options.priced ?? compare === "pricedNs";
  return {
    title: options.title ?? `${full.workload ?? "Costs"}: ${settingText(full.setting)}`,
    caption: options.caption ?? captionOf(sides, full),
    alt: altOf(sides, shown),
    better: betterText(compare),
    columns: [sideColumn(sides, shown), ...shown.map(causeColumn), ...(priced ? [pricedColumn(sides)] : [])],
    rows: sides.map((side) => sideRow(side, shown, priced)),
    compare,
    origin: originOf(sides, full),
  };
}

/** How {@link comparisonFigure} is drawn: every cause by itself, relative to the side with most of it. */
export const comparisonPlot: Drawing = (Plot, frame) => {
  const keys = frame.figure.columns.filter((c) => c.basis === "counted").map((c) => c.key);
  const rows = keys.flatMap((key) => frame.unpivot([key])).map((row) => ({ ...row, cause: row.series! }));
  return shareBars(Plot, frame, { series: "side", keys, rows, of: "the most of each cause" });
};

function shownCauses(sides: readonly SideCounts[], { priced, compare }: ComparisonOptions): readonly Cause[] {
  const met = CAUSES.filter(({ event }) => sides.some((side) => side.counts[event] !== 0));
  const differing = met.filter((cause) => differs(sides, cause));
  const room = LINE - CHANGE_WIDTH - ((priced ?? compare === "pricedNs") ? PRICED_WIDTH : 0);
  return fitting(sides, differing.length > 0 ? differing : met.length > 0 ? met : CAUSES, room);
}

/** The first causes whose columns stand beside the names of the sides in a line of mail, one at least. */
function fitting(sides: readonly SideCounts[], causes: readonly Cause[], room: number): readonly Cause[] {
  let left = room - Math.max(...sides.map((side) => side.label.length));
  return causes.filter((cause, i) => {
    left -= columnWidth(sides, cause);
    return left >= 0 || i === 0;
  });
}

function columnWidth(sides: readonly SideCounts[], { event, label }: Cause): number {
  return 2 + Math.max(label.length, ...sides.map((side) => String(side.counts[event]).length));
}

function differs(sides: readonly SideCounts[], { event }: Cause): boolean {
  return sides.some((side) => side.counts[event] !== sides[0]!.counts[event]);
}

function causeOf(event: EventName): Cause {
  return CAUSES.find((cause) => cause.event === event)!;
}

function comparedCause(sides: readonly SideCounts[], shown: readonly Cause[]): EventName {
  return (shown.find(({ event }) => sides[0]!.counts[event] !== 0) ?? shown[0]!).event;
}

function betterText(compare: EventName | "pricedNs"): string {
  return compare === "pricedNs" ? "less modelled time" : `fewer ${causeOf(compare).label}`;
}

function sideColumn(sides: readonly SideCounts[], shown: readonly Cause[]): Column {
  const rest = CAUSES.filter((c) => !shown.includes(c) && sides.some((side) => side.counts[c.event] !== 0));
  const alike = rest.filter((c) => !differs(sides, c)).map((c) => `${c.label} ${sides[0]!.counts[c.event]}`);
  const others = rest
    .filter((c) => differs(sides, c))
    .map((c) => `${c.label} ${sides.map((s) => s.counts[c.event]).join("/")}`);
  const definition = [
    "What is compared, the baseline first.",
    alike.length > 0 ? `Equal on all sides: ${alike.join(", ")}.` : "",
    others.length > 0 ? `Row by row: ${others.join(", ")}.` : "",
  ];
  return { key: "side", label: "side", definition: definition.filter((s) => s !== "").join(" ") };
}

function causeColumn({ event, label }: Cause): Column {
  return { key: event, label, basis: "counted", definition: sentence(EVENTS[event]) };
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function pricedColumn(sides: readonly SideCounts[]): Column {
  const met = CAUSES.filter(({ event }) => sides.some((side) => side.counts[event] !== 0)).map(({ event }) => event);
  return { key: "pricedNs", label: "modelled", unit: "ns", basis: "modelled", digits: 0, definition: priceText(met) };
}

/** Which causes have a weight, what it is, and where from; the sum of the others is not known. */
function priceText(met: readonly EventName[]): string {
  const weighed = CAUSES.filter(({ event, ns }) => ns !== null && met.includes(event));
  const unweighed = CAUSES.filter(({ event, ns }) => ns === null && met.includes(event));
  const none = unweighed.length === 0 ? "" : ` No weight, so not in it: ${unweighed.map((c) => c.label).join(", ")}.`;
  if (weighed.length === 0) return `No cause that was counted has a weight.${none}`;
  const weights = weighed.map(({ label, ns }) => `${label} ${ns!.toFixed(2)} ns`).join(", ");
  return `Counts times weights (${weights}) fitted to recorded runs on ${defaultKernelCosts.name}.${none}`;
}

function sideRow(side: SideCounts, shown: readonly Cause[], priced: boolean): Row {
  const cells = shown.map(({ event }) => [event, side.counts[event]] as const);
  return { side: side.label, ...Object.fromEntries(cells), ...(priced ? { pricedNs: side.pricedNs } : {}) };
}

type Where = Pick<ComparisonOptions, "workload" | "setting">;

/** `x86-64, kernel 6.18, 4096 pages as mTHP`, of what is said. */
function settingText({ arch, kernel, pages, policy }: Setting = {}): string {
  const memory = pages === undefined ? policy : `${pages} pages${asPolicy(policy)}`;
  const parts = [arch, kernel && `kernel ${kernel}`, memory];
  return parts.filter((part) => part !== undefined).join(", ") || "by side";
}

function asPolicy(policy: string | undefined): string {
  return policy === undefined || policy === "base pages" ? "" : ` as ${policy}`;
}

function captionOf(sides: readonly SideCounts[], { workload, setting }: Where): string {
  const names = sides.map((side) => side.label).join(", ");
  return (
    `${workload ?? "One operation"} with ${names}, on ${settingText(setting)}. Answers and translations were proven equal first. ` +
    "Bars show each count as a part of the largest of its cause; the number beside a bar is the count."
  );
}

function altOf(sides: readonly SideCounts[], shown: readonly Cause[]): string {
  const parts = shown.map(
    ({ event, label }) => `${label}: ${sides.map((side) => `${side.label} ${side.counts[event]}`).join(", ")}`,
  );
  return `Groups of bars, one group for each cause of cost. ${parts.join("; ")}.`;
}

function originOf(sides: readonly SideCounts[], { workload, setting }: Where): Origin {
  const where = `${workload ?? "one operation"} on ${settingText(setting)}`;
  return {
    designs: sides.map((side) => side.label),
    workload: where,
    params: { workload: workload ?? "", ...setting },
    seed: null,
    input: null,
  };
}

/** A row for each cause that either side has: both counts, the difference, and what it takes where a weight is known. */
export function causesFigure(
  comparison: Comparison,
  options: Pick<ComparisonOptions, "title" | "caption"> = {},
): Figure {
  return figure({ ...causesData(comparison, options), plot: causesPlot });
}

/** The data of {@link causesFigure}, for a live figure. */
export function causesData(
  comparison: Comparison,
  { title, caption }: Pick<ComparisonOptions, "title" | "caption"> = {},
): LooseData {
  const { a, b, rows, workload, setting } = comparison;
  return {
    title: title ?? `${workload} by cause, A ${a.label}, B ${b.label}: ${settingText(setting)}`,
    caption: caption ?? `${captionOf([a, b], comparison)}${failureOf(comparison)}`,
    alt: `Pairs of bars by cause. ${rows.map((row) => `${row.cause}: ${a.label} ${row.a}, ${b.label} ${row.b}`).join("; ")}.`,
    better: "fewer of every cause",
    columns: causesColumns(comparison),
    rows: rows.map(causeCells),
    origin: originOf([a, b], { workload, setting }),
  };
}

/** How {@link causesFigure} is drawn: two bars for each cause. */
export const causesPlot: Drawing = (Plot, frame) => {
  const keys = ["a", "b"];
  const names: Readonly<Record<string, string>> = Object.fromEntries(
    frame.figure.origin.designs.map((label, i) => [LETTERS[i]!, `${LETTERS[i]} ${label}`]),
  );
  const rows = frame.unpivot(keys).map((row) => ({ ...row, series: names[String(row.series)]! }));
  return shareBars(Plot, frame, { series: "series", keys, rows, of: "the larger of the two" });
};

/** Two sides that fail alike are equal, but a reader should know what the counts are of. */
function failureOf({ answer }: Comparison): string {
  return typeof answer === "string" ? ` On both sides the operation failed: ${answer}.` : "";
}

/** Heads of the columns of the two sides: their names may be too long for a line of mail. */
const LETTERS = ["A", "B"] as const;

function causesColumns({ a, b, rows }: Comparison): readonly Column[] {
  const meanings = rows.map(({ cause, event }) => `${cause} = ${meaningOf(cause, event)}`).join("; ");
  const [nsA, nsB, difference] = [a.pricedNs, b.pricedNs, b.pricedNs - a.pricedNs].map((ns) => ns.toFixed(0));
  const sum = `All causes together: A ${nsA} ns, B ${nsB} ns, B - A ${difference} ns.`;
  const ns = `${sum} ${priceText(rows.map((row) => row.event))}`;
  return [
    { key: "cause", label: "cause", definition: `${meanings}.` },
    { key: "a", label: "A", basis: "counted", definition: `Counts of A, ${a.label}.` },
    { key: "b", label: "B", basis: "counted", definition: `Counts of B, ${b.label}.` },
    { key: "difference", label: "B - A", basis: "counted", definition: "How many more B has." },
    {
      ...{ key: "percent", label: "B - A", unit: "%", basis: "counted", digits: 1 },
      definition: "The difference in per cent of A; none where A is 0.",
    },
    { key: "ns", label: "B - A", unit: "ns", basis: "modelled", digits: 0, definition: ns },
  ];
}

/** Some definitions begin with the word that is defined. */
function meaningOf(cause: string, event: EventName): string {
  const meaning = EVENTS[event];
  return meaning.startsWith(`${cause}: `) ? meaning.slice(cause.length + 2) : meaning;
}

function causeCells({ cause, a, b, difference, ns }: CauseRow): Row {
  return { cause, a, b, difference, percent: a === 0 ? null : (100 * difference) / a, ns };
}
