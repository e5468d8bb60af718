/**
 * Slope charts: where the names at the ends of lines stand.
 */
import { expect, test } from "vitest";
import { random } from "../../src/base/random.ts";
import { toSvg } from "../../src/figure/render.ts";
import { placeLabels } from "../../src/figure/slope.ts";
import { slopeChart, testHost } from "./samples.ts";

test("labels that have room stand where they are wanted", () => {
  expect(placeLabels([50, 10, 90], [10, 10, 10], 100)).toEqual([50, 10, 90]);
});

test("labels for one place stand below each other around it, in their order", () => {
  expect(placeLabels([50, 50, 50], [10, 20, 10], 100)).toEqual([35, 50, 65]);
});

test("labels at an edge stay inside", () => {
  expect(placeLabels([0, 0, 100], [10, 10, 10], 100)).toEqual([5, 15, 95]);
});

test("no label lies on another or outside, the order is kept, and no single label could be moved nearer", () => {
  const chance = random(11);
  for (let run = 0; run < 300; run++) {
    const n = 1 + chance.below(9);
    const sizes = Array.from({ length: n }, () => 5 + chance.below(25));
    const room = sizes.reduce((a, b) => a + b, 0) + chance.below(100);
    const wanted = sizes.map(() => chance.below(room + 1));
    const got = placeLabels(wanted, sizes, room);
    const sorted = [...got.keys()].sort((a, b) => got[a]! - got[b]!);
    let free = 0;
    for (const [k, i] of sorted.entries()) {
      const [top, bottom] = [got[i]! - sizes[i]! / 2, got[i]! + sizes[i]! / 2];
      expect(top, `run ${run}`).toBeGreaterThanOrEqual(free - 1e-9);
      if (k > 0) expect(wanted[i]!).toBeGreaterThanOrEqual(wanted[sorted[k - 1]!]!);
      const next = sorted[k + 1];
      const end = next === undefined ? room : got[next]! - sizes[next]! / 2;
      const nearest = Math.max(free + sizes[i]! / 2, Math.min(wanted[i]!, end - sizes[i]! / 2));
      const alone = free < top - 1e-9 && bottom < end - 1e-9;
      if (alone) expect(got[i]!, `run ${run}`).toBeCloseTo(nearest, 6);
      free = bottom;
    }
    expect(free).toBeLessThanOrEqual(room + 1e-9);
  }
});

test("lines that lie on one another are one line with all their names", () => {
  const svg = toSvg(slopeChart(), testHost());
  expect(svg).toContain("faults; TLB entries 100 %");
  expect([...svg.matchAll(/<g fill="none" stroke="#/g)]).toHaveLength(3);
});
