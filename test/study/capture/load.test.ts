import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { A, Kind } from "../../../src/arch/entry.ts";
import { access } from "../../../src/mm/fault.ts";
import { Kernel } from "../../../src/mm/kernel.ts";
import type { Mm } from "../../../src/mm/mm.ts";
import { munmap } from "../../../src/mm/mmap.ts";
import { visit } from "../../../src/pgtable/visit.ts";
import type { Capture, CapturedVma } from "../../../src/study/capture/format.ts";
import { loadCapture } from "../../../src/study/capture/load.ts";
import { readCapture } from "../../../src/study/capture/read.ts";
import { contShare, layoutCost, layoutNamed } from "../../../src/study/capture/whatif.ts";
import { type Page, pagesOf, randomCapture, vmaOf } from "./random-layout.ts";

function captureOf(...vmas: CapturedVma[]): Capture {
  return { name: "", arch: "x86-64", kernel: "6.18", page: 4096, pmdOrder: 9, vmPte: 0, raced: 0, vmas };
}

function folio(head: number, order: number, from = 0, to = 2 ** order, cls: Page["cls"] = "A"): Page[] {
  return Array.from({ length: to - from }, (_, i) => ({ cls, pfn: head + from + i, order }));
}

/** Bytes mapped by entries with the contiguous bit. */
function contBytes(mm: Mm, capture: Capture): number {
  let pages = 0;
  for (const vma of capture.vmas)
    visit(mm.pt, vma.start, vma.end, {
      ptes: (slot, _start, nr) => {
        for (let i = slot; i < slot + nr; i++) if (mm.pt.kind(i, 0) === Kind.leaf && mm.pt.attrs(i) & A.cont) pages++;
      },
    });
  return pages * capture.page;
}

/** The frame behind a page by the tables' own words, 0 where there is none. */
function frameAt(mm: Mm, vpn: number): number {
  const huge = mm.pt.find(vpn, 1);
  if (huge >= 0 && mm.pt.kind(huge, 1) === Kind.leaf) return mm.pt.pfn(huge) + (vpn % mm.pt.span[1]!);
  const slot = mm.pt.find(vpn, 0);
  return slot >= 0 && mm.pt.kind(slot, 0) === Kind.leaf ? mm.pt.pfn(slot) : 0;
}

const data = new URL("../../../notebooks/data/", import.meta.url);

for (const file of readdirSync(data).filter((name) => name.endsWith(".gz")))
  describe(file, () => {
    test("has the tables in the model that it had in the kernel", async () => {
      const capture = await readCapture(readFileSync(new URL(file, data)), file);
      const { mm } = loadCapture(new Kernel({ arch: "x86-64" }), capture);
      const { levels, total } = layoutCost(capture, layoutNamed("4K+contpte+PMD")).tables;
      const other = capture.vmas.flatMap((v) => v.runs).filter((r) => r.cls === "X" || r.cls === "S").length;
      expect(mm.pt.accountedTables() * 4096).toBeLessThanOrEqual(total - levels.at(-1)!);
      expect(mm.pt.accountedTables() * 4096).toBeGreaterThanOrEqual(total - levels.at(-1)! - other * 4096);
    });

    test("has the contiguous bit on arm64 exactly where Linux's rule allows it", async () => {
      const capture = await readCapture(readFileSync(new URL(file, data)), file);
      const { mm } = loadCapture(new Kernel({ arch: "arm64-4k" }), capture);
      expect(contBytes(mm, capture)).toBe(contShare(capture, 16).cont);
    });

    test("can be unmapped VMA by VMA, which leaves the page cache's memory and no table but the root", async () => {
      const capture = await readCapture(readFileSync(new URL(file, data)), file);
      const kernel = new Kernel({ arch: "arm64-4k" });
      const before = kernel.frames.used;
      const { mm } = loadCapture(kernel, capture);
      for (const vma of capture.vmas) expect(munmap(mm, vma.start, vma.end)).toBeNull();
      const files = new Set(
        capture.vmas.flatMap((v) =>
          pagesOf(v).flatMap((p) => (p !== undefined && "Fh".includes(p.cls) ? foliosFrames(p) : [])),
        ),
      );
      expect(kernel.frames.used - before).toBe(files.size);
      expect([...mm.pt.tablesAt]).toEqual([0, 0, 0, 1]);
      expect(mm.anonPages).toBe(0);
    });
  });

