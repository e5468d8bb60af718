/**
 * Non-negative least squares for small dense systems: the x of no negative part for which the squares of `A x - b` sum up to the
 * least. The method of active sets: from none, columns are let in one at a time and put out again when they turn negative.
 *
 * Source: Lawson and Hanson, "Solving Least Squares Problems", 1974, chapter 23.
 */

/** One equation: coefficients by column, and what they should give. */
export interface Equation {
  readonly coefficients: ArrayLike<number>;
  readonly value: number;
}

/** Equations as the sums that the method works on: `A'A` and `A'b`. */
interface Normal {
  readonly n: number;
  readonly gram: readonly Float64Array[];
  readonly right: Float64Array;
}

function normal(equations: readonly Equation[], n: number): Normal {
  const gram = Array.from({ length: n }, () => new Float64Array(n));
  const right = new Float64Array(n);
  for (const { coefficients, value } of equations)
    for (let i = 0; i < n; i++) {
      const a = coefficients[i]!;
      if (a === 0) continue;
      right[i]! += a * value;
      for (let j = 0; j < n; j++) gram[i]![j]! += a * coefficients[j]!;
    }
  return { n, gram, right };
}

/**
 * The non-negative solution with `n` columns. A column that no equation has, or that others say already, stays at 0. Columns
 * may be of any size: they are brought to one scale before anything is compared.
 */
export function nonNegativeLeastSquares(equations: readonly Equation[], n: number): Float64Array {
  const sizes = Array.from({ length: n }, (_, j) => Math.hypot(...equations.map((e) => e.coefficients[j]!)) || 1);
  const scaled = equations.map(({ coefficients, value }) => ({
    coefficients: Float64Array.from(coefficients, (a, j) => a / sizes[j]!),
    value,
  }));
  return solveScaled(normal(scaled, n)).map((x, j) => x / sizes[j]!);
}

/** A gain below this part of the whole is rounding. */
const TOLERANCE = 1e-11;

function solveScaled(sums: Normal): Float64Array {
  const x = new Float64Array(sums.n);
  const free: number[] = [];
  const refused = new Set<number>();
  for (;;) {
    const best = steepest(sums, x, free, refused);
    if (best < 0) return x;
    free.push(best);
    if (!settle(sums, x, free)) {
      // Nothing new: the column is a sum of others, or its gain was rounding.
      free.splice(free.indexOf(best), 1);
      refused.add(best);
    } else if (free.includes(best)) refused.clear();
    else refused.add(best);
  }
}

/** The column outside the set along which the squares fall fastest; -1 if they fall along none. */
function steepest({ n, gram, right }: Normal, x: Float64Array, free: readonly number[], refused: Set<number>): number {
  let best = -1;
  let most = TOLERANCE * Math.max(1, ...right.map(Math.abs));
  for (let j = 0; j < n; j++) {
    if (free.includes(j) || refused.has(j)) continue;
    let slope = right[j]!;
    for (let k = 0; k < n; k++) slope -= gram[j]![k]! * x[k]!;
    if (slope > most) [best, most] = [j, slope];
  }
  return best;
}

/** Moves x to the best values of the free columns, and puts out those that would turn negative on the way. False: no solution. */
function settle(sums: Normal, x: Float64Array, free: number[]): boolean {
  while (free.length > 0) {
    const goal = solveFree(sums, free);
    if (goal === null) return false;
    let step = 1;
    for (const [i, j] of free.entries()) if (goal[i]! <= 0) step = Math.min(step, x[j]! / (x[j]! - goal[i]!) || 0);
    for (const [i, j] of free.entries()) x[j]! += step * (goal[i]! - x[j]!);
    if (step === 1) return true;
    for (const j of [...free])
      if (x[j]! <= TOLERANCE) {
        x[j] = 0;
        free.splice(free.indexOf(j), 1);
      }
  }
  return true;
}

/** A pivot below this has lost its digits: the columns hardly differ. */
const PIVOT = 1e-10;

/** The free columns' unrestricted solution, by Cholesky's method; null where they depend on one another. */
function solveFree({ gram, right }: Normal, free: readonly number[]): number[] | null {
  const l: number[][] = [];
  const y: number[] = [];
  for (const [i, a] of free.entries()) {
    const row: number[] = [];
    for (let j = 0; j <= i; j++) {
      let sum = gram[a]![free[j]!]!;
      for (let k = 0; k < j; k++) sum -= row[k]! * (j === i ? row[k]! : l[j]![k]!);
      if (j < i) row.push(sum / l[j]![j]!);
      else if (sum < PIVOT) return null;
      else row.push(Math.sqrt(sum));
    }
    l.push(row);
    y.push((right[a]! - row.slice(0, i).reduce((sum, v, k) => sum + v * y[k]!, 0)) / row[i]!);
  }
  const x = y.slice();
  for (let i = free.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < free.length; k++) x[i]! -= l[k]![i]! * x[k]!;
    x[i]! /= l[i]![i]!;
  }
  return x;
}
