/**
 * Address spaces for tests of the pagewalk: bare page tables with VMAs written down by hand.
 */
import type { Random } from "../../src/base/random.ts";
import type { MmWalk, MmWalkOps, WalkLockState, WalkMm, WalkVma } from "../../src/design/pagewalk.ts";
import { splitLeaf } from "../../src/pgtable/huge.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { readTables } from "./flat.ts";

/** Bounds of a VMA, and what is unusual about it. */
export type Area = readonly [start: number, end: number, unusual?: Partial<Omit<WalkVma, "mm" | "start" | "end">>];

/** An address space whose locks a test may set. */
export interface TestMm extends WalkMm {
  mmapLock: WalkLockState;
  readonly vmas: readonly WalkVma[];
}

/** Bare page tables with these VMAs, in ascending order; the mmap lock is held for writing. */
export function mmOf(pt: PageTable, areas: readonly Area[], unusual: Partial<WalkMm> = {}): TestMm {
  const mm: TestMm = {
    pt,
    mmapLock: "write",
    isInitMm: false,
    findVma: (vpn) => vmas.find((vma) => vma.end > vpn),
    splitHuge: (_vma, slot, level) => splitLeaf(pt, slot, level),
    isZeroPage: () => false,
    vmas: [],
    ...unusual,
  };
  const vmas = areas.map(([start, end, rest]): WalkVma => {
    return { mm, start, end, pgoff: start, pfnmap: false, hugetlbLg2: -1, lock: "none", hugetlbLocked: false, ...rest };
  });
  return Object.assign(mm, { vmas });
}

/** A range of up to three PTE tables that begins near something mapped, or at the first page. */
export function rangeNear(pt: PageTable, rng: Random): [start: number, end: number] {
  const runs = readTables(pt);
  const [span, all] = [pt.span[1]!, pt.span[pt.levels]!];
  const run = runs.length > 0 && rng.below(8) > 0 ? rng.pick(runs) : { start: 0, nr: 1 };
  const near = run.start + rng.below(Math.min(run.nr, 2 * span)) - rng.below(40);
  const start = Math.min(Math.max(0, near), all - 1);
  return [start, Math.min(all, start + 1 + rng.below(rng.pick([8, 40, span, 3 * span])))];
}

/** Writes something down and says that the walk may go on. */
export function note<T>(list: T[], ...items: T[]): 0 {
  list.push(...items);
  return 0;
}

/** Callbacks that write down every call, relative to `base`, as `pmd 0-512`; `answers` are merged in behind the writing. */
export function recorder(calls: string[], base = 0, answers: Partial<MmWalkOps> = {}): MmWalkOps {
  const say = (name: string, from: number, to: number) => void calls.push(`${name} ${from - base}-${to - base}`);
  const entry =
    (name: string, answer?: MmWalkOps["pmdEntry"]): MmWalkOps["pmdEntry"] =>
    (slot, addr, next, walk) => {
      say(name, addr, next);
      return answer?.(slot, addr, next, walk) ?? 0;
    };
  return {
    walkLock: "RDLOCK",
    pgdEntry: entry("pgd", answers.pgdEntry),
    p4dEntry: entry("p4d", answers.p4dEntry),
    pudEntry: entry("pud", answers.pudEntry),
    pmdEntry: entry("pmd", answers.pmdEntry),
    pteEntry: entry("pte", answers.pteEntry),
    pteHole: (addr: number, next: number, depth: number, walk: MmWalk) => {
      say(`hole${depth}`, addr, next);
      return answers.pteHole?.(addr, next, depth, walk) ?? 0;
    },
  };
}

/** The named callbacks of a table alone. */
export function only(ops: MmWalkOps, ...names: (keyof MmWalkOps)[]): MmWalkOps {
  const kept = names.map((name) => [name, ops[name]] as const);
  return { walkLock: ops.walkLock, ...Object.fromEntries(kept) };
}
