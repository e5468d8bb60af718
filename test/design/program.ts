/**
 * Random programs over one design and one format: map, unmap, protect, visit, install and split, each done to the tables through
 * the design and to a flat map of pages by hand, and compared after every step.
 */
import { expect } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import type { Format, Root } from "../../src/arch/format.ts";
import { type Random, random } from "../../src/base/random.ts";
import { E, newTally, type Tally } from "../../src/base/tally.ts";
import type { Design, Fill } from "../../src/design/design.ts";
import { mapRange, protectRange, splitAt, unmapAndFree, unmapRange } from "../../src/design/operations.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { type FaultCause, translate } from "../../src/mmu/translate.ts";
import { splitLeaf } from "../../src/pgtable/huge.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { setSoftleaf } from "../../src/pgtable/ptep.ts";
import { Flat, type FlatRun, MARKER, meaning, readTables } from "./flat.ts";

/** The operations, and how many in a hundred steps each is. */
export const SHARES = { map: 30, unmap: 20, protect: 12, visit: 10, install: 18, split: 10 } as const;

/** Name of an operation. */
export type Op = keyof typeof SHARES;

/** The operations in the order of {@link SHARES}. */
export const OPS = Object.keys(SHARES) as readonly Op[];

/** Permissions of a mapping. */
const PERMISSIONS = [A.write, 0, A.write | A.exec];
const WRITTEN = A.young | A.dirty;
/** What `protect` sets and clears: permissions, PROT_NONE and its end. */
const CHANGES: readonly (readonly [set: number, clear: number])[] = [
  [0, A.write],
  [A.write, 0],
  [A.exec, A.write],
  [A.protnone, A.write],
  [0, A.protnone],
];
/** What `protect` does besides where nothing is folded, so that pages of one run differ. */
const AGEING: typeof CHANGES = [
  [0, A.young],
  [0, A.dirty],
];

/** Large enough for a block of every format, and small enough for the smallest memory. */
const FOLIO_ORDER = 11;
const FOLIO = 2 ** FOLIO_ORDER;

/** One tree of tables and what it must say. */
interface Space {
  readonly pt: PageTable;
  readonly flat: Flat;
}

/** Roots of one register in each list: arm64 and s390 have a tree for the kernel beside the user's; elsewhere all share one. */
function trees(f: Format): Root[][] {
  const own = f.roots.filter((root) => root.name === f.roots[0]!.name || !/^(TTBR1_EL1|kernel ASCE)$/.test(root.name));
  const kernel = f.roots.filter((root) => !own.includes(root));
  return kernel.length > 0 ? [own, kernel] : [own];
}

/** What a program came by, for the question whether the programs of a run did everything. */
export interface Seen {
  readonly ops: Record<Op, number>;
  /** Levels of the leaves that were mapped, as far as the format has them. */
  readonly leafLevels: Set<number>;
  /** Roots whose addresses something was mapped at. */
  readonly roots: Set<Root>;
  folds: number;
  splits: number;
  swapEntries: number;
}

/** Nothing seen yet. */
export function newSeen(): Seen {
  const ops = Object.fromEntries(OPS.map((op) => [op, 0])) as Record<Op, number>;
  return { ops, leafLevels: new Set(), roots: new Set(), folds: 0, splits: 0, swapEntries: 0 };
}

/** One program: a machine, one or two trees, and what they must say. */
export class Program {
  readonly log: string[] = [];
  readonly #f: Format;
  readonly #design: Design;
  readonly #rng: Random;
  readonly #seen: Seen;
  readonly #tally: Tally = newTally();
  readonly #spaces: readonly Space[];
  readonly #roots: Root[][];
  /** First pages of the places where things happen, by tree: the ends of roots and of user space, and a border of every level. */
  readonly #places: number[][];
  readonly #folios: number[];
  /** The tree of this step. */
  #tree = 0;

  constructor(design: Design, f: Format, seed: number, seen: Seen, allTrees: boolean) {
    this.#f = f;
    this.#design = design;
    this.#rng = random(seed);
    this.#seen = seen;
    const frames = new Frames(2 ** Math.min(31, f.paBits - f.pageLg2) / 2);
    const tables = new Tables(Math.max(...f.indexLg2), frames.total);
    const contpte = this.#rng.below(4) < 3;
    this.#folios = Array.from({ length: 8 }, () => frames.alloc(FOLIO_ORDER));
    this.#roots = trees(f).slice(0, allTrees ? 2 : 1);
    const parts = { format: f, tables, frames, tally: this.#tally, contpte };
    this.#spaces = this.#roots.map(() => ({ pt: new PageTable(parts), flat: new Flat() }));
    this.#places = this.#roots.map((roots) => this.#placesIn(roots));
  }

  get #pt(): PageTable {
    return this.#spaces[this.#tree]!.pt;
  }

