import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Mm } from "../../../src/mm/mm.ts";
import { newEngine, type TranslationEngine, whyNotFast } from "../../../src/mmu/engine/engine.ts";
import { ENGINE_WASM } from "../../../src/mmu/engine/wasm-bytes.ts";
import { genericCore } from "../../../src/mmu/generic.ts";
import type { MmuSpec } from "../../../src/mmu/simulate.ts";
import type { PageTable } from "../../../src/pgtable/pagetable.ts";
import { accesses, anyCore, change, playground } from "../programs.ts";
import { bytesFile, compileEngine } from "./compile.ts";

const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);

test("the bytes are what the source compiles to", async () => {
  const { bytes, text } = await compileEngine();
  expect(Buffer.from(bytes).toString("base64") === ENGINE_WASM).toBe(true);
  const file = path.resolve(import.meta.dirname, "../../../src/mmu/engine/wasm-bytes.ts");
  expect(readFileSync(file, "utf8") === bytesFile(bytes)).toBe(true);
  // What a host must give: nothing of Node's, nothing of a page's.
  expect(text.match(/\(import "\w+" "\w+"/g)).toEqual(['(import "walk" "decode"', '(import "walk" "again"']);
});

/** Everything that hardware and software have written into the tables. */
function contents({ tables }: PageTable): string {
  return tables.lo.map((chunk, i) => `${chunk.join()};${tables.hi[i]!.join()}`).join();
}

/** Two equal machines with an engine each: the fast one and the reference. */
function pair(seed: number): {
  sides: { rng: ReturnType<typeof playground>["rng"]; mm: Mm; engine: TranslationEngine }[];
} {
  const sides = (["wasm", "reference"] as const).map((which) => {
    const { rng, mm } = playground(seed);
    for (let step = 0; step < 20; step++) change(rng, mm);
    return { rng, mm, engine: newEngine(mm.pt, { ...anyCore(rng, mm), asidBits: seed % 2 ? 12 : 0 }, which) };
  });
  return { sides };
}

describe("the engine and the reference agree in frames, counts and tables, while operations change the tables", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const { sides } = pair(seed);
    for (let step = 0; step < 20; step++) {
      const at = `seed ${seed}, step ${step}`;
      const [fast, slow] = sides.map(({ rng, mm, engine }) => {
        const words = accesses(rng, mm, 500);
        const out = new Float64Array(500);
        engine.run(words, out);
        // Another stream without frames: the loops for that are others.
        engine.run(accesses(rng, mm, 500));
        if (step === 10) engine.reset();
        const { start, end } = change(rng, mm);
        engine.flush(start, end);
        return { out, counts: engine.counts() };
      });
      expect(fast!.counts, at).toEqual(slow!.counts);
      expect(fast!.out.join() === slow!.out.join(), `${at}: frames`).toBe(true);
    }
    expect(contents(sides[0]!.mm.pt) === contents(sides[1]!.mm.pt), `seed ${seed}: tables`).toBe(true);
  });
});

describe("the same on cores of the shape that real ones have", () => {
  test.each(SEEDS.slice(0, 12))("seed %i", (seed) => {
    const counts = (["wasm", "reference"] as const).map((which) => {
      const { rng, mm } = playground(seed);
      for (let step = 0; step < 40; step++) change(rng, mm);
      const { format, accessDirty } = mm.kernel;
      const engine = newEngine(
        mm.pt,
        genericCore(format, { tlbEntries: 48, walkCache: true, contiguous: true, accessDirty }),
        which,
      );
      engine.run(accesses(rng, mm, 40_000));
      return engine.counts();
    });
    expect(counts[0], `seed ${seed}`).toEqual(counts[1]);
  });
});

test("a flush of everything may have no end", () => {
  const counts = (["wasm", "reference"] as const).map((which) => {
    const { rng, mm } = playground(5);
    for (let step = 0; step < 20; step++) change(rng, mm);
    const engine = newEngine(mm.pt, anyCore(rng, mm), which);
    for (let step = 0; step < 3; step++) {
      engine.run(accesses(rng, mm, 300));
      engine.flush(0, Number.POSITIVE_INFINITY);
    }
    return engine.counts();
  });
  expect(counts[0]).toEqual(counts[1]);
});

test("entries that were not present may appear between runs without a flush", () => {
  const { rng, mm } = playground(3);
  const spec: MmuSpec = { tlb: [], walkCache: [], accessDirty: "hardware" };
  const [fast, slow] = (["wasm", "reference"] as const).map((which) => newEngine(mm.pt, spec, which));
  for (let step = 0; step < 30; step++) {
    const words = accesses(rng, mm, 200);
    const [a, b] = [new Float64Array(200), new Float64Array(200)];
    slow!.run(words, b);
    fast!.run(words, a);
    expect(a).toEqual(b);
    change({ ...rng, below: (n) => (n === 8 ? 7 : rng.below(n)) }, mm);
  }
});

describe("what the fast engine does not model is refused by name", () => {
  const core: MmuSpec = { tlb: [[{ name: "a", sets: 1, ways: 1, holds: [0] }]], walkCache: [], accessDirty: "fault" };
  const tlb = (field: object) => ({ ...core, tlb: [[{ ...core.tlb[0]![0]!, ...field }]] });
  test.each<[object, string | null]>([
    [core, null],
    [tlb({ for: "fetch" }), null],
    [tlb({ policy: "lru" }), null],
    [tlb({ policy: "plru" }), "the fast engine does not model 'policy'"],
    [tlb({ coalesce: 0 }), null],
    [tlb({ coalesce: 2 }), "the fast engine does not model 'coalesce'"],
    [{ ...core, asidBits: 12 }, null],
    [{ ...core, caches: { levels: [] } }, "the fast engine does not model 'caches'"],
    [{ ...core, nested: {} }, "the fast engine does not model 'nested'"],
    [{ ...core, walkCache: [null, { sets: 1, ways: 4, policy: "plru" }] }, "the fast engine does not model 'policy'"],
    [{ ...core, tlb: Array(9).fill([]) }, "the fast engine has at most 8 TLB levels"],
  ])("%j: %s", (spec, why) => {
    expect(whyNotFast(spec as MmuSpec)).toBe(why);
    expect(newEngine(playground(1).mm.pt, core, "auto").kind).toBe("wasm");
  });

  test("such a core is run by the reference, and not at all if the fast engine is asked for by name", () => {
    const { mm } = playground(1);
    const rich = { ...core, unheardOf: true } as MmuSpec;
    expect(() => newEngine(mm.pt, rich, "wasm")).toThrow(
      "no fast engine for this core: the fast engine does not model 'unheardOf'",
    );
    expect(newEngine(mm.pt, { ...core, unheardOf: true } as MmuSpec).kind).toBe("reference");
  });
});

test.each(["wasm", "reference"] as const)("%s refuses a shape that cannot be built", (which) => {
  const { mm } = playground(1);
  const array = { name: "the L1", sets: 3, ways: 1, holds: [0] };
  const spec: MmuSpec = { tlb: [[array]], walkCache: [], accessDirty: "fault" };
  expect(() => newEngine(mm.pt, spec, which)).toThrow("bad sets '3' of the L1");
});
