/**
 * The WebAssembly engine from the host's side: hands it a core and a tree, feeds it accesses in chunks, decodes the tables that its
 * walks come to, and puts accessed and dirty into the real ones.
 *
 * A table is decoded when a walk first comes to it, and again after a flush of its pages: as on hardware, whoever changes an entry
 * that is present must flush. Entries that were not present may appear at any time between runs.
 */
import { type Format, levelsOf, spanLg2 } from "../../arch/format.ts";
import { broken, UserError } from "../../base/errors.ts";
import { type AccessWords, accessCount, LINE_LG2 } from "../access-words.ts";
import { checkShape } from "../key-sets.ts";
import type { MmuCounts, MmuSpec } from "../simulate.ts";
import type { TlbArraySpec } from "../tlb.ts";
import type { Tree } from "../translate.ts";
import { decodeSlot, decodeTable, noteLeaf } from "./decode.ts";
import type { TranslationEngine } from "./engine.ts";
import { ENGINE_WASM } from "./wasm-bytes.ts";

/** Behind every page; an end may be infinite. */
const PAGES_END = 2 ** 53;

/** Accesses handed over at a time: words, frames and notes of a chunk stay in the second cache level of a core. */
export const CHUNK = 16384;

/** What the module exports; see `assembly/index.ts` and `assembly/stacks.ts`. */
export interface EngineExports {
  readonly memory: WebAssembly.Memory;
  initTlb(levels: number, pageShift: number): number;
  addArray(sets: number, ways: number): number;
  addPlace(cls: number, level: number, array: number, lg2: number): number;
  initTree(
    levels: number,
    root: number,
    slotsLg2: number,
    entryBytes: number,
    pageShift: number,
    hardware: boolean,
  ): void;
  initLevel(level: number, spanLg2: number, indexLg2: number, contLg2: number): void;
  addWalkCache(level: number, sets: number, ways: number): number;
  initChunks(n: number): number;
  reserveTables(n: number): number;
  run(n: number, frames: boolean): void;
  runListing(n: number, dirtyToo: boolean): number;
  takeNotes(): number;
  failed(): number;
  flush(start: number, end: number): void;
  reset(): void;
  hitsAt(level: number): number;
  walkCount(): number;
  dirtyWalkCount(): number;
  faultCount(): number;
  readsAt(level: number): number;
  linesAt(level: number): number;
  initStacks(n: number, ways: number, counters: number): number;
  addStack(sets: number, shift: number, step: number): number;
  sweepNested(n: number): void;
  sweepJointly(n: number): void;
}

let compiled: WebAssembly.Module | null = null;

/** The module, compiled once. Throws where the host has no WebAssembly, or none with vectors. */
function engineModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(ENGINE_WASM), (c) => c.charCodeAt(0)));
  return compiled;
}

/** What the module asks of its host. */
export interface EngineHost {
  decode(table: number, level: number, to: number): void;
  again(table: number, index: number, level: number, to: number): boolean;
}

/** An instance with a memory of its own. */
export function newInstance(walk: EngineHost): EngineExports {
  return new WebAssembly.Instance(engineModule(), { walk: { ...walk } }).exports as unknown as EngineExports;
}

/** Whether the module can be compiled here. */
export function wasmWorks(): boolean {
  try {
    engineModule();
    return true;
  } catch {
    return false;
  }
}

/** One core on one tree, in a memory of its own. */
export class WasmEngine implements TranslationEngine {
  readonly kind = "wasm";
  readonly #tree: Tree;
  readonly #x: EngineExports;
  readonly #tlbLevels: number;
  readonly #input: number;
  /** Views of the engine's memory, made anew when it has grown. */
  #words = new Int32Array(0);
  #frames = new Float64Array(0);
  #accesses = 0;
  #decoded = 0;

