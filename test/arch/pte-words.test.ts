/**
 * The loops over raw words against the format's own functions, entry by entry.
 */
import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import type { Format } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { LEAVES, Leaves, PteWords } from "../../src/arch/pte-words.ts";
import { type Random, random } from "../../src/base/random.ts";

const SLOTS = 400;
const SEEDS = [1, 2, 3, 4, 5, 6];
const ALL = Object.values(A).reduce((all, bit) => all | bit, 0);

interface Table {
  readonly lo: Int32Array;
  readonly hi: Int32Array;
}

/** A table of runs: leaves of equal and of mixed attributes with frames in a row or not, empty entries, swap entries. */
function someTable(f: Format, rng: Random): Table {
  const t = { lo: new Int32Array(SLOTS).fill(f.empty[0]!), hi: new Int32Array(SLOTS) };
  for (let at = 0; at < SLOTS; ) {
    const n = Math.min(SLOTS - at, 1 + rng.below(rng.below(3) === 0 ? 150 : 12));
    fillRun(f, rng, t, at, n);
    at += n;
  }
  return t;
}

/** Bits of frame number for the runs: edges of the word, of 31 bits, and all that the format has. */
function somePfn(f: Format, rng: Random): number {
  const all = f.paBits - f.pageLg2;
  const lg2 = Math.min(all, rng.pick([8, 20, 31, 31, 32, all]));
  const pfn = lg2 <= 20 ? rng.below(2 ** lg2) : rng.below(2 ** (lg2 - 20)) * 2 ** 20 + rng.below(2 ** 20);
  return rng.below(4) > 0 ? pfn : Math.max(0, 2 ** lg2 - 1 - rng.below(40));
}

function fillRun(f: Format, rng: Random, t: Table, at: number, n: number): void {
  const what = rng.below(8);
  if (what === 0) return;
  const first = somePfn(f, rng);
  let attrs = rng.below(ALL + 1) & (rng.below(2) ? ~A.cont : ~0);
  for (let i = 0; i < n; i++) {
    const pfn = what < 4 ? somePfn(f, rng) : Math.min(first + i, 2 ** (f.paBits - f.pageLg2) - 1);
    if (rng.below(10) === 0) attrs ^= rng.pick([A.young, A.dirty, A.write, A.protnone]);
    t.lo[at + i] = what === 1 ? f.swapLo(3, i) : f.leafLo(pfn, attrs, 0);
    t.hi[at + i] = what === 1 ? f.swapHi(3, i) : f.leafHi(pfn, attrs, 0);
  }
}

const kindAt = (f: Format, t: Table, i: number) => f.kind(t.lo[i]!, t.hi[i]!, 0);
const attrsAt = (f: Format, t: Table, i: number) => f.attrs(t.lo[i]!, t.hi[i]!, 0);
function pfnAt(f: Format, t: Table, i: number): number {
  const pfn = f.pfn(t.lo[i]!, t.hi[i]!, 0);
  return f.napot && attrsAt(f, t, i) & A.cont ? pfn + (i % 2 ** f.contLg2[0]!) : pfn;
}

/** The leaves among a table's entries, as `[from, n]`. */
function leafRuns(f: Format, t: Table): [number, number][] {
  const runs: [number, number][] = [];
  for (let i = 0; i < SLOTS; i++) {
    if (kindAt(f, t, i) !== Kind.leaf) continue;
    const from = i;
    while (i < SLOTS && kindAt(f, t, i) === Kind.leaf) i++;
    runs.push([from, i - from]);
  }
  return runs;
}

const copyOf = (t: Table): Table => ({ lo: t.lo.slice(), hi: t.hi.slice() });

