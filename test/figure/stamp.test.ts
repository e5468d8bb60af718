import { expect, test } from "vitest";
import { canonicalJson, stampLine, stampOf } from "../../src/figure/stamp.ts";
import { groupedBars } from "./samples.ts";

const build = { version: "1.2.3", source: "0123456789abcdef" };
const origin = groupedBars().origin;

test("the stamp line names version, source, designs, workload, seed, input and spec", () => {
  const figure = groupedBars({ origin: { ...origin, input: "ffeeddccbbaa9988" } });
  expect(stampLine(figure, build)).toMatch(
    /^ptlab 1\.2\.3 \(01234567\); folded, ptp, pagewalk; fork of 1 GiB; seed 7; input ffeeddcc; spec [0-9a-f]{8}$/,
  );
});

test("the spec digest changes with every part of the origin and with nothing else", () => {
  const spec = (change: object) => stampOf(groupedBars({ origin: { ...origin, ...change } }), build).spec;
  const changes = [{ designs: ["folded"] }, { workload: "w" }, { params: {} }, { seed: 8 }, { input: "00" }];
  const digests = [{}, ...changes].map(spec);
  expect(new Set(digests).size).toBe(digests.length);
  expect(stampOf(groupedBars({ title: "Other" }), { ...build, version: "9" }).spec).toBe(digests[0]);
});

test("canonical JSON does not depend on the order of keys", () => {
  expect(canonicalJson({ b: [1, { d: null, c: "x" }], a: true })).toBe(
    canonicalJson({ a: true, b: [1, { c: "x", d: null }] }),
  );
});

test("a stamp refuses what JSON would drop or change", () => {
  for (const value of [Number.NaN, 1n, () => 1, Symbol("s")])
    expect(() => canonicalJson({ value })).toThrow("a stamp cannot hold");
});
