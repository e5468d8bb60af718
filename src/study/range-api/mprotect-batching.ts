/**
 * What batches did for mprotect in 6.17: a mapping is made read-only and writable again, entry by entry as before or in runs of
 * a folio, with the published times beside the counts. The times are of other machines; only the shape can be compared.
 *
 * Source: Dev Jain, "Optimize mprotect() for large folios" v5, 2025-07-18: 1 GiB, read-only and back 40 times, in seconds.
 */
import { countsOf, type EventName } from "../../base/tally.ts";
import type { Mm } from "../../mm/mm.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { Vm } from "../../mm/vma.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { filledMm, kernelFor, STUDY_VPN } from "../layout.ts";

/** Seconds before and after, on an Apple M3 and on an x86 machine. Measured by others. */
export interface PublishedSeconds {
  readonly m3: readonly [before: number, after: number];
  readonly x86: readonly [before: number, after: number];
}

/** How memory is mapped: a policy of the layouts, and whether its huge mappings are split to entries first. */
interface Case {
  readonly name: string;
  readonly policy: string;
  readonly splitFirst: boolean;
  readonly published: PublishedSeconds;
}

/** The published cases. */
export const MPROTECT_CASES: readonly Case[] = [
  {
    name: "2M folios mapped by PTEs",
    policy: "THP 2M",
    splitFirst: true,
    published: { m3: [2.1, 0.65], x86: [3.75, 3.7] },
  },
  { name: "64K folios", policy: "mTHP 64K", splitFirst: false, published: { m3: [2.0, 0.7], x86: [3.7, 3.7] } },
  { name: "4K folios", policy: "4K pages", splitFirst: false, published: { m3: [1.0, 1.1], x86: [3.85, 3.9] } },
];

/** Counts that a row shows, all of them {@link EventName}s. */
export const MPROTECT_EVENTS = [
  "slotsRead",
  "slotsWritten",
  "contpteUnfolds",
  "contpteFolds",
  "flushRanges",
  "foliosTouched",
] as const satisfies readonly EventName[];

/** One case before or after batching. `seconds` is the published time for the architecture. */
export type MprotectRow = {
  readonly case: string;
  readonly kernel: "before" | "after";
  readonly seconds: number;
} & { readonly [K in (typeof MPROTECT_EVENTS)[number]]: number };

const PARAMS = {
  arch: { kind: "choice", label: "format", options: ["arm64-4k", "x86-64"], default: "arm64-4k" },
  mib: { kind: "range", label: "memory", min: 2, max: 32, step: 2, default: 8, unit: "MiB" },
  contpte: { kind: "toggle", label: "contpte", default: true },
  bbml2: { kind: "toggle", label: "BBML2", default: false },
  gatherStops: { kind: "toggle", label: "ptep_get stops early", default: false },
} as const;

/** The profiles on either side of the change. */
const KERNELS = [
  ["before", "6.12"],
  ["after", "6.18"],
] as const;

/** "What did batches save mprotect?" */
export const mprotectBatching: Experiment<typeof PARAMS, MprotectRow> = {
  id: "mprotect-batching",
  question: "What did mprotect save when it began to change a folio's entries as one run?",
  params: PARAMS,
  run: (params, _input, effects) =>
    MPROTECT_CASES.flatMap((c, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, MPROTECT_CASES.length);
      return KERNELS.map(([when, kernel]) => thereAndBack(c, when, kernel, params));
    }),
};

function thereAndBack(
  c: Case,
  when: "before" | "after",
  version: string,
  params: ParamsOf<typeof PARAMS>,
): MprotectRow {
  const { arch, mib, contpte, bbml2, gatherStops } = params;
  const kernel = kernelFor(c.policy, { arch, kernel: version, contpte, contpteRules: { bbml2, gatherStops } });
  const pages = mib * 256;
  const mm = filledMm(kernel, pages);
  if (c.splitFirst) splitMappings(mm, pages);
  const before = kernel.tally.slice();
  protectBoth(mm, STUDY_VPN, STUDY_VPN + pages);
  const counted = countsOf(MPROTECT_EVENTS, kernel.tally, before);
  const seconds = c.published[arch === "x86-64" ? "x86" : "m3"][when === "before" ? 0 : 1];
  return { case: c.name, kernel: when, seconds, ...counted };
}

/** A change of the last page splits each huge mapping; back again, its contiguous block is folded by the last store. */
function splitMappings(mm: Mm, pages: number): void {
  const huge = mm.pt.span[1]!;
  for (let vpn = STUDY_VPN + huge - 1; vpn < STUDY_VPN + pages; vpn += huge) protectBoth(mm, vpn, vpn + 1);
}

function protectBoth(mm: Mm, start: number, end: number): void {
  mprotect(mm, start, end, Vm.read);
  mprotect(mm, start, end, Vm.read | Vm.write);
}
