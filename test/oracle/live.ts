/**
 * A live differential run: scripts are recorded in a real kernel and replayed in the model, and every field is compared.
 *
 * A difference counts only where the kernel itself is of one mind. A script that differs is recorded twice more; if those
 * recordings are not like the first, it says nothing about the kernel (a TLB's contents, for example, decide how often a
 * write faults), and it is left out and named.
 */
import type { Recorded } from "../../src/study/ops/compare.ts";
import { differences } from "../../src/study/ops/compare.ts";
import {
  type Agreement,
  AgreementTable,
  type FirstDifference,
  noFieldCounts,
  type Replay,
  replayRecorded,
} from "../../src/study/ops/summary.ts";
import type { KernelUnderTest, NamedScript } from "./recording.ts";

/** A script in which the model is not like the kernel: a field differs, or the model broke. */
export interface Finding {
  readonly script: NamedScript;
  readonly recorded: Recorded;
  readonly different: FirstDifference | null;
  /** What the model threw. */
  readonly broke: string | null;
}

/** Outcome of a live run. */
export interface LiveResult {
  readonly agreement: readonly Agreement[];
  readonly findings: readonly Finding[];
  /** Scripts whose recordings are not alike. */
  readonly unsteady: readonly string[];
  /** Recordings of all scripts that are steady, as far as that was asked. */
  readonly recordings: readonly Recorded[];
}

/** `keep`: the recordings are wanted, so every script is recorded twice, not only those that differ, unless the kernel repeats. */
export async function runLive(
  kernel: KernelUnderTest,
  scripts: readonly NamedScript[],
  keep: boolean,
  progress: (done: number) => void,
): Promise<LiveResult> {
  const twice = keep && !kernel.repeats;
  const first = await recordAll(kernel, scripts, progress);
  const results = first.map((recorded, i) => judge(scripts[i]!, recorded));
  const doubtful = results.flatMap(({ finding }, i) => (twice || finding !== null ? [i] : []));
  const again = [
    await recordAll(kernel, pickAll(scripts, doubtful), progress),
    await recordAll(kernel, twice ? [] : pickAll(scripts, doubtful), progress),
  ];
  const unsteady = new Set(doubtful.filter((i, k) => again.some((r) => r[k] && !alike(first[i]!, r[k]))));
  const table = new AgreementTable();
  const steady = results.filter((_, i) => !unsteady.has(i));
  for (const { recorded, replay } of steady) table.add(recorded.header.kernel, recorded.header.machine!.arch, replay);
  return {
    agreement: table.rows(),
    findings: steady.flatMap(({ finding }) => finding ?? []),
    unsteady: [...unsteady].map((i) => scripts[i]!.name),
    recordings: steady.map(({ recorded }) => recorded),
  };
}

async function recordAll(
  kernel: KernelUnderTest,
  scripts: readonly NamedScript[],
  progress: (done: number) => void,
): Promise<Recorded[]> {
  const recordings: Recorded[] = [];
  const take = (recorded: Recorded) => {
    recordings.push(recorded);
    progress(recordings.length);
  };
  for (let at = 0; at < scripts.length; at += kernel.batch)
    await kernel.record(scripts.slice(at, at + kernel.batch), take);
  return recordings;
}

function pickAll<T>(list: readonly T[], indices: readonly number[]): T[] {
  return indices.map((i) => list[i]!);
}

function alike(a: Recorded, b: Recorded): boolean {
  return (
    a.records.length === b.records.length &&
    a.records.every((record, i) => differences(record, b.records[i]!).length === 0)
  );
}

/** Replays one recording. The model's own failure is a finding like any other, and ends no run. */
export function judge(
  script: NamedScript,
  recorded: Recorded,
): { recorded: Recorded; replay: Replay; finding: Finding | null } {
  try {
    const replay = replayRecorded(recorded, recorded.header.machine!);
    const { different } = replay;
    return { recorded, replay, finding: different && { script, recorded, different, broke: null } };
  } catch (error) {
    const replay = { ops: 0, whole: false, different: null, perField: noFieldCounts() };
    return { recorded, replay, finding: { script, recorded, different: null, broke: String(error) } };
  }
}
