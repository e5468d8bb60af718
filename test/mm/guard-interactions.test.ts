import { describe, expect, test } from "vitest";
import { access, SEGV } from "../../src/mm/fault.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { mlock } from "../../src/mm/mlock.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { mremap } from "../../src/mm/mremap.ts";
import { swapOut } from "../../src/mm/swap-io.ts";
import { BASE, mapRw, newMm, shapes, write } from "./bench.ts";

const HUGE = 512;

/** A process with 512 written pages and guards on [8, 16). */
function guarded(): Mm {
  const mm = newMm({ arch: "x86-64", swap: 2 ** 28 });
  mapRw(mm, BASE, HUGE);
  write(mm, BASE, BASE + HUGE);
  madvise(mm, BASE + 8, BASE + 16, "guard");
  return mm;
}

describe("guards and what happens around them", () => {
  test("collapse is refused until the guards are removed", () => {
    const mm = guarded();
    expect(madvise(mm, BASE, BASE + HUGE, "collapse")).toBe("EINVAL");
    madvise(mm, BASE, BASE + HUGE, "unguard");
    expect([madvise(mm, BASE, BASE + HUGE, "collapse"), shapes(mm, BASE, BASE + HUGE)]).toEqual([null, "512H"]);
  });

  test("a refused collapse has swapped in what lies before the guard", () => {
    const mm = guarded();
    swapOut(mm, BASE, BASE + 4);
    swapOut(mm, BASE + 20, BASE + 24);
    expect(mm.swapEnts).toBe(8);
    madvise(mm, BASE, BASE + HUGE, "collapse");
    expect(mm.swapEnts).toBe(4);
  });

  test("a move keeps them at their offsets; growing adds pages without any", () => {
    const mm = guarded();
    const to = BASE + 4 * HUGE + 3;
    mremap(mm, { start: BASE, oldPages: 32, newPages: 40, to });
    expect(shapes(mm, to, to + 40)).toBe("8p 8g 16p 8.");
  });

  test("shrinking takes those of the tail, and growing back does not bring them back", () => {
    const mm = guarded();
    const to = BASE + 4 * HUGE;
    mremap(mm, { start: BASE, oldPages: 32, newPages: 12, to });
    expect(shapes(mm, to, to + 12)).toBe("8p 4g");
    mremap(mm, { start: to, oldPages: 12, newPages: 32, to: to + HUGE });
    expect(shapes(mm, to + HUGE, to + HUGE + 32)).toBe("8p 4g 20.");
  });

  test("a range with guards is locked but cannot be populated, which is ENOMEM", () => {
    const mm = guarded();
    expect(mlock(mm, BASE, BASE + 32)).toBe("ENOMEM");
    expect(shapes(mm, BASE, BASE + 32)).toBe("8p 8g 16p");
  });

  test("swap entries in the range give way to guards, with their slots; those around stay in swap", () => {
    const mm = guarded();
    swapOut(mm, BASE + 16, BASE + 32);
    madvise(mm, BASE + 20, BASE + 24, "guard");
    expect([mm.swapEnts, mm.kernel.swap.used, access(mm, BASE + 21, true)]).toEqual([12, 12, SEGV]);
  });

  test("swapping out passes guards by", () => {
    const mm = guarded();
    swapOut(mm, BASE, BASE + HUGE);
    expect([mm.swapEnts, access(mm, BASE + 9, false)]).toEqual([HUGE - 8, SEGV]);
  });
});
