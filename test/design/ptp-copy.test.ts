/**
 * The copy of the design `ptp`: its progress, how it lets others run, and how it gets room, entry by entry.
 */
import { describe, expect, test } from "vitest";
import { A } from "../../src/arch/entry.ts";
import { x86_64, x86_64_la57 } from "../../src/arch/x86-64.ts";
import type { Copier } from "../../src/design/design.ts";
import { ptp } from "../../src/design/ptp-ops.ts";
import { mapLeaf } from "../../src/pgtable/huge.ts";
import { setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";
import { readTables } from "./flat.ts";
import { besides, bigPageTable, copierFor, spent, tableOf } from "./ptp-bench.ts";

const RW = A.write | A.dirty | A.young;

describe("the copy of a range", () => {
  test("asks whether others wait after four leaves, or after 32 empty entries", () => {
    const log: string[] = [];
    const [from, to, first] = tableOf(`lllll${"-".repeat(40)}l`);
    ptp.copyRange!(from, to, 0, 46, copierFor(from, to, { log }));
    const copies = [0, 1, 2, 3, 4, 45].map((i) => `copy ${first + i}`);
    // 8 for the fifth leaf and 24 empty entries make the second 32, 16 more do not make a third.
    expect(log).toEqual([...copies.slice(0, 4), "asked", copies[4], "asked", copies[5]]);
  });

  test("drops both locks for others and goes on where it was, as often as they wait", () => {
    const [from, to] = tableOf("l".repeat(512));
    const took = spent(from, () => {
      const result = ptp.copyRange!(from, to, 0, 512, copierFor(from, to, { breaks: true }));
      expect(result).toEqual({ ok: true, reached: 512, lockBreaks: 127 });
    });
    expect(took.pteLocks).toBe(2 * 128);
    expect(readTables(to)).toEqual(readTables(from));
  });

  test("asks nobody above level 0, where it holds no lock", () => {
    const from = bigPageTable(x86_64);
    for (let i = 0; i < 64; i++) mapLeaf(from, from.findOrMake(i * 512, 1), 1, i * 512, RW);
    const to = besides(from);
    const log: string[] = [];
    ptp.copyRange!(from, to, 0, 64 * 512, copierFor(from, to, { log, wholeLeaves: true, breaks: true }));
    expect(log).toEqual([]);
    expect(readTables(to)).toEqual(readTables(from));
  });

  test("a swap entry whose count wants room gets it without locks, and is then copied once", () => {
    const [from, to, first] = tableOf("llsm");
    const log: string[] = [];
    const copier = copierFor(from, to, { log, roomFor: new Set([first + 2]) });
    expect(ptp.copyRange!(from, to, 0, 4, copier)).toEqual({ ok: true, reached: 4, lockBreaks: 0 });
    expect(log).toEqual([`copy ${first}`, `copy ${first + 1}`, "room", `copy ${first + 2}`, `copy ${first + 3}`]);
    expect(readTables(to)).toEqual(readTables(from));
  });

  test("counts its work anew once room was made, since the locks were dropped for that too", () => {
    const [from, to, first] = tableOf("lllslllll");
    const log: string[] = [];
    ptp.copyRange!(from, to, 0, 9, copierFor(from, to, { log, roomFor: new Set([first + 3]) }));
    expect(log.indexOf("room")).toBe(3);
    expect(log.indexOf("asked")).toBe(log.indexOf(`copy ${first + 6}`) + 1);
  });

  test("without room it ends at that page, with the rest untouched and no lock held, however deep it was", () => {
    const from = bigPageTable(x86_64_la57);
    for (const vpn of [0, 512, 513, 514, 2 ** 18, 2 ** 36]) setSoftleaf(from, from.findOrMake(vpn, 0), 1, 1, 1);
    const to = besides(from);
    const copier = copierFor(from, to, { room: false, roomFor: new Set([from.find(513, 0)]) });
    expect(ptp.copyRange!(from, to, 0, 2 ** 44, copier)).toEqual({ ok: false, reached: 513, lockBreaks: 0 });
    expect(readTables(to).reduce((n, run) => n + run.nr, 0)).toBe(2);
    expect(to.find(2 ** 18, 0)).toBe(-1);
    expect([from.locks.held, to.locks.held]).toEqual([0, 0]);
  });

  test("a copier that throws leaves no lock behind", () => {
    const [from, to] = tableOf("l");
    const copier = { ...copierFor(from, to), entry: () => expect.unreachable() };
    expect(() => ptp.copyRange!(from, to, 0, 1, copier)).toThrow();
    expect([from.locks.held, to.locks.held]).toEqual([0, 0]);
  });

  test("a run of entries that the copier takes at once counts as so many leaves", () => {
    const [from, to, first] = tableOf("l".repeat(64));
    const log: string[] = [];
    const copier: Copier = {
      ...copierFor(from, to, { log }),
      entry: (slot, toSlot, max) => {
        const nr = Math.min(max, 16);
        log.push(`copy ${slot - first} of ${max}`);
        setPtes(to, toSlot, from.pfn(slot), RW, nr);
        return nr;
      },
    };
    ptp.copyRange!(from, to, 0, 40, copier);
    expect(log).toEqual(["copy 0 of 40", "asked", "copy 16 of 24", "asked", "copy 32 of 8"]);
  });

  test("reads each entry of the original once before it is copied, and tables three times where they are made", () => {
    const [from, to] = tableOf("l".repeat(512));
    const copier: Copier = { ...copierFor(from, to), entry: () => 1 };
    const took = spent(from, () => ptp.copyRange!(from, to, 0, 512, copier));
    expect(took).toEqual({
      slotsRead: 3 + 512 + 3 * 3,
      slotsWritten: 3,
      tablesAllocated: 3,
      pteLocks: 2,
      upperLocks: 3,
    });
  });

  test("tables of the copy are made only below entries that have one", () => {
    const from = bigPageTable(x86_64);
    from.findOrMake(2 ** 30, 0);
    const to = besides(from);
    ptp.copyRange!(from, to, 0, 2 ** 35, copierFor(from, to));
    expect([...to.tablesAt]).toEqual([1, 1, 1, 1]);
    expect(to.find(0, 2)).toBe(-1);
    expect(to.find(2 ** 30, 0)).toBeGreaterThan(0);
  });
});
