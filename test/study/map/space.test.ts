import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { A } from "../../../src/arch/entry.ts";
import { formats } from "../../../src/arch/formats.ts";
import { type Random, random } from "../../../src/base/random.ts";
import { access } from "../../../src/mm/fault.ts";
import { Kernel } from "../../../src/mm/kernel.ts";
import { madvise } from "../../../src/mm/madvise.ts";
import { Mm } from "../../../src/mm/mm.ts";
import { mmap } from "../../../src/mm/mmap.ts";
import { mprotect } from "../../../src/mm/mprotect.ts";
import { Userfaultfd, uffdPoison, uffdRegister } from "../../../src/mm/userfaultfd.ts";
import { Vm } from "../../../src/mm/vma.ts";
import { hugetlbSizes, mapHugetlb } from "../../../src/pgtable/hugetlb.ts";
import { readCapture } from "../../../src/study/capture/read.ts";
import { contBlockPages, contShare } from "../../../src/study/capture/whatif.ts";
import { coverageOf } from "../../../src/study/coverage/coverage.ts";
import { replayCapture, THP_POLICIES } from "../../../src/study/coverage/replay.ts";
import { filledMm, kernelFor, studyVpn } from "../../../src/study/layout.ts";
import { captureSpace } from "../../../src/study/map/capture-space.ts";
import { mmSpace } from "../../../src/study/map/mm-space.ts";
import {
  type AddressSpace,
  kindIndex,
  MAP_KINDS,
  type MapKind,
  type MapRun,
  type MapVma,
  pagesByKind,
} from "../../../src/study/map/space.ts";
import { MOST_CELLS, STRIP_PARTS, stripOf, viewAt } from "../../../src/study/map/view.ts";

const CAPTURES = ["node-json", "node-json-mthp64k", "python-sqlite", "python-sqlite-thp"];
const sample = (name: string) => readCapture(readFileSync(`notebooks/data/${name}.json.gz`), name);
const count = ({ vmas }: AddressSpace, kind: MapKind): number =>
  pagesByKind(vmas, [vmas[0]!.start, vmas.at(-1)!.end])[0]![kindIndex(kind)]!;

/** VMAs with random runs of random kinds, gaps between both. */
function randomVmas(rng: Random): MapVma[] {
  const vmas: MapVma[] = [];
  for (let at = rng.below(50); vmas.length < 8; ) {
    const [start, end] = [at, at + 1 + rng.below(300)];
    const runs: MapRun[] = [];
    for (let page = start + rng.below(20); page < end; ) {
      const stop = Math.min(end, page + 1 + rng.below(60));
      const kind = MAP_KINDS[rng.below(11)]!.name;
      runs.push({ start: page, end: stop, kind, pfn: -1, order: 0, index: 0 });
      page = stop + rng.below(2) * rng.below(30);
    }
    vmas.push({ start, end, perms: "rw-p", what: "anon", runs });
    at = end + rng.below(2) * rng.below(700);
  }
  return vmas;
}

/** One page after the other. */
function slowSummary(vmas: readonly MapVma[], bounds: readonly number[]): number[][] {
  return bounds.slice(1).map((end, i) => {
    const pages = MAP_KINDS.map(() => 0);
    for (let page = bounds[i]!; page < end; page++) pages[kindIndex(slowKind(vmas, page))]!++;
    return pages;
  });
}

function slowKind(vmas: readonly MapVma[], page: number): MapKind {
  const has = (span: { start: number; end: number }) => span.start <= page && page < span.end;
  const vma = vmas.find(has);
  return vma === undefined ? "no VMA" : (vma.runs.find(has)?.kind ?? "not mapped");
}

test("any cells of any address space are summed up as counting page by page does", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const rng = random(seed);
    const vmas = randomVmas(rng);
    const bounds = [...new Set(Array.from({ length: 2 + rng.below(12) }, () => rng.below(4000)))].sort((a, b) => a - b);
    if (bounds.length > 1) expect(pagesByKind(vmas, bounds), `seed ${seed}`).toEqual(slowSummary(vmas, bounds));
  }
});

test("a strip has a part for each page of a small range, and at most 16 parts of a large one, with no page lost", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const vma = randomVmas(random(seed))[0]!;
    const parts = stripOf(vma, vma.start, vma.end);
    expect(parts.length).toBeLessThanOrEqual(STRIP_PARTS);
    if (vma.end - vma.start <= STRIP_PARTS) expect(parts.length).toBe(vma.end - vma.start);
    const sums = MAP_KINDS.map((_, kind) => parts.reduce((sum, part) => sum + part[kind]!, 0));
    expect(sums, `seed ${seed}`).toEqual(slowSummary([vma], [vma.start, vma.end])[0]);
  }
});

