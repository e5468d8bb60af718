import { describe, expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { opScriptLive } from "../../src/figure/live/op-script.ts";
import { NARROW, toSvg, WIDE } from "../../src/figure/render.ts";
import { toText } from "../../src/figure/text.ts";
import { SAMPLE_SCRIPTS } from "../../src/study/ops/samples.ts";
import { testHost } from "./samples.ts";

const host = testHost();
const samples = Object.entries(SAMPLE_SCRIPTS);
const steps = [1, 2, 3, 4, 5, 6, 7, 8];

/** Boxes with a heavy outline in a picture. */
const outlined = (svg: string) => svg.split('stroke-width="2"')[1]?.split("</g>")[0]?.split("<rect").length ?? 1;

describe.each(samples)("the tables of '%s'", (_, script) => {
  test.each(steps)("after operation %i fit a mail, a page and a phone", async (step) => {
    const made = await opScriptLive.make({ script, step }, {});
    for (const line of toText(made, host.build).split("\n")) expect(line.length).toBeLessThanOrEqual(72);
    const changed = made.rows.filter((row) => row.change !== "").length;
    for (const width of [WIDE, NARROW]) {
      const svg = toSvg(made, host, { width });
      expect(outlined(svg) - 1).toBe(changed);
      const edges = [...svg.matchAll(/<rect x="([\d.]+)" width="([\d.]+)"/g)].map((m) => Number(m[1]) + Number(m[2]));
      expect(Math.max(...edges)).toBeLessThanOrEqual(width);
    }
  });
});

describe("the tables after an operation", () => {
  test("say in words what a sighted reader sees: the record, the counts, and the first changes", async () => {
    const made = await opScriptLive.make({ step: 5 }, {});
    expect(made.title).toBe("After operation 5 of 8: @1 touch a 20K 4K");
    expect(made.caption).toContain(
      "rc 0, 1 fault; table pages above the start: @0 3, @1 3; counted: contpte unfolds 1.",
    );
    expect(made.alt).toContain(
      "Changed: @1 PTE table a+0 slots 0-4 changed: pages; @1 PTE table a+0 slots 5 changed: pages",
    );
  });

  test("name the error of an operation that fails, and the places that were refused", async () => {
    const script = "map a 4K\nguard a\ntouch a\nprotect a 0 4M r";
    expect((await opScriptLive.make({ script, step: 3 }, {})).caption).toContain("rc 0, 0 faults, refused at 1 place;");
    expect((await opScriptLive.make({ script, step: 4 }, {})).caption).toContain("rc -1 (ENOMEM), 0 faults;");
  });

  test("are only the changed ones where that is asked for, and the top one where nothing changed", async () => {
    const tables = async (step: number) =>
      (await opScriptLive.make({ step, tables: "changed tables" }, {})).rows.map(
        (row) => `${row.process} ${row.level}`,
      );
    expect(new Set(await tables(5))).toEqual(new Set(["@1 0 PTE"]));
    expect(new Set(await tables(1))).toEqual(new Set(["@0 3 PGD"]));
  });

  test("are those of the chosen kernel: on arm64, 7.2 frees the table that DONTNEED emptied, 6.18 does not", async () => {
    const script = "map a 2M\ntouch a 0 4K\ndontneed a 0 2M";
    const signs = async (kernel: string) =>
      (await opScriptLive.make({ script, step: 3, kernel }, {})).rows
        .filter((row) => row.change !== "")
        .map((row) => `${row.level} ${row.holds}`);
    expect(await signs("6.18")).toEqual(["0 PTE empty"]);
    expect(await signs("7.2")).toContain("0 PTE freed");
  });

  test("of a long script are listed as far as a page can show them, and the caption says so", async () => {
    const made = await opScriptLive.make({ script: "map a 256M\ntouch a 0 256M step=8K", step: 2, arch: "x86-64" }, {});
    expect(made.rows.length).toBe(600);
    expect(made.caption).toContain("the first 600 are listed");
  });

  test.each([
    ["touch a", "script:1: no region 'a'"],
    ["map a 4K\n\nfrobnicate a", "script:3: unknown op 'frobnicate'"],
    ["", "there is no operation"],
    ["map a 4K\n".repeat(41), "41 operations: at most 40 are shown here"],
    ["#".repeat(4001), "script of 4001 characters: at most 4000 are allowed"],
    ["map a 64G\ntouch a", "range too large"],
  ])("are refused in one line for %j", async (script, message) => {
    const made = opScriptLive.make({ script, step: 40 }, {});
    await expect(made).rejects.toThrow(UserError);
    await expect(made).rejects.toThrow(message);
    await made.catch((error: Error) => expect(error.message).not.toContain("\n"));
  });
});
