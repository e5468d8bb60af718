/**
 * A real core as data: every number with its source. "assumed" in a source says that nobody has published the number, and why this
 * one was taken.
 *
 * Sizes of pages are in bytes, so that one description serves all formats of the core's architecture: an array holds those sizes that
 * are multiples of the format's base page.
 */
import type { AccessDirty, Format } from "../../arch/format.ts";
import { oneOf, UserError } from "../../base/errors.ts";
import { cacheBytes } from "../caches.ts";
import type { CostTable, Weight } from "../cost.ts";
import type { CacheShape } from "../key-sets.ts";
import type { Policy } from "../replacement.ts";
import type { MmuSpec } from "../simulate.ts";
import type { TlbArraySpec } from "../tlb.ts";

/** A number and where it comes from: a manual, a vendor's guide, a paper, a measurement, or "assumed" and why. */
export interface Sourced {
  readonly value: number;
  readonly source: string;
}

/** Gives numbers one source: `const manual = sourced("SDM 4.10"); manual(12)`. */
export const sourced =
  (source: string) =>
  (value: number): Sourced => ({ value, source });

/** A number that nobody has published, and why this one was taken. */
export const assumed = (value: number, why: string): Sourced => ({ value, source: `assumed; ${why}` });

/** One array of a TLB. */
export interface CoreArray {
  readonly name: string;
  readonly entries: Sourced;
  /** As many as entries is fully associative. */
  readonly ways: Sourced;
  /** Sizes of pages and blocks in bytes. */
  readonly holds: readonly number[];
  readonly for?: "data" | "fetch" | "both";
  readonly policy?: Policy;
  /** Pages that one entry can stand for where neighbours are contiguous. */
  readonly coalesces?: Sourced;
}

/** An array of a walk cache. */
export interface CoreWalkCache {
  readonly entries: Sourced;
  readonly ways: Sourced;
}

/** A level whose entries lie in the array of a lower one. */
export interface CoreSharedCache {
  readonly sharedWith: number;
}

/** A data cache. */
export interface CoreCache {
  readonly name: string;
  readonly bytes: Sourced;
  readonly ways: Sourced;
  readonly line: Sourced;
  /** Cycles from load to use. */
  readonly latency: Sourced;
}

/** One core. */
export interface Core {
  readonly name: string;
  readonly title: string;
  /** Machines (`uname -m`) whose formats it can walk. */
  readonly machines: readonly string[];
  /** GHz. */
  readonly clock: Sourced;
  readonly asidBits: Sourced;
  readonly tlb: readonly (readonly CoreArray[])[];
  /** Cycles that a hit in each TLB level takes beyond a hit in the first. */
  readonly tlbLatency: readonly Sourced[];
  /** By level of the table entry that is kept: 1 is what the PDE cache of x86 keeps. Null where there is none. */
  readonly walkCache: readonly (CoreWalkCache | CoreSharedCache | null)[];
  readonly caches: readonly CoreCache[];
  /** Index of the first cache that the walker reads through. */
  readonly walkerFrom: Sourced;
  /** Nanoseconds of a load from memory. */
  readonly memory: Sourced;
  /** Remarks on what the model leaves out of this core. */
  readonly notes: string;
}

/** What a core is told besides the format. */
export interface CoreChoices {
  /** The format's own where left out. */
  readonly accessDirty?: AccessDirty;
  /** Model the caches, so that costs are exact sums; true where left out. */
  readonly caches?: boolean;
  /** Let the program's data compete for them; false where left out. */
  readonly dataCompetes?: boolean;
  /**
   * As under a hypervisor; false where left out. The host's table entries are kept in walk caches of the same shapes, and there is no
   * nested TLB: vendors say little of either.
   */
  readonly nested?: boolean;
}

/** The hardware of a core on a format. Throws {@link UserError} where the core cannot walk it, or a number makes no array. */
export function specOf(core: Core, format: Format, choices: CoreChoices = {}): MmuSpec {
  if (!core.machines.includes(format.machine))
    throw new UserError(`${core.name} does not walk ${format.name}: it is for ${core.machines.join(", ")}`);
  const { accessDirty = format.accessDirty, caches = true, dataCompetes = false, nested = false } = choices;
  const arrays = (level: readonly CoreArray[]) =>
    level.map((a) => arrayOf(a, format)).filter((a) => a.holds.length > 0);
  const walkCache = core.walkCache.map(
    (cache) => cache && ("sharedWith" in cache ? cache : shapeOf(cache.entries, cache.ways)),
  );
  return {
    tlb: core.tlb.map(arrays),
    walkCache,
    accessDirty,
    // x86 has PCIDs in 64-bit mode alone (CR4.PCIDE, SDM volume 3A section 4.10.1).
    asidBits: format.machine === "i686" ? 0 : core.asidBits.value,
    ...(caches && { caches: { levels: cachesOf(core), walkerFrom: core.walkerFrom.value, dataCompetes } }),
    ...(nested && { nested: { walkCache, tlb: [], accessDirty } }),
  };
}

