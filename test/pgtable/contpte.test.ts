import { describe, expect, test } from "vitest";
import { arm64_4k } from "../../src/arch/arm64.ts";
import { A, attrText, Kind, Marker } from "../../src/arch/entry.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import { x86_64 } from "../../src/arch/x86-64.ts";
import { type Random, random } from "../../src/base/random.ts";
import { E } from "../../src/base/tally.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import {
  clearPtes,
  clearYoungDirtyPtes,
  getAndClearPtes,
  ptepGet,
  ptepSetAccessFlags,
  setPtes,
  setSoftleaf,
  wrprotectPtes,
} from "../../src/pgtable/ptep.ts";
import { entryText, newPageTable, runsWhere } from "./bench.ts";
import { SlowTable } from "./slow-contpte.ts";

const YD = A.young | A.dirty;
const RW = A.write | A.dirty | A.young;
const ENTRIES = 512;
const PROTS = [0, A.write, A.exec, A.protnone];

interface Folio {
  readonly head: number;
  readonly order: number;
}

/** A page table and its twin, driven by the same calls. */
class Pair {
  readonly pt: PageTable;
  readonly slow: SlowTable;
  readonly first: number;
  readonly log: string[] = [];
  readonly folios: readonly Folio[];

  constructor(contpte: boolean, orders: readonly number[]) {
    this.pt = newPageTable(arm64_4k, contpte);
    this.folios = orders.map((order) => ({ head: this.pt.frames.alloc(order), order }));
    this.slow = new SlowTable(contpte, (pfn) => this.pt.frames.head(pfn));
    this.first = this.pt.findOrMake(0x200000, 0);
  }

  setPtes(at: number, pfn: number, attrs: number, nr: number): void {
    this.log.push(`set ${at} pfn ${pfn} ${attrText(attrs)} x${nr}`);
    setPtes(this.pt, this.first + at, pfn, attrs, nr);
    this.slow.setPtes(at, pfn, attrs & ~A.cont, nr);
  }

  setSoft(at: number, nr: number): void {
    this.log.push(`soft ${at} x${nr}`);
    setSoftleaf(this.pt, this.first + at, nr, SWP_PTE_MARKER, Marker.guard);
    this.slow.setSoft(at, nr, SWP_PTE_MARKER, Marker.guard);
  }

  clear(at: number, nr: number): void {
    this.log.push(`clear ${at} x${nr}`);
    clearPtes(this.pt, this.first + at, nr);
    this.slow.clear(at, nr);
  }

  getAndClear(at: number, nr: number): void {
    this.log.push(`getAndClear ${at} x${nr}`);
    const got = getAndClearPtes(this.pt, this.first + at, nr);
    expect({ pfn: got.pfn, attrs: got.attrs }, this.story()).toEqual(this.slow.getAndClear(at, nr));
  }

  wrprotect(at: number, nr: number): void {
    this.log.push(`wrprotect ${at} x${nr}`);
    wrprotectPtes(this.pt, this.first + at, nr);
    this.slow.wrprotect(at, nr);
  }

  clearYoungDirty(at: number, nr: number, attrs: number): void {
    this.log.push(`clearYoungDirty ${at} x${nr} ${attrText(attrs)}`);
    clearYoungDirtyPtes(this.pt, this.first + at, nr, attrs);
    this.slow.clearYoungDirty(at, nr, attrs);
  }

  setAccessFlags(at: number, attrs: number): void {
    this.log.push(`setAccessFlags ${at} ${attrText(attrs)}`);
    ptepSetAccessFlags(this.pt, this.first + at, attrs);
    this.slow.setAccessFlags(at, attrs);
  }

  /** Hardware notes accessed or dirty on one entry, whichever of a block it likes. */
  hardware(at: number, note: number): void {
    this.log.push(`hardware ${at} ${attrText(note)}`);
    const slot = this.first + at;
    const [f, attrs, pfn] = [this.pt.format, this.pt.attrs(slot) | note, this.pt.pfn(slot)];
    this.pt.write(slot, f.leafLo(pfn, attrs, 0), f.leafHi(pfn, attrs, 0));
    this.slow.leaf(at)!.attrs |= note;
  }

  story(): string {
    return this.log.slice(-12).join("\n");
  }

