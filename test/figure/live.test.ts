import { expect, test } from "vitest";
import { digest } from "../../src/base/digest.ts";
import { dataOf } from "../../src/figure/create.ts";
import { liveFigure, liveFigures } from "../../src/figure/live/index.ts";
import { defineLive, revive } from "../../src/figure/live.ts";
import { toSvg } from "../../src/figure/render.ts";
import { powers, testHost } from "./samples.ts";

const inputs = { "names.txt": "one" };

test("a made figure knows by which parameters it can be made again, defaults included", async () => {
  const made = await powers.make({ base: 3 }, inputs);
  expect(made.live).toEqual({
    id: "powers",
    params: { base: 3, scale: "linear", zero: false },
    inputs: { "names.txt": digest("one") },
  });
  expect(dataOf(await powers.make(made.live!.params, inputs))).toEqual(dataOf(made));
});

test("data sent from a worker is drawn on the page as it would have been drawn in place", async () => {
  const made = await powers.make({ scale: "log" }, inputs);
  const received = revive(structuredClone(dataOf(made)), powers);
  expect(toSvg(received, testHost())).toBe(toSvg(made, testHost()));
});

test("a wrong parameter is refused with what is allowed", async () => {
  await expect(powers.make({ bose: 3 }, inputs)).rejects.toThrow("did you mean base?");
  await expect(powers.make({ base: 5 }, inputs)).rejects.toThrow("bad base '5': 2 to 4 in steps of 0.5 is allowed");
  await expect(powers.make({ base: 2.2 }, inputs)).rejects.toThrow("bad base '2.2'");
  await expect(powers.make({ scale: "lin" }, inputs)).rejects.toThrow("allowed are linear, log");
  await expect(powers.make({ zero: "yes" }, inputs)).rejects.toThrow("true or false is allowed");
});

test("a missing input file is named", async () => {
  await expect(powers.make({}, {})).rejects.toThrow("needs the input file 'names.txt'");
});

test("live figures have different names, and every one can be looked up", () => {
  const ids = liveFigures.map((live) => live.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(liveFigure(id).id).toBe(id);
});

test("a figure that nothing can change is not made a live one", () => {
  expect(() => defineLive({ ...powers, params: {}, run: () => ({}) as never })).toThrow("'powers' has no parameter");
});

test("a live figure that does not exist is refused", () => {
  expect(() => liveFigure("no such figure")).toThrow("unknown live figure 'no such figure'");
});
