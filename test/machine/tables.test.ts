import { expect, test } from "vitest";
import { BrokenInvariant, UserError } from "../../src/base/errors.ts";
import { random } from "../../src/base/random.ts";
import { Tables } from "../../src/machine/tables.ts";

const BASE = 2 ** 24;

function words(t: Tables, table: number): [number, number][] {
  const first = table << t.slotsLg2;
  return Array.from({ length: 1 << t.slotsLg2 }, (_, i) => {
    const slot = first + i;
    const [chunk, at] = [slot >>> t.chunkLg2, slot & t.chunkMask];
    return [t.lo[chunk]![at]!, t.hi[chunk]![at]!];
  });
}

test("a new table is full of the empty word, also when it was used before", () => {
  const t = new Tables(9, BASE);
  const table = t.alloc(0x400, 7);
  expect(words(t, table).every(([lo, hi]) => lo === 0x400 && hi === 7)).toBe(true);
  t.fill(table << 9, 512, 1, 2);
  t.free(table);
  expect(t.alloc(0, 0)).toBe(table);
  expect(words(t, table).every(([lo, hi]) => lo === 0 && hi === 0)).toBe(true);
});

test.each([9, 11, 13])("tables of 2^%d slots do not share a word, over several chunks", (lg2) => {
  const t = new Tables(lg2, BASE);
  const made = Array.from({ length: 300 }, (_, i) => t.alloc(i, -i));
  expect(new Set(made).size).toBe(300);
  for (const [i, table] of made.entries()) {
    const seen = words(t, table);
    expect(seen.every(([lo, hi]) => lo === i && hi === (i === 0 ? 0 : -i)) || `table ${table} is overwritten`).toBe(
      true,
    );
  }
});

test("filling a run touches that run and nothing beside it", () => {
  const t = new Tables(9, BASE);
  const table = t.alloc(0, 0);
  t.fill((table << 9) + 100, 17, 5, 6);
  const hit = words(t, table).flatMap(([lo], i) => (lo === 5 ? [i] : []));
  expect([hit.length, hit[0], hit[16]]).toEqual([17, 100, 116]);
});

test("the frame number of a table names it and lies above all memory", () => {
  const t = new Tables(9, BASE);
  for (let i = 0; i < 10; i++) {
    const table = t.alloc(0, 0);
    expect(t.pfnOf(table)).toBeGreaterThanOrEqual(BASE);
    expect(t.tableOf(t.pfnOf(table))).toBe(table);
  }
});

test("live counts what is in use under any sequence, and storage is used again", () => {
  const rng = random(6);
  const t = new Tables(9, BASE);
  const live = new Set<number>();
  for (let i = 0; i < 2000; i++) {
    if (live.size > 0 && rng.below(2)) {
      const table = rng.pick([...live]);
      t.free(table);
      live.delete(table);
    } else {
      const table = t.alloc(0, 0);
      expect(live.has(table), `table ${table} is handed out twice`).toBe(false);
      live.add(table);
    }
    expect(t.live).toBe(live.size);
  }
  expect(Math.max(...live)).toBeLessThan(600);
});

test("freeing a table when none is in use is a bug", () => {
  expect(() => new Tables(9, BASE).free(0)).toThrow(BrokenInvariant);
});

test("a zone that ends gives as many tables as it has room for; one more is a user's mistake, one freed can be had again", () => {
  const t = new Tables(9, BASE, 3);
  const made = [t.alloc(0, 0), t.alloc(0, 0), t.alloc(0, 0)];
  expect(() => t.alloc(0, 0)).toThrow(UserError);
  t.free(made[1]!);
  expect(t.alloc(0, 0)).toBe(made[1]);
});
