/**
 * The invalidations that software can ask for, as data: what each takes from the TLBs and from the walk caches, at the least.
 * Hardware is always free to invalidate more, and some does; what must go is what software may rely on.
 *
 * Not modelled: kinds for two-stage translation (INVEPT, TLBI IPAS2E1, HFENCE), MOV to CR4, broadcasts to other cores.
 * Source: Intel SDM volume 3A section 4.10.4.1; Arm ARM (DDI 0487) chapter D8, "TLB maintenance", and the TLBI instructions in
 * C5.5; RISC-V privileged architecture 1.12, section 4.2.1, "Supervisor Memory-Management Fence Instruction".
 */
import { oneOf, UserError } from "../base/errors.ts";
import { EVERYTHING, type Extent } from "./extent.ts";

/** What an invalidation may be told. */
export type Operand = "page" | "range" | "asid";

/** What goes. `told` is what the instruction was told; `current` is the address space in use. */
export interface FlushScope {
  readonly pages: "told" | "all";
  readonly asid: "told" | "current" | "all";
  /** Entries that every address space may use go as well; walk caches hold none. */
  readonly global: boolean;
}

/** One kind of invalidation. */
export interface FlushKind {
  readonly name: string;
  readonly arch: "x86" | "arm64" | "riscv";
  readonly takes: readonly Operand[];
  /** Of TLB entries; null for none. */
  readonly entries: FlushScope | null;
  /** Of the table entries in walk caches; null spares them. */
  readonly walkCaches: FlushScope | null;
  readonly source: string;
}

/** Operands of one invalidation: `page` alone, or `start` and `end`, in pages. */
export interface Told {
  readonly page?: number;
  readonly start?: number;
  readonly end?: number;
  readonly asid?: number;
}

const SDM = "Intel SDM volume 3A section 4.10.4.1";
const ARM = "Arm ARM (DDI 0487) section C5.5";
const RISCV = "RISC-V privileged architecture 1.12, section 4.2.1, SFENCE.VMA";

const ALL: FlushScope = { pages: "all", asid: "all", global: true };
const ALL_BUT_GLOBAL: FlushScope = { ...ALL, global: false };
const OF_ASID: FlushScope = { pages: "all", asid: "told", global: false };
const OF_CURRENT: FlushScope = { pages: "all", asid: "current", global: false };
const PAGES: FlushScope = { pages: "told", asid: "all", global: true };
const PAGES_OF_ASID: FlushScope = { pages: "told", asid: "told", global: false };
const PAGES_OF_ASID_AND_GLOBAL: FlushScope = { ...PAGES_OF_ASID, global: true };
const PAGES_OF_CURRENT_AND_GLOBAL: FlushScope = { pages: "told", asid: "current", global: true };

type Row = Omit<FlushKind, "arch" | "source">;

/** Entries under a page number, and walk caches whole: what is in them is not told apart by address. */
const X86: readonly Row[] = [
  { name: "INVLPG", takes: ["page"], entries: PAGES_OF_CURRENT_AND_GLOBAL, walkCaches: OF_CURRENT },
  { name: "INVPCID 0", takes: ["page", "asid"], entries: PAGES_OF_ASID, walkCaches: PAGES_OF_ASID },
  { name: "INVPCID 1", takes: ["asid"], entries: OF_ASID, walkCaches: OF_ASID },
  { name: "INVPCID 2", takes: [], entries: ALL, walkCaches: ALL },
  { name: "INVPCID 3", takes: [], entries: ALL_BUT_GLOBAL, walkCaches: ALL },
  // Without PCIDs all is under number 0, and "the PCID that is loaded" is the same as "the current one".
  { name: "MOV to CR3", takes: ["asid"], entries: OF_ASID, walkCaches: OF_ASID },
  { name: "MOV to CR3, bit 63", takes: ["asid"], entries: null, walkCaches: null },
  // A global entry goes too: the text promises that a fault which came from a stale entry does not come again.
  {
    name: "page fault",
    takes: ["page"],
    entries: PAGES_OF_CURRENT_AND_GLOBAL,
    walkCaches: { ...PAGES, asid: "current" },
  },
];

