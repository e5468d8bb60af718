import { describe, expect, it } from "vitest";
import { FEATURES, parseFeatures, randomScript } from "../../../src/study/ops/random.ts";
import { ADVICE, type OpLine, parseScript } from "../../../src/study/ops/script.ts";

const scripts = Array.from({ length: 400 }, (_, number) => randomScript({ seed: 1, number }));

/** The word of an operation, with what makes it another one in the kernel. */
function kindsOf({ action }: OpLine): string[] {
  if (action.op === "advise") return [action.advice];
  if (action.op === "map") return ["map", action.shared ? "map shared" : "map private", `map ${action.prot}`];
  return [action.op === "remap" && action.dontunmap ? "remap dontunmap" : action.op];
}

function linesOf(text: string): readonly OpLine[] {
  const script = parseScript(text, "random");
  expect(script.bad, text).toBeNull();
  return script.lines;
}

describe("a random script", () => {
  it("is the same for the same seed and number, and another one for another of either", () => {
    expect(randomScript({ seed: 5, number: 9 })).toBe(randomScript({ seed: 5, number: 9 }));
    expect(new Set(scripts).size).toBe(scripts.length);
    expect(randomScript({ seed: 2 })).not.toBe(randomScript({ seed: 1 }));
  });

  it("asks for every operation of the grammar sooner or later, the waiting ones apart", () => {
    const seen = new Set(scripts.flatMap(linesOf).flatMap(kindsOf));
    const ops = ["touch", "peek", "protect", "unmap", "remap", "lock", "unlock", "mincore", "fork", "exit", "knob"];
    const maps = ["map shared", "map private", "map ", "map r", "map rx", "map rwx"];
    expect([...ADVICE, ...ops, ...maps, "remap dontunmap"].filter((kind) => !seen.has(kind))).toEqual([]);
  });

  it("speaks only of processes that live, and makes no more than eight", () => {
    for (const text of scripts) {
      const live = [true];
      for (const { proc, action } of linesOf(text)) {
        expect(live[proc], text).toBe(true);
        if (action.op === "fork") live.push(true);
        if (action.op === "exit") live[proc] = false;
      }
      expect(live.length).toBeLessThanOrEqual(8);
    }
  });

  it("with base features alone has nothing but those", () => {
    const seen = new Set(
      scripts.flatMap((_, number) => linesOf(randomScript({ seed: 1, number, features: [] })).flatMap(kindsOf)),
    );
    const base = ["map", "map private", "map rw", "map r", "touch", "peek", "protect", "dontneed", "unmap", "mincore"];
    expect([...seen].sort()).toEqual(base.sort());
  });

  it("for a kernel with 16K pages has addresses that are whole pages of 16K", () => {
    const lines = scripts.flatMap((_, number) => linesOf(randomScript({ seed: 1, number, page: 16384 })));
    const at = lines.flatMap(({ action }) => ("at" in action && action.at !== null ? [action.at] : []));
    expect(at.length).toBeGreaterThan(400);
    expect(at.filter((address) => Number(address) % 16384 !== 0)).toEqual([]);
  });
});

describe("a list of features", () => {
  it("means all but those with a minus, if every name has one", () => {
    expect(parseFeatures("-lock,-shared")).toEqual(FEATURES.filter((f) => f !== "lock" && f !== "shared"));
    expect(parseFeatures("all,-lock")).toEqual(FEATURES.filter((f) => f !== "lock"));
    expect(parseFeatures("base")).toEqual([]);
    expect(parseFeatures("base,guard,fork")).toEqual(["guard", "fork"]);
  });

  it("with an unknown name is refused with the nearest one", () => {
    expect(() => parseFeatures("guards")).toThrow(/unknown feature 'guards'.*did you mean guard/);
  });
});
