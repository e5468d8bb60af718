/**
 * The one contract: random programs of map, unmap, protect, visit, install and split run over every design and every format.
 * After every step the tables say what a flat map of pages says, and no lock is left held.
 */
import { afterAll, describe, expect, test } from "vitest";
import { A, Kind, Marker } from "../../src/arch/entry.ts";
import type { Format } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import { newTally } from "../../src/base/tally.ts";
import type { Design, Fill } from "../../src/design/design.ts";
import { designs } from "../../src/design/designs.ts";
import { mapRange, protectRange, splitAt, unmapAndFree, unmapRange } from "../../src/design/operations.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { Flat, type FlatRun, readTables } from "./flat.ts";
import { plain } from "./plain.ts";

const SEED = Number(process.env.PTLAB_SEED ?? 20261121);
/** Operations of a whole run, over all designs and formats; the issue is that none is ever different. */
const TOTAL = Number(process.env.PTLAB_CONTRACT_OPS ?? 200_000);

const ran = new Map<string, number>();

/** Written pages, so that folding cannot mix what differs: accessed and dirty of a contiguous block are those of any entry. */
const WRITTEN = A.young | A.dirty;
const PROTECTIONS = [A.write | WRITTEN, WRITTEN, A.write | A.exec | WRITTEN];

/** Large enough for a block of every format, and small enough for the smallest memory. */
const FOLIO_ORDER = 11;
const FOLIO = 2 ** FOLIO_ORDER;

class Program {
  readonly f: Format;
  readonly design: Design;
  readonly rng: Random;
  readonly pt: PageTable;
  readonly flat = new Flat();
  /** First pages of the places where things happen: the ends of user space and a border of every level. */
  readonly places: number[];
  readonly folios: number[];
  readonly log: string[] = [];

  constructor(design: Design, f: Format, seed: number) {
    this.f = f;
    this.design = design;
    this.rng = random(seed);
    const frames = new Frames(2 ** Math.min(31, f.paBits - f.pageLg2) / 2);
    const tables = new Tables(Math.max(...f.indexLg2), frames.total);
    this.pt = new PageTable({ format: f, tables, frames, tally: newTally(), contpte: this.rng.below(4) < 3 });
    const end = 2 ** (f.userVaBits - f.pageLg2);
    this.folios = Array.from({ length: 8 }, () => frames.alloc(FOLIO_ORDER));
    this.places = [0, end, ...this.pt.span.slice(1).map((span) => Math.min(span, end))];
  }

  step(): void {
    const pick = this.rng.below(100);
    if (pick < 30) this.map();
    else if (pick < 50) this.unmap();
    else if (pick < 62) this.protect();
    else if (pick < 72) this.read();
    else if (pick < 90) this.install();
    else this.split();
    this.check();
  }

  /** A range near one of the places, on both sides of it where there is room; lengths are small, or those of a leaf. */
  range(biggest = this.f.maxLeafLevel): [start: number, end: number] {
    const { rng, pt, f } = this;
    const limit = 2 ** (f.userVaBits - f.pageLg2);
    const unit = rng.pick([1, 1, 1, 1 << f.contLg2[0]!, pt.span[1]!, pt.span[biggest]!]);
    const count = 1 + rng.below(unit === 1 ? 40 : 3);
    const pages = Math.min(limit, unit * count + (rng.below(3) === 0 ? rng.below(5) : 0));
    const place = rng.pick(this.places) + (rng.below(7) - 3) * unit + (rng.below(3) === 0 ? rng.below(9) - 4 : 0);
    const start = Math.min(Math.max(0, place), limit - pages);
    return [start, start + pages];
  }

  /**
   * Frames for pages: most of the folios that were set aside, where contiguous blocks can form; else any, and for leaves larger
   * than a folio can be those that agree with the pages in their low bits.
   */
  frame(start: number, pages: number): number {
    const { frames, span } = this.pt;
    const folio = this.rng.pick(this.folios);
    const inside = folio + (start % FOLIO);
    if (this.rng.below(4) > 0 && (start % FOLIO) + pages <= FOLIO) return inside;
    const room = Math.min(2 ** 30, frames.total - pages);
    const pfn = this.rng.below(room);
    const biggest = span[this.f.maxLeafLevel]!;
    const aligned = pfn - (pfn % biggest) + (start % biggest);
    return aligned < room ? aligned : pfn;
  }

