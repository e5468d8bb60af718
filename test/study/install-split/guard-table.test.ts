import { expect, test } from "vitest";
import { GUARD_STATES, type GuardRow, guardTable } from "../../../src/study/install-split/guard-table.ts";

function rows(arch: string, contpte = true): Record<string, GuardRow> {
  return Object.fromEntries(guardTable.run({ arch, contpte }, undefined).map((row) => [row.state, row]));
}

/** By state: attempts, zaps, mapping splits, folios queued for a split; as madvise_guard_install of Linux 6.18 reads. */
const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  "empty, no tables": [1, 0, 0, 0],
  "empty tables": [1, 0, 0, 0],
  "guards already": [1, 0, 0, 0],
  "some small pages": [2, 1, 0, 0],
  "huge page, inside": [2, 1, 0, 0],
  "huge page, cut": [2, 1, 1, 1],
  "two huge pages, cut": [2, 1, 2, 2],
  "mTHP folio, cut": [2, 1, 0, 1],
};

test.each(["x86-64", "arm64-4k", "arm64-16k"])(
  "%s: attempts, zaps and splits are those of the kernel's loop",
  (arch) => {
    const got = Object.values(rows(arch)).map(({ state, attempts, zaps, mappingSplits, deferredSplits }) => {
      return [state, [attempts, zaps, mappingSplits, deferredSplits]] as const;
    });
    expect(Object.fromEntries(got)).toEqual(EXPECTED);
    expect(GUARD_STATES.map((state) => state.name)).toEqual(Object.keys(EXPECTED));
  },
);

test("a cut folio of small entries costs an unfold with contpte, and none without or on x86-64", () => {
  const of = (arch: string, contpte = true) => rows(arch, contpte)["mTHP folio, cut"]!.contpteUnfolds;
  expect([of("arm64-4k"), of("arm64-4k", false), of("x86-64")]).toEqual([1, 0, 0]);
});

test("a huge page inside the range gives its deposited table back, and guards take another", () => {
  for (const arch of ["x86-64", "arm64-4k"])
    expect(rows(arch)["huge page, inside"]).toMatchObject({ tablesFreed: 1, tablesAllocated: 1 });
});

test("no state splits a folio at once or a VMA", () => {
  for (const row of Object.values(rows("arm64-4k"))) expect([row.folioSplits, row.vmaSplits]).toEqual([0, 0]);
});
