/**
 * The five designs on a recorded process: its VMAs, folios and tables built in the model as they were, and one operation over all
 * of them. Designs are compared only after answers and translations were found equal.
 */
import { formatNamed, formats } from "../../arch/formats.ts";
import { oneOf } from "../../base/errors.ts";
import { DESIGN_NAMES } from "../../design/design.ts";
import { exit, fork } from "../../mm/fork.ts";
import { madvise } from "../../mm/madvise.ts";
import { mincore } from "../../mm/mincore.ts";
import type { Mm } from "../../mm/mm.ts";
import { mprotect } from "../../mm/mprotect.ts";
import { Vm } from "../../mm/vma.ts";
import { type Capture, isMapped } from "../capture/format.ts";
import { loadCapture } from "../capture/load.ts";
import { compareAll, type Setting, type SideCounts } from "../compare/compare.ts";
import type { Workload } from "../compare/workloads.ts";
import { checkBuildable } from "./size.ts";

/** An operation on a whole process. */
export interface ProcessOperation {
  readonly name: string;
  /** What is done, in one sentence. */
  readonly what: string;
  readonly act: Workload["act"];
}

/** Does something to every VMA that is there at first, and returns what that gives. */
function eachVma<T>(mm: Mm, act: (start: number, end: number, flags: number) => T): T[] {
  return [...mm.vmas.all].map(({ start, end, flags }) => [start, end, flags] as const).map((vma) => act(...vma));
}

const onEach = (act: (mm: Mm, start: number, end: number, flags: number) => unknown): Workload["act"] => {
  return ({ mm }) => ({ processes: [mm], answer: eachVma(mm, (...vma) => act(mm, ...vma)) });
};

/** The operations, in the order in which lists show them. */
export const PROCESS_OPERATIONS: readonly ProcessOperation[] = [
  {
    name: "count pages",
    what: "Counts the pages of each VMA that are present, accessed and dirty.",
    act: onEach((mm, start, end) => mm.design.countPages(mm.pt, start, end)),
  },
  {
    name: "mincore",
    what: "Says of each page of each VMA whether it is in memory.",
    act: onEach((mm, start, end) => mincore(mm, start, end)),
  },
  { name: "fork", what: "Copies the process for a child.", act: ({ mm }) => ({ processes: [mm, fork(mm)] }) },
  {
    name: "fork and exit",
    what: "Copies the process for a child, which ends at once.",
    act: ({ mm }) => {
      exit(fork(mm));
      return { processes: [mm] };
    },
  },
  {
    name: "mprotect",
    what: "Takes write permission from each VMA that has it, and gives it back.",
    act: onEach((mm, start, end, flags) => {
      if ((flags & Vm.write) === 0) return null;
      const prot = flags & (Vm.read | Vm.write | Vm.exec);
      return [mprotect(mm, start, end, prot & ~Vm.write), mprotect(mm, start, end, prot)];
    }),
  },
  {
    name: "dontneed",
    what: "MADV_DONTNEED of each VMA.",
    act: onEach((mm, start, end) => madvise(mm, start, end, "dontneed")),
  },
  {
    name: "exit",
    what: "Ends the process.",
    act: ({ mm }) => {
      exit(mm);
      return { processes: [] };
    },
  },
];

/** The choice of {@link recordedFormat}. */
export const AS_RECORDED = "as recorded";

/** The format of the machine that a capture was recorded on, or one with its page size. */
export function recordedFormat({ arch, page }: Capture): string {
  const same = formats.find((format) => format.name === arch);
  return (same ?? formats.find(({ name, pageLg2 }) => name.startsWith("arm64") && 2 ** pageLg2 === page))!.name;
}

/** What one operation over the whole process counts with each design, the classic one first. */
export function compareOnProcess(
  capture: Capture,
  operation: string,
  { arch = recordedFormat(capture), kernel }: Pick<Setting, "arch" | "kernel"> = {},
): SideCounts[] {
  checkBuildable(capture, isMapped);
  const names = PROCESS_OPERATIONS.map(({ name }) => name);
  const { name, what, act } = PROCESS_OPERATIONS[names.indexOf(oneOf("operation", operation, names))]!;
  const workload: Workload = {
    ...{ name, what, act },
    prepare: (machine) => ({ mm: loadCapture(machine, capture).mm, start: 0, end: 0 }),
  };
  return compareAll(DESIGN_NAMES, workload, { arch: formatNamed(arch).name, kernel });
}
