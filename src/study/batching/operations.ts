/**
 * The operations that learned to deal with a folio at once, each on memory in folios of one order. Folios as large as a huge
 * leaf are mapped by single entries unless asked otherwise: only those can be batched.
 */
import { UserError } from "../../base/errors.ts";
import { fork } from "../../mm/fork.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { madvise } from "../../mm/madvise.ts";
import { munmap } from "../../mm/mmap.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { mremap } from "../../mm/mremap.ts";
import { Vm } from "../../mm/vma.ts";
import type { Place, Workload } from "../compare/workloads.ts";
import { filledMm, studyVpn } from "../layout.ts";

/** Names of the operations, by the names of the system calls and of the advice. */
export const BATCHED_OPS = ["fork", "munmap", "DONTNEED", "MADV_FREE", "mprotect", "mremap"] as const;
/** Name of one of {@link BATCHED_OPS}. */
export type BatchedOp = (typeof BATCHED_OPS)[number];

/** What is done, in a sentence, and the doing of it. */
interface Act {
  readonly what: string;
  readonly act: Workload["act"];
}

const alone = ({ mm }: Place, answer?: unknown) => ({ processes: [mm], answer });

const advise =
  (advice: string): Workload["act"] =>
  (place) =>
    alone(place, madvise(place.mm, place.start, place.end, advice));

const ACTS: Readonly<Record<BatchedOp, Act>> = {
  fork: { what: "Copies the address space for a child.", act: ({ mm }) => ({ processes: [mm, fork(mm)] }) },
  munmap: { what: "Unmaps written pages.", act: (p) => alone(p, munmap(p.mm, p.start, p.end)) },
  DONTNEED: { what: "Drops written pages.", act: advise("dontneed") },
  MADV_FREE: { what: "Says that written pages may be dropped.", act: advise("free") },
  mprotect: {
    what: "Takes write permission from written pages, and gives it back.",
    act: (p) => {
      mprotect(p.mm, p.start, p.end, Vm.read);
      return alone(p, mprotect(p.mm, p.start, p.end, Vm.read | Vm.write));
    },
  },
  mremap: {
    what: "Moves written pages by a distance that is half a PMD too long for tables to be re-hung.",
    act: move,
  },
};

/** Half a PMD off, so that every entry moves, and yet a contiguous block may be one at its new place. */
function move(p: Place): ReturnType<Workload["act"]> {
  const pages = p.end - p.start;
  const to = p.end + 4.5 * p.mm.pt.span[1]!;
  return alone(p, mremap(p.mm, { start: p.start, oldPages: pages, newPages: pages, to, dontunmap: false }));
}

/** The operation of that name as a workload for `compare`. With `pmd`, folios as large as a huge leaf stay mapped by it. */
export function batchedWorkload(name: string, pmd = false): Workload {
  const op = ACTS[name as BatchedOp];
  if (op === undefined) throw new UserError(`unknown operation '${name}': allowed are ${BATCHED_OPS.join(", ")}`);
  const prepare = (kernel: Kernel, pages: number): Place => {
    const mm = filledMm(kernel, pages);
    const start = studyVpn(kernel.format);
    const place = { mm, start, end: start + pages };
    if (!pmd) splitHugeMappings(place);
    return place;
  };
  return { name, ...op, prepare };
}

/**
 * Splits every huge mapping and leaves the folios whole: DONTFORK on one page of each, and DOFORK to join the VMAs again. It
 * is how the authors of the batches made such memory (Dev Jain, "Optimize mprotect() for large folios" v5).
 */
export function splitHugeMappings({ mm, start, end }: Place): void {
  const huge = mm.pt.span[1]!;
  for (let vpn = start; vpn < end; vpn += huge) {
    madvise(mm, vpn, vpn + 1, "dontfork");
    madvise(mm, vpn, vpn + 1, "dofork");
  }
}
