/**
 * Which folio sizes an anonymous fault may use: the knobs under /sys/kernel/mm/transparent_hugepage and the rule that
 * reads them.
 *
 * Source: thp_vma_allowable_orders and thp_vma_suitable_orders of include/linux/huge_mm.h and mm/huge_memory.c, Linux 6.18.
 */
import { type Format, pmdOrder } from "../arch/format.ts";
import { KiB } from "../base/size.ts";
import type { Errno } from "./errno.ts";
import { Vm, type Vma } from "./vma.ts";

const TOP = ["always", "madvise", "never"] as const;
const PER_SIZE = ["always", "inherit", "madvise", "never"] as const;

/** The smallest order of a large anonymous folio; there is no knob for order 1. */
const MIN_ORDER = 2;

/** The knobs. Defaults: `enabled` madvise, the PMD size inherits, all others never (Debian's kernels). */
export class ThpKnobs {
  enabled: (typeof TOP)[number] = "madvise";
  useZeroPage = true;
  readonly #format: Format;
  readonly #perOrder = new Map<number, (typeof PER_SIZE)[number]>();

  constructor(format: Format) {
    this.#format = format;
    for (let order = MIN_ORDER; order <= pmdOrder(format); order++) this.#perOrder.set(order, "never");
    this.#perOrder.set(pmdOrder(format), "inherit");
  }

  /** Writes a knob as a file below transparent_hugepage/; null on success. */
  set(path: string, value: string): Errno | null {
    if (path === "enabled") return this.#setTop(value);
    if (path === "use_zero_page") return this.#setZero(value);
    const size = /^hugepages-(\d+)kB\/enabled$/.exec(path);
    if (size) return this.#setOrder(Math.log2((Number(size[1]) * KiB) / 2 ** this.#format.pageLg2), value);
    return UNMODELLED.test(path) ? "ENOSYS" : "ENOENT";
  }

  /** Orders that the knobs allow for an area, as a bit mask. */
  allowed(flags: number): number {
    if (flags & Vm.nohugepage) return 0;
    let mask = 0;
    for (const [order, knob] of this.#perOrder) if (this.#allows(knob, flags)) mask |= 1 << order;
    return mask;
  }

  #allows(knob: (typeof PER_SIZE)[number], flags: number): boolean {
    const advised = (flags & Vm.hugepage) !== 0;
    if (knob === "inherit") return this.enabled === "always" || (advised && this.enabled === "madvise");
    return knob === "always" || (knob === "madvise" && advised);
  }

  #setTop(value: string): Errno | null {
    const known = TOP.find((v) => v === value);
    if (known === undefined) return "EINVAL";
    this.enabled = known;
    return null;
  }

  #setZero(value: string): Errno | null {
    if (value !== "0" && value !== "1") return "EINVAL";
    this.useZeroPage = value === "1";
    return null;
  }

  #setOrder(order: number, value: string): Errno | null {
    if (!this.#perOrder.has(order)) return "ENOENT";
    const known = PER_SIZE.find((v) => v === value);
    if (known === undefined) return "EINVAL";
    this.#perOrder.set(order, known);
    return null;
  }
}

/** Knobs that Linux has and the model does not look at. */
const UNMODELLED = /^(defrag|shmem_enabled|shrink_underused|khugepaged\/\w+|hugepages-\d+kB\/shmem_enabled)$/;

/** Orders of the mask whose aligned block around the page lies inside the area, and for a file is aligned in it as well. */
export function suitableOrders(vma: Vma, vpn: number, mask: number): number {
  let suitable = 0;
  for (let order = 0; mask >>> order; order++) {
    const start = alignDown(vpn, order);
    const aligned = vma.file === null || (vma.start - vma.pgoff) % 2 ** order === 0;
    if (mask & (1 << order) && aligned && start >= vma.start && start + 2 ** order <= vma.end) suitable |= 1 << order;
  }
  return suitable;
}

/** The page number rounded down to a multiple of `2^lg2`. Page numbers may exceed 32 bits. */
export function alignDown(vpn: number, lg2: number): number {
  return vpn - (vpn % 2 ** lg2);
}
