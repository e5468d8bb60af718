import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import type { Format } from "../../src/arch/format.ts";
import { formatNamed, formats } from "../../src/arch/formats.ts";
import { BrokenInvariant } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";
import { counts, type EventName } from "../../src/base/tally.ts";
import { FrameFlag } from "../../src/machine/frames.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { clearPtes } from "../../src/pgtable/ptep.ts";
import {
  type ArchFlagUnit,
  checkSetPtes,
  flushDcacheFolio,
  flushDcachePage,
  flushIcachePage,
  flushIcachePages,
  type PteRun,
  pteAdvancePfn,
  type RangeRule,
  RangeViolation,
  setPteAt,
  setPtesRange,
  updateMmuCache,
  updateMmuCacheRange,
} from "../../src/pgtable/range.ts";
import { entryText, newPageTable } from "./bench.ts";

const ORDER = 5;
const PAGES = 2 ** ORDER;

interface Bench {
  readonly pt: PageTable;
  /** Last page of a PTE table is `vpn + table - 1`. */
  readonly vpn: number;
  readonly table: number;
  readonly slot: number;
  readonly head: number;
}

/** One PTE table with its lock held, and one folio of 32 pages. */
function bench(f: Format): Bench {
  const pt = newPageTable(f);
  const vpn = 2 * pt.span[1]!;
  const slot = pt.findOrMake(vpn, 0);
  pt.locks.take(pt.tableOf(slot), 0);
  return { pt, vpn, slot, table: pt.span[1]!, head: pt.frames.alloc(ORDER) };
}

function runOf(b: Bench, at: number, from: number, nr: number, attrs: number = A.write): PteRun {
  return { vpn: b.vpn + at, slot: b.slot + at, pfn: b.head + from, attrs, nr };
}

function vmaOf(b: Bench) {
  return { start: b.vpn, end: b.vpn + 2 * b.table };
}

function options(b: Bench, strict = true, unit: ArchFlagUnit = "folio") {
  return { vma: vmaOf(b), strict, unit };
}

/** The rule that a call breaks and the page where, or the frame where it is given no entries; null if it breaks none. */
function broken(b: Bench, call: () => void): [RangeRule, number] | null {
  try {
    call();
    return null;
  } catch (e) {
    if (!(e instanceof RangeViolation)) throw e;
    return [e.rule, "pfn" in e.place ? e.place.pfn - b.head : e.place.vpn - b.vpn];
  }
}

function verdict(b: Bench, run: PteRun, vma = vmaOf(b)): [RangeRule, number] | null {
  return broken(b, () => checkSetPtes(b.pt, run, vma));
}

