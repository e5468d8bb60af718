import { describe, expect, test } from "vitest";
import { A, Marker } from "../../src/arch/entry.ts";
import { access, BUS, SEGV } from "../../src/mm/fault.ts";
import { fork } from "../../src/mm/fork.ts";
import { madvise } from "../../src/mm/madvise.ts";
import type { Mm } from "../../src/mm/mm.ts";
import { mremap } from "../../src/mm/mremap.ts";
import {
  type UffdFault,
  Userfaultfd,
  uffdCopy,
  uffdPoison,
  uffdRegister,
  uffdUnregister,
  uffdWriteProtect,
  uffdZeropage,
} from "../../src/mm/userfaultfd.ts";
import { Vm } from "../../src/mm/vma.ts";
import { markerOf } from "../../src/pgtable/softleaf.ts";
import { always, BASE, counted, mapRw, newMm, shapes, write } from "./bench.ts";

const HUGE = 512;

/** A process with 1024 pages of which the first 512 are registered. */
function registered(modes: number, uffd = new Userfaultfd()): Mm {
  const mm = newMm({ arch: "x86-64" });
  mapRw(mm, BASE, 2 * HUGE);
  expect(uffdRegister(mm, uffd, BASE, BASE + HUGE, modes)).toBeNull();
  return mm;
}

function attrsAt(mm: Mm, vpn: number): number {
  return mm.pt.attrs(mm.pt.find(vpn, 0));
}

describe("VMAs", () => {
  test("registering a part cuts the VMA, registering the rest with the same userfaultfd joins it again", () => {
    const uffd = new Userfaultfd();
    const mm = registered(Vm.uffdMissing, uffd);
    expect(mm.vmas.all.length).toBe(2);
    uffdRegister(mm, uffd, BASE + HUGE, BASE + 2 * HUGE, Vm.uffdMissing);
    expect(mm.vmas.all.length).toBe(1);
    uffdUnregister(mm, BASE, BASE + 8);
    expect(mm.vmas.all.map((vma) => vma.uffd === uffd)).toEqual([false, true]);
  });

  test("VMAs of two userfaultfds stay apart, and neither may take the other's", () => {
    const [one, two] = [new Userfaultfd(), new Userfaultfd()];
    const mm = registered(Vm.uffdMissing, one);
    uffdRegister(mm, two, BASE + HUGE, BASE + 2 * HUGE, Vm.uffdMissing);
    expect(mm.vmas.all.length).toBe(2);
    expect(uffdRegister(mm, two, BASE, BASE + 1, Vm.uffdMissing)).toBe("EBUSY");
  });

  test("a child is not registered, unless the monitor wants to hear of forks; then it has a userfaultfd of its own", () => {
    for (const eventFork of [false, true]) {
      const uffd = new Userfaultfd({ eventFork });
      const vma = fork(registered(Vm.uffdMissing | Vm.uffdWp, uffd)).vmas.at(BASE)!;
      expect([vma.uffd !== null, (vma.flags & Vm.uffdMissing) !== 0]).toEqual([eventFork, eventFork]);
      expect(vma.uffd).not.toBe(uffd);
    }
  });
});

