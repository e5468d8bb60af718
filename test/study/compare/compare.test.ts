import { describe, expect, test } from "vitest";
import { formatNamed, formats } from "../../../src/arch/formats.ts";
import { UserError } from "../../../src/base/errors.ts";
import { EVENT_NAMES } from "../../../src/base/tally.ts";
import { DESIGN_NAMES } from "../../../src/design/design.ts";
import { causesData } from "../../../src/figure/comparison.ts";
import { compare, compareAll, type Side } from "../../../src/study/compare/compare.ts";
import { SWITCHES } from "../../../src/study/compare/switches.ts";
import { type Place, WORKLOADS, type Workload } from "../../../src/study/compare/workloads.ts";
import { studyVpn } from "../../../src/study/layout.ts";

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

test("the rows of a comparison are every event that either side had, and no event is without a row", () => {
  for (const [workload, policy] of [
    ["fork", "mTHP"],
    ["guard, populated", "THP"],
    ["mprotect", "base pages"],
  ] as const) {
    const { a, b, rows } = compare("folded", "pagewalk", workload, { policy });
    const had = EVENT_NAMES.filter((e) => a.counts[e] + b.counts[e] > 0);
    expect(rows.map((row) => row.event).toSorted()).toEqual(had.toSorted());
    for (const row of rows) expect([row.a, row.b]).toEqual([a.counts[row.event], b.counts[row.event]]);
  }
});

test("a design compared with itself differs in nothing", () => {
  for (const name of DESIGN_NAMES)
    expect(compare(name, name, "mprotect").rows.filter((row) => row.difference !== 0)).toEqual([]);
});

describe("the difference is attributed", () => {
  const pairs = SWITCHES.flatMap(({ name, a, b }) => NAMES.map((workload) => ({ name, a, b, workload })));
  // Guards are new in 6.13, so that two kernels do different things there.
  const alike = pairs.filter(({ name, workload }) => !(name === "kernel 6.12 / 6.18" && workload.startsWith("guard")));

  test.each(alike)("$workload, $name: the causes sum up to the difference of the two times", ({ a, b, workload }) => {
    const c = compare(a, b, workload, { arch: "arm64-4k", policy: "mTHP", pages: 96 });
    for (const row of c.rows) expect(row.difference).toBe(row.b - row.a);
    const sum = c.rows.reduce((ns, row) => ns + (row.ns ?? 0), 0);
    expect(sum).toBeCloseTo(c.b.pricedNs - c.a.pricedNs, 4);
  });
});

test("an operation that fails alike on both sides is compared, and says so", () => {
  const c = compare("folded", "ptp", "guard, no tables", { kernel: "6.12", pages: 8 });
  expect(c.answer).toBe("EINVAL");
  expect(causesData(c).caption).toMatch(/ On both sides the operation failed: EINVAL\.$/);
  const works = compare("folded", "ptp", "guard, no tables", { pages: 8 });
  expect(works.answer).toBe(null);
  expect(causesData(works).caption).not.toContain("failed");
});

test.each([
  [-5, "bad number of pages '-5'"],
  [0, "bad number of pages '0'"],
  [0.5, "bad number of pages '0.5'"],
  [Number.NaN, "bad number of pages 'NaN'"],
  [2 ** 40, "no mapping of 1099511627776 pages on x86-64: ENOMEM"],
])("%s pages are a mistake that is told in one line", (pages, line) => {
  const run = () => compare("folded", "ptp", "fork", { pages });
  expect(run).toThrow(UserError);
  expect(run).toThrow(line);
});

test("memory that ends before the mapping does is a mistake, and not a comparison of less", () => {
  const small: Side = { label: "1 MiB", spec: { memory: 2 ** 20 } };
  expect(() => compare(small, small, "fork", { pages: 4096 })).toThrow(UserError);
});

test("a wrong name is answered with those that there are, quoted where they have a comma", () => {
  expect(() => compare("folded", "ptp", "frok")).toThrow(/'guard, no tables', guard again.*did you mean fork\?/);
  expect(() => compare("foldd", "ptp", "fork")).toThrow("did you mean folded?");
});

describe("sides that do not do the same are not compared", () => {
  /** Counting pages, but one design does something else as well. */
  const lying = (lie: (place: Place) => void): Workload => ({
    ...WORKLOADS.find((w) => w.name === "mincore")!,
    act: (place) => {
      if (place.mm.design.name === "ptp") lie(place);
      return { processes: [place.mm], answer: null };
    },
  });
  const difference = (w: Workload) => {
    try {
      return String(compare("folded", "ptp", w, { pages: 64 }));
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      return (error as UserError).message;
    }
  };
  const START = "costs of different outcomes are not compared: mincore on x86-64, kernel 6.18, folded against ptp: ";

  test("a page that one side lost is named, with the frame that the other has there", () => {
    const said = difference(lying(({ mm, start }) => mm.pt.clear(mm.pt.find(start + 7, 0), 1)));
    const page = studyVpn(formatNamed("x86-64")) + 7;
    expect(said).toMatch(new RegExp(`^${START}process 0, page ${page}: frame \\d+ wda against nothing$`));
  });

  test("the last page is found as well, and a page that one side has beyond the other's", () => {
    const vpn = studyVpn(formatNamed("x86-64"));
    const lost = lying(({ mm, end }) => mm.pt.clear(mm.pt.find(end - 1, 0), 1));
    expect(difference(lost)).toMatch(new RegExp(`page ${vpn + 63}: frame \\d+ wda against nothing$`));
    const clear: Workload["act"] = ({ mm, end }) => {
      if (mm.design.name === "folded") mm.pt.clear(mm.pt.find(end - 1, 0), 1);
      return { processes: [mm] };
    };
    expect(difference({ ...lost, act: clear })).toMatch(
      new RegExp(`page ${vpn + 63}: nothing against frame \\d+ wda$`),
    );
  });

  test("a process that only one side has is a difference", () => {
    const w = lying(() => {});
    const act: Workload["act"] = ({ mm }) => ({ processes: mm.design.name === "ptp" ? [mm, mm] : [mm] });
    expect(difference({ ...w, act })).toBe(`${START}1 processes against 2`);
  });

  test("two answers are both said, and long ones shortened", () => {
    const w = lying(() => {});
    const act: Workload["act"] = ({ mm }) => ({ processes: [mm], answer: mm.design.name.padEnd(60, ".") });
    expect(difference({ ...w, act })).toMatch(/answers "folded\.{33}\.\.\. against "ptp\.{36}\.\.\.$/);
  });
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
  expect(() => compare("folded", { label: "idle", spec: {}, workload: idle }, "dontneed")).toThrow(
    /: nothing against frame/,
  );
});

test("a side that brings its own kernel is said in the setting", () => {
  const of = (kernel: string): Side => ({ label: kernel, spec: { kernel } });
  expect(compare(of("6.12"), of("7.2"), "fork", { pages: 64 }).setting.kernel).toBe("6.12 / 7.2");
  expect(compare(of("7.2"), of("7.2"), "fork", { pages: 64 }).setting.kernel).toBe("7.2");
});
