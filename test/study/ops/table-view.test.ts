import { describe, expect, it } from "vitest";
import { decode } from "../../../src/arch/format.ts";
import type { Mm } from "../../../src/mm/mm.ts";
import { ScriptRunner } from "../../../src/study/ops/run.ts";
import { SAMPLE_SCRIPTS } from "../../../src/study/ops/samples.ts";
import { parseScript, type Script } from "../../../src/study/ops/script.ts";
import { operationRows, type SlotRun, type TablePage, tablesAfter } from "../../../src/study/ops/table-view.ts";

const sample = (name: string): Script => parseScript(SAMPLE_SCRIPTS[name as keyof typeof SAMPLE_SCRIPTS], name);
const samples = Object.keys(SAMPLE_SCRIPTS);

/** One slot as its raw word and what it decodes to, by the page's place: a walk of its own, over the whole tree. */
function wholeTree(p: number, mm: Mm): Map<string, { word: string; kind: string; flags: string }[]> {
  const { pt } = mm;
  const pages = new Map<string, { word: string; kind: string; flags: string }[]>();
  const walk = (table: number, level: number, start: number) => {
    const slots = Array.from({ length: 2 ** pt.format.indexLg2[level]! }, (_, i) => pt.slot(table, start, level) + i);
    const seen = slots.map((slot) => {
      const [lo, hi] = [pt.lo(slot), pt.hi(slot)];
      const { kind } = decode(pt.format, lo, hi, level);
      return { word: `${hi} ${lo}`, kind, flags: kind === "leaf" ? pt.format.rawFlags(lo, hi, level) : "" };
    });
    pages.set(`${p} ${level} ${start}`, seen);
    for (const [i, slot] of slots.entries())
      if (seen[i]!.kind === "table") walk(pt.child(slot, level), level - 1, start + i * pt.span[level]!);
  };
  walk(pt.root, pt.levels - 1, 0);
  return pages;
}

/** All trees after so many operations. */
function treesAfter(script: Script, steps: number, arch: string) {
  const runner = new ScriptRunner({ arch });
  for (const line of script.lines.slice(0, steps)) runner.step(line);
  return new Map(runner.processes.flatMap((mm, p) => (mm === undefined ? [] : [...wholeTree(p, mm)])));
}

const KIND: Readonly<Record<SlotRun["holds"], string>> = {
  ...{ table: "table", pages: "leaf", contiguous: "leaf", "huge leaf": "leaf", "zero page": "leaf" },
  ...{ guard: "marker", marker: "marker", swap: "swap", empty: "none" },
};

const lineOf = (slot: number, { holds, flags, change }: SlotRun): string => `${slot} ${KIND[holds]} ${flags} ${change}`;

const keyOf = ({ p, level, start }: TablePage): string => `${p} ${level} ${start}`;

/** One of each family, and those whose trees differ in kind: five levels, tables of four slots, contiguous PMDs, segments. */
const ARCHS = ["x86-64", "x86-64-la57", "x86-pae", "arm64-4k", "arm64-16k", "riscv-sv39", "s390"];

describe.each(ARCHS)("the tables shown on %s", (arch) => {
  it.each(samples)("hold slot by slot what is in the tables, and every change and no other is marked: %s", (name) => {
    const script = sample(name);
    let before = treesAfter(script, 0, arch);
    for (let step = 1; step <= script.lines.length; step++) {
      const now = treesAfter(script, step, arch);
      for (const page of tablesAfter(script, step, { arch }).pages) {
        const [slots, old] = [now.get(keyOf(page)), before.get(keyOf(page))];
        expect(slots === undefined).toBe(page.change === "freed");
        if (slots === undefined) continue;
        expect(old === undefined).toBe(page.change === "new");
        const shown = page.runs.flatMap((run) => Array.from({ length: run.n }, (_, i) => lineOf(run.slot + i, run)));
        const there = slots.map((slot, i) => `${i} ${slot.kind} ${slot.flags} ${change(old?.[i], slot)}`);
        expect(shown.join("\n")).toBe(there.join("\n"));
      }
      before = now;
    }
  });
});

