/**
 * What translation is measured on: three streams made by rule over 1 GiB, and recorded ones, each with the pages that it touches
 * mapped in 4K on x86-64. All are the same on every machine.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { A } from "../../src/arch/entry.ts";
import { x86_64 } from "../../src/arch/x86-64.ts";
import { random } from "../../src/base/random.ts";
import { newTally } from "../../src/base/tally.ts";
import { Frames } from "../../src/machine/frames.ts";
import { Tables } from "../../src/machine/tables.ts";
import { type AccessWords, accessCount, newAccessWords, setAccess, vpnAt } from "../../src/mmu/access-words.ts";
import type { MmuSpec } from "../../src/mmu/simulate.ts";
import { PageTable } from "../../src/pgtable/pagetable.ts";
import { setPtes } from "../../src/pgtable/ptep.ts";
import { openTrace } from "../../src/study/trace/open.ts";
import { bytesInput } from "../../src/study/trace/source.ts";
import { makeStream } from "../../src/study/walk-cost/streams.ts";

/** The core of `translate.c`: 64 entries by 4 ways, 1536 by 12, walk caches. */
export const BENCH_CORE: MmuSpec = {
  tlb: [[{ name: "the L1", sets: 16, ways: 4, holds: [0] }], [{ name: "the L2", sets: 128, ways: 12, holds: [0] }]],
  walkCache: [null, { sets: 1, ways: 32 }, { sets: 1, ways: 8 }, { sets: 1, ways: 4 }],
  accessDirty: "hardware",
};

/** A stream and the pages that it may touch, ascending. */
export interface Input {
  readonly name: string;
  readonly words: AccessWords;
  readonly pages: Float64Array;
}

const PAGES = 2 ** 18;
const START = 2 ** 33;
const PAGE_LINES = 64;
const SEED = 1;

/** Streams of `n` accesses, a fourth of them stores. */
export function synthetic(name: "sequential" | "zipf" | "random", n: number): Input {
  const rng = random(SEED);
  const words = newAccessWords(n);
  const vpns =
    name === "sequential" ? null : makeStream({ pattern: name, start: START, pages: PAGES, accesses: n, seed: SEED });
  for (let i = 0; i < n; i++) {
    const line =
      vpns === null ? START * PAGE_LINES + (i % (PAGES * PAGE_LINES)) : vpns[i]! * PAGE_LINES + rng.below(PAGE_LINES);
    setAccess(words, i, line, (i & 3) === 3 ? 1 : 0);
  }
  return { name, words, pages: Float64Array.from({ length: PAGES }, (_, i) => START + i) };
}

/** Recorded programs that the project holds; see `notebooks/data/README.md`. */
export const REAL = ["sort", "sqlite", "python"] as const;

/** A recorded trace, at most `n` accesses of it. */
export async function realTrace(name: (typeof REAL)[number], n: number): Promise<Input> {
  const file = path.resolve(import.meta.dirname, `../../notebooks/data/${name}.ptt`);
  const trace = await openTrace(bytesInput(readFileSync(file), file));
  const words = newAccessWords(Math.min(n, trace.info.accesses!));
  let to = 0;
  for await (const chunk of trace.chunks(0, words.length / 2)) {
    words.set(chunk, to);
    to += chunk.length;
  }
  return { name, words, pages: pagesOf(words) };
}

/** The pages of a stream, ascending. */
export function pagesOf(words: AccessWords): Float64Array {
  const pages = new Set<number>();
  let last = -1;
  for (let i = 0; i < accessCount(words); i++) {
    const vpn = vpnAt(words, i, x86_64.pageLg2);
    if (vpn === last) continue;
    pages.add(vpn);
    last = vpn;
  }
  return Float64Array.from(pages).sort();
}

/** Tables that map the pages, each to a frame of its own, neither accessed nor dirty yet. */
export function treeOf(pages: Float64Array): PageTable {
  const frames = new Frames(2 ** 20);
  const tables = new Tables(9, frames.total);
  const pt = new PageTable({ format: x86_64, tables, frames, tally: newTally(), contpte: true });
  for (const [i, vpn] of pages.entries()) setPtes(pt, pt.findOrMake(vpn, 0), i, A.write | A.exec, 1);
  return pt;
}

/** Page numbers as 64-bit words for a C program. */
export function pageWords(pages: Float64Array): BigUint64Array {
  return BigUint64Array.from(pages, BigInt);
}
