/**
 * The cores that traces are run on: the generic one on every format, and real cores on the formats that Linux uses there.
 */
import { oneOf } from "../../base/errors.ts";
import { costsOf, specOf } from "../../mmu/cores/core.ts";
import { coreNamed, cores } from "../../mmu/cores/cores.ts";
import { type CostTable, defaultCosts } from "../../mmu/cost.ts";
import { genericCore } from "../../mmu/generic.ts";
import type { MmuSpec } from "../../mmu/simulate.ts";
import type { MappedSlice } from "./mapped.ts";

/** The core that is no product, the same for all formats. */
export const GENERIC = "generic";
/** Formats of the generic core's rows. */
const GENERIC_FORMATS = ["x86-64", "arm64-4k", "arm64-16k", "arm64-64k", "riscv-sv48"] as const;

/** Formats of a real core by its machine, the usual one first; Apple's has 16K pages in Linux too, and the U74 has Sv39 alone. */
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  x86_64: ["x86-64"],
  aarch64: ["arm64-4k", "arm64-64k"],
  riscv64: ["riscv-sv39"],
};
const OWN_FORMATS: Readonly<Record<string, readonly string[]>> = { "apple-m1": ["arm64-16k"] };

/** Names of the real cores. */
export const REAL_CORES: readonly string[] = cores.map((core) => core.name);

/** The formats of a core's rows. */
export function formatsOf(name: string): readonly string[] {
  if (name === GENERIC) return GENERIC_FORMATS;
  const core = coreNamed(name);
  return OWN_FORMATS[name] ?? FORMATS[oneOf("machine", core.machines[0]!, Object.keys(FORMATS))]!;
}

/** What its counts cost. */
export function costsNamed(name: string): CostTable {
  return name === GENERIC ? defaultCosts : costsOf(coreNamed(name));
}

/** What may be chosen of the generic core. */
export interface GenericChoice {
  readonly tlb: string;
  readonly walkCache: boolean;
}

/** The hardware of a core for tables that a kernel has made, without caches. */
export function plainCore(name: string, { mm }: MappedSlice, { tlb, walkCache }: GenericChoice): MmuSpec {
  const { format, accessDirty } = mm.kernel;
  if (name !== GENERIC) return specOf(coreNamed(name), format, { accessDirty, caches: false });
  return genericCore(format, { tlbEntries: Number(tlb), walkCache, contiguous: true, accessDirty });
}

/** The hardware of a real core with its caches, in which the program's data has its share, natively or under a hypervisor. */
export function coreWithCaches(name: string, { mm }: MappedSlice, nested = false): MmuSpec {
  const { format, accessDirty } = mm.kernel;
  return specOf(coreNamed(name), format, { accessDirty, dataCompetes: true, nested });
}
