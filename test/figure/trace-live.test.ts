import { describe, expect, test } from "vitest";
import { dataOf } from "../../src/figure/create.ts";
import { liveFigures } from "../../src/figure/live/index.ts";
import { toText } from "../../src/figure/text.ts";
import { TRACE_FILES } from "../../src/study/trace-cost/traces.ts";
import { traceBytes, traceNames } from "../study/trace-cost/slices.ts";

const figures = liveFigures.filter((live) => live.inputs.some((file) => file.endsWith(".ptt")));
const build = { version: "0.0.0", source: "0123456789abcdef" };

describe.each(figures)("the live figure $id", (live) => {
  const quick = { accesses: "0.1 M" };

  test("made twice is the same, and fits plain mail", async () => {
    const made = await live.make(quick, traceBytes);
    expect(dataOf(await live.make(quick, traceBytes))).toEqual(dataOf(made));
    for (const line of toText(made, build).split("\n")) expect(line).toMatch(/^[ -~]{0,72}$/);
  });

  test("needs the file of the trace that is chosen and no other", async () => {
    for (const trace of traceNames) {
      const file = TRACE_FILES[trace];
      expect(live.inputsFor({ trace })).toEqual([file]);
      const made = await live.make({ ...quick, trace }, { [file]: traceBytes[file]! });
      expect(made.origin.input).toMatch(/^[0-9a-f]{16}$/);
    }
    await expect(live.make({ trace: "sort" }, {})).rejects.toThrow("needs the input file 'sort.ptt'");
  });

  test("refuses a trace that is not there, and then asks for all files", async () => {
    await expect(live.make({ trace: "sord" }, traceBytes)).rejects.toThrow("did you mean sort?");
    expect(live.inputsFor({ trace: "sord" })).toEqual(live.inputs);
  });

  test("each of its choices can be made", async () => {
    for (const [name, spec] of Object.entries(live.params)) {
      if (spec.kind !== "choice" || name === "trace" || name === "accesses") continue;
      for (const option of spec.options) {
        const made = await live.make({ ...quick, [name]: option }, traceBytes);
        expect(made.rows.length, `${name} ${option}`).toBeGreaterThan(1);
      }
    }
  });
});

test("times by cause add up to the time of each row", async () => {
  const times = { "trace-walk-cost": /^ns.+/, "trace-scan": /^us_/, "cycles-by-cause": /^p_/ } as const;
  const totals = { "trace-walk-cost": "ns", "trace-scan": "us", "cycles-by-cause": "cycles" } as const;
  for (const [id, part] of Object.entries(times)) {
    const made = await liveFigures.find((live) => live.id === id)!.make({ accesses: "0.1 M" }, traceBytes);
    const keys = made.columns.map((column) => column.key).filter((key) => part.test(key));
    for (const row of made.rows) {
      const sum = keys.reduce((all, key) => all + Number(row[key]), 0);
      expect(sum).toBeCloseTo(Number(row[totals[id as keyof typeof totals]]), 9);
    }
  }
});
