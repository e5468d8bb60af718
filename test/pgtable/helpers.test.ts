import { describe, expect, test } from "vitest";
import { arm64_4k } from "../../src/arch/arm64.ts";
import { A, attrText, Kind } from "../../src/arch/entry.ts";
import type { Format } from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { BrokenInvariant } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";
import { E, newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import type { ContpteRules } from "../../src/pgtable/contpte-rules.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import {
  clearFlushYoungPtes,
  clearPtes,
  modifyProtCommitPtes,
  modifyProtStartPtes,
  pteClear,
  ptepGet,
  ptepGetLockless,
  ptepSetAccessFlags,
  ptepSetWrprotect,
  ptepTestAndClearYoung,
  setPte,
  setPtes,
  testAndClearYoungPtes,
  wrprotectPtes,
} from "../../src/pgtable/ptep.ts";
import { entryText, newPageTable, TOTAL } from "./bench.ts";
import { type SlowEntry, SlowTable } from "./slow-contpte.ts";

const YD = A.young | A.dirty;
const PAGES = 64;
const SEEDS = Array.from({ length: 10 }, (_, i) => 900 + i);

interface Bench {
  readonly pt: PageTable;
  readonly first: number;
  readonly head: number;
}

/** One folio of 64 pages and the slots for it. */
function bench(format: Format = arm64_4k, rules: Partial<ContpteRules> = {}): Bench {
  const frames = new Frames(TOTAL);
  const tables = new Tables(Math.max(...format.indexLg2), TOTAL);
  const pt = new PageTable({ format, tables, frames, tally: newTally(), contpte: true, contpteRules: rules });
  return { pt, first: pt.findOrMake(2 * pt.span[1]!, 0), head: frames.alloc(6) };
}

function full(attrs: number, rules: Partial<ContpteRules> = {}, format: Format = arm64_4k): Bench {
  const b = bench(format, rules);
  setPtes(b.pt, b.first, b.head, attrs, PAGES);
  return b;
}

/** What hardware does: it notes on one entry. */
function note(pt: PageTable, slot: number, bits: number): void {
  const [f, attrs, pfn] = [pt.format, pt.attrs(slot) | bits, pt.pfn(slot)];
  pt.write(slot, f.leafLo(pfn, attrs, 0), f.leafHi(pfn, attrs, 0));
}

function counted(pt: PageTable, event: number, act: () => void): number {
  const before = pt.tally[event]!;
  act();
  return pt.tally[event]! - before;
}

function folded(b: Bench): number[] {
  return Array.from({ length: 4 }, (_, i) => (b.pt.attrs(b.first + 16 * i) & A.cont ? 1 : 0));
}

describe("clearing accessed, against the slow twin", () => {
  /** Some blocks folded and some not, some entries gone, notes here and there. */
  function scatter(b: Bench, slow: SlowTable, rng: Random): void {
    slow.setPtes(0, b.head, A.write, PAGES);
    for (let i = 0; i < 6; i++) {
      const at = rng.below(PAGES);
      if (rng.below(2)) continue;
      clearPtes(b.pt, b.first + at, 1);
      slow.clear(at, 1);
    }
    for (let i = 0; i < 20; i++) {
      const at = rng.below(PAGES);
      if (slow.leaf(at) === null) continue;
      const bits = rng.pick([A.young, YD]);
      note(b.pt, b.first + at, bits);
      slow.leaf(at)!.attrs |= bits;
    }
  }

  test.each(SEEDS)("of a run, its result and every word are those of the twin (seed %d)", (seed) => {
    const rng = random(seed);
    const b = full(A.write);
    const slow = new SlowTable(true, (pfn) => b.pt.frames.head(pfn));
    scatter(b, slow, rng);
    for (let i = 0; i < 40; i++) {
      const at = rng.below(PAGES);
      const nr = rng.pick([1, 1, 2, 15, 16, 17]);
      const leaves = Array.from({ length: nr }, (_, k) => slow.leaf(at + k));
      if (leaves.some((e) => e === null)) continue;
      const [got, want] = [testAndClearYoungPtes(b.pt, b.first + at, nr), slow.testAndClearYoung(at, nr)];
      expect([seed, at, nr, got]).toEqual([seed, at, nr, want]);
      for (let k = 0; k < PAGES; k++) {
        const e = slow.leaf(k);
        if (e !== null) expect([k, b.pt.attrs(b.first + k)]).toEqual([k, e.attrs]);
      }
    }
  });

  test("of one page in a block clears the block, unfolds nothing, and flushes the block once", () => {
    const b = full(A.write | A.young);
    expect(counted(b.pt, E.flushPages, () => expect(clearFlushYoungPtes(b.pt, b.first + 20, 1)).toBe(true))).toBe(16);
    expect([folded(b), b.pt.tally[E.contpteUnfolds]]).toEqual([[1, 1, 1, 1], 0]);
    const old = Array.from({ length: PAGES }, (_, i) => (b.pt.attrs(b.first + i) & A.young ? 0 : 1));
    expect(old.indexOf(1)).toBe(16);
    expect(old.lastIndexOf(1)).toBe(31);
  });

  test("of what is old already flushes nothing and says so", () => {
    const b = full(A.write);
    expect(counted(b.pt, E.flushRanges, () => expect(clearFlushYoungPtes(b.pt, b.first, 40)).toBe(false))).toBe(0);
  });

  test("of a PROT_NONE page with the contiguous bit clears that page alone", () => {
    const b = full(A.protnone | A.young);
    expect(ptepTestAndClearYoung(b.pt, b.first + 3)).toBe(true);
    expect([2, 3, 4].map((i) => b.pt.attrs(b.first + i) & A.young)).toEqual([A.young, 0, A.young]);
  });

  test("flushes on arm64 and s390 and not on x86 and riscv, whose TLBs may keep a stale accessed", () => {
    const flushes = (f: Format) => {
      const b = full(A.write | A.young, {}, f);
      return counted(b.pt, E.flushPages, () => clearFlushYoungPtes(b.pt, b.first, PAGES));
    };
    for (const f of formats) expect([f.name, flushes(f)]).toEqual([f.name, /x86|riscv/.test(f.name) ? 0 : PAGES]);
  });
});

