import { describe, expect, test } from "vitest";
import { random } from "../../../src/base/random.ts";
import { type AccessWords, kindAt, lineAt, newAccessWords, setAccess } from "../../../src/mmu/access-words.ts";
import { genericCore } from "../../../src/mmu/generic.ts";
import { translate } from "../../../src/mmu/translate.ts";
import { mapTrace, type TracePolicy } from "../../../src/study/trace/replay.ts";
import { runTrace } from "../../../src/study/trace/run.ts";
import { chunksSource, cutSource, type TraceSource } from "../../../src/study/trace/source.ts";
import { PageSet, SummaryReader, summarize } from "../../../src/study/trace/summary.ts";

const GIB_LINES = 2 ** 24;

function sourceOf(words: AccessWords, chunk = 1000): TraceSource {
  const list = Array.from({ length: Math.ceil(words.length / 2 / chunk) }, (_, i) =>
    words.subarray(2 * chunk * i, 2 * chunk * (i + 1)),
  );
  const info = {
    format: "ptt",
    text: "",
    accesses: words.length / 2,
    counts: null,
    areas: null,
    lines: null,
    kinds: 7,
  } as const;
  return chunksSource(list, info);
}

/** A program with text low, a heap, maps far up and a stack at the top of 47 bits. */
function program(n: number, seed: number): AccessWords {
  const rng = random(seed);
  const places = [2 ** 10, GIB_LINES / 2, 90 * 1024 * GIB_LINES + 7, 2 ** 41 - 2 ** 15];
  const words = newAccessWords(n);
  for (let i = 0; i < n; i++) {
    const which = rng.below(places.length);
    const kind = which === 0 ? 2 : (rng.below(2) as 0 | 1);
    setAccess(words, i, places[which]! + rng.below(2 ** (8 + 2 * which)), kind);
  }
  return words;
}

/** The same by a set of pages and sorted lists. */
function naiveSummary(words: AccessWords) {
  const counts = [0, 0, 0];
  const pages = new Set<number>();
  const fetched = new Set<number>();
  for (let i = 0; i < words.length / 2; i++) {
    const page = Math.floor(lineAt(words, i) / 64);
    counts[kindAt(words, i)]!++;
    pages.add(page);
    if (kindAt(words, i) === 2) fetched.add(page);
  }
  const sorted = [...pages].sort((a, b) => a - b);
  const cuts = sorted.flatMap((page, i) => (i > 0 && page - sorted[i - 1]! < 513 ? [] : [i]));
  const areas = cuts.map((cut, i) => {
    const part = sorted.slice(cut, cuts[i + 1]);
    return {
      start: part[0]!,
      end: part.at(-1)! + 1,
      pages: part.length,
      fetched: part.some((page) => fetched.has(page)),
    };
  });
  const distinct = (size: number) => new Set(sorted.map((page) => Math.floor(page / size))).size;
  return { counts, touches: [...pages], areas, pages: { "4K": distinct(1), "64K": distinct(16), "2M": distinct(512) } };
}

describe("a summary", () => {
  test("is what a plain set of pages says", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const words = program(20_000, seed);
      const { counts, touches, areas, pages } = await summarize(sourceOf(words));
      expect({ counts, touches: [...touches], areas, pages }, `seed ${seed}`).toEqual(naiveSummary(words));
    }
  });

  test("grows as pages are touched for the first time, and ends with all of them", () => {
    const reader = new SummaryReader();
    for (let i = 0; i < 1000; i++) {
      const words = newAccessWords(2);
      setAccess(words, 0, 64 * i, 0);
      reader.add(words);
    }
    const { growth, pages } = reader.summary();
    expect(growth.length).toBeLessThanOrEqual(65);
    expect(growth.at(-1)).toEqual({ accesses: 2000, pages: pages["4K"] });
    for (const moment of growth) expect(moment.pages).toBe(moment.accesses / 2);
  });

  test("takes areas that the file knows for the program's, and joins them with what is touched", () => {
    const reader = new SummaryReader();
    const words = newAccessWords(1);
    setAccess(words, 0, 64 * 5000, 1);
    reader.add(words);
    const known = [
      { start: 10, end: 20 },
      { start: 4600, end: 4800 },
    ];
    expect(reader.summary(known).areas).toEqual([
      { start: 10, end: 20, pages: 0, fetched: false },
      { start: 4600, end: 5001, pages: 1, fetched: false },
    ]);
  });

  test("refuses a footprint that no program has", () => {
    const pages = new PageSet();
    expect(() => {
      for (let page = 0; ; page++) pages.add(page);
    }).toThrow("16777216 pages of 4K");
  });
});

const POLICIES: readonly TracePolicy[] = [
  { format: "x86-64", order: 0, contpte: true },
  { format: "x86-64", order: 9, contpte: true },
  { format: "arm64-4k", order: 4, contpte: true },
  { format: "arm64-16k", order: 0, contpte: true },
  { format: "arm64-64k", order: 5, contpte: true },
  { format: "riscv-sv39", order: 4, contpte: false },
  { format: "x86-32", order: 0, contpte: true },
  { format: "x86-pae", order: 9, contpte: true },
  { format: "s390", order: 0, contpte: true },
];

