import { expect, test } from "vitest";
import { random } from "../../src/base/random.ts";

const draw = (seed: number, n: number) => {
  const rng = random(seed);
  return Array.from({ length: n }, () => rng.next());
};

test("a seed gives the same stream every time, and another seed another one", () => {
  expect(draw(7, 50)).toEqual(draw(7, 50));
  expect(draw(7, 50)).not.toEqual(draw(8, 50));
});

test("a seed of zero does not give a stream of zeros", () => {
  expect(new Set(draw(0, 100)).size).toBe(100);
});

test("numbers are whole, unsigned and of 32 bits, and both halves of the range occur", () => {
  const numbers = draw(3, 1000);
  expect(numbers.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32)).toBe(true);
  expect(numbers.some((n) => n >= 2 ** 31) && numbers.some((n) => n < 2 ** 31)).toBe(true);
});

test("below(n) reaches every number under n, about equally often, and never n", () => {
  const rng = random(11);
  const seen = new Array<number>(7).fill(0);
  for (let i = 0; i < 7000; i++) seen[rng.below(7)]!++;
  expect(seen).toHaveLength(7);
  expect(Math.min(...seen)).toBeGreaterThan(850);
  expect(Math.max(...seen)).toBeLessThan(1150);
});

test("below works up to 2^32", () => {
  const rng = random(5);
  const numbers = Array.from({ length: 200 }, () => rng.below(2 ** 32));
  expect(Math.max(...numbers)).toBeGreaterThan(2 ** 31);
});

test("pick reaches every member of a list", () => {
  const rng = random(2);
  const seen = new Set(Array.from({ length: 200 }, () => rng.pick(["a", "b", "c"])));
  expect([...seen].sort()).toEqual(["a", "b", "c"]);
});

test("the seed is kept for reports", () => {
  expect(random(42).seed).toBe(42);
});
