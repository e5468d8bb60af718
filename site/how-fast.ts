/**
 * What the page "How fast" shows of a run of `npm run bench`: a figure for each group of cases, and every variant in words and
 * numbers. Nothing is typed in by hand; the page has no number that the stored run lacks.
 */
import { readFile } from "node:fs/promises";
import { figure } from "../src/figure/create.ts";
import { type Column, DISPLAY, type Drawing, type Figure, type Row } from "../src/figure/figure.ts";
import { storedFigure } from "../src/notebook/figures.ts";
import type { MimeBundle } from "../src/notebook/format.ts";
import { figureSummary } from "../src/notebook/render/figure.ts";
import { escapeHtml } from "../src/notebook/render/html.ts";
import type { CaseResult, Spread, VariantResult } from "../test/bench/harness.ts";
import { digits, type Machine } from "../test/bench/print.ts";
import { kept } from "./kept.ts";

/** The stored run, which readers can load as well. */
const BENCH_FILE = "site/public/bench.json";

/** What `npm run bench -- --json FILE` writes. */
export interface Bench {
  readonly machine: Machine;
  readonly ptlab: string;
  /** Digest of the simulator's sources that were measured. */
  readonly source: string;
  readonly quick: boolean;
  readonly cases: readonly CaseResult[];
}

/** Reads the stored run; the build fails without it, because a page without numbers would be worse than none. */
export async function readBench(): Promise<Bench> {
  return JSON.parse(await readFile(BENCH_FILE, "utf8")) as Bench;
}

/** The groups in the order of the run. */
export const groupsOf = ({ cases }: Bench): readonly string[] => [...new Set(cases.map(({ group }) => group))];

/** What a group is about, for its heading. */
const TITLES: Readonly<Record<string, string>> = {
  jupyter: "The Jupyter kernel, beside stock tslab",
  kernel: "The kernel's operations, beside the running kernel",
  sweep: "Many TLB shapes in one pass, beside a run of C for each",
  trace: "Reading traces",
  translate: "Translation, beside C",
};

/** The heading of a group. */
export const titleOf = (group: string): string => TITLES[group] ?? group;

/** What is called time on the page, by what a case measures; ratios of anything else are in the tables only. */
const TIMES: Readonly<Record<string, string>> = { ns: "CPU time", "ms of wall time": "wall time" };

const timedCases = ({ cases }: Bench, group: string): CaseResult[] =>
  cases.filter((c) => c.group === group && Object.hasOwn(TIMES, c.measures));

/** A row for each variant that stands beside a baseline. */
function ratioRows(cases: readonly CaseResult[]): Row[] {
  return cases.flatMap((c) =>
    c.variants
      .filter(({ name }) => name !== c.baseline)
      .map(({ name, ratio, goal }) => ({
        what: c.variants.length === 2 ? c.name : `${c.name}: ${name}`,
        baseline: c.baseline,
        ratio: ratio.median,
        low: ratio.p10,
        high: ratio.p90,
        goal: goal !== null && goal.of !== null ? goal.atMost : null,
      })),
  );
}

/** How a ratio is told. */
const RATIO = { basis: "measured", digits: 3 } as const;

const COLUMNS: readonly Column[] = [
  { key: "what", label: "Case", definition: "What was done, and by what." },
  { key: "baseline", label: "Baseline", definition: "What the ratio is taken to." },
  {
    key: "ratio",
    label: "Ratio",
    definition: "The time divided by that of the baseline in the same round, median.",
    ...RATIO,
  },
  { key: "low", label: "10th percentile", definition: "The tenth of all rounds from below.", ...RATIO },
  { key: "high", label: "90th percentile", definition: "The tenth of all rounds from above.", ...RATIO },
  { key: "goal", label: "Goal", definition: "The largest ratio that the project wants.", ...RATIO },
];

