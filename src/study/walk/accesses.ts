/**
 * What a first access to a page leaves behind in TLBs and walk caches: it is made, then made again, then made to the page beside
 * it, on one core that knew nothing before.
 */
import { type Format, rootOf } from "../../arch/format.ts";
import { oneOf } from "../../base/errors.ts";
import { accessesOf } from "../../mmu/access-words.ts";
import { specOf } from "../../mmu/cores/core.ts";
import { coreNamed } from "../../mmu/cores/cores.ts";
import { accessCost } from "../../mmu/cost.ts";
import { genericCore } from "../../mmu/generic.ts";
import { Mmu, type MmuSpec } from "../../mmu/simulate.ts";
import type { Tree } from "../../mmu/translate.ts";
import { costsNamed, GENERIC, REAL_CORES } from "../trace-cost/cores.ts";

/** Cores that can be named; the generic one walks every format. */
export const WALK_CORES: readonly string[] = [GENERIC, ...REAL_CORES];

/** One load. */
export interface AccessMade {
  readonly vpn: number;
  /** Slots read, by level, level 0 first. */
  readonly reads: readonly number[];
  /** Modelled nanoseconds of these reads, by level. */
  readonly ns: readonly number[];
  readonly faults: number;
}

/** The three accesses. */
export interface AccessesMade {
  readonly first: AccessMade;
  readonly again: AccessMade;
  readonly next: AccessMade;
}

/** Loads from a page, from it again, and from the page after it (before it, where that is the last of its root). */
export function walkAccesses(tree: Tree, vpn: number, core: string): AccessesMade {
  const name = oneOf("core", core, WALK_CORES);
  const mmu = new Mmu(tree, hardware(tree.format, name));
  const costs = costsNamed(name);
  const beside = rootOf(tree.format, vpn + 1) === null ? vpn - 1 : vpn + 1;
  const load = (page: number): AccessMade => {
    mmu.reset();
    mmu.run(accessesOf([page], tree.format.pageLg2));
    const counts = mmu.counts();
    return { vpn: page, reads: counts.reads, ns: accessCost(counts, costs).reads, faults: counts.faults };
  };
  return { first: load(vpn), again: load(vpn), next: load(beside) };
}

function hardware(format: Format, core: string): MmuSpec {
  if (core !== GENERIC) return specOf(coreNamed(core), format);
  return genericCore(format, { tlbEntries: 1536, walkCache: true, contiguous: true, accessDirty: format.accessDirty });
}
