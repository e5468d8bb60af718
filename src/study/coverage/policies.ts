/**
 * Coverage of real processes: as recorded, and as THP policies would have it.
 */
import { MiB } from "../../base/size.ts";
import type { Capture } from "../capture/format.ts";
import { contShare } from "../capture/whatif.ts";
import type { Experiment } from "../experiment.ts";
import { coverageOf } from "./coverage.ts";
import { type FirstAccesses, replayCapture, THP_POLICIES, type ThpPolicy } from "./replay.ts";

/** One process under one policy. Percentages are of its anonymous memory. */
export interface PolicyRow {
  readonly capture: string;
  readonly policy: string;
  /** Behind contiguous blocks of 64K, by Linux's rule. */
  readonly contpte: number;
  /** Behind PMD-sized leaves. */
  readonly pmd: number;
  readonly covered: number;
  /** TLB entries for its anonymous memory, with contiguous blocks and huge leaves as one each. */
  readonly entries: number;
  /** Anonymous memory in MiB, and how much more than was written. */
  readonly resident: number;
  readonly bloat: number;
  readonly tables: number;
}

const PARAMS = {
  readFirst: { kind: "range", label: "read before written", min: 0, max: 50, step: 1, default: 0, unit: "%" },
  order: { kind: "choice", label: "first accesses", options: ["by address", "shuffled"], default: "by address" },
  seed: { kind: "range", label: "seed", min: 1, max: 99, step: 1, default: 1 },
} as const;

/** Captures by the name that figures show. */
export type NamedCaptures = ReadonlyMap<string, Capture>;

/** "How much of a real process would contiguous blocks cover?" */
export const coveragePolicies: Experiment<typeof PARAMS, PolicyRow, NamedCaptures> = {
  id: "contpte-policies",
  question: "How much of a real process's anonymous memory lies in contiguous blocks, under which THP policy?",
  params: PARAMS,
  run: (params, captures, effects) => {
    const first = { shuffled: params.order === "shuffled", readFirst: params.readFirst / 100, seed: params.seed };
    const cases = [...captures].flatMap(([name, capture]) => THP_POLICIES.map((policy) => ({ name, capture, policy })));
    return cases.map(({ name, capture, policy }, i) => {
      effects?.signal?.throwIfAborted();
      effects?.progress?.(i, cases.length);
      return policyRow(name, capture, policy, first);
    });
  },
};

function policyRow(name: string, capture: Capture, policy: ThpPolicy, first: FirstAccesses): PolicyRow {
  const mm = replayCapture(capture, policy, first);
  const c = coverageOf(mm);
  return {
    capture: name,
    policy: policy.name,
    contpte: percent(c.cont, c.mapped),
    pmd: percent(c.huge, c.mapped),
    covered: percent(c.cont + c.huge, c.mapped),
    entries: c.entries,
    resident: mib(c.mapped),
    bloat: mib(c.mapped - anonPages(capture)),
    tables: mm.pt.accountedTables(),
  };
}

/** What a capture shows of its process as it was, in MiB. */
export interface RecordedRow {
  readonly capture: string;
  readonly mapped: number;
  readonly anon: number;
  /** In aligned blocks of 64K of one folio: what arm64 would fold, file pages included. */
  readonly contpte: number;
  readonly pmd: number;
  /** The last two as a share of the anonymous memory. */
  readonly covered: number;
}

/** The processes as recorded. */
export function recordedCoverage(captures: NamedCaptures): RecordedRow[] {
  return [...captures].map(([name, capture]) => {
    const share = contShare(capture, 16);
    const anon = anonPages(capture) * capture.page;
    const covered = percent(share.cont + share.pmd, anon);
    const [mapped, contpte, pmd] = [share.mapped, share.cont, share.pmd].map((bytes) => bytes / MiB);
    return { capture: name, mapped: mapped!, anon: anon / MiB, contpte: contpte!, pmd: pmd!, covered };
  });
}

function anonPages(capture: Capture): number {
  const isPage = (cls: string) => cls === "A" || cls === "H";
  return capture.vmas.flatMap((v) => v.runs).reduce((n, r) => n + (isPage(r.cls) ? r.n : 0), 0);
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}

function mib(pages: number): number {
  return (pages * 4096) / MiB;
}
