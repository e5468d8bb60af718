/**
 * Both sides of the kernel's operations do what they say; how long it takes is no matter here.
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Kind } from "../../src/arch/entry.ts";
import { buildC, gccVersion, startC } from "./c-program.ts";
import type { Context } from "./harness.ts";
import { PAIRS } from "./kernel.ts";
import { modelVariant, OPS, type Op, Place } from "./kernel-model.ts";

const PAGES = 1024;
const temp = mkdtempSync(path.join(os.tmpdir(), "ptlab-bench-test-"));
const stops: (() => void)[] = [];
const context: Context = { temp, quick: true, big: false, onStop: (stop) => stops.push(stop) };

afterAll(() => {
  for (const stop of stops) stop();
  rmSync(temp, { recursive: true, force: true });
});

describe("the simulated side", () => {
  test.each(Object.entries(OPS))("%s can be done again and again", (_name, op: Op) => {
    const place = new Place(PAGES);
    for (let i = 0; i < 3; i++) {
      op.prepare(place);
      op.act(place);
      op.restore?.(place);
    }
  });

  test("starts from what its name says: no table for guards, all pages for fork and munmap", () => {
    const place = new Place(PAGES);
    OPS.guard.prepare(place);
    expect([place.mm.anonPages, place.mm.pt.find(place.start, 0)]).toEqual([0, -1]);
    OPS.guard.act(place);
    expect(place.mm.pt.kind(place.mm.pt.find(place.end - 1, 0), 0)).toBe(Kind.softleaf);
    for (const op of [OPS.fork, OPS.unmap, OPS.dontneed, OPS.protect]) {
      op.prepare(place);
      expect(place.mm.anonPages).toBe(PAGES);
    }
  });

  test("a round counts every page once, however often it is done for the median", async () => {
    const round = await modelVariant("mm", OPS.mincore, PAGES, 3).round();
    expect(round.units).toBe(PAGES);
    expect(round.amount).toBeGreaterThan(0);
  });
});

describe.skipIf(process.platform !== "linux" || gccVersion() === null)("the kernel's side", () => {
  test("answers every question that is asked, for each page of the range, or says what the kernel does not know", async () => {
    const program = startC(context, buildC(context, "kernel.c")!, ["4"]);
    for (const { ask } of PAIRS) {
      const answer = await program.ask<{ units?: number; amount?: number; error?: string }>(ask);
      expect(answer.error ?? "", ask).not.toMatch(/no such operation/);
      if (answer.error === undefined) expect([ask, answer.units, answer.amount! > 0]).toEqual([ask, 1024, true]);
    }
    expect(await program.ask("nonsense")).toEqual({ error: expect.stringMatching(/no such operation/) });
  });
});
