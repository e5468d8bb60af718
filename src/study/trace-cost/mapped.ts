/**
 * A slice of a trace over memory that the simulated kernel has mapped: which leaves are behind its pages, and what a core counts that
 * runs it, after showing that every access reached the memory that was written at its address.
 */

import { A } from "../../arch/entry.ts";
import { type AccessDirty, spanLg2 } from "../../arch/format.ts";
import { invariant } from "../../base/errors.ts";
import { firstWhere } from "../../base/search.ts";
import type { Mm } from "../../mm/mm.ts";
import { AccessKind, type AccessWords, LINE_LG2, newAccessWords, setAccess, vpnAt } from "../../mmu/access-words.ts";
import type { MmuCounts } from "../../mmu/counts.ts";
import { newEngine } from "../../mmu/engine/engine.ts";
import { filterFor, withDropped } from "../../mmu/engine/filter.ts";
import type { MmuSpec } from "../../mmu/simulate.ts";
import { type Tree, translate } from "../../mmu/translate.ts";
import type { MappedTrace } from "../trace/replay.ts";
import { type GuestHost, guestHost } from "./host.ts";
import type { Stream, TraceSlice } from "./slice.ts";

/** Log two of the pages that are numbered: the smallest of any format. */
export const SMALL_LG2 = 12;

/** Leaves that a slice's pages are mapped by, a contiguous block as one, numbered as they are first used. */
export interface Leaves {
  /** The leaf of each 4K page by its number. */
  readonly leafOf: Int32Array;
  /** The number that chooses a TLB set, by leaf: the page divided by the leaf's size, its low 32 bits. */
  readonly index: Int32Array;
  /** Log two of the base pages that each covers. */
  readonly lg2: Uint8Array;
}

/** A slice over memory mapped in one way. Running it changes no table: every page was written when it was mapped. */
export class MappedSlice {
  readonly slice: TraceSlice;
  readonly mapped: MappedTrace;
  /** The format's page of each 4K page, by its number, and the frame that the first write reached. */
  readonly #pages: Float64Array;
  readonly #frames: Float64Array;
  #leaves: Leaves | undefined;
  readonly #placed = new Map<Stream, AccessWords>();
  readonly #hosts = new Map<number, GuestHost>();
  /** What was counted, by core and conditions: who changes one of several controls need not run the rest again. */
  readonly #counted = new Map<string, MmuCounts>();

  constructor(slice: TraceSlice, mapped: MappedTrace) {
    this.slice = slice;
    this.mapped = mapped;
    this.#pages = pagesOf(slice, mapped);
    this.#frames = this.#pages.map((vpn) => mapped.frames.get(vpn)!);
  }

  get mm(): Mm {
    return this.mapped.mm;
  }

  /** The leaves behind the slice's pages. */
  leaves(): Leaves {
    this.#leaves ??= leavesOf(this.#pages, this.mm.pt, this.mm.kernel.accessDirty);
    return this.#leaves;
  }

  /**
   * Runs the slice on a core whose TLBs are empty at first, and counts all but the first `warmUp` accesses. Throws `BrokenInvariant` if
   * an access reaches another frame than the one that was written at its address.
   */
  run(spec: MmuSpec, warmUp = 0): MmuCounts {
    return this.#once([spec, warmUp], () => this.#run(this.mm.pt, this.#frames, spec, warmUp));
  }