describe.each(CAPTURES)("%s", (name) => {
  test("has a VMA without rights as PROT_NONE, and the coverage has no contiguous block there", async () => {
    const capture = await sample("node-json-mthp64k");
    const refused = { ...capture, vmas: capture.vmas.map((vma) => ({ ...vma, perms: "---p" })) };
    expect(count(captureSpace(refused), "PROT_NONE")).toBe(contShare(capture, 16).mapped / capture.page);
    expect(count(captureSpace(refused), "contpte block")).toBe(contShare(refused, contBlockPages(refused)).cont);
    expect(contShare(capture, 16).cont).toBeGreaterThan(0);
  });

  test("has as many pages of each kind as the contpte coverage of the capture says", async () => {
    const capture = await sample(name);
    const space = captureSpace(capture);
    const share = contShare(capture, contBlockPages(capture));
    const runs = capture.vmas.flatMap((vma) => vma.runs);
    const pages = (bytes: number) => bytes / capture.page;
    const classes = (letters: string) => runs.reduce((n, run) => n + (letters.includes(run.cls) ? run.n : 0), 0);
    expect(count(space, "contpte block")).toBe(pages(share.cont));
    expect(count(space, "PMD leaf")).toBe(classes("Hh"));
    expect(count(space, "zero page")).toBe(classes("Z"));
    expect(count(space, "swap")).toBe(classes("S"));
    expect(count(space, "guard")).toBe(classes("G"));
    const mapped = ["PMD leaf", "contpte block", "large folio", "single page", "zero page", "other memory"] as const;
    expect(mapped.reduce((n, kind) => n + count(space, kind), 0)).toBe(pages(share.mapped));
  });

  test("has the same pages in each look as in the parts that it can be zoomed into", async () => {
    const space = captureSpace(await sample(name));
    const whole = viewAt(space, "all");
    const largest = whole.cells.toSorted((a, b) => b.end - b.start - (a.end - a.start))[0]!;
    for (let cell = largest; cell.path !== null; ) {
      const view = viewAt(space, cell.path);
      const sums = MAP_KINDS.map((_, kind) => view.cells.reduce((sum, part) => sum + part.pages[kind]!, 0));
      expect(sums).toEqual(cell.pages);
      expect([view.start, view.end]).toEqual([cell.start, cell.end]);
      cell = view.cells.at(-1)!;
    }
  });
});

test.each(THP_POLICIES)("a process under $name has as many pages of each kind as coverage counts", async (policy) => {
  const mm = replayCapture(await sample("python-sqlite"), policy, { shuffled: true, readFirst: 0.1, seed: 3 });
  const space = mmSpace(mm, "replayed");
  const { mapped, cont, huge } = coverageOf(mm);
  expect([count(space, "contpte block"), count(space, "PMD leaf")]).toEqual([cont, huge]);
  expect(count(space, "large folio") + count(space, "single page")).toBe(mapped - cont - huge);
});

test.each(formats)("every kind of entry on $name is told apart", (format) => {
  const kernel = new Kernel({ arch: format.name });
  const mm = new Mm(kernel);
  const start = studyVpn(format);
  const map = (at: number, pages: number) => mmap(mm, { start: start + at, pages, flags: Vm.read | Vm.write });
  expect([map(0, 8), map(16, 2)]).toEqual([null, null]);
  access(mm, start, true);
  access(mm, start + 1, false);
  madvise(mm, start + 2, start + 4, "guard");
  access(mm, start + 16, true);
  mprotect(mm, start + 16, start + 18, 0);
  const space = mmSpace(mm, "made");
  const kinds = Array.from({ length: 18 }, (_, i) => slowKind(space.vmas, start + i));
  const near = ["single page", "zero page", "guard", "guard", ...Array(4).fill("not mapped")];
  expect(kinds).toEqual([...near, ...Array(8).fill("no VMA"), "PROT_NONE", "not mapped"]);
  expect(space.vmas.map((vma) => vma.perms)).toEqual(["rw-p", "---p"]);
  expect(space.entry!(start + 2).says).toContain("marker");
});

