/**
 * Ready-made address spaces for experiments: a mapping filled under one of the policies that the studies compare.
 */
import { pmdOrder } from "../arch/format.ts";
import { invariant, oneOf } from "../base/errors.ts";
import { KiB } from "../base/size.ts";
import { access } from "../mm/fault.ts";
import { Kernel, type KernelSpec } from "../mm/kernel.ts";
import { Mm } from "../mm/mm.ts";
import { mmap } from "../mm/mmap.ts";
import { Vm } from "../mm/vma.ts";

/** How anonymous memory is allocated: the order of the folio that a write fault takes, by name. */
export const POLICIES = ["4K pages", "mTHP 64K", "THP 2M"] as const;
/** Name of one of {@link POLICIES}. */
export type Policy = (typeof POLICIES)[number];

/** Where studies put their memory: aligned for every leaf size, far from everything else. Page number at 4K pages. */
export const STUDY_VPN = 0x200000000;

/** A machine with the THP knobs set for a policy. Formats with 4K pages only, because the policies name sizes. */
export function kernelFor(policy: string, spec: KernelSpec): Kernel {
  const kernel = new Kernel(spec);
  invariant(kernel.format.pageLg2 === 12, "the policies name folio sizes of 4K pages");
  const size = { "4K pages": null, "mTHP 64K": 64 * KiB, "THP 2M": 4 * KiB * 2 ** pmdOrder(kernel.format) };
  const bytes = size[oneOf("policy", policy, POLICIES)];
  if (bytes !== null) kernel.thp.set(`hugepages-${bytes / KiB}kB/enabled`, "always");
  return kernel;
}

/** A process with one private mapping of so many pages at {@link STUDY_VPN}, every page written once in ascending order. */
export function filledMm(kernel: Kernel, pages: number): Mm {
  const mm = new Mm(kernel);
  const err = mmap(mm, { start: STUDY_VPN, pages, flags: Vm.read | Vm.write });
  invariant(err === null, `mmap of ${pages} pages: ${err}`);
  for (let vpn = STUDY_VPN; vpn < STUDY_VPN + pages; vpn++) access(mm, vpn, true);
  return mm;
}