const drawRatios: Drawing = (plot, frame) => ({
  marginLeft: Math.min(frame.width * 0.45, 260),
  x: frame.axis(["ratio", "low", "high", "goal"], { type: "log", label: "Ratio to the baseline", tickFormat: String }),
  y: frame.axis("what", { label: null }),
  marks: [
    plot.ruleX([1], { strokeOpacity: 0.5 }),
    plot.ruleY(frame.rows, { y: "what", x1: "low", x2: "high", strokeWidth: 2 }),
    plot.dot(frame.rows, { x: "ratio", y: "what", fill: "currentColor", r: 4 }),
    plot.tickX(
      frame.rows.filter((row) => row.goal !== null),
      { x: "goal", y: "what", strokeWidth: 2, strokeDasharray: "3 2" },
    ),
  ],
});

/** The figure of a group: ratios as dots with their spread, goals as ticks. Null where a group compares nothing. */
function ratioFigure(bench: Bench, group: string): Figure | null {
  const cases = timedCases(bench, group);
  const rows = ratioRows(cases);
  if (rows.length === 0) return null;
  const time = [...new Set(cases.map((c) => TIMES[c.measures]!))].join(" or ");
  return figure({
    title: titleOf(group),
    caption: `Ratio of ${time} to the baseline of the case, taken within each round: median as a dot, 10th to 90th percentile as a line, goal as a bar across.`,
    alt: rows.map(({ what, ratio }) => `${what}: ${Number(ratio).toPrecision(3)}`).join("; "),
    better: "smaller ratios",
    columns: COLUMNS,
    rows,
    origin: { designs: ["ptlab"], workload: `npm run bench, group ${group}`, params: {}, seed: null, input: null },
    plot: drawRatios,
  });
}

/** What decides over the pictures. */
export const PICTURE_INPUTS = [
  ...["src", "test/bench", BENCH_FILE, "package-lock.json"],
  ...["host", "how-fast", "kept"].map((name) => `site/${name}.ts`),
] as const;

type Picture = ReturnType<typeof figureSummary>;

/** The picture of each group that compares anything. Kept, because drawing them takes half a second. */
export const pictures = async (): Promise<Readonly<Record<string, Picture>>> =>
  JSON.parse(await kept({ name: "how-fast.json", inputs: PICTURE_INPUTS, make: drawPictures }));

async function drawPictures(): Promise<string> {
  const bench = await readBench();
  const drawn = groupsOf(bench).map(async (group) => [group, await pictureOf(bench, group)] as const);
  return JSON.stringify(Object.fromEntries(await Promise.all(drawn)));
}

async function pictureOf(bench: Bench, group: string): Promise<Picture | undefined> {
  const made = ratioFigure(bench, group);
  if (made === null) return undefined;
  // The stamp is that of the run: the sources that build the page may be others.
  const { hostOf } = await import("./host.ts");
  const host = hostOf({ version: bench.ptlab, source: bench.source });
  const bundle = (await made[DISPLAY](host)) as MimeBundle;
  return figureSummary(storedFigure(bundle)!, bundle);
}

const spread = ({ median, p10, p90 }: Spread): string => `${digits(median)} (${digits(p10)} to ${digits(p90)})`;

/** One case as a table. */
export function caseHtml(c: CaseResult): string {
  const head = [`Variant`, `${c.measures} per ${c.unit}`, `ratio to ${c.baseline}`, "goal"];
  const rows = c.variants.map((v) => `<tr><th scope="row">${escapeHtml(v.name)}</th>${cells(c, v)}</tr>`);
  const left = c.leftOut.map((text) => `<p>Left out: ${escapeHtml(text)}</p>`);
  return (
    `<div class="ptlab-scroll" tabindex="0" role="group" aria-label="${escapeHtml(c.name)}"><table class="ptlab-table"><caption>${escapeHtml(c.name)}: ` +
    `${c.rounds} rounds of ${c.unitsPerRound.toLocaleString("en")}, after ${c.warmUp.toLocaleString("en")} to warm up</caption>` +
    `<thead><tr>${head.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div>` +
    left.join("")
  );
}

function cells(c: CaseResult, v: VariantResult): string {
  const ratio = v.name === c.baseline ? "1" : spread(v.ratio);
  return [spread(v.amount), ratio, goalText(v)].map((text) => `<td class="number">${escapeHtml(text)}</td>`).join("");
}

function goalText({ goal, met }: VariantResult): string {
  if (goal === null) return "";
  return `at most ${goal.atMost}${goal.of === null ? " itself" : ""}: ${met ? "met" : "missed"}`;
}
