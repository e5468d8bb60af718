/**
 * What walks over a recorded process cost: its anonymous memory, faulted in again under several formats and folio sizes, and
 * one stream of loads over the pages that it had.
 *
 * Modelled, not recorded: which pages the process uses how often (a capture does not tell; the loads follow a rule), the order
 * of first accesses, which is that of the addresses, and that all are writes. File pages take no part. On pages larger than the
 * capture's, VMAs that then share a page become one.
 */
import { formatNamed } from "../../arch/formats.ts";
import { UserError } from "../../base/errors.ts";
import { formatSize } from "../../base/size.ts";
import { type AccessWords, accessesOf } from "../../mmu/access-words.ts";
import { type CostTable, defaultCosts } from "../../mmu/cost.ts";
import { type Capture, type CapturedVma, isAnon } from "../capture/format.ts";
import type { ParamsOf, RunEffects } from "../experiment.ts";
import { mapTrace, type Touched, type TracePolicy } from "../trace/replay.ts";
import { mappingsOf } from "../trace-cost/mappings.ts";
import { COUNTED, coreOf, type coreParams, WARM_UP } from "../walk-cost/experiment.ts";
import { policyText } from "../walk-cost/layout.ts";
import { type Measured, measureOn } from "../walk-cost/measure.ts";
import { makeStream, type Pattern } from "../walk-cost/streams.ts";
import { checkBuildable } from "./size.ts";

/** Formats with 48 bits of address, or the 47 of user space on x86-64, by page size. */
const FORMATS = ["x86-64", "arm64-4k", "arm64-16k", "arm64-64k"] as const;

/** One way of mapping, and what the loads counted and take there. */
export interface ProcessWalkRow {
  /** Format and folio size in words. */
  readonly mapping: string;
  readonly measured: Measured;
}

/** Log two of the pages that memory is counted in: the smallest of any format. */
const SMALL_LG2 = 12;

/** Runs the loads over every way of mapping that the capture can answer for. Every load is shown to reach the memory of its page. */
export function runProcessWalks(
  capture: Capture,
  params: ParamsOf<typeof coreParams>,
  costs: CostTable = defaultCosts,
  effects?: RunEffects,
): readonly ProcessWalkRow[] {
  checkBuildable(capture);
  const touches = anonPages(capture);
  const loads = loadsOver(touches, params);
  const list = mappingsFor(capture);
  return list.map((policy, i) => {
    effects?.signal?.throwIfAborted();
    effects?.progress?.(i, list.length);
    const { mm, frames, place } = mapTrace({ areas: areasFor(capture, policy.format), touches }, policy);
    const words = place(loads);
    const streams = { warmUp: words.subarray(0, 2 * WARM_UP), counted: words.subarray(2 * WARM_UP) };
    const written = { mm, frameAt: (vpn: number) => frames.get(vpn) };
    return { mapping: policyText(policy), measured: measureOn(written, coreOf(params), costs, streams) };
  });
}

function mappingsFor(capture: Capture): TracePolicy[] {
  const list = mappingsOf(FORMATS.filter((name) => 2 ** formatNamed(name).pageLg2 >= capture.page));
  if (list.length > 0) return list;
  throw new UserError(`no format has pages of ${formatSize(capture.page)}`);
}

/** The anonymous pages in units of 4K, in the order of addresses. */
function anonPages(capture: Capture): Float64Array {
  const ratio = capture.page / 2 ** SMALL_LG2;
  const pages: number[] = [];
  for (const vma of capture.vmas)
    for (const run of vma.runs) {
      const first = (vma.start + run.page) * ratio;
      if (isAnon(run.cls)) for (let page = first; page < first + run.n * ratio; page++) pages.push(page);
    }
  return Float64Array.from(pages);
}

/** The VMAs with anonymous memory, on pages of the format, in units of 4K. */
function areasFor(capture: Capture, format: string): Touched["areas"] {
  const unit = 2 ** (formatNamed(format).pageLg2 - SMALL_LG2);
  const ratio = capture.page / 2 ** SMALL_LG2;
  const out: { start: number; end: number; fetched: boolean }[] = [];
  for (const vma of capture.vmas.filter(hasAnon)) {
    const start = Math.floor((vma.start * ratio) / unit) * unit;
    const end = Math.ceil((vma.end * ratio) / unit) * unit;
    const top = out.at(-1);
    if (top !== undefined && start < top.end) top.end = Math.max(top.end, end);
    else out.push({ start, end, fetched: false });
  }
  return out;
}

const hasAnon = (vma: CapturedVma): boolean => vma.runs.some((run) => isAnon(run.cls));

/** The same loads for every way of mapping: those that fill TLBs first, then those that are counted. */
function loadsOver(touches: Float64Array, { pattern, seed }: ParamsOf<typeof coreParams>): AccessWords {
  const accesses = WARM_UP + COUNTED;
  const places = makeStream({ pattern: pattern as Pattern, start: 0, pages: touches.length, accesses, seed });
  return accessesOf(
    places.map((i) => touches[i]!),
    SMALL_LG2,
  );
}
