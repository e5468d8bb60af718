import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { parseLimits } from "../../../src/study/cost/limits.ts";

const machine = { cpu: "a CPU", kernel: "6.18", MiB: 64 };
const row = { name: "fork_4k", unit: "ns/pte", median: 60 };

function refusal(value: unknown): string {
  try {
    parseLimits(typeof value === "string" ? value : JSON.stringify(value), "f.json");
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).not.toContain("\n");
    return error.message;
  }
  return "no refusal";
}

describe("recorded times", () => {
  test("need no more than a machine and rows with name, unit and median; the rest is filled in", () => {
    const { rows } = parseLimits(JSON.stringify({ machine, rows: [row], more: 1 }), "f.json");
    expect(rows).toEqual([{ ...row, what: "fork_4k", p10: 60, p90: 60, reps: 1 }]);
  });

  test("are refused in one line that names the file, the row and what is wanted", () => {
    expect(refusal("{")).toMatch(/^f\.json: not JSON: /);
    expect(refusal("[]")).toBe("f.json: not an object with 'machine' and 'rows'");
    expect(refusal({ machine })).toBe("f.json: no list of rows under 'rows'");
    expect(refusal({ rows: [] })).toBe("f.json: no object under 'machine'");
    expect(refusal({ machine: { ...machine, MiB: -1 }, rows: [] })).toBe(
      "f.json: machine: 'MiB' is -1; a number above 0 is wanted",
    );
    const rows = (change: object) => refusal({ machine, rows: [row, { ...row, name: "munmap_4k", ...change }] });
    expect(rows({ median: 0 })).toBe("f.json: row 2 'munmap_4k': 'median' is 0; a number above 0 is wanted");
    expect(rows({ median: "60" })).toBe(`f.json: row 2 'munmap_4k': 'median' is "60"; a number above 0 is wanted`);
    expect(rows({ p10: 61, p90: 59 })).toBe("f.json: row 2 'munmap_4k': 'p10' is 61, above 'p90', which is 59");
    expect(rows({ unit: undefined })).toBe("f.json: row 2 'munmap_4k': 'unit' is missing; text is wanted");
    expect(rows({ name: "fork_4k" })).toBe("f.json: row 2 'fork_4k': the name is there twice");
    expect(rows({ name: "../x" })).toMatch(/^f\.json: row 2: 'name' is "\.\.\/x"; letters/);
    expect(refusal({ machine, rows: [null] })).toBe("f.json: row 1 is null; an object is wanted");
  });

  test("of more rows than any recorder writes are refused before a row is looked at", () => {
    expect(refusal({ machine, rows: Array.from({ length: 1001 }, () => null) })).toBe(
      "f.json: 1001 rows: at most 1000 are allowed",
    );
  });
});
