import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { accessCount, kindAt, vpnAt } from "../../src/mmu/access-words.ts";
import { newEngine } from "../../src/mmu/engine/engine.ts";
import { TwinCore } from "../mmu/twins.ts";
import { gccVersion } from "./c-program.ts";
import type { Context } from "./harness.ts";
import { BENCH_CORE, type Input, realTrace, synthetic, treeOf } from "./inputs.ts";
import { cases, cVariant, told } from "./translate.ts";

const N = 20_000;
const stops: (() => void)[] = [];
const temp = mkdtempSync(path.join(os.tmpdir(), "ptlab-bench-test-"));
const context: Context = { temp, quick: true, big: false, onStop: (stop) => stops.push(stop) };

afterAll(() => {
  for (const stop of stops.splice(0)) stop();
  rmSync(temp, { recursive: true, force: true });
});

function counts(input: Input, which: "wasm" | "reference") {
  const engine = newEngine(treeOf(input.pages), BENCH_CORE, which);
  engine.run(input.words);
  return told(engine.counts());
}

function slowCounts({ words, pages }: Input) {
  const twin = new TwinCore(treeOf(pages), BENCH_CORE);
  for (let i = 0; i < accessCount(words); i++) twin.access(vpnAt(words, i, 12), kindAt(words, i));
  return told(twin.counts());
}

describe("the engine, the reference, the slow twin and the twin in C count alike on what the bench runs", () => {
  const inputs: [string, () => Input | Promise<Input>][] = [
    ["sequential", () => synthetic("sequential", N)],
    ["zipf", () => synthetic("zipf", N)],
    ["random", () => synthetic("random", N)],
    ["a recorded trace", () => realTrace("python", N)],
  ];
  test.each(inputs)("%s", async (_, make) => {
    const input = await make();
    const slow = slowCounts(input);
    expect(slow.accesses).toBe(N);
    expect(counts(input, "reference")).toEqual(slow);
    expect(counts(input, "wasm")).toEqual(slow);
    if (gccVersion() === null) return;
    const c = cVariant(context, input);
    if (typeof c === "string") throw new Error(c);
    expect((await c.round()).counts).toEqual(slow);
  });
});

test("every goal of the group names a variant, and the twin in C is what it is a ratio to", () => {
  for (const { name, baseline, goals } of cases) {
    expect(goals!.length, name).toBeGreaterThan(0);
    expect(["C -O2", "before"]).toContain(baseline);
  }
});
