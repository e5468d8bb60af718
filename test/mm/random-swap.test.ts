import { describe, expect, test } from "vitest";
import { World } from "./world.ts";

describe.each([
  ["x86-64", "6.18"],
  ["arm64-4k", "7.2"],
  ["arm64-4k", "6.12"],
  ["s390", "6.18"],
])("%s %s with swap", (arch, kernel) => {
  test.each([1, 2, 3])("no program sees what lies in swap, and all counts are those of a recount (seed %d)", (seed) => {
    const world = new World(seed * 77 + arch.length, { arch, kernel, swap: 2 ** 26 });
    for (let i = 0; i < 60; i++) expect(world.step(), world.story()).toEqual([]);
    expect(world.readAll(), world.story()).toEqual([]);
    expect(world.end(), world.story()).toEqual([]);
    expect(world.kernel.swap.used).toBe(0);
  });
});
