/**
 * From a script that shows a difference to one that shows it with as few operations as possible: delta debugging (Zeller and
 * Hildebrandt, "Simplifying and isolating failure-inducing input", 2002), in which every trial is recorded in the kernel again.
 */
import type { Recorded } from "../../src/study/ops/compare.ts";
import { parseScript } from "../../src/study/ops/script.ts";
import { type Finding, judge } from "./live.ts";
import type { KernelUnderTest, NamedScript } from "./recording.ts";

/** The smallest script found that differs in the same field. */
export async function shrink(
  kernel: KernelUnderTest,
  finding: Finding,
  step: (lines: number) => void,
): Promise<Finding> {
  const same = sameKind(finding);
  let best = finding;
  let lines = linesUpTo(finding);
  for (let parts = 2; lines.length > 1; ) {
    step(lines.length);
    const trials = without(lines, parts).filter(isWhole);
    const found = await firstThat(
      kernel,
      trials.map((l) => named(finding.script.name, l)),
      same,
    );
    if (found !== null) {
      best = found;
      lines = linesUpTo(found);
      parts = Math.max(2, Math.min(parts - 1, lines.length));
    } else if (parts >= lines.length) break;
    else parts = Math.min(lines.length, parts * 2);
  }
  return { ...best, script: named(finding.script.name, lines) };
}

/** What comes behind the difference cannot have made it. */
function linesUpTo({ recorded, different }: Finding): string[] {
  const lines = recorded.records.map((r) => r.op);
  return different === null ? lines : lines.slice(0, recorded.records.indexOf(different.record) + 1);
}

function named(name: string, lines: readonly string[]): NamedScript {
  return { name, text: `${lines.join("\n")}\n` };
}

/** The script without one of `parts` equal parts, for each of them. */
function without(lines: readonly string[], parts: number): string[][] {
  const cut = (i: number) => Math.floor((i * lines.length) / parts);
  return Array.from({ length: parts }, (_, i) => [...lines.slice(0, cut(i)), ...lines.slice(cut(i + 1))]);
}

/** A trial that lost the operation that makes a region, or a process, is none. */
function isWhole(lines: readonly string[]): boolean {
  const script = parseScript(lines.join("\n"), "trial");
  const live = [true];
  for (const { proc, action } of script.lines) {
    if (!live[proc]) return false;
    if (action.op === "fork") live.push(true);
    if (action.op === "exit") live[proc] = false;
  }
  return lines.length > 0 && script.bad === null;
}

type Kind = (finding: Finding) => boolean;

/** The same field, or in the model's failure the same words. */
function sameKind({ different, broke }: Finding): Kind {
  const names = new Set(different?.fields.map((f) => f.name));
  const words = broke?.replace(/\d+/g, "0");
  return (other) =>
    other.broke?.replace(/\d+/g, "0") === words &&
    (different === null || (other.different?.fields.some((f) => names.has(f.name)) ?? false));
}

async function firstThat(kernel: KernelUnderTest, trials: readonly NamedScript[], same: Kind): Promise<Finding | null> {
  for (let at = 0; at < trials.length; at += TRIALS) {
    const some = trials.slice(at, at + TRIALS);
    const recordings: Recorded[] = [];
    await kernel.record(some, (recorded) => recordings.push(recorded));
    const hit = recordings.map((r, i) => judge(some[i]!, r).finding).find((f) => f !== null && same(f));
    if (hit) return hit;
  }
  return null;
}

/** Recorded at once: a guest takes seconds to boot, whatever it then runs. */
const TRIALS = 16;
