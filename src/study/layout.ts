/**
 * Ready-made address spaces for experiments: a mapping filled under one of the policies that the studies compare.
 */
import { type Format, pmdOrder } from "../arch/format.ts";
import { oneOf, UserError } from "../base/errors.ts";
import { formatSize, KiB } from "../base/size.ts";
import { access } from "../mm/fault.ts";
import { Kernel, type KernelSpec } from "../mm/kernel.ts";
import { Mm } from "../mm/mm.ts";
import { mmap } from "../mm/mmap.ts";
import { Vm } from "../mm/vma.ts";

/** How anonymous memory is allocated: the order of the folio that a write fault takes, by its name on formats with 2M leaves. */
export const POLICIES = ["4K pages", "mTHP 64K", "THP 2M"] as const;
/** Name of one of {@link POLICIES}. */
export type Policy = (typeof POLICIES)[number];

/** Where studies put their memory: aligned for every leaf size, far from everything else. Page number at 4K pages. */
export const STUDY_VPN = 0x200000000;

/** {@link STUDY_VPN}, or a quarter up the user addresses of a format that does not reach as far. */
export function studyVpn({ userVaBits, pageLg2 }: Format): number {
  return Math.min(STUDY_VPN, 2 ** (userVaBits - pageLg2 - 2));
}

/** Order of the folio that a write fault takes under each policy, by its name on a format: `4K pages`, `mTHP 64K`, `THP 2M`. */
export function policyOrders(format: Format): ReadonlyMap<string, number> {
  const size = (order: number) => formatSize(2 ** (format.pageLg2 + order));
  const middle = format.contLg2[0]! || MTHP_ORDER;
  const huge = pmdOrder(format);
  return new Map([
    [`${size(0)} pages`, 0],
    [`mTHP ${size(middle)}`, middle],
    [`THP ${size(huge)}`, huge],
  ]);
}

/** Where no contiguous block says how large a folio between the two should be: 64K of 4K pages, as elsewhere. */
const MTHP_ORDER = 4;

/** The policies without sizes, smallest first, for what goes over several formats. */
export const SIZELESS_POLICIES = ["base pages", "mTHP", "THP"] as const;

/** Orders of anonymous folios on a format, 0 first; order 1 has no knob. Their policies are `order 0`, `order 2` and so on. */
export function folioOrders(format: Format): number[] {
  return Array.from({ length: pmdOrder(format) + 1 }, (_, order) => order).filter((order) => order !== 1);
}

/**
 * A machine with the THP knobs set for a policy: one of {@link policyOrders}, of {@link SIZELESS_POLICIES}, or `order N` with
 * one of {@link folioOrders}. Any other name is a UserError.
 */
export function kernelFor(policy: string, spec: KernelSpec): Kernel {
  const kernel = new Kernel(spec);
  const { format } = kernel;
  const named = policyOrders(format);
  const orders = new Map([
    ...named,
    ...[...named.values()].map((order, i) => [SIZELESS_POLICIES[i]!, order] as const),
    ...folioOrders(format).map((order) => [`order ${order}`, order] as const),
  ]);
  const order = orders.get(oneOf("policy", policy, [...orders.keys()]))!;
  if (order > 0) kernel.thp.set(`hugepages-${2 ** (format.pageLg2 + order) / KiB}kB/enabled`, "always");
  return kernel;
}

/**
 * A process with one private mapping of so many pages at {@link studyVpn}, every page written once in ascending order. More than the
 * format's addresses or the machine's memory have room for is a UserError.
 */
export function filledMm(kernel: Kernel, pages: number): Mm {
  const mm = new Mm(kernel);
  const start = studyVpn(kernel.format);
  const err = mmap(mm, { start, pages, flags: Vm.read | Vm.write });
  if (err !== null) throw new UserError(`no mapping of ${pages} pages on ${kernel.format.name}: ${err}`);
  for (let vpn = start; vpn < start + pages; vpn++) access(mm, vpn, true);
  return mm;
}