describe("a mapped trace", () => {
  test("reaches, for each access, memory of its own for each page, wherever a format has it", async () => {
    for (const policy of POLICIES) {
      const words = program(4000, 3);
      const mapped = mapTrace(await summarize(sourceOf(words)), policy);
      const { mm } = mapped;
      const { pageLg2 } = mm.kernel.format;
      const placed = mapped.place(words);
      const frameOf = new Map<number, number>();
      for (let i = 0; i < words.length / 2; i++) {
        const vpn = Math.floor(lineAt(placed, i) / 2 ** (pageLg2 - 6));
        const { fault, pfn } = translate(
          mm.pt,
          vpn,
          kindAt(placed, i) === 1,
          mm.kernel.accessDirty,
          kindAt(placed, i) === 2,
        );
        if (fault !== null) throw new Error(`${policy.format}: access ${i}`);
        frameOf.set(Math.floor(lineAt(words, i) / 2 ** (pageLg2 - 6)), pfn);
        expect(kindAt(placed, i)).toBe(kindAt(words, i));
      }
      expect(new Set(frameOf.values()).size, policy.format).toBe(frameOf.size);
    }
  });

  test("leaves addresses alone where they fit, and moves areas down in their order where they do not", async () => {
    const words = program(4000, 5);
    const summary = await summarize(sourceOf(words));
    const stays = mapTrace(summary, POLICIES[0]!);
    expect(stays.moved).toBe(false);
    expect(stays.place(words)).toBe(words);
    const moved = mapTrace(summary, { format: "x86-pae", order: 0, contpte: true });
    expect(moved.moved).toBe(true);
    for (const [i, area] of moved.areas.entries()) {
      expect(area.end).toBeLessThan(2 ** 20);
      expect(area.start).toBeGreaterThanOrEqual(moved.areas[i - 1]?.end ?? 0);
      expect(Math.abs(area.shift % 2 ** 22), "alignment for huge pages stays").toBe(0);
    }
    const wide = mapTrace(summary, { format: "riscv-sv39", order: 0, contpte: true });
    for (const { shift } of wide.areas) expect(Math.abs(shift % 2 ** 30)).toBe(0);
  });

  test("takes the folios that the policy allows, inside the areas alone", async () => {
    const words = newAccessWords(3);
    for (const [i, line] of [0, 64 * 512 * 3 - 1, 64 * 10].entries()) setAccess(words, i, 64 * 512 * 7 + line, 1);
    const summary = await summarize(sourceOf(words));
    const huge = mapTrace({ ...summary, areas: [{ ...summary.areas[0]!, end: 512 * 10 }] }, POLICIES[1]!);
    expect(huge.mm.pt.accountedTables()).toBeLessThan(mapTrace(summary, POLICIES[0]!).mm.pt.accountedTables() + 3);
    const frames = [...huge.frames.values()];
    expect(frames[2]! - frames[0]!, "in one folio").toBe(10);
  });

  test("an order that the format does not have is named", async () => {
    const summary = await summarize(sourceOf(program(10, 1)));
    expect(() => mapTrace(summary, { format: "x86-64", order: 1, contpte: true })).toThrow(
      "no folios of order 1 on x86-64: 0 and 2 to 9 are allowed",
    );
  });

  test("areas that do not fit into a format are named", async () => {
    const words = newAccessWords(2);
    setAccess(words, 0, 0, 0);
    setAccess(words, 1, 4 * GIB_LINES, 0);
    const summary = await summarize(sourceOf(words));
    const areas = [{ ...summary.areas[0]!, end: 2 ** 20 }, summary.areas[1]!];
    expect(() => mapTrace({ ...summary, areas }, { format: "x86-32", order: 0, contpte: true })).toThrow(
      "do not fit into",
    );
  });
});

describe("a run", () => {
  test("counts alike in the fast engine and in the reference, in one run over several mappings and in single ones", async () => {
    const words = program(30_000, 8);
    const trace = sourceOf(words);
    const summary = await summarize(trace);
    const cases = POLICIES.slice(0, 5).map((policy) => {
      const mapped = mapTrace(summary, policy);
      const core = { tlbEntries: 256, walkCache: true, contiguous: true, accessDirty: mapped.mm.kernel.accessDirty };
      return { mapped, core: genericCore(mapped.mm.kernel.format, core) };
    });
    const together = await runTrace(trace, cases, { warmUp: 1500 });
    for (const [i, one] of cases.entries()) {
      const [alone] = await runTrace(trace, [one], { warmUp: 1500, engine: "reference" });
      expect(alone!.counts).toEqual(together[i]!.counts);
      expect(alone!.counts.accesses).toBe(28_500);
      expect(alone!.counts.faults).toBe(0);
      expect(alone!.counts.dirtyWalks).toBe(0);
    }
  });

  test("of a part is that of the part alone", async () => {
    const words = program(10_000, 9);
    const trace = sourceOf(words);
    const part = cutSource(trace, 2500, 7777);
    expect(part.info.accesses).toBe(5277);
    const mapped = mapTrace(await summarize(trace), POLICIES[0]!);
    const core = genericCore(mapped.mm.kernel.format, {
      tlbEntries: 256,
      walkCache: true,
      contiguous: true,
      accessDirty: "hardware",
    });
    const [a] = await runTrace(part, [{ mapped, core }]);
    const [b] = await runTrace(trace, [{ mapped, core }], { from: 2500, to: 7777 });
    expect(a!.counts).toEqual(b!.counts);
  });
});
