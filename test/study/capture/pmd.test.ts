import { describe, expect, test } from "vitest";
import type { Amounts, Run } from "../../../src/study/capture/format.ts";
import { inferPmd } from "../../../src/study/capture/pmd.ts";

const NONE: Amounts = { Rss: 0, Anonymous: 0, AnonHugePages: 0, ShmemPmdMapped: 0, FilePmdMapped: 0 };

function huge(page: number, n: number, cls: "A" | "F" = "A", pfn = 512): Run {
  return { page, n, cls, pfn, order: 9, index: pfn % 512 };
}

/** Page, length and class of the runs after inference, for a VMA that starts at page 512 of the address space. */
function inferred(runs: readonly Run[], amounts: Partial<Amounts>) {
  const { runs: out, candidates } = inferPmd(runs, 512, { ...NONE, ...amounts }, 4096, 9);
  return { runs: out.map((r) => [r.page, r.n, r.cls]), candidates };
}

describe("blocks mapped by a PMD", () => {
  test("are all candidates when smaps' amount equals them", () => {
    const blocks = [huge(0, 1024), huge(1024, 512, "F", 4096)];
    expect(inferred(blocks, { AnonHugePages: 4096, ShmemPmdMapped: 2048 })).toEqual({
      runs: [
        [0, 1024, "H"],
        [1024, 512, "h"],
      ],
      candidates: 0,
    });
  });

  test("are none when smaps says so, and that is certain", () => {
    expect(inferred([huge(0, 512)], {})).toEqual({ runs: [[0, 512, "A"]], candidates: 0 });
  });

  test("are taken from the lowest addresses when smaps says fewer, and the choice is reported", () => {
    expect(inferred([huge(0, 1024)], { AnonHugePages: 2048 })).toEqual({
      runs: [
        [0, 512, "H"],
        [512, 512, "A"],
      ],
      candidates: 2,
    });
  });

  test("are whole and aligned: a folio cut off or out of step is none", () => {
    const amounts = { AnonHugePages: 2048 };
    expect(inferred([huge(0, 511)], amounts).runs).toEqual([[0, 511, "A"]]);
    expect(inferred([huge(1, 512)], amounts).runs).toEqual([[1, 512, "A"]]);
  });

  test("are found after an incomplete folio in the same run", () => {
    expect(inferred([huge(508, 516, "A", 508 + 512)], { AnonHugePages: 2048 }).runs).toEqual([
      [508, 4, "A"],
      [512, 512, "H"],
    ]);
  });
});