describe.each(formats.map((f) => [f.name, f] as const))("the contract of set_ptes on %s", (_name, f) => {
  test("holds for a whole folio, for one page, and for one page over another", () => {
    const b = bench(f);
    expect(verdict(b, runOf(b, 0, 0, PAGES))).toBe(null);
    setPtesRange(b.pt, runOf(b, 0, 0, PAGES), options(b));
    expect(verdict(b, runOf(b, 3, 7, 1))).toBe(null);
    expect(verdict(b, runOf(b, b.table - 1, PAGES - 1, 1))).toBe(null);
  });

  test("is broken by no page at all, and by the lock of no table or of another", () => {
    const b = bench(f);
    expect(verdict(b, runOf(b, 0, 0, 0))).toEqual(["length", 0]);
    b.pt.locks.drop(b.pt.tableOf(b.slot), 0);
    expect(verdict(b, runOf(b, 0, 0, 4))).toEqual(["lock", 0]);
    const other = b.pt.findOrMake(b.vpn + b.table, 0);
    b.pt.locks.take(b.pt.tableOf(other), 0);
    expect(verdict(b, runOf(b, 0, 0, 4))).toEqual(["lock", 0]);
  });

  test("is broken by a run that leaves its table, at the first page beyond", () => {
    const b = bench(f);
    expect(verdict(b, runOf(b, b.table - 4, 0, 4))).toBe(null);
    expect(verdict(b, runOf(b, b.table - 4, 0, 5))).toEqual(["table", b.table]);
  });

  test("is broken by a run that begins before its VMA or ends behind it", () => {
    const b = bench(f);
    const vma = { start: b.vpn + 4, end: b.vpn + 12 };
    expect(verdict(b, runOf(b, 4, 0, 8), vma)).toBe(null);
    expect(verdict(b, runOf(b, 3, 0, 8), vma)).toEqual(["vma", 3]);
    expect(verdict(b, runOf(b, 5, 0, 8), vma)).toEqual(["vma", 12]);
  });

  test("is broken by a run over the end of its folio, though the next frames follow", () => {
    const b = bench(f);
    const next = b.pt.frames.alloc(ORDER);
    expect(verdict(b, runOf(b, 0, PAGES - 4, 4))).toBe(null);
    expect(verdict(b, runOf(b, 0, PAGES - 4, 5))).toEqual(["folio", 4]);
    b.pt.frames.free(next);
    expect(verdict(b, { ...runOf(b, 0, 0, 1), pfn: next })).toEqual(["folio", 0]);
    b.pt.frames.split(b.head);
    expect(verdict(b, runOf(b, 0, 0, 4))).toEqual(["folio", 1]);
  });

  test("is broken by a run of more than one over an entry that is not empty, marker or leaf, at that entry", () => {
    const b = bench(f);
    setPteAt(b.pt, runOf(b, 6, 6, 1), options(b));
    expect(verdict(b, runOf(b, 0, 0, 6))).toBe(null);
    expect(verdict(b, runOf(b, 0, 0, 7))).toEqual(["empty", 6]);
    clearPtes(b.pt, b.slot + 6, 1);
    b.pt.write(b.slot + 2, f.swapLo(3, 5), f.swapHi(3, 5));
    expect(verdict(b, runOf(b, 0, 0, 7))).toEqual(["empty", 2]);
  });

  test("is broken by a frame that no entry can hold", () => {
    const b = bench(f);
    const beyond = 2 ** (f.paBits - f.pageLg2);
    expect(verdict(b, { ...runOf(b, 0, 0, 4), pfn: beyond - 1 })).toEqual(["address", 1]);
    expect(verdict(b, { ...runOf(b, 0, 0, 4), pfn: beyond })).toEqual(["address", 0]);
  });

  test("a call that breaks it changes nothing in strict mode, and is done all the same without", () => {
    const b = bench(f);
    setPteAt(b.pt, runOf(b, 6, 6, 1), options(b));
    const before = counts(b.pt.tally);
    expect(() => setPtesRange(b.pt, runOf(b, 0, 0, 8, A.exec), options(b))).toThrow(RangeViolation);
    expect([counts(b.pt.tally), b.pt.kind(b.slot, 0)]).toEqual([before, Kind.none]);
    setPtesRange(b.pt, runOf(b, 0, 0, 8), options(b, false));
    expect(b.pt.kind(b.slot, 0)).toBe(Kind.leaf);
  });
});

test("a violation is a broken invariant whose text has the call, the place and the rule", () => {
  const error = new RangeViolation("set_ptes", "table", { vpn: 77, slot: 88 }, "it ends before");
  expect(error).toBeInstanceOf(BrokenInvariant);
  expect(error.message).toBe("set_ptes at page 77, slot 88: all entries of a run lie in one PTE table; it ends before");
  const { message } = new RangeViolation("flush_icache_pages", "length", { pfn: 9 }, "this one has 0");
  expect(message).toBe("flush_icache_pages at frame 9: a run has at least one page; this one has 0");
});