function arrayOf({ name, entries, ways, holds, policy, coalesces, ...rest }: CoreArray, format: Format): TlbArraySpec {
  const lg2 = holds.map((bytes) => Math.log2(bytes) - format.pageLg2).filter((size) => size >= 0);
  const run = coalesces && { coalesce: Math.log2(coalesces.value) };
  return { name, ...rest, ...shapeOf(entries, ways), ...(policy && { policy }), holds: lg2, ...run };
}

function shapeOf(entries: Sourced, ways: Sourced): CacheShape {
  return { sets: entries.value / ways.value, ways: ways.value };
}

function cachesOf({ caches }: Core) {
  return caches.map(({ name, bytes, ways, line }) => ({
    name,
    sets: bytes.value / (ways.value * line.value),
    ways: ways.value,
    line: line.value,
  }));
}

/** The core's latencies as a cost table for what it counts. */
export function costsOf(core: Core): CostTable {
  const shapes = cachesOf(core);
  const cycles = ({ value, source }: Sourced): Weight => ({ value, unit: "cycles", source });
  const caches = core.caches.map(({ name, bytes, latency }, i) => ({
    name,
    size: { value: cacheBytes(shapes[i]!), unit: "bytes" as const, source: bytes.source },
    load: cycles(latency),
  }));
  return {
    name: core.title,
    clock: { value: core.clock.value, unit: "GHz", source: core.clock.source },
    tlb: core.tlbLatency.map(cycles),
    caches,
    memory: { value: core.memory.value, unit: "ns", source: core.memory.source },
    tableShare: { value: 0.5, unit: "share", source: "assumed; used only where caches are not modelled" },
  };
}

/** Every number of a core by its path, `tlb.1.0.entries`, in the order of the record. */
export function numbersOf(core: Core): readonly (Sourced & { readonly path: string })[] {
  return walkNumbers(core, "");
}

function walkNumbers(part: unknown, path: string): (Sourced & { readonly path: string })[] {
  if (typeof part !== "object" || part === null) return [];
  if (isSourced(part)) return [{ path, ...part }];
  const below = (key: string) => (path === "" ? key : `${path}.${key}`);
  return Object.entries(part).flatMap(([key, value]) => walkNumbers(value, below(key)));
}

function isSourced(part: object): part is Sourced {
  return "value" in part && "source" in part;
}

/**
 * The core with one of its numbers replaced by each value in turn: what a sweep runs over. `path` is one of {@link numbersOf}; a
 * fully associative array stays so. Throws {@link UserError} for an unknown path.
 */
export function sweepCore(core: Core, path: string, values: readonly number[]): readonly Core[] {
  const known = numbersOf(core).map((n) => n.path);
  oneOf("number", path, known);
  const bad = values.find((value) => !Number.isFinite(value) || value < 0);
  if (bad !== undefined) throw new UserError(`bad value '${bad}' for ${path}: a number from 0 on is allowed`);
  return values.map((value) => replaced(core, path.split("."), value) as Core);
}

function replaced(part: unknown, [key, ...rest]: readonly string[], value: number): unknown {
  if (key === undefined) return { value, source: "swept" };
  const old = part as Record<string, unknown>;
  const inner = { [key]: replaced(old[key], rest, value) };
  if (Array.isArray(part)) return part.map((item, i) => (String(i) === key ? inner[key] : item));
  return { ...old, ...inner, ...stillFull(old, key, rest, value) };
}

/** Ways that equal entries go along with them. */
function stillFull(old: Record<string, unknown>, key: string, rest: readonly string[], value: number): object {
  if (key !== "entries" || rest.length > 0 || !("ways" in old)) return {};
  const [entries, ways] = [old.entries as Sourced, old.ways as Sourced];
  return entries.value === ways.value ? { ways: { value, source: "swept" } } : {};
}