  /** Throws `UserError` for a shape that cannot be built. The spec must be one that `whyNotFast` has nothing against. */
  constructor(tree: Tree, spec: MmuSpec) {
    this.#tree = tree;
    this.#tlbLevels = spec.tlb.length;
    this.#x = newInstance({ decode: this.#decode, again: this.#again });
    initTlb(this.#x, tree.format, spec);
    initTree(this.#x, tree, spec);
    this.#input = given(this.#x.initChunks(CHUNK));
    this.#view();
  }

  run(words: AccessWords, out?: Float64Array): void {
    const frames = (this.#input >>> 3) + CHUNK;
    this.#feed(words, (n, from) => {
      this.#x.run(n, out !== undefined);
      this.#view();
      out?.set(this.#frames.subarray(frames, frames + n), from);
    });
  }

  /** Runs accesses like `run` and gives those that walked, in order; those whose walk only set dirty if asked for. */
  walked(words: AccessWords, dirtyToo: boolean): AccessWords {
    const kept: Int32Array[] = [];
    this.#feed(words, (n) => {
      const count = this.#x.runListing(n, dirtyToo);
      this.#view();
      const at = (this.#input >>> 2) + 2 * CHUNK;
      kept.push(this.#words.slice(at, at + 2 * count));
    });
    const all = new Uint32Array(kept.reduce((sum, { length }) => sum + length, 0));
    let to = 0;
    for (const part of kept) {
      all.set(part, to);
      to += part.length;
    }
    return all;
  }

  flush(start: number, end: number): void {
    this.#x.flush(start, Math.min(end, PAGES_END));
  }

  counts(): MmuCounts {
    const x = this.#x;
    const levels = Array.from({ length: levelsOf(this.#tree.format) }, (_, level) => level);
    const walks = x.walkCount();
    const tlbHits = Array.from({ length: this.#tlbLevels }, (_, l) => x.hitsAt(l));
    const behind = tlbHits.reduce((sum, n) => sum + n, walks);
    if (this.#tlbLevels > 0) tlbHits[0] = this.#accesses - behind;
    return {
      accesses: this.#accesses,
      tlbHits,
      walks,
      dirtyWalks: x.dirtyWalkCount(),
      faults: x.faultCount(),
      reads: levels.map((level) => x.readsAt(level)),
      lines: levels.map((level) => x.linesAt(level)),
    };
  }

  reset(): void {
    this.#accesses = 0;
    this.#x.reset();
  }

  /** Tables decoded so far, a table as often as it was. */
  get decoded(): number {
    return this.#decoded;
  }

  /** Hands a stream over, chunk by chunk. */
  #feed(words: AccessWords, act: (n: number, from: number) => void): void {
    const { tables } = this.#tree;
    given(this.#x.reserveTables(tables.lo.length << (tables.chunkLg2 - tables.slotsLg2)));
    const n = accessCount(words);
    for (let from = 0; from < n; from += CHUNK) {
      const length = Math.min(CHUNK, n - from);
      this.#view();
      this.#words.set(words.subarray(2 * from, 2 * (from + length)), this.#input >>> 2);
      act(length, from);
      this.#drain();
      if (this.#x.failed() !== 0) this.#fail();
    }
    this.#accesses += n;
  }

  #view(): void {
    const { buffer } = this.#x.memory;
    if (this.#words.buffer === buffer) return;
    this.#words = new Int32Array(buffer);
    this.#frames = new Float64Array(buffer);
  }

  #decode = (table: number, level: number, to: number): void => {
    this.#view();
    this.#decoded++;
    decodeTable(this.#tree, table, level, this.#words, to >>> 2);
  };

  #again = (table: number, index: number, level: number, to: number): boolean => {
    this.#view();
    this.#drain();
    const at = to >>> 2;
    const [lo, hi] = [this.#words[at], this.#words[at + 1]];
    decodeSlot(this.#tree, table, index, level, this.#words, at);
    return this.#words[at] !== lo || this.#words[at + 1] !== hi;
  };

  /** Accessed and dirty go into the real tables, in the order in which they came. */
  #drain(): void {
    const at = (this.#input >>> 2) + 4 * CHUNK;
    const end = at + 2 * this.#x.takeNotes();
    for (let i = at; i < end; i += 2) {
      const level = this.#words[i + 1]!;
      noteLeaf(this.#tree, this.#words[i]!, level & 255, level > 255);
    }
  }

  #fail(): never {
    if (this.#x.failed() === 2) given(0);
    broken("a walk cache leads below the entry that a walk ended at: a flush is missing");
  }
}

/** Memory that the engine was able to take. */
export function given(address: number): number {
  if (address === 0) throw new UserError("out of memory: the fast engine's tables and arrays end at 4G");
  return address;
}

/** From a word to its page: two bits of kind, then the line. */
export function pageShift(format: Pick<Format, "pageLg2">): number {
  return 2 + format.pageLg2 - LINE_LG2;
}

const DATA = 0;
const FETCH = 1;

function initTlb(x: EngineExports, format: Format, { tlb }: MmuSpec): void {
  given(x.initTlb(tlb.length, pageShift(format)));
  for (const [level, arrays] of tlb.entries()) {
    const places = arrays.flatMap((array) => {
      checkShape(array.name, array);
      const at = given(x.addArray(array.sets, array.ways));
      return array.holds.map((lg2) => ({ array, at, lg2 }));
    });
    for (const { array, at, lg2 } of places.sort((a, b) => a.lg2 - b.lg2))
      for (const cls of classesOf(array)) given(x.addPlace(cls, level, at, lg2));
  }
}

function classesOf({ for: uses = "both" }: TlbArraySpec): number[] {
  return uses === "both" ? [DATA, FETCH] : [uses === "data" ? DATA : FETCH];
}

function initTree(x: EngineExports, tree: Tree, { walkCache, accessDirty }: MmuSpec): void {
  const { format: f, tables, root } = tree;
  x.initTree(levelsOf(f), root, tables.slotsLg2, f.entryBytes, pageShift(f), accessDirty === "hardware");
  for (const [level, lg2] of f.indexLg2.entries()) {
    x.initLevel(level, spanLg2(f, level), lg2, f.contLg2[level]!);
    const shape = walkCache[level];
    if (level === 0 || !shape) continue;
    if ("sharedWith" in shape) throw new UserError("the fast engine has no walk caches that levels share");
    checkShape(`the walk cache of level ${level}`, shape);
    given(x.addWalkCache(level, shape.sets, shape.ways));
  }
}