  compare(): void {
    const f = this.pt.format;
    for (let i = 0; i < ENTRIES; i++) {
      const e = this.slow.entries[i]!;
      const slot = this.first + i;
      const [lo, hi] =
        e === null
          ? [f.empty[0]!, 0]
          : "pfn" in e
            ? [f.leafLo(e.pfn, e.attrs, 0), f.leafHi(e.pfn, e.attrs, 0)]
            : [f.swapLo(e.type, e.offset), f.swapHi(e.type, e.offset)];
      if (this.pt.lo(slot) === (lo | 0) && this.pt.hi(slot) === (hi | 0)) continue;
      const want = e === null ? "-" : "pfn" in e ? `${e.pfn} ${attrText(e.attrs)}` : JSON.stringify(e);
      expect(`entry ${i}: ${entryText(this.pt, slot)}`, this.story()).toBe(`entry ${i}: ${want}`);
    }
    expect([this.pt.tally[E.contpteFolds], this.pt.tally[E.contpteUnfolds]], this.story()).toEqual([
      this.slow.folds,
      this.slow.unfolds,
    ]);
  }

  /** Leaves from `at` that are consecutive pages of one folio with equal attributes but accessed and dirty: a batch. */
  batch(at: number, max: number): number {
    const first = this.slow.leaf(at);
    if (first === null) return 0;
    const head = this.pt.frames.head(first.pfn);
    let n = 1;
    for (; n < max && at + n < ENTRIES; n++) {
      const e = this.slow.leaf(at + n);
      if (e === null || e.pfn !== first.pfn + n || this.pt.frames.head(e.pfn) !== head) break;
      if ((e.attrs ^ first.attrs) & ~(YD | A.cont)) break;
    }
    return n;
  }

  empties(at: number, max: number): number {
    let n = 0;
    while (n < max && at + n < ENTRIES && this.slow.entries[at + n] === null) n++;
    return n;
  }
}

/** Lengths and positions near block bounds are where rules differ. */
function someLength(rng: Random): number {
  return rng.pick([1, 1, 2, 15, 16, 17, 32, 40, 1 + rng.below(64)]);
}

function somePlace(rng: Random): number {
  const near = rng.below(32) * 16 + rng.pick([0, 0, 1, 8, 15]);
  return Math.min(ENTRIES - 1, near);
}

/** A run of a folio for a place: mostly congruent to it, as faults make them. */
function setRun(pair: Pair, rng: Random): void {
  const at = somePlace(rng);
  const { head, order } = rng.pick(pair.folios);
  const off = rng.below(4) ? at % 2 ** order : rng.below(2 ** order);
  const attrs = rng.pick(PROTS) | (rng.below(4) ? RW & ~A.write : rng.below(ENTRIES) & YD);
  const fits = Math.min(2 ** order - off, pair.empties(at, someLength(rng)));
  const special = rng.below(20) === 0 ? A.special : 0;
  if (fits > 1) pair.setPtes(at, head + off, attrs, fits);
  else pair.setPtes(at, head + off, attrs | special, 1);
}

/** Stores the last entries of a block one by one, the way to a fold. */
function setOneByOne(pair: Pair, rng: Random): void {
  const { head, order } = rng.pick(pair.folios.filter((f) => f.order >= 4));
  const block = rng.below(32) * 16;
  const base = head + 16 * rng.below(2 ** (order - 4));
  const attrs = rng.pick(PROTS) | (rng.next() & YD);
  const list = Array.from({ length: 16 }, (_, i) => i);
  if (rng.below(4) === 0) list.reverse();
  for (const i of list) if (rng.below(40)) pair.setPtes(block + i, base + i, attrs | (rng.next() & YD), 1);
}

function step(pair: Pair, rng: Random): void {
  const at = somePlace(rng);
  const n = pair.batch(at, someLength(rng));
  switch (rng.below(12)) {
    case 0:
    case 1:
      return setOneByOne(pair, rng);
    case 2:
    case 3:
      return setRun(pair, rng);
    case 4:
      return pair.clear(at, Math.min(someLength(rng), ENTRIES - at));
    case 5:
      return pair.setSoft(at, Math.min(1 + rng.below(3), ENTRIES - at));
    default:
  }
  if (n > 0) changeStep(pair, rng, at, n);
}