/** "L" in a name is "last level": table entries may stay. "AA" is all ASIDs, and R in front a range. */
const ARM64: readonly Row[] = [
  { name: "TLBI VAE1", takes: ["page", "asid"], entries: PAGES_OF_ASID_AND_GLOBAL, walkCaches: PAGES_OF_ASID },
  { name: "TLBI VALE1", takes: ["page", "asid"], entries: PAGES_OF_ASID_AND_GLOBAL, walkCaches: null },
  { name: "TLBI VAAE1", takes: ["page"], entries: PAGES, walkCaches: PAGES },
  { name: "TLBI VAALE1", takes: ["page"], entries: PAGES, walkCaches: null },
  { name: "TLBI ASIDE1", takes: ["asid"], entries: OF_ASID, walkCaches: OF_ASID },
  { name: "TLBI VMALLE1", takes: [], entries: ALL, walkCaches: ALL },
  { name: "TLBI RVAE1", takes: ["range", "asid"], entries: PAGES_OF_ASID_AND_GLOBAL, walkCaches: PAGES_OF_ASID },
  { name: "TLBI RVALE1", takes: ["range", "asid"], entries: PAGES_OF_ASID_AND_GLOBAL, walkCaches: null },
];

/** With an address only leaf entries are ordered, and with an ASID global mappings are not. */
const RISCV64: readonly Row[] = [
  { name: "SFENCE.VMA", takes: [], entries: ALL, walkCaches: ALL },
  { name: "SFENCE.VMA asid", takes: ["asid"], entries: OF_ASID, walkCaches: OF_ASID },
  { name: "SFENCE.VMA va", takes: ["page"], entries: PAGES, walkCaches: null },
  { name: "SFENCE.VMA va, asid", takes: ["page", "asid"], entries: PAGES_OF_ASID, walkCaches: null },
];

/** Every kind, by architecture. */
export const flushKinds: readonly FlushKind[] = [
  ...X86.map((row) => ({ ...row, arch: "x86" as const, source: SDM })),
  ...ARM64.map((row) => ({ ...row, arch: "arm64" as const, source: ARM })),
  ...RISCV64.map((row) => ({ ...row, arch: "riscv" as const, source: RISCV })),
];

/** A kind by its name, as listed in {@link flushKinds}; throws {@link UserError} for any other name. */
export function flushNamed(name: string): FlushKind {
  const names = flushKinds.map((kind) => kind.name);
  return flushKinds[names.indexOf(oneOf("invalidation", name, names))]!;
}

/**
 * What goes when a fault has been mended, by machine: x86 does it by itself; elsewhere it is Linux's flush_tlb_page of the page
 * (arm64 and s390, where permission was added) or its local sfence.vma (riscv, against spurious faults).
 */
export function afterFault(machine: string): FlushKind {
  if (machine === "x86_64" || machine === "i686") return flushNamed("page fault");
  return flushNamed(machine === "riscv64" ? "SFENCE.VMA va" : "TLBI VALE1");
}

/** What one invalidation reaches, `current` being the address space in use. Throws {@link UserError} for a missing operand. */
export function extentsOf(
  kind: FlushKind,
  told: Told,
  current: number,
): { entries: Extent | null; walkCaches: Extent | null } {
  const needs = kind.takes.find((operand) => !isTold(operand, told));
  if (needs !== undefined) throw new UserError(`${kind.name} needs ${NEEDS[needs]}`);
  const [start, end] = kind.takes.includes("range") ? [told.start!, told.end!] : [told.page!, told.page! + 1];
  const extent = (taken: FlushScope | null) => taken && extentOf(taken, { start, end, asid: told.asid! }, current);
  return { entries: extent(kind.entries), walkCaches: extent(kind.walkCaches) };
}

const NEEDS = { page: "a page", range: "a start and an end, in pages", asid: "an ASID" };

function isTold(operand: Operand, { page, start, end, asid }: Told): boolean {
  if (operand === "range") return start !== undefined && end !== undefined;
  return (operand === "page" ? page : asid) !== undefined;
}

/** Operands that an invalidation does not take are not looked at. */
function extentOf(
  { pages, asid, global }: FlushScope,
  told: Pick<Extent, "start" | "end" | "asid">,
  current: number,
): Extent {
  const where = pages === "all" ? EVERYTHING : told;
  const whose = { told: told.asid, current, all: null }[asid];
  return { start: where.start, end: where.end, asid: whose, global, wholeLeaves: true };
}
