import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { changedParams, figuresIn, MOST_QUERY, paramsIn, short, withParams } from "../../site/live/address.ts";
import { UserError } from "../../src/base/errors.ts";
import { liveFigures } from "../../src/figure/live/index.ts";
import { fillParams, type LiveParams } from "../../src/figure/live.ts";
import type { ParamSpec, ParamSpecs } from "../../src/study/experiment.ts";

const values = (spec: ParamSpec): fc.Arbitrary<LiveParams[string]> => {
  if (spec.kind === "choice") return fc.constantFrom(...spec.options);
  if (spec.kind === "toggle") return fc.boolean();
  if (spec.kind === "range")
    return fc.nat(Math.round((spec.max - spec.min) / spec.step)).map((n) => spec.min + n * spec.step);
  return fc.oneof(
    fc.constantFrom(...Object.values(spec.samples)),
    // An address holds well-formed text alone. Of its characters some count twice.
    fc.string({ unit: "binary", maxLength: Math.min(spec.max, 300) }).filter(({ length }) => length <= spec.max),
  );
};

const paramsOf = (specs: ParamSpecs): fc.Arbitrary<LiveParams> =>
  fc.record(Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, values(spec)])));

/** One of each kind, with values that an address has to escape. */
const specs = {
  design: { kind: "choice", label: "design", options: ["a&b=c", "d e", "f+g", "h#i?", "%20"], default: "d e" },
  share: { kind: "range", label: "share", min: -1, max: 1, step: 0.125, default: 0 },
  on: { kind: "toggle", label: "on", default: false },
  script: { kind: "text", label: "script", default: "x\n", max: 300, samples: { one: "map a 64K\n", none: "" } },
} as const satisfies ParamSpecs;

const registered = liveFigures.map(({ id, params }) => [id, params] as const);

describe("parameters in an address", () => {
  test.each([["one of each kind", specs as ParamSpecs] as const, ...registered])(
    "of %s are read as they were written, and only those that differ from the stored ones are written",
    (_, params) => {
      const both = fc.tuple(paramsOf(params), paramsOf(params), fc.integer({ min: 1, max: 99 }));
      const check = fc.property(both, ([stored, shown, number]) => {
        const figure = `figure-${number}`;
        const changed = changedParams(stored, shown);
        const query = withParams("", figure, changed);
        const read = paramsIn(query, figure, stored);
        expect({ ...stored, ...read }).toEqual(shown);
        expect(read).toEqual(changed);
        expect(() => fillParams(params, { ...stored, ...read })).not.toThrow();
        expect(figuresIn(query)).toEqual(Object.keys(changed).length > 0 ? [figure] : []);
      });
      fc.assert(check, { numRuns: 40 });
    },
  );

  test("can be read by a person", () => {
    const query = withParams("", "figure-3", { arch: "arm64-4k", tlb: 512, contpte: false });
    expect(query).toBe("?figure-3.arch=arm64-4k&figure-3.tlb=512&figure-3.contpte=false");
  });

  test("stand in the order of the figures, after what is not a figure's, whichever was moved first", () => {
    const one = withParams(withParams("?theme=dark", "figure-10", { a: 1 }), "figure-2", { a: 2 });
    const other = withParams(withParams("?theme=dark", "figure-2", { a: 2 }), "figure-10", { a: 1 });
    expect(one).toBe("?theme=dark&figure-2.a=2&figure-10.a=1");
    expect(other).toBe(one);
  });

  test("take the place of those of the same figure and leave those of others", () => {
    expect(withParams("?figure-1.a=1&figure-11.a=1", "figure-1", { a: 2 })).toBe("?figure-1.a=2&figure-11.a=1");
    expect(withParams("?figure-1.a=1", "figure-1", {})).toBe("");
  });

  test("of another figure are not this one's", () => {
    expect(paramsIn("?figure-11.a=1", "figure-1", { a: 0 })).toEqual({});
  });

  const stored = { arch: "arm64-4k", tlb: 512, on: true };
  test.each([
    ["?figure-1.tbl=3", "unknown parameter 'tbl': allowed are arch, tlb, on; did you mean tlb?"],
    ["?figure-1.tlb=lots", "bad tlb 'lots': a number is allowed"],
    ["?figure-1.tlb=", "bad tlb '': a number is allowed"],
    ["?figure-1.tlb=0x10", "bad tlb '0x10': a number is allowed"],
    ["?figure-1.tlb=Infinity", "bad tlb 'Infinity': a number is allowed"],
    ["?figure-1.on=yes", "unknown on 'yes': allowed are true, false"],
    ["?figure-1.tlb=1&figure-1.tlb=2", "tlb is given twice"],
    ["?figure-1.__proto__=1", "unknown parameter '__proto__': allowed are arch, tlb, on"],
    ["?figure-1.constructor=1", "unknown parameter 'constructor': allowed are arch, tlb, on"],
    ["?figure-1.=1", "unknown parameter '': allowed are arch, tlb, on"],
    [`?figure-1.arch=${"a".repeat(MOST_QUERY)}`, `${MOST_QUERY + 15} characters: at most ${MOST_QUERY} are read`],
  ])("that are wrong give one line: %.40s", (query, line) => {
    expect(() => paramsIn(query, "figure-1", stored)).toThrow(new UserError(line));
  });

  test("that are wrong and long are not repeated in full", () => {
    const name = "n".repeat(5000);
    for (const query of [`?figure-1.${name}=1`, `?figure-1.tlb=${name}`, `?figure-1.on=${name}`])
      expect(() => paramsIn(query, "figure-1", stored)).toThrow(
        expect.objectContaining({ name: "UserError", message: expect.stringMatching(/^.{1,200}$/) }),
      );
    expect(short(name)).toHaveLength(81);
  });

  test("throw nothing but a mistake of the one who wrote the address, and change no prototype, whatever the query is", () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.webQueryParameters(),
      fc.string({ unit: "binary", maxLength: 200 }).map((text) => `figure-1.${text}`),
    );
    const check = fc.property(anything, (query) => {
      expect(withParams(query, "figure-1", { tlb: 3 })).toContain("figure-1.tlb=3");
      figuresIn(query);
      try {
        paramsIn(query, "figure-1", stored);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    });
    fc.assert(check, { numRuns: 500 });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
