/**
 * The process that a script starts with. It is not empty: its program lies low and its stack high, and the tables that lead
 * there are shared with whatever a script maps under the same entries: with 16K pages all of its regions lie under the
 * program's PUD table.
 *
 * Not modelled: all else that a program maps. Source: the start of a static program, ELF and execve of Linux 6.18.
 */
import { invariant } from "../../base/errors.ts";
import { access } from "../../mm/fault.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { Mm } from "../../mm/mm.ts";
import { mmap } from "../../mm/mmap.ts";
import { Vm } from "../../mm/vma.ts";

/** Where linkers put a program that is not moved. */
const PROGRAM = 0x400000;

/** A process with one page of program and one page of stack. */
export function startProcess(kernel: Kernel): Mm {
  const mm = new Mm(kernel);
  const { pageLg2, windowVaBits, userKeptFree } = kernel.format;
  const stack = 2 ** (windowVaBits - pageLg2) - userKeptFree - 1;
  for (const start of [PROGRAM / 2 ** pageLg2, stack]) {
    const err = mmap(mm, { start, pages: 1, flags: Vm.read | Vm.write });
    invariant(err === null, `the page ${start} of a new process: ${err}`);
    access(mm, start, true);
  }
  return mm;
}
