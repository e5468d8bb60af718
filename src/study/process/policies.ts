/**
 * Coverage of one process's anonymous memory: as it was recorded, and as THP policies would have it.
 */
import { MiB } from "../../base/size.ts";
import { type Capture, isAnon } from "../capture/format.ts";
import { contShare, layoutCost, layoutNamed } from "../capture/whatif.ts";
import { coveragePolicies, type PolicyRow } from "../coverage/policies.ts";
import type { ParamsOf, RunEffects } from "../experiment.ts";
import { checkReplayable } from "./size.ts";

/** The process as recorded, then under each policy. Only captures with 4K pages can be faulted in again on 4K pages. */
export function processPolicies(
  capture: Capture,
  params: ParamsOf<typeof coveragePolicies.params>,
  effects?: RunEffects,
): Omit<PolicyRow, "capture">[] {
  checkReplayable(capture);
  const modelled = coveragePolicies.run(params, new Map([["", capture]]), effects);
  return [recordedRow(capture), ...modelled.map(({ capture: _, ...row }) => row)];
}

function recordedRow(capture: Capture): Omit<PolicyRow, "capture"> {
  const anon = {
    ...capture,
    vmas: capture.vmas.map((vma) => ({ ...vma, runs: vma.runs.filter((run) => isAnon(run.cls)) })),
  };
  const layout = layoutNamed("4K+contpte+PMD");
  const { entries, tables } = layoutCost(anon, layout);
  const share = contShare(anon, layout.cont);
  const [contpte, pmd] = [share.cont, share.pmd].map((bytes) => (100 * bytes) / share.mapped);
  return {
    policy: "as recorded",
    contpte: contpte!,
    pmd: pmd!,
    covered: contpte! + pmd!,
    entries,
    resident: share.mapped / MiB,
    bloat: 0,
    tables: tables.levels.slice(0, -1).reduce((sum, bytes) => sum + bytes, tables.reserved) / layout.page,
  };
}
