/**
 * Translation at speed behind one small interface: the WebAssembly engine where it is exact, the reference model everywhere else.
 * Both give the same counts and frames and leave the same tables, so that which of them ran decides nothing but time.
 */
import { UserError } from "../../base/errors.ts";
import type { AccessWords } from "../access-words.ts";
import { Mmu, type MmuCounts, type MmuSpec } from "../simulate.ts";
import type { Tree } from "../translate.ts";
import { WasmEngine, wasmWorks } from "./wasm-engine.ts";

/** One core on one tree. What its TLBs and walk caches hold lasts from run to run. */
export interface TranslationEngine {
  readonly kind: "wasm" | "reference";
  /** Makes each access in turn; `out`, if given, receives the frame that each reached, -1 for a fault. */
  run(words: AccessWords, out?: Float64Array): void;
  /** Invalidates the translations of `[start, end)` in pages, and all walk caches. Due after a change of entries that are present. */
  flush(start: number, end: number): void;
  /** What was counted since the last {@link reset}. */
  counts(): MmuCounts;
  /** Starts counting at zero; what TLBs and walk caches hold stays. */
  reset(): void;
}

/** Which engine to take; "auto" is the fast one where it can be had. */
export type EngineChoice = "auto" | "wasm" | "reference";

/**
 * Fields of a core that the fast engine knows. With any other it would count something else. Tags of address spaces change nothing
 * for an engine, which stays on one tree.
 */
const KNOWN = new Set(["tlb", "walkCache", "accessDirty", "asidBits"]);
/** Fields of an array that the fast engine knows. */
const KNOWN_OF_ARRAY = new Set(["name", "sets", "ways", "holds", "for"]);
/** Fields of a walk cache that the fast engine knows. */
const KNOWN_OF_CACHE = new Set(["sets", "ways"]);
const MAX_TLB_LEVELS = 8;
const MAX_ARRAYS = 64;

/**
 * Why a core needs the reference model, in words; null where the fast engine is exact. A field that is not known here is a reason,
 * so that a model which learns something new falls back to the reference until the engine has learnt it too.
 */
export function whyNotFast(spec: MmuSpec): string | null {
  const arrays = spec.tlb.flat();
  const strange =
    strangeField(spec, KNOWN) ??
    arrays.map((array) => strangeField(array, KNOWN_OF_ARRAY)).find((name) => name !== null) ??
    spec.walkCache.map((cache) => cache && strangeField(cache, KNOWN_OF_CACHE)).find((name) => name != null);
  if (strange != null) return `the fast engine does not model '${strange}'`;
  if (spec.tlb.length > MAX_TLB_LEVELS) return `the fast engine has at most ${MAX_TLB_LEVELS} TLB levels`;
  if (arrays.length > MAX_ARRAYS) return `the fast engine has at most ${MAX_ARRAYS} TLB arrays`;
  return wasmWorks() ? null : "this host does not compile WebAssembly with vectors";
}

/** A field with a value that means something and that is not among the known ones. */
function strangeField(object: object, known: ReadonlySet<string>): string | null {
  const plain = (value: unknown) => value === undefined || value === null || value === 0 || value === "lru";
  return Object.entries(object).find(([name, value]) => !known.has(name) && !plain(value))?.[0] ?? null;
}

/**
 * An engine for a core on a tree. Throws `UserError` for a shape that cannot be built, and where the fast engine is asked for by name
 * but would not be exact.
 */
export function newEngine(tree: Tree, spec: MmuSpec, which: EngineChoice = "auto"): TranslationEngine {
  const why = which === "reference" ? null : whyNotFast(spec);
  if (which === "wasm" && why !== null) throw new UserError(`no fast engine for this core: ${why}`);
  return which === "reference" || why !== null ? new ReferenceEngine(tree, spec) : new WasmEngine(tree, spec);
}

/** The reference model as an engine. */
class ReferenceEngine extends Mmu implements TranslationEngine {
  readonly kind = "reference";
}