  /** What the format makes of attributes: one without a bit against execution lets everything be executed. */
  stored(attrs: number): number {
    return this.f.attrs(this.f.leafLo(0, attrs, 0), this.f.leafHi(0, attrs, 0), 0);
  }

  map(): void {
    const maxLevel = this.rng.below(this.f.maxLeafLevel + 1);
    // A range of the next leaf size up is still few entries; larger ones in small leaves would be millions.
    const [start, end] = this.range(Math.max(1, maxLevel));
    const attrs = this.rng.pick(PROTECTIONS);
    const pfn = this.frame(start, end - start);
    this.log.push(`map ${start} +${end - start} to ${pfn}, leaves to level ${maxLevel}`);
    const free = this.flat.isEmpty(start, end);
    expect(mapRange(this.design, this.pt, start, end - start, pfn, attrs, maxLevel)).toBe(free);
    if (free) this.flat.map(start, end - start, pfn, this.stored(attrs));
  }

  unmap(): void {
    const [start, end] = this.range();
    const free = this.rng.below(3) < 1;
    this.log.push(`unmap ${start} +${end - start}${free ? " and free" : ""}`);
    (free ? unmapAndFree : unmapRange)(this.design, this.pt, start, end);
    this.flat.unmap(start, end);
  }

  protect(): void {
    const [start, end] = this.range();
    const [set, clear] = this.rng.pick([
      [0, A.write],
      [A.write, 0],
      [A.exec, A.write],
    ] as const);
    this.log.push(`protect ${start} +${end - start} set ${set} clear ${clear}`);
    protectRange(this.design, this.pt, start, end, set, clear);
    this.flat.protect(start, end, (attrs) => this.stored((attrs & ~clear) | set));
  }

  /** Every walk that only reads: their answers are worked out from the flat map. */
  read(): void {
    const [start, wide] = this.range(1);
    const end = Math.min(wide, start + 3 * this.pt.span[1]!);
    this.log.push(`read ${start} +${end - start}`);
    const runs = this.flat.inside(start, end);
    const pages = runs.filter((r) => r.attrs >= 0).reduce((sum, r) => sum + r.nr, 0);
    expect(this.design.countPages(this.pt, start, end)).toEqual({ present: pages, young: pages, dirty: pages });
    same(this.visited(start, end), canonical(runs));
    const resident = this.design.mincore(this.pt, start, end);
    const map = this.design.pagemap(this.pt, start, end);
    expect([resident.length, map.lo.length]).toEqual([end - start, end - start]);
    const expected = new Uint8Array(end - start);
    for (const r of runs) if (r.attrs >= 0) expected.fill(1, r.start - start, r.start - start + r.nr);
    expect(Buffer.compare(resident, expected)).toBe(0);
    for (const r of runs) this.checkPagemap(map, start, r);
  }

  checkPagemap(map: { lo: Int32Array; hi: Int32Array }, start: number, r: FlatRun): void {
    for (const i of [0, r.nr - 1, this.rng.below(r.nr)]) {
      const at = r.start - start + i;
      const flags = map.hi[at]! >>> 23;
      if (r.attrs < 0) expect(flags).toBe(r.pfn & Marker.guard ? 0x88 : 0x80);
      else {
        expect(flags).toBe(0x100);
        expect((map.lo[at]! >>> 0) + (map.hi[at]! & 0x7fffff) * 2 ** 32).toBe(r.pfn + i);
      }
    }
  }