function foliosFrames(p: Page): number[] {
  const head = p.pfn - (p.pfn % 2 ** p.order);
  return Array.from({ length: 2 ** p.order }, (_, i) => head + i);
}

test("pages share a frame in the model if and only if they did, and stay at their place in their folio", () => {
  const program = (seed: number) => {
    const capture = { ...randomCapture(seed), pmdOrder: 9 };
    const vmas = capture.vmas.map((v) => ({
      ...v,
      start: v.start + 16,
      end: v.end + 16,
      runs: v.runs.map((r) => ({ ...r, cls: r.cls === "H" ? ("A" as const) : r.cls === "h" ? ("F" as const) : r.cls })),
    }));
    const { mm } = loadCapture(new Kernel({ arch: "arm64-4k" }), { ...capture, vmas });
    const to = new Map<number, number>();
    for (const vma of vmas)
      pagesOf(vma).forEach((p, i) => {
        const frame = frameAt(mm, vma.start + i);
        if (p === undefined || !"AF".includes(p.cls)) {
          expect(p?.cls === "Z" ? 0 : frame).toBe(0);
          return;
        }
        expect(frame).toBe(to.get(p.pfn) ?? frame);
        to.set(p.pfn, frame);
        const order = p.order === 1 ? 0 : p.order;
        expect(mm.kernel.frames.order(frame)).toBe(order);
        expect(frame % 2 ** order).toBe(p.pfn % 2 ** order);
      });
    expect(new Set(to.values()).size).toBe(to.size);
  };
  fc.assert(fc.property(fc.nat(2 ** 32 - 1), program), { numRuns: 60 });
});

describe("accesses to a loaded process", () => {
  test("a write to anonymous memory needs no fault", () => {
    const { mm } = loadCapture(new Kernel({ arch: "arm64-4k" }), captureOf(vmaOf(16, folio(16, 4))));
    expect(access(mm, 20, true)).toBe(frameAt(mm, 20));
    expect(mm.faults).toBe(0);
  });

  test("a write to a private page of a file gets a copy and undoes the contiguous block", () => {
    const capture = captureOf(vmaOf(16, folio(16, 4, 0, 16, "F")));
    const { mm } = loadCapture(new Kernel({ arch: "arm64-4k" }), capture);
    const before = frameAt(mm, 20);
    expect(contBytes(mm, capture)).toBe(65536);
    expect(access(mm, 20, true)).not.toBe(before);
    expect([mm.faults, contBytes(mm, capture)]).toEqual([1, 0]);
  });

  test("a guard stops an access", () => {
    const { mm } = loadCapture(new Kernel({ arch: "x86-64" }), captureOf(vmaOf(16, [{ cls: "G", pfn: -1, order: 0 }])));
    expect(access(mm, 16, false)).toBe(-1);
  });
});

describe("a capture that a machine cannot hold", () => {
  test("because its pages have another size", () => {
    const capture: Capture = { ...captureOf(), page: 16384, pmdOrder: 11 };
    expect(() => loadCapture(new Kernel({ arch: "x86-64" }), capture)).toThrow(
      "a capture with pages of 16K and PMD mappings of 32M does not fit the format x86-64",
    );
  });

  test("because memory is short, which is found before anything is built", () => {
    const capture = captureOf({
      ...vmaOf(0, [undefined]),
      end: 2 ** 30,
      runs: [{ page: 0, n: 2 ** 30, cls: "G", pfn: -1, order: 0, index: 0 }],
    });
    expect(() => loadCapture(new Kernel({ arch: "x86-64" }), capture)).toThrow(/needs 4T of memory: the machine has/);
  });

  test("what is swapped out or a device's is left out and counted", () => {
    const pages: Page[] = (["S", "X", "X"] as const).map((cls) => ({ cls, pfn: -1, order: 0 }));
    expect(loadCapture(new Kernel({ arch: "x86-64" }), captureOf(vmaOf(16, pages))).leftOut).toEqual({ S: 1, X: 2 });
  });
});
