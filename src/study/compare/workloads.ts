/**
 * Operations that designs are compared on. Each is carried out on a freshly filled address space through the whole model of
 * the kernel, so that the way to the entries is all that a design can change.
 */
import { exit, fork } from "../../mm/fork.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { madvise } from "../../mm/madvise.ts";
import { mincore } from "../../mm/mincore.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap, munmap } from "../../mm/mmap.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { mremap } from "../../mm/mremap.ts";
import { Vm } from "../../mm/vma.ts";
import { filledMm, studyVpn } from "../layout.ts";

/** Where an operation acts: one process, and the pages `[start, end)` of its mapping. */
export interface Place {
  readonly mm: Mm;
  readonly start: number;
  readonly end: number;
}

/** An operation to compare designs on. */
export interface Workload {
  readonly name: string;
  /** What is done, in one sentence. */
  readonly what: string;
  /** Makes the address space; not counted. */
  prepare(kernel: Kernel, pages: number): Place;
  /** What is counted. What it returns must be the same on every design: processes to compare, and an answer. */
  act(place: Place): { readonly processes: readonly Mm[]; readonly answer?: unknown };
}

function filled(kernel: Kernel, pages: number): Place {
  const mm = filledMm(kernel, pages);
  const start = studyVpn(kernel.format);
  return { mm, start, end: start + pages };
}

/** A mapping that nothing was written to: no page, and no table. */
function untouched(kernel: Kernel, pages: number): Place {
  const mm = new Mm(kernel);
  const start = studyVpn(kernel.format);
  mmap(mm, { start, pages, flags: Vm.read | Vm.write });
  return { mm, start, end: start + pages };
}

const only = ({ mm }: Place, answer?: unknown) => ({ processes: [mm], answer });

function advised(name: string, what: string, prepare: Workload["prepare"], advice = name): Workload {
  const act: Workload["act"] = (p) => only(p, madvise(p.mm, p.start, p.end, advice));
  return { name, what, prepare, act };
}

/** The operations, in the order in which pages and lists show them. */
export const WORKLOADS: readonly Workload[] = [
  {
    name: "count pages",
    what: "Counts the pages that are present, accessed and dirty; the pagewalk does so by pteEntry, unlike smaps.",
    prepare: filled,
    act: (p) => only(p, p.mm.design.countPages(p.mm.pt, p.start, p.end)),
  },
  {
    name: "pagemap",
    what: "Makes the word of /proc/PID/pagemap for each page.",
    prepare: filled,
    act: (p) => {
      const { lo, hi } = p.mm.design.pagemap(p.mm.pt, p.start, p.end);
      return only(p, [Array.from(lo), Array.from(hi)]);
    },
  },
  {
    name: "mincore",
    what: "Says of each page whether it is in memory.",
    prepare: filled,
    act: (p) => only(p, mincore(p.mm, p.start, p.end)),
  },
  advised("guard, no tables", "Installs guards where nothing was ever written.", untouched, "guard"),
  {
    name: "guard again",
    what: "Installs guards where guards are already.",
    prepare: (kernel, pages) => {
      const place = untouched(kernel, pages);
      madvise(place.mm, place.start, place.end, "guard");
      return place;
    },
    act: (p) => only(p, madvise(p.mm, p.start, p.end, "guard")),
  },
  advised("guard, populated", "Installs guards over written pages, which are zapped first.", filled, "guard"),
  {
    name: "fork",
    what: "Copies the address space for a child.",
    prepare: filled,
    act: (p) => ({ processes: [p.mm, fork(p.mm)] }),
  },
  {
    name: "fork and exit",
    what: "Copies the address space for a child, which ends at once.",
    prepare: filled,
    act: (p) => {
      exit(fork(p.mm));
      return only(p);
    },
  },
  {
    name: "munmap",
    what: "Unmaps written pages, and frees the tables.",
    prepare: filled,
    act: (p) => only(p, munmap(p.mm, p.start, p.end)),
  },
  advised("dontneed", "MADV_DONTNEED of written pages.", filled),
  advised("free", "MADV_FREE of written pages.", filled),
  advised("cold", "MADV_COLD of written pages.", filled),
  {
    name: "mprotect",
    what: "Takes write permission from written pages, and gives it back.",
    prepare: filled,
    act: (p) => {
      mprotect(p.mm, p.start, p.end, Vm.read);
      return only(p, mprotect(p.mm, p.start, p.end, Vm.read | Vm.write));
    },
  },
  {
    name: "mremap",
    what: "Moves written pages by one page less than a PMD, so that no table can be re-hung.",
    prepare: filled,
    act: (p) => {
      const pages = p.end - p.start;
      const to = p.end + 4 * p.mm.pt.span[1]! - 1;
      return only(p, mremap(p.mm, { start: p.start, oldPages: pages, newPages: pages, to, dontunmap: false }));
    },
  },
];