  /** The same in a virtual machine, whose memory a host has mapped in folios of an order. The core must be one for nested translation. */
  runNested(spec: MmuSpec, hostOrder: number, warmUp = 0): MmuCounts {
    return this.#once([spec, warmUp, hostOrder], () => {
      const host = this.#hosts.get(hostOrder) ?? guestHost(this.mm, this.#pages, this.#frames, hostOrder);
      this.#hosts.set(hostOrder, host);
      const frames = this.#frames.map((gfn) => host.frames.get(gfn)!);
      return this.#run(host.tree, frames, spec, warmUp);
    });
  }

  #once(conditions: readonly unknown[], count: () => MmuCounts): MmuCounts {
    const key = JSON.stringify(conditions);
    const counts = this.#counted.get(key) ?? count();
    this.#counted.set(key, counts);
    return counts;
  }

  #run(tree: Tree, frames: Float64Array, spec: MmuSpec, warmUp: number): MmuCounts {
    const stream = this.#streamFor(spec, warmUp > 0);
    const words = this.#place(stream);
    const engine = newEngine(tree, spec);
    const from = placeAfter(stream, warmUp);
    const out = new Float64Array(CHUNK);
    const run = (start: number, end: number) => {
      for (let at = start; at < end; at += CHUNK) {
        const next = Math.min(at + CHUNK, end);
        const reached = out.subarray(0, next - at);
        engine.run(words.subarray(2 * at, 2 * next), reached);
        checkReached(reached, stream.pageOf.subarray(at, next), frames);
      }
    };
    run(0, from);
    engine.reset();
    run(from, stream.pageOf.length);
    return withRepeats(engine.counts(), this.slice.accesses - warmUp);
  }

  /** What must be made on this core. A strong filter does not say which accesses it kept, so where some are not counted it is not used. */
  #streamFor(spec: MmuSpec, partly: boolean): Stream {
    const { slice } = this;
    const choice = filterFor(spec, { leafLg2: [...new Set(this.leaves().lg2)] });
    if (choice.kind === null) return slice.all;
    if (spec.caches?.dataCompetes) return slice.lines;
    return choice.kind === "repeats" || partly ? slice.moves : slice.filtered(choice, this.mm.kernel.format.pageLg2);
  }

  #place(stream: Stream): AccessWords {
    const words = this.#placed.get(stream) ?? this.mapped.place(stream.words);
    this.#placed.set(stream, words);
    return words;
  }
}

/** Accesses handed over at a time. */
const CHUNK = 16384;

/** How many accesses of a stream are among the first `n` of the slice. */
const placeAfter = ({ at }: Stream, n: number): number =>
  at === undefined ? n : firstWhere(at.length, (i) => at[i]! >= n);

function checkReached(out: Float64Array, pageOf: Int32Array, frames: Float64Array): void {
  for (let i = 0; i < out.length; i++)
    if (out[i] !== frames[pageOf[i]!])
      invariant(false, `an access to page ${pageOf[i]} reached frame ${out[i]}, not ${frames[pageOf[i]!]}`);
}

/** What was left out hit the first level, and the first cache. */
function withRepeats(counts: MmuCounts, accesses: number): MmuCounts {
  const dropped = accesses - counts.accesses;
  const [first = 0, ...others] = counts.dataReads ?? [];
  return { ...withDropped(counts, dropped), ...(counts.dataReads && { dataReads: [first + dropped, ...others] }) };
}

/** The format's page of each 4K page, by its number. */
function pagesOf({ summary: { touches } }: TraceSlice, { mm, place }: MappedTrace): Float64Array {
  const words = newAccessWords(touches.length);
  for (let i = 0; i < touches.length; i++)
    setAccess(words, i, touches[i]! * 2 ** (SMALL_LG2 - LINE_LG2), AccessKind.load);
  const placed = place(words);
  return Float64Array.from(touches, (_, i) => vpnAt(placed, i, mm.kernel.format.pageLg2));
}

function leavesOf(pages: Float64Array, tree: Tree, ad: AccessDirty): Leaves {
  const numbers = new Map<string, number>();
  const index: number[] = [];
  const sizes: number[] = [];
  const leafOf = Int32Array.from(pages, (vpn) => {
    const lg2 = leafLg2(tree, vpn, ad);
    const at = Math.floor(vpn / 2 ** lg2);
    const number = numbers.get(`${lg2} ${at}`) ?? index.push(at | 0) - 1;
    numbers.set(`${lg2} ${at}`, number);
    sizes[number] = lg2;
    return number;
  });
  return { leafOf, index: Int32Array.from(index), lg2: Uint8Array.from(sizes) };
}

/** Log two of the base pages that the leaf of a mapped page covers, a contiguous block as one. */
function leafLg2(tree: Tree, vpn: number, ad: AccessDirty): number {
  const { level, slot } = translate(tree, vpn, false, ad);
  const { format, tables } = tree;
  const [chunk, at] = [slot >>> tables.chunkLg2, slot & tables.chunkMask];
  const attrs = format.attrs(tables.lo[chunk]![at]!, tables.hi[chunk]![at]!, level);
  return spanLg2(format, level) + (attrs & A.cont ? format.contLg2[level]! : 0);
}
