/**
 * What a live run says: a table of fields, and each difference in as few words as tell it.
 */
import { RECORD_FIELDS } from "../../src/study/ops/compare.ts";
import type { Agreement } from "../../src/study/ops/summary.ts";
import type { Finding, LiveResult } from "./live.ts";

/** The outcome of a run as text: the table, what was left out, and the differences. */
export function resultText(
  { agreement, findings, unsteady }: LiveResult,
  minimal: readonly Finding[],
  show: number,
): string {
  const parts = [
    ...agreement.map(agreementText),
    unsteady.length === 0 ? "" : `left out, because their recordings are not alike: ${unsteady.join(", ")}\n`,
    ...findings.slice(0, show).map((finding, i) => findingText(finding, minimal[i])),
    findings.length === 0 ? "" : `${findings.length} scripts differ\n`,
  ];
  return parts.filter((part) => part !== "").join("\n");
}

function agreementText({ kernel, arch, scripts, ops, cut, perField }: Agreement): string {
  const head = `Linux ${kernel}, ${arch}: ${scripts} scripts, ${ops} operations${cut > 0 ? `, ${cut} scripts cut short` : ""}`;
  const rows = RECORD_FIELDS.filter((name) => perField[name].compared > 0).map((name) => {
    const { compared, different } = perField[name];
    return `${name.padEnd(8)}${String(compared).padStart(10)}${String(different).padStart(13)}`;
  });
  return `${[head, "field     compared  differences", ...rows].join("\n")}\n`;
}

function findingText(finding: Finding, minimal: Finding | undefined): string {
  const text = `${finding.script.name}${whatText(finding)}`;
  if (minimal === undefined) return text;
  return `${text}\nthe least that shows it, ${minimal.script.name}${whatText(minimal)}\n${indent(minimal.script.text)}`;
}

function whatText({ different, broke, recorded }: Finding): string {
  if (different === null) return `: the model broke: ${broke}\n`;
  const { record, fields } = different;
  const lines = fields.map(({ field, kernel, model }) => {
    const [k, m] = apart(kernel, model);
    return `  ${field}\n    kernel ${k}\n    model  ${m}\n`;
  });
  return `, operation ${record.i} of ${recorded.records.length}: ${record.op}\n${lines.join("")}`;
}

const SHORT = 100;

/** Long values by the words in which they differ. */
function apart(kernel: string | undefined, model: string | undefined): [string, string] {
  const [k, m] = [kernel ?? "(says nothing)", model ?? "(says nothing)"];
  if (k.length <= SHORT && m.length <= SHORT) return [k, m];
  const only = (text: string, other: string) => {
    const there = new Set(other.split(" "));
    return text
      .split(" ")
      .map((word) => (there.has(word) ? "..." : word))
      .join(" ")
      .replace(/\.\.\.( \.\.\.)+/g, "...");
  };
  return [only(k, m), only(m, k)];
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
