import { describe, expect, test } from "vitest";
import { formats } from "../../src/arch/formats.ts";
import type { KernelSpec } from "../../src/mm/kernel.ts";
import { profiles } from "../../src/mm/profile.ts";
import { World } from "./world.ts";

const STEPS = 70;
const SEEDS = [1, 2, 3];

function configs(): [string, KernelSpec][] {
  return formats.flatMap((f) =>
    profiles.flatMap((p) =>
      [true, false].flatMap((contpte) =>
        (["hardware", "fault"] as const).map((accessDirty): [string, KernelSpec] => [
          `${f.name} ${p.name}${contpte ? " contpte" : ""} ${accessDirty}`,
          { arch: f.name, kernel: p.name, contpte, accessDirty },
        ]),
      ),
    ),
  );
}

describe.each(configs())("%s", (name, spec) => {
  test.each(SEEDS)(
    "every page is what a flat map of pages says, all counts are those of a recount, and exit leaves nothing (seed %d)",
    (seed) => {
      const world = new World(seed * 1000 + name.length, spec);
      for (let i = 0; i < STEPS; i++) expect(world.step(), world.story()).toEqual([]);
      expect(world.readAll(), world.story()).toEqual([]);
      expect(world.end(), world.story()).toEqual([]);
    },
  );
});