function change(old: { word: string; kind: string } | undefined, now: { word: string; kind: string }): string {
  const [was, is] = [old !== undefined && old.kind !== "none", now.kind !== "none"];
  if (was !== is) return is ? "new" : "emptied";
  return was && old!.word !== now.word ? "changed" : "";
}

describe("the tables of a script", () => {
  it("are those that lead to its regions, whole, and none of the program's or the stack's", () => {
    const { pages } = tablesAfter(parseScript("map a 4M\ntouch a 2M 4K", "s"), 2, { arch: "x86-64" });
    expect(pages.map(({ level, under, change }) => [level, under, change])).toEqual([
      [3, "root", ""],
      [2, "a+0", "new"],
      [1, "a+0", "new"],
      [0, "a+2M", "new"],
    ]);
  });

  it("show an unfolded block in the child whose page was copied, and leave the parent's block folded", () => {
    const view = tablesAfter(sample("fork and write, 64K folios"), 5, { arch: "arm64-4k" });
    const last = view.pages
      .filter(({ level }) => level === 0)
      .map(({ p, runs }) => runs.map((r) => `${p} ${r.n} ${r.holds} ${r.change}`));
    expect(last).toEqual([
      ["0 32 contiguous ", "0 480 empty "],
      ["1 5 pages changed", "1 1 pages changed", "1 10 pages changed", "1 16 contiguous ", "1 480 empty "],
    ]);
    expect(view.counts).toMatchObject({ contpteUnfolds: 1, tablesAllocated: 0 });
  });

  it("join whole folios of one order, and nothing that lies within a folio", () => {
    const script = parseScript("knob hugepages-64kB/enabled always\nmap a 256K\ntouch a\nunmap a 20K 4K", "s");
    const runs = tablesAfter(script, 4, { arch: "x86-64" }).pages.at(-1)!.runs;
    expect(runs.map(({ slot, n, order, index }) => [slot, n, order, index])).toEqual([
      [0, 5, 4, 0],
      [5, 1, -1, 0],
      [6, 10, 4, 6],
      [16, 48, 4, 0],
      [64, 448, -1, 0],
    ]);
  });

  it("name a table that the operation has freed, and are empty of an exited process's tables but for those", () => {
    const script = parseScript("map a 4K\ntouch a\nfork\n@1 exit", "s");
    const { pages } = tablesAfter(script, 4, { arch: "x86-64" });
    expect(pages.filter(({ p }) => p === 1).map(({ level, change, runs }) => [level, change, runs.length])).toEqual([
      [3, "freed", 0],
      [2, "freed", 0],
      [1, "freed", 0],
      [0, "freed", 0],
    ]);
  });

  it("beyond the last operation are those after the last", () => {
    const script = sample("tables come and go");
    expect(tablesAfter(script, 99, { arch: "x86-64" })).toEqual(tablesAfter(script, 7, { arch: "x86-64" }));
  });

  it("of a script with a mistake are refused with its line", () => {
    expect(() => tablesAfter(parseScript("map a 4K\ntouch b", "line"), 1, { arch: "x86-64" })).toThrow(
      "line:2: no region 'b': allowed are a",
    );
    expect(() => tablesAfter(parseScript("# nothing", "line"), 1, { arch: "x86-64" })).toThrow("there is no operation");
  });
});

it("the rows of a script's operations leave out the counts that are 0 throughout", () => {
  const rows = operationRows(parseScript("map a 2M\ntouch a 0 4K\nfork\nunmap b 0 4K".replace("b", "a"), "s"), {
    arch: "x86-64",
  });
  expect(rows.map((row) => [row.i, row.rc, row.dpte])).toEqual([
    [1, 0, "0"],
    [2, 0, "3"],
    [3, 0, "3 3"],
    [4, 0, rows[3]!.dpte],
  ]);
  expect(Object.keys(rows[0]!)).not.toContain("contpteFolds");
});
