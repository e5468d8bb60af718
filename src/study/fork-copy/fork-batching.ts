/**
 * What batches saved fork, by size of folio: published times, and what the model touches for the same step, through any of
 * the designs. A touch is one read or write of a table's slot or of a folio's descriptor; slots and descriptors count alike.
 */

import { formatNamed } from "../../arch/formats.ts";
import { formatSize } from "../../base/size.ts";
import { DESIGN_NAMES } from "../../design/design.ts";
import { batchingPages, batchingSides } from "../batching/batching.ts";
import { publishedTable } from "../batching/beside-published.ts";
import { batchedWorkload } from "../batching/operations.ts";
import { compare, type Side, type SideCounts } from "../compare/compare.ts";
import type { Experiment } from "../experiment.ts";

/** One size of folio. Changes are in per cent of what it was before. */
export interface ForkBatchingRow {
  readonly folio: string;
  /** Published change of time. */
  readonly time: number;
  /** Counted change of touches. */
  readonly touches: number;
  readonly touchesBefore: number;
  readonly touchesAfter: number;
  readonly slots: number;
  readonly folios: number;
}

const PARAMS = {
  design: { kind: "choice", label: "entries reached by", options: DESIGN_NAMES, default: "folded" },
} as const;

/** The table of David Hildenbrand, "mm/memory: optimize fork() with PTE-mapped THP" v2, 2024-01-25. */
export const FORK_TABLE = "fork, x86-64";

/** "Do the counts have the shape of the published times, whatever the idiom?" */
export const forkBatching: Experiment<typeof PARAMS, ForkBatchingRow> = {
  id: "fork-batching",
  question: "What did batches save fork, and does it matter how the entries are reached?",
  params: PARAMS,
  run: ({ design }, _input, effects) => {
    const { rows, arch } = publishedTable(FORK_TABLE);
    const [single, batched] = batchingSides().map((side): Side => ({ ...side, spec: { ...side.spec, design } }));
    return rows.map(({ order, before, after }, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, rows.length);
      const setting = { arch, policy: `order ${order}`, pages: batchingPages(arch) };
      const { a, b } = compare(single!, batched!, batchedWorkload("fork"), setting);
      const folio = formatSize(2 ** (formatNamed(arch).pageLg2 + order));
      return { folio, time: change(before, after), ...changes(a, b) };
    });
  },
};

function changes(a: SideCounts, b: SideCounts): Omit<ForkBatchingRow, "folio" | "time"> {
  const slots = ({ counts }: SideCounts) => counts.slotsRead + counts.slotsWritten;
  const [touchesBefore, touchesAfter] = [a, b].map((side) => slots(side) + side.counts.foliosTouched);
  return {
    ...{ touchesBefore: touchesBefore!, touchesAfter: touchesAfter!, touches: change(touchesBefore!, touchesAfter!) },
    ...{ slots: change(slots(a), slots(b)), folios: change(a.counts.foliosTouched, b.counts.foliosTouched) },
  };
}

function change(before: number, after: number): number {
  return (100 * (after - before)) / before;
}
