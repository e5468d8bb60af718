import { describe, expect, test } from "vitest";
import { Kind } from "../../../src/arch/entry.ts";
import { formats } from "../../../src/arch/formats.ts";
import { BrokenInvariant } from "../../../src/base/errors.ts";
import { EVENT_NAMES } from "../../../src/base/tally.ts";
import { DESIGN_NAMES } from "../../../src/design/design.ts";
import { CAUSES } from "../../../src/study/compare/causes.ts";
import { compare, compareAll, type Side } from "../../../src/study/compare/compare.ts";
import { type Place, WORKLOADS } from "../../../src/study/compare/workloads.ts";

const NAMES = WORKLOADS.map((w) => w.name);

describe.each(["x86-64", "arm64-4k"])("on %s", (arch) => {
  test.each(NAMES)("all five designs do the same for '%s', under every policy", (workload) => {
    for (const policy of ["base pages", "mTHP", "THP"])
      expect(compareAll(DESIGN_NAMES, workload, { arch, policy, pages: 1536 })).toHaveLength(5);
  });
});

test.each(formats.map((f) => f.name))("all five designs fork, protect and count alike on %s", (arch) => {
  for (const workload of ["fork", "mprotect", "count pages"])
    expect(compareAll(DESIGN_NAMES, workload, { arch, policy: "mTHP", pages: 300 })).toHaveLength(5);
});

test("only the pagewalk calls through pointers", () => {
  for (const workload of NAMES)
    for (const side of compareAll(DESIGN_NAMES, workload, { pages: 600 }))
      if (side.label !== "pagewalk") expect(side.counts.indirectCalls, `${workload} ${side.label}`).toBe(0);
});

test("a gigabyte of small pages costs the pagewalk a call a page to count, and the batched walker none", () => {
  const { rows } = compare("pagewalk", "ptRangeWalk", "count pages", { pages: 2 ** 18 });
  const calls = rows.find((row) => row.event === "indirectCalls")!;
  // 512 calls for the PMD entries, and one for the PUD entry, come on top of those for pages.
  expect([calls.a, calls.b]).toEqual([2 ** 18 + 512 + 1, 0]);
});

test("the rows of a comparison are every event that either side had, with the difference of the two", () => {
  const c = compare("folded", "pagewalk", "fork", { policy: "mTHP" });
  for (const row of c.rows) expect(row.difference).toBe(row.b - row.a);
  const shown = new Set(c.rows.map((row) => row.event));
  const had = EVENT_NAMES.filter((e) => c.a.counts[e] + c.b.counts[e] > 0);
  expect(had.filter((e) => !shown.has(e) && CAUSES.some((cause) => cause.event === e))).toEqual([]);
});

test("a design compared with itself differs in nothing", () => {
  for (const name of DESIGN_NAMES)
    expect(compare(name, name, "mprotect").rows.filter((row) => row.difference !== 0)).toEqual([]);
});

test("sides that do not do the same are not compared: the first page that differs is named", () => {
  const lies = {
    ...WORKLOADS.find((w) => w.name === "count pages")!,
    act: ({ mm, start, end }: { mm: import("../../../src/mm/mm.ts").Mm; start: number; end: number }) => {
      if (mm.design.name === "ptp") mm.pt.clear(mm.pt.find(start + 7, 0), 1);
      return { processes: [mm], answer: mm.pt.kind(mm.pt.find(end - 1, 0), 0) === Kind.leaf };
    },
  };
  expect(() => compare("folded", "ptp", lies)).toThrow(BrokenInvariant);
  expect(() => compare("folded", "ptp", lies)).toThrow(
    /folded and ptp differ in process 0: 4096 pages at .* against 7 pages/,
  );
});

const BATCHED: Side = { label: "batched", spec: {} };
const SINGLE: Side = { label: "one by one", spec: { batching: false } };

test.each(["fork", "munmap", "dontneed", "mprotect"])(
  "%s of 64K folios leaves the same pages mapped whether folios are batched or not, and batching touches fewer descriptors",
  (workload) => {
    const { rows } = compare(SINGLE, BATCHED, workload, { policy: "mTHP", arch: "x86-64" });
    const folios = rows.find((row) => row.event === "foliosTouched");
    if (workload !== "mprotect") expect([folios!.a / 16, folios!.b]).toEqual([256, 256]);
  },
);

test("MADV_FREE without batching cuts up every large folio, and with it none", () => {
  const { rows } = compare(SINGLE, BATCHED, "free", { policy: "mTHP" });
  const splits = rows.find((row) => row.event === "folioSplits")!;
  expect([splits.a, splits.b]).toEqual([256, 0]);
});

test("on arm64 batching spares fork and mprotect every unfold of whole blocks", () => {
  for (const workload of ["fork", "mprotect"]) {
    const { rows } = compare(SINGLE, BATCHED, workload, { policy: "mTHP", arch: "arm64-4k" });
    const unfolds = rows.find((row) => row.event === "contpteUnfolds")!;
    expect(unfolds.a, workload).toBeGreaterThanOrEqual(256);
    expect(unfolds.b, workload).toBe(0);
  }
});

test("a side may go another way to the same end, and one that ends elsewhere is found out", () => {
  const dontneed = WORKLOADS.find((w) => w.name === "dontneed")!;
  const twice = { ...dontneed, act: (p: Place) => [dontneed.act(p), dontneed.act(p)][1]! };
  const { rows } = compare("folded", { label: "twice", spec: { design: "folded" }, workload: twice }, "dontneed", {
    arch: "arm64-4k",
  });
  expect(rows.find((row) => row.event === "pteLocks")).toMatchObject({ a: 8, b: 16 });
  const idle = { ...dontneed, act: ({ mm }: Place) => ({ processes: [mm], answer: null }) };
  expect(() => compare("folded", { label: "idle", spec: {}, workload: idle }, "dontneed")).toThrow(/4096 pages/);
});

test("a side that brings its own kernel is said in the setting", () => {
  const of = (kernel: string): Side => ({ label: kernel, spec: { kernel } });
  expect(compare(of("6.12"), of("7.2"), "fork", { pages: 64 }).setting.kernel).toBe("6.12 / 7.2");
  expect(compare(of("7.2"), of("7.2"), "fork", { pages: 64 }).setting.kernel).toBe("7.2");
});
