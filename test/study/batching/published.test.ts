import { describe, expect, test } from "vitest";
import {
  contpteMicro,
  publishedBatching,
  publishedTable,
  remapVariants,
} from "../../../src/study/batching/beside-published.ts";
import { PUBLISHED, PUBLISHED_CONTPTE } from "../../../src/study/batching/published.ts";

const rowsOf = (table: string) => publishedBatching.run({ table }, undefined);

describe("published times", () => {
  test("are seconds, smallest folio first, with a change that is that of the seconds", () => {
    for (const { name, rows } of PUBLISHED) {
      expect(rows.map((row) => row.order)).toEqual(rows.map((row) => row.order).sort((a, b) => a - b));
      for (const [i, { before, after, time }] of rowsOf(name).entries()) {
        expect([before, after]).toEqual([rows[i]!.before, rows[i]!.after]);
        expect(before * (1 + time / 100)).toBeCloseTo(after, 9);
      }
    }
  });

  test("of fork fall with the slots: half as much again, within three points for every large folio", () => {
    for (const { folio, time, slots } of rowsOf("fork, x86-64"))
      expect(Math.abs(time - 1.5 * slots!), folio).toBeLessThan(3);
  });

  test("of munmap fall with every doubling of the folio, and so do the descriptors touched", () => {
    const rows = rowsOf("munmap, x86-64");
    for (const [i, row] of rows.entries())
      if (i > 0) expect([row.time < rows[i - 1]!.time, row.folios! < rows[i - 1]!.folios!]).toEqual([true, true]);
  });

  test("of MADV_FREE before batches stay high for all large folios, as the slots written by the splits do", () => {
    const large = publishedTable("MADV_FREE, x86-64").rows.slice(1, -1);
    const least = Math.min(...large.map((row) => row.before));
    expect(Math.max(...large.map((row) => row.before)) / least).toBeLessThan(1.4);
    for (const row of rowsOf("MADV_FREE, x86-64").slice(1, -1)) expect(row.splits).toBe(-100);
  });

  test("of a huge leaf, which is one entry, change in nothing", () => {
    const last = rowsOf("MADV_FREE, x86-64").at(-1)!;
    expect([last.slots, last.folios, last.splits]).toEqual([0, null, null]);
    expect(Math.abs(last.time)).toBeLessThan(1);
  });

  test("of mprotect fall where flushes do, on arm64, and not on x86-64, where none can fall", () => {
    for (const row of rowsOf("mprotect, arm64")) expect(row.time < -50, row.folio).toBe(row.flushes! < -99);
    for (const row of rowsOf("mprotect, x86-64")) expect([row.flushes, Math.abs(row.time) < 2]).toEqual([0, true]);
  });
});

describe("contpte's microbenchmarks", () => {
  test("are there for both machines, and small folios cost contpte no count at all", () => {
    const rows = contpteMicro.run({}, undefined);
    expect(rows).toHaveLength(PUBLISHED_CONTPTE.length / 2);
    for (const row of rows.filter((r) => r.order === 0))
      expect([row.slots, row.folios, row.unfolds, row.unfoldsAlone]).toEqual([0, 0, 0, 0]);
  });

  test("would have unfolded every block without batches, and unfold none with them", () => {
    for (const row of contpteMicro.run({}, undefined).filter((r) => r.order === 9))
      expect([row.unfolds, row.unfoldsAlone]).toEqual([0, 256]);
  });
});

describe("mremap", () => {
  const folios = (arch: string, contpte = true) =>
    remapVariants.run({ arch, contpte }, undefined).map((row) => row.folios * 4096);

  test("on x86-64 touches no descriptor but in the variant that looks for folios, which looks once for each", () => {
    // The last entry of each of the 16 extents cannot be more than itself, and is not looked up.
    expect(folios("x86-64")).toEqual([0, 4096 - 16, 0, 0, 256, 0, 0, 16, 0]);
  });

  test("on arm64 looks only where the contiguous bit promises a run, and nowhere without contpte", () => {
    // Entry by entry, each fold looks at the folio of its block.
    expect(folios("arm64-4k")).toEqual([0, 4096 - 16, 0, 256, 256, 256, 256, 16, 16]);
    expect(folios("arm64-4k", false)).toEqual(folios("x86-64"));
  });

  test("in runs unfolds nothing on arm64: one flush for each of the 16 extents that move, against two more for each block", () => {
    const flushes = remapVariants.run({ arch: "arm64-4k", contpte: true }, undefined).map((row) => row.flushes * 4096);
    expect(flushes).toEqual([16, 16, 16, 528, 16, 16, 528, 16, 16]);
  });
});