describe.each(formats.filter((f) => f.contpte).map((f) => [f.name, f] as const))("blocks of %s", (_name, f) => {
  const block = 2 ** f.contLg2[0]!;
  const entries = 2 ** f.indexLg2[0]!;

  test.each([1, 2, 3])("fold and unfold as the slow twin says, up to the last entry of the table (seed %d)", (seed) => {
    const rng = random(seed);
    const pt = newPageTable(f);
    const head = pt.frames.alloc(9);
    const first = pt.findOrMake(2 * pt.span[1]!, 0);
    const slow = new SlowTable(true, (pfn) => pt.frames.head(pfn), block, entries);
    for (let i = 0; i < 120; i++) {
      const at = Math.min(entries - 1, rng.below(entries / block) * block + rng.pick([0, 0, 1, block - 1]));
      const nr = Math.min(entries - at, 512 - (at % 512), rng.pick([1, 1, block - 1, block, block + 1, 2 * block]));
      clearPtes(pt, first + at, nr);
      slow.clear(at, nr);
      const [pfn, attrs] = [head + (at % 512), rng.pick([A.write, A.exec]) | (rng.next() & YD)];
      const step = rng.pick([1, nr]);
      for (let k = 0; k < nr; k += step) {
        setPtes(pt, first + at + k, pfn + k, attrs, step);
        slow.setPtes(at + k, pfn + k, attrs, step);
      }
      if (rng.below(3) === 0) wrprotectPtes(pt, first + at, nr);
      else continue;
      slow.wrprotect(at, nr);
    }
    const text = (e: SlowEntry) => (e === null ? "-" : "pfn" in e ? `${e.pfn} ${attrText(e.attrs)}` : "soft");
    expect(Array.from({ length: entries }, (_, k) => entryText(pt, first + k))).toEqual(slow.entries.map(text));
    expect([pt.tally[E.contpteFolds], pt.tally[E.contpteUnfolds]]).toEqual([slow.folds, slow.unfolds]);
    expect(slow.folds).toBeGreaterThan(10);
  });
});

