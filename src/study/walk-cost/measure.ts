/**
 * Runs a stream of loads over a layout and reports what was counted and modelled, after showing that every load reached
 * the memory that was written at its address.
 */
import { broken } from "../../base/errors.ts";
import type { Mm } from "../../mm/mm.ts";
import { type AccessWords, accessCount, vpnAt } from "../../mmu/access-words.ts";
import { type AccessCost, accessCost, type CostTable } from "../../mmu/cost.ts";
import { newEngine, type TranslationEngine } from "../../mmu/engine/engine.ts";
import { type GenericCore, genericCore } from "../../mmu/generic.ts";
import type { MmuCounts } from "../../mmu/simulate.ts";
import type { Layout } from "./layout.ts";

/** The core, but for what the layout's kernel decides. */
export type CoreChoice = Pick<GenericCore, "tlbEntries" | "walkCache">;

/** Loads that fill TLBs and walk caches, and loads that are counted. */
export interface Streams {
  readonly warmUp: AccessWords;
  readonly counted: AccessWords;
}

/** Counts and costs of the accesses that were counted. */
export interface Measured {
  readonly counts: MmuCounts;
  readonly cost: AccessCost;
}

/** Memory that loads go over: a process, and the frame that a write to each page reached. */
export interface Written {
  readonly mm: Mm;
  frameAt(vpn: number): number | undefined;
}

/** {@link measureOn} a layout. */
export function measure({ mm, start, frames }: Layout, core: CoreChoice, costs: CostTable, streams: Streams): Measured {
  return measureOn({ mm, frameAt: (vpn) => frames[vpn - start] }, core, costs, streams);
}

/** Loads the warm-up stream uncounted, then counts the other. Throws `BrokenInvariant` if one load went astray. */
export function measureOn(
  written: Written,
  core: CoreChoice,
  costs: CostTable,
  { warmUp, counted }: Streams,
): Measured {
  const { kernel, pt } = written.mm;
  const engine = newEngine(
    pt,
    genericCore(kernel.format, { ...core, contiguous: true, accessDirty: kernel.accessDirty }),
  );
  checkReached(written, engine, warmUp);
  engine.reset();
  checkReached(written, engine, counted);
  const counts = engine.counts();
  return { counts, cost: accessCost(counts, costs) };
}

function checkReached({ mm, frameAt }: Written, engine: TranslationEngine, words: AccessWords): void {
  const out = new Float64Array(accessCount(words));
  engine.run(words, out);
  const { pageLg2 } = mm.kernel.format;
  for (let i = 0; i < out.length; i++) {
    const vpn = vpnAt(words, i, pageLg2);
    if (out[i] !== frameAt(vpn)) broken(`load ${i} of page ${vpn} reached frame ${out[i]}, not ${frameAt(vpn)}`);
  }
}
