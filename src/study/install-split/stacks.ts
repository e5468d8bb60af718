/**
 * What a guard for every thread's stack costs: a VMA of its own by mprotect, or a marker in a page table. Threads start one
 * after the other, each with a stack of its own that it begins to use at the top.
 *
 * Not modelled: the bytes of a VMA's description and its place in the kernel's tree, which are what the series set out to
 * save; the allocator's choice of addresses, which is a parameter here.
 */
import { countsOf, type EventName } from "../../base/tally.ts";
import { access } from "../../mm/fault.ts";
import { Kernel } from "../../mm/kernel.ts";
import { madvise } from "../../mm/madvise.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap } from "../../mm/mmap.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { Vm } from "../../mm/vma.ts";
import type { Experiment, ParamsOf } from "../experiment.ts";
import { studyVpn } from "../layout.ts";

/** Pages of a guard, and those at the top of a stack that a thread uses. */
const GUARD = 1;
const USED = 4;

/** How the lowest page of a stack is guarded. */
const WAYS: readonly { readonly name: string; guard(mm: Mm, start: number): void }[] = [
  { name: "no guard", guard: () => {} },
  { name: "mprotect(PROT_NONE)", guard: (mm, start) => void mprotect(mm, start, start + GUARD, 0) },
  { name: "MADV_GUARD_INSTALL", guard: (mm, start) => void madvise(mm, start, start + GUARD, "guard") },
];

const EVENTS = ["vmaSplits", "vmaMerges", "pteLocks", "slotsWritten"] as const satisfies readonly EventName[];

/** One way to guard stacks: VMAs at the end, and PTE tables, of which each is a page. */
export type StackRow = { readonly guard: string; readonly vmas: number; readonly pteTables: number } & {
  readonly [K in (typeof EVENTS)[number]]: number;
};

const PARAMS = {
  arch: { kind: "choice", label: "format", options: ["x86-64", "arm64-4k", "arm64-16k"], default: "x86-64" },
  threads: { kind: "range", label: "threads", min: 1, max: 256, step: 1, default: 64 },
  stack: { kind: "range", label: "stack", min: 16, max: 2048, step: 16, default: 2048, unit: "pages" },
  gap: { kind: "range", label: "gap between stacks", min: 0, max: 64, step: 16, default: 0, unit: "pages" },
  first: { kind: "range", label: "first page in its table", min: 0, max: 496, step: 16, default: 64 },
} as const;

/** "What does a guard for every stack cost?" */
export const stackGuards: Experiment<typeof PARAMS, StackRow> = {
  id: "stack-guards",
  question: "What does a guard for every thread's stack cost, as a VMA or as a marker?",
  params: PARAMS,
  run: (params, _input, effects) =>
    WAYS.map((way) => {
      effects?.signal?.throwIfAborted();
      return startThreads(way, params);
    }),
};

function startThreads(way: (typeof WAYS)[number], params: ParamsOf<typeof PARAMS>): StackRow {
  const { arch, threads, stack, gap, first } = params;
  const kernel = new Kernel({ arch });
  const mm = new Mm(kernel);
  for (let i = 0; i < threads; i++) {
    // As Linux does, every new mapping lies below the one before.
    const start = studyVpn(kernel.format) + first + (threads - 1 - i) * (stack + gap);
    mmap(mm, { start, pages: stack, flags: Vm.read | Vm.write });
    way.guard(mm, start);
    for (let vpn = start + stack - USED; vpn < start + stack; vpn++) access(mm, vpn, true);
  }
  const counted = countsOf(EVENTS, kernel.tally);
  return { guard: way.name, vmas: mm.vmas.all.length, pteTables: mm.pt.tablesAt[0]!, ...counted };
}
