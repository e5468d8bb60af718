import { describe, expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { type Format, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { BrokenInvariant, UserError } from "../../src/base/errors.ts";
import { random } from "../../src/base/random.ts";
import { E } from "../../src/base/tally.ts";
import type { Copier, CopyResult } from "../../src/design/design.ts";
import { copyPageRange, syncGlobalPgds, syncGlobalPgdsL4 } from "../../src/design/folded-copy.ts";
import { mapLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { copySoftleaf, ptepAttrs, setPtes, setSoftleaf } from "../../src/pgtable/ptep.ts";
import { visit } from "../../src/pgtable/visit.ts";
import { readTables } from "./flat.ts";
import { layAtBorders, newMachine, someRange, userEnd } from "./folded-bench.ts";

const byName = formats.map((f) => [f.name, f] as const);
const x86 = formatNamed("x86-64");

/** Parent, child and a copier between them, which notes what it is asked; parts of it are replaced by tests. */
class Family {
  readonly src: PageTable;
  readonly dst: PageTable;
  readonly log: string[] = [];
  rooms = 0;
  /** Entries that one call copies at most. */
  batch = 1;
  mustBreak: () => boolean = () => false;
  refuses: (slot: number) => boolean = () => false;
  room: () => boolean = () => true;
  /** Whether the copier splits a huge entry instead of copying it. */
  splits: (slot: number, level: number) => boolean = () => false;

  constructor(f: Format) {
    const make = newMachine(f);
    this.src = make();
    this.dst = make();
    for (const [who, pt] of [
      ["parent", this.src],
      ["child", this.dst],
    ] as const)
      this.listen(who, pt);
  }

  /** Notes every lock taken and dropped. */
  listen(who: string, { locks }: PageTable): void {
    const { take, drop } = locks;
    locks.take = (table, level) => {
      if (level === 0) this.log.push(`+${who}`);
      take.call(locks, table, level);
    };
    locks.drop = (table, level) => {
      if (level === 0) this.log.push(`-${who}`);
      drop.call(locks, table, level);
    };
  }

  copy(start: number, end: number): CopyResult {
    const result = copyPageRange(this.src, this.dst, start, end, this.copier());
    expect([this.src.locks.held, this.dst.locks.held]).toEqual([0, 0]);
    return result;
  }

  copier(): Copier {
    return {
      huge: (slot, level, start) => this.huge(slot, level, start),
      entry: (slot, toSlot, max) => this.entry(slot, toSlot, max),
      room: () => {
        expect([this.src.locks.held, this.dst.locks.held]).toEqual([0, 0]);
        this.rooms++;
        return this.room();
      },
      mustBreak: () => this.mustBreak(),
    };
  }

  huge(slot: number, level: number, start: number): boolean {
    const { src, dst } = this;
    const split = this.splits(slot, level);
    if (split) splitLeaf(src, slot, level);
    else mapLeaf(dst, dst.findOrMake(start, level), level, src.pfn(slot, level), src.attrs(slot, level));
    return !split;
  }

  entry(slot: number, toSlot: number, max: number): number {
    const { src, dst } = this;
    if (!src.locks.holds(src.tableOf(slot), 0) || !dst.locks.holds(dst.tableOf(toSlot), 0)) throw new Error("no lock");
    if (this.refuses(slot)) return 0;
    if (src.kind(slot, 0) === Kind.softleaf) {
      copySoftleaf(src, slot, dst, toSlot);
      return 1;
    }
    const nr = Math.min(this.batch, max);
    for (let i = 0; i < nr; i++) setPtes(dst, toSlot + i, src.pfn(slot + i), ptepAttrs(src, slot + i), 1);
    return nr;
  }
}

/** A family whose parent maps the first PTE table fully, from frame 0. */
function fullTable(f: Format = x86): { family: Family; nr: number } {
  const family = new Family(f);
  const nr = family.src.span[1]!;
  setPtes(family.src, family.src.findOrMake(0, 0), 0, A.young, nr);
  family.src.tally.fill(0);
  return { family, nr };
}

/** Counts how often it is asked, and answers. */
function always(answer: boolean): { asked: number; ask: () => boolean } {
  const counter = { asked: 0, ask: () => ++counter.asked > 0 && answer };
  return counter;
}

describe.each(byName)("%s", (_name, f) => {
  test.each([51, 52, 53, 54])(
    "what the range maps is the child's as well, under tables as the parent has (seed %d)",
    (seed) => {
      const rng = random(seed);
      const family = new Family(f);
      const { src, dst } = family;
      layAtBorders(src, rng);
      const before = readTables(src);
      // Few of the many leaves that a larger one is split into are split again.
      const splits = rng.below(2) === 0;
      family.splits = (slot, level) => splits && (level > 1 || slot % 16 === 0);
      family.mustBreak = () => rng.below(2) === 0;
      family.refuses = () => rng.below(10) === 0;
      const [start, end] = someRange(src, rng);
      const whole = (n: number) => n - (n % src.span[f.maxLeafLevel]!);
      const range = [whole(start), Math.min(whole(end) + src.span[f.maxLeafLevel]!, userEnd(src))] as const;
      const tables: number[] = [];
      expect(family.copy(...range)).toMatchObject({ ok: true, reached: range[1] });
      expect(readTables(dst)).toEqual(clip(before, ...range));
      expect(readTables(src)).toEqual(before);
      visit(src, ...range, { table: (level) => (tables[level] = (tables[level] ?? 0) + 1) });
      for (let level = src.levels - 2; level > 0; level--) expect(dst.tablesAt[level]).toBe(tables[level] ?? 0);
    },
  );

  test("of a table full of single entries the locks are dropped after every fourth, if somebody always waits", () => {
    const { family, nr } = fullTable(f);
    const waits = always(true);
    family.mustBreak = waits.ask;
    const breaks = nr / 4 - 1;
    expect(family.copy(0, nr)).toEqual({ ok: true, reached: nr, lockBreaks: breaks });
    expect(waits.asked).toBe(breaks);
    expect([family.src.tally[E.pteLocks], family.dst.tally[E.pteLocks]]).toEqual([breaks + 1, breaks + 1]);
    expect(readTables(family.dst)).toEqual(readTables(family.src));
  });
});

function clip(runs: ReturnType<typeof readTables>, start: number, end: number): ReturnType<typeof readTables> {
  return runs.flatMap((r) => {
    const [from, to] = [Math.max(start, r.start), Math.min(end, r.start + r.nr)];
    const pfn = r.attrs < 0 ? r.pfn : r.pfn + from - r.start;
    return from < to ? [{ ...r, start: from, nr: to - from, pfn }] : [];
  });
}

describe("the progress of a copy", () => {
  test("512 single entries: asked 127 times whether somebody waits, and only an answer of yes drops the locks", () => {
    const { family } = fullTable();
    const waits = always(false);
    family.mustBreak = waits.ask;
    expect(family.copy(0, 512)).toEqual({ ok: true, reached: 512, lockBreaks: 0 });
    expect(waits.asked).toBe(127);
    expect(family.log).toEqual(["+child", "+parent", "-parent", "-child"]);
  });

  test("empty slots count 1, so that 512 of them are 15 questions", () => {
    const { family } = fullTable();
    family.src.clear(family.src.find(0, 0), 512);
    const waits = always(true);
    family.mustBreak = waits.ask;
    expect(family.copy(0, 512)).toEqual({ ok: true, reached: 512, lockBreaks: 15 });
    expect(waits.asked).toBe(15);
  });

  test("non-present entries count 8 like present ones, and three of them with eight empty slots are 32", () => {
    const { family } = fullTable();
    const first = family.src.find(0, 0);
    family.src.clear(first, 512);
    for (let i = 0; i < 512; i += 11) setSoftleaf(family.src, first + i, 3, SWP_PTE_MARKER, Marker.guard);
    family.mustBreak = () => true;
    expect(family.copy(0, 44)).toEqual({ ok: true, reached: 44, lockBreaks: 3 });
    expect(readTables(family.dst).map((r) => [r.start, r.nr])).toEqual([0, 11, 22, 33].map((at) => [at, 3]));
  });

  test.each([
    [2, 127],
    [4, 127],
    [16, 31],
    [512, 0],
  ])(
    "batches of %d count 8 for each entry, and a break comes after a batch, never within: %d breaks",
    (batch, breaks) => {
      const { family } = fullTable();
      family.batch = batch;
      family.mustBreak = () => true;
      expect(family.copy(0, 512)).toMatchObject({ lockBreaks: breaks });
    },
  );

  test("the child's lock is taken first and dropped last, in every section", () => {
    const { family } = fullTable();
    family.mustBreak = () => true;
    family.copy(0, 12);
    expect(family.log.join(" ")).toBe(Array(3).fill("+child +parent -parent -child").join(" "));
  });

  test("what is read: the upper entries of both once each, the PMDs on the way to the tables again at every section", () => {
    const { family } = fullTable();
    family.dst.tally.fill(0);
    family.mustBreak = () => true;
    family.copy(0, 8);
    // The parent: PGD and PUD, which is asked twice, for huge and for empty, as the PMD is; the PMD once for each of the two
    // sections; an entry by the walk and by the copier.
    expect(family.src.tally[E.slotsRead]).toBe(1 + 2 + 2 + 2 + 8 * 2);
    // The child: PGD and PUD by p?d_alloc, again under the lock; the PMD by pte_alloc likewise, then by the two looks of
    // pte_offset_map_lock, and three looks for the second section.
    expect(family.dst.tally[E.slotsRead]).toBe(2 + 2 + 2 + 2 + 3);
  });
});

describe("room", () => {
  test("an entry that wants room is tried again after the locks were dropped, and that is no lock break", () => {
    const { family } = fullTable();
    const third = family.src.find(2, 0);
    family.refuses = (slot) => slot === third && family.rooms < 3;
    expect(family.copy(0, 512)).toEqual({ ok: true, reached: 512, lockBreaks: 0 });
    expect(family.rooms).toBe(3);
    expect(family.log.filter((s) => s === "+parent")).toHaveLength(4);
    expect(readTables(family.dst)).toEqual(readTables(family.src));
  });

  test("room is made once for an entry that is gone when the locks are held again", () => {
    const { family } = fullTable();
    const third = family.src.find(2, 0);
    family.refuses = (slot) => slot === third;
    family.room = () => {
      family.src.clear(third, 510);
      return family.rooms === 1;
    };
    expect(family.copy(0, 512)).toEqual({ ok: true, reached: 512, lockBreaks: 0 });
    expect(readTables(family.dst)).toEqual([{ start: 0, nr: 2, pfn: 0, attrs: A.young }]);
  });

  test("without memory the copy ends at that entry; what was copied stays, and no lock is held", () => {
    const { family } = fullTable();
    const far = family.src.find(300, 0);
    family.refuses = (slot) => slot === far;
    family.room = () => false;
    expect(family.copy(0, 2048)).toEqual({ ok: false, reached: 300, lockBreaks: 0 });
    expect(family.rooms).toBe(1);
    expect(readTables(family.dst)).toEqual([{ start: 0, nr: 300, pfn: 0, attrs: A.young }]);
  });

  test("progress begins at zero in every section, so that a retry copies its entry before anybody may break in", () => {
    const { family } = fullTable();
    const slot = family.src.find(4, 0);
    family.mustBreak = () => true;
    family.refuses = (s) => s === slot && family.rooms === 0;
    expect(family.copy(0, 12)).toEqual({ ok: true, reached: 12, lockBreaks: 2 });
  });
});

describe("what is in the way of a copy", () => {
  test("a huge entry that the copier copies is not gone into; one that it splits is copied entry by entry", () => {
    for (const splits of [false, true]) {
      const family = new Family(x86);
      family.splits = () => splits;
      mapLeaf(family.src, family.src.findOrMake(512, 1), 1, 1024, A.young);
      expect(family.copy(512, 1024).ok).toBe(true);
      expect(family.dst.kind(family.dst.find(512, 1), 1)).toBe(splits ? Kind.table : Kind.leaf);
      expect(readTables(family.dst)).toEqual([{ start: 512, nr: 512, pfn: 1024, attrs: A.young }]);
    }
  });

  test("a huge entry that is neither copied nor split is bad, and the parent loses it, as in Linux", () => {
    const family = new Family(x86);
    family.huge = () => false;
    mapLeaf(family.src, family.src.findOrMake(512, 1), 1, 1024, A.young);
    expect(family.copy(0, 1024).ok).toBe(true);
    expect(readTables(family.src)).toEqual([]);
  });

  test("a leaf in the child where a table is wanted ends the copy as want of memory does", () => {
    for (const level of [1, 2]) {
      const { family } = fullTable();
      setPtes(family.src, family.src.findOrMake(2 ** 18, 0), 512, A.young, 1);
      mapLeaf(family.dst, family.dst.findOrMake(2 ** 18, level), level, 0, A.young);
      expect(family.copy(0, 2 ** 19)).toEqual({ ok: false, reached: 2 ** 18, lockBreaks: 0 });
    }
  });

  test("a copier that throws leaves no lock behind", () => {
    const { family } = fullTable();
    family.refuses = () => {
      throw new Error("stop");
    };
    expect(() => family.copy(0, 512)).toThrow("stop");
    expect([family.src.locks.held, family.dst.locks.held]).toEqual([0, 0]);
  });

  test("an empty range copies nothing and makes no table", () => {
    const { family } = fullTable();
    expect(family.copy(5, 5)).toEqual({ ok: true, reached: 5, lockBreaks: 0 });
    expect(family.dst.tablesAt[0]).toBe(0);
  });
});

const SYNCED = ["x86-64", "x86-64-la57", "riscv-sv48", "riscv-sv57"] as const;

/** The kernel's tree with pages under three top entries of its half, and processes that share its machine. */
function kernelTrees(f: Format): { init: PageTable; mms: PageTable[]; base: number; top: number } {
  const make = newMachine(f);
  const [init, ...mms] = [make(), make(), make(), make()] as const;
  const top = init.span[init.levels - 1]!;
  const kernelHalf = f.roots.at(-1)!;
  const base = kernelHalf.last + 1 - 8 * top;
  for (const at of [0, 2, 3]) setPtes(init, init.findOrMake(base + at * top + 5, 0), 100 + at, A.young, 1);
  init.tally.fill(0);
  return { init, mms, base, top };
}

describe.each(SYNCED)("top entries of the kernel, %s", (name) => {
  const f = formatNamed(name);

  test("after it every tree maps what the kernel's maps, through the kernel's own tables", () => {
    const { init, mms, base, top } = kernelTrees(f);
    syncGlobalPgds(init, mms, base + 7, base + 8 * top);
    // Of the kernel's eight entries each is read once, and that of a process where the kernel has one.
    expect([init, ...mms].map((pt) => pt.tally[E.slotsRead])).toEqual([8, 3, 3, 3]);
    for (const mm of mms) {
      for (const at of [0, 2, 3]) expect(mm.find(base + at * top + 5, 0)).toBe(init.find(base + at * top + 5, 0));
      expect([1, 4, 7].map((at) => mm.find(base + at * top, mm.levels - 2))).toEqual([-1, -1, -1]);
      expect(mm.tally[E.slotsWritten]).toBe(3);
      expect([mm.tally[E.upperLocks], mm.locks.held, mm.tally[E.slotsRead]! - 2 * 3 * 0]).toEqual([
        3,
        0,
        expect.any(Number),
      ]);
    }
  });

  test("done twice it writes nothing more, and a page mapped later below a shared entry is there at once", () => {
    const { init, mms, base, top } = kernelTrees(f);
    for (let i = 0; i < 2; i++) syncGlobalPgds(init, mms, base, base + 8 * top);
    expect(mms.map((mm) => mm.tally[E.slotsWritten])).toEqual([3, 3, 3]);
    setPtes(init, init.findOrMake(base + 600, 0), 7, 0, 1);
    expect(mms.map((mm) => mm.pfn(mm.find(base + 600, 0)))).toEqual([7, 7, 7]);
  });

  test("only the top entries that the range touches are copied", () => {
    const { init, mms, base, top } = kernelTrees(f);
    syncGlobalPgds(init, mms, base + 3 * top - 1, base + 3 * top);
    expect([0, 2, 3].map((at) => mms[0]!.find(base + at * top + 5, 0) >= 0)).toEqual([false, true, false]);
  });

  test("an entry that differs is a broken invariant, and no lock is held then", () => {
    const { init, mms, base, top } = kernelTrees(f);
    mms[1]!.findOrMake(base + 2 * top, 0);
    expect(() => syncGlobalPgds(init, mms, base, base + 8 * top)).toThrow(BrokenInvariant);
    expect(mms.map((mm) => mm.locks.held)).toEqual([0, 0, 0]);
  });

  test("trees that give the shared entries up before they end leave the kernel's tables, and nothing else, behind", () => {
    const { init, mms, base, top } = kernelTrees(f);
    const kernels = init.tables.live - mms.length;
    syncGlobalPgds(init, mms, base, base + 8 * top);
    for (const mm of mms) {
      for (const at of [0, 2, 3]) mm.clear(mm.find(base + at * top, mm.levels - 1), 1, mm.levels - 1);
      mm.destroy();
    }
    expect(init.tables.live).toBe(kernels);
    expect(init.find(base + 5, 0)).toBeGreaterThan(0);
  });
});

describe("two functions for one thing", () => {
  test("the function for 4 levels refuses a tree of 5, whose top entries no P4D is", () => {
    const { init, mms, base, top } = kernelTrees(formatNamed("x86-64-la57"));
    expect(() => syncGlobalPgdsL4(init, mms, base, base + top)).toThrow(BrokenInvariant);
  });

  test("fewer levels than 4 are a mistake of the user, in a line that names the format", () => {
    const { init, mms, base, top } = kernelTrees(formatNamed("riscv-sv39"));
    expect(() => syncGlobalPgds(init, mms, base, base + top)).toThrow(UserError);
    expect(() => syncGlobalPgds(init, mms, base, base + top)).toThrow("4 or 5 levels; riscv-sv39 has 3");
  });
});
