/**
 * What inputs refuse: values that no reader could set.
 */
import { expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { select, slider } from "../../src/jupyter/widgets/inputs.ts";

test.each([
  [{ min: 5, max: 1 }, "min <= value <= max"],
  [{ min: 0, max: 9, value: 99 }, "min <= value <= max"],
  [{ min: 0, max: 9, value: -1 }, "min <= value <= max"],
  [{ min: 0, max: 9, step: 0 }, "step must be greater than 0"],
  [{ min: 0, max: 9, step: -1 }, "step must be greater than 0"],
  [{ min: 0, max: Number.POSITIVE_INFINITY }, "finite"],
  [{ min: Number.NaN, max: 9 }, "finite"],
])("a slider of %j is refused with what is allowed", (options, allowed) => {
  expect(() => slider(options)).toThrow(UserError);
  expect(() => slider(options)).toThrow(allowed);
});

test("a slider may stand at either end, and have one value only", () => {
  expect(slider({ min: 0, max: 9 }).value).toBe(0);
  expect(slider({ min: 0, max: 9, value: 9 }).value).toBe(9);
  expect(slider({ min: 3, max: 3 }).value).toBe(3);
});

test("a choice is one of its options, of which there is at least one", () => {
  expect(select(["a", "b"]).value).toBe("a");
  expect(() => select([])).toThrow(new UserError("select: there must be at least one option"));
  expect(() => select(["4K", "64K"], { value: "64k" })).toThrow("allowed are 4K, 64K; did you mean 64K?");
});
