import { describe, expect, test } from "vitest";
import { BrokenInvariant, UserError } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";
import { FrameFlag, Frames, MAX_ORDER } from "../../src/machine/frames.ts";

const BLOCK = 2 ** MAX_ORDER;
const SEEDS = Array.from({ length: 6 }, (_, i) => 100 + i);
const ORDERS = [0, 0, 0, 2, 3, 4, 5, 8, 9, 10, 11, MAX_ORDER];

/** The obvious allocator: a list of frames, and a block is free when all its frames are. */
class SlowFrames {
  readonly owner: Int32Array;

  constructor(total: number) {
    this.owner = new Int32Array(total).fill(-1);
  }

  take(pfn: number, order: number): void {
    for (let p = pfn; p < pfn + 2 ** order; p++) {
      expect(this.owner[p], `frame ${p} is handed out twice`).toBe(-1);
      this.owner[p] = pfn;
    }
  }

  give(pfn: number, order: number): void {
    this.owner.fill(-1, pfn, pfn + 2 ** order);
  }

  hasBlock(order: number): boolean {
    for (let at = 0; at < this.owner.length; at += 2 ** order)
      if (this.owner.subarray(at, at + 2 ** order).every((o) => o === -1)) return true;
    return false;
  }
}

interface Folio {
  readonly pfn: number;
  readonly order: number;
}

/** Takes a random member out of a list. */
function draw<T>(rng: Random, list: T[]): T {
  const at = rng.below(list.length);
  const item = list[at]!;
  list[at] = list[list.length - 1]!;
  list.pop();
  return item;
}

describe("the buddy allocator", () => {
  test.each(SEEDS)(
    "hands out aligned blocks that do not overlap, and fails only when no block is free (seed %d)",
    (seed) => {
      const rng = random(seed);
      const total = 3 * BLOCK;
      const [frames, slow] = [new Frames(total), new SlowFrames(total)];
      const live: Folio[] = [];
      for (let i = 0; i < 600; i++) {
        if (live.length > 0 && rng.below(5) < 2) {
          const { pfn, order } = draw(rng, live);
          frames.free(pfn);
          slow.give(pfn, order);
          continue;
        }
        const order = rng.pick(ORDERS);
        const pfn = frames.alloc(order);
        if (pfn < 0) {
          expect(slow.hasBlock(order), `order ${order} fails although a block is free, step ${i}`).toBe(false);
          continue;
        }
        expect(pfn % 2 ** order, `alignment of ${pfn} order ${order}`).toBe(0);
        expect(pfn + 2 ** order).toBeLessThanOrEqual(total);
        slow.take(pfn, order);
        live.push({ pfn, order });
      }
      expect(frames.used).toBe(slow.owner.filter((o) => o >= 0).length);
      for (const { pfn, order } of live)
        for (const p of [pfn, pfn + 2 ** order - 1]) expect([frames.head(p), frames.order(p)]).toEqual([pfn, order]);
    },
  );

  test.each(SEEDS)(
    "merges all that comes back: the largest blocks are there again, in any order of freeing (seed %d)",
    (seed) => {
      const rng = random(seed);
      const frames = new Frames(2 * BLOCK);
      const live: number[] = [];
      for (let pfn = frames.alloc(rng.pick(ORDERS)); pfn >= 0; pfn = frames.alloc(rng.pick(ORDERS))) live.push(pfn);
      while (live.length > 0) frames.free(draw(rng, live));
      expect(frames.used).toBe(0);
      expect([frames.alloc(MAX_ORDER), frames.alloc(MAX_ORDER)].sort((a, b) => a - b)).toEqual([0, BLOCK]);
      expect(frames.alloc(0)).toBe(-1);
    },
  );

  test("memory can be used up frame by frame, to the last", () => {
    const frames = new Frames(BLOCK);
    const seen = new Set(Array.from({ length: BLOCK }, () => frames.alloc(0)));
    expect([seen.size, seen.has(-1), frames.alloc(0), frames.used]).toEqual([BLOCK, false, -1, BLOCK]);
  });

  test("the frames of a folio that was split are freed one by one and merge again", () => {
    const frames = new Frames(BLOCK);
    const head = frames.alloc(9);
    frames.split(head);
    for (let p = head; p < head + 512; p++) expect([frames.order(p), frames.head(p)]).toEqual([0, p]);
    for (let p = head + 511; p >= head; p--) frames.free(p);
    expect(frames.alloc(MAX_ORDER)).toBe(0);
  });

  test("the tail of a folio and a mapped folio are refused", () => {
    const frames = new Frames(BLOCK);
    const head = frames.alloc(2);
    expect(() => frames.free(head + 1)).toThrow(BrokenInvariant);
    frames.addMapcount(head + 3, 1, 1);
    expect(() => frames.free(head)).toThrow(BrokenInvariant);
  });

  test("more frames than frame numbers can name are refused as a user's mistake", () => {
    expect(() => new Frames(2 ** 31 + 1)).toThrow(UserError);
    expect(() => new Frames(2 ** 31)).not.toThrow();
  });

  test("a machine of many chunks keeps the state of distant frames apart", () => {
    const frames = new Frames(2 ** 18);
    const heads: number[] = [];
    for (let pfn = frames.alloc(10); pfn >= 0; pfn = frames.alloc(10)) heads.push(pfn);
    expect(heads).toHaveLength(2 ** 8);
    frames.setFlag(heads[0]!, 1, FrameFlag.exclusive, true);
    frames.addMapcount(heads[200]!, 1, 2);
    expect(heads.filter((h) => frames.hasFlag(h, FrameFlag.exclusive))).toEqual([heads[0]]);
    expect(heads.filter((h) => frames.mapped(h))).toEqual([heads[200]]);
  });
});

