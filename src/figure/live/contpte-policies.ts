/**
 * The live figure of coverage by THP policy: four real processes, their anonymous memory faulted in again in the model.
 */
import { digest, fileDigest } from "../../base/digest.ts";
import { coveragePolicies, type PolicyRow } from "../../study/coverage/policies.ts";
import type { ParamsOf } from "../../study/experiment.ts";
import type { Column, Row } from "../figure.ts";
import { heat } from "../heat.ts";
import { defineLive } from "../live.ts";
import { CAPTURE_FILES, namedCaptures } from "./capture-input.ts";

/** What the rows of a process under a policy show. */
export const policyColumns: readonly Column[] = [
  { key: "capture", label: "process", definition: "A recorded process; see the page on data." },
  { key: "policy", label: "THP policy", definition: "Folio sizes enabled for all memory." },
  counted("covered", "covered, %", "Anonymous memory behind contiguous blocks or PMD-sized leaves, per cent."),
  counted("contpte", "contpte, %", "The part of it behind contiguous blocks of 64K, per cent."),
  counted("pmd", "PMD, %", "The part of it behind PMD-sized leaves, per cent."),
  counted("entries", "TLB entries", "Translations that cover the anonymous memory, a block or leaf as one."),
  counted("resident", "memory, MiB", "Anonymous memory mapped."),
  counted("tables", "tables", "Page-table pages below the root for all of the anonymous memory."),
  counted("bloat", "unasked, MiB", "Memory mapped beyond the pages that the process had written."),
];

function counted(key: keyof PolicyRow, label: string, definition: string): Column {
  const whole = key === "entries" || key === "tables";
  return { key, label, definition, basis: "counted", digits: whole ? 0 : 1 };
}

/** How the pages were accessed first, for a caption and for the origin. */
export function firstAccesses({ readFirst, order, seed }: ParamsOf<typeof coveragePolicies.params>) {
  return {
    how: `${readFirst} % of pages read before they are written, first accesses ${order}`,
    seed: readFirst > 0 || order === "shuffled" ? seed : null,
  };
}

function altText(rows: readonly PolicyRow[]): string {
  const of = (policy: string) => rows.filter((row) => row.policy === policy).map((row) => row.covered);
  const range = (values: readonly number[]) =>
    `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)} %`;
  const policies = [...new Set(rows.map((row) => row.policy))];
  return `Heat map of coverage by THP policy and process. ${policies.map((p) => `${p}: ${range(of(p))}`).join("; ")}.`;
}

/** Coverage by THP policy, redrawn for other first accesses. */
export const contptePoliciesLive = defineLive({
  id: coveragePolicies.id,
  title: "Coverage by THP policy",
  params: coveragePolicies.params,
  inputs: Object.values(CAPTURE_FILES),
  run: async (params, inputs, effects) => {
    const rows = coveragePolicies.run(params, await namedCaptures(inputs), effects);
    const { how, seed } = firstAccesses(params);
    return {
      title: "Coverage by THP policy",
      caption: `Anonymous memory of four recorded processes, faulted in again on arm64 with 4K pages: ${how}.`,
      alt: altText(rows),
      better: "more coverage, fewer entries and less memory",
      columns: policyColumns,
      rows: rows as unknown as readonly Row[],
      compare: "entries",
      compareWithin: "capture",
      origin: {
        designs: [...new Set(rows.map((row) => row.policy))],
        workload: "anonymous memory of four captures, replayed",
        params,
        seed,
        input: digest(
          Object.values(CAPTURE_FILES)
            .map((file) => fileDigest(inputs[file]!))
            .join(" "),
        ),
      },
    };
  },
  plot: (Plot, frame) => ({
    ...heat(Plot, frame, { x: "capture", y: "policy", value: "covered", domain: [0, 100] }),
    x: frame.axis("capture", { label: null, type: "band" }),
    y: frame.axis("policy", { label: null, type: "band" }),
  }),
});