test("a leaf of a PUD and a marker of userfaultfd are told apart", () => {
  const huge = new Mm(new Kernel({ arch: "x86-64", memory: 2 ** 33 }));
  expect(mmap(huge, { start: 2 ** 18, pages: 2 ** 18, flags: Vm.read | Vm.write })).toBeNull();
  const size = hugetlbSizes(huge.kernel.format).find(({ level }) => level === 2)!;
  mapHugetlb(huge.pt, 2 ** 18, size, 2 ** 18, A.write | A.dirty | A.young);
  expect(count(mmSpace(huge, "hugetlb"), "PUD leaf")).toBe(2 ** 18);
  const mm = new Mm(new Kernel({ arch: "x86-64" }));
  const start = studyVpn(mm.kernel.format);
  expect(mmap(mm, { start, pages: 8, flags: Vm.read | Vm.write })).toBeNull();
  expect(uffdRegister(mm, new Userfaultfd(), start, start + 8, Vm.uffdMissing)).toBeNull();
  uffdPoison(mm, start + 2, start + 5);
  expect(count(mmSpace(mm, "poisoned"), "marker")).toBe(3);
});

test.each([
  ["arm64-64k", 8192, 32],
  ["arm64-16k", 2048, 128],
])("a full table of %s is looked at by contiguous blocks, and those by pages", (arch, pages, block) => {
  const space = mmSpace(filledMm(kernelFor("base pages", { arch }), pages), "a table");
  const view = viewAt(space, "1");
  expect([view.level, view.entries, view.cells.length]).toEqual([0, block, pages / block]);
  expect(view.cells.every((cell) => cell.end - cell.start === block)).toBe(true);
  const last = viewAt(space, `1.${pages / block}`);
  expect([last.level, last.entries, last.cells.length]).toEqual([0, 1, block]);
  expect(last.end).toBe(space.vmas[0]!.end);
  expect(() => viewAt(space, "1.1.1")).toThrow("leads below single pages");
});

test("of more VMAs than a look shows, those with most mapped pages are shown, in order, by their own numbers", () => {
  const vmas = Array.from({ length: MOST_CELLS + 2 }, (_, i): MapVma => {
    const pages = i === 3 || i === 5 ? 1 : 2;
    const run: MapRun = { start: 10 * i, end: 10 * i + pages, kind: "single page", pfn: -1, order: 0, index: 0 };
    return { start: 10 * i, end: 10 * i + 8, perms: "rw-p", what: "anon", runs: [run] };
  });
  const view = viewAt({ name: "many", page: 4096, spans: [1, 512, 2 ** 18], cont: 16, vmas }, "all");
  const numbers = vmas.map((_, i) => String(i + 1)).filter((n) => n !== "4" && n !== "6");
  expect(view.cells.map((cell) => cell.path)).toEqual(numbers);
});

test("a process of 64 GiB in huge leaves is as many runs as it has stretches of frames, and is summed up by them", () => {
  const kernel = kernelFor("THP 2M", { arch: "x86-64", memory: 2 ** 37 });
  const mm = new Mm(kernel);
  const start = studyVpn(kernel.format);
  mmap(mm, { start, pages: 2 ** 24, flags: Vm.read | Vm.write });
  for (let vpn = start; vpn < start + 2 ** 24; vpn += 512) access(mm, vpn, true);
  const space = mmSpace(mm, "64 GiB");
  expect(space.vmas[0]!.runs.length).toBeLessThanOrEqual(2 ** 15);
  const view = viewAt(space, "1");
  expect([view.level, view.cells.length]).toEqual([2, 64]);
  expect(view.cells.every((cell) => cell.pages[kindIndex("PMD leaf")] === 2 ** 18)).toBe(true);
  expect(viewAt(space, "1.64").cells.length).toBe(512);
  expect(viewAt(space, "1.64.512").cells.every((cell) => cell.end - cell.start === 1 && cell.path === null)).toBe(true);
});

test("a path that leads nowhere is refused with what is allowed", () => {
  const space = mmSpace(filledMm(kernelFor("4K pages", { arch: "arm64-4k" }), 1024), "small");
  expect(viewAt(space, "1").cells.length).toBe(2);
  expect(() => viewAt(space, "2")).toThrow("no VMA has the number '2': 1 to 1 are allowed");
  expect(() => viewAt(space, "0")).toThrow("1 to 1 are allowed");
  expect(() => viewAt(space, "1.3")).toThrow("no range of 1 has the number '3': 1 to 2 are allowed");
  expect(() => viewAt(space, "1.2.1")).toThrow("'1.2.1' leads below single pages: '1.2' is the end");
  expect(() => viewAt(space, "stack")).toThrow("stack");
  expect(() => viewAt(space, "1.x")).toThrow("no range of 1");
  expect(viewAt(space, "anon").path).toBe("1");
});