  /** What a visit hands out, in the canonical form. */
  visited(start: number, end: number): FlatRun[] {
    const { pt } = this;
    const found: FlatRun[] = [];
    const add = (slot: number, level: number, vpn: number, nr: number) => {
      const kind = pt.kind(slot, level);
      if (kind === Kind.none) return;
      const { format: f } = pt;
      const marker = { pfn: f.swapOffset(pt.lo(slot), pt.hi(slot)), attrs: -1 };
      const pfn = pt.pfn(slot, level) + (vpn % pt.span[level]!);
      found.push({
        start: vpn,
        nr,
        ...(kind === Kind.leaf ? { pfn, attrs: pt.attrs(slot, level) & ~A.cont } : marker),
      });
    };
    this.design.visit(pt, start, end, {
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
    const [start, wide] = this.range(1);
    const end = Math.min(wide, start + 2 * this.pt.span[1]! + 3);
    const leaf = this.rng.below(2) < 1;
    const fill: Fill = leaf
      ? { kind: "leaf", pfn: this.frame(start, end - start), attrs: this.rng.pick(PROTECTIONS) }
      : { kind: "marker", marker: Marker.guard };
    const keeps = this.rng.below(3) < 2;
    this.log.push(`install ${fill.kind} ${start} +${end - start}${keeps ? "" : " until something is there"}`);
    const got = this.design.install(this.pt, start, end, { fill, keep: () => keeps });
    const first = this.flat.inside(start, end)[0]?.start ?? -1;
    const stop = keeps || first < 0 ? end : first;
    const pfn = fill.kind === "leaf" ? fill.pfn : fill.marker;
    const filled = this.flat.install(start, stop, pfn, fill.kind === "leaf" ? this.stored(fill.attrs) : -1);
    expect(got).toEqual({ pages: filled, stopped: keeps ? -1 : first });
  }

  split(): void {
    const huge = this.flat.runs.filter((r) => r.attrs >= 0);
    if (huge.length === 0) return;
    const run = this.rng.pick(huge);
    const vpn = run.start + this.rng.below(run.nr);
    this.log.push(`split at ${vpn}`);
    splitAt(this.design, this.pt, vpn);
  }

  check(): void {
    const { pt, design } = this;
    if (pt.locks.held > 0) throw new Error(`${pt.locks.held} locks are held after the operation`);
    same(readTables(pt), this.flat.canonical());
    const vpn = this.range()[0];
    for (let level = 0; level < pt.levels; level++)
      if (design.find(pt, vpn, level) !== pt.find(vpn, level))
        expect(design.find(pt, vpn, level)).toBe(pt.find(vpn, level));
  }
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

/** Larger tables take longer to read after each step, so their formats get fewer steps and the others more. */
function share(f: Format): number {
  return 512 / Math.max(512, 2 ** f.indexLg2[0]!);
}

const shares = formats.reduce((sum, f) => sum + share(f), 0) * Math.max(1, designs.length);

function stepsFor(f: Format): number {
  return Math.ceil((TOTAL * share(f)) / shares);
}

describe.each([...designs, plain].map((d) => [d.name, d] as const))("%s", (_name, design) => {
  test.each(formats.map((f) => [f.name, f] as const))(
    "gives the translations of a flat map after every step of random programs on %s",
    (_f, f) => {
      const perProgram = 60;
      const steps = Math.ceil(stepsFor(f) / (design === plain ? 20 : 1));
      for (let done = 0; done < steps; done += perProgram) {
        const seed = SEED + done;
        const program = new Program(design, f, seed);
        try {
          for (let i = done; i < Math.min(steps, Math.min(steps, done + perProgram)); i++) program.step();
        } catch (error) {
          const tail = program.log.slice(-8).join("\n  ");
          throw new Error(`seed ${seed}, step ${program.log.length}, ${design.name} on ${f.name}:\n  ${tail}`, {
            cause: error,
          });
        }
        if (design !== plain) ran.set(`${design.name} ${f.name}`, Math.min(steps, done + perProgram));
      }
    },
    120_000,
  );
});

afterAll(() => {
  const total = [...ran.values()].reduce((sum, n) => sum + n, 0);
  console.log(
    `contract: ${total} operations over ${designs.length} designs and ${formats.length} formats, seed ${SEED}`,
  );
});

test("the programs of one run are at least two hundred thousand operations", () => {
  const planned = designs.length * formats.reduce((sum, f) => sum + stepsFor(f), 0);
  expect(planned).toBeGreaterThanOrEqual(TOTAL);
});
