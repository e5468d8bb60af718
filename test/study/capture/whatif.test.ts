import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Capture, CapturedVma } from "../../../src/study/capture/format.ts";
import { readCapture } from "../../../src/study/capture/read.ts";
import type { Layout } from "../../../src/study/capture/whatif.ts";
import { contShare, layoutCost, layoutNamed, layouts, levelBits, whatIf } from "../../../src/study/capture/whatif.ts";
import { type Page, pagesOf, randomCapture, vmaOf } from "./random-layout.ts";

function captureOf(...vmas: CapturedVma[]): Capture {
  return { name: "", arch: "x86-64", kernel: "6.18", page: 4096, pmdOrder: 9, vmPte: 0, raced: 0, vmas };
}

function folio(head: number, order: number, from = 0, to = 2 ** order, cls: Page["cls"] = "A"): Page[] {
  return Array.from({ length: to - from }, (_, i) => ({ cls, pfn: head + from + i, order }));
}

function cost(name: string, ...vmas: CapturedVma[]) {
  return layoutCost(captureOf(...vmas), layoutNamed(name));
}

describe("TLB entries", () => {
  test("a 64K folio, aligned, takes 16 entries with 4K pages, one with contpte, one with 64K pages", () => {
    const vma = vmaOf(16, folio(16, 4));
    expect(layouts.map((l) => layoutCost(captureOf(vma), l).entries)).toEqual([16, 1, 1, 4, 4, 1, 1]);
  });

  test("a folio in a VMA without rights is no contpte block: its entries are not valid to hardware, and Linux folds none", () => {
    const vma = { ...vmaOf(16, folio(16, 4)), perms: "---p" };
    expect(cost("4K+contpte", vma)).toMatchObject({ entries: 16, idealEntries: 16 });
    expect(contShare(captureOf(vma), 16)).toEqual({ mapped: 65536, pmd: 0, cont: 0 });
  });

  test("a folio out of step between virtual and physical addresses gains nothing", () => {
    const vma = vmaOf(20, folio(16, 4));
    expect(cost("4K+contpte", vma).entries).toBe(16);
    expect(cost("4K+contpte", vma).idealEntries).toBe(16);
  });

  test("16 small pages that happen to be contiguous are no contpte block, and would be one as a folio", () => {
    const pages = Array.from({ length: 16 }, (_, i): Page => ({ cls: "A", pfn: 32 + i, order: 0 }));
    expect(cost("4K+contpte", vmaOf(16, pages)).entries).toBe(16);
    expect(cost("4K+contpte", vmaOf(16, pages)).idealEntries).toBe(1);
  });

  test("a PMD mapping is 512, 32, or 1 entry, and one contiguous block with 16K and 64K pages", () => {
    const vma = vmaOf(512, folio(1024, 9, 0, 512, "H"));
    expect(layouts.map((l) => layoutCost(captureOf(vma), l).entries)).toEqual([512, 32, 1, 128, 1, 32, 1]);
  });

  test("two VMAs in one 64K page take an entry each", () => {
    const one = (start: number) => vmaOf(start, [{ cls: "F", pfn: 100 + start, order: 0 }]);
    expect(cost("64K", one(16), one(17)).entries).toBe(2);
  });

  test("what is swapped out or guarded takes no entry", () => {
    const pages: Page[] = (["S", "G", "A"] as const).map((cls, i) => ({
      cls,
      pfn: cls === "A" ? 5 + i : -1,
      order: 0,
    }));
    expect(cost("4K", vmaOf(16, pages)).entries).toBe(1);
  });
});

describe("memory", () => {
  test("one touched page becomes a whole 16K or 64K page", () => {
    const vma = vmaOf(16, folio(1, 0));
    expect([cost("4K", vma), cost("16K", vma), cost("64K", vma)].map((c) => c.extra)).toEqual([0, 12288, 61440]);
  });

  test("the zero page costs nothing at any page size", () => {
    const vma = vmaOf(16, [{ cls: "Z", pfn: -1, order: 0 }]);
    expect([cost("64K", vma).extra, cost("64K", vma).entries]).toEqual([0, 1]);
  });
});

describe("page tables", () => {
  test("the geometry by page size is that of arm64", () => {
    expect([levelBits(4096, 48), levelBits(16384, 47), levelBits(16384, 48), levelBits(65536, 48)]).toEqual([
      [9, 9, 9, 9],
      [11, 11, 11],
      [11, 11, 11, 1],
      [13, 13, 6],
    ]);
  });

  test("one page takes a table at every level", () => {
    const vma = vmaOf(16, folio(1, 0));
    expect(cost("4K", vma).tables.levels).toEqual([4096, 4096, 4096, 4096]);
    expect(cost("16K", vma).tables.levels).toEqual([16384, 16384, 16384]);
    expect(cost("64K", vma).tables.levels).toEqual([65536, 65536, 512]);
  });

  test("two VMAs in one 2M share their PTE table; on both sides of a boundary they do not", () => {
    const one = (start: number) => vmaOf(start, [{ cls: "F", pfn: start, order: 0 }]);
    expect(cost("4K", one(510), one(511)).tables.levels[0]).toBe(4096);
    expect(cost("4K", one(511), one(512)).tables.levels[0]).toBe(8192);
    expect(cost("16K", one(511), one(512)).tables.levels[0]).toBe(16384);
  });

  test("an anonymous PMD mapping has its PTE table in reserve, a file's has none", () => {
    const by = (cls: Page["cls"]) => cost("4K+contpte+PMD", vmaOf(512, folio(1024, 9, 0, 512, cls))).tables;
    expect(by("H")).toMatchObject({ levels: [0, 4096, 4096, 4096], reserved: 4096 });
    expect(by("h")).toMatchObject({ levels: [0, 4096, 4096, 4096], reserved: 0 });
  });

  const data = new URL("../../../notebooks/data/", import.meta.url);
  const golden = new URL("golden/", import.meta.url);
  for (const folder of [data, golden])
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".gz")))
      test(`${file}: the tables that the layout needs are those that the kernel counted, but for one at most`, async () => {
        const capture = await readCapture(readFileSync(new URL(file, folder)), file);
        const { levels, total } = layoutCost(capture, layoutNamed("4K+contpte+PMD")).tables;
        const missing = capture.vmPte - (total - levels.at(-1)!) / 1024;
        expect([0, 4]).toContain(missing);
      });
});