  get #flat(): Flat {
    return this.#spaces[this.#tree]!.flat;
  }

  /** Pages of a tree. */
  get #all(): number {
    return this.#pt.span[this.#pt.levels]!;
  }

  #placesIn(roots: readonly Root[]): number[] {
    const user = 2 ** (this.#f.userVaBits - this.#f.pageLg2);
    const ends = roots.flatMap((root) => [root.first % this.#all, (root.last % this.#all) + 1]);
    const borders = this.#pt.span.slice(1);
    // Where tables are still missing, so that large leaves find room.
    const any = borders.map((span) => Math.floor((this.#rng.next() / 2 ** 32) * (this.#all / span)) * span);
    return [...new Set([...ends, user, ...borders, ...any])];
  }

  /** One operation, and the comparison. */
  step(): void {
    this.#tree = this.#rng.below(4) < 1 ? this.#spaces.length - 1 : 0;
    const op = this.#pick();
    this[op]();
    this.#check();
    this.#seen.ops[op]++;
    this.#seen.folds += this.#tally[E.contpteFolds]!;
    this.#tally.fill(0);
  }

  #pick(): Op {
    let left = this.#rng.below(100);
    for (const op of OPS) {
      left -= SHARES[op];
      if (left < 0) return op;
    }
    throw new Error("the shares are not a hundred");
  }

  #say(text: string): void {
    this.log.push(this.#tree > 0 ? `${text} (kernel's tree)` : text);
  }

  /** A range near one of the places, on both sides of it where there is room; lengths are small, or those of a leaf. */
  #range(biggest = this.#f.maxLeafLevel): [start: number, end: number] {
    const [rng, pt, f] = [this.#rng, this.#pt, this.#f];
    const unit = rng.pick([1, 1, 1, 1 << f.contLg2[0]!, pt.span[1]!, pt.span[biggest]!]);
    const count = 1 + rng.below(unit === 1 ? 40 : 3);
    const pages = Math.min(this.#all, unit * count + (rng.below(3) === 0 ? rng.below(5) : 0));
    const near = (rng.below(7) - 3) * unit + (rng.below(3) === 0 ? rng.below(9) - 4 : 0);
    const start = Math.min(Math.max(0, rng.pick(this.#places[this.#tree]!) + near), this.#all - pages);
    return [start, start + pages];
  }

  /**
   * Frames for pages: most of the folios that were set aside, where contiguous blocks can form; else some that agree with the
   * pages in the low bits of the largest leaf; and for few pages now and then any, where small leaves must do.
   */
  #frame(start: number, pages: number): number {
    const { frames, span } = this.#pt;
    const folio = this.#rng.pick(this.#folios);
    const inside = folio + (start % FOLIO);
    if (this.#rng.below(4) > 0 && (start % FOLIO) + pages <= FOLIO) return inside;
    const room = Math.min(2 ** 30, frames.total - pages);
    const pfn = this.#rng.below(room);
    const biggest = span[this.#f.maxLeafLevel]!;
    const aligned = pfn - (pfn % biggest) + (start % biggest);
    return aligned < room && (pages > 4 * span[1]! || this.#rng.below(4) > 0) ? aligned : pfn;
  }

  /**
   * Attributes of new pages. With contpte all were written, so that folding cannot mix what differs: accessed and dirty of a
   * contiguous block are those of any entry.
   */
  #attrs(): number {
    const touched = this.#pt.contpte ? WRITTEN : this.#rng.pick([WRITTEN, WRITTEN, A.young, 0]);
    return this.#rng.pick(PERMISSIONS) | touched;
  }

  /** What the format makes of attributes: one without a bit against execution lets everything be executed. */
  #stored(attrs: number): number {
    return this.#f.attrs(this.#f.leafLo(0, attrs, 0), this.#f.leafHi(0, attrs, 0), 0);
  }

  map(): void {
    const maxLevel = this.#rng.below(this.#f.maxLeafLevel + 1);
    // A range of the next leaf size up is still few entries; larger ones in small leaves would be millions.
    const [start, end] = this.#range(Math.max(1, maxLevel));
    const attrs = this.#attrs();
    const pfn = this.#frame(start, end - start);
    this.#say(`map ${start} +${end - start} to ${pfn}, leaves to level ${maxLevel}`);
    const free = this.#flat.isEmpty(start, end);
    expect(mapRange(this.#design, this.#pt, start, end - start, pfn, attrs, maxLevel)).toBe(free);
    if (!free) return;
    this.#flat.map(start, end - start, pfn, this.#stored(attrs));
    this.#noteLeaf(start);
  }

  #noteLeaf(vpn: number): void {
    const pt = this.#pt;
    const level = [0, 1, 2].find((l) => l < pt.levels && pt.find(vpn, l) >= 0);
    if (level !== undefined) this.#seen.leafLevels.add(level);
    const root = this.#roots[this.#tree]!.find((r) => r.first % this.#all <= vpn && vpn <= r.last % this.#all);
    if (root !== undefined) this.#seen.roots.add(root);
  }

  unmap(): void {
    const how = this.#rng.pick([unmapRange, unmapRange, unmapAndFree, null]);
    if (how === null) return this.#swapOut();
    const [start, end] = this.#range();
    this.#say(`unmap ${start} +${end - start}${how === unmapAndFree ? " and free" : ""}`);
    how(this.#design, this.#pt, start, end);
    this.#flat.unmap(start, end);
  }

  /** Takes pages away and leaves swap entries, each with an offset of its own; huge leaves are split for that. */
  #swapOut(): void {
    const [start, wide] = this.#range(1);
    const end = Math.min(wide, start + this.#pt.span[1]! + 3);
    const [type, offset] = [this.#rng.below(4), this.#rng.below(2 ** 20)];
    this.#say(`swap out ${start} +${end - start} to ${type}:${offset}`);
    const pt = this.#pt;
    this.#design.visit(pt, start, end, {
      huge: (slot, level) => splitLeaf(pt, slot, level),
      ptes: (slot, vpn, nr) => {
        for (let i = 0; i < nr; i++)
          if (pt.kind(slot + i, 0) === Kind.leaf) setSoftleaf(pt, slot + i, 1, type, offset + vpn + i - start);
      },
    });
    this.#flat.swapOut(start, end, type, offset);
  }

  protect(): void {
    const [start, end] = this.#range();
    const [set, clear] = this.#rng.pick(this.#pt.contpte ? CHANGES : [...CHANGES, ...AGEING]);
    this.#say(`protect ${start} +${end - start} set ${set} clear ${clear}`);
    protectRange(this.#design, this.#pt, start, end, set, clear);
    this.#flat.protect(start, end, (attrs) => this.#stored((attrs & ~clear) | set));
  }

  /** A visit, and every walk that only reads: their answers are worked out from the flat map. */
  visit(): void {
    const [start, wide] = this.#range(1);
    const end = Math.min(wide, start + 3 * this.#pt.span[1]!);
    this.#say(`visit ${start} +${end - start}`);
    const runs = this.#flat.inside(start, end);
    const leaves = runs.filter((r) => r.attrs >= 0);
    const pages = (bit: number) => leaves.reduce((sum, r) => sum + ((r.attrs & bit) === bit ? r.nr : 0), 0);
    const pt = this.#pt;
    const counts = { present: pages(0), young: pages(A.young), dirty: pages(A.dirty) };
    expect(this.#design.countPages(pt, start, end)).toEqual(counts);
    same(this.#visited(start, end), canonical(runs));
    const resident = this.#design.mincore(pt, start, end);
    const map = this.#design.pagemap(pt, start, end);
    expect([resident.length, map.lo.length]).toEqual([end - start, end - start]);
    const expected = new Uint8Array(end - start);
    for (const r of runs) if (r.attrs >= 0) expected.fill(1, r.start - start, r.start - start + r.nr);
    expect(Buffer.compare(resident, expected)).toBe(0);
    for (const r of runs) this.#checkPagemap(map, start, r);
  }

  #checkPagemap(map: { lo: Int32Array; hi: Int32Array }, start: number, r: FlatRun): void {
    for (const i of [0, r.nr - 1, this.#rng.below(r.nr)]) {
      const at = r.start - start + i;
      const flags = map.hi[at]! >>> 23;
      if (r.attrs < 0) expect(flags).toBe(softleafFlags(r));
      else {
        expect(flags).toBe(0x100);
        expect((map.lo[at]! >>> 0) + (map.hi[at]! & 0x7fffff) * 2 ** 32).toBe(r.pfn + i);
      }
    }
  }

  /** What a visit hands out, in the canonical form. */
  #visited(start: number, end: number): FlatRun[] {
    const pt = this.#pt;
    const found: FlatRun[] = [];
    const add = (slot: number, level: number, vpn: number, nr: number) => {
      const kind = pt.kind(slot, level);
      if (kind === Kind.none) return;
      const { pfn, attrs } = meaning(pt, slot, level, kind);
      found.push({ start: vpn, nr, pfn: pfn + (vpn % pt.span[level]!), attrs });
    };
    this.#design.visit(pt, start, end, {
      huge: (slot, level, from, to) => add(slot, level, from, to - from),
      ptes: (slot, from, nr) => {
        if (!pt.locks.holds(pt.tableOf(slot), 0)) throw new Error("a run was handed out without its table's lock");
        for (let i = 0; i < nr; i++) add(slot + i, 0, from + i, 1);
      },
      leaveTable: () => {
        if (pt.locks.held > 0) throw new Error("a lock is held when a table is left");
      },
    });
    return canonical(found);
  }

  install(): void {
    const [start, wide] = this.#range(1);
    const end = Math.min(wide, start + 2 * this.#pt.span[1]! + 3);
    const leaf = this.#rng.below(2) < 1;
    const fill: Fill = leaf
      ? { kind: "leaf", pfn: this.#frame(start, end - start), attrs: this.#attrs() }
      : { kind: "marker", marker: this.#rng.pick([Marker.guard, Marker.guard, Marker.uffdWp, Marker.poisoned]) };
    const keeps = this.#rng.below(3) < 2;
    this.#say(`install ${fill.kind} ${start} +${end - start}${keeps ? "" : " until something is there"}`);
    const pt = this.#pt;
    const keep = (slot: number, level: number) => {
      const kind = pt.kind(slot, level);
      if (kind !== Kind.leaf && kind !== Kind.softleaf) throw new Error(`asked to keep an entry of kind ${kind}`);
      return keeps;
    };
    const got = this.#design.install(pt, start, end, { fill, keep });
    const first = this.#flat.inside(start, end)[0]?.start ?? -1;
    const stop = keeps || first < 0 ? end : first;
    const pfn = fill.kind === "leaf" ? fill.pfn : fill.marker;
    const filled = this.#flat.install(start, stop, pfn, fill.kind === "leaf" ? this.#stored(fill.attrs) : MARKER);
    expect(got).toEqual({ pages: filled, stopped: keeps ? -1 : first });
  }

  split(): void {
    const present = this.#flat.runs.filter((r) => r.attrs >= 0);
    if (present.length === 0) return;
    // Few runs are huge, and the others are most of them.
    const large = present.filter((r) => r.nr >= this.#pt.span[1]!);
    const run = this.#rng.pick(large.length > 0 && this.#rng.below(4) > 0 ? large : present);
    const vpn = run.start + this.#rng.below(run.nr);
    this.#say(`split at ${vpn}`);
    const huge = this.#pt.find(vpn, 0) < 0;
    expect(splitAt(this.#design, this.#pt, vpn)).toBe(huge);
    if (huge) this.#seen.splits++;
  }

  /** All trees, by a reader that knows no design; some pages of this step's tree by hardware; and the design's way to one page. */
  #check(): void {
    for (const { pt, flat } of this.#spaces) {
      if (pt.locks.held > 0) throw new Error(`${pt.locks.held} locks are held after the operation`);
      flat.runs = flat.canonical();
      same(readTables(pt), flat.runs);
    }
    const [pt, design] = [this.#pt, this.#design];
    const vpn = this.#range()[0];
    for (let level = 0; level < pt.levels; level++)
      if (design.find(pt, vpn, level) !== pt.find(vpn, level))
        expect(design.find(pt, vpn, level)).toBe(pt.find(vpn, level));
    this.#translate(vpn);
    const { runs } = this.#flat;
    if (runs.length === 0) return;
    const run = this.#rng.pick(runs);
    if (run.attrs < MARKER) this.#seen.swapEntries++;
    for (const at of [run.start, run.start + run.nr - 1, run.start + run.nr]) if (at < this.#all) this.#translate(at);
  }

  #translate(vpn: number): void {
    const run = this.#flat.at(vpn);
    const walk = translate(this.#pt, vpn, false, "fault");
    const fault = faultAt(run);
    const pfn = fault === null ? run!.pfn : -1;
    if (walk.fault !== fault || walk.pfn !== pfn) expect([vpn, walk.fault, walk.pfn]).toEqual([vpn, fault, pfn]);
  }
}

/** Why hardware that notes no accesses refuses to read a page of a run, or null. */
function faultAt(run: FlatRun | undefined): FaultCause | null {
  if (run === undefined || run.attrs < 0 || run.attrs & A.protnone) return "translation";
  return run.attrs & A.young ? null : "access flag";
}

/** The upper flags of a pagemap word, from bit 55 on: swap, with guard and uffd-wp where a marker says so. */
function softleafFlags({ attrs, pfn }: FlatRun): number {
  const marker = attrs === MARKER ? pfn : 0;
  return 0x80 | (marker & Marker.guard ? 0x08 : 0) | (marker & Marker.uffdWp ? 0x04 : 0);
}

/** Equality without the price of a deep comparison, which is made for the message alone. */
function same(got: FlatRun[], expected: FlatRun[]): void {
  const equal = (a: FlatRun, b: FlatRun) =>
    a.start === b.start && a.nr === b.nr && a.pfn === b.pfn && a.attrs === b.attrs;
  if (got.length === expected.length && got.every((run, i) => equal(run, expected[i]!))) return;
  expect(got).toEqual(expected);
}

function canonical(runs: FlatRun[]): FlatRun[] {
  const flat = new Flat();
  flat.runs = runs;
  return flat.canonical();
}