describe("missing pages", () => {
  test("a monitor that resolves the fault lets the access through, and is told where and how", () => {
    const seen: UffdFault[] = [];
    const uffd = new Userfaultfd({}, (fault) => {
      seen.push(fault);
      return uffdCopy(fault.mm, fault.vpn, fault.vpn + 1).err === null;
    });
    const mm = registered(Vm.uffdMissing, uffd);
    expect(access(mm, BASE + 5, true)).toBeGreaterThan(0);
    expect(seen.map(({ vpn, write, reason }) => [vpn - BASE, write, reason])).toEqual([[5, true, "missing"]]);
  });

  test("without one reads and writes alike end in SIGBUS, make no table of the lowest level for a huge VMA, and count as no fault", () => {
    const mm = registered(Vm.uffdMissing);
    always(mm, 9);
    expect([access(mm, BASE, false), access(mm, BASE, true), mm.faults]).toEqual([BUS, BUS, 0]);
    expect(mm.pt.find(BASE, 0)).toBe(-1);
  });

  test("beside the registered part faults are as ever, and larger folios are used there only", () => {
    const mm = registered(Vm.uffdWp);
    always(mm, 4);
    write(mm, BASE + 20, BASE + 21);
    write(mm, BASE + HUGE + 20, BASE + HUGE + 21);
    expect([shapes(mm, BASE + 16, BASE + 32), shapes(mm, BASE + HUGE + 16, BASE + HUGE + 32)]).toEqual([
      "4. 1p 11.",
      "16p",
    ]);
  });

  test("UFFDIO_COPY fills empty pages and markers, guards too, and stops at anything else with what it did in place", () => {
    const mm = registered(Vm.uffdMissing);
    madvise(mm, BASE + 1, BASE + 2, "guard");
    expect(uffdCopy(mm, BASE + 3, BASE + 4)).toEqual({ pages: 1, err: null });
    expect(uffdCopy(mm, BASE, BASE + 8)).toEqual({ pages: 3, err: "EAGAIN" });
    expect(uffdCopy(mm, BASE, BASE + 8)).toEqual({ pages: 0, err: "EEXIST" });
    expect(shapes(mm, BASE, BASE + 5)).toBe("4p 1.");
  });

  test("UFFDIO_ZEROPAGE takes a guard for a page that is there", () => {
    const mm = registered(Vm.uffdMissing);
    madvise(mm, BASE + 1, BASE + 2, "guard");
    expect(uffdZeropage(mm, BASE, BASE + 2)).toEqual({ pages: 1, err: "EAGAIN" });
    expect(shapes(mm, BASE, BASE + 3)).toBe("1z 1g 1.");
  });

  test("outside of what is registered nothing is filled", () => {
    const mm = registered(Vm.uffdMissing);
    expect(uffdCopy(mm, BASE + HUGE - 1, BASE + HUGE + 1)).toEqual({ pages: 0, err: "ENOENT" });
    expect(uffdZeropage(mm, BASE + HUGE, BASE + HUGE + 1)).toEqual({ pages: 0, err: "ENOENT" });
  });

  test("installing guards asks no monitor, and an access to one is SIGSEGV and not SIGBUS", () => {
    const mm = registered(Vm.uffdMissing);
    expect(madvise(mm, BASE + 1, BASE + 2, "guard")).toBeNull();
    expect([access(mm, BASE + 1, false), access(mm, BASE + 2, false)]).toEqual([SEGV, BUS]);
  });

  test("populating meets a missing page as EFAULT", () => {
    expect(madvise(registered(Vm.uffdMissing), BASE, BASE + 1, "populate_read")).toBe("EFAULT");
  });

  test("poison is SIGBUS for every process that has it, and DONTNEED takes it off, as MADV_FREE does", () => {
    for (const advice of ["dontneed", "free"]) {
      const mm = registered(Vm.uffdMissing);
      uffdPoison(mm, BASE, BASE + 1);
      const child = fork(mm);
      expect([access(child, BASE, false), markerOf(child.pt, child.pt.find(BASE, 0))]).toEqual([BUS, Marker.poisoned]);
      madvise(child, BASE, BASE + 1, advice);
      expect(access(child, BASE, false)).toBe(mm.kernel.zeroPfn);
    }
  });
});