describe.each(formats)("$name", (f) => {
  const words = new PteWords(f);

  test.each(SEEDS)(
    "a run of leaves has one attribute set, its frames, and ends where the next entry differs (seed %d)",
    (seed) => {
      const rng = random(seed);
      const t = someTable(f, rng);
      const found = new Leaves();
      for (let at = 0; at < SLOTS; at++) {
        const max = rng.pick([1, 7, SLOTS - at]);
        const n = words.leaves(t.lo, t.hi, at, Math.min(max, SLOTS - at), found);
        const first = kindAt(f, t, at) === Kind.leaf && !(attrsAt(f, t, at) & A.cont) && pfnAt(f, t, at) < 2 ** 31;
        expect(n > 0).toBe(first);
        if (n === 0) continue;
        expect(found.attrs).toBe(attrsAt(f, t, at));
        for (let i = 0; i < n; i++) {
          expect(kindAt(f, t, at + i)).toBe(Kind.leaf);
          expect(attrsAt(f, t, at + i)).toBe(found.attrs);
          expect(found.pfn(i)).toBe(pfnAt(f, t, at + i));
        }
        if (n === Math.min(max, SLOTS - at) || (n === LEAVES && !found.inRow)) continue;
        const next = at + n;
        const alike =
          kindAt(f, t, next) === Kind.leaf && t.hi[next] === t.hi[at] && attrsAt(f, t, next) === found.attrs;
        expect(alike && pfnAt(f, t, next) < 2 ** 31).toBe(false);
      }
    },
  );

  test.each(SEEDS)(
    "entries that say the same end where kind or attributes change, and are no blocks (seed %d)",
    (seed) => {
      const t = someTable(f, random(seed));
      const says = (i: number) => {
        const kind = kindAt(f, t, i);
        return kind === Kind.leaf ? `leaf ${attrsAt(f, t, i)}` : `${kind} ${t.lo[i]} ${t.hi[i]}`;
      };
      for (let at = 0; at < SLOTS; at++) {
        const max = Math.min(SLOTS - at, 1 + (at % 60));
        const n = words.alike(t.lo, t.hi, at, max);
        expect(n).toBeGreaterThanOrEqual(1);
        expect(n).toBeLessThanOrEqual(max);
        for (let i = 1; i < n; i++) expect(says(at + i)).toBe(says(at));
        const leaf = kindAt(f, t, at) === Kind.leaf;
        if (leaf && attrsAt(f, t, at) & A.cont) expect(n).toBe(1);
        else if (n < max && !(leaf && pfnAt(f, t, at) >= 2 ** 31))
          expect(says(at + n) === says(at) && (!leaf || pfnAt(f, t, at + n) < 2 ** 31)).toBe(false);
      }
    },
  );

  test.each(SEEDS)("ramps are stored as the format encodes them one by one (seed %d)", (seed) => {
    const rng = random(seed);
    for (let round = 0; round < 40; round++) {
      const fast = someTable(f, rng);
      const slow = copyOf(fast);
      const [at, attrs, n] = [rng.below(100), rng.below(ALL + 1), 1 + rng.below(SLOTS - 100)];
      const first = Math.max(0, Math.min(somePfn(f, rng), 2 ** (f.paBits - f.pageLg2) - n));
      words.storeRamp(fast.lo, fast.hi, at, first, n, attrs);
      for (let i = 0; i < n; i++) {
        slow.lo[at + i] = f.leafLo(first + i, attrs, 0);
        slow.hi[at + i] = f.leafHi(first + i, attrs, 0);
      }
      expect(fast).toEqual(slow);
    }
  });

  test.each(SEEDS)(
    "leaves that were found are copied with other attributes, in place and elsewhere (seed %d)",
    (seed) => {
      const rng = random(seed);
      const found = new Leaves();
      const [fast, fastTo] = [someTable(f, rng), someTable(f, rng)];
      const [slow, slowTo] = [copyOf(fast), copyOf(fastTo)];
      for (let at = 0; at < SLOTS; ) {
        const n = words.leaves(fast.lo, fast.hi, at, SLOTS - at, found);
        const attrs = rng.pick([found.attrs & ~A.write, found.attrs | A.protnone, rng.below(ALL + 1)]) & ~A.cont;
        const part = rng.below(n + 1);
        for (const [i, to, toSlow] of [
          [part, fastTo, slowTo],
          [0, fast, slow],
        ] as const) {
          if (n === i) continue;
          words.copyLeaves(fast.lo, fast.hi, at + i, to.lo, to.hi, at + i, n - i, attrs);
          for (let j = at + i; j < at + n; j++) {
            const pfn = pfnAt(f, slow, j);
            toSlow.lo[j] = f.leafLo(pfn, attrs, 0);
            toSlow.hi[j] = f.leafHi(pfn, attrs, 0);
          }
        }
        at += Math.max(1, n);
      }
      expect(fast).toEqual(slow);
      expect(fastTo).toEqual(slowTo);
    },
  );

  test.each(SEEDS)("attributes are changed and gathered as entry by entry (seed %d)", (seed) => {
    const rng = random(seed);
    for (let round = 0; round < 10; round++) {
      const fast = someTable(f, rng);
      const slow = copyOf(fast);
      for (const [at, n] of leafRuns(f, slow)) {
        const clear = rng.pick([A.write, A.young, A.young | A.dirty, A.protnone, 0, rng.below(ALL + 1)]);
        const set = rng.pick([A.write, A.protnone, 0, 0, rng.below(ALL + 1)]) & ~clear;
        let any = 0;
        for (let i = at; i < at + n; i++) any |= attrsAt(f, slow, i);
        expect(words.anyAttrs(fast.lo, fast.hi, at, n)).toBe(any);
        words.change(fast.lo, fast.hi, at, n, set, clear);
        for (let i = at; i < at + n; i++) {
          const [pfn, attrs] = [pfnAt(f, slow, i), (attrsAt(f, slow, i) & ~clear) | set];
          slow.lo[i] = f.leafLo(pfn, attrs, 0);
          slow.hi[i] = f.leafHi(pfn, attrs, 0);
        }
      }
      expect(fast).toEqual(slow);
    }
  });

  test.each(SEEDS)("a ramp goes on as long as frames follow and the attributes that count agree (seed %d)", (seed) => {
    const rng = random(seed);
    const t = someTable(f, rng);
    for (const [at, n] of leafRuns(f, t))
      for (let i = at; i < at + n; i++) {
        const mask = rng.pick([~0, ~A.young, ~(A.young | A.dirty | A.write)]);
        const [first, attrs, max] = [pfnAt(f, t, i), attrsAt(f, t, i), 1 + rng.below(SLOTS - i)];
        let want = 0;
        while (
          want < max &&
          kindAt(f, t, i + want) === Kind.leaf &&
          pfnAt(f, t, i + want) === first + want &&
          ((attrsAt(f, t, i + want) ^ attrs) & mask) === 0
        )
          want++;
        expect(words.ramp(t.lo, t.hi, i, max, first, attrs, mask)).toBe(want);
      }
  });
});
