/**
 * What the bench says, as text of at most 80 columns and as JSON. The JSON is an object of
 * - `machine`: `cpu`, `cores`, `os`, `node`, `v8`, `gcc` (null where there is none);
 * - `ptlab`: version; `source`: digest of the simulator's sources; `quick`: whether inputs were the small ones;
 * - `cases`: a list of `group`, `name`, `unit`, `measures` (what is measured per unit: "ns" or another), `baseline` (name of a variant),
 *   `rounds`, `warmUp` (units done before counting), `unitsPerRound`, `leftOut` (texts), and `variants`: a list of
 *   `name`, `amount` and `ratio` (each with `median`, `p10`, `p90`; the ratio is to the baseline, round by round),
 *   `goal` (null, or `of`, the baseline or null for a limit on the amount itself, and `atMost`), `met` (true, false, or null without a goal).
 */
import type { CaseResult, Spread, VariantResult } from "./harness.ts";

/** Where a run was made. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly os: string;
  readonly node: string;
  readonly v8: string;
  readonly gcc: string | null;
}

/** The lines in front of all cases. */
export function headText(machine: Machine, version: string): string {
  const { cpu, cores, os, node, v8, gcc } = machine;
  return [
    `ptlab ${version} bench`,
    `${cpu}, ${cores} cores, ${os}`,
    `node ${node} (V8 ${v8}), ${gcc ?? "no gcc: C programs are left out"}`,
    "CPU time; ratios are taken within a round: median (10th to 90th percentile)",
  ].join("\n");
}

/** One case as lines. */
export function caseText(result: CaseResult): string {
  const { group, name, unit, measures, rounds, warmUp, unitsPerRound, variants, leftOut } = result;
  const head = `\n${group}: ${name}\n  ${measures} per ${unit}; ${rounds} rounds of ${count(unitsPerRound)}, warm-up ${count(warmUp)}`;
  const width = Math.max(...variants.map((v) => v.name.length), 0);
  const lines = variants.map((v) => variantLine(v, width, v.name === result.baseline));
  return [head, ...lines, ...leftOut.map((text) => `  left out: ${text}`)].join("\n");
}

function variantLine({ name, amount, ratio, goal, met }: VariantResult, width: number, isBaseline: boolean): string {
  const numbers = `${digits(amount.median).padStart(8)}  ${isBaseline ? "1".padEnd(20) : spreadText(ratio).padEnd(20)}`;
  const limit = goal === null ? "" : `${goal.of === null ? "amount " : ""}<= ${goal.atMost} ${met ? "met" : "MISSED"}`;
  return `  ${name.padEnd(width)} ${numbers} ${limit}`.trimEnd();
}

function spreadText({ median, p10, p90 }: Spread): string {
  return `${digits(median)} (${digits(p10)}-${digits(p90)})`;
}

/** Three significant digits, without an exponent. */
export function digits(n: number): string {
  if (n === 0 || !Number.isFinite(n)) return String(n);
  return n.toFixed(Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(n))))));
}

/** A number of units as people write it. */
function count(n: number): string {
  if (n >= 1e6) return `${digits(n / 1e6)} M`;
  return n >= 1e3 ? `${digits(n / 1e3)} k` : String(n);
}