describe("runs of single frames", () => {
  test.each(SEEDS)(
    "are the frames that as many single allocations would give, and leave the same blocks (seed %d)",
    (seed) => {
      const rng = random(seed);
      const [runs, single] = [new Frames(3 * BLOCK), new Frames(3 * BLOCK)];
      const live: Folio[] = [];
      for (let i = 0; i < 300; i++) {
        if (live.length > 0 && rng.below(3) === 0) {
          for (let n = rng.below(40); n > 0 && live.length > 0; n--) {
            const { pfn } = draw(rng, live);
            if (runs.totalMapcount(pfn) > 0) runs.addMapcount(pfn, 1, -1);
            runs.free(pfn);
            single.free(pfn);
          }
          continue;
        }
        if (rng.below(3) === 0) {
          const order = rng.pick(ORDERS);
          const pfn = runs.alloc(order);
          expect(single.alloc(order)).toBe(pfn);
          if (pfn >= 0) live.push({ pfn, order });
          continue;
        }
        const max = 1 + rng.below(600);
        const pfn = runs.allocRun(max, FrameFlag.exclusive);
        if (pfn < 0) expect(runs.taken).toBe(0);
        expect(runs.taken).toBeLessThanOrEqual(max);
        for (let k = 0; k < runs.taken; k++) {
          expect(single.alloc(0), `frame ${k} of ${runs.taken}, step ${i}`).toBe(pfn + k);
          expect([runs.totalMapcount(pfn + k), runs.order(pfn + k)]).toEqual([1, 0]);
          expect(runs.hasFlag(pfn + k, FrameFlag.exclusive) && !runs.hasFlag(pfn + k, FrameFlag.written)).toBe(true);
          live.push({ pfn: pfn + k, order: 0 });
        }
        expect(runs.used).toBe(single.used);
      }
      for (const order of [0, 3, MAX_ORDER, 0]) expect(runs.alloc(order)).toBe(single.alloc(order));
    },
  );
});

