/**
 * Sweeps over shapes of TLBs and walk caches in one pass, by LRU stack distances. Exact, not estimated: each number is that of a
 * run of the engine on a core of that shape.
 *
 * What makes it so, and where it ends:
 *   - TLBs: LRU arrays of base pages. A first level's order depends on the stream alone. A second level is asked, and its order
 *     changes, only where the first misses; whether it hits does not show in the first, which gets the entry either way.
 *   - Walk caches: every walk uses its entry in every level's cache, so each one's order depends on the walks alone.
 *   - Every access must find its page in a leaf of the base size; one that faults fills nothing, and its page is not among the latest.
 */

import type { AccessDirty } from "../../arch/format.ts";
import { type Format, levelsOf, spanLg2 } from "../../arch/format.ts";
import { UserError } from "../../base/errors.ts";
import type { AccessWords } from "../../mmu/access-words.ts";
import { whyNotFast } from "../../mmu/engine/engine.ts";
import { JointStacks, NestedStacks } from "../../mmu/engine/stacks.ts";
import { pageShift, WasmEngine } from "../../mmu/engine/wasm-engine.ts";
import type { CacheShape } from "../../mmu/key-sets.ts";
import type { MmuSpec } from "../../mmu/simulate.ts";
import type { Tree } from "../../mmu/translate.ts";

/** Shapes to sweep: each number of sets, powers of two ascending, with every number of ways from 1 to `ways`. */
export interface Shapes {
  readonly sets: readonly number[];
  readonly ways: number;
}

/** Hits of every shape swept. */
export interface ShapeHits extends Shapes {
  /** Look-ups, the same for every shape. */
  readonly lookups: number;
  /** Look-ups that hit in an array of this shape. */
  hits(sets: number, ways: number): number;
}

/** TLBs of one level: hits by shape, of base pages of `2^pageLg2` bytes. Nothing may fault. */
export function sweepTlb(words: AccessWords, pageLg2: number, shapes: Shapes): ShapeHits {
  checkShapes(shapes);
  const stacks = new NestedStacks(shapes.sets, pageShift({ pageLg2 }), shapes.ways);
  stacks.run(words);
  return { ...shapes, lookups: stacks.words, hits: (sets, ways) => stacks.hits(sets, ways) };
}

/** Second levels behind one first level: hits of accesses that miss in the first, by shape of the second. */
export function sweepSecondLevel(
  tree: Tree,
  first: CacheShape,
  ad: AccessDirty,
  words: AccessWords,
  shapes: Shapes,
): ShapeHits {
  const missed = walkedBy(
    tree,
    { tlb: [[level("the first level", first)]], walkCache: [], accessDirty: ad },
    words,
    false,
  );
  return sweepTlb(missed, tree.format.pageLg2, shapes);
}

/** Table reads by sizes of the walk caches. */
export interface WalkCacheReads {
  /** Walks, those for dirty state included. */
  readonly walks: number;
  /** Levels that can have a cache: 1 to the top. */
  readonly levels: readonly number[];
  /** Most entries of a cache that was swept. */
  readonly ways: number;
  /** Table reads by level, level 0 first, with fully associative caches of so many entries; element 0 is that of level 1. */
  reads(entries: readonly number[]): number[];
}

/** Walk caches behind TLBs: reads for each choice of up to `ways` entries for each level. All TLB arrays hold base pages. */
export function sweepWalkCaches(
  tree: Tree,
  tlb: readonly CacheShape[],
  ad: AccessDirty,
  words: AccessWords,
  ways: number,
): WalkCacheReads {
  const { format } = tree;
  const spec: MmuSpec = {
    tlb: tlb.map((shape, l) => [level(`level ${l + 1}`, shape)]),
    walkCache: [],
    accessDirty: ad,
  };
  const walks = walkedBy(tree, spec, words, true);
  const levels = Array.from({ length: levelsOf(format) - 1 }, (_, i) => i + 1);
  const stacks = new JointStacks(shiftsOf(format, levels), ways);
  stacks.run(walks);
  return { walks: stacks.words, levels, ways, reads: (entries) => readsOf(stacks, levels, entries) };
}

/** A level's entry is read by walks that no cache of a lower level, nor its own, lets begin further down. */
function readsOf(stacks: JointStacks, levels: readonly number[], entries: readonly number[]): number[] {
  const wrong = levels.map((_, i) => entries[i]).find((n) => n === undefined || n < 0 || n > stacks.depth);
  if (wrong !== undefined || entries.length !== levels.length)
    throw new UserError(`bad entries '${entries}': ${levels.length} numbers from 0 to ${stacks.depth} are allowed`);
  return [stacks.words, ...stacks.missed(entries)];
}

function shiftsOf(format: Format, levels: readonly number[]): number[] {
  return levels.map((l) => pageShift(format) + spanLg2(format, l));
}

const level = (name: string, shape: CacheShape) => ({ name, ...shape, holds: [0] });

function walkedBy(tree: Tree, spec: MmuSpec, words: AccessWords, dirtyToo: boolean): AccessWords {
  const why = whyNotFast(spec);
  if (why !== null) throw new UserError(`no sweep: ${why}`);
  const engine = new WasmEngine(tree, spec);
  const walks = engine.walked(words, dirtyToo);
  const { faults, reads, walks: missed, dirtyWalks } = engine.counts();
  if (faults > 0) throw new UserError(`no sweep: ${faults} accesses fault, and what faults is held nowhere`);
  if (reads[0] !== missed + dirtyWalks) throw new UserError("no sweep: some pages are in leaves above level 0");
  return walks;
}

function checkShapes({ sets }: Shapes): void {
  const wrong = sets.find((n, i) => !Number.isInteger(Math.log2(n)) || n > 2 ** 16 || (i > 0 && n <= sets[i - 1]!));
  if (sets.length === 0 || sets.length > 16 || wrong !== undefined)
    throw new UserError(`bad sets '${sets}': up to 16 powers of two up to 65536, ascending, are allowed`);
}
