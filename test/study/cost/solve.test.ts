import { expect, test } from "vitest";
import { random } from "../../../src/base/random.ts";
import { type Equation, nonNegativeLeastSquares } from "../../../src/study/cost/solve.ts";

const at = (coefficients: readonly number[], value: number): Equation => ({ coefficients, value });

/** Sum of squares left over. */
function left(equations: readonly Equation[], x: ArrayLike<number>): number {
  return equations.reduce((sum, { coefficients, value }) => {
    const off = Array.from(coefficients).reduce((s, a, j) => s + a * x[j]!, -value);
    return sum + off * off;
  }, 0);
}

/** The slow twin: every subset of columns, each by elimination, and of those without a negative part the best. */
function bySubsets(equations: readonly Equation[], n: number): number {
  let best = left(equations, new Float64Array(n));
  for (let set = 1; set < 1 << n; set++) {
    const free = Array.from({ length: n }, (_, j) => j).filter((j) => set & (1 << j));
    const x = eliminate(equations, free);
    if (x === null || x.some((v) => v < 0)) continue;
    const full = new Float64Array(n);
    for (const [i, j] of free.entries()) full[j] = x[i]!;
    best = Math.min(best, left(equations, full));
  }
  return best;
}

function eliminate(equations: readonly Equation[], free: readonly number[]): number[] | null {
  const dot = (f: (e: Equation) => number, g: (e: Equation) => number) =>
    equations.reduce((sum, e) => sum + f(e) * g(e), 0);
  const column = (j: number) => (e: Equation) => e.coefficients[j]!;
  const m = free.map((i) => [...free.map((j) => dot(column(i), column(j))), dot(column(i), (e) => e.value)]);
  const n = free.length;
  for (let k = 0; k < n; k++) {
    const pivot = m.slice(k).reduce((p, row, i) => (Math.abs(row[k]!) > Math.abs(m[p]![k]!) ? i + k : p), k);
    [m[k], m[pivot]] = [m[pivot]!, m[k]!];
    if (Math.abs(m[k]![k]!) < 1e-9) return null;
    for (let i = 0; i < n; i++)
      if (i !== k) {
        const f = m[i]![k]! / m[k]![k]!;
        for (let j = k; j <= n; j++) m[i]![j]! -= f * m[k]![j]!;
      }
  }
  return m.map((row, i) => row[n]! / row[i]!);
}

test("no choice of columns leaves less over than the solver, which is never negative", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { below } = random(seed);
    const n = 1 + below(5);
    const equations = Array.from({ length: n + below(6) }, () =>
      at(
        Array.from({ length: n }, () => (below(3) === 0 ? 0 : below(200) - 60)),
        below(400) - 150,
      ),
    );
    const x = nonNegativeLeastSquares(equations, n);
    expect(
      x.every((v) => v >= 0),
      `seed ${seed}`,
    ).toBe(true);
    const [own, twin] = [left(equations, x), bySubsets(equations, n)];
    expect(own, `seed ${seed}`).toBeLessThanOrEqual(twin * (1 + 1e-6) + 1e-6);
  }
});

test("columns that differ by nine orders of magnitude are found alike", () => {
  const equations = [at([1e9, 1e-3], 2e9 + 5e8), at([1e9, 2e-3], 2e9 + 10e8), at([0, 1e-3], 5e8)];
  const x = nonNegativeLeastSquares(equations, 2);
  expect(x[0]).toBeCloseTo(2, 6);
  expect(x[1]! / 5e11).toBeCloseTo(1, 6);
});

test("what would have to be negative is 0, and a column that no equation has is 0", () => {
  expect([...nonNegativeLeastSquares([at([1, 0], -3)], 2)]).toEqual([0, 0]);
});

test("of two equal columns the sum is right, whichever of them it is given to", () => {
  const x = nonNegativeLeastSquares([at([1, 1], 4), at([2, 2], 8)], 2);
  expect(x[0]! + x[1]!).toBeCloseTo(4, 9);
});