describe("what the allocator itself takes", () => {
  test("is four bytes a frame in use, whatever was allocated and freed in whatever order", () => {
    const [rng, frames] = [random(7), new Frames(4 * BLOCK)];
    for (let round = 0; round < 4; round++) {
      const live = Array.from({ length: 4 * BLOCK }, () => frames.alloc(0));
      expect(frames.bytes).toBeLessThan(4 * BLOCK * 4 * 1.2);
      while (live.length > 0) frames.free(draw(rng, live));
    }
  });

  test("does not grow when large folios are made, split and freed frame by frame for ever", () => {
    const frames = new Frames(BLOCK);
    const cycle = () => {
      const head = frames.alloc(9);
      frames.split(head);
      for (let p = head + 511; p >= head; p--) frames.free(p);
    };
    cycle();
    const before = frames.bytes;
    for (let i = 0; i < 500; i++) cycle();
    expect(frames.bytes).toBeLessThanOrEqual(before + 2 ** 13);
  });
});

describe("fragmentation", () => {
  const heads = (seed: number, share: number) => {
    const frames = new Frames(4 * BLOCK);
    frames.fragment(random(seed), 4, share);
    const got: number[] = [];
    for (let pfn = frames.alloc(4); pfn >= 0; pfn = frames.alloc(4)) got.push(pfn);
    return { got, used: frames.used };
  };

  test("the same seed leaves the same blocks, another seed others", () => {
    expect(heads(1, 0.5).got).toEqual(heads(1, 0.5).got);
    expect(heads(1, 0.5).got).not.toEqual(heads(2, 0.5).got);
  });

  test("about the wanted share of blocks is spoilt; 0 spoils none and 1 spoils all", () => {
    const blocks = (4 * BLOCK) / 16;
    expect(heads(3, 0).got).toHaveLength(blocks);
    expect(heads(3, 1).got).toHaveLength(0);
    expect(Math.abs(heads(3, 0.3).got.length / blocks - 0.7)).toBeLessThan(0.05);
  });

  test("smaller blocks are still there, and only one frame of each spoilt block is gone", () => {
    const frames = new Frames(BLOCK);
    frames.fragment(random(5), 9, 1);
    expect(frames.used).toBe(BLOCK / 512);
    expect(frames.alloc(9)).toBe(-1);
    expect(frames.alloc(8)).toBeGreaterThanOrEqual(0);
  });
});

