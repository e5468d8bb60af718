import { describe, expect, test, vi } from "vitest";
import { pmdOrder } from "../../src/arch/format.ts";
import { UserError } from "../../src/base/errors.ts";
import { type Random, random } from "../../src/base/random.ts";
import { counts } from "../../src/base/tally.ts";
import { DESIGN_NAMES } from "../../src/design/design.ts";
import { FrameFlag } from "../../src/machine/frames.ts";
import { access } from "../../src/mm/fault.ts";
import { accessRange, FaultRuns } from "../../src/mm/fault-run.ts";
import { exit, fork } from "../../src/mm/fork.ts";
import { Kernel, type KernelSpec } from "../../src/mm/kernel.ts";
import { madvise } from "../../src/mm/madvise.ts";
import { mlock } from "../../src/mm/mlock.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap, munmap } from "../../src/mm/mmap.ts";
import { mprotect } from "../../src/mm/mprotect.ts";
import { Userfaultfd, uffdRegister } from "../../src/mm/userfaultfd.ts";
import { Vm } from "../../src/mm/vma.ts";
import { always, BASE, RW } from "./bench.ts";

const PAGES = 2600;
const SEEDS = Array.from({ length: 5 }, (_, i) => 700 + i);

/** How ranges are touched and populated: by the code under test, or a page at a time. */
interface Way {
  touch(mm: Mm, start: number, end: number, write: boolean): number;
  populate(mm: Mm, start: number, end: number, write: boolean): unknown;
}

const byRuns: Way = {
  touch: accessRange,
  populate: (mm, start, end, write) => madvise(mm, start, end, write ? "populate_write" : "populate_read"),
};

const byPages: Way = {
  touch: (mm, start, end, write) => {
    for (let vpn = start; vpn < end; vpn++) if (access(mm, vpn, write) < 0) return vpn;
    return end;
  },
  populate: (mm, start, end, write) => {
    const spy = vi.spyOn(FaultRuns.prototype, "ahead").mockReturnValue(0);
    try {
      return byRuns.populate(mm, start, end, write);
    } finally {
      spy.mockRestore();
    }
  },
};

/** One random step in one of the address spaces; the same stream makes the same step whatever the way. */
function step(rng: Random, mms: Mm[], way: Way): unknown {
  const mm = rng.pick(mms);
  const start = BASE + rng.below(PAGES);
  const end = start + 1 + rng.below(rng.pick([3, 40, PAGES]));
  const write = rng.below(4) > 0;
  switch (rng.below(16)) {
    case 0:
      return munmap(mm, start, end);
    case 1:
      return mprotect(mm, start, end, rng.pick([Vm.read, RW, 0, RW | Vm.exec]));
    case 2:
      return madvise(mm, start, end, rng.pick(["guard", "unguard"]));
    case 3:
      return madvise(mm, start, end, rng.pick(["hugepage", "nohugepage"]));
    case 4:
      return rng.below(3) ? null : mlock(mm, start, Math.min(end, start + 60));
    case 5: {
      if (mms.length < 3) return mms.push(fork(mm));
      exit(mms.pop()!);
      return null;
    }
    case 6:
    case 7:
      return madvise(mm, start, end, rng.pick(["dontneed", "free", "cold"]));
    case 8:
      return rng.below(4) ? null : uffdRegister(mm, MONITOR, start, start + 20, rng.pick([Vm.uffdMissing, Vm.uffdWp]));
    case 9:
    case 10:
    case 11:
      return way.touch(mm, start, end, write);
    case 12:
      return mmap(mm, { start, pages: end - start, flags: RW });
    default:
      return way.populate(mm, start, end, write);
  }
}

/** A monitor that lets every fault be tried again once and no more: it resolves nothing. */
const MONITOR = new Userfaultfd({}, () => false);