function changeStep(pair: Pair, rng: Random, at: number, n: number): void {
  const attrs = pair.slow.leaf(at)!.attrs;
  switch (rng.below(6)) {
    case 0:
      return pair.wrprotect(at, n);
    case 1:
      // A leaf of PROT_NONE may carry the bit of a block that is no longer whole: nothing below mm/ widens over such.
      return attrs & A.protnone ? undefined : pair.clearYoungDirty(at, n, rng.pick([A.young, YD]));
    case 2:
      return attrs & A.protnone
        ? undefined
        : pair.setAccessFlags(at, A.young | rng.pick([0, A.dirty, A.dirty | A.write]));
    case 3:
      return attrs & A.protnone ? undefined : pair.hardware(at, A.young | (attrs & A.write ? A.dirty : 0));
    case 4:
      return mprotectStep(pair, at, n, rng.pick(PROTS));
    default:
      return pair.getAndClear(at, n);
  }
}

/** What mprotect does: take a batch out, put it back with another protection. */
function mprotectStep(pair: Pair, at: number, n: number, prot: number): void {
  const { pfn, attrs } = pair.slow.leaf(at)!;
  if (attrs & A.special) return;
  pair.getAndClear(at, n);
  pair.setPtes(at, pfn, (attrs & YD) | prot, n);
}

function newPair(contpte: boolean): Pair {
  return new Pair(contpte, [0, 2, 3, 4, 4, 5, 6, 9]);
}

const SEEDS = Array.from({ length: 20 }, (_, i) => 700 + i);

describe("against a slow twin", () => {
  test.each(SEEDS)("every raw word, fold and unfold is that of the twin after every step (seed %d)", (seed) => {
    const rng = random(seed);
    const pair = newPair(true);
    for (let i = 0; i < 250; i++) {
      step(pair, rng);
      pair.compare();
    }
    expect(pair.pt.tally[E.contpteFolds]).toBeGreaterThan(0);
    expect(pair.pt.tally[E.contpteUnfolds]).toBeGreaterThan(0);
  });

  test.each(SEEDS.slice(0, 5))("with contpte off no entry ever carries the contiguous bit (seed %d)", (seed) => {
    const rng = random(seed);
    const pair = newPair(false);
    for (let i = 0; i < 200; i++) step(pair, rng);
    pair.compare();
    for (let i = 0; i < ENTRIES; i++) expect(pair.pt.attrs(pair.first + i) & A.cont).toBe(0);
  });

  test.each(SEEDS)("translations with contpte on are those with it off, after every step (seed %d)", (seed) => {
    const [on, off] = [newPair(true), newPair(false)];
    const [a, b] = [random(seed), random(seed)];
    for (let i = 0; i < 150; i++) {
      step(on, a);
      step(off, b);
      const differs = everyEntry().filter((s) => meaning(on, s) !== meaning(off, s));
      expect(differs, on.story()).toEqual([]);
    }
  });

  test.each(SEEDS)("no accessed or dirty that is noted with contpte off is lost with it on (seed %d)", (seed) => {
    const [on, off] = [newPair(true), newPair(false)];
    const [a, b] = [random(seed), random(seed)];
    for (let i = 0; i < 150; i++) {
      noteStep(on, a);
      noteStep(off, b);
      const lost = everyEntry().filter((s) => noted(off, s) & ~noted(on, s));
      expect(lost, on.story()).toEqual([]);
    }
  });
});

function everyEntry(): number[] {
  return Array.from({ length: ENTRIES }, (_, i) => i);
}

/** Accessed and dirty as a reader sees them; of leaves only. */
function noted(pair: Pair, s: number): number {
  const pte = ptepGet(pair.pt, pair.first + s);
  return pte.kind === Kind.leaf ? pte.attrs & YD : 0;
}

/** What an entry means apart from what hardware notes in it. */
function meaning(pair: Pair, s: number): string {
  const slot = pair.first + s;
  const pte = ptepGet(pair.pt, slot);
  if (pte.kind !== Kind.leaf) return entryText(pair.pt, slot);
  return `${pte.pfn} ${attrText(pte.attrs & ~(YD | A.cont))}`;
}

/** A step that clears nothing of what is noted: clearing one page of a block clears all of it, by design. */
function noteStep(pair: Pair, rng: Random): void {
  switch (rng.below(4)) {
    case 0:
      return setOneByOne(pair, rng);
    case 1:
      return setRun(pair, rng);
    default: {
      const at = somePlace(rng);
      const n = pair.batch(at, someLength(rng));
      const [note, nr] = [rng.pick([A.young, YD]), Math.max(1, n)];
      const what = rng.below(4);
      if (n === 0 || pair.slow.leaf(at)!.attrs & A.protnone) return;
      if (what === 0) return pair.wrprotect(at, nr);
      if (what === 1) return pair.clear(at, 1);
      return what === 2 ? pair.setAccessFlags(at, note) : pair.hardware(at, A.young);
    }
  }
}

