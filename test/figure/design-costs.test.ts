import { describe, expect, test } from "vitest";
import { formats } from "../../src/arch/formats.ts";
import { UserError } from "../../src/base/errors.ts";
import { DESIGN_NAMES } from "../../src/design/design.ts";
import { designCostsLive, switchCostsLive } from "../../src/figure/live/design-costs.ts";
import { toText } from "../../src/figure/text.ts";
import { compare } from "../../src/study/compare/compare.ts";
import { SWITCHES } from "../../src/study/compare/switches.ts";
import { testHost } from "./samples.ts";

const host = testHost();

describe("one operation with every design", () => {
  test("has a row for each design, the folded one first as the baseline", async () => {
    const made = await designCostsLive.make({ mib: 4 }, {});
    expect(made.rows.map((row) => row.side)).toEqual([...DESIGN_NAMES]);
  });

  test.each(formats.map((f) => f.name))("holds as much memory on %s, whatever its pages are", async (arch) => {
    const made = await designCostsLive.make({ arch, mib: 8, operation: "fork" }, {});
    expect(made.origin.params.pages).toBe(2 ** (23 - formats.find((f) => f.name === arch)!.pageLg2));
  });
});

describe("one operation, one switch", () => {
  test.each(SWITCHES.map((s) => s.name))("'%s' is shown by cause, in lines of a mail", async (change) => {
    const made = await switchCostsLive.make({ change, mib: 4 }, {});
    const { a, b } = SWITCHES.find((s) => s.name === change)!;
    const compared = compare(a, b, "fork and exit", { arch: "arm64-4k", policy: "mTHP", pages: 1024 });
    expect(made.rows.map((row) => [row.cause, row.a, row.b])).toEqual(compared.rows.map((r) => [r.cause, r.a, r.b]));
    for (const line of toText(made, host.build).split("\n")) expect(line.length).toBeLessThanOrEqual(72);
  });

  test("a kernel without guards is not compared with one that has them, and the reader is told", async () => {
    const params = { change: "kernel 6.12 / 6.18", operation: "guard again", mib: 4 };
    const made = switchCostsLive.make(params, {});
    await expect(made).rejects.toThrow(UserError);
    await expect(made).rejects.toThrow(
      /^costs of different outcomes are not compared: guard again on arm64-4k, .*: answers "EINVAL" against null$/,
    );
  });
});
