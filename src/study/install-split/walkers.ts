/**
 * Ways to fill the holes of a range through the generic pagewalk, told apart by the callbacks that they bring: these decide
 * whether a huge page in the range is split, and by which rule.
 */
import { Kind } from "../../arch/entry.ts";
import {
  type EntryCallback,
  InstallOverEntry,
  type InstallSplit,
  type MmWalkOps,
  pxdpGet,
} from "../../design/pagewalk.ts";
import { walkPageRangeMm } from "../../design/pagewalk-entry.ts";
import { guardInstallOps } from "../../design/pagewalk-ops.ts";
import type { Mm } from "../../mm/mm.ts";
import { guardInstallByWalk, walkMmOf } from "../../mm/walk-mm.ts";

/** How a walk ended: every hole filled; everything replaced by guards; or at an entry for which there was no callback. */
export type InstallEnd = "holes filled" | "all guards" | "null call";

/** What a walk did besides what was counted. */
export interface InstallOutcome {
  readonly ended: InstallEnd;
  readonly pages: number;
  readonly attempts: number;
  readonly zaps: number;
}

/** One way to install. */
export interface InstallWalker {
  readonly name: string;
  /** Which callbacks it brings, in a sentence. */
  readonly what: string;
  run(mm: Mm, start: number, end: number): InstallOutcome;
}

/** Fills the holes by a walk with these callbacks besides installPte. A null pointer that would be called is an outcome. */
function fillHoles(mm: Mm, start: number, end: number, ops: Partial<MmWalkOps>, installSplit: InstallSplit) {
  const done = { pages: 0 };
  const { installPte } = guardInstallOps(done);
  const outcome = (ended: InstallEnd): InstallOutcome => ({ ended, ...done, attempts: 1, zaps: 0 });
  try {
    walkPageRangeMm(walkMmOf(mm), start, end, { walkLock: "RDLOCK", installPte, ...ops }, { installSplit });
    return outcome("holes filled");
  } catch (error) {
    if (error instanceof InstallOverEntry) return outcome("null call");
    throw error;
  }
}

/** Leaves a huge entry to itself, so that the walk neither splits it nor goes below. */
const passHuge =
  (level: number): EntryCallback =>
  (slot, _addr, _next, walk) => {
    if (pxdpGet(walk.pt, slot, level) !== Kind.table) walk.action = "CONTINUE";
    return 0;
  };

const keep: EntryCallback = () => 0;

/** The ways, in the order in which figures show them. */
export const INSTALL_WALKERS: readonly InstallWalker[] = [
  {
    name: "with pteEntry, v2",
    what: "pteEntry too, which leaves entries as they are: under v2 the least that survives",
    run: (mm, start, end) => fillHoles(mm, start, end, { pteEntry: keep }, "v2"),
  },
  {
    name: "with pteEntry, landed",
    what: "the same under the landed rule, which splits for pteEntry's sake",
    run: (mm, start, end) => fillHoles(mm, start, end, { pteEntry: keep }, "landed"),
  },
  {
    name: "install only, v2",
    what: "installPte alone, under the rule as posted in v2: every huge page is split",
    run: (mm, start, end) => fillHoles(mm, start, end, {}, "v2"),
  },
  {
    name: "install only, landed",
    what: "installPte alone, under the rule as it landed: a present huge page is passed",
    run: (mm, start, end) => fillHoles(mm, start, end, {}, "landed"),
  },
  {
    name: "passing huge entries",
    what: "pteEntry, and pudEntry and pmdEntry that set CONTINUE on a huge entry, as guard removal does",
    run: (mm, start, end) =>
      fillHoles(mm, start, end, { pteEntry: keep, pmdEntry: passHuge(1), pudEntry: passHuge(2) }, "landed"),
  },
  {
    name: "guard install",
    what: "pudEntry and pmdEntry that stop at a huge entry; then the range is zapped and walked again",
    run: (mm, start, end) => {
      const { attempts, zaps } = guardInstallByWalk(mm, start, end);
      return { ended: "all guards", pages: end - start, attempts, zaps };
    },
  },
];
