/**
 * The live figures of one recorded process built in the model: under THP policies, under loads, and with every design.
 */
import { formats } from "../../arch/formats.ts";
import { profiles } from "../../mm/profile.ts";
import { captureName } from "../../study/capture/format.ts";
import { coveragePolicies } from "../../study/coverage/policies.ts";
import { AS_RECORDED, compareOnProcess, PROCESS_OPERATIONS, recordedFormat } from "../../study/process/designs.ts";
import { processPolicies } from "../../study/process/policies.ts";
import { runProcessWalks } from "../../study/process/walks.ts";
import { coreParams } from "../../study/walk-cost/experiment.ts";
import { comparisonData, comparisonPlot } from "../comparison.ts";
import type { Row } from "../figure.ts";
import { stack } from "../marks.ts";
import { CAPTURE_PARAM, defineProcess } from "./capture-input.ts";
import { firstAccesses, policyColumns } from "./contpte-policies.ts";
import { walkCostAlt, walkCostPlot, walkTable } from "./walk-cost.ts";

/** Coverage of one process as recorded, and under THP policies. */
export const processPoliciesLive = defineProcess({
  id: "process-policies",
  title: "Coverage now, and under THP policies",
  params: { capture: CAPTURE_PARAM, ...coveragePolicies.params },
  run: (params, { capture, input }, effects) => {
    const name = captureName(capture);
    const rows = processPolicies(capture, params, effects);
    const { how, seed } = firstAccesses(params);
    return {
      title: "Coverage now, and under THP policies",
      caption:
        `${name}: its anonymous memory as it was recorded, counted by Linux's rule, and faulted in again on arm64 with 4K pages ` +
        `under each policy: ${how}.`,
      alt: `Stacked bars of coverage. ${rows.map((r) => `${r.policy}: ${r.covered.toFixed(0)} %`).join("; ")}.`,
      better: "more coverage, fewer entries and less memory",
      columns: policyColumns.filter(({ key }) => key !== "capture"),
      rows: rows as unknown as readonly Row[],
      compare: "entries",
      origin: {
        designs: rows.map((row) => row.policy),
        workload: `anonymous memory of ${name}`,
        params,
        seed,
        input,
      },
    };
  },
  plot: (Plot, frame) => {
    const keys = ["contpte", "pmd"];
    return {
      ...stack(Plot, frame, { x: "value", y: "policy", series: "series", rows: frame.unpivot(keys) }),
      x: frame.axis(keys, { label: "anonymous memory covered, %", domain: [0, 100] }),
      y: frame.axis("policy", { label: null }),
    };
  },
});

/** What loads over one process's pages cost, by format and folio size. */
export const processWalksLive = defineProcess({
  id: "process-walks",
  title: "What walks cost",
  params: { capture: CAPTURE_PARAM, ...coreParams },
  run: (params, { capture, input }, effects) => {
    const name = captureName(capture);
    const { columns, rows } = walkTable(runProcessWalks(capture, params, undefined, effects));
    return {
      title: `Translation of one load, ${params.pattern} over ${name}`,
      caption:
        `The same ${params.pattern} loads over the anonymous pages of ${name}, faulted in again on each format with folios of at most ` +
        `the size named; second TLB level of ${params.tlb} entries, walk caches ${params.walkCache ? "on" : "off"}. A capture does not tell ` +
        "which pages are used how often: the loads follow a rule. Misses and reads are exact counts; nanoseconds come from a cost table " +
        "that is not fitted to any machine.",
      alt: walkCostAlt(rows),
      better: "fewer misses, fewer reads and less time",
      columns,
      rows,
      compare: "ns",
      origin: {
        designs: rows.map((row) => String(row.name)),
        workload: `${params.pattern} loads over ${name}`,
        params,
        seed: params.pattern === "sequential" ? null : params.seed,
        input,
      },
    };
  },
  plot: walkCostPlot,
});

/** What one operation over a whole process counts with each of the five designs. */
export const processDesignsLive = defineProcess({
  id: "process-designs",
  title: "The five designs",
  params: {
    capture: CAPTURE_PARAM,
    operation: {
      ...{ kind: "choice", label: "operation", default: "fork and exit" },
      options: PROCESS_OPERATIONS.map(({ name }) => name),
    },
    arch: {
      kind: "choice",
      label: "format",
      options: [AS_RECORDED, ...formats.map((f) => f.name)],
      default: AS_RECORDED,
    },
    kernel: { kind: "choice", label: "kernel", options: profiles.map((p) => p.name), default: "6.18" },
  },
  run: (params, { capture, input }) => {
    const { operation, kernel } = params;
    const setting = { arch: params.arch === AS_RECORDED ? recordedFormat(capture) : params.arch, kernel };
    const sides = compareOnProcess(capture, operation, setting);
    const workload = `${operation} of ${captureName(capture)}`;
    const data = comparisonData(sides, { workload, setting });
    return { ...data, origin: { ...data.origin, params, input } };
  },
  plot: comparisonPlot,
});
