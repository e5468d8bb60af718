import { describe, expect, test } from "vitest";
import { type SecureRow, secureFolios } from "../../../src/study/range-api/secure.ts";
import { guestOps } from "../../../src/study/range-api/secure-guest.ts";
import type { SECURE_POLICIES } from "../../../src/study/range-api/secure-policies.ts";

const DEFAULTS = { order: 8, folios: 8, shared: 5, pinned: 20, ops: 4000, holeBytes: 16, seed: 1 };
const SEEDS = [1, 2, 3, 4, 5];

type Policy = (typeof SECURE_POLICIES)[number];

function rows(change: Partial<typeof DEFAULTS> = {}): Record<Policy, SecureRow> {
  const list = secureFolios.run({ ...DEFAULTS, ...change }, undefined);
  return Object.fromEntries(list.map((r) => [r.policy, r])) as Record<Policy, SecureRow>;
}

/** What happened to pages, apart from what the policy needed for it. */
function answers({ questions, right, wronglySecure, conversions, needless }: SecureRow) {
  return { questions, right, wronglySecure, conversions, needless };
}

describe("a flag of each page", () => {
  test.each(SEEDS)("answers every question right and converts nothing needlessly (seed %d)", (seed) => {
    const r = rows({ seed })["flag a page"];
    expect([r.right, r.wronglySecure, r.needless, r.folioSplits]).toEqual([r.questions, 0, 0, 0]);
    expect(r.descriptorBytes).toBe(8 * 256 * 64);
  });

  test("costs what a slow reading of the guest's life says", () => {
    for (const seed of SEEDS) {
      const ops = guestOps({ pages: 8 * 256, ops: 4000, seed, sharedPercent: 5, pinnedPercent: 20 });
      const [open, shared] = [new Set<number>(), new Set<number>()];
      let conversions = 0;
      for (const { op, page } of ops) {
        if (op === "share") shared.add(page);
        if (op === "unshare") shared.delete(page);
        const wanted = op === "host" || (op === "touch" && shared.has(page)) || op === "share" ? "open" : "secure";
        if (op === "touch" && shared.has(page)) continue;
        if (op !== "share" && open.has(page) !== (wanted === "open")) conversions++;
        if (wanted === "open") open.add(page);
        else open.delete(page);
      }
      expect([seed, rows({ seed })["flag a page"].conversions]).toEqual([seed, conversions]);
    }
  });
});

describe("holes", () => {
  test.each(SEEDS)(
    "answer and convert exactly as a flag of each page does, and every folio stays large (seed %d)",
    (seed) => {
      const { holes, "flag a page": page } = rows({ seed });
      expect(answers(holes)).toEqual(answers(page));
      expect([holes.large, holes.folioSplits]).toEqual([8, 0]);
    },
  );

  test("need bytes for the folios, a pointer a page, and the most holes at a time", () => {
    const bytes = (holeBytes: number) => rows({ holeBytes }).holes.descriptorBytes;
    const most = (bytes(32) - bytes(16)) / 16;
    expect(bytes(16)).toBe(8 * 64 + 8 * 256 * 8 + 16 * most);
    expect(most).toBeGreaterThan(10);
  });
});

describe("one flag for each folio", () => {
  test("never calls a secure page open, but most shared pages secure, and converts folios for single pages", () => {
    const r = rows()["flag a folio"];
    expect(r.right + r.wronglySecure).toBe(r.questions);
    expect(r.wronglySecure).toBeGreaterThan(r.questions / 4);
    expect(r.needless).toBeGreaterThan(50 * r.conversions);
    expect([r.large, r.folioSplits, r.failedSplits]).toEqual([8, 0, 0]);
  });

  test("converts more needlessly the larger the folios are, for the same guest memory", () => {
    const needless = [2, 4, 6, 8].map((order) => rows({ order, folios: 2 ** (8 - order) })["flag a folio"].needless);
    expect(needless).toEqual([...needless].sort((a, b) => a - b));
    expect(needless[3]).toBeGreaterThan(10 * needless[0]!);
  });
});

describe("splitting on conflict", () => {
  test.each(SEEDS)("that never fails answers and converts as a flag of each page does (seed %d)", (seed) => {
    const { "split on conflict": split, "flag a page": page } = rows({ seed, pinned: 0 });
    expect(answers(split)).toEqual(answers(page));
    expect(split.failedSplits).toBe(0);
  });

  test.each(SEEDS)("that always fails answers and converts as one flag for each folio does (seed %d)", (seed) => {
    const { "split on conflict": split, "flag a folio": folio } = rows({ seed, pinned: 100 });
    expect(answers(split)).toEqual(answers(folio));
    expect([split.folioSplits, split.large]).toEqual([0, 8]);
    expect(split.failedSplits).toBeGreaterThan(0);
  });

  test("ends with no large folio of a guest that lives long, because nothing joins them again", () => {
    const r = rows()["split on conflict"];
    expect([r.large, r.folioSplits]).toEqual([0, 8]);
    expect(r.wronglySecure + r.needless).toBeGreaterThan(0);
    // A descriptor for each page again, and the pointers besides.
    expect(r.descriptorBytes).toBe(8 * 256 * (64 + 8));
  });
});

describe("the guest", () => {
  test("is the same for all policies: they are asked the same number of questions", () => {
    const asked = Object.values(rows()).map((r) => r.questions);
    expect(new Set(asked).size).toBe(1);
  });

  test("shares only its buffers, and takes back only what it shares", () => {
    const ops = guestOps({ pages: 1000, ops: 5000, seed: 7, sharedPercent: 3, pinnedPercent: 0 });
    const shared = new Set<number>();
    const ever = new Set<number>();
    for (const { op, page, pinned } of ops) {
      expect(pinned).toBe(false);
      if (op === "share") {
        expect(shared.has(page)).toBe(false);
        shared.add(page);
        ever.add(page);
      }
      if (op === "unshare") expect(shared.delete(page)).toBe(true);
    }
    expect(ever.size).toBeLessThanOrEqual(30);
    expect(ever.size).toBeGreaterThan(20);
  });

  test("gives the same rows whenever it lives, and stops when it is interrupted", () => {
    expect(rows()).toEqual(rows());
    expect(() => secureFolios.run(DEFAULTS, undefined, { signal: AbortSignal.abort() })).toThrow(/abort/i);
  });
});
