import { describe, expect, test } from "vitest";
import { formats } from "../../../src/arch/formats.ts";
import { publishedTable } from "../../../src/study/batching/beside-published.ts";
import { FORK_TABLE, forkBatching } from "../../../src/study/fork-copy/fork-batching.ts";
import { COPY_IDIOMS, COPY_PAGES, type CopyRow, forkCopy } from "../../../src/study/fork-copy/fork-copy.ts";
import { syncBothWays, syncEveryFormat } from "../../../src/study/fork-copy/sync-pgds.ts";

const DEFAULTS = { arch: "x86-64", waiting: "never", batching: true };

function rows(change: Partial<typeof DEFAULTS> = {}): readonly CopyRow[] {
  return forkCopy.run({ ...DEFAULTS, ...change }, undefined);
}

const TABLES = COPY_PAGES / 512;

describe("fork's copy", () => {
  test("looks for others after every four small pages, but not at a table's end", () => {
    for (const row of rows({ batching: false })) expect([row.looks, row.longest]).toEqual([TABLES * (512 / 4 - 1), 4]);
  });

  test("with batches does a whole folio between two looks, up to a whole table", () => {
    for (const { order, looks, longest } of rows()) {
      const entries = Math.max(4, 2 ** order);
      expect([looks, longest], `order ${order}`).toEqual([TABLES * (512 / entries - 1), entries]);
    }
  });

  test("lets go at every look if somebody always waits, at every eighth if somebody often does, else never", () => {
    for (const row of rows()) expect(row.lockBreaks).toBe(0);
    for (const row of rows({ waiting: "at every look" })) expect(row.lockBreaks).toBe(row.looks);
    for (const row of rows({ waiting: "at every 8th" })) expect(row.lockBreaks).toBe(Math.floor(row.looks / 8));
  });

  test("takes both locks of a table once, and once more for each time that it let go", () => {
    for (const row of rows({ waiting: "at every look" })) expect(row.pteLocks).toBe(2 * (TABLES + row.lockBreaks));
  });

  test("looks at the entries above a table again when it comes back, four times in C's nests, and never in ptp", () => {
    const [calm, busy] = [rows(), rows({ waiting: "at every look" })];
    for (const [i, row] of busy.entries()) {
      const more = (row.slotsRead - calm[i]!.slotsRead) / Math.max(1, row.lockBreaks);
      if (row.idiom === "ptp") expect(more).toBe(0);
      if (row.idiom === "folded") expect(more).toBe(row.lockBreaks > 0 ? 4 : 0);
    }
  });

  test("touches each descriptor once a folio with batches and once a page without", () => {
    for (const row of rows()) expect(row.foliosTouched).toBe(COPY_PAGES / 2 ** row.order);
    for (const row of rows({ batching: false })) expect(row.foliosTouched).toBe(COPY_PAGES);
  });

  test("writes the same slots and makes the same tables in all idioms on every format of the study", () => {
    for (const arch of forkCopy.params.arch.options) {
      const all = rows({ arch });
      for (const row of all) {
        const folded = all.find((r) => r.order === row.order && r.idiom === "folded")!;
        expect([row.slotsWritten, row.tablesAllocated, row.looks]).toEqual([
          folded.slotsWritten,
          folded.tablesAllocated,
          folded.looks,
        ]);
      }
      expect(new Set(all.map((row) => row.idiom))).toEqual(new Set(COPY_IDIOMS));
    }
  });
});

describe("batches beside the published times", () => {
  const all = (design: string) => forkBatching.run({ design }, undefined);

  test("both fall with every size of folio up to 1M, most of it by 64K, and small pages do not change", () => {
    const changes = all("folded");
    expect(changes[0]!.touches).toBe(0);
    for (const [i, row] of changes.entries()) {
      if (i === 0 || row.folio === "2M") continue;
      expect(row.touches).toBeLessThan(changes[i - 1]!.touches);
      expect(row.time).toBeLessThan(changes[i - 1]!.time);
    }
    const at64K = changes.find((row) => row.folio === "64K")!;
    const last = changes.at(-1)!;
    expect([at64K.touches / last.touches, at64K.time / last.time].every((part) => part > 0.85)).toBe(true);
  });

  test("no size is more than five points from the published change", () => {
    for (const row of all("folded")) expect(Math.abs(row.touches - row.time), row.folio).toBeLessThan(5);
  });

  test("the design does not matter: no change differs by more than a quarter of a point", () => {
    const folded = all("folded");
    for (const design of ["ptp", "cursor", "pagewalk", "ptRangeWalk"])
      for (const [i, row] of all(design).entries())
        expect(Math.abs(row.touches - folded[i]!.touches), `${design} ${row.folio}`).toBeLessThan(0.25);
  });

  test("the published seconds are those of the table", () => {
    const { rows: published } = publishedTable(FORK_TABLE);
    expect(all("folded").map((row) => row.time)).toEqual(
      published.map(({ before, after }) => (100 * (after - before)) / before),
    );
  });
});

describe("the kernel's top entries", () => {
  test("one function serves every format; the folded idiom has one for four levels, one for five and none for less", () => {
    const all = syncEveryFormat();
    expect(all.map((row) => row.format)).toEqual(formats.map((f) => f.name));
    for (const { levels, folded, foldedReads } of all) {
      expect(folded).toBe(levels === 5 ? "syncGlobalPgdsL5" : levels === 4 ? "syncGlobalPgdsL4" : "refused");
      expect(foldedReads === null).toBe(levels < 4);
    }
  });

  test("both give the same entries with the same number of reads", () => {
    for (const row of syncEveryFormat()) if (row.foldedReads !== null) expect(row.ptpReads).toBe(row.foldedReads);
  });

  test("a process that has none is given all, one that has all is given none", () => {
    // Of three: the first lacks three entries, the second two, the third none.
    expect(syncBothWays("x86-64").given).toBe(5);
  });
});