describe.each(formats.map((f) => [f.name, f] as const))("the contracts of the calls around it on %s", (_name, f) => {
  const NR = 8;
  /** The first pages of the folio at the first pages of the table, and behind them those of a folio whose frames follow. */
  function mapped(): Bench & { readonly after: number } {
    const b = bench(f);
    const after = b.pt.frames.alloc(ORDER);
    expect(after).toBe(b.head + PAGES);
    setPtesRange(b.pt, runOf(b, 0, PAGES - NR, NR), options(b));
    setPtesRange(b.pt, { ...runOf(b, NR, 0, NR), pfn: after }, options(b));
    return { ...b, after };
  }
  const update = (b: Bench, at: number, nr: number, vma = vmaOf(b)) =>
    broken(b, () => updateMmuCacheRange(b.pt, { vpn: b.vpn + at, slot: b.slot + at, nr }, vma));

  test("update_mmu_cache_range is one update for a run of one folio, whatever part of it, and not asked for a lock", () => {
    const b = mapped();
    b.pt.locks.drop(b.pt.tableOf(b.slot), 0);
    const updates = since(b, ["mmuCacheUpdates"], () => {
      expect([update(b, 0, NR), update(b, 2, 3), update(b, NR, NR), update(b, NR - 1, 1)]).toEqual(Array(4).fill(null));
    });
    expect(updates).toEqual([4]);
  });

  test("update_mmu_cache_range is broken by an entry that maps nothing, be it empty or a marker, and by no entry", () => {
    const b = mapped();
    expect(update(b, NR, NR + 1)).toEqual(["present", 2 * NR]);
    clearPtes(b.pt, b.slot + 2, 1);
    b.pt.write(b.slot + 2, f.swapLo(3, 5), f.swapHi(3, 5));
    expect(update(b, 0, NR)).toEqual(["present", 2]);
    expect(update(b, 0, 0)).toEqual(["length", 0]);
  });

  test("update_mmu_cache_range is broken by pages of two folios, though their frames follow, and by frames that do not", () => {
    const b = mapped();
    expect(update(b, 0, NR + 1)).toEqual(["folio", NR]);
    setPteAt(b.pt, runOf(b, 5, 0, 1), options(b));
    expect(update(b, 4, 4)).toEqual(["folio", 5]);
    expect([update(b, 0, 5), update(b, 6, 2)]).toEqual([null, null]);
  });

  test("update_mmu_cache_range is broken by a run that leaves its table or its VMA, at the first page outside", () => {
    const b = mapped();
    expect(update(b, b.table - 2, 3)).toEqual(["table", b.table]);
    expect(update(b, 0, NR, { start: b.vpn + 1, end: b.vpn + NR })).toEqual(["vma", 0]);
    expect(update(b, 0, NR, { start: b.vpn, end: b.vpn + NR - 1 })).toEqual(["vma", NR - 1]);
  });

  test("a call that breaks its contract counts nothing", () => {
    const b = mapped();
    const before = counts(b.pt.tally);
    expect([update(b, 0, NR + 1), update(b, 0, 0)]).not.toContain(null);
    expect(broken(b, () => flushIcachePages(b.pt, b.head, PAGES + 1))).not.toBe(null);
    expect(counts(b.pt.tally)).toEqual(before);
  });

  test("flush_icache_pages is broken by pages beyond the folio's end, by none, and by a frame that is in no folio", () => {
    const b = mapped();
    const flush = (from: number, nr: number) => broken(b, () => flushIcachePages(b.pt, b.head + from, nr));
    expect([flush(0, PAGES), flush(PAGES - 1, 1), flush(PAGES, PAGES)]).toEqual([null, null, null]);
    expect(flush(0, PAGES + 1)).toEqual(["folio", PAGES]);
    expect(flush(PAGES - 2, 4)).toEqual(["folio", PAGES]);
    expect(flush(3, 0)).toEqual(["length", 3]);
    b.pt.frames.free(b.pt.frames.alloc(ORDER));
    expect(flush(2 * PAGES, 1)).toEqual(["folio", 2 * PAGES]);
  });

  test("flush_dcache_folio and flush_dcache_page are broken by a frame that is in no folio, with either flag", () => {
    const b = bench(f);
    for (const unit of ["folio", "page"] as const) {
      expect(broken(b, () => flushDcacheFolio(b.pt, b.head + 3, unit))).toBe(null);
      expect(broken(b, () => flushDcachePage(b.pt, b.head + 3, unit))).toBe(null);
      expect(broken(b, () => flushDcacheFolio(b.pt, b.head + PAGES, unit))).toEqual(["folio", PAGES]);
      expect(broken(b, () => flushDcachePage(b.pt, b.head + PAGES, unit))).toEqual(["folio", PAGES]);
    }
  });

  test.each([1, 2, 3])("random updates break the rule that a slow reading finds (seed %d)", (seed) => {
    const rng = random(seed);
    const b = mapped();
    const frame = (i: number) => (b.pt.kind(b.slot + i, 0) === Kind.leaf ? b.pt.pfn(b.slot + i) : -1);
    const folio = (i: number) => b.pt.frames.head(frame(i));
    const seen = new Set<string>();
    for (let step = 0; step < 200; step++) {
      const hit = rng.below(2 * NR);
      if (rng.below(4) === 0) clearPtes(b.pt, b.slot + hit, 1);
      else setPteAt(b.pt, runOf(b, hit, PAGES - NR + hit, 1), options(b));
      const at = rng.below(2 * NR);
      const pages = Array.from({ length: 1 + rng.below(NR) }, (_, i) => at + i);
      const want = pages.some((i) => frame(i) < 0)
        ? "present"
        : pages.some((i) => frame(i) !== frame(at) + (i - at) || folio(i) !== folio(at))
          ? "folio"
          : null;
      expect([seed, step, update(b, at, pages.length)?.[0] ?? null]).toEqual([seed, step, want]);
      seen.add(want ?? "good");
    }
    expect(seen).toEqual(new Set(["good", "present", "folio"]));
  });
});

