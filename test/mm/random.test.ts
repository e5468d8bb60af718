import { describe, expect, test } from "vitest";
import { type Format, pmdOrder } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import type { KernelSpec } from "../../src/mm/kernel.ts";
import { profiles } from "../../src/mm/profile.ts";
import { World } from "./world.ts";

const STEPS = 70;
const SEEDS = [1, 2];
/** The formats that go through every kernel and every switch; all others take a few of these in turn. */
const MAIN = ["x86-64", "arm64-4k"];
const TURNS = 2;

interface Config {
  readonly name: string;
  readonly spec: KernelSpec;
  readonly seeds: readonly number[];
  readonly steps: number;
}

function config(f: Format, i: number, seeds: readonly number[], steps: number): Config {
  const contpte = i % 2 === 0;
  const accessDirty = (["fault", "hardware"] as const)[(i >>> 1) % 2]!;
  const kernel = profiles[(i >>> 2) % profiles.length]!.name;
  const name = `${f.name} ${kernel}${contpte ? " contpte" : ""} ${accessDirty}`;
  return { name, spec: { arch: f.name, kernel, contpte, accessDirty }, seeds, steps };
}

function configs(): Config[] {
  return formats.flatMap((f, n) => {
    if (MAIN.includes(f.name)) return Array.from({ length: 4 * profiles.length }, (_, i) => config(f, i, SEEDS, STEPS));
    // A check goes over every page, so tables of thousands of entries get fewer steps.
    const steps = Math.ceil(STEPS / 2 ** Math.max(0, pmdOrder(f) - 10));
    return Array.from({ length: TURNS }, (_, i) => config(f, 5 * n + 7 * i, [SEEDS[i]!], steps));
  });
}

describe.each(configs())("$name", ({ name, spec, seeds, steps }) => {
  test.each(seeds)(
    "every page is what a flat map of pages says, all counts are those of a recount, and exit leaves nothing (seed %d)",
    (seed) => {
      const world = new World(seed * 1000 + name.length, spec);
      for (let i = 0; i < steps; i++) expect(world.step(), world.story()).toEqual([]);
      expect(world.readAll(), world.story()).toEqual([]);
      expect(world.end(), world.story()).toEqual([]);
    },
  );
});
