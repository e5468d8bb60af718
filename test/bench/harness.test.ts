import { describe, expect, test } from "vitest";
import { type BenchCase, type Context, checkAgreement, type RunOptions, runCase, spread, summary } from "./harness.ts";
import { caseText } from "./print.ts";

const base: BenchCase = { group: "g", name: "n", unit: "access", baseline: "C", variants: () => [] };

/** Options whose clock moves by what the variants say, so that no test measures time. */
function ticking(): { options: RunOptions; pass(us: number): void } {
  let now = 0;
  const options = { rounds: 4, signal: new AbortController().signal, progress: () => {}, cpu: () => now };
  return { options, pass: (us) => (now += us) };
}

const context: Context = { temp: "", quick: true, big: false, onStop: () => {} };

test("median and tenths of a row of numbers lie between neighbours where none is in the middle", () => {
  expect(spread([3, 1, 2])).toEqual({ median: 2, p10: 1.2, p90: 2.8 });
  expect(spread([4, 2]).median).toBe(3);
  expect(spread([7])).toEqual({ median: 7, p10: 7, p90: 7 });
});

test("a ratio is taken within its round, so a slow round of both changes nothing", () => {
  const table = [
    [1, 10, 1],
    [2, 20, 2],
  ];
  const { variants } = summary(base, [{ name: "C" }, { name: "ours" }], table);
  expect(variants[1]!.ratio).toEqual({ median: 2, p10: 2, p90: 2 });
});

describe("goals", () => {
  const names = [{ name: "C" }, { name: "ours" }];
  const table = [[1], [1.3]];
  test.each([
    [1.25, false],
    [1.3, true],
  ])("a ratio of 1.3 with at most %d is met: %s", (atMost, met) => {
    const goals = [{ variant: "ours", atMost }];
    const { variants } = summary({ ...base, goals }, names, table);
    expect(variants.map((v) => v.met)).toEqual([null, met]);
    expect(variants[1]!.goal).toEqual({ of: "C", atMost });
  });

  test("a limit on the amount itself looks at no baseline", () => {
    const goals = [{ variant: "ours", atMost: 1.5, of: null }];
    expect(summary({ ...base, goals }, names, table).variants[1]!.met).toBe(true);
  });

  test("a goal is neither met nor missed where the baseline had to be left out", () => {
    const goals = [{ variant: "ours", atMost: 1 }];
    expect(summary({ ...base, goals }, [{ name: "ours" }], [[5]]).variants[0]!.met).toBeNull();
  });
});

test("variants that counted differently stop the run with both counts named", () => {
  const outcomes = [{ units: 1, counts: { walks: 1 } }, { units: 1 }, { units: 1, counts: { walks: 2 } }];
  expect(() => checkAgreement(base, [{ name: "a" }, { name: "b" }, { name: "c" }], outcomes)).toThrow(
    'g n: counts differ\n  a: {"walks":1}\n  c: {"walks":2}',
  );
});

test("the warm-up is a fixed amount of work, and a variant may say its time itself", async () => {
  const { options, pass } = ticking();
  let rounds = 0;
  const ours = {
    name: "ours",
    round: () => {
      rounds++;
      pass(6);
      return { units: 1000, counts: 1 };
    },
  };
  const c = { name: "C", round: () => ({ units: 1000, amount: 2000, counts: 1 }) };
  const result = await runCase(
    { ...base, warmUp: 2500, variants: () => [c, ours, "lua: not there"] },
    context,
    options,
  );
  expect(rounds).toBe(3 + 4);
  expect(result.variants.map((v) => [v.amount.median, v.ratio.median])).toEqual([
    [2, 1],
    [6, 3],
  ]);
  expect(caseText(result)).toBe(
    [
      "",
      "g: n",
      "  ns per access; 4 rounds of 1.00 k, warm-up 2.50 k",
      "  C        2.00  1",
      "  ours     6.00  3.00 (3.00-3.00)",
      "  left out: lua: not there",
    ].join("\n"),
  );
});

test("an interrupt ends the run before the next round", async () => {
  const abort = new AbortController();
  const { options } = ticking();
  let rounds = 0;
  const round = () => {
    if (++rounds === 2) abort.abort();
    return { units: 1, amount: 1 };
  };
  const run = runCase({ ...base, warmUp: 1, variants: () => [{ name: "C", round }] }, context, {
    ...options,
    signal: abort.signal,
  });
  await expect(run).rejects.toThrow("aborted");
  expect(rounds).toBe(2);
});
