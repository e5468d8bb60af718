import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { vpnAt } from "../../../src/mmu/access-words.ts";
import type { MmuCounts } from "../../../src/mmu/counts.ts";
import { genericCore } from "../../../src/mmu/generic.ts";
import { Mmu, type MmuSpec } from "../../../src/mmu/simulate.ts";
import { coreWithCaches, formatsOf, GENERIC, plainCore, REAL_CORES } from "../../../src/study/trace-cost/cores.ts";
import type { MappedSlice } from "../../../src/study/trace-cost/mapped.ts";
import { mappingsOf } from "../../../src/study/trace-cost/mappings.ts";
import { type TraceSlice, traceSlice } from "../../../src/study/trace-cost/slice.ts";
import { chosenSlice } from "../../../src/study/trace-cost/traces.ts";
import { policyText } from "../../../src/study/walk-cost/layout.ts";
import { slice, traceBytes, traceNames } from "./slices.ts";

test.each(traceNames)(
  "%s: uses by page add up to the accesses, and moves name the page of each access",
  async (name) => {
    const { accesses, all, moves, lines, uses, summary } = await slice(name, 30_000);
    const { words } = all;
    expect(accesses).toBe(30_000);
    expect(uses.reduce((a, b) => a + b)).toBe(30_000);
    const slow = new Map<number, number>();
    for (let i = 0; i < accesses; i++) slow.set(vpnAt(words, i, 12), (slow.get(vpnAt(words, i, 12)) ?? 0) + 1);
    expect([...slow.keys()]).toEqual([...summary.touches]);
    expect([...slow.values()]).toEqual([...uses]);
    for (const stream of [all, moves, lines]) {
      expect(stream.pageOf).toHaveLength(stream.words.length / 2);
      expect(stream.pageOf.every((number, i) => summary.touches[number] === vpnAt(stream.words, i, 12))).toBe(true);
    }
  },
);

const cores = [GENERIC, ...REAL_CORES];
const choice = { tlb: "256", walkCache: true };

/** Every access, on the reference model. */
function slowCounts(part: TraceSlice, mapped: MappedSlice, core: MmuSpec, warmUp: number): MmuCounts {
  const mmu = new Mmu(mapped.mm.pt, core);
  const words = mapped.mapped.place(part.all.words);
  mmu.run(words.subarray(0, 2 * warmUp));
  mmu.reset();
  mmu.run(words.subarray(2 * warmUp));
  return mmu.counts();
}

describe.each(traceNames)("%s: leaving repeats out changes no count", (name) => {
  test.each(cores)("on %s", async (core) => {
    const part = await slice(name, 20_000);
    expect(part.moves.pageOf.length).toBeLessThan(part.lines.pageOf.length);
    expect(part.lines.pageOf.length).toBeLessThan(0.9 * part.accesses);
    for (const policy of mappingsOf(formatsOf(core))) {
      const mapped = part.mapped(policy);
      const plain = plainCore(core, mapped, choice);
      for (const warmUp of [0, 7777])
        expect(mapped.run(plain, warmUp), policyText(policy)).toEqual(slowCounts(part, mapped, plain, warmUp));
      if (core === GENERIC) continue;
      const full = coreWithCaches(core, mapped);
      expect(mapped.run(full, 5000), policyText(policy)).toEqual(slowCounts(part, mapped, full, 5000));
    }
  });
});

test("an access that reaches other memory than was written there stops the run", async () => {
  const part = await traceSlice(traceBytes["sort.ptt"]!.slice(), "sort.ptt", 1000);
  const mapped = part.mapped({ format: "x86-64", order: 0, contpte: true });
  const { pt } = mapped.mm;
  const [a, b] = Array.from(part.summary.touches.slice(0, 2), (vpn) => pt.find(vpn, 0));
  const [lo, hi] = [pt.lo(a!), pt.hi(a!)];
  pt.write(a!, pt.lo(b!), pt.hi(b!));
  pt.write(b!, lo, hi);
  const core = genericCore(pt.format, { tlbEntries: 96, walkCache: true, contiguous: true, accessDirty: "hardware" });
  expect(() => mapped.run(core)).toThrow(/an access to page \d+ reached frame/);
});

test("the same bytes are decoded once, and memory is mapped once for each policy", async () => {
  const part = await slice("sort", 1000);
  expect(await slice("sort", 1000)).toBe(part);
  expect(await slice("sort", 2000)).not.toBe(part);
  const policy = { format: "x86-64", order: 0, contpte: true };
  expect(part.mapped({ ...policy })).toBe(part.mapped(policy));
  expect(part.mapped({ ...policy, order: 4 })).not.toBe(part.mapped(policy));
});

test("a damaged file is a user's mistake, and what was not read as bytes is a bug", async () => {
  await expect(traceSlice(Uint8Array.of(1, 2, 3), "x.ptt", 10)).rejects.toThrow(UserError);
  const choice = { trace: "sort", accesses: "0.1 M" };
  expect(() => chosenSlice(choice, { "sort.ptt": "text" })).toThrow("sort.ptt is read as bytes");
});
