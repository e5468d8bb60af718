/**
 * Data caches as the walker meets them: each table read goes through them, so that lines of tables compete for room with one
 * another, and with the program's own lines where asked for.
 *
 * A line that misses is brought into every cache on its way. Not modelled: exclusive and victim caches, write-back, prefetch,
 * other cores, the order of walks and data in time.
 */
import { UserError } from "../base/errors.ts";
import { LINE_LG2 } from "./access-words.ts";
import { type CacheShape, KeySets } from "./key-sets.ts";
import { highOf, indexAt, lowOf } from "./vpn.ts";

/** One cache. */
export interface CacheSpec extends CacheShape {
  readonly name: string;
  /** Bytes in a line, 64 where left out. */
  readonly line?: number;
}

/** The caches of one core, nearest first. */
export interface CachesSpec {
  readonly levels: readonly CacheSpec[];
  /** The first cache that the walker asks, 0 where left out: some walkers read past the first level. */
  readonly walkerFrom?: number;
  /** Whether the lines that the program itself uses go through the caches too. */
  readonly dataCompetes?: boolean;
}

interface Cache {
  readonly keys: KeySets;
  /** Log two of the 64-byte lines in one of its lines. */
  readonly lg2: number;
}

/** Caches that hold 64-byte lines by their number in physical memory. */
export class Caches {
  readonly count: number;
  readonly dataCompetes: boolean;
  readonly #walkerFrom: number;
  readonly #caches: readonly Cache[];

  /** Throws {@link UserError} for a shape that cannot be built. */
  constructor({ levels, walkerFrom = 0, dataCompetes = false }: CachesSpec) {
    this.count = levels.length;
    this.dataCompetes = dataCompetes;
    if (!Number.isInteger(walkerFrom) || walkerFrom < 0 || walkerFrom > levels.length)
      throw new UserError(`bad walkerFrom '${walkerFrom}': 0 to ${levels.length} is allowed, the number of caches`);
    this.#walkerFrom = walkerFrom;
    this.#caches = levels.map(newCache);
  }

  /** The walker reads a line. Returns the cache that had it; `count` is memory. */
  walkerReads(line: number): number {
    return this.#read(line, this.#walkerFrom);
  }

  /** The program uses a line. */
  programUses(line: number): number {
    return this.#read(line, 0);
  }

  #read(line: number, from: number): number {
    const low = lowOf(line);
    const high = highOf(line, low);
    for (let c = from; c < this.count; c++) {
      const { keys, lg2 } = this.#caches[c]!;
      const set = indexAt(low, high, lg2);
      const a = (low >>> lg2) << lg2;
      if (keys.use(set, a, high, 0) >= 0) return c;
      keys.replace(set, a, high, 0);
    }
    return this.count;
  }
}

function newCache(spec: CacheSpec): Cache {
  const { name, line = 2 ** LINE_LG2 } = spec;
  const lg2 = Math.log2(line) - LINE_LG2;
  if (!Number.isInteger(lg2) || lg2 < 0 || lg2 > 6)
    throw new UserError(`bad line '${line}' of ${name}: a power of two from 64 to 4096 bytes is allowed`);
  return { keys: new KeySets(name, spec), lg2 };
}

/** Bytes that a cache holds. */
export function cacheBytes({ sets, ways, line = 2 ** LINE_LG2 }: CacheSpec): number {
  return sets * ways * line;
}
