import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import type { Format } from "../../src/arch/format.ts";
import { formats } from "../../src/arch/formats.ts";
import { type Random, random } from "../../src/base/random.ts";
import type { PageTable } from "../../src/pgtable/pagetable.ts";
import { encapsulated, KernelStack, type PteAccess, rawAccess } from "../../src/pgtable/raw-access.ts";
import { entryText, newPageTable } from "./bench.ts";

const SLOTS = 16;
const nothing = () => {};

interface Side {
  readonly pt: PageTable;
  readonly first: number;
  readonly pfn: number;
  readonly access: PteAccess;
}

/** A page table without contiguous blocks, where a plain load and store are as good as the helpers. */
function side(f: Format, raw: boolean): Side {
  const pt = newPageTable(f, false);
  const first = pt.findOrMake(0, 0);
  return { pt, first, pfn: pt.frames.alloc(4), access: raw ? rawAccess(new KernelStack(pt, 8)) : encapsulated };
}

/** One random step; what it returned, as text. */
function step({ pt, first, pfn, access }: Side, rng: Random): string {
  const at = rng.below(SLOTS);
  const slot = first + at;
  const attrs = rng.next() & (A.write | A.dirty | A.young);
  const what = rng.below(7);
  if (pt.kind(slot, 0) !== Kind.leaf) {
    if (what < 4) access.set(pt, slot, pfn + at, attrs);
    else access.install(pt, slot, () => ({ kind: Kind.leaf, pfn: pfn + at, attrs }));
    return "stored";
  }
  if (what === 0) return JSON.stringify(access.take(pt, slot, nothing));
  if (what === 1) access.wrprotect(pt, slot, nothing);
  if (what === 2) return `${access.testAndClearYoung(pt, slot, nothing)}`;
  if (what === 3) access.allow(pt, slot, attrs | A.young);
  return JSON.stringify(access.get(pt, slot));
}

describe.each(formats.map((f) => [f.name, f] as const))("%s", (_name, f) => {
  test("where nothing races and no block is folded, both accesses return and leave the same", () => {
    for (const seed of [1, 2, 3]) {
      const [raw, enc] = [side(f, true), side(f, false)];
      const [a, b] = [random(seed), random(seed)];
      for (let i = 0; i < 300; i++) {
        expect([seed, i, step(raw, a)]).toEqual([seed, i, step(enc, b)]);
        const words = (s: Side) => Array.from({ length: SLOTS }, (_, k) => entryText(s.pt, s.first + k));
        expect(words(raw)).toEqual(words(enc));
      }
    }
  });
});

describe("a kernel stack", () => {
  test("keeps what calls left on it until the place is used again, and tells once what others have written", () => {
    const pt = newPageTable(formats[0]!);
    const stack = new KernelStack(pt, 4);
    for (let i = 0; i < 6; i++) stack.push(i, 10 * i);
    expect(stack.damage()).toEqual([]);
    const words = Array.from({ length: 4 }, (_, i) => pt.lo(stack.first + i));
    expect(words).toEqual([4, 5, 2, 3]);
    pt.write(stack.first + 2, 99, 0);
    expect(stack.damage()).toEqual([{ slot: stack.first + 2, lo: 99, hi: 0, wantLo: 2, wantHi: 20 }]);
    expect([stack.damage(), pt.lo(stack.first + 2)]).toEqual([[], 2]);
  });

  test("is no table of the tree and counts as none", () => {
    const pt = newPageTable(formats[0]!);
    const before = [...pt.tablesAt];
    new KernelStack(pt, 4);
    expect([...pt.tablesAt]).toEqual(before);
  });
});
