import { expect, test } from "vitest";
import { BrokenInvariant, invariant, nearest, oneOf, UserError } from "../../src/base/errors.ts";

test("a name of the list is returned as it is", () => {
  expect(oneOf("fruit", "pear", ["apple", "pear"])).toBe("pear");
});

test("an unknown name is a user's mistake of one line that lists what is allowed and the nearest name", () => {
  const mistake = () => oneOf("fruit", "paer", ["apple", "pear"]);
  expect(mistake).toThrow(UserError);
  expect(mistake).toThrow("unknown fruit 'paer': allowed are apple, pear; did you mean pear?");
});

test("no name is proposed when none is near", () => {
  expect(nearest("banana", ["apple", "pear"])).toBeUndefined();
  expect(() => oneOf("fruit", "banana", ["apple", "pear"])).toThrow("allowed are apple, pear");
  expect(() => oneOf("fruit", "banana", ["apple", "pear"])).not.toThrow("did you mean");
});

test("the nearest name is the one with the fewest insertions, removals, exchanges and swaps of neighbours", () => {
  expect(nearest("arm64-4", ["arm64-64k", "arm64-4k", "x86-64"])).toBe("arm64-4k");
  expect(nearest("x68-64", ["arm64-4k", "x86-64"])).toBe("x86-64");
});

test("a short word is given one slip, a long one two", () => {
  expect(nearest("pxyr", ["pear"])).toBeUndefined();
  expect(nearest("pxar", ["pear"])).toBe("pear");
  expect(nearest("dontnexx", ["dontneed"])).toBe("dontneed");
  expect(nearest("dontnxxx", ["dontneed"])).toBeUndefined();
});

test("an invariant that holds is silent, and one that does not throws its message as a bug", () => {
  expect(() => invariant(true, "never")).not.toThrow();
  expect(() => invariant(false, "slot 5 is free")).toThrow(BrokenInvariant);
  expect(() => invariant(false, "slot 5 is free")).toThrow("slot 5 is free");
});
