import { describe, expect, test } from "vitest";
import { A, Kind } from "../../src/arch/entry.ts";
import { formats } from "../../src/arch/formats.ts";
import { access } from "../../src/mm/fault.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import type { KernelSpec } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { mincore } from "../../src/mm/mincore.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { munmap } from "../../src/mm/mmap.ts";
import { swapOut } from "../../src/mm/swap-io.ts";
import { isSwapPte, setSwapPte, swapPteAt, swapPteBatch } from "../../src/pgtable/softleaf.ts";
import { always, BASE, counted, mapRw, newMm, write } from "./bench.ts";

/** A process on a machine with swap, with `pages` written. */
function swapped(pages: number, spec: Partial<KernelSpec> = {}): Mm {
  const mm = newMm({ arch: "x86-64", swap: 2 ** 28, ...spec });
  mapRw(mm, BASE, pages);
  write(mm, BASE, BASE + pages);
  swapOut(mm, BASE, BASE + pages);
  return mm;
}

function slotOf(mm: Mm, vpn: number): number {
  return mm.pt.find(vpn, 0);
}

describe.each(formats.map((f) => [f.name, f] as const))("swap entries on %s", (arch, f) => {
  test("keep their slot whatever other bits they hold, and are no markers", () => {
    const mm = swapped(4, { arch, kernel: "6.18" });
    const slot = slotOf(mm, BASE);
    for (const exclusive of [false, true])
      for (const attrs of [0, A.softDirty, A.uffdWp, A.softDirty | A.uffdWp]) {
        setSwapPte(mm.pt, slot, { type: 3, offset: 2 ** 20 + 77, exclusive, attrs });
        const known = (f.swapSoftDirtyLo ? A.softDirty : 0) | (f.swapUffdWpLo ? A.uffdWp : 0);
        expect(mm.pt.kind(slot, 0)).toBe(Kind.softleaf);
        expect(isSwapPte(mm.pt, slot)).toBe(true);
        expect(swapPteAt(mm.pt, slot)).toEqual({ type: 3, offset: 2 ** 20 + 77, exclusive, attrs: attrs & known });
      }
  });

  test("come back as the same pages, writable at once to the one owner", () => {
    const mm = swapped(8, { arch, kernel: "6.18" });
    expect([mm.swapEnts, mm.anonPages]).toEqual([8, 0]);
    const faults = mm.faults;
    expect(access(mm, BASE + 3, false)).toBeGreaterThan(0);
    expect(mm.pt.attrs(slotOf(mm, BASE + 3)) & A.write).toBe(A.write);
    expect([mm.swapEnts, mm.anonPages, mm.faults - faults]).toEqual([7, 1, 1]);
  });
});

describe("what gives slots of swap back", () => {
  test.each([
    ["dontneed", 0],
    ["free", 0],
    ["guard", 0],
    ["cold", 8],
    ["mergeable", 8],
    ["willneed", 8],
  ])("after %s %i slots are in use", (advice, used) => {
    const mm = swapped(8);
    expect(madvise(mm, BASE, BASE + 8, advice)).toBeNull();
    expect([mm.swapEnts, mm.kernel.swap.used]).toEqual([used, used]);
  });

  test("munmap and exit give them back, each process its own share", () => {
    const mm = swapped(8);
    const child = fork(mm);
    expect([mm.kernel.swap.used, child.swapEnts]).toEqual([8, 8]);
    munmap(mm, BASE, BASE + 4);
    expect(mm.kernel.swap.used).toBe(8);
    exit(child);
    expect(mm.kernel.swap.used).toBe(4);
    exit(mm);
    expect([mm.kernel.swap.used, mm.kernel.frames.used]).toEqual([0, 1]);
  });
});