describe("ptep_get_lockless", () => {
  test("reads what ptep_get reads when nobody writes", () => {
    const b = full(A.write);
    note(b.pt, b.first + 5, YD);
    clearPtes(b.pt, b.first + 40, 1);
    for (let i = 0; i < PAGES; i++) expect(ptepGetLockless(b.pt, b.first + i)).toEqual(ptepGet(b.pt, b.first + i));
  });

  test("never returns a mix of the block before and after an unfold that comes in its midst", () => {
    for (let when = 0; when < 20; when++) {
      const b = full(A.write);
      note(b.pt, b.first + 5, YD);
      let reads = 0;
      const raced = () => {
        if (reads++ === when) clearPtes(b.pt, b.first + 15, 1);
      };
      const pte = ptepGetLockless(b.pt, b.first + 2, raced);
      expect([when, pte.kind, pte.pfn, pte.attrs & YD]).toEqual([when, Kind.leaf, b.head + 2, YD]);
      // Unfolded in its midst, it begins again and finds a plain entry; afterwards, it had finished.
      expect((pte.attrs & A.cont) !== 0).toBe(when >= 16);
    }
  });

  test("begins again as often as the writer interferes, and ends when the writer does", () => {
    const b = full(A.write);
    let toggles = 7;
    const raced = () => {
      if (toggles-- <= 0) return;
      const { pfn, attrs } = modifyProtStartPtes(b.pt, b.first, 16);
      modifyProtCommitPtes(b.pt, b.first, pfn, attrs ^ A.exec, 16);
    };
    const reads = counted(b.pt, E.slotsRead, () => {
      expect(ptepGetLockless(b.pt, b.first + 2, raced).attrs & A.exec).toBe(A.exec);
    });
    expect(reads).toBeGreaterThan(17);
  });

  test("that a writer never lets finish is a broken invariant, not an endless loop", () => {
    const b = full(A.write);
    let exec = false;
    const raced = () => {
      exec = !exec;
      const { pfn, attrs } = modifyProtStartPtes(b.pt, b.first, 16);
      modifyProtCommitPtes(b.pt, b.first, pfn, exec ? attrs | A.exec : attrs & ~A.exec, 16);
    };
    expect(() => ptepGetLockless(b.pt, b.first + 2, raced)).toThrow(BrokenInvariant);
  });
});

describe("the early stop of ptep_get", () => {
  const reads = (rules: Partial<ContpteRules>, notes: [number, number][]) => {
    const b = full(A.write, rules);
    for (const [i, bits] of notes) note(b.pt, b.first + i, bits);
    return counted(b.pt, E.slotsRead, () => ptepGet(b.pt, b.first + 9));
  };
  const stops = { gatherStops: true };

  test("reads the entry and then the block up to where both have been seen; before, always 1 + 16", () => {
    expect(reads(stops, [[0, YD]])).toBe(2);
    expect(
      reads(stops, [
        [3, A.young],
        [7, A.dirty],
      ]),
    ).toBe(9);
    expect(reads(stops, [[3, A.young]])).toBe(17);
    for (const notes of [[[0, YD]], []] as [number, number][][]) expect(reads({}, notes)).toBe(17);
  });

  test.each(SEEDS)("reports what the full read reports (seed %d)", (seed) => {
    const rng = random(seed);
    const [a, b] = [full(A.write, stops), full(A.write)];
    for (let i = 0; i < 4; i++) {
      const [at, bits] = [rng.below(PAGES), rng.pick([A.young, A.dirty, YD])];
      note(a.pt, a.first + at, bits);
      note(b.pt, b.first + at, bits);
    }
    for (let i = 0; i < PAGES; i++) {
      expect(ptepGet(a.pt, a.first + i)).toEqual(ptepGet(b.pt, b.first + i));
      expect(ptepGetLockless(a.pt, a.first + i)).toEqual(ptepGet(b.pt, b.first + i));
    }
  });
});

describe("BBML2", () => {
  test("leaves out the invalidation of a fold and of an unfold, and changes neither words nor other counts", () => {
    const run = (bbml2: boolean) => {
      const b = full(A.write, { bbml2 });
      for (let i = 0; i < 16; i++) setPtes(b.pt, b.first + i, b.head + i, A.write | A.young, 1);
      const flushes = b.pt.tally[E.flushRanges]!;
      const rest = [...b.pt.tally].map((n, e) => (e === E.flushRanges || e === E.flushPages ? 0 : n));
      const words = Array.from({ length: PAGES }, (_, i) => entryText(b.pt, b.first + i));
      return { flushes, rest, words };
    };
    const [without, having] = [run(false), run(true)];
    expect([without.flushes, having.flushes]).toEqual([2, 0]);
    expect([having.rest, having.words]).toEqual([without.rest, without.words]);
  });
});

