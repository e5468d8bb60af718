/**
 * The experiment "How many TLB entries are enough?": misses of a recorded trace by the size of one TLB, for memory mapped in different
 * ways, all sizes of a curve out of one pass.
 *
 * The TLB is one array for leaves of every size, LRU; a contiguous block is one entry. Every leaf's first use is a miss.
 */
import { type AccessWords, accessesOf, newAccessWords } from "../../mmu/access-words.ts";
import type { Experiment, ParamsOf, RunEffects } from "../experiment.ts";
import { sweepTlb } from "../sweep/sweep.ts";
import type { TracePolicy } from "../trace/replay.ts";
import { policyText } from "../walk-cost/layout.ts";
import { stackMisses } from "./lru-curve.ts";
import { type Leaves, type MappedSlice, SMALL_LG2 } from "./mapped.ts";
import type { TraceSlice } from "./slice.ts";
import { traceParams } from "./traces.ts";

/** Ways of each shape; null is fully associative. */
const SHAPES = { "fully associative": null, "4 ways": 4, "8 ways": 8 } as const;

/** Numbers of entries that are looked at. */
export const CURVE_ENTRIES = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096] as const;

/** Ways to map: three sizes of base page, and what folios make of the smallest. */
const CURVES: readonly TracePolicy[] = [
  { format: "x86-64", order: 0, contpte: true },
  { format: "x86-64", order: 9, contpte: true },
  { format: "arm64-16k", order: 0, contpte: true },
  { format: "arm64-4k", order: 4, contpte: true },
  { format: "arm64-64k", order: 0, contpte: true },
];

/** Parameters of "How many TLB entries are enough?". */
export const missCurveParams = {
  ...traceParams,
  shape: { kind: "choice", label: "TLB", options: Object.keys(SHAPES), default: "fully associative" },
} as const;

/** One size of TLB under one way of mapping. */
export interface MissCurveRow {
  readonly mapping: string;
  readonly entries: number;
  readonly misses: number;
  readonly missesPer1000: number;
  /** Misses that no size avoids: leaves that are used at all. */
  readonly firstUses: number;
}

/** Misses by mapping and number of entries. */
export function runMissCurve(
  { shape }: Pick<ParamsOf<typeof missCurveParams>, "shape">,
  slice: TraceSlice,
  effects?: RunEffects,
): readonly MissCurveRow[] {
  const ways = SHAPES[shape as keyof typeof SHAPES];
  return CURVES.flatMap((policy, i) => {
    effects?.signal?.throwIfAborted();
    effects?.progress?.(i, CURVES.length);
    const mapped = slice.mapped(policy);
    const misses = curveMisses(mapped, ways);
    const firstUses = mapped.leaves().index.length;
    return CURVE_ENTRIES.map((entries, e) => ({
      mapping: policyText(policy),
      entries,
      misses: misses[e]!,
      missesPer1000: (1000 * misses[e]!) / slice.accesses,
      firstUses,
    }));
  });
}

/** Misses by {@link CURVE_ENTRIES} of a slice over memory mapped in one way, for so many ways or full associativity. */
export function curveMisses(mapped: MappedSlice, ways: number | null): Float64Array {
  const { leafOf, index } = mapped.leaves();
  const keys = leafUses(mapped.slice.moves.pageOf, leafOf);
  if (ways === null) return stackMisses(keys, index.length, CURVE_ENTRIES);
  const shapes = { sets: CURVE_ENTRIES.map((entries) => entries / ways), ways };
  const swept = sweepTlb(asPages(keys, mapped.leaves()), SMALL_LG2, shapes);
  return Float64Array.from(shapes.sets, (sets) => swept.lookups - swept.hits(sets, ways));
}

/** Uses of leaves as accesses to one page each, which has its leaf's place in every array and differs from all others. */
function asPages(keys: Int32Array, { index, lg2 }: Leaves): AccessWords {
  const byLeaf = accessesOf(
    Float64Array.from(index, (n, leaf) => lg2[leaf]! * SIZE_SPAN + (n >>> 0)),
    SMALL_LG2,
  );
  const words = newAccessWords(keys.length);
  for (let i = 0; i < keys.length; i++) {
    words[2 * i] = byLeaf[2 * keys[i]!]!;
    words[2 * i + 1] = byLeaf[2 * keys[i]! + 1]!;
  }
  return words;
}

const SIZE_SPAN = 2 ** 32;

/** The leaves that are used, one after the other, a leaf again only after another. */
function leafUses(pageOf: Int32Array, leafOf: Int32Array): Int32Array {
  const keys = new Int32Array(pageOf.length);
  let [n, last] = [0, -1];
  for (let i = 0; i < pageOf.length; i++) {
    const leaf = leafOf[pageOf[i]!]!;
    if (leaf === last) continue;
    keys[n++] = last = leaf;
  }
  return keys.subarray(0, n);
}

/** "How many TLB entries are enough?" */
export const missCurveExperiment: Experiment<typeof missCurveParams, MissCurveRow, TraceSlice> = {
  id: "miss-curve",
  question: "How many TLB entries does a real program need, by how its memory is mapped?",
  params: missCurveParams,
  run: runMissCurve,
};
