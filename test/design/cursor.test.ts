import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import { type Format, SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { BrokenInvariant } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";
import { counts, E } from "../../src/base/tally.ts";
import { CursorMut, cursor, NativeCursor } from "../../src/design/cursor.ts";
import { advance, below, enter, entryEnd, findNext, jump, up } from "../../src/design/cursor-ops.ts";
import { cursorOverFolded, FoldedCursor, FoldedCursorMut } from "../../src/design/cursor-over-folded.ts";
import {
  attrsOf,
  type EntryPtr,
  entryPtr,
  kindOf,
  levelOf,
  nextEntry,
  slotOf,
  tablePtr,
} from "../../src/design/cursor-ptr.ts";
import { getKernelRoot, getRootForMm } from "../../src/design/cursor-roots.ts";
import type { Design, Fill, Installer } from "../../src/design/design.ts";
import { splitLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";
import { type Visitor, visit } from "../../src/pgtable/visit.ts";
import { bigPageTable, randomLayout, someRange } from "./layouts.ts";
import { plain } from "./plain.ts";

const SEEDS = Array.from({ length: 8 }, (_, i) => 2018 + i);
const everyFormat = formats.map((f) => [f.name, f] as const);
const natives: Design[] = [cursor, cursorOverFolded];

/** A table with a random layout; the same again for the same seed. */
function laidOut(f: Format, seed: number) {
  const rng = random(seed);
  const pt = bigPageTable(f);
  const window = randomLayout(pt, rng);
  pt.tally.fill(0);
  return { rng, pt, window };
}

function somePage(rng: Random, pt: PageTable, window: { base: number; pages: number }): number {
  const all = pt.span[pt.levels]!;
  return rng.pick([
    window.base + rng.below(window.pages),
    window.base,
    window.base + window.pages - 1,
    0,
    all - 1,
    Math.floor((rng.next() / 2 ** 32) * all),
  ]);
}

/** A digest of every word that the tree holds and of where it lies, to compare two trees. */
function words(pt: PageTable): string {
  let digest = 17;
  let entries = 0;
  const mix = (n: number) => {
    digest = Math.imul(digest ^ n, 0x9e3779b1) ^ (digest >>> 13);
  };
  const read = (table: number, level: number): void => {
    const first = table << pt.tables.slotsLg2;
    for (let slot = first; slot < first + 2 ** pt.format.indexLg2[level]!; slot++) {
      const kind = pt.kind(slot, level);
      if (kind === Kind.none) continue;
      entries++;
      for (const n of [slot, pt.lo(slot), pt.hi(slot)]) mix(n);
      if (kind === Kind.table) read(pt.child(slot, level), level - 1);
    }
  };
  read(pt.root, pt.levels - 1);
  return `${entries} entries ${digest >>> 0}, tables ${pt.tablesAt.join()}`;
}

describe.each(everyFormat)("pointers on %s", (_name, f) => {
  test("every level that the format has fits into the bits that the alignment of its entries leaves free", () => {
    const bits = f.entryBytes === 8 ? 3 : 2;
    expect(f.indexLg2.length).toBeLessThanOrEqual(2 ** bits);
    expect(levelOf(f, entryPtr(f, 5, 2 ** bits - 1))).toBe(2 ** bits - 1);
  });

  test("slot and level come back out of a pointer as they went in, up to the last slot that there can be", () => {
    const rng = random(7);
    const slots = [
      0,
      1,
      2 ** 28,
      2 ** 29 - 1,
      2 ** 29,
      2 ** 31 - 1,
      ...Array.from({ length: 200 }, () => rng.below(2 ** 31)),
    ];
    for (const slot of slots)
      for (let level = 0; level < f.indexLg2.length; level++) {
        for (const p of [entryPtr(f, slot, level), tablePtr(f, slot, level)])
          expect([slotOf(f, p), levelOf(f, p)]).toEqual([slot, level]);
        expect(Math.floor(entryPtr(f, slot, level) / f.entryBytes) * f.entryBytes).toBe(slot * f.entryBytes);
        expect(nextEntry(f, entryPtr(f, slot, level))).toBe(entryPtr(f, slot + 1, level));
      }
  });
});

test("four levels is all that entries of 4 bytes have room for, and eight all that those of 8 bytes have", () => {
  const [four, eight] = [formatNamed("x86-32"), formatNamed("x86-64")];
  expect(levelOf(four, entryPtr(four, 9, 4))).toBe(0);
  expect(levelOf(eight, entryPtr(eight, 9, 7))).toBe(7);
  expect(levelOf(eight, entryPtr(eight, 9, 8))).toBe(0);
});

test("a table and its first entry are one number and two types, and no number is either", () => {
  const pt = bigPageTable(formatNamed("x86-64"));
  const m = new CursorMut(pt);
  const c = m.moves;
  const first: number = c.entryAt(c.root, 0);
  expect(first).toBe(c.root);
  const refused = () => {
    // @ts-expect-error The root is a table: there is no entry above it that one could set, and so no fake CR3.
    m.map(c.root, 0, 0);
    // @ts-expect-error A table cannot be read as an entry,
    c.query(c.root);
    // @ts-expect-error nor can an entry be indexed as a table,
    c.entryAt(c.entryAt(c.root, 0), 0);
    // @ts-expect-error nor freed as one,
    m.free(c.entryAt(c.root, 0));
    // @ts-expect-error nor can a table that an entry still points to,
    m.free(c.descend(c.entryAt(c.root, 0)));
    // @ts-expect-error and what somebody has on the stack is not in a table.
    m.install(8, { kind: "marker", marker: Marker.guard }, 0);
    // @ts-expect-error What can only look has nothing that changes,
    c.map(c.entryAt(c.root, 0), 0, 0);
    // @ts-expect-error and does not lead to the page table either.
    c.words.write(0, 0, 0);
  };
  expect(refused).toBeTypeOf("function");
});

describe.each(everyFormat)("roots on %s", (_name, f) => {
  const trees = { mm: bigPageTable(f), init: bigPageTable(f) };
  const pages = trees.mm.span[trees.mm.levels]!;

  test("every page of every root belongs to the tree of the process, to the kernel's, or to both", () => {
    for (const root of f.roots)
      for (const vpn of [root.first, root.first + 1, root.last - 1, root.last]) {
        const found = [getRootForMm(trees.mm, vpn), getKernelRoot(trees.init, vpn)].filter((r) => r.found);
        expect(found.length, `page ${vpn} of ${root.name}`).toBeGreaterThan(0);
        for (const r of found) {
          expect(r.found && r.place).toBe(vpn % pages);
          expect(r.last).toBe(root.last);
        }
      }
  });

  test("just outside the roots there is no tree, and the answer says how far that goes", () => {
    const inside = (vpn: number) => f.roots.some((r) => r.first <= vpn && vpn <= r.last);
    const edges = f.roots.flatMap((r) => [r.first - 1, r.last + 1]).filter((vpn) => !inside(vpn));
    for (const vpn of [...edges, -1]) {
      for (const r of [getRootForMm(trees.mm, vpn), getKernelRoot(trees.init, vpn)]) {
        expect(r).toMatchObject({ found: false, why: "non-canonical" });
        expect(inside(r.last + 1) || r.last === Infinity).toBe(true);
        expect(inside(Math.min(r.last, 2 ** 53))).toBe(false);
      }
    }
  });

  test("a walk from the root that an address was given finds what was put at its place", () => {
    for (const { first, last } of f.roots)
      for (const vpn of [first, last]) {
        const r = getRootForMm(trees.mm, vpn);
        if (!r.found) continue;
        const slot = cursor.findOrMake(trees.mm, r.place, 0);
        const c = new NativeCursor(trees.mm);
        let at = c.entryAt(r.table, r.place);
        while (levelOf(f, at) > 0) at = below(c, at, r.place);
        expect(slotOf(f, at)).toBe(slot);
      }
  });
});

describe("roots", () => {
  const mm = (name: string) => bigPageTable(formatNamed(name));

  test("on arm64 a kernel address asked of a process is in the kernel's tree, and a user address asked of the kernel in the process's", () => {
    const [user, kernel] = [5, 2 ** 52 - 5];
    expect(getRootForMm(mm("arm64-4k"), user)).toMatchObject({ found: true, name: "TTBR0_EL1", place: 5 });
    expect(getRootForMm(mm("arm64-4k"), kernel)).toMatchObject({ found: false, why: "kernel's tree" });
    expect(getKernelRoot(mm("arm64-4k"), kernel)).toMatchObject({ found: true, name: "TTBR1_EL1", place: 2 ** 36 - 5 });
    expect(getKernelRoot(mm("arm64-4k"), user)).toMatchObject({ found: false, why: "user's tree" });
  });

  test("on x86-64 and riscv the process's own tree translates kernel addresses, with one hole between the halves", () => {
    for (const name of ["x86-64", "x86-64-la57", "riscv-sv39", "riscv-sv48", "riscv-sv57"]) {
      const pt = mm(name);
      const [low, high] = pt.format.roots;
      const half = pt.span[pt.levels]! / 2;
      expect(getRootForMm(pt, high!.first)).toMatchObject({ found: true, place: half });
      expect(getKernelRoot(pt, low!.last)).toMatchObject({ found: true, place: half - 1 });
      expect(getRootForMm(pt, half)).toEqual({ found: false, why: "non-canonical", last: high!.first - 1 });
    }
  });

  test("PAE's four roots are parts of one tree: a range is walked in four pieces, each root asked for with an address", () => {
    const pt = mm("x86-pae");
    const names: string[] = [];
    for (let vpn = 0; vpn < 2 ** 20; ) {
      const r = getRootForMm(pt, vpn);
      expect(r).toMatchObject({ found: true, place: vpn });
      if (r.found) names.push(r.name);
      vpn = r.last + 1;
    }
    expect(names).toEqual(["PDPTE0", "PDPTE1", "PDPTE2", "PDPTE3"]);
  });

  test("on s390 the same address has a root in either tree", () => {
    for (const name of ["s390", "s390-53", "s390-64"]) {
      expect(getRootForMm(mm(name), 77)).toMatchObject({ found: true, name: "user ASCE", place: 77 });
      expect(getKernelRoot(mm(name), 77)).toMatchObject({ found: true, name: "kernel ASCE", place: 77 });
    }
  });
});

describe.each(everyFormat)("moving on %s", (_name, f) => {
  test.each(SEEDS)(
    "a jump ends at the slot of the wanted level, or where the tables end, one read a step (seed %d)",
    (seed) => {
      const { rng, pt, window } = laidOut(f, seed);
      const c = new NativeCursor(pt);
      for (let i = 0; i < 60; i++) {
        const vpn = somePage(rng, pt, window);
        for (let level = 0; level < pt.levels; level++) {
          pt.tally.fill(0);
          const at = jump(c, vpn, level);
          const [found, reads] = [levelOf(f, at), pt.tally[E.slotsRead]!];
          expect(slotOf(f, at)).toBe(pt.find(vpn, found));
          const stopped = found > level ? 1 : 0;
          expect(reads).toBe(pt.levels - 1 - found + stopped);
          if (stopped) expect(pt.find(vpn, level)).toBe(-1);
          if (found > 0 && kindOf(c.query(at)) === Kind.table) expect(up(c, below(c, at, vpn), vpn)).toBe(at);
        }
      }
    },
  );

  test.each(SEEDS)("advancing leads to the entry that a jump from the root finds (seed %d)", (seed) => {
    const { rng, pt, window } = laidOut(f, seed);
    const c = new NativeCursor(pt);
    const [start, end] = someRange(pt, rng, window);
    let at = enter(c, start);
    for (let vpn = start; vpn < end; ) {
      if (kindOf(c.query(at)) === Kind.table) {
        at = below(c, at, vpn);
        continue;
      }
      expect(at).toBe(jump(c, vpn, levelOf(f, at)));
      vpn = entryEnd(c, at, vpn, end);
      at = advance(c, at, vpn, end);
    }
  });

  test.each(SEEDS)("the next entry that is not empty is that of a page by page search (seed %d)", (seed) => {
    const { rng, pt, window } = laidOut(f, seed);
    const c = new NativeCursor(pt);
    for (let i = 0; i < 6; i++) {
      const [start, end] = someRange(pt, rng, window);
      let want = -1;
      for (let vpn = start; vpn < end && want < 0; vpn++) if (kindAt(pt, vpn) !== Kind.none) want = vpn;
      const got = findNext(c, start, end);
      expect(got?.vpn ?? -1).toBe(want);
      if (got) expect(kindOf(got.seen)).toBe(kindAt(pt, want));
      expect(pt.locks.held).toBe(0);
    }
  });
});

/** Kind of the lowest entry for a page. */
function kindAt(pt: PageTable, vpn: number): Kind {
  for (let level = 0; ; level++) {
    const slot = pt.find(vpn, level);
    if (slot >= 0) return pt.kind(slot, level);
  }
}

/** A visitor that writes down what it is called with, and splits and frees at random but alike for the same seed. */
function recorder(pt: PageTable, seed: number, changes: boolean): { log: string[]; visitor: Visitor } {
  const rng = random(seed);
  const log: string[] = [];
  return {
    log,
    visitor: {
      huge: (slot, level, from, to) => {
        log.push(`huge ${slot} ${level} ${from} ${to}`);
        if (changes && rng.below(2) && pt.kind(slot, level) === Kind.leaf) splitLeaf(pt, slot, level);
      },
      table: (level, from) => log.push(`table ${level} ${from}`),
      ptes: (slot, from, nr) => log.push(`ptes ${slot} ${from} ${nr}`),
      leaveTable: (slot, from, to) => {
        log.push(`leave ${slot} ${from} ${to}`);
        if (!changes || rng.below(2)) return;
        const first = pt.child(slot, 1) << pt.tables.slotsLg2;
        for (let i = first; i < first + pt.span[1]!; i++) if (pt.kind(i, 0) !== Kind.none) return;
        const table = pt.child(slot, 1);
        pt.clear(slot, 1, 1);
        pt.dropTable(table, 0);
      },
    },
  };
}

describe.each(natives.map((d, i) => [i ? "over folded" : "native", d] as const))("the design, %s", (_how, design) => {
  describe.each(everyFormat)("on %s", (_name, f) => {
    test.each(SEEDS)(
      "a visit makes the calls of the slow twin, also to a visitor that splits and frees (seed %d)",
      (seed) => {
        for (const changes of [false, true]) {
          const [ours, twins] = [laidOut(f, seed), laidOut(f, seed)];
          for (let i = 0; i < 6; i++) {
            const [start, end] = someRange(ours.pt, ours.rng, ours.window);
            const [got, want] = [recorder(ours.pt, i, changes), recorder(twins.pt, i, changes)];
            design.visit(ours.pt, start, end, got.visitor);
            visit(twins.pt, start, end, want.visitor);
            expect(got.log).toEqual(want.log);
          }
          expect(words(ours.pt)).toBe(words(twins.pt));
        }
      },
    );

    test.each(SEEDS)("slots are found, and made, as the page table itself finds and makes them (seed %d)", (seed) => {
      const [ours, twins] = [laidOut(f, seed), laidOut(f, seed)];
      for (let i = 0; i < 40; i++) {
        const vpn = somePage(ours.rng, ours.pt, ours.window);
        const level = ours.rng.below(ours.pt.levels);
        expect(design.find(ours.pt, vpn, level)).toBe(twins.pt.find(vpn, level));
        if (i % 4 === 0) expect(design.findOrMake(ours.pt, vpn, level)).toBe(twins.pt.findOrMake(vpn, level));
      }
      expect(words(ours.pt)).toBe(words(twins.pt));
    });

    test.each(SEEDS)("the reading walks report what is read page by page from the root (seed %d)", (seed) => {
      const { rng, pt, window } = laidOut(f, seed);
      for (let i = 0; i < 3; i++) {
        const [start, end] = someRange(pt, rng, window);
        expect(design.countPages(pt, start, end)).toEqual(plain.countPages(pt, start, end));
        expect(design.pagemap(pt, start, end)).toEqual(plain.pagemap(pt, start, end));
        expect(design.mincore(pt, start, end)).toEqual(plain.mincore(pt, start, end));
        expect(pt.locks.held).toBe(0);
      }
    });

    test.each(SEEDS.slice(0, 4))(
      "filling leaves the translations of a page by page fill, whether it is let through or stopped (seed %d)",
      (seed) => {
        const [ours, twins] = [laidOut(f, seed), laidOut(f, seed)];
        for (let i = 0; i < 4; i++) {
          const [start, end] = someRange(ours.pt, ours.rng, ours.window);
          const fill: Fill =
            i % 2
              ? { kind: "leaf", pfn: 2 ** 13 * (i + 1), attrs: A.write | A.young | A.dirty }
              : { kind: "marker", marker: Marker.guard };
          const stopAfter = ours.rng.below(3) ? Infinity : ours.rng.below(60);
          const got = design.install(ours.pt, start, end, { fill, keep: upTo(stopAfter) });
          const want = plain.install(twins.pt, start, end, { fill, keep: onceEach(upTo(stopAfter)) });
          expect(got).toEqual(want);
          expect(ours.pt.locks.held).toBe(0);
          expect(design.pagemap(ours.pt, start, end)).toEqual(plain.pagemap(twins.pt, start, end));
        }
      },
    );
  });
});

/** Lets so many entries stay, then ends the walk. */
function upTo(n: number): Installer["keep"] {
  let left = n;
  return () => left-- > 0;
}

/** Asks once for an entry, however many pages it has: the slow twin comes to a leaf of many pages as often. */
function onceEach(keep: Installer["keep"]): Installer["keep"] {
  const answers = new Map<number, boolean>();
  return (slot, level) => {
    if (!answers.has(slot)) answers.set(slot, keep(slot, level));
    return answers.get(slot)!;
  };
}

describe.each(everyFormat)("the two cursors on %s", (_name, f) => {
  test.each(SEEDS)("stand at the same pointers and see the same values (seed %d)", (seed) => {
    const { rng, pt, window } = laidOut(f, seed);
    const [native, old] = [new NativeCursor(pt), new FoldedCursor(pt)];
    for (let i = 0; i < 60; i++) {
      const vpn = somePage(rng, pt, window);
      const level = rng.below(pt.levels);
      const at = jump(native, vpn, level);
      expect(jump(old, vpn, level)).toBe(at);
      expect(old.query(at)).toBe(native.query(at));
      expect(old.pfn(at)).toBe(native.pfn(at));
    }
  });

  test.each(SEEDS)(
    "differ in reads by one for each PTE table gone into, where pte_offset_map looks at the PMD again (seed %d)",
    (seed) => {
      const { rng, pt, window } = laidOut(f, seed);
      for (let i = 0; i < 4; i++) {
        const [start, end] = someRange(pt, rng, window);
        let tables = 0;
        visit(pt, start, end, { leaveTable: () => tables++ });
        for (const walk of ["countPages", "pagemap", "mincore"] as const) {
          const reads = natives.map((design) => cost(pt, () => design[walk](pt, start, end)).slotsRead);
          expect(reads[1]! - reads[0]!).toBe(tables);
        }
      }
    },
  );

  test("differ by one more read for each table made, where the alloc functions look before they make", () => {
    const made = natives.map((design) => {
      const pt = bigPageTable(f);
      return cost(pt, () => design.findOrMake(pt, 3 * pt.span[1]!, 0));
    });
    const tables = made[0]!.tablesAllocated;
    expect(tables).toBe(f.indexLg2.length - 1);
    expect(made[1]!.slotsRead - made[0]!.slotsRead).toBe(tables + 1);
    expect({ ...made[1], slotsRead: 0 }).toEqual({ ...made[0], slotsRead: 0 });
  });
});

function cost(pt: PageTable, work: () => void): ReturnType<typeof counts> {
  const before = pt.tally.slice();
  work();
  return counts(pt.tally, before);
}

describe("costs", () => {
  /** x86-64 with as many full PTE tables from page 0. */
  function full(tables: number): PageTable {
    const pt = bigPageTable(formatNamed("x86-64"));
    for (let i = 0; i < tables; i++) setPtes(pt, pt.findOrMake(i * 512, 0), i * 512, A.young, 512);
    return pt;
  }

  test("one gigabyte of small pages is read with one look at each entry and one lock a table, and no call through a pointer", () => {
    const pt = full(512);
    const got = cost(pt, () => cursor.countPages(pt, 0, 512 * 512));
    expect(got).toMatchObject({
      slotsRead: 262144 + 512 + 2,
      pteLocks: 512,
      upperLocks: 0,
      indirectCalls: 0,
      slotsWritten: 0,
    });
    expect(got.slotsRead).toBe(262658);
    expect(cost(pt, () => cursorOverFolded.countPages(pt, 0, 512 * 512)).slotsRead).toBe(263170);
  });

  test("going up costs one read where a table of level 1 ends on 4 levels, and nothing where a PTE table ends", () => {
    const pt = full(3 * 512);
    const [ours, twins] = [
      cost(pt, () => cursor.visit(pt, 0, 3 * 2 ** 18, {})).slotsRead,
      cost(pt, () => visit(pt, 0, 3 * 2 ** 18, {})).slotsRead,
    ];
    expect(twins).toBe(3 * 513 + 1);
    expect(ours - twins).toBe(2);
  });

  test("a visitor that wants no PTEs costs no lock, and a huge entry is looked at again only where somebody was told of it", () => {
    const pt = full(2);
    expect(cost(pt, () => cursor.visit(pt, 0, 1024, { leaveTable: () => {} })).pteLocks).toBe(0);
    const m = new CursorMut(pt);
    m.map(jump(m.moves, 1024, 1), 512 * 9, A.young);
    expect(cost(pt, () => cursor.visit(pt, 1024, 1536, {})).slotsRead).toBe(3);
    expect(cost(pt, () => cursor.visit(pt, 1024, 1536, { huge: () => {} })).slotsRead).toBe(4);
  });

  test("an entry of a contiguous block is read with all of its block, whoever asks", () => {
    const pt = bigPageTable(formatNamed("arm64-4k"));
    setPtes(pt, pt.findOrMake(0, 0), 0, A.young, 16);
    for (const walk of ["countPages", "pagemap", "mincore"] as const)
      expect(cost(pt, () => cursor[walk](pt, 0, 1)).slotsRead).toBe(3 + 1 + 16);
  });
});

describe.each([
  ["native", (pt: PageTable) => new CursorMut(pt)],
  ["over folded", (pt: PageTable) => new FoldedCursorMut(pt)],
] as const)("changing, %s", (_how, cursorOn) => {
  describe.each(everyFormat)("on %s", (_name, f) => {
    /** A mutating cursor and its entry of a level for a page, with the tables above made. */
    function entryFor(vpn: number, level: number): { m: CursorMut; pt: PageTable; at: EntryPtr } {
      const pt = bigPageTable(f);
      const m = cursorOn(pt);
      let at = enter(m.moves, vpn);
      while (levelOf(f, at) > level) {
        m.populate(at);
        at = below(m.moves, at, vpn);
      }
      return { m, pt, at };
    }

    test("what is mapped with a leaf of any level is taken out as it was, and leaves nothing behind", () => {
      for (let level = 0; level <= f.maxLeafLevel; level++) {
        const { m, pt, at } = entryFor(pagesUnder(f, level + 1), level);
        const empty = words(pt);
        const pfn = pagesUnder(f, level) * 3;
        locked(m, at, () => m.map(at, pfn, A.write | A.young));
        const want = { kind: "leaf", level, pfn, attrs: A.write | A.young | (f.noExec ? 0 : A.exec) };
        expect(locked(m, at, () => m.take(at))).toEqual(want);
        expect(locked(m, at, () => m.take(at))).toEqual({ kind: "none" });
        expect(kindOf(m.moves.query(at))).toBe(Kind.none);
        expect(pt.locks.held).toBe(0);
        if (level !== 1) expect(words(pt)).toBe(empty);
      }
    });

    test("protecting a leaf returns what it allowed before, and changes nothing else of it", () => {
      for (let level = 0; level <= f.maxLeafLevel; level++) {
        const { m, at } = entryFor(0, level);
        locked(m, at, () => m.map(at, 0, A.write | A.young | A.dirty));
        expect(locked(m, at, () => m.protect(at, 0, A.write)) & (A.write | A.young | A.dirty)).toBe(
          A.write | A.young | A.dirty,
        );
        expect(attrsOf(m.moves.query(at)) & (A.write | A.young | A.dirty)).toBe(A.young | A.dirty);
        expect(() => m.protect(nextEntry(f, at), 0, A.write)).toThrow(BrokenInvariant);
      }
    });

    test("a split returns the table that took the leaf's place, whose entries map the same frames", () => {
      for (let level = 1; level <= f.maxLeafLevel; level++) {
        const { m, pt, at } = entryFor(0, level);
        m.map(at, pagesUnder(f, level), A.young);
        const table = m.split(at);
        expect(table).toBe(m.moves.descend(at));
        expect(levelOf(f, table)).toBe(level - 1);
        for (const i of [0, 1, 2 ** f.indexLg2[level - 1]! - 1]) {
          const entry = m.moves.entryAt(table, i * pt.span[level - 1]!);
          expect(m.moves.pfn(entry)).toBe(pt.span[level]! + i * pt.span[level - 1]!);
        }
      }
    });

    test("a table is taken with what is in it, and freed only when that has been taken too", () => {
      const { m, pt, at } = entryFor(0, 1);
      m.populate(at);
      const live = pt.tables.live;
      const pte = below(m.moves, at, 3);
      locked(m, pte, () => m.install(pte, { kind: "marker", marker: Marker.guard }, 0));
      const taken = m.take(at);
      expect(taken.kind).toBe("table");
      if (taken.kind !== "table") return;
      expect(m.take(at)).toEqual({ kind: "none" });
      expect(() => m.free(taken.table)).toThrow("something in it");
      const marker = { kind: "softleaf", type: SWP_PTE_MARKER, offset: Marker.guard };
      expect(locked(m, pte, () => m.take(pte))).toEqual(marker);
      m.free(taken.table);
      expect(pt.tables.live).toBe(live - 1);
    });

    test("populating an entry that has a table, or a leaf, changes nothing", () => {
      const { m, pt, at } = entryFor(0, 1);
      m.populate(at);
      const before = words(pt);
      m.populate(at);
      expect(m.moves.descend(at)).toBe(m.moves.descend(at));
      expect(pt.tablesAt[0]).toBe(1);
      expect(words(pt)).toBe(before);
    });

    test("an entry of level 0 is not changed without its table's lock, and nothing is mapped over what is there", () => {
      const { m, at } = entryFor(0, 0);
      expect(() => m.map(at, 0, 0)).toThrow("without its table's lock");
      expect(() => m.install(at, { kind: "marker", marker: Marker.guard }, 0)).toThrow("without its table's lock");
      locked(m, at, () => m.map(at, 0, A.young));
      expect(() => m.take(at)).toThrow("without its table's lock");
      expect(() => m.protect(at, 0, A.write)).toThrow("without its table's lock");
      locked(m, at, () => expect(() => m.map(at, 1, A.young)).toThrow("something is mapped"));
    });
  });
});

function pagesUnder(f: Format, level: number): number {
  return 2 ** f.indexLg2.slice(0, level).reduce((sum, lg2) => sum + lg2, 0);
}

/** Does something with the lock of the entry's table, if that is a PTE table. */
function locked<T>(m: CursorMut, at: EntryPtr, work: () => T): T {
  const f = m.moves.format;
  if (levelOf(f, at) > 0) return work();
  m.moves.lock(tablePtr(f, slotOf(f, at), 0));
  try {
    return work();
  } finally {
    m.moves.unlock(tablePtr(f, slotOf(f, at), 0));
  }
}

test.each(natives.map((d, i) => [i ? "over folded" : "native", d] as const))(
  "no lock stays behind when a visitor or an installer throws (%s)",
  (_how, design) => {
    const pt = bigPageTable(formatNamed("x86-64"));
    setPtes(pt, pt.findOrMake(0, 0), 0, A.young, 3);
    const boom = () => {
      throw new Error("boom");
    };
    expect(() => design.visit(pt, 0, 9, { ptes: boom })).toThrow("boom");
    expect(pt.locks.held).toBe(0);
    const fill: Fill = { kind: "marker", marker: Marker.guard };
    expect(() => design.install(pt, 0, 9, { fill, keep: boom })).toThrow("boom");
    expect(pt.locks.held).toBe(0);
  },
);

test("an empty range is no walk at all, and one that ends with the tree ends there", () => {
  for (const f of formats) {
    const pt = bigPageTable(f);
    const all = pt.span[pt.levels]!;
    const calls: number[] = [];
    cursor.visit(pt, 5, 5, { table: (level) => calls.push(level) });
    expect(pt.tally[E.slotsRead]).toBe(0);
    expect(
      cursor.install(pt, all - 1, all, { fill: { kind: "marker", marker: Marker.guard }, keep: () => false }),
    ).toEqual({ pages: 1, stopped: -1 });
    cursor.visit(pt, all - 2, all, { ptes: (_slot, start, nr) => calls.push(start, nr) });
    expect(calls).toEqual([all - 2, 2]);
  }
});

test("every name that the page of review points puts into a file is declared in that file", () => {
  const root = path.resolve(import.meta.dirname, "../..");
  const page = readFileSync(path.join(root, "site/content/docs/review-2018.md"), "utf8").replace(/\s+/g, " ");
  const wrong: string[] = [];
  let named = 0;
  for (const [, names, file] of page.matchAll(/((?:`\w+`(?:,? and |, )?)+) in `(src\/[^`]+)`/g)) {
    const source = existsSync(path.join(root, file!)) ? readFileSync(path.join(root, file!), "utf8") : "";
    for (const [, name] of names!.matchAll(/`(\w+)`/g)) {
      named++;
      if (!new RegExp(`export (abstract )?(const|function|class|interface|type) ${name}\\b`).test(source))
        wrong.push(`${name} in ${file}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(named).toBeGreaterThan(30);
});