describe("what is noted of frames", () => {
  test.each(SEEDS)("map counts of pages and folios equal a plain recount (seed %d)", (seed) => {
    const rng = random(seed);
    const frames = new Frames(2 * BLOCK);
    const folios = [0, 2, 4, 9, 9, 10].map((order) => ({ head: frames.alloc(order), order }));
    const pages = new Map<number, number>();
    const whole = new Map<number, number>();
    for (let i = 0; i < 400; i++) {
      const { head, order } = rng.pick(folios);
      if (order >= 9 && rng.below(3) === 0) {
        const by = rng.below(2) || -1;
        if ((whole.get(head) ?? 0) + by < 0) continue;
        whole.set(head, (whole.get(head) ?? 0) + by);
        frames.addEntireMapcount(head, by);
        continue;
      }
      const first = head + rng.below(2 ** order);
      const n = 1 + rng.below(head + 2 ** order - first);
      const range = Array.from({ length: n }, (_, k) => first + k);
      const by = range.every((p) => (pages.get(p) ?? 0) > 0) && rng.below(2) ? -1 : 1;
      const before = range.filter((p) => (pages.get(p) ?? 0) > 0).length;
      for (const p of range) pages.set(p, (pages.get(p) ?? 0) + by);
      const after = range.filter((p) => pages.get(p)! > 0).length;
      expect(frames.addMapcount(first, n, by)).toBe(Math.abs(after - before));
    }
    for (const { head, order } of folios) {
      const own = Array.from({ length: 2 ** order }, (_, k) => pages.get(head + k) ?? 0);
      const entire = whole.get(head) ?? 0;
      const total = entire + own.reduce((a, b) => a + b, 0);
      expect(own.map((_, k) => frames.mapcount(head + k))).toEqual(own.map((n) => n + entire));
      expect([frames.entireMapcount(head), frames.totalMapcount(head), frames.mapped(head)]).toEqual([
        entire,
        total,
        total > 0,
      ]);
    }
  });

  test("a folio split keeps the count and the flags of every page, and the new folios count for themselves", () => {
    const frames = new Frames(BLOCK);
    const head = frames.alloc(4);
    frames.addMapcount(head, 16, 1);
    frames.addMapcount(head + 3, 2, 1);
    frames.setFlag(head + 5, 1, FrameFlag.written, true);
    frames.split(head);
    const counts = Array.from({ length: 16 }, (_, i) => frames.totalMapcount(head + i));
    expect(counts).toEqual(Array.from({ length: 16 }, (_, i) => (i === 3 || i === 4 ? 2 : 1)));
    expect(frames.hasFlag(head + 5, FrameFlag.written)).toBe(true);
    frames.addMapcount(head + 7, 1, -1);
    frames.free(head + 7);
    expect(frames.used).toBe(15);
  });

  test("a folio made of frames that were once split out of another starts with no mapping", () => {
    const frames = new Frames(BLOCK);
    const head = frames.alloc(4);
    frames.addMapcount(head, 16, 1);
    frames.split(head);
    for (let p = head; p < head + 16; p++) {
      frames.addMapcount(p, 1, -1);
      frames.free(p);
    }
    expect([frames.alloc(4), frames.totalMapcount(head), frames.mapped(head)]).toEqual([head, 0, false]);
  });

  test("a page is mapped more often than its word can count, and the count is exact all the way up and down", () => {
    const frames = new Frames(BLOCK);
    const [a, b] = [frames.alloc(0), frames.alloc(4)];
    frames.setFlag(a, 1, FrameFlag.written, true);
    const steps = [65534, 1, 1, 5, 2 ** 20, -(2 ** 20), -5, -1, -1, -65533];
    let count = 0;
    for (const by of steps) {
      count += by;
      frames.addMapcount(a, 1, by);
      frames.addMapcount(b + 2, 3, by);
      expect([frames.mapcount(a), frames.totalMapcount(a)], `after ${by}`).toEqual([count, count]);
      expect([1, 2, 3, 4, 5].map((i) => frames.mapcount(b + i))).toEqual([0, count, count, count, 0]);
      expect(frames.totalMapcount(b)).toBe(3 * count);
      expect([frames.order(a), frames.order(b + 2), frames.hasFlag(a, FrameFlag.written)]).toEqual([0, 4, true]);
    }
    expect(frames.addMapcount(a, 1, -1)).toBe(1);
    frames.free(a);
  });

  test("a folio mapped whole by a large entry cannot be split before that mapping is", () => {
    const frames = new Frames(BLOCK);
    const head = frames.alloc(9);
    frames.addEntireMapcount(head, 1);
    expect(() => frames.split(head)).toThrow(BrokenInvariant);
  });

  test("flags are set and cleared one by one, over exactly the range given", () => {
    const frames = new Frames(BLOCK);
    const head = frames.alloc(4);
    frames.setFlag(head + 2, 5, FrameFlag.exclusive, true);
    frames.setFlag(head, 16, FrameFlag.written, true);
    frames.setFlag(head + 4, 1, FrameFlag.exclusive, false);
    const on = Array.from({ length: 16 }, (_, i) => frames.hasFlag(head + i, FrameFlag.exclusive));
    expect(on.flatMap((b, i) => (b ? [i] : []))).toEqual([2, 3, 5, 6]);
    expect(frames.hasFlag(head + 4, FrameFlag.written)).toBe(true);
  });

  test("a frame that comes back from the allocator has lost its flags", () => {
    const frames = new Frames(BLOCK);
    const head = frames.alloc(2);
    frames.setFlag(head, 4, FrameFlag.exclusive | FrameFlag.written, true);
    frames.free(head);
    expect(frames.alloc(2)).toBe(head);
    expect(frames.hasFlag(head, FrameFlag.exclusive | FrameFlag.written)).toBe(false);
  });
});