describe("fork and swap", () => {
  test("both lose the note that the page is theirs alone, so the first to read may not write without a look", () => {
    const mm = swapped(2);
    expect(swapPteAt(mm.pt, slotOf(mm, BASE)).exclusive).toBe(true);
    const child = fork(mm);
    for (const p of [mm, child]) expect(swapPteAt(p.pt, slotOf(p, BASE)).exclusive).toBe(false);
    access(mm, BASE, false);
    expect(mm.pt.attrs(slotOf(mm, BASE)) & A.write).toBe(0);
  });

  test("the second to read finds the first one's page in the swap cache, and a write then copies", () => {
    const mm = swapped(1);
    const child = fork(mm);
    const frame = access(mm, BASE, false);
    expect(mm.kernel.swap.caches(frame)).toBe(true);
    expect(access(child, BASE, false)).toBe(frame);
    expect(mm.kernel.swap.used).toBe(0);
    expect(access(child, BASE, true)).not.toBe(frame);
    expect(access(mm, BASE, true)).toBe(frame);
  });

  test("a write while another's entry still names the slot copies the cached page, which stays for the other", () => {
    const mm = swapped(1);
    const child = fork(mm);
    const own = access(mm, BASE, true);
    expect(mm.kernel.swap.cachedFrames.length).toBe(1);
    const theirs = access(child, BASE, true);
    expect(theirs).not.toBe(own);
    expect([mm.kernel.swap.used, mm.kernel.swap.cachedFrames.length]).toEqual([0, 0]);
  });

  test("a slot's byte counts 62 entries; the 63rd wants a continuation page, made without locks, and the copy goes on", () => {
    const mm = swapped(3);
    const offset = swapPteAt(mm.pt, slotOf(mm, BASE)).offset;
    for (let n = 2; n <= 80; n++) {
      fork(mm);
      expect(mm.kernel.swap.count(offset)).toBe(n);
    }
    for (const p of mm.kernel.mms) expect(p.swapEnts).toBe(3);
  });
});

describe("folios and swap", () => {
  test("a folio of 16 pages goes as one run of slots, and comes back as one folio if the knob still allows that size", () => {
    const mm = newMm({ arch: "x86-64", swap: 2 ** 28 });
    always(mm, 4);
    mapRw(mm, BASE, 64);
    write(mm, BASE, BASE + 64);
    swapOut(mm, BASE, BASE + 32);
    expect(swapPteBatch(mm.pt, slotOf(mm, BASE), 512)).toBe(32);
    access(mm, BASE + 5, false);
    expect([mm.swapEnts, mm.kernel.frames.order(mm.pt.pfn(slotOf(mm, BASE + 5)))]).toEqual([16, 4]);
    mm.kernel.thp.set("hugepages-64kB/enabled", "never");
    access(mm, BASE + 21, false);
    expect(mm.swapEnts).toBe(15);
  });

  test("of a folio that the range holds in part only that part goes, for the folio is split first", () => {
    const mm = newMm({ arch: "x86-64", swap: 2 ** 28, contents: false });
    always(mm, 4);
    mapRw(mm, BASE, 16);
    write(mm, BASE, BASE + 16);
    expect(counted(mm, ["folioSplits"], () => swapOut(mm, BASE + 4, BASE + 8))).toEqual([1]);
    expect([mm.swapEnts, mm.anonPages]).toEqual([4, 12]);
  });

  test("pages that another process maps stay where they are", () => {
    const mm = newMm({ arch: "x86-64", swap: 2 ** 28 });
    mapRw(mm, BASE, 4);
    write(mm, BASE, BASE + 4);
    fork(mm);
    swapOut(mm, BASE, BASE + 4);
    expect(mm.swapEnts).toBe(0);
  });

  test("clean pages of MADV_FREE are dropped and need no slot; one written since is kept", () => {
    const mm = newMm({ arch: "x86-64", swap: 2 ** 28 });
    mapRw(mm, BASE, 4);
    write(mm, BASE, BASE + 4);
    madvise(mm, BASE, BASE + 4, "free");
    write(mm, BASE + 1, BASE + 2);
    swapOut(mm, BASE, BASE + 4);
    expect([mm.swapEnts, mm.anonPages, mm.kernel.swap.used]).toEqual([1, 0, 1]);
  });

  test("a machine without swap keeps every page, and one that is full keeps the rest", () => {
    const none = swapped(4, { swap: 0 });
    expect(none.anonPages).toBe(4);
    const small = swapped(8, { swap: 5 * 4096 });
    expect([small.swapEnts, small.anonPages]).toEqual([4, 4]);
  });
});

test("MADV_WILLNEED reads pages into the swap cache: mincore says they are in memory, and no entry maps them", () => {
  const mm = swapped(4);
  madvise(mm, BASE, BASE + 2, "willneed");
  expect([mm.swapEnts, mm.anonPages]).toEqual([4, 0]);
  expect(mincore(mm, BASE, BASE + 4)).toEqual(new Uint8Array([1, 1, 0, 0]));
});
