import { describe, expect, test } from "vitest";
import { formats } from "../../../src/arch/formats.ts";
import { UserError } from "../../../src/base/errors.ts";
import { compare } from "../../../src/study/compare/compare.ts";
import {
  INSTALL_STATES,
  type InstallRow,
  installSide,
  installSplit,
} from "../../../src/study/install-split/install-split.ts";
import { INSTALL_WALKERS } from "../../../src/study/install-split/walkers.ts";

const HUGE = 512;
const STATES = INSTALL_STATES.map((state) => state.name);

function rows(state: string, blocks = 4, arch = "x86-64"): Record<string, InstallRow> {
  const all = installSplit.run({ arch, state, blocks }, undefined);
  return Object.fromEntries(all.map((row) => [row.walker, row]));
}

test("every walk is counted over every state, and no other", () => {
  for (const state of STATES) expect(Object.keys(rows(state))).toEqual(INSTALL_WALKERS.map((w) => w.name));
});

describe("a walk that only installs", () => {
  test("splits the first huge page under v2 and dies at its first entry; as landed it splits none and lives", () => {
    for (const state of ["huge pages", "huge pages and holes"]) {
      const by = rows(state);
      expect(by["install only, v2"]).toMatchObject({ ended: "null call", mappingSplits: 1, pages: 0 });
      expect(by["install only, landed"]).toMatchObject({ ended: "holes filled", mappingSplits: 0 });
    }
    expect(rows("huge pages and holes")["install only, landed"]!.pages).toBe(2 * HUGE);
  });

  test("dies at a small page under either rule, with everything before it installed", () => {
    for (const rule of ["install only, v2", "install only, landed"])
      expect(rows("a small page in each")[rule]).toMatchObject({
        ended: "null call",
        pages: HUGE / 2,
        mappingSplits: 0,
      });
  });

  test("is the same under both rules where there is no page, but for one look at each entry above the PTEs", () => {
    for (const state of ["no tables", "empty tables"]) {
      const { "install only, v2": v2, "install only, landed": landed } = rows(state);
      expect({ ...landed, walker: "", slotsRead: 0 }).toEqual({ ...v2, walker: "", slotsRead: 0 });
      expect(landed!.slotsRead - v2!.slotsRead).toBe(4 + 1);
    }
  });
});

test("with pteEntry the rule makes no difference: every huge page is split, one call for each page", () => {
  for (const state of STATES) {
    const { "with pteEntry, v2": v2, "with pteEntry, landed": landed } = rows(state);
    expect({ ...landed, walker: "" }).toEqual({ ...v2, walker: "" });
    expect(landed!.indirectCalls).toBe(4 * HUGE);
  }
  expect(rows("huge pages", 7)["with pteEntry, landed"]!.mappingSplits).toBe(7);
});

test("callbacks of the user's own spare every split, at the price of a call for each entry above the PTEs", () => {
  const by = rows("huge pages and holes", 6);
  const [passing, only] = [by["passing huge entries"]!, by["install only, landed"]!];
  expect(passing).toMatchObject({ mappingSplits: 0, ended: "holes filled", pages: only.pages });
  expect(passing.indirectCalls - only.indirectCalls).toBe(6 + 1);
});

test("guard installation never splits what lies inside the range: it zaps, and walks again", () => {
  for (const state of ["huge pages", "huge pages and holes", "a small page in each"])
    expect(rows(state)["guard install"]).toMatchObject({ mappingSplits: 0, attempts: 2, zaps: 1, ended: "all guards" });
  for (const state of ["no tables", "empty tables"])
    expect(rows(state)["guard install"]).toMatchObject({ attempts: 1, zaps: 0, pages: 4 * HUGE });
});

test("a split is never seen in what is mapped: on every format all ways to fill the holes agree", () => {
  for (const { name } of formats.filter((f) => f.indexLg2[0]! <= 9))
    for (const state of STATES) expect(rows(state, 2, name)["install only, landed"], name).toBeDefined();
});

describe("as sides of a comparison", () => {
  const sides = [installSide("with pteEntry, v2"), installSide("install only, landed")] as const;

  test("v2 costs a split, a flush, two locks and a table's worth of calls, reads and writes for each huge page in the way", () => {
    const { rows: causes } = compare(...sides, sides[0].workload!, { pages: 16 * HUGE });
    const more = Object.fromEntries(causes.map(({ event, a, b }) => [event, (a - b) / 8]));
    expect(more).toMatchObject({
      ...{ mappingSplits: 1, flushRanges: 1, flushPages: HUGE, pteLocks: 1, upperLocks: 1, foliosTouched: 1 },
      ...{ indirectCalls: HUGE, slotsWritten: HUGE + 2, tablesAllocated: 0 },
    });
  });

  test("a side that dies is not compared", () => {
    const dead = installSide("install only, v2");
    expect(() => compare(dead, sides[1], sides[1].workload!, { pages: 4 * HUGE })).toThrow(UserError);
  });

  test("pages that are no whole huge pages, and a walker that there is not, are refused", () => {
    expect(() => compare(...sides, sides[0].workload!, { pages: 100 })).toThrow("100 pages are not whole huge pages");
    expect(() => installSide("install only")).toThrow("unknown walker");
  });
});