/** Page by page and unit by unit, in sets: the reference for the counting by runs. */
function slowCost(capture: Capture, layout: Layout): { entries: number; extra: number; levels: number[] } {
  const ratio = layout.page / capture.page;
  const bits = levelBits(layout.page, layout.page === 16384 ? 47 : 48);
  const tables = bits.map(() => new Set<number>());
  let [entries, extra] = [0, 0];
  for (const vma of capture.vmas) {
    const units = new Map<number, Page[]>();
    pagesOf(vma).forEach((p, i) => {
      if (p === undefined) return;
      const byPmd = layout.pmd && (p.cls === "H" || p.cls === "h");
      let span = ratio;
      bits.forEach((lg2, level) => {
        span *= 2 ** lg2;
        if (!(byPmd && level === 0)) tables[level]!.add(Math.floor((vma.start + i) / span));
      });
      if (p.cls === "S" || p.cls === "G") return;
      const unit = Math.floor((vma.start + i) / ratio);
      units.set(unit, [...(units.get(unit) ?? []), p]);
    });
    entries += units.size;
    for (const pages of units.values()) {
      const memory = pages.filter((p) => "AHFh".includes(p.cls)).length;
      if (memory > 0) extra += layout.page - memory * capture.page;
    }
    entries -= slowSavings(vma, capture, layout, ratio);
  }
  return { entries, extra, levels: tables.map((set, l) => (l === bits.length - 1 ? 1 : set.size) * 8 * 2 ** bits[l]!) };
}

function slowSavings(vma: CapturedVma, capture: Capture, layout: Layout, ratio: number): number {
  const pages = pagesOf(vma);
  const whole = (at: number, n: number, cls: string) => {
    const first = pages[at];
    if (first === undefined || 2 ** first.order < n || first.pfn % n !== 0) return false;
    return Array.from({ length: n }, (_, i) => pages[at + i]).every(
      (p, i) => p !== undefined && cls.includes(p.cls) && p.cls === first.cls && p.pfn === first.pfn + i,
    );
  };
  let saved = 0;
  const count = (n: number, cls: string, each: number) => {
    for (let at = 0; at + n <= pages.length; at++) if ((vma.start + at) % n === 0 && whole(at, n, cls)) saved += each;
  };
  if (layout.cont > 1 && !vma.perms.startsWith("---"))
    count(layout.cont * ratio, layout.pmd ? "AF" : "AHFh", layout.cont - 1);
  if (layout.pmd) count(2 ** capture.pmdOrder, "Hh", 2 ** capture.pmdOrder - 1);
  return saved;
}

test("counting by runs gives what counting page by page gives, on random layouts", () => {
  const program = (seed: number) => {
    const capture = randomCapture(seed);
    // Smaller blocks than any machine has, so that the small folios of the random layouts fill some.
    const small: Layout[] = [
      { name: "a", page: 4096, cont: 4, pmd: false },
      { name: "b", page: 4096, cont: 4, pmd: true },
      { name: "c", page: 16384, cont: 2, pmd: false },
    ];
    for (const layout of [...layouts, ...small]) {
      const { entries, extra, tables, idealEntries } = layoutCost(capture, layout);
      expect({ entries, extra, levels: tables.levels }).toEqual(slowCost(capture, layout));
      expect(idealEntries).toBeLessThanOrEqual(entries);
    }
  };
  fc.assert(fc.property(fc.nat(2 ** 32 - 1), program), { numRuns: 200 });
});

test("contiguous memory by Linux's rule leaves out what a PMD maps already", () => {
  const share = contShare(captureOf(vmaOf(512, [...folio(1024, 9, 0, 512, "H"), ...folio(2048, 4)])), 16);
  expect(share).toEqual({ mapped: 528 * 4096, pmd: 512 * 4096, cont: 65536 });
});

describe("a capture with larger pages", () => {
  const capture: Capture = { ...captureOf(vmaOf(128, folio(128, 7))), arch: "arm64-16k", page: 16384, pmdOrder: 11 };

  test("answers for its own page size and larger ones only", () => {
    expect(whatIf(capture).map((c) => c.layout.name)).toEqual(["16K", "16K+contpte", "64K", "64K+contpte"]);
    expect(whatIf(capture).map((c) => c.basis)).toEqual(["counted", "counted", "modelled", "modelled"]);
    expect(whatIf(capture).map((c) => c.entries)).toEqual([128, 1, 32, 1]);
  });

  test("asked for a smaller one it says so", () => {
    expect(() => layoutCost(capture, layoutNamed("4K"))).toThrow("pages of 16K does not tell about smaller ones");
  });
});
