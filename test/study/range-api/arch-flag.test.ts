import { describe, expect, test } from "vitest";
import { formats } from "../../../src/arch/formats.ts";
import { RANGE_RULES } from "../../../src/pgtable/range.ts";
import { archFlag } from "../../../src/study/range-api/arch-flag.ts";
import { brokenContracts } from "../../../src/study/range-api/contract.ts";

const DEFAULTS = { arch: "arm64-4k", order: 9, around: 16, processes: 1, rewritten: false };

function rows(change: Partial<typeof DEFAULTS> = {}) {
  return archFlag.run({ ...DEFAULTS, ...change }, undefined);
}

/** Pages flushed from the instruction cache by pages mapped: with a flag for each page, and for each folio. */
function flushed(change: Partial<typeof DEFAULTS> = {}) {
  const all = rows(change);
  const of = (unit: string) => all.filter((r) => r.unit === unit).map((r) => [r.mapped, r.icacheFlushes]);
  return { page: of("page"), folio: of("folio") };
}

describe("PG_arch_1 as clean in the data cache", () => {
  test("for each page flushes what is mapped, for each folio all of it, however little is mapped", () => {
    expect(flushed()).toEqual({
      page: [
        [1, 1],
        [16, 16],
        [512, 512],
      ],
      folio: [
        [1, 512],
        [16, 512],
        [512, 512],
      ],
    });
  });

  test("flushes nothing for a second process, but all again where the folio was written in between", () => {
    expect(flushed({ processes: 3 })).toEqual(flushed());
    const again = flushed({ processes: 3, rewritten: true });
    expect(again.folio.map(([, n]) => n)).toEqual([1536, 1536, 1536]);
    expect(again.page.map(([, n]) => n)).toEqual([3, 48, 1536]);
  });

  test("for each folio touches one descriptor for the mark and one for each set_ptes; for each page one a page of each", () => {
    for (const row of rows()) {
      const expected = row.unit === "folio" ? 1 + row.calls : 512 + row.mapped;
      expect([row.mapped, row.unit, row.foliosTouched]).toEqual([row.mapped, row.unit, expected]);
    }
  });

  test("is offered on the formats whose instruction fetches do not see stores, and no other", () => {
    const spec = archFlag.params.arch;
    expect(spec.options).toEqual(formats.filter((f) => /^(arm64|riscv)/.test(f.name)).map((f) => f.name));
  });
});

describe.each(formats.map((f) => f.name))("the contracts of the range API on %s", (arch) => {
  test("are broken in each rule, and the error says the call and the rule; what is allowed is no error", () => {
    const found = brokenContracts(arch);
    for (const { rule, call, says } of found) expect([call, says === ""]).toEqual([call, rule === "(allowed)"]);
    const broken = found.filter((r) => r.says !== "");
    expect(new Set(broken.map((r) => r.rule))).toEqual(new Set(Object.keys(RANGE_RULES)));
    for (const { rule, call, says } of broken) {
      expect(says).toContain(RANGE_RULES[rule as keyof typeof RANGE_RULES]);
      expect(says.split(" ")[0]).toBe(call.includes(":") ? call.split(":")[0] : "set_ptes");
    }
  });
});
