/**
 * What the tests of this folder share: a machine with one process, and short ways to say what they do.
 */
import { A, Kind } from "../../src/arch/entry.ts";
import { isGuard } from "../../src/arch/format.ts";
import { counts, type EventName } from "../../src/base/tally.ts";
import { access } from "../../src/mm/fault.ts";
import { Kernel, type KernelSpec } from "../../src/mm/kernel.ts";
import { Mm } from "../../src/mm/mm.ts";
import { mmap } from "../../src/mm/mmap.ts";
import { Vm } from "../../src/mm/vma.ts";

/** Read and write. */
export const RW = Vm.read | Vm.write;
/** A page aligned to every huge entry, with room before it. */
export const BASE = 2 ** 19;

/** A machine with one process that has nothing mapped. */
export function newMm(spec: KernelSpec): Mm {
  return new Mm(new Kernel({ contents: true, ...spec }));
}

/** Maps `pages` from `start` for reading and writing. */
export function mapRw(mm: Mm, start: number, pages: number): void {
  const err = mmap(mm, { start, pages, flags: RW });
  if (err !== null) throw new Error(`mmap: ${err}`);
}

/** Writes to every page of `[start, end)`. */
export function write(mm: Mm, start: number, end: number): void {
  for (let vpn = start; vpn < end; vpn++) if (access(mm, vpn, true) < 0) throw new Error(`page ${vpn}: SIGSEGV`);
}

/** Turns one size on for every VMA. */
export function always(mm: Mm, order: number): void {
  const kib = 2 ** (order + mm.kernel.format.pageLg2 - 10);
  const err = mm.kernel.thp.set(`hugepages-${kib}kB/enabled`, "always");
  if (err !== null) throw new Error(`knob: ${err}`);
}

/** What stands at a page: a letter for each of huge, folded, plain, special, guard and empty. */
export function shape(mm: Mm, vpn: number): string {
  const { pt } = mm;
  const pmd = pt.find(vpn, 1);
  if (pmd >= 0 && pt.kind(pmd, 1) === Kind.leaf) return "H";
  const slot = pt.find(vpn, 0);
  if (slot < 0 || pt.kind(slot, 0) === Kind.none) return ".";
  if (pt.kind(slot, 0) === Kind.softleaf) return isGuard(pt.format, pt.lo(slot), pt.hi(slot)) ? "g" : "?";
  const attrs = pt.attrs(slot);
  return attrs & A.special ? "z" : attrs & A.cont ? "c" : "p";
}

/** Shapes of `[start, end)` run by run: `16c 48p`. */
export function shapes(mm: Mm, start: number, end: number): string {
  const out: string[] = [];
  for (let vpn = start, n = 1; vpn < end; vpn += n, n = 1) {
    while (vpn + n < end && shape(mm, vpn + n) === shape(mm, vpn)) n++;
    out.push(`${n}${shape(mm, vpn)}`);
  }
  return out.join(" ");
}

/** What an action adds to the counts named. */
export function counted(mm: Mm, events: readonly EventName[], act: () => void): number[] {
  const before = mm.kernel.tally.slice();
  act();
  const diff = counts(mm.kernel.tally, before);
  return events.map((name) => diff[name]);
}