/** A fresh table and one folio of 64 pages. */
function oneFolio(order = 6): { pair: Pair; pfn: number } {
  const pair = new Pair(true, [order]);
  return { pair, pfn: pair.folios[0]!.head };
}

function foldedRuns(pair: Pair): [number, number][] {
  return runsWhere(ENTRIES, (i) => (pair.pt.attrs(pair.first + i) & A.cont) !== 0 && pair.slow.entries[i] !== null);
}

describe("one block", () => {
  test("40 pages from page 4 of a congruent folio are 12 plain, 16 folded and 12 plain", () => {
    const { pair, pfn } = oneFolio();
    pair.setPtes(4, pfn + 4, RW, 40);
    expect(foldedRuns(pair)).toEqual([[16, 31]]);
    pair.compare();
  });

  test("40 pages from page 4 whose frames are off by one are all plain", () => {
    const { pair, pfn } = oneFolio();
    pair.setPtes(4, pfn + 5, RW, 40);
    expect(foldedRuns(pair)).toEqual([]);
  });

  test("filled one by one in ascending order, a block folds at its last store and not before", () => {
    const { pair, pfn } = oneFolio();
    for (let i = 0; i < 16; i++) {
      expect(foldedRuns(pair)).toEqual([]);
      pair.setPtes(i, pfn + i, RW, 1);
    }
    expect(foldedRuns(pair)).toEqual([[0, 15]]);
  });

  test("filled in descending order a block never folds, until its last entry is stored again", () => {
    const { pair, pfn } = oneFolio();
    for (let i = 15; i >= 0; i--) pair.setPtes(i, pfn + i, RW, 1);
    expect(foldedRuns(pair)).toEqual([]);
    pair.setPtes(15, pfn + 15, RW, 1);
    expect(foldedRuns(pair)).toEqual([[0, 15]]);
  });

  test("sixteen folios of one page each never fold, however well their frames are placed", () => {
    const { pair, pfn } = oneFolio(4);
    pair.pt.frames.split(pfn);
    for (let i = 0; i < 16; i++) pair.setPtes(i, pfn + i, RW, 1);
    expect(foldedRuns(pair)).toEqual([]);
  });

  test("one entry without write keeps a block from folding, one that is clean or old does not", () => {
    const { pair, pfn } = oneFolio();
    for (let i = 0; i < 16; i++) pair.setPtes(i, pfn + i, i === 3 ? RW & ~A.write : RW, 1);
    for (let i = 0; i < 16; i++) pair.setPtes(16 + i, pfn + 16 + i, i === 3 ? A.write : RW, 1);
    expect(foldedRuns(pair)).toEqual([[16, 31]]);
  });

  test("a special entry at the end keeps a block plain", () => {
    const { pair, pfn } = oneFolio();
    for (let i = 0; i < 16; i++) pair.setPtes(i, pfn + i, RW | A.special, 1);
    expect(foldedRuns(pair)).toEqual([]);
  });

  test("after a fold, and after an unfold, every entry has the accessed and dirty that any had", () => {
    const { pair, pfn } = oneFolio();
    for (let i = 0; i < 16; i++) pair.setPtes(i, pfn + i, A.write | (i === 5 ? YD : 0), 1);
    const fullyNoted = () => runsWhere(16, (i) => (pair.pt.attrs(pair.first + i) & YD) === YD);
    expect(fullyNoted()).toEqual([[0, 15]]);
    pair.clear(7, 1);
    expect(fullyNoted()).toEqual([
      [0, 6],
      [8, 15],
    ]);
  });

  test("what hardware notes on one entry of a block is read from all of them, and from none beside the block", () => {
    const { pair, pfn } = oneFolio();
    pair.setPtes(0, pfn, A.write, 32);
    pair.hardware(9, YD);
    const seen = runsWhere(32, (i) => (ptepGet(pair.pt, pair.first + i).attrs & YD) !== 0);
    expect(seen).toEqual([[0, 15]]);
  });

  test("write protection of whole blocks unfolds none, of a part at most the two blocks at its ends", () => {
    const unfolds = (at: number, nr: number) => {
      const { pair, pfn } = oneFolio();
      pair.setPtes(0, pfn, RW, 64);
      pair.wrprotect(at, nr);
      pair.compare();
      return pair.slow.unfolds;
    };
    expect([unfolds(0, 64), unfolds(16, 32), unfolds(8, 48), unfolds(0, 20), unfolds(20, 1), unfolds(17, 14)]).toEqual([
      0, 0, 2, 1, 1, 1,
    ]);
  });

  test("clearing accessed of one page clears it for its block, and keeps the block folded", () => {
    const { pair, pfn } = oneFolio();
    pair.setPtes(0, pfn, RW, 32);
    pair.clearYoungDirty(18, 1, YD);
    expect(foldedRuns(pair)).toEqual([[0, 31]]);
    expect(runsWhere(32, (i) => (pair.pt.attrs(pair.first + i) & YD) !== 0)).toEqual([[0, 15]]);
  });

  test("a guard in the middle of a block makes its fifteen neighbours plain", () => {
    const { pair, pfn } = oneFolio();
    pair.setPtes(0, pfn, RW, 32);
    pair.setSoft(5, 1);
    expect(foldedRuns(pair)).toEqual([[16, 31]]);
    expect(runsWhere(32, (i) => pair.pt.kind(pair.first + i, 0) === Kind.leaf)).toEqual([
      [0, 4],
      [6, 31],
    ]);
  });

  test("write permission given to one page unfolds its block; accessed and dirty alone do not", () => {
    const { pair, pfn } = oneFolio();
    pair.setPtes(0, pfn, A.young, 16);
    pair.setAccessFlags(3, A.dirty | A.young);
    expect(foldedRuns(pair)).toEqual([[0, 15]]);
    pair.setAccessFlags(3, A.write | A.dirty | A.young);
    expect(foldedRuns(pair)).toEqual([]);
    expect(runsWhere(16, (i) => (pair.pt.attrs(pair.first + i) & A.write) !== 0)).toEqual([[3, 3]]);
  });

  test("a fault that notes accessed spreads what hardware has noted on one entry over the block", () => {
    const { pair, pfn } = oneFolio();
    pair.setPtes(0, pfn, A.write, 16);
    pair.hardware(9, YD);
    pair.clearYoungDirty(0, 16, A.young);
    pair.setAccessFlags(3, A.young);
    pair.compare();
    expect(runsWhere(16, (i) => (pair.pt.attrs(pair.first + i) & YD) === YD)).toEqual([[0, 15]]);
  });

  test("a caller that passes on a contiguous bit it has read cannot set it on a part of a block", () => {
    const { pair, pfn } = oneFolio();
    setPtes(pair.pt, pair.first + 2, pfn + 2, RW | A.cont, 1);
    setPtes(pair.pt, pair.first + 4, pfn + 4, RW | A.cont, 5);
    for (let i = 0; i < 16; i++) expect(pair.pt.attrs(pair.first + i) & A.cont).toBe(0);
  });

  test("whole PROT_NONE runs carry the contiguous bit, and changing one entry of them unfolds nothing", () => {
    const { pair, pfn } = oneFolio();
    pair.setPtes(0, pfn, A.protnone | A.young, 32);
    expect(foldedRuns(pair)).toEqual([[0, 31]]);
    pair.clear(4, 1);
    expect(pair.slow.unfolds).toBe(0);
    pair.compare();
  });

  test("a fold and an unfold flush one range of sixteen pages each", () => {
    const { pair, pfn } = oneFolio();
    for (let i = 0; i < 16; i++) pair.setPtes(i, pfn + i, RW, 1);
    expect([pair.pt.tally[E.flushRanges], pair.pt.tally[E.flushPages]]).toEqual([1, 16]);
    pair.clear(0, 1);
    expect([pair.pt.tally[E.flushRanges], pair.pt.tally[E.flushPages]]).toEqual([2, 32]);
  });
});

test("a format without contiguous blocks never has the bit, though contpte is asked for", () => {
  const pt = newPageTable(x86_64, true);
  const pfn = pt.frames.alloc(5);
  const first = pt.findOrMake(0x200000, 0);
  for (let i = 0; i < 32; i++) setPtes(pt, first + i, pfn + i, RW, 1);
  setPtes(pt, first + 32, pfn, RW, 32);
  for (let i = 0; i < 64; i++) expect(pt.attrs(first + i)).toBe(RW);
  expect(pt.contpte).toBe(false);
});
