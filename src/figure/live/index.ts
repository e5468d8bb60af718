/**
 * The register of live figures: adding one is one file beside this one and one line in the list.
 */
import { oneOf } from "../../base/errors.ts";
import type { LiveFigure } from "../live.ts";
import { addressMapLive } from "./address-map.ts";
import { batchingLive } from "./batching.ts";
import { batchingPublishedLive, contpteMicroLive, remapVariantsLive } from "./batching-published.ts";
import { contpteDecayLive, contpteDecayMapLive } from "./contpte-decay.ts";
import { contptePoliciesLive } from "./contpte-policies.ts";
import { designCostsLive, switchCostsLive } from "./design-costs.ts";
import { encapsulationCostsLive, encapsulationLive, entryCostsLive } from "./encapsulation.ts";
import { forkBatchingLive, forkCopyLive } from "./fork-copy.ts";
import { granulePairLive, granulesLive, publishedGranulesLive } from "./granules.ts";
import { installSplitLive, stackGuardsLive } from "./install-split.ts";
import { calibrationLive, operationCausesLive } from "./kernel-costs.ts";
import { opScriptLive } from "./op-script.ts";
import { processContentLive, processCoverageLive, processLayoutsLive, processTablesLive } from "./process.ts";
import { processDesignsLive, processPoliciesLive, processWalksLive } from "./process-model.ts";
import { contpteTimesLive, genericPtLive, publishedTimesLive } from "./published-times.ts";
import { archFlagLive, pageFlagLive, setPtesBatchingLive } from "./range-api.ts";
import { splitCountsLive } from "./split-counts.ts";
import { cyclesByCause } from "./trace-causes.ts";
import { missCurve } from "./trace-curve.ts";
import { traceScan } from "./trace-scan.ts";
import { traceReach, traceWalkCost } from "./trace-walks.ts";
import { walkLive } from "./walk.ts";
import { folioOrder, tlbReach, walkCost } from "./walk-cost.ts";

/** All live figures. */
export const liveFigures: readonly LiveFigure[] = [
  walkLive,
  walkCost,
  folioOrder,
  tlbReach,
  traceWalkCost,
  missCurve,
  traceReach,
  cyclesByCause,
  traceScan,
  splitCountsLive,
  contptePoliciesLive,
  contpteDecayLive,
  contpteDecayMapLive,
  processContentLive,
  processCoverageLive,
  processPoliciesLive,
  processLayoutsLive,
  processTablesLive,
  processWalksLive,
  processDesignsLive,
  batchingLive,
  batchingPublishedLive,
  contpteMicroLive,
  remapVariantsLive,
  designCostsLive,
  switchCostsLive,
  encapsulationLive,
  encapsulationCostsLive,
  entryCostsLive,
  pageFlagLive,
  archFlagLive,
  setPtesBatchingLive,
  installSplitLive,
  stackGuardsLive,
  forkCopyLive,
  forkBatchingLive,
  granulesLive,
  granulePairLive,
  publishedGranulesLive,
  opScriptLive,
  calibrationLive,
  operationCausesLive,
  publishedTimesLive,
  contpteTimesLive,
  genericPtLive,
  addressMapLive,
];

/** The live figure of that name; a wrong name is a `UserError` that lists the names there are. */
export function liveFigure(id: string): LiveFigure {
  const ids = liveFigures.map((live) => live.id);
  const known = oneOf("live figure", id, ids);
  return liveFigures.find((live) => live.id === known)!;
}
