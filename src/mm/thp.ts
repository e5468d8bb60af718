/**
 * Which folio sizes an anonymous fault may use: the state of the knobs under /sys/kernel/mm/transparent_hugepage and the
 * rule that reads it. The files themselves are in `thp-sysfs.ts`.
 *
 * Source: thp_vma_allowable_orders and thp_vma_suitable_orders of include/linux/huge_mm.h and mm/huge_memory.c, Linux 6.18.
 */
import { type Format, pmdOrder } from "../arch/format.ts";
import type { Errno } from "./errno.ts";
import type { Profile } from "./profile.ts";
import { ThpSysfs } from "./thp-sysfs.ts";
import { Vm, type Vma } from "./vma.ts";

/** Values of `enabled`. */
export const TOP = ["always", "madvise", "never"] as const;
/** Values of `hugepages-*kB/enabled`. */
export const ANON = ["always", "inherit", "madvise", "never"] as const;
/** Values of `shmem_enabled`. */
export const SHMEM_TOP = ["always", "within_size", "advise", "never", "deny", "force"] as const;
/** Values of `hugepages-*kB/shmem_enabled`. */
export const SHMEM = ["always", "inherit", "within_size", "advise", "never"] as const;

/** The smallest order of a large anonymous folio; there is no knob for order 1. */
export const MIN_ANON_ORDER = 2;

/**
 * The knobs, all written through {@link ThpKnobs.set} alone. Defaults: `enabled` madvise, `shmem_enabled` never, the PMD size inherits, all others never (Debian's kernels).
 */
export class ThpKnobs {
  enabled: (typeof TOP)[number] = "madvise";
  useZeroPage = true;
  shmemEnabled: (typeof SHMEM_TOP)[number] = "never";
  /** By order. */
  readonly anonOrders = new Map<number, (typeof ANON)[number]>();
  /** By order; what is not here is never. */
  readonly shmemOrders = new Map<number, (typeof SHMEM)[number]>();
  readonly #format: Format;
  readonly #profile: Profile;
  #sysfs: ThpSysfs | undefined;
  /** What {@link allowed} answers for a VMA with MADV_HUGEPAGE and for one without, or -1: every fault asks, knobs change seldom. */
  #advised = -1;
  #unadvised = -1;

  constructor(format: Format, profile: Profile) {
    this.#format = format;
    this.#profile = profile;
    for (let order = MIN_ANON_ORDER; order <= pmdOrder(format); order++) this.anonOrders.set(order, "never");
    this.anonOrders.set(pmdOrder(format), "inherit");
    this.shmemOrders.set(pmdOrder(format), "inherit");
  }

  /** Writes a knob as a file below transparent_hugepage/; null on success. */
  set(path: string, value: string): Errno | null {
    this.#advised = this.#unadvised = -1;
    this.#sysfs ??= new ThpSysfs(this, this.#format, this.#profile);
    return this.#sysfs.write(path, value);
  }

  /** Orders that the knobs allow for a VMA, as a bit mask. */
  allowed(flags: number): number {
    if (flags & Vm.nohugepage) return 0;
    if (this.#advised < 0) {
      this.#advised = this.#maskFor(true);
      this.#unadvised = this.#maskFor(false);
    }
    return flags & Vm.hugepage ? this.#advised : this.#unadvised;
  }

  #maskFor(advised: boolean): number {
    let mask = 0;
    for (const [order, knob] of this.anonOrders) if (this.#allows(knob, advised)) mask |= 1 << order;
    return mask;
  }

  #allows(knob: (typeof ANON)[number], advised: boolean): boolean {
    if (knob === "inherit") return this.enabled === "always" || (advised && this.enabled === "madvise");
    return knob === "always" || (knob === "madvise" && advised);
  }
}

/** Orders of the mask whose aligned block around the page lies inside the VMA, and for a file is aligned in it as well. */
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