/** The rules one after the other, with a loop for each. */
function slowVerdict(b: Bench, run: PteRun, vma: { start: number; end: number }): RangeRule | null {
  const pages = Array.from({ length: run.nr }, (_, i) => i);
  const { frames, format } = b.pt;
  const tableOf = (i: number) => Math.floor((run.vpn + i) / b.table);
  if (pages.some((i) => tableOf(i) !== tableOf(0))) return "table";
  if (pages.some((i) => run.vpn + i < vma.start || run.vpn + i >= vma.end)) return "vma";
  if (pages.some((i) => run.pfn + i >= 2 ** (format.paBits - format.pageLg2))) return "address";
  const folioOf = (i: number) => (frames.holds(run.pfn + i) ? frames.head(run.pfn + i) : -1);
  if (pages.some((i) => folioOf(i) < 0 || folioOf(i) !== folioOf(0))) return "folio";
  if (run.nr > 1 && pages.some((i) => b.pt.kind(run.slot + i, 0) !== Kind.none)) return "empty";
  return null;
}

describe("random calls", () => {
  const draw = (b: Bench, rng: Random) => {
    const at = rng.pick([0, rng.below(b.table), b.table - 1 - rng.below(40)]);
    const from = rng.below(3 * PAGES);
    const nr = 1 + rng.below(rng.pick([1, 4, 40]));
    const start = b.vpn + rng.pick([0, 0, rng.below(b.table)]);
    const vma = { start, end: start + rng.pick([2 * b.table, 2 * b.table, rng.below(b.table)]) };
    return { run: runOf(b, at, from, nr), vma };
  };

  test.each([1, 2, 3, 4, 5, 6])(
    "break the rule that a slow reading finds, and in strict mode only good ones store (seed %d)",
    (seed) => {
      const rng = random(seed);
      const b = bench(formatNamed("arm64-4k"));
      b.pt.frames.alloc(4);
      const seen = new Set<string>();
      for (let i = 0; i < 400; i++) {
        const { run, vma } = draw(b, rng);
        const want = slowVerdict(b, run, vma);
        const got = verdict(b, run, vma);
        expect([seed, i, got?.[0] ?? null]).toEqual([seed, i, want]);
        seen.add(want ?? "good");
        if (want === null) setPtesRange(b.pt, run, { vma, strict: true, unit: "folio" });
        else expect(() => setPtesRange(b.pt, run, { vma, strict: true, unit: "folio" })).toThrow(RangeViolation);
        if (rng.below(4) === 0) clearPtes(b.pt, b.slot, b.table);
      }
      expect(seen).toEqual(new Set(["good", "table", "vma", "folio", "empty"]));
    },
  );
});