describe("collapse of an armed VMA", () => {
  test("holes and zero pages are EBUSY, for the monitor wants to hear of them; pages without gaps can be collapsed", () => {
    const mm = registered(Vm.uffdMissing);
    uffdCopy(mm, BASE, BASE + HUGE - 1);
    expect(madvise(mm, BASE, BASE + HUGE, "collapse")).toBe("EBUSY");
    uffdZeropage(mm, BASE + HUGE - 1, BASE + HUGE);
    expect(madvise(mm, BASE, BASE + HUGE, "collapse")).toBe("EBUSY");
    write(mm, BASE + HUGE - 1, BASE + HUGE);
    expect(madvise(mm, BASE, BASE + HUGE, "collapse")).toBeNull();
  });

  test("a page that is protected is EINVAL", () => {
    const mm = registered(Vm.uffdWp);
    write(mm, BASE, BASE + HUGE);
    uffdWriteProtect(mm, BASE + 7, BASE + 8, true);
    expect(madvise(mm, BASE, BASE + HUGE, "collapse")).toBe("EINVAL");
  });
});

describe("write protection", () => {
  test("a write asks the monitor, a read does not; once given back the owner writes without a fault", () => {
    const mm = registered(Vm.uffdWp);
    write(mm, BASE, BASE + 1);
    uffdWriteProtect(mm, BASE, BASE + 1, true);
    expect([access(mm, BASE, true), access(mm, BASE, false) > 0]).toEqual([BUS, true]);
    uffdWriteProtect(mm, BASE, BASE + 1, false);
    const faults = mm.faults;
    write(mm, BASE, BASE + 1);
    expect(mm.faults).toBe(faults);
  });

  test("a huge page is protected whole, and split by protecting a part", () => {
    const mm = registered(Vm.uffdWp);
    always(mm, 9);
    write(mm, BASE, BASE + 1);
    const split = (start: number, end: number) =>
      counted(mm, ["mappingSplits"], () => uffdWriteProtect(mm, start, end, true))[0];
    expect([split(BASE, BASE + HUGE), shapes(mm, BASE, BASE + HUGE)]).toEqual([0, "512H"]);
    expect([split(BASE + 1, BASE + 2), shapes(mm, BASE, BASE + HUGE)]).toEqual([1, "512p"]);
  });

  test("pages that are not there keep the protection in a marker only where the monitor asked for that", () => {
    for (const wpUnpopulated of [false, true]) {
      const mm = registered(Vm.uffdWp, new Userfaultfd({ wpUnpopulated }));
      uffdWriteProtect(mm, BASE, BASE + 4, true);
      const slot = mm.pt.find(BASE, 0);
      expect(slot < 0 ? 0 : markerOf(mm.pt, slot)).toBe(wpUnpopulated ? Marker.uffdWp : 0);
      access(mm, BASE, false);
      expect((attrsAt(mm, BASE) & A.uffdWp) !== 0).toBe(wpUnpopulated);
    }
  });

  test("of a child without a userfaultfd neither entries nor markers are protected", () => {
    const mm = registered(Vm.uffdWp, new Userfaultfd({ wpUnpopulated: true }));
    write(mm, BASE, BASE + 1);
    uffdWriteProtect(mm, BASE, BASE + 4, true);
    const child = fork(mm);
    expect([attrsAt(child, BASE) & A.uffdWp, shapes(child, BASE, BASE + 4)]).toEqual([0, "1p 3."]);
    expect(attrsAt(mm, BASE) & A.uffdWp).toBe(A.uffdWp);
  });

  test("memory that moves loses it, entry by entry, so no table is re-hung; a monitor that hears of moves keeps it", () => {
    for (const eventRemap of [false, true]) {
      const mm = registered(Vm.uffdWp, new Userfaultfd({ eventRemap }));
      write(mm, BASE, BASE + HUGE);
      uffdWriteProtect(mm, BASE, BASE + HUGE, true);
      const to = BASE + 8 * HUGE;
      const [made] = counted(mm, ["tablesAllocated"], () => {
        mremap(mm, { start: BASE, oldPages: HUGE, newPages: HUGE, to });
      });
      expect([(attrsAt(mm, to) & A.uffdWp) !== 0, mm.vmas.at(to)!.uffd !== null]).toEqual([eventRemap, eventRemap]);
      expect(made).toBe(eventRemap ? 0 : 1);
    }
  });
});