/** Everything that the machine came to. */
function state(kernel: Kernel, mms: readonly Mm[]): unknown {
  const { frames, tables } = kernel;
  const flags = Object.values(FrameFlag);
  const note = (pfn: number) => {
    if (!frames.holds(pfn)) return "-";
    const set = flags.filter((flag) => frames.hasFlag(pfn, flag));
    return `${frames.head(pfn)} ${frames.order(pfn)} ${frames.mapcount(pfn)} ${set}`;
  };
  return {
    tally: counts(kernel.tally),
    mms: mms.map((mm) => [mm.faults, mm.anonPages, Array.from(mm.pt.tablesAt)]),
    lo: tables.lo.map((chunk) => chunk.filter((word) => word !== 0)),
    hi: tables.hi.map((chunk) => chunk.filter((word) => word !== 0)),
    frames: Array.from({ length: Math.min(frames.total, 2 ** 13) }, (_, pfn) => note(pfn)),
    used: frames.used,
  };
}

function run(spec: KernelSpec, seed: number, way: Way): { kernel: Kernel; log: unknown[]; mms: Mm[] } {
  const rng = random(seed);
  const kernel = new Kernel({ memory: 2 ** (kernelPageLg2(spec) + 15), ...spec });
  const mms = [new Mm(kernel)];
  for (const order of [2, 4, pmdOrder(kernel.format)]) if (rng.below(4) === 0) always(mms[0]!, order);
  mmap(mms[0]!, { start: BASE, pages: PAGES, flags: RW });
  const log: unknown[] = [];
  for (let i = 0; i < 40; i++) {
    try {
      log.push(step(rng, mms, way));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      log.push(error.message);
      break;
    }
  }
  return { kernel, log, mms };
}

const kernelPageLg2 = ({ arch }: KernelSpec) => (arch === "arm64-64k" ? 16 : 12);

describe("pages brought in as runs", () => {
  const specs: KernelSpec[] = [
    ...DESIGN_NAMES.map((design) => ({ arch: "x86-64", design })),
    { arch: "arm64-4k" },
    { arch: "arm64-4k", contpte: false, accessDirty: "fault" },
    { arch: "arm64-64k", kernel: "6.12" },
    { arch: "riscv-sv48" },
    { arch: "s390" },
    { arch: "x86-pae" },
    { arch: "x86-32", kernel: "6.12" },
  ];

  test.each(specs)("leave the tables, frames and counts that page by page would: $arch $design $contpte", (spec) => {
    for (const seed of SEEDS) {
      const [fast, slow] = [run(spec, seed, byRuns), run(spec, seed, byPages)];
      expect(fast.log, `seed ${seed}`).toEqual(slow.log);
      expect(state(fast.kernel, fast.mms), `seed ${seed}`).toEqual(state(slow.kernel, slow.mms));
      const next = ({ kernel }: { kernel: Kernel }) => [0, 0, 2, 9, 0].map((order) => kernel.frames.alloc(order));
      expect(next(fast), `the next folios, seed ${seed}`).toEqual(next(slow));
    }
  });

  test.each([true, false])("memory runs out at the same page with the same words (write %s)", (write) => {
    const said = [byRuns, byPages].map((way) => {
      const kernel = new Kernel({ arch: "x86-64", memory: 2 ** 25 });
      const mm = new Mm(kernel);
      mmap(mm, { start: BASE, pages: 2 ** 13, flags: RW | Vm.noreserve });
      const error = (() => {
        try {
          return way.populate(mm, BASE, BASE + 2 ** 13, write);
        } catch (thrown) {
          return (thrown as Error).message;
        }
      })();
      return { error, state: state(kernel, [mm]) };
    });
    expect(said[0]).toEqual(said[1]);
    expect(String(said[0]!.error)).toMatch(write ? /out of memory/ : /null/);
  });

  test("a page after the first takes a table's run, and every page is one fault all the same", () => {
    const mm = new Mm(new Kernel({ arch: "x86-64" }));
    mmap(mm, { start: BASE, pages: 4096, flags: RW });
    expect(accessRange(mm, BASE, BASE + 4096, true)).toBe(BASE + 4096);
    expect([mm.faults, mm.anonPages]).toEqual([4096, 4096]);
    expect(mm.kernel.frames.hasFlag(mm.pt.pfn(mm.pt.find(BASE + 4095, 0)), FrameFlag.written)).toBe(true);
  });
});
