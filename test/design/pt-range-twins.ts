/**
 * The slow twins of the walk that hands out runs: what an entry says page by page, runs put together from pages by their
 * definition, and a copier that checks the locks.
 */
import { expect } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { SWP_PTE_MARKER } from "../../src/arch/format.ts";
import type { Copier } from "../../src/design/design.ts";
import { type PtRangeRules, type PtRangeWalk, PtRun, ptRangeWalkStart } from "../../src/design/pt-range-walk.ts";
import { newPagemap, putPresent, putSoftleaf } from "../../src/design/read.ts";
import { mapLeaf, splitLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { copySoftleaf, ptepGet, setPtes } from "../../src/pgtable/ptep.ts";

const YOUNG_DIRTY = A.young | A.dirty;

/** What a page's entry says, found from the root. A contiguous block says of accessed and dirty what any entry of it does. */
export interface Page {
  readonly kind: Kind;
  readonly level: number;
  readonly slot: number;
  readonly pfn: number;
  readonly attrs: number;
  readonly type: number;
  readonly offset: number;
  /** Pages under the entry, where a block is one entry. */
  readonly entry: number;
}

export function pageAt(pt: PageTable, vpn: number): Page {
  let level = pt.levels - 1;
  let slot = pt.find(vpn, level);
  while (level > 0 && pt.kind(slot, level) === Kind.table) slot = pt.find(vpn, --level);
  const kind = pt.kind(slot, level);
  const { format: f, span } = pt;
  const leaf = kind === Kind.leaf;
  let attrs = leaf ? pt.attrs(slot, level) : 0;
  const block = (attrs & (A.cont | A.protnone)) === A.cont && f.contLg2[level]! > 0 ? 1 << f.contLg2[level]! : 1;
  const first = slot - (slot % block);
  for (let i = 0; i < block; i++) if (leaf) attrs |= pt.attrs(first + i, level) & YOUNG_DIRTY;
  const soft = kind === Kind.softleaf;
  return {
    kind,
    level,
    slot,
    attrs,
    pfn: leaf ? pt.pfn(slot, level) + (vpn % span[level]!) : -1,
    type: soft ? f.swapType(pt.lo(slot), pt.hi(slot)) : 0,
    offset: soft ? f.swapOffset(pt.lo(slot), pt.hi(slot)) : 0,
    entry: block * span[level]!,
  };
}

/** pagemap, mincore and counts, page by page. */
export function slowReads(pt: PageTable, start: number, end: number) {
  const map = newPagemap(end - start);
  const resident = new Uint8Array(end - start);
  const sums = { present: 0, young: 0, dirty: 0 };
  for (let vpn = start; vpn < end; vpn++) {
    const page = pageAt(pt, vpn);
    if (page.kind === Kind.softleaf) putSoftleaf(map, vpn - start, 1, pt, page.slot);
    if (page.kind !== Kind.leaf) continue;
    putPresent(map, vpn - start, 1, page.pfn, page.attrs);
    resident[vpn - start] = 1;
    sums.present++;
    if (page.attrs & A.young) sums.young++;
    if (page.attrs & A.dirty) sums.dirty++;
  }
  return { map, resident, sums };
}

/** What a run says. */
export interface RunSeen {
  readonly kind: PtRun;
  readonly level: number;
  readonly start: number;
  readonly nr: number;
  readonly slot: number;
  readonly pfn: number;
  readonly attrs: number;
  readonly entry: number;
  readonly type: number;
  readonly offset: number;
}

/** Only what the kind of run says anything about. */
function seen(walk: PtRangeWalk): RunSeen {
  const { kind, level, start, nr, slot } = walk;
  const leaf = kind === PtRun.pages || kind === PtRun.huge;
  const soft = kind === PtRun.marker || kind === PtRun.swap;
  return {
    kind,
    level,
    start,
    nr,
    slot,
    pfn: leaf ? walk.pfn : -1,
    attrs: leaf ? walk.attrs : 0,
    entry: leaf ? walk.entry : 0,
    type: soft ? walk.type : 0,
    offset: soft ? walk.offset : 0,
  };
}

/** The runs that the walk hands out, each with its lock held and no other. */
export function runsOf(pt: PageTable, start: number, end: number, rules: Partial<PtRangeRules>): RunSeen[] {
  const runs: RunSeen[] = [];
  const walk = ptRangeWalkStart(pt, start, end, rules);
  while (walk.next()) {
    runs.push(seen(walk));
    expect(pt.locks.held).toBe(walk.level === 0 || walk.kind !== PtRun.none ? 1 : 0);
    expect(pt.locks.holds(pt.tableOf(walk.slot), walk.level)).toBe(pt.locks.held === 1);
  }
  expect(pt.locks.held).toBe(0);
  return runs;
}

/** Pages put together one by one, by the definition of a run. */
export function slowRuns(
  pt: PageTable,
  start: number,
  end: number,
  rules: { respect: number; merge: number },
): RunSeen[] {
  const runs: RunSeen[] = [];
  let first = pageAt(pt, start);
  let run: RunSeen | undefined;
  for (let vpn = start; vpn < end; vpn++) {
    const page = pageAt(pt, vpn);
    const sameTable = page.level === first.level && pt.tableOf(page.slot) === pt.tableOf(first.slot);
    if (run !== undefined && sameTable && joins(pt, first, run, page, rules)) {
      runs[runs.length - 1] = run = { ...run, nr: run.nr + 1, attrs: run.attrs | (page.attrs & rules.merge) };
      continue;
    }
    first = page;
    run = newRun(vpn, page);
    runs.push(run);
  }
  return runs;
}

function newRun(vpn: number, page: Page): RunSeen {
  const { level, slot, pfn, attrs, type, offset } = page;
  const soft = type === SWP_PTE_MARKER ? PtRun.marker : PtRun.swap;
  const leaf = level === 0 ? PtRun.pages : PtRun.huge;
  const kind = page.kind === Kind.none ? PtRun.none : page.kind === Kind.leaf ? leaf : soft;
  const entry = page.kind === Kind.leaf ? page.entry : 0;
  return { kind, level, start: vpn, nr: 1, slot, pfn, attrs, type, offset, entry };
}

function joins(pt: PageTable, first: Page, run: RunSeen, page: Page, { respect }: { respect: number }): boolean {
  if (page.kind !== first.kind) return false;
  if (page.kind === Kind.none) return true;
  const vpn = run.start + run.nr;
  if (page.level > 0)
    return (
      page.kind === Kind.leaf &&
      Math.floor(vpn / first.entry) === Math.floor(run.start / first.entry) &&
      (page.slot === first.slot || first.entry > pt.span[page.level]!)
    );
  if (page.kind === Kind.softleaf)
    return page.type === first.type && page.offset === first.offset + (page.type === SWP_PTE_MARKER ? 0 : run.nr);
  const ignored = (A.write | A.dirty | A.young | A.softDirty) & ~respect;
  return page.pfn === first.pfn + run.nr && (page.attrs | ignored) === (first.attrs | ignored);
}

/** What a test wants of a copy. */
export interface CopyWish {
  readonly mustBreak?: () => boolean;
  /** Entries that the copier takes at once, at most. */
  readonly batch?: number;
  /** Times that each entry whose page divides by 7 asks for room first. */
  readonly retries?: number;
  readonly room?: () => boolean;
  /** Leaves above level 0 are split and copied below. */
  readonly splits?: boolean;
}

/** Copies entries as they are, and checks that both locks are held where they must be, and none where none may be. */
export function testCopier(from: PageTable, to: PageTable, wish: CopyWish): Copier {
  const asked = new Map<number, number>();
  return {
    huge: (slot, level, start) => {
      expect([from.locks.held, to.locks.held]).toEqual([0, 0]);
      if (from.kind(slot, level) !== Kind.leaf) return true;
      if (wish.splits) {
        splitLeaf(from, slot, level);
        return false;
      }
      const toSlot = to.findOrMake(start, level);
      mapLeaf(to, toSlot, level, from.pfn(slot, level), from.attrs(slot, level));
      return true;
    },
    entry: (slot, toSlot, max) => {
      expect([from.locks.holds(from.tableOf(slot), 0), to.locks.holds(to.tableOf(toSlot), 0)]).toEqual([true, true]);
      const before = asked.get(slot) ?? 0;
      asked.set(slot, before + 1);
      if (slot % 7 === 0 && before < (wish.retries ?? 0)) return 0;
      const n = Math.min(max, wish.batch ?? 1);
      let i = 0;
      for (; i < n && from.kind(slot + i, 0) !== Kind.none; i++) copyOne(from, to, slot + i, toSlot + i);
      return i;
    },
    room: () => {
      expect([from.locks.held, to.locks.held]).toEqual([0, 0]);
      return wish.room?.() ?? true;
    },
    mustBreak: wish.mustBreak ?? (() => false),
  };
}

function copyOne(from: PageTable, to: PageTable, slot: number, toSlot: number): void {
  if (from.kind(slot, 0) === Kind.softleaf) return copySoftleaf(from, slot, to, toSlot);
  const { pfn, attrs } = ptepGet(from, slot);
  setPtes(to, toSlot, pfn, attrs, 1);
}
