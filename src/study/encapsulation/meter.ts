/**
 * Counts what the accesses to entries cost in a program, and nothing else: not the hardware that uses the tables meanwhile, nor
 * the detector that looks at them.
 */
import type { Tally } from "../../base/tally.ts";
import type { PageTable } from "../../pgtable/pagetable.ts";
import type { PteAccess, Raced } from "../../pgtable/raw-access.ts";

/** The same access, which adds to `spent` what each call of it counts in the page table's tally. */
export function metered(access: PteAccess, pt: PageTable, spent: Tally): PteAccess {
  const count = <T>(act: () => T, sign: number): T => {
    const before = pt.tally.slice();
    const result = act();
    for (let i = 0; i < spent.length; i++) spent[i]! += sign * (pt.tally[i]! - before[i]!);
    return result;
  };
  const on = <T>(act: () => T): T => count(act, 1);
  // What races is done by others, in the midst of the call.
  const off =
    (raced: Raced): Raced =>
    () =>
      count(raced, -1);
  return {
    get: (p, slot) => on(() => access.get(p, slot)),
    set: (p, slot, pfn, attrs) => on(() => access.set(p, slot, pfn, attrs)),
    take: (p, slot, raced) => on(() => access.take(p, slot, off(raced))),
    wrprotect: (p, slot, raced) => on(() => access.wrprotect(p, slot, off(raced))),
    testAndClearYoung: (p, slot, raced) => on(() => access.testAndClearYoung(p, slot, off(raced))),
    allow: (p, slot, attrs) => on(() => access.allow(p, slot, attrs)),
    install: (p, slot, decide) => on(() => access.install(p, slot, decide)),
  };
}