describe("ptep_set_access_flags", () => {
  /** The neighbour has the notes; the entry itself lacks them. */
  const afterNeighbour = (rules: Partial<ContpteRules>) => {
    const b = full(A.write, rules);
    note(b.pt, b.first + 4, YD);
    return { b, changed: ptepSetAccessFlags(b.pt, b.first + 2, YD) };
  };

  test("before the fix of 2026 does nothing if a neighbour's entry has what is asked, so that who looks at one entry faults again", () => {
    const { b, changed } = afterNeighbour({});
    expect([changed, b.pt.attrs(b.first + 2) & YD]).toEqual([false, 0]);
  });

  test("with the fix brings every entry of the block up to what is asked", () => {
    const { b, changed } = afterNeighbour({ noopByEntry: true });
    expect(changed).toBe(true);
    for (let i = 0; i < 16; i++) expect(b.pt.attrs(b.first + i) & YD).toBe(YD);
    expect(ptepSetAccessFlags(b.pt, b.first + 2, YD)).toBe(false);
    expect(folded(b)).toEqual([1, 1, 1, 1]);
  });

  test.each(SEEDS)("reads alike with and without the fix (seed %d)", (seed) => {
    const rng = random(seed);
    const [a, b] = [full(0, { noopByEntry: true }), full(0)];
    for (let i = 0; i < 60; i++) {
      const [at, add] = [rng.below(PAGES), rng.pick([A.young, YD, YD | A.write])];
      for (const x of [a, b]) {
        if (add === A.young) note(x.pt, x.first + at, A.young);
        else ptepSetAccessFlags(x.pt, x.first + at, add);
      }
      const seen = (x: Bench) => Array.from({ length: PAGES }, (_, k) => ptepGet(x.pt, x.first + k).attrs);
      expect(seen(a)).toEqual(seen(b));
    }
  });
});

describe("single entries", () => {
  test("what hardware notes between the load and the exchange of ptep_set_wrprotect is kept", () => {
    for (const f of formats) {
      const b = full(A.write, {}, f);
      const slot = b.first + 7;
      ptepSetWrprotect(b.pt, slot, () => note(b.pt, slot, YD));
      expect([f.name, b.pt.attrs(slot) & (A.write | YD)]).toEqual([f.name, YD]);
    }
  });

  test("pte_clear unfolds the block and leaves its neighbours mapped", () => {
    const b = full(A.write);
    pteClear(b.pt, b.first + 7);
    expect([b.pt.kind(b.first + 7, 0), b.pt.kind(b.first + 8, 0), b.pt.tally[E.contpteUnfolds]]).toEqual([
      Kind.none,
      Kind.leaf,
      1,
    ]);
  });

  test("set_pte never folds, strips the contiguous bit, and is a broken invariant in a block", () => {
    const b = bench();
    for (let i = 0; i < 16; i++) setPte(b.pt, b.first + i, b.head + i, A.write | A.cont);
    expect(folded(b)).toEqual([0, 0, 0, 0]);
    setPtes(b.pt, b.first + 16, b.head + 16, A.write, 16);
    expect(() => setPte(b.pt, b.first + 16, b.head, A.write)).toThrow(/part of a contiguous block/);
  });

  test("modify_prot_start and commit of whole blocks unfold none and fold them again, of single entries one each", () => {
    const protect = (nr: number) => {
      const b = full(A.write | YD);
      const start = { ...b.pt.tally };
      for (let i = 0; i < PAGES; i += nr) {
        const { pfn, attrs } = modifyProtStartPtes(b.pt, b.first + i, nr);
        modifyProtCommitPtes(b.pt, b.first + i, pfn, attrs & ~A.write, nr);
      }
      const since = (e: number) => b.pt.tally[e]! - start[e]!;
      return [since(E.contpteUnfolds), since(E.contpteFolds), since(E.flushRanges)];
    };
    // Why mprotect got batches in 6.17: an unfold and a fold for each block, against neither and no invalidation.
    expect([protect(1), protect(PAGES)]).toEqual([
      [4, 4, 8],
      [0, 4, 0],
    ]);
  });

  test("a format without contpte has plain entries behind the same helpers", () => {
    const pt = newPageTable(formatNamed("x86-64"));
    const [slot, pfn] = [pt.findOrMake(0, 0), pt.frames.alloc(0)];
    setPte(pt, slot, pfn, A.write | YD);
    expect(ptepGetLockless(pt, slot)).toEqual({ kind: Kind.leaf, pfn, attrs: expect.any(Number) });
    expect([ptepTestAndClearYoung(pt, slot), ptepTestAndClearYoung(pt, slot)]).toEqual([true, false]);
    expect([ptepSetAccessFlags(pt, slot, A.young), ptepSetAccessFlags(pt, slot, A.young)]).toEqual([true, false]);
  });
});