function since(b: Bench, names: readonly EventName[], act: () => void): number[] {
  const before = b.pt.tally.slice();
  act();
  const c = counts(b.pt.tally, before);
  return names.map((n) => c[n]);
}

describe("caches", () => {
  const CACHES = ["dcacheFlushes", "icacheFlushes"] as const;
  const mapped = (f: Format, unit: ArchFlagUnit, nr: number, attrs: number) => {
    const b = bench(f);
    return since(b, CACHES, () => setPtesRange(b.pt, runOf(b, 0, 0, nr, attrs), options(b, true, unit)));
  };

  test("an executable run of a folio is one flush of all its pages with a flag of the folio, one a page with flags of pages", () => {
    for (const f of formats) {
      const needs = f.machine === "aarch64" || f.machine === "riscv64";
      expect([f.name, mapped(f, "folio", 8, A.exec)]).toEqual([f.name, needs ? [1, PAGES] : [0, 0]]);
      expect([f.name, mapped(f, "page", 8, A.exec)]).toEqual([f.name, needs ? [8, 8] : [0, 0]]);
      expect([f.name, mapped(f, "folio", 8, A.write)]).toEqual([f.name, [0, 0]]);
    }
  });

  test("what was made clean once is not flushed again, until the kernel writes to the folio", () => {
    const b = bench(formatNamed("arm64-4k"));
    const map = (at: number) => since(b, CACHES, () => setPtesRange(b.pt, runOf(b, at, 4, 4, A.exec), options(b)));
    expect([map(0), map(4)]).toEqual([
      [1, PAGES],
      [0, 0],
    ]);
    flushDcachePage(b.pt, b.head + 9, "folio");
    expect([map(8), map(12)]).toEqual([
      [1, PAGES],
      [0, 0],
    ]);
  });

  test("by page, a write by the kernel to one page is one flush at the next mapping of that page, and none of others", () => {
    const b = bench(formatNamed("arm64-4k"));
    const map = (at: number) =>
      since(b, CACHES, () => setPtesRange(b.pt, runOf(b, at, 0, 4, A.exec), options(b, true, "page")));
    expect([map(0), map(4)]).toEqual([
      [4, 4],
      [0, 0],
    ]);
    flushDcachePage(b.pt, b.head + 2, "page");
    expect([map(8), map(12)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
    flushDcacheFolio(b.pt, b.head, "page");
    expect(map(16)).toEqual([4, 4]);
  });

  test("marking a folio touches one descriptor with a flag of the folio, and one for each page with flags of pages", () => {
    for (const [unit, n] of [
      ["folio", 1],
      ["page", PAGES],
    ] as const) {
      const b = bench(formatNamed("riscv-sv39"));
      expect(since(b, ["foliosTouched"], () => flushDcacheFolio(b.pt, b.head + 3, unit))).toEqual([n]);
    }
  });

  test("where fetches see what is stored, nothing is flushed and no flag is used", () => {
    const b = bench(formatNamed("x86-64"));
    setPtesRange(b.pt, runOf(b, 0, 0, 8, A.exec), options(b));
    flushDcacheFolio(b.pt, b.head, "page");
    flushDcachePage(b.pt, b.head, "page");
    expect(since(b, [...CACHES, "foliosTouched"], () => {})).toEqual([0, 0, 0]);
    expect(counts(b.pt.tally).icacheFlushes).toBe(0);
    expect(b.pt.frames.hasFlag(b.head, FrameFlag.arch1)).toBe(false);
  });

  test("the calls for one page are those for a run of one", () => {
    const b = bench(formatNamed("arm64-4k"));
    setPteAt(b.pt, runOf(b, 0, 0, 1), options(b));
    const entry = { vpn: b.vpn, slot: b.slot };
    expect(since(b, ["mmuCacheUpdates"], () => updateMmuCache(b.pt, entry, vmaOf(b)))).toEqual([1]);
    expect(broken(b, () => updateMmuCache(b.pt, { vpn: b.vpn + 1, slot: b.slot + 1 }, vmaOf(b)))).toEqual([
      "present",
      1,
    ]);
    expect(broken(b, () => flushIcachePage(b.pt, b.head))).toBe(null);
    expect(broken(b, () => flushIcachePage(b.pt, b.head + PAGES))).toEqual(["folio", PAGES]);
  });

  test("flush_icache_pages flushes nothing on any format: arm64 and riscv do it in set_ptes, once for both calls", () => {
    for (const f of formats) {
      const b = bench(f);
      const alone = since(b, CACHES, () => flushIcachePages(b.pt, b.head, 8));
      expect([f.name, alone]).toEqual([f.name, [0, 0]]);
    }
  });
});

describe("pte_advance_pfn", () => {
  const big = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
  const ATTRS = [0, A.write | A.dirty | A.young, A.exec | A.young, A.protnone];
  /** What generic code did: add to the word as if the frame number were one field of it. */
  const added = (f: Format, lo: number, hi: number, n: number) =>
    BigInt.asUintN(8 * f.entryBytes, big(lo, hi) + (BigInt(n) << BigInt(f.pageLg2)));

  /** First frame of a run whose top address bits change in its midst. */
  const crossing = (f: Format, bit: number) => 2 ** (bit - f.pageLg2) - 2;

  test.each(formats.map((f) => [f.name, f] as const))(
    "%s: gives the entry that is stored for that frame, at every edge of the frame number",
    (_n, f) => {
      const edges = [0, 1, 2 ** 20 - 2, 2 ** (f.paBits - f.pageLg2) - 9];
      for (const bit of [32, 36, 44, 48, 50]) if (bit < f.paBits) edges.push(crossing(f, bit));
      for (const pfn of edges.filter((e) => e >= 0))
        for (const attrs of ATTRS)
          for (const n of [0, 1, 2, 3, 8]) {
            const got = pteAdvancePfn(f, f.leafLo(pfn, attrs, 0), f.leafHi(pfn, attrs, 0), n);
            const want = [f.leafLo(pfn + n, attrs, 0), f.leafHi(pfn + n, attrs, 0)];
            expect([pfn, attrs, n, ...got]).toEqual([pfn, attrs, n, ...want]);
          }
    },
  );

  /** Whether adding to the word goes wrong in a run of four frames across an address bit. */
  const wrong = (f: Format, bit: number, attrs: number) => {
    const pfn = crossing(f, bit);
    const [lo, hi] = [f.leafLo(pfn, attrs, 0), f.leafHi(pfn, attrs, 0)];
    const [wantLo, wantHi] = pteAdvancePfn(f, lo, hi, 3);
    return added(f, lo, hi, 3) !== big(wantLo, wantHi);
  };

  test("adding to the word goes wrong where bits from 48 up change with 64K pages, from 50 up with 4K and 16K, and only with 52-bit addresses", () => {
    const arm = formats.filter((f) => f.machine === "aarch64");
    const split = (f: Format) => (f.paBits < 52 ? [] : f.pageLg2 === 16 ? [48, 50] : [50]);
    for (const f of arm)
      expect([f.name, [40, 44, 47, 48, 50].filter((bit) => bit < f.paBits && wrong(f, bit, A.young))]).toEqual([
        f.name,
        split(f),
      ]);
  });

  test("adding to the word goes wrong in PROT_NONE entries of x86-64, which hold the frame inverted", () => {
    expect(wrong(formatNamed("x86-64"), 40, A.protnone)).toBe(true);
    expect(wrong(formatNamed("x86-64"), 40, A.young)).toBe(false);
  });

  test("makes the words of a run that set_ptes stores one after the other", () => {
    for (const f of formats) {
      const b = bench(f);
      setPtesRange(b.pt, runOf(b, 1, 1, 7), options(b));
      const text = Array.from({ length: 7 }, (_, i) => entryText(b.pt, b.slot + 1 + i));
      const [lo, hi] = [b.pt.lo(b.slot + 1), b.pt.hi(b.slot + 1)];
      for (let i = 0; i < 7; i++) b.pt.write(b.slot + 1 + i, ...pteAdvancePfn(f, lo, hi, i));
      expect([f.name, Array.from({ length: 7 }, (_, i) => entryText(b.pt, b.slot + 1 + i))]).toEqual([f.name, text]);
    }
  });
});
